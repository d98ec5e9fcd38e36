//! What a channel is told: joins that are refused, and what it or a binding may not do.

use super::Token;
use crate::pg::{self, names};

/// A join that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Join {
    /// The topic has no name after `realtime:`.
    NoName,
    /// The topic does not fit into a binary frame.
    LongName(usize),
    /// The server is shutting down.
    Restarting,
    /// Public channels are switched off.
    PrivateOnly,
    /// This socket, or all of them together, join too much; the socket is closed too.
    TooManyJoins,
    /// The socket has too many channels.
    TooManyChannels,
    /// The token is refused.
    Token(Token),
    /// No policy on realtime.messages lets them read this topic.
    Unauthorized(String),
    /// The replay it asks for cannot be given.
    Replay(Replay),
    /// No connection to the database became free in time.
    Busy,
    /// The database takes no more connections.
    NoConnections,
    /// The database could not be asked.
    Unreachable,
    /// The policies took too long.
    Canceled,
    /// realtime.messages has no partition for today.
    MissingPartition,
    /// Whatever else Postgres said; the log has it.
    Unknown,
}

impl Join {
    /// Value of `reason` in the reply.
    pub fn reason(&self) -> String {
        match self {
            Self::Unknown => self.text(),
            _ => format!("{}: {}", self.code(), self.text()),
        }
    }

    /// What clients and metrics know it by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoName => "TopicNameRequired",
            Self::LongName(_) => "TopicNameTooLong",
            Self::Restarting => "RealtimeRestarting",
            Self::PrivateOnly => "PrivateOnly",
            Self::TooManyJoins => "ClientJoinRateLimitReached",
            Self::TooManyChannels => "ChannelRateLimitReached",
            Self::Token(token) => token.code(),
            Self::Unauthorized(_) => "Unauthorized",
            Self::Replay(_) => "UnableToReplayMessages",
            Self::Busy => "IncreaseConnectionPool",
            Self::NoConnections => "DatabaseLackOfConnections",
            Self::Unreachable => "UnableToConnectToProject",
            Self::Canceled => "QueryCanceled",
            Self::MissingPartition => "MissingPartition",
            Self::Unknown => "Unknown",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NoName => "You must provide a topic name".into(),
            Self::LongName(most) => format!("A topic has at most {most} bytes"),
            Self::Restarting => "Realtime is restarting, please standby".into(),
            Self::PrivateOnly => "This project only allows private channels".into(),
            Self::TooManyJoins => "Too many joins per second".into(),
            Self::TooManyChannels => "Too many channels".into(),
            Self::Token(token) => token.text(),
            Self::Unauthorized(name) => {
                format!("You do not have permissions to read from this Channel topic: {name}")
            }
            Self::Replay(replay) => replay.text().into(),
            Self::Busy => "Please increase your connection pool size".into(),
            Self::NoConnections => {
                "Database can't accept more connections, Realtime won't connect".into()
            }
            Self::Unreachable => "Realtime was unable to connect to the project database".into(),
            Self::Canceled => "Query was cancelled, please try again".into(),
            Self::MissingPartition => {
                "Realtime was unable to find the expected messages partition".into()
            }
            Self::Unknown => "Unknown Error on Channel".into(),
        }
    }
}

/// A replay that cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Only private channels are stored.
    Public,
    /// `since` or `limit` is no number.
    Malformed,
    /// The database could not be asked.
    Unreadable,
}

impl Replay {
    fn text(self) -> &'static str {
        match self {
            Self::Public => "Replay is not allowed for public channels",
            Self::Malformed => "Replay params are not valid",
            Self::Unreadable => "Realtime was unable to replay messages",
        }
    }
}

impl From<Replay> for Join {
    fn from(replay: Replay) -> Self {
        Self::Replay(replay)
    }
}

impl From<Token> for Join {
    fn from(token: Token) -> Self {
        Self::Token(token)
    }
}

impl From<pg::Error> for Join {
    fn from(error: pg::Error) -> Self {
        tracing::warn!(%error, "a join could not be decided");
        match (&error, error.sqlstate()) {
            (pg::Error::Busy, _) => Self::Busy,
            (pg::Error::Down(_), _) => Self::Unreachable,
            // Partitions of a table: no partition of relation found for row.
            (_, Some("23514")) => Self::MissingPartition,
            (_, Some("53300")) => Self::NoConnections,
            (_, Some("57014")) => Self::Canceled,
            (_, Some(code)) if code.starts_with("57") || code.starts_with("08") => {
                Self::Unreachable
            }
            _ => Self::Unknown,
        }
    }
}

/// What a joined channel is told by a `system` message of extension `system` and status
/// `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum System {
    /// Its token is not accepted any more, or the new one is not.
    Token(Token),
    /// The new token may not read this topic.
    NotAnyMore(String),
    /// The database could not be asked about the new token.
    Undecided(Join),
    /// The log is not streamed, and the client wanted to know.
    NoLog,
    /// More broadcasts than one client may send.
    TooManyMessages,
    /// More presence calls than one client may make.
    TooManyPresenceCalls,
    /// A larger payload than one may be present with.
    LargePresence,
}

/// How a channel goes on after something was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stays.
    Stays,
    /// It ends with `phx_error`: stock clients join again by themselves.
    Ends,
    /// It ends with `phx_close`: for good.
    EndsForGood,
}

impl System {
    /// Value of `message`.
    pub fn message(&self) -> String {
        match self {
            Self::Token(token) => token.text(),
            Self::NotAnyMore(name) => {
                format!("You no longer have permission to read from this Channel topic: {name}")
            }
            Self::Undecided(join) => join.text(),
            Self::NoLog => "Replication connection was not established in time".into(),
            Self::TooManyMessages => "Too many messages per second".into(),
            Self::TooManyPresenceCalls => "Client presence rate limit exceeded".into(),
            Self::LargePresence => "Track message size exceeded".into(),
        }
    }

    /// What becomes of the channel. It ends for good where joining again would not help.
    pub fn outcome(&self) -> Outcome {
        match self {
            // The client has, or will soon have, a fresh one.
            Self::Token(Token::Expired(_)) | Self::Undecided(_) => Outcome::Ends,
            Self::Token(_) | Self::NotAnyMore(_) | Self::NoLog => Outcome::EndsForGood,
            // Told first; a client that goes on and on is closed (`limits`).
            Self::TooManyMessages | Self::TooManyPresenceCalls | Self::LargePresence => {
                Outcome::Stays
            }
        }
    }
}

/// A `postgres_changes` binding that is refused; the channel stays joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// Neither schema nor table.
    NoTarget(String),
    /// More bindings than one channel may have.
    TooMany(usize),
    /// The filter does not parse.
    Filter(String),
    /// The named part of it is no text, but this.
    NoText(&'static str, String),
    /// `select` is no list of names.
    Select(String),
    /// `select` without one table whose columns it could name.
    WildcardSelect,
    /// No such table in the publication.
    NoTable(String),
    /// Its table is told in another log than those of the bindings before it.
    OtherLog(String),
    /// Postgres refused the filter or its value.
    Refused {
        /// The binding, as the reference prints it.
        binding: String,
        /// `ERROR 22P02 (name) text`.
        error: String,
    },
    /// `after` is no place.
    After(String),
    /// The database could not be asked.
    Unreachable,
}

impl Binding {
    /// The message of the `system` event.
    pub fn message(&self) -> String {
        const PREFIX: &str = "Unable to subscribe to changes with given parameters.";
        match self {
            Self::NoTarget(binding) => format!(
                "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: {binding}"
            ),
            Self::TooMany(most) => {
                format!("Too many postgres_changes on one channel: at most {most}")
            }
            Self::Filter(filter) => format!("Error parsing `filter` params: {filter}"),
            Self::NoText(name, found) => {
                format!("Error parsing `{name}` params: expected a string, got: {found}")
            }
            Self::Select(select) => format!(
                "Error parsing `select` params: expected a list of column name strings, got: {select}"
            ),
            Self::WildcardSelect => "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.".into(),
            Self::NoTable(binding) => format!(
                "{PREFIX} Please check Realtime is enabled for the given connect parameters: {binding}"
            ),
            Self::OtherLog(binding) => format!(
                "{PREFIX} Tables that are loaded in bulk (publication {}) are told apart from all others. Use another channel for: {binding}",
                names::BULK_PUBLICATION
            ),
            Self::Refused { binding, error } => format!(
                "{PREFIX} An exception happened so please check your connect parameters: {binding}. Exception: {error}"
            ),
            Self::After(text) => {
                format!("Error parsing `after`: {text} is not a place such as 0/16B3748:0")
            }
            Self::Unreachable => "Realtime was unable to connect to the project database".into(),
        }
    }
}
