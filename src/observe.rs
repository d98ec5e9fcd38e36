//! Names of spans and fields, and the tracing set-up. No log line carries a secret or the body
//! of a message.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error; standard output belongs to what a command prints.
///
/// # Errors
/// The filter does not parse.
pub fn start(settings: &LogSettings) -> Result<(), tracing_subscriber::filter::ParseError> {
    // The replication client logs each connection it loses; the feed says the same with the
    // reason and what follows.
    let filter = EnvFilter::try_new(format!("{},pgwire_replication=off", settings.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr.with_max_level(tracing::Level::TRACE))
        .with_target(false);
    // A second start happens only where tests share a process; the first one stays.
    let _ = match settings.log_format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
