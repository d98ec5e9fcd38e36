//! The Auth dialect: what is sent to people, and where links lead.

use std::path::PathBuf;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
    /// Numbers of nobody that are texted nothing and always have the same code, for those who
    /// test an app: number=code, separated by commas
    #[arg(long, env = "WALKIE_AUTH_SMS_TEST_OTP", hide_env_values = true, value_delimiter = ',', value_parser = TestCode::read)]
    pub auth_sms_test_otp: Vec<TestCode>,
    /// Until when those codes count, such as 2030-01-31T00:00:00Z [default: for ever]
    #[arg(long, env = "WALKIE_AUTH_SMS_TEST_OTP_VALID_UNTIL", value_parser = moment)]
    pub auth_sms_test_otp_valid_until: Option<OffsetDateTime>,
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

/// A number of nobody, and the code that it always has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCode {
    /// In digits alone.
    pub number: String,
    /// In digits.
    pub code: String,
}

impl TestCode {
    /// Reads `number=code`.
    ///
    /// # Errors
    /// What it should be like.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let is_number = |text: &str| (2..=15).contains(&text.len()) && is_digits(text);
        let is_code = |text: &str| (6..=10).contains(&text.len()) && is_digits(text);
        text.trim()
            .trim_start_matches('+')
            .split_once('=')
            .filter(|(number, code)| is_number(number) && is_code(code))
            .map(|(number, code)| Self { number: number.to_owned(), code: code.to_owned() })
            .ok_or("expected a number and its code of six to ten digits, such as 15552368=123456")
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn moment(text: &str) -> Result<OffsetDateTime, time::error::Parse> {
    OffsetDateTime::parse(text, &Rfc3339)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_codes_are_numbers_and_codes() {
        let read = TestCode::read("+15552368=123456").expect("it reads");
        assert_eq!((read.number.as_str(), read.code.as_str()), ("15552368", "123456"));
        for text in ["", "15552368", "15552368=12345", "1=123456", "15552368=12345x", "x=123456"] {
            assert!(TestCode::read(text).is_err(), "{text}");
        }
    }
}
