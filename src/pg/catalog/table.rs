//! A table, view, materialized view, foreign or partitioned table.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

/// Something with rows and columns.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Table {
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// `comment on`.
    pub comment: Option<String>,
    /// Whether rows may be inserted; triggers count.
    pub is_insertable: bool,
    /// Whether rows may be updated; triggers count.
    pub is_updatable: bool,
    /// Whether rows may be deleted; triggers count.
    pub is_deletable: bool,
    /// Columns of the primary key, in its order.
    pub primary_key: Vec<String>,
    /// Columns of each primary or unique key.
    pub unique_keys: Vec<Vec<String>>,
    /// Columns by name, in their order.
    #[serde(deserialize_with = "by_name")]
    pub columns: IndexMap<String, Column>,
}

/// What holds the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Kind {
    /// A plain table.
    #[serde(rename = "r")]
    Table,
    /// A view.
    #[serde(rename = "v")]
    View,
    /// A materialized view.
    #[serde(rename = "m")]
    MaterializedView,
    /// A foreign table.
    #[serde(rename = "f")]
    ForeignTable,
    /// The parent of partitions.
    #[serde(rename = "p")]
    PartitionedTable,
}

/// A column.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as SQL that needs no search path.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// Whether it is json or jsonb, or a domain over one.
    pub is_json: bool,
    /// Whether an insert must give a value.
    pub is_required: bool,
    /// Whether only the database gives the value.
    pub is_generated: bool,
    /// Expression of the default, its type's default or its sequence.
    pub default: Option<String>,
}

fn by_name<'de, D: Deserializer<'de>>(json: D) -> Result<IndexMap<String, Column>, D::Error> {
    let columns = Vec::<Column>::deserialize(json)?;
    Ok(columns.into_iter().map(|column| (column.name.clone(), column)).collect())
}
