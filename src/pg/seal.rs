//! Secrets that are kept and given back: sealed, so that a copy of the database tells nothing.
//!
//! XChaCha20-Poly1305 with a random nonce, bound to the place where the secret is kept, so that
//! nobody moves one from row to row. Several secrets may be set: the first seals, all open, which
//! is how they are replaced.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How sealed text begins; another way to seal will begin otherwise.
const VERSION: &str = "v1.";

const NONCE_BYTES: usize = 24;

/// What seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    keys: Arc<[XChaCha20Poly1305]>,
}

/// Sealed text that no key opens in this place.
#[derive(Debug, thiserror::Error)]
#[error(
    "what is kept sealed does not open: set WALKIE_AUTH_SEALING_SECRETS to what it was sealed with"
)]
pub struct Unopened;

impl Seal {
    /// From secrets of the operator, of which the first seals; without one, from `default`.
    #[must_use]
    pub fn new(secrets: &[impl AsRef<str>], default: &str) -> Self {
        let secrets = secrets.iter().map(|secret| secret.as_ref().trim());
        let mut keys: Vec<_> = secrets.filter(|secret| !secret.is_empty()).map(key).collect();
        if keys.is_empty() {
            keys.push(key(default));
        }
        Self { keys: keys.into() }
    }

    /// Seals a secret for one place, such as the name of a row.
    ///
    /// # Errors
    /// None for what fits into memory.
    pub fn seal(&self, place: &str, secret: &str) -> Result<String, Unopened> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: secret.as_bytes(), aad: place.as_bytes() };
        let key = self.keys.first().ok_or(Unopened)?;
        let sealed = key.encrypt(&XNonce::from(nonce), payload).map_err(|_| Unopened)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok(format!("{VERSION}{text}"))
    }

    /// Gives back what was sealed for this place.
    ///
    /// # Errors
    /// It was sealed with another secret or for another place, or was changed.
    pub fn open(&self, place: &str, sealed: &str) -> Result<String, Unopened> {
        let bytes = sealed.strip_prefix(VERSION).ok_or(Unopened)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(bytes).map_err(|_| Unopened)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Unopened)?;
        let payload = || Payload { msg: text, aad: place.as_bytes() };
        let opened =
            self.keys.iter().find_map(|key| key.decrypt(&XNonce::from(*nonce), payload()).ok());
        opened.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Unopened)
    }
}

fn key(secret: &str) -> XChaCha20Poly1305 {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(b"walkie sealing key");
    XChaCha20Poly1305::new(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let seal = Seal::new(&["one"], "");
        let sealed = seal.seal("row 1", "hunter2").unwrap();
        assert_eq!(seal.open("row 1", &sealed).unwrap(), "hunter2");
        assert!(seal.open("row 2", &sealed).is_err());
        assert!(Seal::new(&["two"], "one").open("row 1", &sealed).is_err());
        assert_ne!(seal.seal("row 1", "hunter2").unwrap(), sealed);
    }

    #[test]
    fn a_default_seals_where_nothing_is_set() {
        let sealed = Seal::new(&[" "], "one").seal("here", "hunter2").unwrap();
        assert_eq!(Seal::new(&["one"], "").open("here", &sealed).unwrap(), "hunter2");
    }

    #[test]
    fn an_older_secret_opens_and_the_newest_seals() {
        let old = Seal::new(&["old"], "").seal("here", "hunter2").unwrap();
        let both = Seal::new(&["new", "old"], "");
        assert_eq!(both.open("here", &old).unwrap(), "hunter2");
        let fresh = both.seal("here", "hunter2").unwrap();
        assert!(Seal::new(&["new"], "").open("here", &fresh).is_ok());
        assert!(Seal::new(&["old"], "").open("here", &fresh).is_err());
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let seal = Seal::new(&["one"], "");
        let sealed = seal.seal("here", "hunter2").unwrap();
        let last = if sealed.ends_with('A') { "E" } else { "A" };
        for text in
            ["", "v1.", "v1.AAAA", "hunter2", &format!("{}{last}", &sealed[..sealed.len() - 1])]
        {
            assert!(seal.open("here", text).is_err(), "{text}");
        }
    }
}
