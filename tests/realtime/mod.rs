//! The Realtime dialect: frames on a real socket.

mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod differential;
mod goodbye;
mod resume;
mod tokens;
