//! Why a token was refused. Each dialect has its own words for these.

use super::Revocation;

/// A refused token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no token; why not.
    #[error("the token is malformed")]
    Malformed(Malformed),
    /// Signed by another key.
    #[error("the signature does not match")]
    Signature,
    /// There is no key for its algorithm; the key that its header names.
    #[error("there is no key for the token's algorithm")]
    NoKey(Option<String>),
    /// Nobody here knows its algorithm; the key that its header names.
    #[error("the token's algorithm is unknown")]
    UnknownAlgorithm(Option<String>),
    /// It bears no signature at all.
    #[error("the token is not signed")]
    Unsigned,
    /// It begins like a project key and is none of ours.
    #[error("the project key is unknown")]
    ApiKey,
    /// The server has no key to verify tokens with.
    #[error("the server has no key for tokens")]
    NoSecret,
    /// There is no token, and nobody may come without.
    #[error("a token is needed")]
    Anonymous,
    /// Claim `exp` is in the past.
    #[error("the token expired {0} seconds ago")]
    Expired(i64),
    /// Claim `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Claim `iat` is in the future.
    #[error("the token was issued in the future")]
    FromFuture,
    /// Its session or its person is no more.
    #[error("{0}")]
    Revoked(Revocation),
    /// It is meant for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim of a wrong type; its name.
    #[error("claim {0} has a wrong type")]
    Claim(&'static str),
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// There is nothing.
    Empty,
    /// Not three parts but so many.
    Parts(usize),
    /// A part is no base64url, or all is too long.
    Encoding,
    /// The header is no JSON object with an algorithm.
    Header,
    /// The claims are no JSON object.
    Claims,
}
