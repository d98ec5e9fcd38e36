//! The realtime dialect.
