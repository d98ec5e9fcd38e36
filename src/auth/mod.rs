//! The auth dialect.
