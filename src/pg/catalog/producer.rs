//! A function or aggregate that gives its result in a media type: the domain it returns bears
//! the type's name.

use serde::{Deserialize, Deserializer};

/// What makes a body of rows or of a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Producer {
    /// Schema of the aggregate, or of the domain that a function returns.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Of what it makes the body.
    #[serde(deserialize_with = "target")]
    pub target: Target,
    /// The media type; `*/*` for every one.
    pub media: String,
    /// Whether the body is bytes rather than text.
    pub is_bytes: bool,
}

/// Of what a producer makes a body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Rows of any kind.
    Any,
    /// Rows of this relation or results of this function: schema and name.
    Named(String, String),
}

fn target<'de, D: Deserializer<'de>>(json: D) -> Result<Target, D::Error> {
    let named = Option::<(String, String)>::deserialize(json)?;
    Ok(named.map_or(Target::Any, |(schema, name)| Target::Named(schema, name)))
}
