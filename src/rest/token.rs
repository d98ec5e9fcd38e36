//! Why a token was refused, in the dialect's words.

use crate::identity::{Error, Malformed};

/// Whether the token reads and is signed, but must not count.
pub fn is_about_claims(error: &Error) -> bool {
    matches!(
        error,
        Error::Expired(_)
            | Error::NotYetValid
            | Error::FromFuture
            | Error::Revoked(_)
            | Error::Audience
            | Error::Claim(_)
            | Error::Malformed(Malformed::Claims)
    )
}

/// What happened.
pub fn message(error: &Error) -> String {
    match error {
        Error::Malformed(Malformed::Empty) => "Empty JWT is sent in Authorization header".into(),
        Error::Malformed(Malformed::Parts(parts)) => {
            format!("Expected 3 parts in JWT; got {parts}")
        }
        Error::Malformed(Malformed::Encoding) => "JWT cryptographic operation failed".into(),
        Error::Malformed(Malformed::Header) | Error::UnknownAlgorithm(_) => {
            "JWT couldn't be decoded".into()
        }
        Error::Malformed(Malformed::Claims) => "Parsing claims failed".into(),
        Error::Signature | Error::NoKey(_) => "No suitable key or wrong key type".into(),
        Error::Unsigned => "Wrong or unsupported encoding algorithm".into(),
        Error::ApiKey => "Invalid API key".into(),
        Error::NoSecret => "Server lacks JWT secret".into(),
        Error::Anonymous => "Anonymous access is disabled".into(),
        Error::Expired(_) => "JWT expired".into(),
        Error::NotYetValid => "JWT not yet valid".into(),
        Error::FromFuture => "JWT issued at future".into(),
        Error::Revoked(why) => why.to_string(),
        Error::Audience => "JWT not in audience".into(),
        Error::Claim(name @ ("exp" | "nbf" | "iat")) => {
            format!("The JWT '{name}' claim must be a number")
        }
        Error::Claim("aud") => "The JWT 'aud' claim must be a string or an array of strings".into(),
        Error::Claim(name) => format!("The JWT '{name}' claim must be a string"),
    }
}

/// More about it.
pub fn details(error: &Error) -> Option<&'static str> {
    match error {
        Error::NoKey(_) => Some("No suitable key was found to decode the JWT"),
        Error::Signature => Some("None of the keys was able to decode the JWT"),
        Error::Unsigned => Some("JWT is unsecured but expected 'alg' was not 'none'"),
        _ => None,
    }
}

/// `WWW-Authenticate`: what would do instead (RFC 6750).
pub fn challenge(error: &Error) -> Option<String> {
    match error {
        Error::NoSecret => None,
        Error::Anonymous => Some("Bearer".into()),
        error => Some(format!(
            "Bearer error=\"invalid_token\", error_description=\"{}\"",
            message(error)
        )),
    }
}
