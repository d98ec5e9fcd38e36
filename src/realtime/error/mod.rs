//! What the dialect says when it refuses.
//!
//! Reading order: here (tokens, which every door looks at), `http` (upgrades and broadcasts),
//! `channel` (joins, and what a channel or binding asks), `close` (closed sockets).

mod channel;
mod close;
mod http;

use crate::identity;

pub use channel::{Binding, Join, Outcome, Replay, System};
pub use close::Close;
pub use http::{Api, Upgrade};

/// A token that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// It expired this many seconds ago.
    Expired(i64),
    /// It lacks `role` or `exp`.
    Incomplete,
    /// `exp` is no number.
    Expiry,
    /// It is no token at all.
    Malformed,
    /// Another key signed it.
    Signature,
    /// There is no key for its algorithm; the key that it names.
    NoKey(Option<String>),
    /// It is a project key, and none of ours.
    ApiKey,
    /// The sign-in it came from has ended, or its person is banned or deleted.
    SessionEnded,
}

impl From<identity::Error> for Token {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::Expired(seconds) => Self::Expired(seconds),
            identity::Error::Revoked(_) => Self::SessionEnded,
            identity::Error::Signature => Self::Signature,
            identity::Error::NoKey(kid) | identity::Error::UnknownAlgorithm(kid) => {
                Self::NoKey(kid)
            }
            identity::Error::Unsigned | identity::Error::NoSecret => Self::NoKey(None),
            identity::Error::ApiKey => Self::ApiKey,
            identity::Error::Claim("exp") => Self::Expiry,
            identity::Error::Malformed(_)
            | identity::Error::NotYetValid
            | identity::Error::FromFuture
            | identity::Error::Audience
            | identity::Error::Anonymous
            | identity::Error::Claim(_) => Self::Malformed,
        }
    }
}

impl Token {
    /// What is wrong, in the reference's words where it has any.
    pub fn text(&self) -> String {
        match self {
            Self::Expired(seconds) => format!("Token has expired {seconds} seconds ago"),
            Self::Incomplete => "Fields `role` and `exp` are required in JWT".into(),
            Self::Expiry => "Token expiration time is invalid".into(),
            Self::Malformed => "The token provided is not a valid JWT".into(),
            Self::Signature => "Failed to validate JWT signature".into(),
            Self::NoKey(None) => {
                "Failed to generate JWT signer, check your JWT secret or JWKS configuration".into()
            }
            Self::NoKey(Some(kid)) => format!(
                "Failed to generate JWT signer for key ID (kid) \"{kid}\", check your JWT secret or JWKS configuration"
            ),
            Self::ApiKey => "The API key is unknown".into(),
            Self::SessionEnded => "The session has ended".into(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Expired(_) | Self::Incomplete | Self::Expiry | Self::SessionEnded => {
                "InvalidJWTToken"
            }
            Self::Malformed | Self::ApiKey => "MalformedJWT",
            Self::Signature => "JwtSignatureError",
            Self::NoKey(_) => "JwtSignerError",
        }
    }
}
