//! [`ApiRequest`] and catalog -> [`Plan`]: every name is looked up here. Pure.
//!
//! Reading order: `rows` (what is read), `read` (how that is found out), `level` (what the query
//! says of one embed), `embed` (which way leads there), `keyset` (pages by cursor), `write`,
//! `call`, `negotiation` (in which format the rows leave).

mod call;
mod embed;
mod keyset;
mod level;
mod negotiation;
mod read;
mod rows;
mod write;

use http::Method;

pub use call::{Arguments, CallPlan, Given};
pub use embed::{Between, Embedded};
pub use keyset::Keyset;
pub use negotiation::negotiate;
pub use rows::{Check, Field, From, Order, OrderBy, Origin, Output, Rows, Value, Written};
pub use write::{Conflict, Work, WritePlan};

use super::error::Error;
use super::request::{Action, ApiRequest, Change};
use crate::pg::Catalog;
use crate::pg::catalog::routine::Volatility;
use crate::pg::catalog::{Routine, Table};

/// Names less alike than this are no hint.
const MIN_SIMILARITY: f64 = 0.75;

/// What is to be done, free of any doubt about names.
#[derive(Debug)]
pub enum Plan {
    /// Rows are read.
    Read(Rows),
    /// Rows are changed.
    Write(WritePlan),
    /// A function is called.
    Call(CallPlan),
    /// Nothing: these verbs are possible.
    Inspect(Vec<Method>),
}

impl Plan {
    /// Whether Postgres shall refuse writes.
    pub fn is_read_only(&self, method: &Method) -> bool {
        match self {
            Self::Read(_) | Self::Inspect(_) => true,
            Self::Write(_) => false,
            Self::Call(call) => method != Method::POST || call.volatility != Volatility::Volatile,
        }
    }
}

/// Plans a request.
pub fn plan(request: &ApiRequest, catalog: &Catalog) -> Result<Plan, Error> {
    if !catalog.is_loaded() {
        return Err(Error::NotLoaded);
    }
    let preferences = &request.preferences;
    if preferences.is_strict() && !preferences.unknown.is_empty() {
        return Err(Error::Preferences(preferences.unknown.clone()));
    }
    Ok(match &request.action {
        Action::Read(name) => {
            Plan::Read(read::plan(request, catalog, table(request, catalog, name)?)?)
        }
        Action::Write(name, change) => {
            let table = table(request, catalog, name)?;
            Plan::Write(write::plan(request, catalog, table, *change)?)
        }
        Action::Call(name) => Plan::Call(call::plan(request, catalog, name)?),
        Action::InspectRelation(name) => {
            Plan::Inspect(relation_verbs(table(request, catalog, name)?))
        }
        Action::InspectRoutine(name) => {
            let routines = catalog.routines(&request.schema, name);
            if routines.is_empty() {
                return Err(call::not_found(request, catalog, name));
            }
            Plan::Inspect(routine_verbs(routines))
        }
    })
}

fn table<'a>(request: &ApiRequest, catalog: &'a Catalog, name: &str) -> Result<&'a Table, Error> {
    catalog.table(&request.schema, name).ok_or_else(|| {
        let names = catalog.tables(&request.schema).map(|table| table.name.as_str());
        Error::NoTable {
            name: format!("{}.{name}", request.schema),
            similar: most_similar(name, names)
                .map(|similar| format!("{}.{similar}", request.schema)),
        }
    })
}

fn relation_verbs(table: &Table) -> Vec<Method> {
    let possible = [
        (true, Method::OPTIONS),
        (true, Method::GET),
        (true, Method::HEAD),
        (table.is_insertable, Method::POST),
        (table.is_insertable && table.is_updatable && !table.primary_key.is_empty(), Method::PUT),
        (table.is_updatable, Method::PATCH),
        (table.is_deletable, Method::DELETE),
    ];
    possible.into_iter().filter_map(|(is_possible, verb)| is_possible.then_some(verb)).collect()
}

fn routine_verbs(routines: &[Routine]) -> Vec<Method> {
    if routines.iter().any(|routine| routine.volatility == Volatility::Volatile) {
        vec![Method::OPTIONS, Method::POST]
    } else {
        vec![Method::OPTIONS, Method::GET, Method::HEAD, Method::POST]
    }
}

/// The name that somebody may have meant.
fn most_similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|other| (strsim::normalized_levenshtein(name, other), other))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

impl From {
    fn table(table: &Table) -> Self {
        Self { origin: Origin::Table(table.schema.clone(), table.name.clone()), alias: None }
    }
}

impl Change {
    fn writes_body(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Put)
    }
}
