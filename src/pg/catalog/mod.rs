//! What tables, relations and routines exist: the schema cache. Replaced whole, never changed.
//!
//! Reading order: `table`, `relation` (ways between tables, deduced from foreign keys),
//! `routine`, `description` (in words, for documents), `load` (asks the database; its questions
//! are the `.sql` files beside it).

pub mod description;
pub mod load;
pub mod relation;
pub mod routine;
pub mod table;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

pub use load::{LoadError, load};
pub use relation::Relation;
pub use routine::Routine;
pub use table::{Column, Table};

use relation::ForeignKey;

/// What the served schemas looked like when they were last loaded.
#[derive(Debug, Default)]
pub struct Catalog {
    is_loaded: bool,
    schemas: HashMap<String, Schema>,
}

/// One schema; ordered, because hints and lists for people should not jump about.
#[derive(Debug, Default)]
struct Schema {
    tables: BTreeMap<String, Table>,
    relations: HashMap<String, Vec<Relation>>,
    routines: BTreeMap<String, Vec<Routine>>,
}

impl Catalog {
    /// A catalog of these parts.
    pub fn new(tables: Vec<Table>, keys: &[ForeignKey], routines: Vec<Routine>) -> Self {
        let mut catalog = Self { is_loaded: true, ..Self::default() };
        for table in tables {
            catalog.schema(&table.schema).tables.insert(table.name.clone(), table);
        }
        let relations = relation::relations(keys, |schema, name| catalog.table(schema, name));
        for relation in relations {
            let schema = catalog.schema(&relation.schema);
            schema.relations.entry(relation.table.clone()).or_default().push(relation);
        }
        for routine in routines {
            let schema = catalog.schema(&routine.schema);
            schema.routines.entry(routine.name.clone()).or_default().push(routine);
        }
        catalog
    }

    fn schema(&mut self, name: &str) -> &mut Schema {
        self.schemas.entry(name.to_owned()).or_default()
    }

    /// Whether it was ever loaded.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// The table of this name.
    pub fn table(&self, schema: &str, name: &str) -> Option<&Table> {
        self.schemas.get(schema)?.tables.get(name)
    }

    /// Every table of a schema, by name.
    pub fn tables(&self, schema: &str) -> impl Iterator<Item = &Table> {
        self.schemas.get(schema).into_iter().flat_map(|schema| schema.tables.values())
    }

    /// Every way that starts at a table.
    pub fn relations(&self, schema: &str, table: &str) -> &[Relation] {
        self.schemas
            .get(schema)
            .and_then(|schema| schema.relations.get(table))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Every overload of a function.
    pub fn routines(&self, schema: &str, name: &str) -> &[Routine] {
        self.schemas
            .get(schema)
            .and_then(|schema| schema.routines.get(name))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// All of it as JSON, for people who look for what is missing.
    pub fn dump(&self) -> Value {
        let schemas = || self.schemas.values();
        json!({
            "dbTables": schemas().flat_map(|schema| schema.tables.values()).collect::<Vec<_>>(),
            "dbRelationships": schemas().flat_map(|it| it.relations.values().flatten()).collect::<Vec<_>>(),
            "dbRoutines": schemas().flat_map(|it| it.routines.values().flatten()).collect::<Vec<_>>(),
        })
    }

    /// The names of a schema's functions.
    pub fn routine_names(&self, schema: &str) -> impl Iterator<Item = &str> {
        self.schemas
            .get(schema)
            .into_iter()
            .flat_map(|schema| schema.routines.keys().map(String::as_str))
    }
}
