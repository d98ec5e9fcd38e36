//! Mail: over which server it leaves.

use clap::{Args, ValueEnum};

use super::FunctionName;

/// How mail leaves.
#[derive(Debug, Clone, Args)]
pub struct MailSettings {
    /// SMTP server that takes the mail; without one mail waits [dev: shown at /inbox]
    #[arg(long, env = "WALKIE_SMTP_HOST")]
    pub smtp_host: Option<String>,
    /// Port of the SMTP server
    #[arg(long, env = "WALKIE_SMTP_PORT", default_value_t = 587)]
    pub smtp_port: u16,
    /// User at the SMTP server, if it asks for one
    #[arg(long, env = "WALKIE_SMTP_USER")]
    pub smtp_user: Option<String>,
    /// Password of that user
    #[arg(long, env = "WALKIE_SMTP_PASSWORD", hide_env_values = true)]
    pub smtp_password: Option<String>,
    /// How the way to the SMTP server is encrypted
    #[arg(long, env = "WALKIE_SMTP_TLS", value_enum, default_value_t = SmtpTls::Starttls)]
    pub smtp_tls: SmtpTls,
    /// From whom mail is: an address, or a name and an address in angle brackets
    #[arg(long, env = "WALKIE_MAIL_FROM", default_value = "Walkie <noreply@localhost>")]
    pub mail_from: String,
    /// How long handing over one message may take, in seconds
    #[arg(long, env = "WALKIE_SMTP_TIMEOUT_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub smtp_timeout_seconds: u64,
    /// Function that a link in mail calls to have no more of it, as schema.name; it takes the
    /// link's token, and anon must be allowed to call it
    #[arg(long, env = "WALKIE_MAIL_UNSUBSCRIBE_FUNCTION", default_value = "public.unsubscribe", value_parser = FunctionName::read)]
    pub mail_unsubscribe_function: FunctionName,
    /// Show mail at /inbox instead of sending it: only for a server that nobody else reaches
    #[arg(long, hide = true)]
    pub inbox: bool,
}

/// How the way to the SMTP server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SmtpTls {
    /// By STARTTLS, which the server must offer (port 587)
    Starttls,
    /// From the first byte (port 465)
    Implicit,
    /// Not at all: for a server on the same machine
    None,
}

impl MailSettings {
    /// Whether mail is kept for reading instead of being sent.
    pub fn is_kept(&self) -> bool {
        self.inbox && self.smtp_host.is_none()
    }
}
