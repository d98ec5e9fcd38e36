//! The Realtime dialect: frames on a real socket.

mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod database_broadcast;
mod differential;
mod filters;
mod goodbye;
mod http_broadcast;
mod metrics;
mod policies;
mod replay;
mod resume;
mod tokens;
mod watched;
