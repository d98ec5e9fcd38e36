//! Which of a function's overloads is called, and with what.

use std::collections::BTreeSet;

use http::Method;

use super::super::error::{Error, Takes};
use super::super::media::Media;
use super::super::payload::{self, Shape as BodyShape};
use super::super::request::ApiRequest;
use super::read::Planner;
use super::{From, Origin, Rows, most_similar};
use crate::pg::Catalog;
use crate::pg::catalog::routine::{Argument, Shape, Volatility};
use crate::pg::catalog::{Routine, Table};

/// Lists of parameters less alike than this are no hint.
const MIN_LIST_SIMILARITY: f64 = 0.33;

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
    /// The relation whose rows it gives: schema and name.
    pub table: Option<(String, String)>,
    /// Settings that the function asks for: names and values.
    pub settings: Vec<(String, String)>,
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
    /// Members of the body, an object or the first of several.
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
    if request.preferences.limit().is_some() && !routine.is_set {
        return Err(Error::LimitOfSingle);
    }
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
        table: routine.table_schema.clone().zip(routine.table.clone()),
        settings: routine.settings.clone(),
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
    let is_named = !matches!(request.payload.shape, BodyShape::Uneven | BodyShape::Scalar);
    let mut found: Vec<&Routine> =
        routines.iter().filter(|routine| is_named && takes(request, routine, keys)).collect();
    if found.is_empty() {
        found = routines.iter().filter(|routine| whole(request, routine).is_some()).collect();
    }
    match found.as_slice() {
        [routine] => Ok(routine),
        [] if request.payload.shape == BodyShape::Uneven => Err(payload::uneven()),
        [] => Err(not_found(request, catalog, name)),
        several => Err(Error::AmbiguousRoutine(several.iter().map(|one| signature(one)).collect())),
    }
}

/// Every argument given is one of the function's, and none it needs is missing.
fn takes(request: &ApiRequest, routine: &Routine, keys: &BTreeSet<&str>) -> bool {
    if routine.arguments.is_empty() {
        return keys.is_empty() && request.payload.shape != BodyShape::Whole;
    }
    routine.arguments.iter().all(|argument| !argument.name.is_empty())
        && keys.iter().all(|key| routine.arguments.iter().any(|argument| argument.name == *key))
        && routine
            .arguments
            .iter()
            .filter(|argument| argument.is_required)
            .all(|argument| keys.contains(argument.name.as_str()))
}

/// The single unnamed argument that takes a body of this format whole.
fn whole<'a>(request: &ApiRequest, routine: &'a Routine) -> Option<&'a Argument> {
    let [argument] = routine.arguments.as_slice() else { return None };
    let is_taken = match request.content {
        Media::Json => matches!(&*argument.sql_type, "json" | "jsonb"),
        Media::Text => argument.sql_type == "text",
        Media::Xml => argument.sql_type == "xml",
        Media::Bytes => argument.sql_type == "bytea",
        _ => false,
    };
    let is_unnamed = argument.name.is_empty() && request.method == Method::POST;
    (is_taken && is_unnamed).then_some(argument)
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
pub fn not_found(request: &ApiRequest, catalog: &Catalog, name: &str) -> Error {
    let takes = match request.content {
        _ if request.method != Method::POST => Takes::Named,
        Media::Json => Takes::NamedOrJson,
        Media::Text => Takes::Whole("text"),
        Media::Xml => Takes::Whole("xml"),
        Media::Bytes => Takes::Whole("bytea"),
        _ => Takes::Named,
    };
    let given: Vec<String> = keys(request).into_iter().map(str::to_owned).collect();
    let routines = catalog.routines(&request.schema, name);
    let similar = match takes {
        Takes::Whole(_) => None,
        _ if routines.is_empty() => {
            most_similar(name, catalog.routine_names(&request.schema)).map(str::to_owned)
        }
        _ => similar_list(&given, routines).map(|list| format!("{name}{list}")),
    };
    Error::NoRoutine {
        name: format!("{}.{name}", request.schema),
        arguments: given,
        takes,
        similar: similar.map(|similar| format!("{}.{similar}", request.schema)),
    }
}

/// The list of parameters that is most like the given one.
fn similar_list(given: &[String], routines: &[Routine]) -> Option<String> {
    let list = |mut names: Vec<&str>| {
        names.sort_unstable();
        format!("({})", names.join(", "))
    };
    let given = list(given.iter().map(String::as_str).collect());
    routines
        .iter()
        .map(|routine| list(routine.arguments.iter().map(|one| one.name.as_str()).collect()))
        .map(|other| (strsim::normalized_levenshtein(&given, &other), other))
        .filter(|(similarity, _)| *similarity >= MIN_LIST_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

fn arguments(request: &ApiRequest, routine: &Routine, keys: &BTreeSet<&str>) -> Arguments {
    if let [argument] = routine.arguments.as_slice()
        && argument.name.is_empty()
    {
        return Arguments::Body(argument.cast.clone());
    }
    let named = routine.arguments.iter().filter(|argument| keys.contains(argument.name.as_str()));
    let fields = match (&request.method, request.payload.shape) {
        (&Method::POST, BodyShape::Form) => &request.payload.fields,
        (&Method::POST, _) => return Arguments::Members(named.cloned().collect()),
        _ => &request.query.arguments,
    };
    Arguments::Given(named.map(|argument| given(fields, argument)).collect())
}

/// Of a repeated parameter the last value speaks, unless the argument takes several.
fn given(fields: &[(String, String)], argument: &Argument) -> Given {
    let mut values: Vec<String> = fields
        .iter()
        .filter(|(name, _)| *name == argument.name)
        .map(|(_, value)| value.clone())
        .collect();
    if !argument.is_variadic {
        values.drain(..values.len().saturating_sub(1));
    }
    Given { argument: argument.clone(), values }
}
