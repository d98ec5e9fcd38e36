//! The Realtime dialect: frames on a real socket.

mod altered;
mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod crowd;
mod database_broadcast;
mod differential;
mod filters;
mod goodbye;
mod hostile;
mod http_broadcast;
mod joins;
mod limits;
mod metrics;
mod moved_out;
mod policies;
mod presence;
mod remembered;
mod replay;
mod resume;
mod rights;
mod sessions;
mod tokens;
mod watched;
