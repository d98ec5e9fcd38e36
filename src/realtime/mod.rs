//! The Realtime dialect.
pub mod authorize;
pub mod error;
pub mod hub;
pub mod protocol;
pub mod subscription;
