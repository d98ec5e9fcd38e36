//! The same document in the words of OpenAPI 3.1, which can say what 2.0 cannot: which values may
//! be null, and what a refusal looks like.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::document::{self, About};
use crate::pg::catalog::description::Description;

/// Where 2.0 and 3.1 keep what is referred to.
const PLACES: [(&str, &str); 3] = [
    ("#/parameters/body.", "#/components/requestBodies/"),
    ("#/parameters/", "#/components/parameters/"),
    ("#/definitions/", "#/components/schemas/"),
];

/// What an answer may be beside those that are named: an error, as all of them look.
const REFUSAL: &str = "#/components/responses/refusal";

/// A document about what is described.
pub fn document(described: &Description, about: &About<'_>) -> Value {
    let older = document::document(described, about);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": older["info"],
        "paths": each(&older["paths"], |item| each(item, operation)),
        "components": components(&older, described),
        "externalDocs": older["externalDocs"],
    });
    if let Some(url) = about.url {
        document["servers"] = json!([{ "url": url.trim_end_matches('/') }]);
    }
    if about.tells_security {
        document["security"] = older["security"].clone();
        document["components"]["securitySchemes"] = json!({
            "JWT": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        });
    }
    document
}

fn components(older: &Value, described: &Description) -> Value {
    let mut schemas = Map::new();
    for table in &described.tables {
        let mut schema = renamed(&older["definitions"][&table.name]);
        for column in table.columns.iter().filter(|column| column.is_nullable) {
            allow_null(&mut schema["properties"][&column.name]);
        }
        schemas.insert(key(&table.name), schema);
    }
    let (mut parameters, mut bodies) = (Map::new(), Map::new());
    for (name, older) in older["parameters"].as_object().into_iter().flatten() {
        match name.strip_prefix("body.") {
            Some(table) => bodies.insert(key(table), body(older)),
            None => parameters.insert(key(name), parameter(older)),
        };
    }
    let text = json!({ "type": ["string", "null"] });
    json!({
        "schemas": schemas,
        "parameters": parameters,
        "requestBodies": bodies,
        "responses": { "refusal": {
            "description": "It was refused",
            "content": { "application/json": { "schema": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": { "type": "string" },
                    "message": { "type": "string" },
                    "details": text,
                    "hint": text,
                },
            }}},
        }},
    })
}

fn operation(older: &Value) -> Value {
    let mut operation = json!({});
    for name in ["tags", "summary", "description"] {
        if let Some(said) = older.get(name) {
            operation[name] = said.clone();
        }
    }
    let mut parameters = Vec::new();
    for older in older["parameters"].as_array().into_iter().flatten() {
        let is_body = older["in"] == "body"
            || older["$ref"].as_str().is_some_and(|it| it.starts_with(PLACES[0].0));
        match older.get("$ref") {
            Some(_) if is_body => operation["requestBody"] = renamed(older),
            Some(_) => parameters.push(renamed(older)),
            None if is_body => operation["requestBody"] = body(older),
            None => parameters.push(parameter(older)),
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation["responses"] = each(&older["responses"], response);
    operation["responses"]["default"] = json!({ "$ref": REFUSAL });
    operation
}

fn response(older: &Value) -> Value {
    let mut response = json!({ "description": older["description"] });
    if let Some(schema) = older.get("schema") {
        response["content"] = json!({ "application/json": { "schema": renamed(schema) } });
    }
    response
}

fn body(older: &Value) -> Value {
    let schema = renamed(&older["schema"]);
    json!({
        "required": older["required"],
        "content": { "application/json": { "schema": schema } },
    })
}

/// Of a parameter, 3.1 keeps apart what it is and what its values are.
fn parameter(older: &Value) -> Value {
    let (mut parameter, mut schema) = (Map::new(), Map::new());
    for (name, value) in older.as_object().into_iter().flatten() {
        match name.as_str() {
            "name" | "in" | "description" | "required" => {
                parameter.insert(name.clone(), value.clone());
            }
            "collectionFormat" => {
                parameter.insert("style".into(), json!("form"));
                parameter.insert("explode".into(), json!(true));
            }
            _ => {
                schema.insert(name.clone(), value.clone());
            }
        }
    }
    parameter.insert("schema".into(), schema.into());
    parameter.into()
}

/// The schema of a value that may be null; one that names no type takes null already.
fn allow_null(schema: &mut Value) {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(Value::Array(labels)) = schema.get_mut("enum") {
        labels.push(Value::Null);
    }
}

/// A copy in which references lead to where things are kept in 3.1.
fn renamed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| match value {
                Value::String(reference) if name == "$ref" => (name.clone(), moved(reference)),
                value => (name.clone(), renamed(value)),
            };
            members.iter().map(member).collect()
        }
        Value::Array(values) => values.iter().map(renamed).collect(),
        value => value.clone(),
    }
}

fn moved(reference: &str) -> Value {
    let found = PLACES.iter().find_map(|(from, to)| Some((reference.strip_prefix(from)?, to)));
    let Some((name, to)) = found else { return reference.into() };
    format!("{to}{}", key(&name.replace("~1", "/").replace("~0", "~"))).into()
}

/// A name as 3.1 lets components have; what it forbids is written as in SQL/XML (`_x0020_`).
fn key(name: &str) -> String {
    let mut key = String::new();
    for (index, character) in name.char_indices() {
        let is_escape = name[index..].starts_with("_x");
        if !is_escape && (character.is_ascii_alphanumeric() || "._-".contains(character)) {
            key.push(character);
        } else {
            let _ = write!(key, "_x{:04X}_", u32::from(character));
        }
    }
    key
}

fn each(object: &Value, make: impl Fn(&Value) -> Value) -> Value {
    let members = object.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), make(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_apart_what_they_are_and_what_they_take() {
        let older = json!({
            "name": "n", "in": "query", "required": true, "type": "array", "format": "integer[]",
            "collectionFormat": "multi", "items": { "type": "string" },
        });
        let expected = json!({
            "name": "n", "in": "query", "required": true, "style": "form", "explode": true,
            "schema": { "type": "array", "format": "integer[]", "items": { "type": "string" } },
        });
        assert_eq!(parameter(&older), expected);
    }

    #[test]
    fn bodies_leave_the_parameters() {
        let older = json!({
            "tags": ["t"],
            "parameters": [
                { "$ref": "#/parameters/body.odd ~1 name" },
                { "$ref": "#/parameters/select" },
            ],
            "responses": { "201": { "description": "Created" } },
        });
        let expected = json!({
            "tags": ["t"],
            "requestBody": { "$ref": "#/components/requestBodies/odd_x0020__x002F__x0020_name" },
            "parameters": [{ "$ref": "#/components/parameters/select" }],
            "responses": { "201": { "description": "Created" }, "default": { "$ref": REFUSAL } },
        });
        assert_eq!(operation(&older), expected);
    }

    #[test]
    fn names_stay_apart_whatever_is_in_them() {
        let names = ["a b", "a_x0020_b", "a_b", "a.b", "ä", "_x"];
        let keys = ["a_x0020_b", "a_x005F_x0020_b", "a_b", "a.b", "_x00E4_", "_x005F_x"];
        assert_eq!(names.map(key), keys);
    }

    #[test]
    fn null_is_a_value_of_what_may_be_null() {
        let allowed = |mut schema: Value| {
            allow_null(&mut schema);
            schema
        };
        assert_eq!(
            allowed(json!({ "type": "string", "enum": ["a"] })),
            json!({ "type": ["string", "null"], "enum": ["a", null] })
        );
        assert_eq!(allowed(json!({ "format": "jsonb" })), json!({ "format": "jsonb" }));
    }
}
