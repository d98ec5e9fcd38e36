//! What can go wrong between the log and us, and whether trying again helps.

/// Bytes that are not what the protocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("the message ends too early")]
    Short,
    /// A kind of message or value that does not exist.
    #[error("unknown kind {0:#x}")]
    Kind(u8),
    /// A name is not UTF-8.
    #[error("a name is not UTF-8")]
    Text,
    /// A change of a table that was not announced.
    #[error("relation {0} was not announced")]
    Relation(u32),
    /// A row with more or fewer values than its table has columns.
    #[error("a row does not fit its table")]
    Width,
}

/// The stream broke.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection failed or Postgres refused.
    #[error(transparent)]
    Connection(#[from] pgwire_replication::PgWireError),
    /// A message could not be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A publication does not exist.
    #[error("publication {0} does not exist; walkie check tells what to do")]
    NoPublication(String),
    /// Postgres ended the stream.
    #[error("Postgres ended the stream")]
    Ended,
    /// Postgres is going down, and waits for whoever streams the log.
    #[error("Postgres is shutting down")]
    ShuttingDown,
    /// The log is not the one that was read so far: another cluster, another timeline after a
    /// failover or a restored backup, or one that ends before what was told.
    #[error("the log is not the one that was read before")]
    OtherLog,
}

impl Error {
    /// Whether the log cannot be read from where the slot stands: it was written before one of
    /// the publications was made. Until 17, Postgres refuses that for ever.
    pub(super) fn is_before_publication(&self) -> bool {
        const UNDEFINED_OBJECT: &str = "SQLSTATE 42704";
        matches!(self, Self::Connection(error) if error.is_server()
            && error.to_string().contains(UNDEFINED_OBJECT)
            && error.to_string().contains("publication"))
    }
}
