//! Why the server closes a socket, and the code that says so.

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
