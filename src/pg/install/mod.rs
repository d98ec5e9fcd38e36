//! Makes the database right.
