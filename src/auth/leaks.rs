//! Whether a password is known from a leak. Only the first five digits of its hash leave the
//! house; the service answers with all hashes that begin so.

use std::time::Duration;

use sha1::{Digest, Sha1};
use tokio::time::timeout;

use super::password::Weakness;
use super::{Auth, Error};

const MESSAGE: &str =
    "Password is known to be weak and easy to guess, please choose a different one.";

/// The digits of a hash that are told, and so what the service's lines leave out.
const TOLD_DIGITS: usize = 5;

/// How long a sign-in waits to tell somebody that their password is weak.
const PATIENCE: Duration = Duration::from_secs(1);

impl Auth {
    /// Whether somebody may choose this password.
    ///
    /// # Errors
    /// It is weak, or known from a leak.
    pub(super) async fn check_password(&self, password: &str) -> Result<(), Error> {
        self.passwords.check(password)?;
        match self.is_leaked(password).await {
            Ok(true) => Err(Error::WeakPassword(leaked())),
            Err(error) if self.settings.guards.auth_leaked_passwords_fail_closed => Err(error),
            Ok(false) | Err(_) => Ok(()),
        }
    }

    /// Why nobody could choose this password anew, although it was right. What a list does not
    /// say in time is no reason.
    pub(super) async fn weakness(&self, password: &str) -> Option<Weakness> {
        if let Some(weakness) = self.passwords.weakness(password) {
            return Some(weakness);
        }
        let found = timeout(PATIENCE, self.is_leaked(password)).await;
        matches!(found, Ok(Ok(true))).then(leaked)
    }

    async fn is_leaked(&self, password: &str) -> Result<bool, Error> {
        let guards = &self.settings.guards;
        let Some(url) = guards.auth_leaked_passwords_url.as_deref() else { return Ok(false) };
        let hash = hex::encode_upper(Sha1::digest(password));
        let (told, kept) = hash.split_at(TOLD_DIGITS);
        let request = http::Request::get(format!("{}/{told}", url.trim_end_matches('/')))
            .header("add-padding", "true")
            .body(Vec::new())
            .map_err(|error| Error::Broken(Box::new(error)))?;
        match self.outbound().send(request).await {
            Ok(answer) if answer.status().is_success() => Ok(lists(answer.body(), kept)),
            answer => {
                let why = answer.err();
                let error = why.as_ref().map(ToString::to_string);
                tracing::warn!(error, "leaked passwords cannot be looked up");
                Err(Error::ProviderFailed(
                    "Leaked passwords cannot be looked up",
                    why.map(Box::new),
                ))
            }
        }
    }
}

fn leaked() -> Weakness {
    Weakness { message: MESSAGE.to_owned(), reasons: vec!["pwned"] }
}

/// Whether a list has the rest of a hash; lines of padding count nobody.
fn lists(answer: &[u8], kept: &str) -> bool {
    answer.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let Some((rest, count)) = line.split_at_checked(kept.len()) else { return false };
        rest.eq_ignore_ascii_case(kept.as_bytes()) && count.starts_with(b":") && count != b":0"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_line_by_line() {
        let list =
            b"0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\nx";
        assert!(lists(list, "0018A45C4D1DEF81644B54AB7F969B88D65"));
        assert!(!lists(list, "00D4F6E8FA6EECAD2A3AA415EEC418D38EC"), "padding");
        assert!(!lists(list, "018A45C4D1DEF81644B54AB7F969B88D65F"));
        assert!(!lists(b"", "0018A45C4D1DEF81644B54AB7F969B88D65"));
    }
}
