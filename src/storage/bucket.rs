//! Buckets: made, looked at, changed, emptied, deleted.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caller::Caller;
use super::store::bucket::{self, Change, Page};
use super::{Error, Storage, mime, name, policy, reply, request};

/// Rows deleted at once when a bucket is emptied, and most that one call deletes.
const EMPTY_STEP: u32 = 5_000;
const MAX_EMPTIED: i64 = 200_000;

/// Most types that a bucket may name.
const MAX_TYPES: usize = 256;

/// POST /bucket
pub(super) async fn create(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object(&body)?;
    let told = request::text(&body, "name")?;
    let told = told.ok_or_else(|| request::lacks("name"))?;
    let id = request::text(&body, "id")?.unwrap_or(told);
    let wanted = change(&storage, &body)?;
    if wanted.versioning_status.as_deref() == Some("SUSPENDED") {
        return Err(Error::Form(
            "body/versioning_status must be equal to one of the allowed values".into(),
        ));
    }
    if request::text(&body, "type")?.is_some_and(|kind| kind != "STANDARD") {
        return Err(Error::NotEnabled("Only buckets of type STANDARD are offered"));
    }
    let (id, told) = (name::bucket(id)?, name::bucket(told)?);
    let made = bucket::create(&storage, &caller, id, told, &wanted).await;
    policy::explain(&storage, &caller, policy::BUCKET, made).await?;
    Ok(reply(&json!({ "name": told })))
}

/// GET /bucket/{id}
pub(super) async fn read(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    Ok(reply(&bucket::read(&storage, &caller, &id).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListQuery {
    limit: Option<u32>,
    offset: Option<u32>,
    sort_column: Option<String>,
    sort_order: Option<String>,
    search: Option<String>,
}

/// GET /bucket
pub(super) async fn list(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Error> {
    let page = Page {
        search: query.search.filter(|search| !search.is_empty()),
        column: match query.sort_column.as_deref() {
            None | Some("name") => "name",
            Some("id") => "id",
            Some("created_at") => "created_at",
            Some("updated_at") => "updated_at",
            Some(_) => return Err(request::not_allowed("querystring/sortColumn")),
        },
        is_descending: request::is_descending(
            "querystring/sortOrder",
            query.sort_order.as_deref(),
        )?,
        limit: query.limit,
        offset: query.offset.unwrap_or_default(),
    };
    Ok(reply(&bucket::list(&storage, &caller, &page).await?))
}

/// PUT /bucket/{id}
pub(super) async fn update(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object(&body)?;
    let fields = ["public", "file_size_limit", "allowed_mime_types", "versioning_status"];
    if !fields.iter().any(|field| body.contains_key(*field)) {
        return Err(Error::Form(
            "body must have required property 'public', \
             body must have required property 'file_size_limit', \
             body must have required property 'allowed_mime_types', \
             body must match a schema in anyOf"
                .into(),
        ));
    }
    let wanted = change(&storage, &body)?;
    if wanted.versioning_status.as_deref() == Some("DISABLED") {
        return Err(request::not_allowed("body/versioning_status"));
    }
    bucket::update(&storage, &caller, &id, &wanted).await?;
    Ok(reply(&json!({ "message": "Successfully updated" })))
}

/// DELETE /bucket/{id}
pub(super) async fn delete(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    bucket::delete(&storage, &caller, &id).await?;
    Ok(reply(&json!({ "message": "Successfully deleted" })))
}

/// POST /bucket/{id}/empty: for servers alone.
pub(super) async fn empty(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    if !caller.is_service() {
        return Err(Error::NotService);
    }
    bucket::find(&storage, &caller, "storage.bucket.empty", &id).await?;
    if bucket::count(&storage, &caller, &id).await? > MAX_EMPTIED {
        return Err(Error::Invalid(
            "The bucket holds too many objects to be emptied at once".into(),
        ));
    }
    while bucket::empty(&storage, &caller, &id, EMPTY_STEP).await? > 0 {}
    let message = "Empty bucket has been queued. Completion may take up to an hour.";
    Ok(reply(&json!({ "message": message })))
}

/// What a body asks of a bucket.
fn change(storage: &Storage, body: &Map<String, Value>) -> Result<Change, Error> {
    let file_size_limit = match body.get("file_size_limit") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(said) => Some(Some(size(said)?)),
    };
    if file_size_limit.flatten().is_some_and(|limit| limit > storage.file_size_limit) {
        return Err(Error::TooLarge);
    }
    let versioning_status = request::text(body, "versioning_status")?;
    if versioning_status.is_some_and(|it| !["DISABLED", "ENABLED", "SUSPENDED"].contains(&it)) {
        return Err(request::not_allowed("body/versioning_status"));
    }
    Ok(Change {
        public: request::boolean(body, "public")?,
        file_size_limit,
        allowed_mime_types: match body.get("allowed_mime_types") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(said) => Some(Some(types(said)?)),
        },
        versioning_status: versioning_status.map(str::to_owned),
    })
}

fn types(said: &Value) -> Result<Vec<String>, Error> {
    let said = said.as_array().filter(|types| types.len() <= MAX_TYPES);
    let said = said.ok_or_else(|| Error::Form("body/allowed_mime_types must be array".into()))?;
    let types = said.iter().map(|kind| {
        let kind = kind.as_str().unwrap_or_default();
        if mime::is_pattern(kind) {
            return Ok(kind.to_owned());
        }
        let shown: String = kind.chars().filter(|c| !c.is_control()).take(64).collect();
        Err(Error::MimeType(format!("mime type {shown} is not supported")))
    });
    types.collect()
}

/// Bytes: a number, or one with a unit of a thousand.
fn size(said: &Value) -> Result<u64, Error> {
    let read = match said {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => read_size(text),
        _ => None,
    };
    // A bigint holds it.
    read.filter(|size| i64::try_from(*size).is_ok()).ok_or_else(|| {
        Error::Form(
            "body/file_size_limit must be integer, \
             body/file_size_limit must pass \"finite\" keyword validation, \
             body/file_size_limit must match pattern \
             \"^[0-9]+(?:\\.[0-9]+)?(?:[gG][bB]|[mM][bB]|[kK][bB]|[bB])$\", \
             body/file_size_limit must match a schema in anyOf"
                .into(),
        )
    })
}

fn read_size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (amount, unit) = text.split_at(end);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
    if whole.is_empty()
        || part.is_empty()
        || part.len() > 9
        || (unit.is_empty() && end > whole.len())
    {
        return None;
    }
    let divisor = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let fraction = part.parse::<u64>().ok()?.checked_mul(scale)? / divisor;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_a_thousand() {
        assert_eq!(read_size("20mb"), Some(20_000_000));
        assert_eq!(read_size("1.5GB"), Some(1_500_000_000));
        assert_eq!(read_size("3B"), Some(3));
        assert_eq!(read_size("1024"), Some(1024));
        for odd in ["", "lots", "mb", "1.", ".5mb", "-1", "1.5", "99999999999999999999", "1 mb"] {
            assert_eq!(read_size(odd), None, "{odd:?}");
        }
    }
}
