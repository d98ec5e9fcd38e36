//! Walkie: a messaging backend that is plain PostgreSQL plus this one binary.
//!
//! Postgres holds the chat, Rust holds the wires: business rules are SQL (`migrations/`,
//! `sql/`, `policies/`), and nothing below knows what a room is. The modules stand in ranks,
//! lowest first; each imports only lower ones, and slices never import each other
//! (`tests/architecture.rs`).
//!
//! # A request: `POST /rest/v1/rpc/send_message`
//! 1. [`http`] gives it an id, bounds it, and finds out who is calling ([`identity`]).
//! 2. [`rest`] reads it into a typed request, plans it against the [`pg::Catalog`], and writes
//!    one statement: three pure steps.
//! 3. [`pg::session`] sends begin, role, claims, statement and commit in one round trip.
//!    Postgres does the rest: the function checks, inserts, and moves pointers.
//! 4. [`rest`] passes the JSON that Postgres built through as bytes.
//!
//! # A change: that message on its way to the others
//! 1. The commit is in the log; [`wal`] reads it there: bytes -> message -> change.
//! 2. `realtime::delivery` asks which subscribers' filters could match, then
//!    [`realtime::authorize`] asks Postgres, as each distinct person among them, whether the
//!    row policies permit this very row image.
//! 3. The JSON is made once for all who see the same, the frame once for all who share a
//!    topic (`realtime::concern`), and put into each socket's bounded queue
//!    (`realtime::outbox`).
//! 4. The change stays in the window for subscribers that come back; the slot is acknowledged
//!    only up to where the window begins.

// Rank 0
pub mod config;
pub mod observe;

// Rank 1: who is asking
pub mod identity;

// Rank 2: the floor
pub mod blob;
pub mod embedded;
pub mod http;
pub mod pg;

// Rank 3: the live log
pub mod wal;

// Rank 4: the dialects, and what leaves the house
pub mod auth;
pub mod jobs;
pub mod realtime;
pub mod rest;
pub mod storage;
pub mod typescript;

// Rank 5: the only places where they meet
pub mod server;
pub mod standalone;
