//! The Auth dialect: what is sent to people, and where links lead.

use std::path::PathBuf;

use clap::Args;

/// Codes, links and letters.
#[derive(Debug, Clone, Args)]
pub struct LetterSettings {
    /// URL of the app: where links in mail lead when nothing else is asked
    #[arg(long, env = "WALKIE_AUTH_SITE_URL", default_value = "http://127.0.0.1:3000")]
    pub auth_site_url: String,
    /// Other URLs that links may lead to, separated by commas; * stands for letters without . and
    /// /, ** for any
    #[arg(long, env = "WALKIE_AUTH_REDIRECT_URLS", value_delimiter = ',')]
    pub auth_redirect_urls: Vec<String>,
    /// Whether people need not confirm their address [default: true without an SMTP server]
    #[arg(long, env = "WALKIE_AUTH_MAILER_AUTOCONFIRM")]
    pub auth_mailer_autoconfirm: Option<bool>,
    /// How long a code or link in mail is valid, in seconds
    #[arg(long, env = "WALKIE_AUTH_MAIL_OTP_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub auth_mail_otp_seconds: u32,
    /// How long a code in a text message is valid, in seconds
    #[arg(long, env = "WALKIE_AUTH_SMS_OTP_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub auth_sms_otp_seconds: u32,
    /// Digits of a code
    #[arg(long, env = "WALKIE_AUTH_OTP_DIGITS", default_value_t = 6, value_parser = clap::value_parser!(u8).range(6..=10))]
    pub auth_otp_digits: u8,
    /// Least time between two mails of a kind to one address, in seconds [default: 60; 1 without
    /// an SMTP server]
    #[arg(long, env = "WALKIE_AUTH_MAIL_EVERY_SECONDS")]
    pub auth_mail_every_seconds: Option<u32>,
    /// Least time between two text messages of a kind to one number, in seconds
    #[arg(long, env = "WALKIE_AUTH_SMS_EVERY_SECONDS", default_value_t = 60)]
    pub auth_sms_every_seconds: u32,
    /// Whether both the old and the new address must confirm a change
    #[arg(long, env = "WALKIE_AUTH_MAILER_SECURE_EMAIL_CHANGE", default_value_t = true, action = clap::ArgAction::Set)]
    pub auth_mailer_secure_email_change: bool,
    /// Whether a new password needs a code by mail when the session is older than a day
    #[arg(long, env = "WALKIE_AUTH_PASSWORD_REAUTHENTICATION", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_password_reauthentication: bool,
    /// Whether a link in mail first shows a page with a button, since some mailboxes follow links
    #[arg(long, env = "WALKIE_AUTH_MAILER_LINK_PAGE", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_mailer_link_page: bool,
    /// Folder with templates that stand in for the built-in ones: LOCALE/NAME.txt and .html
    #[arg(long, env = "WALKIE_AUTH_MAILER_TEMPLATES")]
    pub auth_mailer_templates: Option<PathBuf>,
    /// Language of mail for people who have none that there are templates in
    #[arg(long, env = "WALKIE_AUTH_MAILER_LOCALE", default_value = "en")]
    pub auth_mailer_locale: String,
    /// Changes that people are told of by mail, separated by commas: password_changed,
    /// email_changed, phone_changed, identity_linked, identity_unlinked, mfa_factor_enrolled,
    /// mfa_factor_unenrolled
    #[arg(long, env = "WALKIE_AUTH_MAILER_NOTIFICATIONS", value_delimiter = ',')]
    pub auth_mailer_notifications: Vec<String>,
}
