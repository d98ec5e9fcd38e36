//! How rows of one table lead to rows of another: deduced from foreign keys, or told by a function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Table;

/// A foreign key as the database tells it.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ForeignKey {
    /// Its name.
    pub constraint: String,
    /// Schema of the referencing table.
    pub schema: String,
    /// The referencing table.
    pub table: String,
    /// Its columns, in the key's order.
    pub columns: Vec<String>,
    /// Schema of the referenced table.
    pub foreign_schema: String,
    /// The referenced table.
    pub foreign_table: String,
    /// The referenced columns, in the key's order.
    pub foreign_columns: Vec<String>,
    /// Whether the referencing columns are a key themselves.
    pub is_unique: bool,
}

/// A function that takes a row of a table: a computed column, or a computed relationship when it
/// gives rows of a table.
#[derive(Debug, Clone, Deserialize)]
pub struct Computed {
    /// Schema of the function.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Schema of the table.
    pub table_schema: String,
    /// The table.
    pub table: String,
    /// The type it gives, as SQL that needs no search path.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// Schema of the table whose rows it gives.
    pub foreign_schema: Option<String>,
    /// The table whose rows it gives.
    pub foreign_table: Option<String>,
    /// Whether it gives at most one row: no set, or one declared with `rows 1`.
    pub is_to_one: bool,
}

/// A way from one table to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relation {
    /// Schema where it starts.
    pub schema: String,
    /// Table where it starts.
    pub table: String,
    /// Schema where it leads.
    pub foreign_schema: String,
    /// Table where it leads.
    pub foreign_table: String,
    /// How many rows of the one belong to how many of the other, and by which columns.
    pub path: Path,
}

/// Cardinality and columns of a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Path {
    /// This table's key points at the other.
    ManyToOne(Link),
    /// The other table's key points here.
    OneToMany(Link),
    /// A key points at the other and is unique here.
    OneToOne(Link),
    /// A key of the other points here and is unique there.
    OneToOneBack(Link),
    /// A table between them holds keys of both.
    ManyToMany(Box<Junction>),
    /// A function gives the rows.
    Computed(Function),
}

/// The function of a computed relationship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether it gives at most one row.
    pub is_to_one: bool,
}

/// One foreign key: its name and pairs of (column here, column there).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Name of the foreign key.
    pub constraint: String,
    /// Columns where the way starts and where it leads.
    pub columns: Vec<(String, String)>,
}

/// The table between two others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Junction {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// From where the way starts to the junction.
    pub near: Link,
    /// From the junction to where the way leads.
    pub far: Link,
}

impl Relation {
    /// Whether at most one row is found at the other end.
    pub fn is_to_one(&self) -> bool {
        match &self.path {
            Path::ManyToOne(_) | Path::OneToOne(_) | Path::OneToOneBack(_) => true,
            Path::OneToMany(_) | Path::ManyToMany(_) => false,
            Path::Computed(function) => function.is_to_one,
        }
    }

    /// Whether it leads back to the table where it starts.
    pub fn is_self(&self) -> bool {
        self.schema == self.foreign_schema && self.table == self.foreign_table
    }
}

impl Computed {
    /// The relationship it is, if it is one.
    pub fn relation(&self) -> Option<Relation> {
        Some(Relation {
            schema: self.table_schema.clone(),
            table: self.table.clone(),
            foreign_schema: self.foreign_schema.clone()?,
            foreign_table: self.foreign_table.clone()?,
            path: Path::Computed(Function {
                schema: self.schema.clone(),
                name: self.name.clone(),
                is_to_one: self.is_to_one,
            }),
        })
    }
}

impl ForeignKey {
    fn forth(&self) -> Link {
        let columns = self.columns.iter().cloned().zip(self.foreign_columns.iter().cloned());
        Link { constraint: self.constraint.clone(), columns: columns.collect() }
    }

    fn back(&self) -> Link {
        let columns = self.foreign_columns.iter().cloned().zip(self.columns.iter().cloned());
        Link { constraint: self.constraint.clone(), columns: columns.collect() }
    }

    /// Both ways along this key.
    fn ways(&self) -> [Relation; 2] {
        let (forth, back) = if self.is_unique {
            (Path::OneToOne(self.forth()), Path::OneToOneBack(self.back()))
        } else {
            (Path::ManyToOne(self.forth()), Path::OneToMany(self.back()))
        };
        let here = (self.schema.clone(), self.table.clone());
        let there = (self.foreign_schema.clone(), self.foreign_table.clone());
        [relation(here.clone(), there.clone(), forth), relation(there, here, back)]
    }

    /// The way through this key's table to where its other key leads.
    fn across(&self, far: &Self) -> Relation {
        let junction = Junction {
            schema: self.schema.clone(),
            table: self.table.clone(),
            near: self.back(),
            far: far.forth(),
        };
        relation(
            (self.foreign_schema.clone(), self.foreign_table.clone()),
            (far.foreign_schema.clone(), far.foreign_table.clone()),
            Path::ManyToMany(Box::new(junction)),
        )
    }
}

/// All ways along these keys. A junction is a table with a key that contains both foreign keys.
pub fn relations<'a>(
    keys: &[ForeignKey],
    table: impl Fn(&str, &str) -> Option<&'a Table>,
) -> Vec<Relation> {
    let mut relations: Vec<Relation> = keys.iter().flat_map(ForeignKey::ways).collect();
    let mut siblings = BTreeMap::<(&str, &str), Vec<&ForeignKey>>::new();
    for key in keys {
        siblings.entry((&key.schema, &key.table)).or_default().push(key);
    }
    for ((schema, name), siblings) in siblings {
        let Some(table) = table(schema, name) else { continue };
        for near in &siblings {
            for far in siblings.iter().filter(|far| far.constraint != near.constraint) {
                if joins(table, near, far) {
                    relations.push(near.across(far));
                }
            }
        }
    }
    relations
}

fn joins(junction: &Table, near: &ForeignKey, far: &ForeignKey) -> bool {
    junction
        .unique_keys
        .iter()
        .any(|key| near.columns.iter().chain(&far.columns).all(|column| key.contains(column)))
}

fn relation(from: (String, String), to: (String, String), path: Path) -> Relation {
    Relation { schema: from.0, table: from.1, foreign_schema: to.0, foreign_table: to.1, path }
}
