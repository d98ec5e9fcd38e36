//! Which way leads from a table to what is embedded in it.

use super::super::error::{Candidate, Error};
use super::super::query::select::Embed;
use super::super::range::Window;
use super::level::Level;
use super::read::Planner;
use super::rows::{Field, From, Rows};
use super::{Origin as Place, most_similar};
use crate::pg::catalog::Table;
use crate::pg::catalog::relation::{Junction, Link, Path, Relation};

/// Related rows inside of a row.
#[derive(Debug)]
pub struct Embedded {
    /// Number that makes its names in the statement its own.
    pub number: usize,
    /// Whether at most one row is found.
    pub is_to_one: bool,
    /// Whether rows without any are left out.
    pub is_inner: bool,
    /// Whether its columns become the outer row's.
    pub is_spread: bool,
    /// Whether outer rows show it or are ordered by it; otherwise it is only looked whether there
    /// are any.
    pub is_joined: bool,
    /// Of its one row, by what outer rows are ordered.
    pub orders: Vec<Field>,
    /// Pairs of columns that must be equal: of the outer row and of the inner one, or of the
    /// junction.
    pub near: Vec<(String, String)>,
    /// The table between.
    pub junction: Option<Between>,
    /// The related rows.
    pub rows: Rows,
}

/// The table between two others.
#[derive(Debug)]
pub struct Between {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Pairs of columns that must be equal: its own and the inner row's.
    pub far: Vec<(String, String)>,
}

/// Which of `embeds` parameters mean by `name`: the one it is the label of. As clients have always
/// done it, the name of an aliased embed's target does too, where that is `allowed`.
pub fn owner(embeds: &[&Embed], name: &str, allowed: bool) -> Option<usize> {
    let by_label = embeds.iter().position(|embed| embed.label() == name);
    by_label.or_else(|| embeds.iter().position(|embed| allowed && embed.target == name))
}

/// Where a way starts.
pub struct Origin<'a, 'b> {
    /// The table, if rows are a table's.
    pub table: Option<&'a Table>,
    /// What it is called in errors.
    pub name: &'b str,
}

impl<'a> Planner<'a> {
    /// Plans what is embedded in rows of `origin`.
    pub(super) fn embed(
        &mut self,
        origin: &Origin<'a, '_>,
        embed: &'a Embed,
        level: &Level<'a>,
    ) -> Result<Embedded, Error> {
        let relation = self.relation(origin, embed)?;
        let table = self
            .catalog
            .table(&relation.foreign_schema, &relation.foreign_table)
            .ok_or_else(|| self.no_relation(origin, embed))?;
        let (number, alias) = self.alias(&table.name);
        let place = match &relation.path {
            Path::Computed(function) => {
                Place::Function(function.schema.clone(), function.name.clone())
            }
            _ => Place::Table(table.schema.clone(), table.name.clone()),
        };
        let from = From { origin: place, alias: Some(alias) };
        let (near, junction) = match &relation.path {
            Path::ManyToMany(junction) => {
                let Junction { schema, table, near, far } = &**junction;
                let between = Between {
                    schema: schema.clone(),
                    table: table.clone(),
                    far: far.columns.clone(),
                };
                (near.columns.clone(), Some(between))
            }
            Path::ManyToOne(link)
            | Path::OneToMany(link)
            | Path::OneToOne(link)
            | Path::OneToOneBack(link) => (link.columns.clone(), None),
            Path::Computed(_) => (Vec::new(), None),
        };
        let mut rows = self.level(from, Some(table), &embed.items, level, embed.is_spread)?;
        if relation.is_to_one() && level.window()?.is_everything() {
            // One row needs no bound.
            rows.window = Window::default();
        }
        Ok(Embedded {
            number,
            is_to_one: relation.is_to_one(),
            is_inner: embed.is_inner,
            is_spread: embed.is_spread,
            is_joined: false,
            orders: Vec::new(),
            near,
            junction,
            rows,
        })
    }

    fn relation(&self, origin: &Origin<'a, '_>, embed: &Embed) -> Result<&'a Relation, Error> {
        let Some(table) = origin.table else { return Err(self.no_relation(origin, embed)) };
        let ways = self.catalog.relations(&table.schema, &table.name).iter();
        let ways = ways.filter(|relation| relation.foreign_schema == self.schema);
        // A function of the target's name stands before keys that lead there.
        let (computed, keys): (Vec<&Relation>, Vec<&Relation>) =
            ways.partition(|relation| matches!(relation.path, Path::Computed(_)));
        let mut ways = computed;
        ways.retain(|relation| is_computed(relation, &embed.target));
        if ways.is_empty() {
            ways = keys;
            ways.retain(|relation| self.leads(relation, embed));
        }
        match ways.as_slice() {
            [] => Err(self.no_relation(origin, embed)),
            [way] => Ok(way),
            several => Err(Error::AmbiguousRelation {
                origin: origin.name.to_owned(),
                target: embed.target.clone(),
                candidates: several.iter().map(|relation| candidate(relation)).collect(),
            }),
        }
    }

    /// Whether a way leads to the target, and is the one the hint means.
    fn leads(&self, relation: &Relation, embed: &Embed) -> bool {
        let is_table = relation.foreign_table == embed.target;
        match (&embed.hint, relation.is_self()) {
            (Some(hint), false) => is_table && is_meant(relation, hint),
            // From a table to itself a key leads both ways: with a hint to those who point here.
            (Some(hint), true) => is_table && is_back(relation) && is_meant(relation, hint),
            (None, true) => is_table || (!is_back(relation) && is_key(relation, &embed.target)),
            // A key is the table's, though views show it too.
            (None, false) => {
                is_table || (is_key(relation, &embed.target) && !self.leads_to_view(relation))
            }
        }
    }

    fn leads_to_view(&self, relation: &Relation) -> bool {
        let table = self.catalog.table(&relation.foreign_schema, &relation.foreign_table);
        table.is_some_and(Table::is_view)
    }

    fn no_relation(&self, origin: &Origin<'a, '_>, embed: &Embed) -> Error {
        let relations = origin
            .table
            .map(|table| self.catalog.relations(&table.schema, &table.name))
            .unwrap_or_default();
        // Where no way begins, the beginning may be misspelt.
        let (name, similar) = if relations.is_empty() {
            let tables = self.catalog.tables(self.schema);
            let has_ways =
                |table: &&Table| !self.catalog.relations(&table.schema, &table.name).is_empty();
            let names = tables.filter(has_ways).map(|table| table.name.as_str());
            (origin.name, most_similar(origin.name, names))
        } else {
            let names = relations.iter().map(|relation| relation.foreign_table.as_str());
            (embed.target.as_str(), most_similar(&embed.target, names))
        };
        Error::NoRelation {
            origin: origin.name.to_owned(),
            target: embed.target.clone(),
            hint: embed.hint.clone(),
            schema: self.schema.to_owned(),
            similar: similar
                .filter(|similar| *similar != name)
                .map(|similar| (name.to_owned(), similar.to_owned())),
        }
    }
}

fn is_computed(relation: &Relation, name: &str) -> bool {
    matches!(&relation.path, Path::Computed(function) if function.name == name)
}

/// A target may also be named by the foreign key or by its column on this side.
fn is_key(relation: &Relation, target: &str) -> bool {
    match &relation.path {
        Path::ManyToOne(link) | Path::OneToOne(link) => {
            link.constraint == target || is_only(link, |pair| &pair.0, target)
        }
        Path::OneToMany(link) | Path::OneToOneBack(link) => link.constraint == target,
        Path::ManyToMany(_) | Path::Computed(_) => false,
    }
}

fn is_back(relation: &Relation) -> bool {
    matches!(relation.path, Path::OneToMany(_) | Path::OneToOneBack(_) | Path::ManyToMany(_))
}

/// A hint names the foreign key, its column on either side, or the table between.
fn is_meant(relation: &Relation, hint: &str) -> bool {
    match &relation.path {
        Path::ManyToOne(link)
        | Path::OneToMany(link)
        | Path::OneToOne(link)
        | Path::OneToOneBack(link) => {
            link.constraint == hint
                || is_only(link, |pair| &pair.0, hint)
                || is_only(link, |pair| &pair.1, hint)
        }
        Path::ManyToMany(junction) => junction.table == hint,
        Path::Computed(_) => false,
    }
}

fn is_only(link: &Link, side: impl Fn(&(String, String)) -> &String, name: &str) -> bool {
    matches!(link.columns.as_slice(), [pair] if side(pair) == name)
}

fn candidate(relation: &Relation) -> Candidate {
    let Relation { table, foreign_table, .. } = relation;
    let direct = |cardinality, link: &Link| Candidate {
        cardinality,
        relationship: format!(
            "{} using {table}({}) and {foreign_table}({})",
            link.constraint,
            columns(link, |pair| &pair.0),
            columns(link, |pair| &pair.1),
        ),
        hint: link.constraint.clone(),
    };
    match &relation.path {
        Path::ManyToOne(link) => direct("many-to-one", link),
        Path::OneToMany(link) => direct("one-to-many", link),
        Path::OneToOne(link) | Path::OneToOneBack(link) => direct("one-to-one", link),
        Path::ManyToMany(junction) => Candidate {
            cardinality: "many-to-many",
            relationship: format!(
                "{} using {}({}) and {}({})",
                junction.table,
                junction.near.constraint,
                columns(&junction.near, |pair| &pair.1),
                junction.far.constraint,
                columns(&junction.far, |pair| &pair.0),
            ),
            hint: junction.table.clone(),
        },
        Path::Computed(function) => Candidate {
            cardinality: if function.is_to_one { "many-to-one" } else { "one-to-many" },
            relationship: format!("{}.{}({table})", function.schema, function.name),
            hint: function.name.clone(),
        },
    }
}

fn columns(link: &Link, side: impl Fn(&(String, String)) -> &String) -> String {
    let names: Vec<&str> = link.columns.iter().map(|pair| side(pair).as_str()).collect();
    names.join(", ")
}
