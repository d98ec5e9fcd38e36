//! What can be asked of a table or a function.

use serde_json::{Map, Value, json};

use super::schema;
use crate::pg::catalog::description::{DescribedColumn, DescribedRoutine, DescribedTable};

/// Formats of bodies, both ways.
pub const MEDIA_TYPES: [&str; 4] = [
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
    "text/csv",
];

/// Parameters that mean something else than a filter.
const OWN: [&str; 5] = ["select", "order", "offset", "limit", "on_conflict"];

/// What can be asked of the root.
pub fn root() -> Value {
    json!({ "get": {
        "tags": ["Introspection"],
        "summary": "OpenAPI description (this document)",
        "produces": ["application/openapi+json", "application/json"],
        "responses": { "200": { "description": "OK" } },
    }})
}

/// What can be asked of a table, whoever asks.
pub fn of_table(table: &DescribedTable) -> Value {
    let name = &table.name;
    let shared = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({ "$ref": schema::reference("parameters", name) })).collect()
    };
    // A column of that name cannot be filtered, and naming a parameter twice would be invalid.
    let is_filter = |column: &&DescribedColumn| !OWN.contains(&column.name.as_str());
    let columns = table.columns.iter().filter(is_filter);
    let filters: Vec<String> =
        columns.map(|column| format!("rowFilter.{name}.{}", column.name)).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let body = format!("body.{name}");
    let rows = json!({
        "type": "array",
        "items": { "$ref": schema::reference("definitions", name) },
    });
    let read = ["select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"];
    let mut verbs = Map::new();
    let mut put = |verb: &str, parameters: Vec<Value>, responses: Value| {
        let mut operation = told(name, table.comment.as_deref());
        operation.insert("parameters".into(), parameters.into());
        operation.insert("responses".into(), responses);
        verbs.insert(verb.to_owned(), Value::Object(operation));
    };
    put(
        "get",
        shared(&[&filters[..], &read].concat()),
        json!({
            "200": { "description": "OK", "schema": rows },
            "206": { "description": "Partial Content" },
        }),
    );
    if table.is_insertable {
        let parameters = shared(&[body.as_str(), "select", "preferPost"]);
        put("post", parameters, json!({ "201": { "description": "Created" } }));
    }
    if table.is_deletable {
        let parameters = shared(&[&filters[..], &["preferReturn"]].concat());
        put("delete", parameters, json!({ "204": { "description": "No Content" } }));
    }
    if table.is_updatable {
        let parameters = shared(&[&filters[..], &[body.as_str(), "preferReturn"]].concat());
        put("patch", parameters, json!({ "204": { "description": "No Content" } }));
    }
    Value::Object(verbs)
}

/// How a function can be called.
pub fn of_routine(routine: &DescribedRoutine) -> Value {
    let operation = |parameters: Vec<Value>| {
        let tag = format!("(rpc) {}", routine.name);
        let mut operation = told(&tag, routine.comment.as_deref());
        operation.insert("produces".into(), json!(&MEDIA_TYPES[..3]));
        operation.insert("parameters".into(), parameters.into());
        operation.insert("responses".into(), json!({ "200": { "description": "OK" } }));
        Value::Object(operation)
    };
    let mut verbs = Map::new();
    if !routine.is_volatile {
        let named = routine.arguments.iter().filter(|argument| !argument.name.is_empty());
        verbs.insert("get".into(), operation(named.map(schema::of_parameter).collect()));
    }
    let mut arguments = json!({
        "type": "object",
        "properties": schema::of_arguments(&routine.arguments),
    });
    if let Some(comment) = &routine.comment {
        arguments["description"] = json!(comment);
    }
    let required = routine.arguments.iter().filter(|argument| argument.is_required);
    let required: Vec<&str> =
        required.map(|argument| argument.name.as_str()).filter(|name| !name.is_empty()).collect();
    if !required.is_empty() {
        arguments["required"] = json!(required);
    }
    let body = json!({ "in": "body", "name": "args", "required": true, "schema": arguments });
    let prefer = json!({ "$ref": schema::reference("parameters", "preferParams") });
    verbs.insert("post".into(), operation(vec![body, prefer]));
    Value::Object(verbs)
}

/// A comment's first line is the summary, what follows the description.
fn told(tag: &str, comment: Option<&str>) -> Map<String, Value> {
    let mut operation = Map::new();
    operation.insert("tags".into(), json!([tag]));
    if let Some(comment) = comment {
        let (summary, description) = comment.split_once('\n').unwrap_or((comment, ""));
        operation.insert("summary".into(), json!(summary));
        let description = description.trim_start_matches('\n');
        if !description.is_empty() {
            operation.insert("description".into(), json!(description));
        }
    }
    operation
}

/// The dialect's own parameters.
pub fn shared_parameters() -> Map<String, Value> {
    let prefer = |values: &[&str]| {
        let mut parameter = json!({
            "name": "Prefer",
            "description": "Preference",
            "required": false,
            "in": "header",
            "type": "string",
        });
        if !values.is_empty() {
            parameter["enum"] = json!(values);
        }
        parameter
    };
    let text = |place: &str, name: &str, description: &str| {
        json!({
            "name": name,
            "description": description,
            "required": false,
            "in": place,
            "type": "string",
        })
    };
    let returns = ["return=representation", "return=minimal", "return=none"];
    let resolutions = ["resolution=ignore-duplicates", "resolution=merge-duplicates"];
    let mut unit = text("header", "Range-Unit", "Limiting and Pagination");
    unit["default"] = json!("items");
    let parameters = [
        ("preferParams", prefer(&[])),
        ("preferReturn", prefer(&returns)),
        ("preferCount", prefer(&["count=none"])),
        ("preferPost", prefer(&[&returns[..], &resolutions].concat())),
        ("select", text("query", "select", "Filtering Columns")),
        ("on_conflict", text("query", "on_conflict", "On Conflict")),
        ("order", text("query", "order", "Ordering")),
        ("range", text("header", "Range", "Limiting and Pagination")),
        ("rangeUnit", unit),
        ("offset", text("query", "offset", "Limiting and Pagination")),
        ("limit", text("query", "limit", "Limiting and Pagination")),
    ];
    parameters.into_iter().map(|(name, parameter)| (name.to_owned(), parameter)).collect()
}
