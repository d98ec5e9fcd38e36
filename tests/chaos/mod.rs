//! The chaos test: people write and listen while the server is killed, its connections are cut,
//! Postgres is restarted and the slot is dropped. Whoever comes back by place must have heard
//! exactly what row-level security lets them see, each once, in order, or have been told of a
//! gap where something was really lost.
//!
//! It knows nothing of how the server works, only SQL, signals and the wire. Reading order:
//! `stage` (Postgres, the server's process, who is who), `writers`, `listener` (somebody who
//! comes back by place), `faults`, `log` (what Postgres has written, read through a slot of its
//! own), `judge` (what each must have heard, pure), `world` (all of it from one seed).

mod faults;
mod judge;
mod listener;
mod log;
mod stage;
pub mod tally;
mod world;
mod writers;

pub use world::{Options, run};
