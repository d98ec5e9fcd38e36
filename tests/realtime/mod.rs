//! The Realtime dialect: frames on a real socket.

mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod goodbye;
mod policies;
mod resume;
mod tokens;
mod watched;
