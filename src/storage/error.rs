//! Every refusal of this dialect: one table, and the body in which it is told.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::json;

use super::resumable::protocol::Fault;
use crate::blob::{self, WriteError};
use crate::{identity, pg};

/// JSON as this dialect announces it.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Error {
    /// The request has not the form that the dialect asks for; what is wrong with it.
    Form(Cow<'static, str>),
    /// The request makes no sense; why.
    Invalid(Cow<'static, str>),
    NoSuchPath(String),
    /// Why the token was refused.
    Token(Cow<'static, str>),
    NotService,
    /// A policy refused; which one may be missing.
    RowSecurity(Option<String>),
    NoSuchBucket,
    NoSuchKey,
    KeyExists,
    BucketExists,
    ResourceExists,
    RelatedMissing,
    MimeType(String),
    TooLarge,
    /// In the words of the quota.
    OverQuota(String),
    InvalidKey(String),
    BucketName,
    BucketNotEmpty,
    SignedToken(Cow<'static, str>),
    Signature(&'static str),
    Range,
    NoLifecycle,
    NotEnabled(&'static str),
    TooSlow,
    Referenced,
    /// A trigger or constraint of the people who run the server said no.
    Rule(u16, String),
    Locked,
    TooManyConnections,
    TooManyRenderings,
    /// What is wrong with a step of a resumable upload.
    Resumable(Fault),
    DatabaseTimeout,
    ReadOnly,
    /// The database or the store cannot answer now.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// A fault of the set-up or of this program.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// A panic, which is logged where it happens.
    Panicked,
}

/// A row of the table: the status that the body tells, the code, what `error` says, the message.
type Told<'a> = (u16, &'static str, &'a str, &'a str);

impl Error {
    /// The table: status, code, error, message.
    #[rustfmt::skip] // one line a row
    pub(super) fn row(&self) -> Told<'_> {
        match self {
            Self::Form(why) => (400, "InvalidRequest", "Error", why),
            Self::Invalid(why) => (400, "InvalidRequest", "InvalidRequest", why),
            Self::NoSuchPath(path) => (404, "InvalidRequest", "Not Found", path),
            Self::Token(why) => (403, "AccessDenied", "Unauthorized", why),
            Self::NotService => (403, "AccessDenied", "Unauthorized", "Access denied: Invalid role"),
            Self::RowSecurity(_) => (403, "AccessDenied", "Unauthorized", "new row violates row-level security policy"),
            Self::NoSuchBucket => (404, "NoSuchBucket", "Bucket not found", "Bucket not found"),
            Self::NoSuchKey => (404, "NoSuchKey", "not_found", "Object not found"),
            Self::KeyExists => (409, "KeyAlreadyExists", "Duplicate", "The resource already exists"),
            Self::BucketExists => (409, "BucketAlreadyExists", "Duplicate", "The resource already exists"),
            Self::ResourceExists => (409, "ResourceAlreadyExists", "Duplicate", "The resource already exists"),
            Self::RelatedMissing => (404, "InvalidRequest", "InvalidRequest", "The related resource does not exist"),
            Self::MimeType(why) => (415, "InvalidMimeType", "invalid_mime_type", why),
            Self::TooLarge => (413, "EntityTooLarge", "Payload too large", "The object exceeded the maximum allowed size"),
            Self::OverQuota(why) => (413, "EntityTooLarge", "Payload too large", why),
            Self::InvalidKey(why) => (400, "InvalidKey", "InvalidKey", why),
            Self::BucketName => (400, "InvalidBucketName", "Invalid Input", "Bucket name invalid"),
            Self::BucketNotEmpty => (409, "ResourceNotEmpty", "ResourceNotEmpty", "The bucket you tried to delete is not empty"),
            Self::SignedToken(why) => (400, "InvalidJWT", "InvalidJWT", why),
            Self::Signature(why) => (400, "InvalidSignature", "InvalidSignature", why),
            Self::Range => (416, "InvalidRange", "invalid_range", "invalid range provided"),
            Self::NoLifecycle => (404, "NoSuchLifecycleConfiguration", "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
            Self::NotEnabled(why) => (409, "FeatureNotEnabled", "FeatureNotEnabled", why),
            Self::TooSlow => (408, "RequestTimeout", "RequestTimeout", "The body did not come in time"),
            Self::Referenced => (409, "ResourceReferenced", "ResourceReferenced", "The resource is still in use"),
            Self::Rule(status, why) => (*status, "InvalidRequest", "InvalidRequest", why),
            Self::Locked => (423, "ResourceLocked", "ResourceLocked", "The resource is locked"),
            Self::TooManyConnections => (429, "SlowDown", "too_many_connections", "Too many connections, please try again"),
            Self::TooManyRenderings => (429, "SlowDown", "too_many_requests", "Too many images are being processed, please try again"),
            Self::Resumable(fault) => (fault.status(), "TusError", "TusError", fault.words()),
            Self::DatabaseTimeout => (544, "DatabaseTimeout", "DatabaseTimeout", "The database did not answer in time"),
            Self::ReadOnly => (503, "DatabaseReadOnly", "DatabaseReadOnly", "The database takes no writes now"),
            Self::Unavailable(_) => (503, "SlowDown", "Unavailable", "The database or the store is not reached now, please try again"),
            Self::Broken(_) | Self::Panicked => (500, "InternalError", "Internal", "Internal Server Error"),
        }
    }

    /// The status on the wire: 400 for most refusals, whatever the body says.
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath(_)
            | Self::NotService
            | Self::Range
            | Self::TooSlow
            | Self::Locked
            | Self::TooManyConnections
            | Self::TooManyRenderings
            | Self::Resumable(_)
            | Self::DatabaseTimeout
            | Self::ReadOnly
            | Self::Unavailable(_)
            | Self::Broken(_)
            | Self::Panicked => {
                StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// A line for whoever runs the server, when they should know.
    pub(super) fn log(&self) {
        match self {
            Self::Unavailable(error) => {
                let error = error.as_ref() as &(dyn std::error::Error + 'static);
                tracing::warn!(error, "the database or the store is unavailable");
            }
            Self::Broken(error) => {
                if let Some(pg::Error::Refused(refused)) = error.downcast_ref() {
                    // What Postgres says in words may repeat the values of a row.
                    let (code, routine) = (refused.code().code(), refused.routine());
                    let (table, constraint) = (refused.table(), refused.constraint());
                    tracing::error!(code, table, constraint, routine, "request failed");
                } else {
                    let error = error.as_ref() as &(dyn std::error::Error + 'static);
                    tracing::error!(error, "request failed");
                }
            }
            _ => {}
        }
    }

    /// Whether the same may go well a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Locked
                | Self::TooManyConnections
                | Self::DatabaseTimeout
                | Self::ReadOnly
                | Self::Unavailable(_)
                | Self::Broken(_)
        )
    }

    /// The same about a bucket, whose name is taken rather than a key.
    pub(super) fn of_bucket(self) -> Self {
        if let Self::KeyExists = self { Self::BucketExists } else { self }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, code, _, message) = self.row();
        write!(f, "{code}: {message}")
    }
}

/// It travels through the reader of forms.
impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let (status, code, error, message) = self.row();
        let mut body = match &self {
            Self::NoSuchPath(_) => json!({ "message": message, "error": error, "statusCode": 404 }),
            _ => json!({
                "statusCode": status.to_string(), "error": error, "message": message, "code": code,
            }),
        };
        if let Self::RowSecurity(Some(hint)) = &self {
            body["hint"] = hint.as_str().into();
        }
        let headers = [(CONTENT_TYPE, JSON)];
        let mut answer = (self.status(), headers, body.to_string()).into_response();
        if let Self::TooManyConnections | Self::TooManyRenderings | Self::Unavailable(_) = self {
            answer.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        answer
    }
}

impl From<identity::Error> for Error {
    fn from(why: identity::Error) -> Self {
        Self::Token(token_words(&why))
    }
}

/// What is wrong with a token, in the words of the library that clients know.
pub(super) fn token_words(why: &identity::Error) -> Cow<'static, str> {
    use identity::{Error as E, Malformed};
    match why {
        E::Malformed(Malformed::Empty | Malformed::Parts(_)) => "Invalid Compact JWS".into(),
        E::Malformed(Malformed::Header | Malformed::Encoding) => {
            "JWS Protected Header is invalid".into()
        }
        E::Malformed(Malformed::Claims) => "JWT Claims Set must be a top-level JSON object".into(),
        E::Signature => "signature verification failed".into(),
        E::Expired(_) => "\"exp\" claim timestamp check failed".into(),
        E::NotYetValid => "\"nbf\" claim timestamp check failed".into(),
        why => why.to_string().into(),
    }
}

impl From<pg::Error> for Error {
    fn from(error: pg::Error) -> Self {
        if let pg::Error::Refused(refused) = &error {
            let (code, message) = (refused.code().code(), refused.message());
            match (code, refused.constraint()) {
                ("42501", _) => return Self::RowSecurity(None),
                ("23505", _) => return Self::KeyExists,
                ("23503", _) if message.contains("still referenced") => return Self::Referenced,
                ("23503", _) => return Self::RelatedMissing,
                ("55P03", _) => return Self::Locked,
                ("57014", _) => return Self::DatabaseTimeout,
                ("25006", _) => return Self::ReadOnly,
                ("22021" | "22P05", _) => {
                    return Self::Invalid("Text may not hold a null character".into());
                }
                // A role that a token names and the database does not know.
                ("22023", _) if message.starts_with("role ") => {
                    return Self::Token("Invalid role".into());
                }
                ("P0001", _) => return Self::Rule(400, message.to_owned()),
                ("PT413", _) => return Self::OverQuota(message.to_owned()),
                ("PT408", _) => return Self::TooSlow,
                _ => {}
            }
            if let Some(status) = code.strip_prefix("PT").and_then(|status| status.parse().ok())
                && (400..600).contains(&status)
            {
                return Self::Rule(status, message.to_owned());
            }
            if let Some("22" | "23") = code.get(..2) {
                return Self::Rule(400, message.to_owned());
            }
        }
        match error {
            pg::Error::Busy => Self::TooManyConnections,
            error if error.is_passing() => Self::Unavailable(Box::new(error)),
            error => Self::Broken(Box::new(error)),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        pg::Error::from(error).into()
    }
}

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        match error {
            blob::Error::Missing => Self::NoSuchKey,
            error @ blob::Error::Disk(_) => Self::Broken(Box::new(error)),
            error @ blob::Error::Store(_) => Self::Unavailable(Box::new(error)),
        }
    }
}

impl From<WriteError<Self>> for Error {
    fn from(error: WriteError<Self>) -> Self {
        match error {
            WriteError::TooLarge => Self::TooLarge,
            WriteError::Source(error) => error,
            WriteError::Blob(error) => error.into(),
        }
    }
}

impl From<WriteError<blob::Error>> for Error {
    fn from(error: WriteError<blob::Error>) -> Self {
        match error {
            WriteError::TooLarge => Self::TooLarge,
            WriteError::Source(error) | WriteError::Blob(error) => error.into(),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}
