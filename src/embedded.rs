//! A private Postgres of our own.
