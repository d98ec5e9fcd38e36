//! The Realtime dialect: frames on a real socket.

mod altered;
mod authorization;
mod bad_input;
mod broadcast;
mod changes;
mod chaos;
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
mod sessions;
mod slots;
mod tokens;
mod watched;
