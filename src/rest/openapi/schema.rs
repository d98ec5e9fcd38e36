//! Values and their types.

use serde_json::{Map, Value, json};
use time::Date;
use time::macros::format_description;
use uuid::Uuid;

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

/// A default that its own schema accepts. PostgREST tells expressions of text columns as they are,
/// and so it is here unless that is no valid value: `gen_random_uuid()` is no `uuid`.
fn default(column: &DescribedColumn) -> Option<Value> {
    let default = column.default.as_deref()?;
    let Some("string") = kind(&column.data_type) else {
        let value = serde_json::from_str(default).ok()?;
        return is_of_kind(&value, kind(&column.data_type)).then_some(value);
    };
    let text = default.strip_suffix(&format!("::{}", column.data_type.sql));
    let text = text.map_or(default, |text| text.trim_matches('\''));
    let is_valid = match format(&column.data_type) {
        "uuid" => Uuid::try_parse(text).is_ok(),
        "date" => Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok(),
        _ => {
            let is_label = |labels: &Vec<String>| labels.iter().any(|label| label == text);
            let is_short = |length: u32| text.chars().nth(length as usize).is_none();
            column.labels.as_ref().is_none_or(is_label) && column.max_length.is_none_or(is_short)
        }
    };
    is_valid.then(|| text.into())
}

fn is_of_kind(value: &Value, kind: Option<&str>) -> bool {
    match kind {
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some(_) => false,
        None => true,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_told_when_their_schema_accepts_them() {
        let told = |sql: &str, default: &str| {
            let of = json!({ "schema": "pg_catalog", "name": match sql {
                "integer" => "int4",
                "boolean" => "bool",
                name => name,
            }, "kind": "b", "is_array": false, "sql": sql });
            let column = json!({
                "name": "it", "comment": null, "type": of,
                "labels": (sql == "mood").then_some(["sad", "glad"]),
                "max_length": (sql == "character varying").then_some(5), "is_nullable": true,
                "is_generated": false, "has_default": true, "default": default, "is_key": false,
                "reference": null,
            });
            super::default(&serde_json::from_value(column).expect("a column"))
        };
        let id = "2f0d9c3e-6f0a-4b0e-9d0b-0a4f6b1c2d3e";
        for (sql, default, value) in [
            ("text", "'a'::text", json!("a")),
            ("text", "left(current_user, 3)", json!("left(current_user, 3)")),
            ("timestamp with time zone", "now()", json!("now()")),
            ("integer", "7", json!(7)),
            ("boolean", "true", json!(true)),
            ("uuid", &format!("'{id}'::uuid"), json!(id)),
            ("date", "'2020-02-29'::date", json!("2020-02-29")),
            ("mood", "'sad'::mood", json!("sad")),
            ("character varying", "'abcde'::character varying", json!("abcde")),
        ] {
            assert_eq!(told(sql, default), Some(value), "{sql} {default}");
        }
        for (sql, default) in [
            ("integer", "nextval('numbers')"),
            ("integer", "1.5"),
            ("boolean", "1"),
            ("uuid", "gen_random_uuid()"),
            ("date", "CURRENT_DATE"),
            ("date", "'infinity'::date"),
            ("mood", "first_mood()"),
            ("character varying", "left(current_user, 3)"),
        ] {
            assert_eq!(told(sql, default), None, "{sql} {default}");
        }
    }
}
