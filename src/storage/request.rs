//! What JSON bodies say, and what is wrong with them in the words of the dialect.

use serde_json::{Map, Value};

use super::Error;

/// A body that must be a JSON object.
///
/// # Errors
/// It is none.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(body).map_err(|_| Error::Form("body must be object".into()))
}

/// The same where an empty one will do.
///
/// # Errors
/// As [`object`].
pub(super) fn object_or_nothing(body: &[u8]) -> Result<Map<String, Value>, Error> {
    if body.is_empty() { Ok(Map::new()) } else { object(body) }
}

/// A text, if it is there.
///
/// # Errors
/// It is something else.
pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => {
            Err(Error::Form(format!("body/{name} must not hold a null character").into()))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Form(format!("body/{name} must be string").into())),
    }
}

/// A text that must be there.
///
/// # Errors
/// It is not.
pub(super) fn needed<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Error> {
    text(body, name)?.ok_or_else(|| lacks(name))
}

/// A yes or no, if it is there.
///
/// # Errors
/// It is something else.
pub(super) fn boolean(body: &Map<String, Value>, name: &str) -> Result<Option<bool>, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(said)) => Ok(Some(*said)),
        Some(_) => Err(Error::Form(format!("body/{name} must be boolean").into())),
    }
}

/// A whole number of at least `least`, if it is there.
///
/// # Errors
/// It is something else.
pub(super) fn number(
    body: &Map<String, Value>,
    name: &str,
    least: u64,
) -> Result<Option<u64>, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(said) => {
            let number = said.as_u64().or_else(|| said.as_str()?.parse().ok());
            match (number, said.as_f64()) {
                (Some(number), _) if number >= least => Ok(Some(number)),
                (Some(_), _) => Err(Error::Form(format!("body/{name} must be >= {least}").into())),
                (None, Some(number)) if number < 0.0 => {
                    Err(Error::Form(format!("body/{name} must be >= {least}").into()))
                }
                _ => Err(Error::Form(format!("body/{name} must be integer").into())),
            }
        }
    }
}

/// Which way a list is sorted; upwards when nothing is said.
///
/// # Errors
/// It is neither.
pub(super) fn is_descending(place: &str, said: Option<&str>) -> Result<bool, Error> {
    match said.map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        Some(_) => Err(not_allowed(place)),
    }
}

/// A property is missing.
pub(super) fn lacks(name: &str) -> Error {
    Error::Form(format!("body must have required property '{name}'").into())
}

/// A value is none of those there are.
pub(super) fn not_allowed(place: &str) -> Error {
    Error::Form(format!("{place} must be equal to one of the allowed values").into())
}
