//! What is logged and how.

use clap::{Args, ValueEnum};

/// What is logged and how.
#[derive(Debug, Clone, Args)]
pub struct LogSettings {
    /// What to log, as a tracing filter (error, warn, info, debug, or per module)
    #[arg(long, env = "WALKIE_LOG", default_value = "info")]
    pub log: String,
    /// How to log
    #[arg(long, env = "WALKIE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Pretty,
    /// One JSON object a line
    Json,
}
