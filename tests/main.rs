//! All tests that need the house as a whole: one binary, one Postgres, a database each.

mod support;

mod architecture;
mod auth;
mod chaos;
mod differential;
mod errors;
mod events;
mod jobs;
mod operations;
mod realtime;
mod rest;
mod schema;
mod storage;
mod wal;
