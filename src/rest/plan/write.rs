//! A change of rows and what comes back of it.

use std::collections::BTreeSet;

use super::super::error::Error;
use super::super::prefer::{Resolution, Return};
use super::super::query::filter::{Condition, Operation};
use super::super::request::{ApiRequest, Change};
use super::read::{self, Planner};
use super::rows::Check;
use super::{From, Origin, Rows};
use crate::pg::Catalog;
use crate::pg::catalog::{Column, Table};

/// A change.
#[derive(Debug)]
pub struct WritePlan {
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// What is done to it.
    pub work: Work,
    /// Columns that the change hands on.
    pub returning: Vec<String>,
    /// Columns that tell where a new row is, when that is asked.
    pub location: Vec<String>,
    /// Whether the change hands on the whole row too.
    pub returns_whole: bool,
    /// The rows that come back, when they are asked.
    pub rows: Option<Rows>,
}

/// What is done.
#[derive(Debug)]
pub enum Work {
    /// New rows.
    Insert {
        /// The columns given.
        columns: Vec<Column>,
        /// Whether missing ones take their defaults.
        fills_defaults: bool,
        /// What happens to rows that are already there.
        conflict: Option<Conflict>,
        /// What the only row of the body must be; nothing when any rows may come.
        only: Vec<Check>,
    },
    /// New values.
    Update {
        /// The columns given.
        columns: Vec<Column>,
        /// Whether missing ones take their defaults.
        fills_defaults: bool,
        /// Of which rows.
        checks: Vec<Check>,
    },
    /// No more rows.
    Delete {
        /// Which.
        checks: Vec<Check>,
    },
    /// New values, but none are given.
    Nothing,
}

impl Work {
    /// Whether rows that are already there take the new values.
    pub fn merges(&self) -> bool {
        matches!(self, Self::Insert { conflict: Some(conflict), .. } if conflict.merges)
    }

    /// Whether the body must be the very row that the address names.
    pub fn is_put(&self) -> bool {
        matches!(self, Self::Insert { only, .. } if !only.is_empty())
    }
}

/// What happens to rows that are already there.
#[derive(Debug)]
pub struct Conflict {
    /// The columns that tell they are.
    pub columns: Vec<String>,
    /// Whether they take the new values.
    pub merges: bool,
}

/// Plans a change of `table`.
pub fn plan<'a>(
    request: &'a ApiRequest,
    catalog: &'a Catalog,
    table: &'a Table,
    change: Change,
) -> Result<WritePlan, Error> {
    if change == Change::Put {
        names_one_row(request, table)?;
    }
    let columns = if change.writes_body() { columns(request, table)? } else { Vec::new() };
    let returns = request.preferences.returns();
    let mut rows = planned_rows(request, catalog, table)?;
    // What comes back is all that was changed.
    let checks = read::checks(request, table)?;
    rows.window = super::super::range::Window::default();
    let rows = (returns == Return::Representation).then_some(rows);
    let location = match (change, returns) {
        (Change::Insert, Return::HeadersOnly) => table.primary_key.clone(),
        _ => Vec::new(),
    };
    Ok(WritePlan {
        schema: table.schema.clone(),
        table: table.name.clone(),
        returning: returning(table, rows.as_ref(), &location),
        work: work(request, table, change, columns, checks),
        location,
        returns_whole: rows.as_ref().is_some_and(Rows::needs_whole),
        rows,
    })
}

fn planned_rows(request: &ApiRequest, catalog: &Catalog, table: &Table) -> Result<Rows, Error> {
    let from = From { origin: Origin::Source, alias: Some(table.name.clone()) };
    Planner::new(request, catalog).rows(from, Some(table))
}

/// A PUT names its row by the whole primary key and nothing else.
fn names_one_row(request: &ApiRequest, table: &Table) -> Result<(), Error> {
    if !request.window.is_everything() {
        return Err(Error::PutLimit);
    }
    let mut named = BTreeSet::new();
    for (at, condition) in &request.query.conditions {
        match condition {
            Condition::Logic { .. } => return Err(Error::PutFilters),
            Condition::Filter(_) if !at.is_empty() => {}
            Condition::Filter(filter) => {
                let is_equal = matches!(
                    filter.operation,
                    Operation::Compare { operator: "=", quantifier: None, .. }
                );
                if filter.is_negated || !is_equal || !filter.path.steps.is_empty() {
                    return Err(Error::PutFilters);
                }
                named.insert(filter.path.column.as_str());
            }
        }
    }
    let key: BTreeSet<&str> = table.primary_key.iter().map(String::as_str).collect();
    if key.is_empty() || named != key { Err(Error::PutFilters) } else { Ok(()) }
}

fn work(
    request: &ApiRequest,
    table: &Table,
    change: Change,
    columns: Vec<Column>,
    checks: Vec<Check>,
) -> Work {
    let fills_defaults = request.fills_defaults();
    match change {
        Change::Delete => Work::Delete { checks },
        Change::Update if columns.is_empty() => Work::Nothing,
        Change::Update => Work::Update { columns, fills_defaults, checks },
        Change::Insert => Work::Insert {
            columns,
            fills_defaults,
            conflict: conflict(request, table),
            only: Vec::new(),
        },
        Change::Put => Work::Insert {
            columns,
            fills_defaults: false,
            conflict: Some(Conflict { columns: table.primary_key.clone(), merges: true }),
            only: checks,
        },
    }
}

/// The columns of the body, or those of `columns=`.
fn columns(request: &ApiRequest, table: &Table) -> Result<Vec<Column>, Error> {
    let found = request.payload.keys.iter().map(|name| {
        table
            .columns
            .get(name)
            .cloned()
            .ok_or_else(|| Error::NoColumn { column: name.clone(), table: table.name.clone() })
    });
    found.collect()
}

/// Without a key to tell, every row is new.
fn conflict(request: &ApiRequest, table: &Table) -> Option<Conflict> {
    let resolution = request.preferences.resolution?;
    let columns = request.query.on_conflict.as_ref().unwrap_or(&table.primary_key);
    (!columns.is_empty()).then(|| Conflict {
        columns: columns.clone(),
        merges: resolution == Resolution::MergeDuplicates,
    })
}

/// Only what is needed is returned: a person may read some columns and not others.
fn returning(table: &Table, rows: Option<&Rows>, location: &[String]) -> Vec<String> {
    let mut names: BTreeSet<&str> = location.iter().map(String::as_str).collect();
    names.extend(rows.iter().flat_map(|rows| rows.columns()));
    let is_listed = |name: &&str| names.contains(name);
    let listed = table.columns.keys().map(String::as_str).filter(is_listed);
    let computed = names.iter().copied().filter(|name| !table.columns.contains_key(*name));
    listed.chain(computed).map(str::to_owned).collect()
}
