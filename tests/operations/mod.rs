//! The binary and the server as an operator meets them.

mod command_line;
mod metrics;
