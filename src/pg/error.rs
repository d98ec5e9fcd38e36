//! What a database error means to whoever asked, whatever dialect they speak.

use tokio_postgres::error::{DbError, SqlState};

/// Work that Postgres did not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres answered with an error of its own.
    #[error("{}: {}", .0.code().code(), .0.message())]
    Refused(Box<DbError>),
    /// No connection became free in time.
    #[error("no database connection became free in time")]
    Busy,
    /// The connection could not be made or was lost.
    #[error("the database cannot be reached")]
    Down(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer of an unexpected shape: a fault of this program.
    #[error("unexpected answer from the database")]
    Unexpected(#[source] tokio_postgres::Error),
    /// A document from the database that does not read: a fault of this program.
    #[error("unreadable document from the database")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The SQLSTATE, when Postgres gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => Some(error.code().code()),
            _ => None,
        }
    }

    /// Whether this is the follow-up of an error earlier in the same transaction.
    pub fn is_aftermath(&self) -> bool {
        self.sqlstate() == Some(SqlState::IN_FAILED_SQL_TRANSACTION.code())
    }

    /// Whether somebody's lock was in the way for too long.
    pub fn is_locked(&self) -> bool {
        self.sqlstate() == Some(SqlState::LOCK_NOT_AVAILABLE.code())
    }

    /// Whether Postgres is there and takes no connections: it is going down or coming up.
    pub fn takes_no_connections(&self) -> bool {
        let refused = match self {
            Self::Down(cause) => match cause.downcast_ref() {
                Some(deadpool_postgres::PoolError::Backend(error)) => error.code(),
                _ => None,
            },
            Self::Refused(error) => Some(error.code()),
            _ => None,
        };
        refused == Some(&SqlState::CANNOT_CONNECT_NOW)
    }

    /// Whether asking again later may help: the server was restarting, or a lock was lost.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Busy | Self::Down(_) => true,
            Self::Refused(error) => {
                self.is_locked() || matches!(error.code().code().get(..2), Some("08" | "53" | "57"))
            }
            Self::Unexpected(_) | Self::Unreadable(_) => false,
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refused) => Self::Refused(Box::new(refused.clone())),
            None if error.is_closed() => Self::Down(Box::new(error)),
            // tokio-postgres has no public kind for i/o faults; they carry an i/o source.
            None if std::error::Error::source(&error)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>) =>
            {
                Self::Down(Box::new(error))
            }
            None => Self::Unexpected(error),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{PoolError, TimeoutType};
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            // A server that refuses the login cannot be reached either, whatever its reason.
            error => Self::Down(Box::new(error)),
        }
    }
}
