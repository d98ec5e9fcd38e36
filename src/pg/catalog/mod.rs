//! What tables, relations and routines exist: the schema cache.

/// What the schema looked like when it was last loaded.
#[derive(Debug, Default)]
pub struct Catalog {}
