//! A table, view, materialized view, foreign or partitioned table.

use std::collections::BTreeMap;

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
    /// Functions that take a row and give a value: the type of each by its name.
    #[serde(skip)]
    pub computed: BTreeMap<String, String>,
}

impl Table {
    /// Columns that tell its rows apart: the primary key, else a unique one without nulls.
    pub fn key(&self) -> Option<&[String]> {
        let is_not_null = |name: &String| self.columns.get(name).is_some_and(|it| it.is_not_null);
        let is_told = |key: &&Vec<String>| key.iter().all(is_not_null);
        let primary = Some(&self.primary_key).filter(|key| !key.is_empty());
        primary.or_else(|| self.unique_keys.iter().find(is_told)).map(Vec::as_slice)
    }

    /// Whether some of its columns are shown otherwise than they are.
    pub fn has_forms(&self) -> bool {
        self.columns.values().any(|column| column.to_json.is_some())
    }

    /// Whether it is a view, materialized or not.
    pub fn is_view(&self) -> bool {
        matches!(self.kind, Kind::View | Kind::MaterializedView)
    }
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
    /// Whether it is a tsvector, or a domain over one.
    #[serde(default)]
    pub is_tsvector: bool,
    /// Whether an insert must give a value.
    pub is_required: bool,
    /// Whether no row is without a value; of a view nobody can tell.
    #[serde(default)]
    pub is_not_null: bool,
    /// Whether only the database gives the value.
    pub is_generated: bool,
    /// Expression of the default, its type's default or its sequence.
    pub default: Option<String>,
    /// The function that shows its values as JSON, when its domain has one.
    #[serde(default)]
    pub to_json: Option<String>,
    /// The function that reads its values from JSON, when its domain has one.
    #[serde(default)]
    pub from_json: Option<String>,
    /// The function that reads its values from text, when its domain has one.
    #[serde(default)]
    pub from_text: Option<String>,
}

fn by_name<'de, D: Deserializer<'de>>(json: D) -> Result<IndexMap<String, Column>, D::Error> {
    let columns = Vec::<Column>::deserialize(json)?;
    Ok(columns.into_iter().map(|column| (column.name.clone(), column)).collect())
}
