//! The database: how it is installed, and what its rules say.

mod board;
mod install;
mod rules;
mod snapshot;
