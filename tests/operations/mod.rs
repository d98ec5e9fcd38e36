//! The binary and the server as an operator meets them.

mod api_keys;
mod command_line;
mod dashboard;
mod logs;
mod metrics;
mod shutdown;
mod typescript;
