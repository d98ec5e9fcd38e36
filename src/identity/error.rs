//! Why a token was refused. Each dialect has its own words for these.

/// A refused token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not three base64url parts, or no JSON object inside.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by another key, or with an algorithm we have no key for.
    #[error("the signature does not match")]
    Signature,
    /// There is no key for its algorithm; the key that its header names.
    #[error("there is no key for the token's algorithm")]
    NoKey(Option<String>),
    /// It begins like a project key and is none of ours.
    #[error("the project key is unknown")]
    ApiKey,
    /// Claim `exp` is in the past.
    #[error("the token expired {0} seconds ago")]
    Expired(i64),
    /// Claim `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim of a wrong type; its name.
    #[error("claim {0} has a wrong type")]
    Claim(&'static str),
}
