//! The Realtime dialect: frames on a real socket.

mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod goodbye;
mod joins;
mod limits;
mod metrics;
mod presence;
mod resume;
mod sessions;
mod tokens;
