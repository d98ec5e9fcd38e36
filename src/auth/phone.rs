//! What counts as a phone number (E.164, kept without its plus), and how texts leave.

use serde_json::json;
use time::OffsetDateTime;

use super::hooks::Hook;
use super::store::User;
use super::{Auth, Error};
use crate::pg::Transaction;

/// The number as accounts are found by it.
pub(super) fn normal(number: &str) -> Result<String, Error> {
    let digits: String = number.chars().filter(|letter| *letter != ' ').collect();
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    let is_number = (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if is_number {
        Ok(digits.to_owned())
    } else {
        Err(Error::Invalid("Invalid phone number format (E.164 required)"))
    }
}

/// Whether a message can be asked for over this channel.
pub(super) fn check_channel(channel: Option<&str>) -> Result<(), Error> {
    match channel.unwrap_or_default() {
        "" | "sms" | "whatsapp" => Ok(()),
        _ => Err(Error::Invalid("Invalid channel, supported values are 'sms' or 'whatsapp'")),
    }
}

impl Auth {
    /// Whether numbers can be used: texts can be sent, or need not be.
    pub(super) fn has_phones(&self) -> bool {
        self.has_hook(Hook::SendSms) || !self.settings.letters.auth_sms_test_otp.is_empty()
    }

    /// The code that a number of nobody always has.
    pub(super) fn test_code(&self, phone: &str) -> Option<&str> {
        let letters = &self.settings.letters;
        let until = letters.auth_sms_test_otp_valid_until;
        if until.is_some_and(|until| until <= OffsetDateTime::now_utc()) {
            return None;
        }
        let found = letters.auth_sms_test_otp.iter().find(|test| test.number == phone);
        found.map(|test| test.code.as_str())
    }

    /// Sends a code to a number, by the function that the operator named; nothing to a number of
    /// nobody.
    pub(super) async fn text(
        &self,
        tx: &Transaction,
        user: &User,
        phone: &str,
        code: &str,
    ) -> Result<(), Error> {
        if self.test_code(phone).is_some() {
            return Ok(());
        }
        let payload = json!({ "user": user.document, "sms": { "otp": code, "phone": phone } });
        self.ask(tx, Hook::SendSms, &payload).await?.map(drop).ok_or(Error::PhoneDisabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_plus() {
        assert_eq!(normal("+49 151 234567").unwrap(), "49151234567");
        assert_eq!(normal("15552368").unwrap(), "15552368");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "+", "1", "0123456", "+1555x", "1234567890123456", "١٢٣٤"] {
            assert!(normal(text).is_err(), "{text}");
        }
    }
}
