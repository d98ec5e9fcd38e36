//! A function that clients can call.

use serde::{Deserialize, Serialize};

/// One function; overloads are several.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Routine {
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `comment on`.
    pub comment: Option<String>,
    /// What it promises about side effects.
    pub volatility: Volatility,
    /// Arguments a caller gives, in their order.
    pub arguments: Vec<Argument>,
    /// Whether it gives any number of rows.
    pub is_set: bool,
    /// What one result looks like.
    pub shape: Shape,
    /// Schema of the table whose rows it gives.
    pub table_schema: Option<String>,
    /// The table whose rows it gives.
    pub table: Option<String>,
    /// What `create function … set` says: names and values.
    #[serde(default)]
    pub settings: Vec<(String, String)>,
}

/// An argument.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Argument {
    /// Its name; empty for a single unnamed argument.
    pub name: String,
    /// Its type, as people know it.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// Its type, as SQL that needs no search path and cuts no value short.
    pub cast: String,
    /// Whether it has no default.
    pub is_required: bool,
    /// Whether it takes any number of values.
    pub is_variadic: bool,
}

/// What a function promises about side effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Volatility {
    /// Depends on its arguments alone.
    #[serde(rename = "i")]
    Immutable,
    /// Reads.
    #[serde(rename = "s")]
    Stable,
    /// May write.
    #[serde(rename = "v")]
    Volatile,
}

/// What one result looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Nothing.
    Void,
    /// One value.
    Scalar,
    /// Named columns.
    Composite,
}
