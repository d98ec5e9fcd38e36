//! The database: how it is installed, and what its rules say.

mod install;
mod rules;
