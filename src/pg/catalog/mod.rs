//! What tables, relations and routines exist: the schema cache. Replaced whole, never changed.
//!
//! Reading order: `table`, `relation` (ways between tables), `view` (which tables a view shows, so
//! that keys lead to it), `routine`, `producer` (what makes other formats than JSON), `role`
//! (settings of roles), `description` (in words, for documents), `load` (asks the database; its
//! questions are the `.sql` files beside it).

pub mod description;
pub mod load;
pub mod producer;
pub mod relation;
pub mod role;
pub mod routine;
pub mod table;
pub mod view;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

pub use load::{LoadError, load};
pub use relation::Relation;
pub use routine::Routine;
pub use table::{Column, Table};

use producer::{Producer, Target};
use relation::{Computed, ForeignKey};
use role::Role;

/// What the served schemas looked like when they were last loaded.
#[derive(Debug, Default)]
pub struct Catalog {
    is_loaded: bool,
    schemas: HashMap<String, Schema>,
    producers: HashMap<Target, HashMap<String, Producer>>,
    roles: HashMap<String, Vec<(String, String)>>,
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
        let is_served = |key: &&ForeignKey| {
            catalog.table(&key.schema, &key.table).is_some()
                && catalog.table(&key.foreign_schema, &key.foreign_table).is_some()
        };
        let keys: Vec<ForeignKey> = keys.iter().filter(is_served).cloned().collect();
        let relations = relation::relations(&keys, |schema, name| catalog.table(schema, name));
        for relation in relations {
            catalog.add_relation(relation);
        }
        for routine in routines {
            let schema = catalog.schema(&routine.schema);
            schema.routines.entry(routine.name.clone()).or_default().push(routine);
        }
        catalog
    }

    /// The same with functions that take a row.
    #[must_use]
    pub fn with_computed(mut self, computed: &[Computed]) -> Self {
        for function in computed {
            if let Some(relation) = function.relation() {
                if self.table(&relation.foreign_schema, &relation.foreign_table).is_some() {
                    self.add_relation(relation);
                }
            } else if let Some(schema) = self.schemas.get_mut(&function.table_schema)
                && let Some(table) = schema.tables.get_mut(&function.table)
            {
                table.computed.insert(function.name.clone(), function.sql_type.clone());
            }
        }
        self
    }

    /// The same with what makes other formats than JSON.
    #[must_use]
    pub fn with_producers(mut self, producers: Vec<Producer>) -> Self {
        for producer in producers {
            let of_target = self.producers.entry(producer.target.clone()).or_default();
            of_target.insert(producer.media.clone(), producer);
        }
        self
    }

    /// The same with settings of roles.
    #[must_use]
    pub fn with_roles(mut self, roles: Vec<Role>) -> Self {
        self.roles.extend(roles.into_iter().map(|role| (role.name, role.settings)));
        self
    }

    fn add_relation(&mut self, relation: Relation) {
        let schema = self.schema(&relation.schema);
        schema.relations.entry(relation.table.clone()).or_default().push(relation);
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

    /// What makes this media type of a target.
    pub fn producer(&self, target: &Target, media: &str) -> Option<&Producer> {
        self.producers.get(target)?.get(media)
    }

    /// What was set for a role: names and values.
    pub fn role_settings(&self, role: &str) -> &[(String, String)] {
        self.roles.get(role).map(Vec::as_slice).unwrap_or_default()
    }
}
