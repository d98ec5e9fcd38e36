//! What HTTP is answered: sockets that are not opened, broadcasts that are not sent.

use http::StatusCode;
use serde_json::{Value, json};

use super::Token;
use crate::pg;

/// A socket that is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// No `apikey`.
    NoKey,
    /// The key is refused.
    Token(Token),
    /// The serializer does not exist.
    Version,
    /// There are too many sockets.
    Full,
    /// The server is shutting down.
    Restarting,
    /// Too much is being joined already.
    TooManyJoins,
}

impl Upgrade {
    /// HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Version => StatusCode::FORBIDDEN,
            Self::Full | Self::TooManyJoins => StatusCode::TOO_MANY_REQUESTS,
            Self::Restarting => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Value of `error` in its body.
    pub fn text(&self) -> String {
        match self {
            Self::NoKey => "API key is missing".into(),
            // An upgrade does not say how long ago.
            Self::Token(Token::Expired(_)) => "Token has expired".into(),
            Self::Token(token) => token.text(),
            Self::Version => "vsn must be 1.0.0 or 2.0.0".into(),
            Self::Full => "Too many connected users".into(),
            Self::Restarting => "Realtime is restarting, please standby".into(),
            Self::TooManyJoins => "Too many joins per second".into(),
        }
    }
}

/// A broadcast over HTTP that is not sent, or a question that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// There is no token, or it is refused.
    Unauthorized,
    /// A policy says no.
    Forbidden,
    /// The body is neither JSON nor bytes.
    MediaType,
    /// The body does not parse.
    Malformed,
    /// The body is larger than so many bytes.
    TooLarge(usize),
    /// Fields and what is wrong with each.
    Invalid(Value),
    /// More messages than may be sent now.
    Batch,
    /// No message may be sent now.
    Rate,
    /// A policy raised.
    Policy,
    /// A policy took too long.
    Canceled,
    /// realtime.messages has no partition for today.
    NoPartition,
    /// The database could not be asked.
    Unavailable,
    /// A fault of this program: it panicked.
    Broken,
}

impl Api {
    /// HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Batch | Self::Rate => StatusCode::TOO_MANY_REQUESTS,
            Self::Invalid(_)
            | Self::Policy
            | Self::Canceled
            | Self::NoPartition
            | Self::Unavailable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its body.
    pub fn body(&self) -> Value {
        let text = match self {
            Self::Invalid(faults) => return json!({"errors": faults}),
            Self::MediaType => {
                let text =
                    "Unsupported Media Type. Use application/json or application/octet-stream";
                return json!({"error": text});
            }
            Self::TooLarge(most) => {
                return json!({"message": format!("The body is larger than {most} bytes")});
            }
            Self::Unauthorized | Self::Forbidden => "Unauthorized",
            Self::Malformed => "The body is not JSON",
            Self::Batch => "Too many messages to broadcast, please reduce the batch size",
            Self::Rate => "You have exceeded your rate limit",
            Self::Policy => "RLS policy error",
            Self::Canceled => "Query canceled",
            Self::NoPartition => "Missing messages partition",
            Self::Unavailable => "Tenant database unavailable",
            Self::Broken => "Unexpected failure, please check the server's log",
        };
        json!({"message": text})
    }
}

/// Why a policy did not let a message pass.
impl From<pg::Error> for Api {
    fn from(error: pg::Error) -> Self {
        match error.sqlstate() {
            Some("42501") => Self::Forbidden,
            Some("57014") => Self::Canceled,
            // A row for which there is no partition breaks the table's own bounds.
            Some("23514") => Self::NoPartition,
            Some(code) => {
                tracing::info!(code, "a policy on realtime.messages failed");
                Self::Policy
            }
            None => {
                tracing::warn!(%error, "a broadcast could not be decided");
                Self::Unavailable
            }
        }
    }
}
