//! Refresh tokens: how they are made, and what presenting one gives.
//!
//! The successor of a token is derived from it with a key of the session. So the successor can be
//! told again to a client that lost the answer, although the database keeps only hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// Shortest token any server of this dialect gave out, in bytes.
const MIN_BYTES: usize = 12;

/// Longest token worth looking up, in bytes.
const MAX_BYTES: usize = 255;

/// Length of keys and first tokens: 190 bits.
const SECRET_LETTERS: usize = 32;

/// How many refreshes a client may lag behind and still be told the present token.
const MAX_LAG: usize = 100;

/// A new key, or the first token of a session.
pub(super) fn secret() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), SECRET_LETTERS)
}

/// What the database keeps of a token.
pub(super) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// Whether the text may be a token at all.
pub(super) fn is_token(text: &str) -> bool {
    (MIN_BYTES..=MAX_BYTES).contains(&text.len())
}

/// The token that replaces `token`.
pub(super) fn successor(key: &str, token: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(token.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// The successor of `token` that has this hash.
pub(super) fn successor_with_hash(key: &str, token: &str, wanted: &str) -> Option<String> {
    std::iter::successors(Some(successor(key, token)), |token| Some(successor(key, token)))
        .take(MAX_LAG)
        .find(|token| hash(token) == wanted)
}

/// The token that replaces one of which only the hash is at hand, because its holder showed a
/// second factor instead. A copy of the database does not give it: that lacks the server's key.
pub(super) fn raised(server_key: &[u8], key: &str, former_hash: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(server_key).expect("HMAC takes keys of any length");
    mac.update(key.as_bytes());
    mac.update(former_hash.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// As [`successor_with_hash`], even if the session rose to another level since.
pub(super) fn later_with_hash(
    server_key: &[u8],
    key: &str,
    token: &str,
    wanted: &str,
) -> Option<String> {
    let raised = raised(server_key, key, &hash(token));
    successor_with_hash(key, token, wanted)
        .or_else(|| (hash(&raised) == wanted).then(|| raised.clone()))
        .or_else(|| successor_with_hash(key, &raised, wanted))
}

/// A token as the database knows it when it is presented.
pub(super) struct Presented {
    /// Hash of the token itself.
    pub hash: String,
    pub is_revoked: bool,
    /// Whether it was revoked only just now.
    pub is_recent: bool,
    /// The session's present token.
    pub active: Option<Active>,
}

/// The one token of a session that is not revoked.
pub(super) struct Active {
    pub hash: String,
    pub parent: Option<String>,
}

/// What presenting a token gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The present token: it is replaced.
    Rotate,
    /// Its answer was lost or another tab was quicker: the present token, of this hash, again.
    Repeat(String),
    /// An old token in strange hands: the whole session ends.
    Revoke,
}

impl Presented {
    pub(super) fn outcome(&self) -> Outcome {
        if !self.is_revoked {
            return Outcome::Rotate;
        }
        match &self.active {
            Some(active) if self.is_recent || active.parent.as_ref() == Some(&self.hash) => {
                Outcome::Repeat(active.hash.clone())
            }
            _ => Outcome::Revoke,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(is_revoked: bool, is_recent: bool, parent: Option<&str>) -> Presented {
        let active = parent.map(|parent| Active { hash: "b".into(), parent: Some(parent.into()) });
        Presented { hash: "a".into(), is_revoked, is_recent, active }
    }

    #[test]
    fn present_token_is_replaced() {
        assert_eq!(presented(false, false, Some("z")).outcome(), Outcome::Rotate);
    }

    #[test]
    fn parent_of_the_present_token_gets_it_again_however_late() {
        assert_eq!(presented(true, false, Some("a")).outcome(), Outcome::Repeat("b".into()));
    }

    #[test]
    fn older_token_gets_it_again_only_at_once() {
        assert_eq!(presented(true, true, Some("z")).outcome(), Outcome::Repeat("b".into()));
        assert_eq!(presented(true, false, Some("z")).outcome(), Outcome::Revoke);
    }

    #[test]
    fn token_of_a_revoked_session_gets_nothing() {
        assert_eq!(presented(true, true, None).outcome(), Outcome::Revoke);
    }

    #[test]
    fn later_tokens_are_found_by_their_hash() {
        let (key, first) = (secret(), secret());
        let third = successor(&key, &successor(&key, &first));
        assert!(is_token(&first) && is_token(&third));
        assert_eq!(successor_with_hash(&key, &first, &hash(&third)), Some(third));
        assert_eq!(successor_with_hash("another key", &first, "ff"), None);
    }

    #[test]
    fn tokens_are_found_behind_a_second_factor() {
        let (key, first) = (secret(), secret());
        let second = raised(b"server", &key, &hash(&first));
        let third = successor(&key, &second);
        let found = |token: &str| later_with_hash(b"server", &key, &first, &hash(token));
        assert_eq!(found(&second), Some(second.clone()));
        assert_eq!(found(&third), Some(third));
        assert_eq!(found(&raised(b"another", &key, &hash(&first))), None);
    }
}
