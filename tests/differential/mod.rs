//! The differential test: random worlds in which the server must tell each listener exactly what
//! Postgres's row-level security lets them see.
//!
//! It knows nothing of how the server decides, only SQL and the wire. Reading order: `people`,
//! `tables`, `policies` and `scene` (a random database),
//! `history` (random transactions), `oracle.sql` (what changed and who may see it, by plain
//! selects), `verdict` (what must be heard then), `audience` (the sockets), `world` (all of it,
//! step by step), `rehearsal` (several transactions at once).

#![expect(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "SQL is put together to be read, not fast"
)]

mod audience;
mod history;
mod people;
mod policies;
mod rehearsal;
mod scene;
mod tables;
mod tally;
mod verdict;
mod world;

pub use tally::{Options, Tally};
pub use world::run;
