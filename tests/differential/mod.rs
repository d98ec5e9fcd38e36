//! The differential test: random worlds in which the server must tell each listener exactly what
//! Postgres's row-level security lets them see.
//!
//! It knows nothing of how the server decides, only SQL and the wire. Reading order: `dice`
//! (chance from a seed), `people`, `tables`, `policies` and `scene` (a random database),
//! `history` (random transactions), `oracle.sql` (what changed and who may see it, by plain
//! selects), `verdict` (what must be heard then), `audience` (the sockets), `world` (all of it,
//! step by step).

mod audience;
mod dice;
mod history;
mod people;
mod policies;
mod scene;
mod tables;
mod verdict;
mod world;

pub use world::{Options, Tally, run};
