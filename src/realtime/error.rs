//! What the dialect says when it refuses: upgrades, joins, what a channel or binding asks, and
//! closed sockets.

use http::StatusCode;
use serde_json::{Value, json};

use crate::identity;
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
            Self::TooManyJoins => "Too many joins per second".into(),
        }
    }
}

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
    /// The sign-in it came from has ended.
    SessionEnded,
}

impl From<identity::Error> for Token {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::Expired(seconds) => Self::Expired(seconds),
            identity::Error::Signature => Self::Signature,
            identity::Error::NoKey(kid) => Self::NoKey(kid),
            identity::Error::ApiKey => Self::ApiKey,
            identity::Error::Claim("exp") => Self::Expiry,
            identity::Error::Malformed
            | identity::Error::NotYetValid
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
    /// `select` is no list of names.
    Select(String),
    /// `select` without one table whose columns it could name.
    WildcardSelect,
    /// No such table in the publication.
    NoTable(String),
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
            Self::Select(select) => format!(
                "Error parsing `select` params: expected a list of column name strings, got: {select}"
            ),
            Self::WildcardSelect => "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.".into(),
            Self::NoTable(binding) => format!(
                "{PREFIX} Please check Realtime is enabled for the given connect parameters: {binding}"
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

/// A broadcast over HTTP that is not sent.
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

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// Its client does not keep up with what it subscribed to.
    Slow,
    /// The server is going down.
    Restarting,
    /// The client said nothing for too long.
    Idle,
    /// A frame was larger than allowed.
    TooLarge,
    /// The client joins too much.
    TooManyJoins,
    /// The sign-in behind all its channels has ended.
    SessionEnded,
}

impl Close {
    /// The code of the close frame. 4000 to 4499 mean: come back; 4500 to 4999: something must
    /// change first. 1009 and 1012 are the protocol's own.
    pub fn code(self) -> u16 {
        match self {
            Self::Slow => 4001,
            Self::Idle => 4002,
            Self::TooManyJoins => 4003,
            Self::SessionEnded => 4501,
            Self::TooLarge => 1009,
            Self::Restarting => 1012,
        }
    }

    /// Its name among the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Idle => "idle",
            Self::TooManyJoins => "too_many_joins",
            Self::SessionEnded => "session_ended",
            Self::TooLarge => "too_large",
            Self::Restarting => "restarting",
        }
    }

    /// The reason in the close frame.
    pub fn text(self) -> &'static str {
        match self {
            Self::Slow => "too slow: come back and resume",
            Self::Idle => "nothing was said for too long",
            Self::TooManyJoins => "too many joins: come back later",
            Self::SessionEnded => "the session has ended: sign in again",
            Self::TooLarge => "the frame is too large",
            Self::Restarting => "the server is restarting: come back",
        }
    }
}
