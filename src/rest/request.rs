//! HTTP -> [`ApiRequest`]: after this nobody sees a string that might still be wrong.

use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::Serializer as _;
use serde_json::{Map, Value};

use super::error::Error;
use super::etag;
use super::media::Media;
use super::payload::{self, Payload};
use super::prefer::{Missing, Preferences};
use super::query::{self, Bare, Query};
use super::range::Window;
use crate::config::RestSettings;

/// What the headers of most requests take as JSON, in bytes.
const HEADERS_BYTES: usize = 512;

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
    /// What reads are held to.
    pub bounds: Bounds,
    /// What the client would like.
    pub preferences: Preferences,
    /// Formats that the answer may have, the most wanted first.
    pub accepts: Vec<Media>,
    /// Format of the body.
    pub content: Media,
    /// The body of a write or call.
    pub payload: Payload,
    /// `If-None-Match`: versions of the answer that the client has.
    pub known_etags: Option<String>,
    /// Whether the answer tells of which schema it is.
    pub is_profiled: bool,
    /// All headers, as the JSON that rules read.
    pub headers: String,
    /// All cookies, as the JSON that rules read.
    pub cookies: String,
}

/// What reads are held to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most rows of the answer and of each embed in it.
    pub max_rows: Option<i64>,
    /// Whether aggregates may be asked for.
    pub allows_aggregates: bool,
    /// Whether parameters may call an aliased embed by its target's name.
    pub allows_target_names: bool,
    /// Whether the answer says where in the log it was read.
    pub tells_place: bool,
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
    /// One row, new or with new values.
    Put,
}

impl ApiRequest {
    /// Reads a request.
    pub fn read(http: &Parts, body: &[u8], settings: &RestSettings) -> Result<Self, Error> {
        let (action, method) = (action(&http.method, http.uri.path())?, http.method.clone());
        let headers = &http.headers;
        let is_call = matches!(action, Action::Call(_));
        let by_get = matches!(method, Method::GET | Method::HEAD);
        let bare = match (is_call, by_get) {
            (true, true) => Bare::Arguments,
            (false, true) => Bare::Cursor,
            (_, false) => Bare::Nothing,
        };
        let query = query::parse(http.uri.query().unwrap_or_default(), bare)?;
        let accept = headers.get("accept").and_then(|accept| accept.to_str().ok());
        let content = payload::content_type(headers);
        let (schema, is_profiled) = schema(by_get, headers, &settings.schemas)?;
        let columns = query.columns.as_deref();
        Ok(Self {
            window: window(&method, headers, &query)?,
            bounds: Bounds {
                max_rows: settings.max_rows,
                allows_aggregates: settings.aggregates_enabled,
                allows_target_names: settings.legacy_target_names,
                tells_place: settings.places,
            },
            accepts: Media::accepted(accept)?,
            payload: match &action {
                Action::Write(_, Change::Insert | Change::Update) => {
                    payload::rows(&content, body, columns)?
                }
                Action::Write(_, Change::Put) => payload::rows(&content, body, None)?,
                Action::Call(_) if !by_get => payload::arguments(&content, body, columns)?,
                _ => Payload::default(),
            },
            preferences: Preferences::read(headers, settings.tx_end.may_be_chosen()),
            path: http.uri.path().to_owned(),
            known_etags: etag::known(headers),
            headers: headers_json(headers),
            cookies: cookies_json(headers),
            schema,
            is_profiled,
            content,
            action,
            method,
            query,
        })
    }

    /// Whether rows are read in pages, with cursors between them.
    pub fn is_paged(&self) -> bool {
        let is_asked = self.preferences.cursor || self.query.after.is_some();
        is_asked && matches!(self.action, Action::Read(_))
    }

    /// Whether the answer tells which version it is: where nothing is changed, and that is asked,
    /// or another version known.
    pub fn wants_etag(&self) -> bool {
        let is_asked = self.preferences.etag || self.known_etags.is_some();
        is_asked && matches!(self.method, Method::GET | Method::HEAD)
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
                Method::PUT => Ok(Action::Write(name, Change::Put)),
                Method::OPTIONS => Ok(Action::InspectRelation(name)),
                _ => Err(Error::Verb(method.clone())),
            }
        }
        _ => Err(Error::Path),
    }
}

/// Reads name the schema in `Accept-Profile`, everything else in `Content-Profile`. Where there
/// is a choice, or one was named, the answer tells which it was.
pub fn schema(
    by_get: bool,
    headers: &HeaderMap,
    served: &[String],
) -> Result<(String, bool), Error> {
    let profile = headers.get(if by_get { "accept-profile" } else { "content-profile" });
    match profile {
        None => Ok((served.first().cloned().ok_or(Error::Path)?, served.len() > 1)),
        Some(profile) => {
            let profile = String::from_utf8_lossy(profile.as_bytes());
            if served.iter().any(|schema| *schema == profile) {
                return Ok((profile.into_owned(), true));
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

/// Of a header that came several times, the last.
fn headers_json(headers: &HeaderMap) -> String {
    let told = headers.keys().filter(|name| *name != "cookie").filter_map(|name| {
        let value = headers.get_all(name).iter().next_back()?;
        Some((name.as_str(), String::from_utf8_lossy(value.as_bytes())))
    });
    let mut json = Vec::with_capacity(HEADERS_BYTES);
    // Texts can always be written into memory.
    let _ = serde_json::Serializer::new(&mut json).collect_map(told);
    String::from_utf8_lossy(&json).into_owned()
}

fn cookies_json(headers: &HeaderMap) -> String {
    let mut object = Map::new();
    for line in headers.get_all("cookie") {
        let line = String::from_utf8_lossy(line.as_bytes());
        for (name, value) in line.split(';').filter_map(|pair| pair.split_once('=')) {
            object.insert(name.trim().to_owned(), value.trim().into());
        }
    }
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(request: http::request::Builder, body: &str) -> Result<ApiRequest, Error> {
        let schemas = vec!["public".into(), "other".into()];
        let settings = RestSettings { schemas, ..RestSettings::default() };
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        ApiRequest::read(&parts, body.as_bytes(), &settings)
    }

    #[test]
    fn paths_name_relations_and_functions() {
        let action = |method, path| {
            read(Request::builder().method(method).uri(path), "{}").map(|request| request.action)
        };
        assert_eq!(action("GET", "/a%20b").expect("valid"), Action::Read("a b".into()));
        assert_eq!(action("POST", "/rpc/f").expect("valid"), Action::Call("f".into()));
        let put = Action::Write("a".into(), Change::Put);
        assert_eq!(action("PUT", "/a").expect("valid"), put);
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
