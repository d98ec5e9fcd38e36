//! Objects over S3: put, got, copied, deleted.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    EXPIRES, IF_MATCH, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::super::download::{self, Manner};
use super::super::object::{Copying, copy_object};
use super::super::store::bucket;
use super::super::store::change::{self, Doomed, Spot};
use super::super::store::object::{Object, Sight, look};
use super::super::upload::{self, Leave, Stored, Wish, text};
use super::super::{Error as StorageError, mime, name};
use super::body::Incoming;
use super::checksum::Checksum;
use super::error::Error;
use super::xml::{self, CopiedObject, Delete, Deleted, DeletedObject, Failed, Namespace, Tagging};
use super::{Refused, Work, request};
use crate::blob::Etag;

/// How long an upload may take in all, in seconds.
const LIFE_SECONDS: u32 = 86_400;

/// What `x-amz-meta-` headers may hold together, in bytes.
const MAX_METADATA_BYTES: usize = 64 * 1024;

const META: &str = "x-amz-meta-";

/// What of the answer a query may choose.
const CHOSEN: [(&str, HeaderName); 6] = [
    ("response-content-type", CONTENT_TYPE),
    ("response-content-language", CONTENT_LANGUAGE),
    ("response-expires", EXPIRES),
    ("response-cache-control", CACHE_CONTROL),
    ("response-content-disposition", CONTENT_DISPOSITION),
    ("response-content-encoding", CONTENT_ENCODING),
];

/// PUT /bucket/key
pub(super) async fn put(work: &Work<'_>, body: Incoming<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.object.upload";
    let (storage, caller) = (work.storage, work.caller);
    let bucket = bucket::find(storage, caller, operation, &work.call.bucket).await?;
    let mut wish = wish(work, Wish::new(caller, &bucket, name::key(&work.call.key)?))?;
    wish.size = body.size;
    let is_new = is_new_alone(&work.parts.headers)?;
    wish.is_upsert = !is_new;
    let wish = (wish, Leave::Policies);
    let begun = upload::begin(storage, caller, operation, &bucket, wish, LIFE_SECONDS).await;
    let reserved = begun.map_err(|error| taken(error, is_new))?;
    let checksum = body.checksum();
    let receiving =
        upload::receive(storage, caller, operation, reserved, (body.bytes(), Etag::Md5));
    let kept = receiving.await.map_err(|error| match error {
        Refused::Storage(error) => taken(error, is_new),
        error @ Refused::S3(_) => error,
    })?;
    Ok(stored(&kept, checksum.get()))
}

/// What headers say of an object to come.
///
/// # Errors
/// They say what none may.
pub(super) fn wish(work: &Work<'_>, mut wish: Wish) -> Result<Wish, Refused> {
    let headers = &work.parts.headers;
    wish.content_type = mime::declared(text(headers, "content-type"))?;
    if let Some(said) = text(headers, "cache-control") {
        said.clone_into(&mut wish.cache_control);
    }
    wish.content_encoding = encoding(headers);
    wish.user_metadata = metadata(headers)?;
    Ok(wish)
}

/// The encoding of the object itself; that of the frames around it is gone.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let said = text(headers, "content-encoding")?;
    let own: Vec<_> = said
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!own.is_empty()).then(|| own.join(", "))
}

/// What people say about their file.
fn metadata(headers: &HeaderMap) -> Result<Option<Map<String, Value>>, Error> {
    let mut said = Map::new();
    let mut size = 0;
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(META) else { continue };
        let value = String::from_utf8_lossy(value.as_bytes());
        size += name.len() + value.len();
        said.insert(name.to_owned(), value.into());
    }
    if size > MAX_METADATA_BYTES {
        return Err(Error::Invalid(
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    Ok((!said.is_empty()).then_some(said))
}

/// Whether nothing may be overwritten.
fn is_new_alone(headers: &HeaderMap) -> Result<bool, Error> {
    match (text(headers, IF_NONE_MATCH.as_str()), headers.contains_key(IF_MATCH)) {
        (None, false) => Ok(false),
        (Some("*"), false) => Ok(true),
        _ => Err(Error::NotImplemented),
    }
}

fn taken(error: StorageError, is_new: bool) -> Refused {
    match error {
        StorageError::KeyExists if is_new => Error::Precondition.into(),
        error => error.into(),
    }
}

/// The answer about an object that is there now.
pub(super) fn stored(stored: &Stored, checksum: Option<&Checksum>) -> Response {
    let mut headers = HeaderMap::new();
    put_header(&mut headers, ETAG, &stored.etag);
    note_checksum(&mut headers, checksum);
    (StatusCode::OK, headers).into_response()
}

/// Repeats a checksum that was found right.
pub(super) fn note_checksum(headers: &mut HeaderMap, checksum: Option<&Checksum>) {
    if let Some(checksum) = checksum {
        let name = HeaderName::from_static(checksum.algorithm.header());
        put_header(headers, name, &checksum.value);
    }
}

/// Puts a header whose value is one.
pub(super) fn put_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// GET and HEAD /bucket/key
pub(super) async fn get(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.object.get";
    let version = work.call.parameter("versionId");
    let object = find(work, operation, (&work.call.bucket, &work.call.key, version)).await?;
    let etag = object.noted("eTag").unwrap_or_default();
    if let Some(wanted) = text(&work.parts.headers, IF_MATCH.as_str())
        && !names_tag(wanted, etag)
    {
        return Err(Error::Precondition.into());
    }
    let serving = download::serve(work.storage, &object, work.parts, Manner::default());
    let mut response = serving.await?;
    let headers = response.headers_mut();
    for (name, value) in object.user_metadata.as_object().into_iter().flatten() {
        if let (Ok(name), Some(value)) = (format!("{META}{name}").parse(), value.as_str()) {
            put_header(headers, name, value);
        }
    }
    if let Some(version) = object.version.filter(|_| object.is_versioned) {
        put_header(headers, HeaderName::from_static("x-amz-version-id"), &version.to_string());
    }
    // No browser signs headers, so nothing can run that this describes as what it is.
    if work.call.parameter("X-Amz-Signature").is_none()
        && let Some(kind) = object.noted("mimetype")
    {
        put_header(headers, CONTENT_TYPE, kind);
    }
    for (parameter, name) in CHOSEN {
        if let Some(value) = work.call.parameter(parameter) {
            put_header(headers, name, value);
        }
    }
    Ok(response)
}

/// An object that the caller sees.
///
/// # Errors
/// There is none for them.
pub(super) async fn find(
    work: &Work<'_>,
    operation: &'static str,
    (bucket, key, version): (&str, &str, Option<&str>),
) -> Result<Object, Refused> {
    let key = name::sought(key)?;
    let place = (bucket, key.as_str(), version);
    let looked = look(work.storage, work.caller, Sight::Person, operation, place).await?;
    looked.is_public.ok_or(StorageError::NoSuchBucket)?;
    Ok(looked.object.ok_or(StorageError::NoSuchKey)?)
}

/// Whether a list of tags names this one.
fn names_tag(list: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_matches('"').to_owned();
    list.trim() == "*" || list.split(',').any(|tag| bare(tag) == bare(etag))
}

/// Where a copy comes from.
pub(super) struct Source {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

/// Reads `x-amz-copy-source`, and sees that its conditions hold.
///
/// # Errors
/// It does not read, the caller sees no such object, or a condition fails.
pub(super) async fn source(
    work: &Work<'_>,
    operation: &'static str,
) -> Result<(Source, Object), Refused> {
    let headers = &work.parts.headers;
    let said = text(headers, "x-amz-copy-source").unwrap_or_default();
    let (path, query) = said.split_once('?').unwrap_or((said, ""));
    let path = request::decode(path)?;
    let (bucket, key) = path
        .strip_prefix('/')
        .unwrap_or(&path)
        .split_once('/')
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or(Error::InvalidArgument("Copy Source must name the source bucket and key"))?;
    let version = query.strip_prefix("versionId=").map(str::to_owned);
    let object = find(work, operation, (bucket, key, version.as_deref())).await?;
    let etag = object.noted("eTag").unwrap_or_default();
    let holds = |name: &str, wanted: bool| {
        text(headers, name).is_none_or(|list| names_tag(list, etag) == wanted)
    };
    if !holds("x-amz-copy-source-if-match", true)
        || !holds("x-amz-copy-source-if-none-match", false)
    {
        return Err(Error::Precondition.into());
    }
    Ok((Source { bucket: bucket.to_owned(), key: name::sought(key)?, version }, object))
}

/// PUT /bucket/key with `x-amz-copy-source`
pub(super) async fn copy(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.object.copy";
    let (storage, caller, headers) = (work.storage, work.caller, &work.parts.headers);
    let (source, object) = source(work, operation).await?;
    let key = name::key(&work.call.key)?;
    let (metadata, user_metadata) = match text(headers, "x-amz-metadata-directive") {
        None | Some("COPY") => (None, None),
        Some("REPLACE") => {
            let told = [
                ("mimetype", text(headers, "content-type").map(str::to_owned)),
                ("cacheControl", text(headers, "cache-control").map(str::to_owned)),
                ("contentEncoding", encoding(headers)),
            ];
            let told =
                told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
            (Some(told.collect()), Some(self::metadata(headers)?.unwrap_or_default()))
        }
        Some(_) => return Err(Error::InvalidArgument("Unknown metadata directive.").into()),
    };
    let wanted =
        Copying { version: source.version.as_deref(), is_upsert: true, metadata, user_metadata };
    let spots = (
        Spot { bucket: &source.bucket, name: &source.key },
        Spot { bucket: &work.call.bucket, name: &key },
    );
    let copied = copy_object(storage, caller, operation, spots, wanted).await;
    let copied = copied.map_err(|error| match error {
        // Over S3 it is the bucket that is missing.
        StorageError::RelatedMissing => StorageError::NoSuchBucket,
        error => error,
    })?;
    let etag = if copied.etag.is_empty() { object.noted("eTag") } else { None };
    let answer = CopiedObject {
        xmlns: Namespace,
        last_modified: moment(),
        etag: etag.unwrap_or(&copied.etag).to_owned(),
    };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// Now, as lists write moments.
pub(super) fn moment() -> String {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time::OffsetDateTime::now_utc().format(FORM).unwrap_or_default()
}

/// DELETE /bucket/key: that there was none is no error.
pub(super) async fn delete(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.object.delete";
    bucket::find(work.storage, work.caller, operation, &work.call.bucket).await?;
    if let Ok(name) = name::sought(&work.call.key) {
        let doomed =
            [Doomed { name, version: work.call.parameter("versionId").map(str::to_owned) }];
        change::delete(work.storage, work.caller, operation, &work.call.bucket, &doomed).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// POST /bucket?delete
pub(super) async fn delete_many(work: &Work<'_>, body: Vec<u8>) -> Result<Response, Refused> {
    let operation = "storage.s3.object.delete_many";
    let asked = Delete::read(&body)?;
    bucket::find(work.storage, work.caller, operation, &work.call.bucket).await?;
    let doomed: Vec<_> = asked
        .objects
        .iter()
        .filter_map(|it| {
            let name = name::sought(&it.key).ok()?;
            Some(Doomed { name, version: it.version_id.clone() })
        })
        .collect();
    let deleting =
        change::delete(work.storage, work.caller, operation, &work.call.bucket, &doomed).await;
    let mut answer = Deleted::default();
    match deleting {
        Ok(_) if asked.is_quiet => {}
        Ok(_) => {
            let done = asked.objects.into_iter();
            answer.done =
                done.map(|it| DeletedObject { key: it.key, version_id: it.version_id }).collect();
        }
        Err(error) => {
            let (code, message) = Refused::from(error).told();
            let failed = asked.objects.into_iter();
            answer.failed = failed
                .map(|it| Failed { key: it.key, code: code.clone(), message: message.clone() })
                .collect();
        }
    }
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// GET /bucket/key?tagging: nothing here has tags.
pub(super) async fn tags(work: &Work<'_>) -> Result<Response, Refused> {
    let place = (&*work.call.bucket, &*work.call.key, None);
    find(work, "storage.s3.object.get_tagging", place).await?;
    Ok(xml::respond(StatusCode::OK, &Tagging::default()))
}
