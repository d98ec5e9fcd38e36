//! Which of a function's overloads is called, and with what.

use std::collections::BTreeSet;

use http::Method;

use super::super::error::Error;
use super::super::request::{ApiRequest, PayloadShape};
use super::read::Planner;
use super::{From, Origin, Rows, most_similar};
use crate::pg::Catalog;
use crate::pg::catalog::routine::{Argument, Shape, Volatility};
use crate::pg::catalog::{Routine, Table};

/// A call.
#[derive(Debug)]
pub struct CallPlan {
    /// Schema of the function.
    pub schema: String,
    /// The function.
    pub routine: String,
    /// What it promises about side effects.
    pub volatility: Volatility,
    /// What one result looks like.
    pub shape: Shape,
    /// Whether it gives any number of results.
    pub is_set: bool,
    /// With what it is called.
    pub arguments: Arguments,
    /// Computed columns of its rows that are read.
    pub computed: Vec<String>,
    /// Whether functions are given its rows as a whole.
    pub gives_whole: bool,
    /// What is read of its rows, when it gives rows.
    pub rows: Option<Rows>,
}

/// With what a function is called.
#[derive(Debug)]
pub enum Arguments {
    /// Members of the body, an object.
    Members(Vec<Argument>),
    /// The body as it is, of this type.
    Body(String),
    /// Values of parameters.
    Given(Vec<Given>),
}

/// An argument given by parameters.
#[derive(Debug)]
pub struct Given {
    /// The argument.
    pub argument: Argument,
    /// Its values; several only for a variadic one.
    pub values: Vec<String>,
}

/// Plans the call of a function named `name`.
pub fn plan(request: &ApiRequest, catalog: &Catalog, name: &str) -> Result<CallPlan, Error> {
    let keys = keys(request);
    let routine = choose(request, catalog, name, &keys)?;
    let rows = match routine.shape {
        Shape::Composite => Some(planned_rows(request, catalog, routine)?),
        Shape::Scalar | Shape::Void => None,
    };
    Ok(CallPlan {
        computed: rows.as_ref().map(|rows| computed(catalog, routine, rows)).unwrap_or_default(),
        gives_whole: rows.as_ref().is_some_and(Rows::needs_whole),
        schema: routine.schema.clone(),
        routine: routine.name.clone(),
        volatility: routine.volatility,
        shape: routine.shape,
        is_set: routine.is_set,
        arguments: arguments(request, routine, &keys),
        rows,
    })
}

/// The table whose rows it gives.
fn table<'a>(catalog: &'a Catalog, routine: &Routine) -> Option<&'a Table> {
    catalog.table(routine.table_schema.as_ref()?, routine.table.as_ref()?)
}

/// Columns that a function gives for a row, among those mentioned.
fn computed(catalog: &Catalog, routine: &Routine, rows: &Rows) -> Vec<String> {
    let Some(table) = table(catalog, routine) else { return Vec::new() };
    let is_computed = |name: &&str| table.computed.contains_key(*name);
    rows.columns().into_iter().filter(is_computed).map(str::to_owned).collect()
}

fn planned_rows(request: &ApiRequest, catalog: &Catalog, routine: &Routine) -> Result<Rows, Error> {
    let table = table(catalog, routine);
    let from = From { origin: Origin::Source, alias: Some(routine.name.clone()) };
    let mut rows = Planner::new(request, catalog).rows(from, table)?;
    if routine.is_set {
        rows.window = request.window.capped(request.bounds.max_rows);
    }
    Ok(rows)
}

/// Names of the arguments given.
fn keys(request: &ApiRequest) -> BTreeSet<&str> {
    if request.method == Method::POST {
        return request.payload.keys.iter().map(String::as_str).collect();
    }
    request.query.arguments.iter().map(|(name, _)| name.as_str()).collect()
}

fn choose<'a>(
    request: &ApiRequest,
    catalog: &'a Catalog,
    name: &str,
    keys: &BTreeSet<&str>,
) -> Result<&'a Routine, Error> {
    let routines = catalog.routines(&request.schema, name);
    let is_object = request.payload.shape != PayloadShape::Other;
    let mut found: Vec<&Routine> =
        routines.iter().filter(|routine| is_object && takes(routine, keys)).collect();
    if found.is_empty() && request.method == Method::POST {
        found = routines.iter().filter(|routine| unnamed(routine).is_some()).collect();
    }
    match found.as_slice() {
        [routine] => Ok(routine),
        [] => {
            let arguments = keys.iter().map(|key| (*key).to_owned()).collect();
            Err(not_found(request, catalog, name, arguments))
        }
        several => Err(Error::AmbiguousRoutine(several.iter().map(|one| signature(one)).collect())),
    }
}

/// Every argument given is one of the function's, and none it needs is missing.
fn takes(routine: &Routine, keys: &BTreeSet<&str>) -> bool {
    unnamed_arguments(routine) == 0
        && keys.iter().all(|key| routine.arguments.iter().any(|argument| argument.name == *key))
        && routine
            .arguments
            .iter()
            .filter(|argument| argument.is_required)
            .all(|argument| keys.contains(argument.name.as_str()))
}

fn unnamed_arguments(routine: &Routine) -> usize {
    routine.arguments.iter().filter(|argument| argument.name.is_empty()).count()
}

/// The single unnamed argument that takes a JSON body whole.
fn unnamed(routine: &Routine) -> Option<&Argument> {
    match routine.arguments.as_slice() {
        [argument]
            if argument.name.is_empty() && matches!(&*argument.sql_type, "json" | "jsonb") =>
        {
            Some(argument)
        }
        _ => None,
    }
}

fn signature(routine: &Routine) -> String {
    let arguments: Vec<String> = routine
        .arguments
        .iter()
        .map(|argument| format!("{} => {}", argument.name, argument.sql_type))
        .collect();
    format!("{}.{}({})", routine.schema, routine.name, arguments.join(", "))
}

/// No such function, with the one that may have been meant.
pub fn not_found(
    request: &ApiRequest,
    catalog: &Catalog,
    name: &str,
    arguments: Vec<String>,
) -> Error {
    let similar = match catalog.routines(&request.schema, name).first() {
        Some(routine) => {
            let names: Vec<&str> =
                routine.arguments.iter().map(|argument| argument.name.as_str()).collect();
            Some(format!("{}.{name}({})", request.schema, names.join(", ")))
        }
        None => most_similar(name, catalog.routine_names(&request.schema))
            .map(|similar| format!("{}.{similar}", request.schema)),
    };
    Error::NoRoutine {
        name: format!("{}.{name}", request.schema),
        arguments,
        takes_body: request.method == Method::POST,
        similar,
    }
}

fn arguments(request: &ApiRequest, routine: &Routine, keys: &BTreeSet<&str>) -> Arguments {
    if let Some(argument) = unnamed(routine) {
        return Arguments::Body(argument.sql_type.clone());
    }
    let named = routine.arguments.iter().filter(|argument| keys.contains(argument.name.as_str()));
    if request.method == Method::POST {
        return Arguments::Members(named.cloned().collect());
    }
    Arguments::Given(named.map(|argument| given(request, argument)).collect())
}

/// Of a repeated parameter the last value speaks, unless the argument takes several.
fn given(request: &ApiRequest, argument: &Argument) -> Given {
    let mut values: Vec<String> = request
        .query
        .arguments
        .iter()
        .filter(|(name, _)| *name == argument.name)
        .map(|(_, value)| value.clone())
        .collect();
    if !argument.is_variadic {
        values.drain(..values.len().saturating_sub(1));
    }
    Given { argument: argument.clone(), values }
}
