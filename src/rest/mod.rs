//! The rest dialect.
