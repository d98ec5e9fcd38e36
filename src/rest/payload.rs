//! The body of a write or a call: JSON, CSV, a form, or anything whole. Pure.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::Error;
use super::media::Media;

/// A body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Its text, JSON for a write; bytes are hexadecimal, as Postgres reads them.
    pub text: String,
    /// What it is.
    pub shape: Shape,
    /// Keys of its object or of all its objects, or those that `columns=` names.
    pub keys: Vec<String>,
    /// Fields of a form that gives arguments.
    pub fields: Vec<(String, String)>,
}

/// What a body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    #[default]
    Nothing,
    /// One object.
    Object,
    /// An array of objects.
    Objects,
    /// An array of other things, or of objects with different keys.
    Uneven,
    /// Another JSON value.
    Scalar,
    /// Fields of a form.
    Form,
    /// No JSON: it can only be handed on whole.
    Whole,
}

/// Members of an object, their values unparsed.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads what a body holds, by its `Content-Type`; JSON when nothing is said.
pub fn content_type(headers: &HeaderMap) -> Media {
    match headers.get("content-type") {
        Some(name) => Media::read(&String::from_utf8_lossy(name.as_bytes())),
        None => Media::Json,
    }
}

/// The rows of a write: an object, or objects with the same keys. With `columns=` nobody looks
/// into it before Postgres does.
pub fn rows(content: &Media, body: &[u8], columns: Option<&[String]>) -> Result<Payload, Error> {
    match content {
        Media::Json => {
            let text = std::str::from_utf8(body).map_err(|_| invalid_json())?;
            match columns {
                Some(columns) => Ok(unparsed(text, columns)),
                None => rows_of_json(text),
            }
        }
        Media::Csv => rows_of_csv(body),
        Media::Form => Ok(row_of_form(body)),
        other => Err(unacceptable(other)),
    }
}

/// The arguments of a call: members of an object, fields of a form, or the body whole.
pub fn arguments(
    content: &Media,
    body: &[u8],
    columns: Option<&[String]>,
) -> Result<Payload, Error> {
    match content {
        Media::Json => {
            let text = std::str::from_utf8(body).map_err(|_| invalid_json())?;
            match columns {
                Some(columns) => Ok(unparsed(text, columns)),
                None => arguments_of_json(text),
            }
        }
        Media::Form => {
            let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            let mut keys: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            keys.sort();
            keys.dedup();
            Ok(Payload { shape: Shape::Form, keys, fields, ..Payload::default() })
        }
        Media::Text | Media::Xml => {
            let text = std::str::from_utf8(body)
                .map_err(|_| Error::Body("The body is not UTF-8".into()))?;
            Ok(whole(text.to_owned()))
        }
        Media::Bytes => Ok(whole(format!("\\x{}", hex::encode(body)))),
        other => Err(unacceptable(other)),
    }
}

fn whole(text: String) -> Payload {
    Payload { text, shape: Shape::Whole, ..Payload::default() }
}

fn unparsed(text: &str, columns: &[String]) -> Payload {
    let shape = if text.trim_start().starts_with('[') { Shape::Objects } else { Shape::Object };
    Payload { text: text.to_owned(), shape, keys: columns.to_vec(), ..Payload::default() }
}

fn of_json(text: &str, shape: Shape, keys: Vec<String>) -> Payload {
    Payload { text: text.to_owned(), shape, keys, ..Payload::default() }
}

fn rows_of_json(text: &str) -> Result<Payload, Error> {
    match text.trim_start().chars().next() {
        Some('{') => {
            let object: Members<'_> = serde_json::from_str(text).map_err(|_| invalid_json())?;
            Ok(of_json(text, Shape::Object, object.into_keys().collect()))
        }
        Some('[') => match keys_of_all(text)? {
            Some(keys) => Ok(of_json(text, Shape::Objects, keys)),
            None => Err(uneven()),
        },
        // Any other value holds no rows.
        _ => {
            let _: IgnoredAny = serde_json::from_str(text).map_err(|_| invalid_json())?;
            Ok(of_json("[]", Shape::Objects, Vec::new()))
        }
    }
}

fn arguments_of_json(text: &str) -> Result<Payload, Error> {
    match text.trim_start().chars().next() {
        None => Ok(of_json("{}", Shape::Object, Vec::new())),
        Some('{') => rows_of_json(text),
        Some('[') => Ok(match keys_of_all(text)? {
            Some(keys) => of_json(text, Shape::Objects, keys),
            None => of_json(text, Shape::Uneven, Vec::new()),
        }),
        _ => {
            let _: IgnoredAny = serde_json::from_str(text).map_err(|_| invalid_json())?;
            Ok(of_json(text, Shape::Scalar, Vec::new()))
        }
    }
}

/// The keys of an array's objects, if they are objects and all have the same.
fn keys_of_all(text: &str) -> Result<Option<Vec<String>>, Error> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| invalid_json())?;
    let mut keys: Option<Members<'_>> = None;
    for element in elements {
        let Ok(object) = serde_json::from_str::<Members<'_>>(element.get()) else {
            return Ok(None);
        };
        match &keys {
            None => keys = Some(object),
            Some(first) if first.keys().eq(object.keys()) => {}
            Some(_) => return Ok(None),
        }
    }
    Ok(Some(keys.unwrap_or_default().into_keys().collect()))
}

/// A line of names, then a line for each row; `NULL` is null.
fn rows_of_csv(body: &[u8]) -> Result<Payload, Error> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let unreadable = |error: csv::Error| Error::Body(format!("The CSV does not read: {error}"));
    let names = reader.headers().map_err(unreadable)?.clone();
    if names.is_empty() {
        return Err(Error::Body("The CSV has no line of names".into()));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        if record.len() != names.len() {
            return Err(Error::Body("All lines must have same number of fields".into()));
        }
        let members = names.iter().zip(&record).map(|(name, value)| {
            let value = if value == "NULL" { Value::Null } else { value.into() };
            (name.to_owned(), value)
        });
        rows.push(Value::Object(members.collect()));
    }
    let mut keys: Vec<String> =
        if rows.is_empty() { Vec::new() } else { names.iter().map(str::to_owned).collect() };
    keys.sort();
    keys.dedup();
    let text = Value::Array(rows).to_string();
    Ok(Payload { text, shape: Shape::Objects, keys, ..Payload::default() })
}

/// Of a field that is named twice the last value speaks.
fn row_of_form(body: &[u8]) -> Payload {
    let row: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let mut keys: Vec<String> = row.keys().cloned().collect();
    keys.sort();
    let text = Value::Object(row).to_string();
    Payload { text, shape: Shape::Object, keys, ..Payload::default() }
}

fn invalid_json() -> Error {
    Error::Body("Empty or invalid json".into())
}

/// The objects of an array do not fit each other.
pub fn uneven() -> Error {
    Error::Body("All object keys must match".into())
}

fn unacceptable(content: &Media) -> Error {
    Error::Body(format!("Content-Type not acceptable: {content}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows_of(content: &Media, body: &str) -> Result<Payload, String> {
        rows(content, body.as_bytes(), None).map_err(|error| error.message())
    }

    #[test]
    fn rows_are_objects_with_the_same_keys() {
        let payload = rows_of(&Media::Json, r#"[{"b":1,"a":2},{"a":1,"b":2}]"#).expect("valid");
        assert_eq!((payload.keys, payload.shape), (vec!["a".into(), "b".into()], Shape::Objects));
        for body in [r#"[{"a":1},{"b":1}]"#, "[7]"] {
            assert_eq!(rows_of(&Media::Json, body), Err("All object keys must match".into()));
        }
        for body in ["", "{", "\u{1}", "[{]"] {
            assert_eq!(rows_of(&Media::Json, body), Err("Empty or invalid json".into()));
        }
        assert_eq!(rows_of(&Media::Json, "7").expect("valid").text, "[]");
    }

    #[test]
    fn named_columns_leave_the_body_unread() {
        let columns = ["a".to_owned()];
        let payload = rows(&Media::Json, b" [{\"b\":1},", Some(&columns)).expect("unparsed");
        assert_eq!((payload.shape, payload.keys.as_slice()), (Shape::Objects, &columns[..]));
    }

    #[test]
    fn lines_of_values_become_objects() {
        let payload = rows_of(&Media::Csv, "b,a\n1,\"x,\"\"y\"\nNULL,\n").expect("valid");
        assert_eq!(payload.text, r#"[{"b":"1","a":"x,\"y"},{"b":null,"a":""}]"#);
        assert_eq!(payload.keys, ["a", "b"]);
        let uneven = rows_of(&Media::Csv, "a,b\n1\n");
        assert_eq!(uneven, Err("All lines must have same number of fields".into()));
        assert!(rows_of(&Media::Csv, "").is_err());
    }

    #[test]
    fn forms_are_one_row_or_many_arguments() {
        let row = rows_of(&Media::Form, "name=John+Doe&age=5&age=6").expect("valid");
        assert_eq!(row.text, r#"{"name":"John Doe","age":"6"}"#);
        let call = arguments(&Media::Form, b"v=1&v=2", None).expect("valid");
        assert_eq!((call.fields.len(), call.keys), (2, vec!["v".to_owned()]));
    }

    #[test]
    fn calls_take_anything_whole() {
        let whole = |content: &Media, body: &[u8]| arguments(content, body, None);
        assert_eq!(whole(&Media::Bytes, b"\x00\xff").expect("valid").text, "\\x00ff");
        assert_eq!(whole(&Media::Text, b"hi").expect("valid").shape, Shape::Whole);
        assert_eq!(whole(&Media::Json, b" ").expect("valid").shape, Shape::Object);
        assert_eq!(whole(&Media::Json, b"[1]").expect("valid").shape, Shape::Uneven);
        let other = Media::Other("a/b".into());
        let refused = whole(&other, b"").expect_err("refused").message();
        assert_eq!(refused, "Content-Type not acceptable: a/b");
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in r#"([a-z\[\]{}:,"0-9\n]|.){0,60}"#) {
            for content in [Media::Json, Media::Csv, Media::Form] {
                let _ = rows(&content, body.as_bytes(), None);
                let _ = arguments(&content, body.as_bytes(), None);
            }
        }
    }
}
