//! The wal dialect.
