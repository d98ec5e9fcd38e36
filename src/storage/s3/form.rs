//! POST /bucket: a form from a browser, whose policy somebody signed before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use multer::Multipart;
use serde_json::Map;

use super::super::form::bounded;
use super::super::store::bucket;
use super::super::upload::{self, Leave, Stored, Wish, text};
use super::super::{Storage, mime, name};
use super::body::Paced;
use super::error::Error;
use super::policy::Fields;
use super::request::Call;
use super::{Refused, access, object, xml};
use crate::blob::Etag;

/// How long an upload may take in all, in seconds.
const LIFE_SECONDS: u32 = 86_400;

/// What all fields before the file may hold, in bytes.
const MAX_FIELDS_BYTES: usize = 128 * 1024;

/// Takes the fields, and then the file where they allow it.
///
/// # Errors
/// The form does not read, nobody signed it, or whatever refuses an upload.
pub(super) async fn post(
    storage: &Storage,
    parts: &Parts,
    call: &Call,
    body: &mut Paced,
) -> Result<Response, Refused> {
    let operation = "storage.s3.object.upload";
    let kind = text(&parts.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind)?;
    let ahead = Arc::new(AtomicUsize::new(0));
    let mut form = Multipart::new(bounded(body, Arc::clone(&ahead)), boundary);
    let mut fields = Fields::default();
    let mut left = MAX_FIELDS_BYTES;
    while let Some(mut field) = form.next_field().await? {
        ahead.store(0, Ordering::Relaxed);
        let field_name = field.name().unwrap_or_default().to_owned();
        if !field_name.eq_ignore_ascii_case("file") {
            let mut value = Vec::new();
            while let Some(piece) = field.chunk().await? {
                ahead.store(0, Ordering::Relaxed);
                left = left.checked_sub(piece.len()).ok_or_else(|| {
                    Error::BadForm("The fields before the file are too long.".to_owned())
                })?;
                value.extend_from_slice(&piece);
            }
            let value = String::from_utf8(value)
                .map_err(|_| Error::BadForm("A field is no text.".to_owned()))?;
            fields.push(&field_name, value)?;
            continue;
        }
        let (caller, allowed) = access::form(storage, parts, &fields, &call.bucket).await?;
        let file_name = field.file_name().unwrap_or_default();
        let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let key = fields.get("key").ok_or(Error::MissingField("key"))?;
        let key = name::key(&key.replace("${filename}", file_name))?;
        let bucket = bucket::find(storage, &caller, operation, &call.bucket).await?;
        let mut wish = Wish::new(&caller, &bucket, key.clone());
        wish.is_upsert = true;
        wish.content_type = mime::declared(fields.get("content-type"))?;
        if let Some(said) = fields.get("cache-control") {
            wish.cache_control = said.to_owned();
        }
        let said: Map<_, _> = fields
            .iter()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.into()))
            })
            .collect();
        wish.user_metadata = (!said.is_empty()).then_some(said);
        let wish = (wish, Leave::Policies);
        let mut reserved =
            upload::begin(storage, &caller, operation, &bucket, wish, LIFE_SECONDS).await?;
        let (least, most) = allowed.size.unwrap_or((0, u64::MAX));
        reserved.limit = reserved.limit.min(most);
        let file = field.map_err(Refused::from).inspect_ok(|_| ahead.store(0, Ordering::Relaxed));
        let bytes = stream::try_unfold((file.boxed(), least), next_of);
        let stored =
            upload::receive(storage, &caller, operation, reserved, (bytes, Etag::Md5)).await?;
        return Ok(answer(&fields, &call.bucket, &key, &stored));
    }
    Err(Error::MissingField("file").into())
}

/// What is left of a file, and how many bytes it must still have.
type Lacking<'a> = (BoxStream<'a, Result<Bytes, Refused>>, u64);

/// The next piece of a file that must have so many bytes.
async fn next_of(
    (mut file, lacking): Lacking<'_>,
) -> Result<Option<(Bytes, Lacking<'_>)>, Refused> {
    match file.try_next().await? {
        Some(piece) => {
            let lacking = lacking.saturating_sub(piece.len() as u64);
            Ok(Some((piece, (file, lacking))))
        }
        None if lacking > 0 => Err(Error::TooSmall.into()),
        None => Ok(None),
    }
}

/// What the form asks to be told.
fn answer(fields: &Fields, bucket: &str, key: &str, stored: &Stored) -> Response {
    let mut headers = HeaderMap::new();
    object::put_header(&mut headers, ETAG, &stored.etag);
    let redirect = fields.get("success_action_redirect").and_then(|url| url::Url::parse(url).ok());
    if let Some(mut url) = redirect.filter(|url| ["http", "https"].contains(&url.scheme())) {
        url.query_pairs_mut()
            .append_pair("bucket", bucket)
            .append_pair("key", key)
            .append_pair("etag", &stored.etag);
        object::put_header(&mut headers, LOCATION, url.as_str());
        return (StatusCode::SEE_OTHER, headers).into_response();
    }
    match fields.get("success_action_status") {
        Some("200") => (StatusCode::OK, headers).into_response(),
        Some("201") => {
            let posted = xml::Posted {
                location: format!("/{bucket}/{key}"),
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                etag: stored.etag.clone(),
            };
            let mut response = xml::respond(StatusCode::CREATED, &posted);
            response.headers_mut().extend(headers);
            response
        }
        _ => (StatusCode::NO_CONTENT, headers).into_response(),
    }
}
