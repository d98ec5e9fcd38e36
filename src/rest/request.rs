//! HTTP -> [`ApiRequest`]: after this nobody sees a string that might still be wrong.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{Error, Feature};
use super::media::Media;
use super::prefer::{Missing, Preferences};
use super::query::{self, Query};
use super::range::Window;
use crate::config::RestSettings;

/// A request of this dialect.
#[derive(Debug)]
pub struct ApiRequest {
    /// What is asked.
    pub action: Action,
    /// The verb it was asked with.
    pub method: Method,
    /// The path it was asked at.
    pub path: String,
    /// Schema it is asked of.
    pub schema: String,
    /// The query string.
    pub query: Query,
    /// Which of the rows.
    pub window: Window,
    /// What the client would like.
    pub preferences: Preferences,
    /// Format of the answer.
    pub media: Media,
    /// The body of a write or call.
    pub payload: Payload,
    /// All headers, as the JSON that rules read.
    pub headers: String,
    /// All cookies, as the JSON that rules read.
    pub cookies: String,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Rows of a relation.
    Read(String),
    /// A change of a relation.
    Write(String, Change),
    /// A function's result.
    Call(String),
    /// What may be asked of a relation.
    InspectRelation(String),
    /// What may be asked of a function.
    InspectRoutine(String),
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// New rows.
    Insert,
    /// New values for rows.
    Update,
    /// Rows no more.
    Delete,
}

/// A JSON body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Its text.
    pub text: String,
    /// What it is.
    pub shape: PayloadShape,
    /// Keys of its object or of all its objects, in order of their names.
    pub keys: Vec<String>,
}

/// What a JSON body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayloadShape {
    /// Nothing.
    #[default]
    Nothing,
    /// One object.
    Object,
    /// An array of this many objects.
    Objects(usize),
    /// Another value.
    Other,
}

impl ApiRequest {
    /// Reads a request.
    pub fn read(http: &Parts, body: &[u8], settings: &RestSettings) -> Result<Self, Error> {
        let (action, method) = (action(&http.method, http.uri.path())?, http.method.clone());
        let headers = &http.headers;
        let is_call = matches!(action, Action::Call(_));
        let by_get = matches!(method, Method::GET | Method::HEAD);
        let query = query::parse(http.uri.query().unwrap_or_default(), is_call && by_get)?;
        let preferences = Preferences::read(headers);
        let accept = headers.get("accept").and_then(|accept| accept.to_str().ok());
        Ok(Self {
            schema: schema(by_get, headers, &settings.schemas)?,
            window: window(&method, headers, &query)?,
            media: Media::negotiate(accept)?,
            payload: match &action {
                Action::Write(_, Change::Insert | Change::Update) => {
                    rows(content(headers, body)?, &query)?
                }
                Action::Call(_) if !by_get => arguments(content(headers, body)?)?,
                _ => Payload::default(),
            },
            path: http.uri.path().to_owned(),
            headers: headers_json(headers),
            cookies: cookies_json(headers),
            action,
            method,
            query,
            preferences,
        })
    }

    /// Whether the answer has no body.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether columns missing in the body take their defaults.
    pub fn fills_defaults(&self) -> bool {
        self.preferences.missing == Some(Missing::Default)
    }
}

fn action(method: &Method, path: &str) -> Result<Action, Error> {
    let decoded = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(name) if !name.is_empty() && !name.contains('\0') => Ok(name.into_owned()),
        _ => Err(Error::Path),
    };
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    match parts.as_slice() {
        [""] => match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Err(Error::Root),
            _ => Err(Error::Verb(method.clone())),
        },
        ["rpc", name] => {
            let name = decoded(name)?;
            match *method {
                Method::GET | Method::HEAD | Method::POST => Ok(Action::Call(name)),
                Method::OPTIONS => Ok(Action::InspectRoutine(name)),
                _ => Err(Error::VerbOnRoutine(method.clone())),
            }
        }
        [name] => {
            let name = decoded(name)?;
            match *method {
                Method::GET | Method::HEAD => Ok(Action::Read(name)),
                Method::POST => Ok(Action::Write(name, Change::Insert)),
                Method::PATCH => Ok(Action::Write(name, Change::Update)),
                Method::DELETE => Ok(Action::Write(name, Change::Delete)),
                Method::PUT => Err(Error::NotImplemented(Feature::Put)),
                Method::OPTIONS => Ok(Action::InspectRelation(name)),
                _ => Err(Error::Verb(method.clone())),
            }
        }
        _ => Err(Error::Path),
    }
}

/// Reads name the schema in `Accept-Profile`, everything else in `Content-Profile`.
pub fn schema(by_get: bool, headers: &HeaderMap, served: &[String]) -> Result<String, Error> {
    let profile = headers.get(if by_get { "accept-profile" } else { "content-profile" });
    match profile {
        None => served.first().cloned().ok_or(Error::Path),
        Some(profile) => {
            let profile = String::from_utf8_lossy(profile.as_bytes());
            if served.iter().any(|schema| *schema == profile) {
                return Ok(profile.into_owned());
            }
            Err(Error::Schema(profile.into_owned(), served.to_vec()))
        }
    }
}

/// The header speaks before the parameters, but only in a GET.
fn window(method: &Method, headers: &HeaderMap, query: &Query) -> Result<Window, Error> {
    if method == Method::GET
        && let Some(window) = Window::of_header(headers)?
    {
        return Ok(window);
    }
    let of_whole = |numbers: &[query::At<i64>]| {
        numbers.iter().rev().find(|(at, _)| at.is_empty()).map(|(_, number)| *number)
    };
    Window::new(of_whole(&query.limits), of_whole(&query.offsets))
}

/// The body as text, if it says to be JSON or says nothing.
fn content<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<&'a str, Error> {
    if let Some(content_type) = headers.get("content-type") {
        let content_type = String::from_utf8_lossy(content_type.as_bytes());
        let name = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = matches!(
            name.to_ascii_lowercase().as_str(),
            "application/json"
                | "application/vnd.pgrst.object+json"
                | "application/vnd.pgrst.array+json"
        );
        if !is_json {
            return Err(Error::Body(format!("Content-Type not acceptable: {content_type}")));
        }
    }
    std::str::from_utf8(body).map_err(|_| invalid_json())
}

fn invalid_json() -> Error {
    Error::Body("Empty or invalid json".into())
}

/// Members of an object, their values unread.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// An object, or objects with the same keys; with `columns=` the keys need not be known.
fn rows(text: &str, query: &Query) -> Result<Payload, Error> {
    if !text.trim_start().starts_with('[') {
        let object: Members<'_> = serde_json::from_str(text).map_err(|_| invalid_json())?;
        let keys = object.into_keys().collect();
        return Ok(Payload { text: text.to_owned(), shape: PayloadShape::Object, keys });
    }
    let objects: Vec<Members<'_>> = serde_json::from_str(text).map_err(|_| invalid_json())?;
    let is_uniform = objects.windows(2).all(|pair| pair[0].keys().eq(pair[1].keys()));
    if !is_uniform && query.columns.is_none() {
        return Err(Error::Body("All object keys must match".into()));
    }
    let shape = PayloadShape::Objects(objects.len());
    let keys = objects.into_iter().next().unwrap_or_default().into_keys().collect();
    Ok(Payload { text: text.to_owned(), shape, keys })
}

/// Named arguments; anything else is for a single unnamed one.
fn arguments(text: &str) -> Result<Payload, Error> {
    if text.trim().is_empty() {
        return Ok(Payload { text: "{}".into(), shape: PayloadShape::Object, keys: Vec::new() });
    }
    let (shape, keys) = if text.trim_start().starts_with('{') {
        let object: Members<'_> = serde_json::from_str(text).map_err(|_| invalid_json())?;
        (PayloadShape::Object, object.into_keys().collect())
    } else {
        let _: IgnoredAny = serde_json::from_str(text).map_err(|_| invalid_json())?;
        (PayloadShape::Other, Vec::new())
    };
    Ok(Payload { text: text.to_owned(), shape, keys })
}

fn headers_json(headers: &HeaderMap) -> String {
    let mut object = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != "cookie") {
        object.insert(name.as_str().to_owned(), settable(value.as_bytes()).into());
    }
    Value::Object(object).to_string()
}

fn cookies_json(headers: &HeaderMap) -> String {
    let mut object = Map::new();
    for line in headers.get_all("cookie") {
        let line = settable(line.as_bytes());
        for (name, value) in line.split(';').filter_map(|pair| pair.split_once('=')) {
            object.insert(name.trim().to_owned(), value.trim().into());
        }
    }
    Value::Object(object).to_string()
}

fn settable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(request: http::request::Builder, body: &str) -> Result<ApiRequest, Error> {
        let settings = RestSettings {
            schemas: vec!["public".into(), "other".into()],
            ..RestSettings::default()
        };
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        ApiRequest::read(&parts, body.as_bytes(), &settings)
    }

    fn message(result: Result<ApiRequest, Error>) -> String {
        result.expect_err("refused").message()
    }

    #[test]
    fn paths_name_relations_and_functions() {
        let action = |method, path| {
            read(Request::builder().method(method).uri(path), "{}").map(|request| request.action)
        };
        assert_eq!(action("GET", "/a%20b").expect("valid"), Action::Read("a b".into()));
        assert_eq!(action("POST", "/rpc/f").expect("valid"), Action::Call("f".into()));
        assert!(matches!(action("GET", "/"), Err(Error::Root)));
        assert!(matches!(action("GET", "/a/b"), Err(Error::Path)));
        assert!(matches!(action("GET", "/%00"), Err(Error::Path)));
        assert!(matches!(action("TRACE", "/a"), Err(Error::Verb(_))));
        assert!(matches!(action("DELETE", "/rpc/f"), Err(Error::VerbOnRoutine(_))));
    }

    #[test]
    fn profile_must_be_served() {
        let asked = |profile| {
            read(Request::builder().uri("/a").header("accept-profile", profile), "")
                .map(|request| request.schema)
        };
        assert_eq!(asked("other").expect("served"), "other");
        assert!(matches!(asked("auth"), Err(Error::Schema(..))));
    }

    #[test]
    fn body_must_be_uniform_objects() {
        let insert = |body| read(Request::builder().method("POST").uri("/a"), body);
        let payload = insert(r#"[{"b":1,"a":2},{"a":1,"b":2}]"#).expect("valid").payload;
        assert_eq!(
            (payload.keys, payload.shape),
            (vec!["a".into(), "b".into()], PayloadShape::Objects(2))
        );
        assert_eq!(message(insert(r#"[{"a":1},{"b":1}]"#)), "All object keys must match");
        for body in ["", "7", "[7]", "{", "\u{1}"] {
            assert_eq!(message(insert(body)), "Empty or invalid json");
        }
    }

    #[test]
    fn header_speaks_before_parameters() {
        let request =
            read(Request::builder().uri("/a?limit=1").header("range", "2-4"), "").expect("valid");
        assert_eq!(request.window, Window { offset: 2, limit: Some(3) });
    }

    #[test]
    fn cookies_stand_apart_from_headers() {
        let request = Request::builder().uri("/a").header("X-A", "1").header("cookie", "b=2; c=3");
        let request = read(request, "").expect("valid");
        assert_eq!(request.headers, r#"{"x-a":"1"}"#);
        assert_eq!(request.cookies, r#"{"b":"2","c":"3"}"#);
    }
}
