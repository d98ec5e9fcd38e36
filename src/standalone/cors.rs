//! Which web pages may call, in PostgREST's headers.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ETAG, LINK, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method};

const METHODS: HeaderValue =
    HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");

/// Seconds that browsers may remember the answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, \
     Transfer-Encoding, Range-Unit",
);

/// What a page of an allowed origin is told with each answer; none for other callers.
pub fn allowed(headers: &HeaderMap, origins: &[String]) -> Option<HeaderMap> {
    let origin = headers.get(ORIGIN)?;
    let mut told = HeaderMap::new();
    if origins.is_empty() {
        told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        origins.iter().find(|allowed| allowed.as_bytes() == origin.as_bytes())?;
        told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        told.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    Some(told)
}

/// Whether a browser asks before it calls.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a browser that asks before it calls is told beside.
pub fn preflight(headers: &HeaderMap) -> HeaderMap {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok());
    let asked = asked.unwrap_or_default().split(',').map(str::trim);
    let asked = asked.filter(|name| !name.is_empty());
    let names: Vec<&str> = std::iter::once("Authorization")
        .chain(asked)
        .chain(["Accept", "Accept-Language", "Content-Language"])
        .collect();
    let mut told = HeaderMap::new();
    told.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
        told.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    told.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    told
}

/// What other answers tell beside: the dialect's list, and a line of its own for each header that
/// only our answers have, where one has it.
pub fn exposed(answer: &HeaderMap) -> HeaderMap {
    let mut told = HeaderMap::from_iter([(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]);
    for (name, word) in [(LINK, "Link"), (ETAG, "ETag")] {
        if answer.contains_key(name) {
            told.append(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(word));
        }
    }
    told
}
