//! The database: how it is installed, and what its rules say.

mod board;
mod handbook;
mod install;
mod presets;
mod reading;
mod refusals;
mod rules;
mod snapshot;
mod together;
mod upgrade;
