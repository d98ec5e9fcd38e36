//! NOTIFY: the schema changed.
