//! Second factors: how people add them, are asked for them, and what proving one gives.
//!
//! Reading order: what a request needs (`prover`), the endpoints (`enroll`, `challenge`, `verify`,
//! `recovery`, `admin`), how far a session is proven (`level`), what people are told (`notice`), and
//! the means of proof (`totp`, `phone`, `security_key`).

pub(super) mod admin;
pub(super) mod challenge;
pub(super) mod enroll;
mod level;
mod notice;
mod phone;
mod prover;
pub(super) mod recovery;
mod security_key;
mod totp;
pub(super) mod verify;

pub(super) use prover::{Prover, friendly_name};
