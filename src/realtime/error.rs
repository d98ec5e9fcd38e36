//! What the dialect says when it refuses: upgrades, joins, and closed sockets.

use http::StatusCode;

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
}

impl Upgrade {
    /// HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Version => StatusCode::FORBIDDEN,
            Self::Full => StatusCode::TOO_MANY_REQUESTS,
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
        }
    }
}

/// A token that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// It expired this many seconds ago.
    Expired(i64),
    /// It lacks `role` or `exp`.
    Incomplete,
    /// It is no token at all.
    Malformed,
    /// Another key signed it.
    Signature,
}

impl From<identity::Error> for Token {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::Expired(seconds) => Self::Expired(seconds),
            identity::Error::Signature => Self::Signature,
            identity::Error::Malformed
            | identity::Error::NotYetValid
            | identity::Error::Claim(_) => Self::Malformed,
        }
    }
}

impl Token {
    /// What is wrong, in the reference's words.
    pub fn text(self) -> String {
        match self {
            Self::Expired(seconds) => format!("Token has expired {seconds} seconds ago"),
            Self::Incomplete => "Fields `role` and `exp` are required in JWT".into(),
            Self::Malformed => "The token provided is not a valid JWT".into(),
            Self::Signature => "Failed to validate JWT signature".into(),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Expired(_) | Self::Incomplete => "InvalidJWTToken",
            Self::Malformed => "MalformedJWT",
            Self::Signature => "JwtSignatureError",
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
    /// The token is refused.
    Token(Token),
    /// No policy on realtime.messages lets them read this topic.
    Unauthorized(String),
    /// The socket has too many channels.
    TooManyChannels,
    /// The database could not be asked.
    Unreachable,
    /// The server is shutting down.
    Restarting,
}

impl Join {
    /// Value of `reason` in the reply.
    pub fn reason(&self) -> String {
        match self {
            Self::NoName => "TopicNameRequired: You must provide a topic name".into(),
            Self::LongName(most) => format!("TopicNameTooLong: A topic has at most {most} bytes"),
            Self::Token(token) => format!("{}: {}", token.code(), token.text()),
            Self::Unauthorized(name) => format!(
                "Unauthorized: You do not have permissions to read from this Channel topic: {name}"
            ),
            Self::TooManyChannels => "ChannelRateLimitReached: Too many channels".into(),
            Self::Unreachable => {
                "UnableToConnectToProject: Realtime was unable to connect to the project database"
                    .into()
            }
            Self::Restarting => "RealtimeRestarting: Realtime is restarting, please standby".into(),
        }
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
        Self::Unreachable
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
}

impl Close {
    /// The code of the close frame. 4000 to 4499 mean: come back; 4500 to 4999: something must
    /// change first. 1009 and 1012 are the protocol's own.
    pub fn code(self) -> u16 {
        match self {
            Self::Slow => 4001,
            Self::Idle => 4002,
            Self::TooLarge => 1009,
            Self::Restarting => 1012,
        }
    }

    /// The reason in the close frame.
    pub fn text(self) -> &'static str {
        match self {
            Self::Slow => "too slow: come back and resume",
            Self::Idle => "nothing was said for too long",
            Self::TooLarge => "the frame is too large",
            Self::Restarting => "the server is restarting: come back",
        }
    }
}
