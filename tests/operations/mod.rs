//! The binary as an operator meets it.

mod command_line;
