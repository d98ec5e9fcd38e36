//! Downloads: who may, which bytes, and under which headers. [`serve`] is what every way of
//! downloading has in common.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::caller::{Caller, Visitor};
use super::store::object::{self, Object, Sight};
use super::upload::text;
use super::{Error, Storage, mime, name};

/// What is written out in names of files: as `encodeURIComponent` does it.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'!');

/// What could run in the origin of the API if a browser showed it as what it is.
const PAGES: &[&str] = &["text/html", "application/xhtml+xml"];

/// What draws, and could run too.
const DRAWINGS: &[&str] = &["image/svg+xml", "text/xml", "application/xml"];

/// How a download is answered beside its bytes.
#[derive(Debug, Default)]
pub(super) struct Manner {
    /// What `download` in the query says: empty, or a name to save it under.
    pub save_as: Option<String>,
    /// Until when a signed URL counts, in seconds since 1970; instead of what the object says
    /// about caches.
    pub expires_at: Option<i64>,
}

impl Manner {
    /// As the query asks.
    pub(super) fn of(query: Option<&str>) -> Self {
        Self { save_as: parameter(query, "download"), expires_at: None }
    }
}

/// A parameter of a query, the first of its name.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// GET /object/authenticated/{bucket}/{*key}
pub(super) async fn authenticated(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.object.get_authenticated";
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let object = visible(&storage, &caller, operation, place).await?;
    serve(&storage, &object, &parts, Manner::of(query.as_deref())).await
}

/// GET /object/{bucket}/{*key}: as the caller, unless everybody may read the bucket.
pub(super) async fn generic(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.object.get_authenticated";
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let object = readable(&storage, &caller, operation, place).await?;
    serve(&storage, &object, &parts, Manner::of(query.as_deref())).await
}

/// GET /object/public/{bucket}/{*key}: from a bucket that everybody may read.
pub(super) async fn public(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.object.get_public";
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let object = published(&storage, &caller, operation, place).await?;
    serve(&storage, &object, &parts, Manner::of(query.as_deref())).await
}

/// Bucket, name and query of what is looked for.
pub(super) type Place<'a> = (&'a str, &'a str, Option<&'a str>);

/// An object that policies show to the caller.
///
/// # Errors
/// There is none for them.
pub(super) async fn visible(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (bucket, key, query): Place<'_>,
) -> Result<Object, Error> {
    let version = parameter(query, "versionId");
    let key = name::sought(key)?;
    let place = (bucket, key.as_str(), version.as_deref());
    let looked = object::look(storage, caller, Sight::Person, operation, place).await?;
    looked.is_public.ok_or(Error::NoSuchBucket)?;
    looked.object.ok_or(Error::NoSuchKey)
}

/// An object that policies show to the caller, or of a public bucket. To somebody without an
/// account a bucket that is not public is not there.
///
/// # Errors
/// There is none for them.
pub(super) async fn readable(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    place: Place<'_>,
) -> Result<Object, Error> {
    match published(storage, caller, operation, place).await {
        Err(Error::NoSuchBucket) if caller.is_known() => {
            visible(storage, caller, operation, place).await
        }
        found => found,
    }
}

/// An object of a public bucket.
///
/// # Errors
/// There is none.
pub(super) async fn published(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (bucket, key, query): Place<'_>,
) -> Result<Object, Error> {
    let version = parameter(query, "versionId");
    let key = name::sought(key)?;
    let place = (bucket, key.as_str(), version.as_deref());
    let looked = object::look(storage, caller, Sight::All, operation, place).await?;
    looked.is_public.filter(|is_public| *is_public).ok_or(Error::NoSuchBucket)?;
    looked.object.ok_or(Error::NoSuchKey)
}

/// Answers with an object: whole, in part, or that the caller has it already.
///
/// # Errors
/// Its bytes are not there, or the range makes no sense.
pub(super) async fn serve(
    storage: &Storage,
    object: &Object,
    parts: &Parts,
    manner: Manner,
) -> Result<Response, Error> {
    let version = object.version.ok_or(Error::NoSuchKey)?;
    let mut headers = headers(object, &manner);
    let modified = modified(object);
    let etag = object.noted("eTag").unwrap_or_default();
    if is_known(&parts.headers, etag, modified) {
        headers.remove(CONTENT_DISPOSITION);
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let wanted =
        text(&parts.headers, "range").filter(|_| is_current(&parts.headers, etag, modified));
    let noted = object.metadata.get("size").and_then(serde_json::Value::as_u64);
    let size = match noted {
        Some(size) if parts.method != Method::HEAD => size,
        _ => storage.blobs.size(version).await?,
    };
    let range = wanted.map(|range| read_range(range, size)).transpose()?;
    if parts.method == Method::HEAD {
        let status = measure(&mut headers, range.as_ref(), size);
        return Ok((status, headers).into_response());
    }
    let mut reading = storage.blobs.get(version, range.clone()).await?;
    let (mut range, size) = (range, reading.size);
    if noted.is_some_and(|noted| noted != size) && range.is_some() {
        // Somebody's SQL says otherwise; the bytes know.
        range = wanted.map(|range| read_range(range, size)).transpose()?;
        reading = storage.blobs.get(version, range.clone()).await?;
    }
    let status = measure(&mut headers, range.as_ref(), size);
    Ok((status, headers, Body::from_stream(reading.bytes)).into_response())
}

/// Tells how long the answer is, and which part of the whole; gives its status.
fn measure(headers: &mut HeaderMap, range: Option<&Range<u64>>, size: u64) -> StatusCode {
    let Some(range) = range else {
        headers.insert(CONTENT_LENGTH, size.into());
        return StatusCode::OK;
    };
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    put(headers, CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end - 1));
    StatusCode::PARTIAL_CONTENT
}

fn headers(object: &Object, manner: &Manner) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = object.noted("mimetype").unwrap_or(mime::UNKNOWN);
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let shown = if PAGES.contains(&essence.as_str()) { "text/plain" } else { kind };
    put(&mut headers, CONTENT_TYPE, shown);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if DRAWINGS.contains(&essence.as_str()) {
        let closed = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
        put(&mut headers, CONTENT_SECURITY_POLICY, closed);
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = object.noted("eTag") {
        put(&mut headers, ETAG, etag);
    }
    if let Some(encoding) = object.noted("contentEncoding") {
        put(&mut headers, CONTENT_ENCODING, encoding);
    }
    put(&mut headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified(object)));
    let robots = object.noted("xRobotsTag").unwrap_or("none");
    put(&mut headers, HeaderName::from_static("x-robots-tag"), robots);
    if let Some(at) = manner.expires_at.map(u64::try_from) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at.unwrap_or_default());
        put(&mut headers, EXPIRES, &httpdate::fmt_http_date(at));
    } else {
        let said = object.noted("cacheControl").unwrap_or("no-cache");
        put(&mut headers, CACHE_CONTROL, said);
    }
    match manner.save_as.as_deref() {
        Some("") => put(&mut headers, CONTENT_DISPOSITION, "attachment;"),
        Some(name) => {
            let name = utf8_percent_encode(name, COMPONENT).to_string();
            let told = format!("attachment; filename={name}; filename*=UTF-8''{name}");
            put(&mut headers, CONTENT_DISPOSITION, &told);
        }
        None => {}
    }
    headers
}

/// Puts a header whose value is one; what is none was noted by somebody's SQL, and left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// When the bytes were written, to the second.
fn modified(object: &Object) -> SystemTime {
    let told = object.noted("lastModified").unwrap_or(&object.updated_at);
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let at = read(told).or_else(|| read(&object.updated_at));
    let seconds = at.and_then(|at| u64::try_from(at.unix_timestamp()).ok()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Whether the caller has it already, as RFC 9110 compares.
fn is_known(headers: &HeaderMap, etag: &str, modified: SystemTime) -> bool {
    if let Some(known) = text(headers, "if-none-match") {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return known.trim() == "*"
            || (!etag.is_empty() && known.split(',').any(|tag| bare(tag) == bare(etag)));
    }
    let since =
        text(headers, "if-modified-since").and_then(|at| httpdate::parse_http_date(at).ok());
    since.is_some_and(|since| modified <= since)
}

/// Whether a part is wanted of what is there now, as `If-Range` says.
fn is_current(headers: &HeaderMap, etag: &str, modified: SystemTime) -> bool {
    let Some(wanted) = text(headers, "if-range") else { return true };
    match httpdate::parse_http_date(wanted) {
        Ok(at) => at == modified,
        Err(_) => wanted.trim() == etag && !etag.starts_with("W/"),
    }
}

/// The bytes of one range.
///
/// # Errors
/// There are none such, or it is several.
fn read_range(text: &str, size: u64) -> Result<Range<u64>, Error> {
    let (first, last) = text
        .strip_prefix("bytes=")
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.trim().split_once('-'))
        .ok_or(Error::Range)?;
    let read = |text: &str| -> Result<Option<u64>, Error> {
        match text.trim() {
            "" => Ok(None),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Some(text.parse().unwrap_or(u64::MAX)))
            }
            _ => Err(Error::Range),
        }
    };
    let range = match (read(first)?, read(last)?) {
        (Some(first), Some(last)) if last < first => return Err(Error::Range),
        (Some(first), last) => first..last.unwrap_or(u64::MAX).saturating_add(1).min(size),
        (None, Some(count)) => size.saturating_sub(count)..size,
        (None, None) => return Err(Error::Range),
    };
    if range.start < range.end { Ok(range) } else { Err(Error::Range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_within_the_object() {
        let read = |text| read_range(text, 6).ok();
        assert_eq!(read("bytes=1-2"), Some(1..3));
        assert_eq!(read("bytes=-2"), Some(4..6));
        assert_eq!(read("bytes=-20"), Some(0..6));
        assert_eq!(read("bytes=3-"), Some(3..6));
        assert_eq!(read("bytes=0-99999999999999999999999"), Some(0..6));
        for odd in [
            "bytes=6-7",
            "bytes=2-1",
            "bytes=-0",
            "bytes=-",
            "bytes=a-b",
            "lines=1",
            "bytes=0-1,3-4",
            "bytes=--1",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert!(read_range("bytes=0-", 0).is_err());
    }
}
