//! Values and their types.

use serde_json::{Map, Value, json};

use crate::pg::catalog::description::{
    DescribedArgument, DescribedColumn, DescribedTable, TypeName,
};

/// `#/definitions/name`; a slash or tilde in a name stands escaped (RFC 6901).
pub fn reference(place: &str, name: &str) -> String {
    format!("#/{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A row.
pub fn of_table(table: &DescribedTable) -> Value {
    let mut definition = Map::new();
    if let Some(comment) = &table.comment {
        definition.insert("description".into(), json!(comment));
    }
    definition.insert("type".into(), json!("object"));
    let required: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| !column.is_nullable && !column.has_default && !column.is_generated)
        .map(|column| column.name.as_str())
        .collect();
    // A list without members would be invalid.
    if !required.is_empty() {
        definition.insert("required".into(), json!(required));
    }
    let properties: Map<String, Value> =
        table.columns.iter().map(|column| (column.name.clone(), of_column(column))).collect();
    definition.insert("properties".into(), properties.into());
    Value::Object(definition)
}

fn of_column(column: &DescribedColumn) -> Value {
    let mut property = Map::new();
    if let Some(description) = description(column) {
        property.insert("description".into(), description.into());
    }
    property.extend(of_type(&column.data_type));
    if let Some(default) = default(column) {
        property.insert("default".into(), default);
    }
    if let Some(labels) = &column.labels {
        property.insert("enum".into(), json!(labels));
    }
    if let Some(length) = column.max_length {
        property.insert("maxLength".into(), json!(length));
    }
    Value::Object(property)
}

/// The comment, and a note about keys.
fn description(column: &DescribedColumn) -> Option<String> {
    let key = column.is_key.then(|| "This is a Primary Key.<pk/>".to_owned());
    let reference = column.reference.as_ref().map(|to| {
        let (table, column) = (&to.table, &to.column);
        format!(
            "This is a Foreign Key to `{table}.{column}`.<fk table='{table}' column='{column}'/>"
        )
    });
    let notes: Vec<String> = [key, reference].into_iter().flatten().collect();
    if notes.is_empty() {
        return column.comment.clone();
    }
    let before = column.comment.as_ref().map(|comment| format!("{comment}\n\n"));
    Some(format!("{}Note:\n{}", before.unwrap_or_default(), notes.join("\n")))
}

/// A default that can be told as a value; expressions of text columns are told as they are.
fn default(column: &DescribedColumn) -> Option<Value> {
    let default = column.default.as_deref()?;
    if kind(&column.data_type) != Some("string") {
        return serde_json::from_str(default).ok();
    }
    let text = default.strip_suffix(&format!("::{}", column.data_type.sql));
    Some(text.map_or(default, |text| text.trim_matches('\'')).into())
}

/// Type and format, as far as JSON knows one.
fn of_type(of: &TypeName) -> Map<String, Value> {
    let mut told = Map::new();
    if let Some(kind) = kind(of) {
        told.insert("type".into(), json!(kind));
    }
    told.insert("format".into(), json!(format(of)));
    if of.is_array {
        let element = TypeName { is_array: false, ..of.clone() };
        let items = kind(&element).map_or_else(|| json!({}), |kind| json!({ "type": kind }));
        told.insert("items".into(), items);
    }
    told
}

fn kind(of: &TypeName) -> Option<&'static str> {
    if of.is_array {
        return Some("array");
    }
    if of.schema != "pg_catalog" {
        return Some("string");
    }
    match of.name.as_str() {
        "bool" => Some("boolean"),
        "int2" | "int4" | "int8" => Some("integer"),
        "numeric" | "float4" | "float8" => Some("number"),
        "json" | "jsonb" => None,
        _ => Some("string"),
    }
}

fn format(of: &TypeName) -> &str {
    match of.sql.as_str() {
        "smallint" | "integer" => "int32",
        "bigint" => "int64",
        sql => sql,
    }
}

/// Members of a call's body.
pub fn of_arguments(arguments: &[DescribedArgument]) -> Value {
    let named = arguments.iter().filter(|argument| !argument.name.is_empty());
    named
        .map(|argument| (argument.name.clone(), Value::Object(of_type(&argument.data_type))))
        .collect()
}

/// An argument in a query string.
pub fn of_parameter(argument: &DescribedArgument) -> Value {
    let mut parameter = Map::new();
    parameter.insert("name".into(), json!(argument.name));
    parameter.insert("required".into(), json!(argument.is_required));
    parameter.insert("in".into(), json!("query"));
    let of = &argument.data_type;
    if argument.is_variadic {
        parameter.extend(of_type(of));
        parameter.insert("collectionFormat".into(), json!("multi"));
        parameter.insert(
            "items".into(),
            json!({ "type": "string", "format": of.sql.trim_end_matches("[]") }),
        );
    } else {
        // Arrays are given as one text, and what JSON knows no type for is text here.
        let kind = kind(of).filter(|kind| *kind != "array").unwrap_or("string");
        parameter.insert("type".into(), json!(kind));
        parameter.insert("format".into(), json!(format(of)));
    }
    Value::Object(parameter)
}
