//! Names of spans and fields, and the tracing set-up. No log line carries a secret or the body
//! of a message.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error; standard output belongs to what a command prints.
///
/// # Errors
/// The filter does not parse.
pub fn start(settings: &LogSettings) -> Result<(), tracing_subscriber::filter::ParseError> {
    // These libraries repeat what our own lines say with the reason and what follows.
    let quiet = "pgwire_replication=off,refinery_core=warn,tokio_postgres=warn";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start happens only where tests share a process; the first one stays.
    let _ = match settings.log_format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
