//! Lists of objects over S3, in both forms of the call.

use axum::response::Response;
use http::StatusCode;

use super::super::store::{bucket, s3_list};
use super::error::Error;
use super::xml::{self, Object, Objects, SharedPrefix};
use super::{Refused, Work, page};

/// Most entries of a page.
const MOST: u32 = 1000;

/// Longest prefix, delimiter or place, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// GET /bucket
pub(super) async fn first(work: &Work<'_>) -> Result<Response, Refused> {
    let marker = parameter(work, "marker")?;
    let mut page = read(work, "storage.s3.object.list", marker).await?;
    let is_encoded = page.encoding_type.is_some();
    page.marker = Some(xml::name(marker, is_encoded));
    // Who gave no delimiter goes on behind the last key, and is not told again.
    page.next_marker = page.next_marker.filter(|_| page.delimiter.is_some());
    page.next_marker = page.next_marker.map(|next| xml::name(&next, is_encoded));
    Ok(xml::respond(StatusCode::OK, &page))
}

/// GET /bucket?list-type=2
pub(super) async fn second(work: &Work<'_>) -> Result<Response, Refused> {
    let start_after = parameter(work, "start-after")?;
    let token = work.call.parameter("continuation-token");
    let place = token.map(page::read).transpose()?;
    let from = place.as_deref().unwrap_or(start_after);
    let mut page = read(work, "storage.s3.object.list_v2", from).await?;
    let is_encoded = page.encoding_type.is_some();
    page.next_continuation_token = page.next_marker.take().map(|next| page::write(&next));
    page.key_count = Some(page.contents.len() + page.common_prefixes.len());
    page.continuation_token = token.map(str::to_owned);
    page.start_after = (!start_after.is_empty()).then(|| xml::name(start_after, is_encoded));
    Ok(xml::respond(StatusCode::OK, &page))
}

/// One page behind `place`, with what both forms say.
async fn read(work: &Work<'_>, operation: &'static str, place: &str) -> Result<Objects, Refused> {
    let call = work.call;
    let (prefix, delimiter) = (parameter(work, "prefix")?, parameter(work, "delimiter")?);
    let encoding_type = match call.parameter("encoding-type") {
        None => None,
        Some("url") => Some("url"),
        Some(_) => {
            return Err(
                Error::InvalidArgument("Invalid Encoding Method specified in Request").into()
            );
        }
    };
    let is_encoded = encoding_type.is_some();
    let max_keys = call.number("max-keys", MOST)?;
    bucket::find(work.storage, work.caller, operation, &call.bucket).await?;
    let asked = s3_list::Asked {
        bucket: &call.bucket,
        prefix,
        delimiter,
        after: place,
        // One more tells whether there is another page; of none there is none.
        limit: if max_keys == 0 { 0 } else { max_keys + 1 },
    };
    let mut found = s3_list::objects(work.storage, work.caller, operation, &asked).await?;
    let most = usize::try_from(max_keys).unwrap_or(usize::MAX);
    let is_truncated = found.len() > most;
    found.truncate(most);
    let mut page = Objects {
        name: call.bucket.clone(),
        prefix: xml::name(prefix, is_encoded),
        delimiter: (!delimiter.is_empty()).then(|| xml::name(delimiter, is_encoded)),
        max_keys,
        encoding_type,
        is_truncated,
        next_marker: found.last().filter(|_| is_truncated).map(|last| last.name.clone()),
        ..Objects::default()
    };
    for entry in found {
        let key = xml::name(&entry.name, is_encoded);
        match entry.updated_at {
            None => page.common_prefixes.push(SharedPrefix { prefix: key }),
            Some(last_modified) => page.contents.push(Object {
                key,
                last_modified,
                etag: entry.etag,
                size: entry.size,
                storage_class: "STANDARD",
            }),
        }
    }
    Ok(page)
}

fn parameter<'a>(work: &Work<'a>, name: &str) -> Result<&'a str, Error> {
    let value = work.call.parameter(name).unwrap_or_default();
    if value.len() > MAX_TEXT_BYTES || value.contains('\0') {
        return Err(Error::InvalidArgument("A part of the query is too long, or no text."));
    }
    Ok(value)
}
