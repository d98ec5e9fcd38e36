//! Why a request was not done: in S3's own words, or in those of the whole dialect, whose codes
//! are the same here and whose status is the real one.

use axum::response::Response;
use http::StatusCode;

use super::error::Error;
use super::xml;
use crate::blob::{self, WriteError};
use crate::storage;

/// A refusal of either.
#[derive(Debug)]
pub(super) enum Refused {
    S3(Error),
    Storage(storage::Error),
}

impl Refused {
    /// The answer about `resource`.
    pub(super) fn respond(&self, resource: &str) -> Response {
        match self {
            Self::S3(error) => error.respond(resource),
            Self::Storage(error) => {
                error.log();
                let (status, code, ..) = error.row();
                let message = &words(error);
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                xml::respond(status, &xml::Refusal { resource, code, message })
            }
        }
    }

    /// Code and message, where several are told in one answer.
    pub(super) fn told(&self) -> (String, String) {
        match self {
            Self::S3(error) => error.told(),
            Self::Storage(error) => {
                error.log();
                let (_, code, ..) = error.row();
                (code.to_owned(), words(error))
            }
        }
    }
}

/// The message of the whole dialect, with its hint, for which S3 has no place of its own.
fn words(error: &storage::Error) -> String {
    let (.., message) = error.row();
    match error {
        storage::Error::RowSecurity(Some(hint)) => format!("{message}. {hint}"),
        _ => message.to_owned(),
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::S3(error)
    }
}

impl From<storage::Error> for Refused {
    fn from(error: storage::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<blob::Error> for Refused {
    fn from(error: blob::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<WriteError<Self>> for Refused {
    fn from(error: WriteError<Self>) -> Self {
        match error {
            WriteError::TooLarge => Self::Storage(storage::Error::TooLarge),
            WriteError::Source(error) => error,
            WriteError::Blob(error) => error.into(),
        }
    }
}

impl From<WriteError<blob::Error>> for Refused {
    fn from(error: WriteError<blob::Error>) -> Self {
        Self::Storage(error.into())
    }
}

/// How a form is read: what its bytes failed with comes out again.
impl From<multer::Error> for Refused {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamReadFailed(cause) => match cause.downcast::<storage::Error>() {
                Ok(error) => Self::Storage(*error),
                Err(_) => Self::S3(Error::Incomplete),
            },
            _ => Self::S3(Error::BadForm("The form does not read.".to_owned())),
        }
    }
}
