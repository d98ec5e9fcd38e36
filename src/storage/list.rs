//! Lists: the first version, folder by folder, and the second with cursors.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::caller::Caller;
use super::store::list::{Order, Wanted, Which, entries};
use super::{Error, Storage, reply, request};

/// Most entries of a page, and how many where nothing is said.
const MAX_FIRST: (u64, u64) = (1_500, 100);
const MAX_SECOND: (u64, u64) = (1_000, 1_000);

/// Longest prefix or search, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Fields of an entry that stand for versions.
const OF_VERSIONS: [&str; 4] = ["version", "archived_at", "is_delete_marker", "is_versioned"];

/// POST /object/list/{bucket}
pub(super) async fn first(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object(&body)?;
    let asked = bounded(request::needed(&body, "prefix")?)?;
    let (is_exact, noncurrent, markers) = which(&body)?;
    let folder = match asked {
        "" => String::new(),
        asked if asked.ends_with('/') || is_exact => asked.to_owned(),
        asked => format!("{asked}/"),
    };
    let columns = ["name", "updated_at", "created_at", "last_accessed_at"];
    let search = request::text(&body, "search")?.map(bounded).transpose()?;
    let wanted = Wanted {
        bucket: &bucket,
        prefix: folder.trim_start_matches('/'),
        search: search.filter(|search| !search.is_empty()),
        by_folder: true,
        is_folded: true,
        is_exact,
        noncurrent,
        markers,
        order: order(&body, &columns)?,
        limit: limit(&body, MAX_FIRST)?,
        offset: request::number(&body, "offset", 0)?.unwrap_or_default().min(u64::from(u32::MAX)),
        after: None,
    };
    let with_versions = noncurrent != Which::Exclude || markers != Which::Exclude;
    let found = entries(&storage, &caller, "storage.object.list", &wanted).await?;
    let shown = found.iter().map(|entry| {
        let is_folder = entry["id"].is_null();
        let moment = |name: &str| if is_folder { Value::Null } else { entry[name].clone() };
        let mut shown = json!({
            "name": entry["name"],
            "id": entry["id"],
            "updated_at": moment("updated_at"),
            "created_at": moment("created_at"),
            "last_accessed_at": moment("last_accessed_at"),
            "metadata": entry["metadata"],
        });
        if with_versions {
            add_versions(&mut shown, entry);
        }
        shown
    });
    Ok(reply(&shown.collect()))
}

/// POST /object/list-v2/{bucket}
pub(super) async fn second(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object_or_nothing(&body)?;
    let by_folder = request::boolean(&body, "with_delimiter")?.unwrap_or_default();
    let limit = limit(&body, MAX_SECOND)?;
    let (is_exact, noncurrent, markers) = which(&body)?;
    let cursor = request::text(&body, "cursor")?.map(read_cursor).transpose()?;
    let wanted = Wanted {
        bucket: &bucket,
        prefix: bounded(request::text(&body, "prefix")?.unwrap_or_default())?,
        search: None,
        by_folder,
        is_folded: false,
        is_exact,
        noncurrent,
        markers,
        order: order(&body, &["name", "updated_at", "created_at"])?,
        // One more tells whether there are more.
        limit: limit + 1,
        offset: 0,
        after: cursor.as_ref().map(|cursor| cursor.each_ref().map(String::as_str)),
    };
    let mut found = entries(&storage, &caller, "storage.object.list_v2", &wanted).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_next = found.len() > limit;
    found.truncate(limit);
    let mut answer = json!({ "hasNext": has_next });
    if let Some(last) = found.last().filter(|_| has_next) {
        answer["nextCursor"] = write_cursor(last).into();
        answer["nextCursorKey"] = last["whole"].clone();
    }
    let (folders, objects): (Vec<&Value>, Vec<&Value>) =
        found.iter().partition(|entry| entry["id"].is_null());
    answer["folders"] = folders.into_iter().map(shown_folder).collect();
    answer["objects"] = objects.into_iter().map(|entry| shown_object(entry, by_folder)).collect();
    Ok(reply(&answer))
}

fn shown_folder(entry: &Value) -> Value {
    let name = format!("{}/", entry["whole"].as_str().unwrap_or_default());
    json!({
        "key": entry["whole"], "name": name, "id": null, "updated_at": null, "created_at": null,
        "last_accessed_at": null, "metadata": null,
    })
}

fn shown_object(entry: &Value, by_folder: bool) -> Value {
    let mut shown = if by_folder {
        json!({
            "key": entry["whole"], "name": entry["whole"], "id": entry["id"],
            "updated_at": entry["updated_at"], "created_at": entry["created_at"],
            "last_accessed_at": entry["last_accessed_at"], "metadata": entry["metadata"],
        })
    } else {
        json!({
            "id": entry["id"], "name": entry["whole"], "metadata": entry["metadata"],
            "updated_at": entry["updated_at"], "created_at": entry["created_at"],
            "last_accessed_at": entry["last_accessed_at"],
        })
    };
    add_versions(&mut shown, entry);
    shown
}

fn add_versions(shown: &mut Value, entry: &Value) {
    for name in OF_VERSIONS {
        shown[name] = entry[name].clone();
    }
}

fn which(body: &Map<String, Value>) -> Result<(bool, Which, Which), Error> {
    let read = |name: &str| match request::text(body, name)? {
        None | Some("exclude") => Ok(Which::Exclude),
        Some("include") => Ok(Which::Include),
        Some("only") => Ok(Which::Only),
        Some(_) => Err(request::not_allowed(&format!("body/{name}"))),
    };
    let is_exact = request::boolean(body, "exactMatch")?.unwrap_or_default();
    Ok((is_exact, read("noncurrentVersions")?, read("deleteMarkers")?))
}

fn order(body: &Map<String, Value>, columns: &[&'static str]) -> Result<Order, Error> {
    let Some(said) = body.get("sortBy").filter(|said| !said.is_null()) else {
        return Ok(Order { column: "name", is_descending: false });
    };
    let said = said.as_object().ok_or_else(|| Error::Form("body/sortBy must be object".into()))?;
    let column = request::text(said, "column")?.unwrap_or("name");
    let column = columns.iter().find(|known| **known == column);
    let column = column.ok_or_else(|| request::not_allowed("body/sortBy/column"))?;
    let is_descending = request::is_descending("body/sortBy/order", request::text(said, "order")?)?;
    Ok(Order { column, is_descending })
}

fn limit(body: &Map<String, Value>, (most, usual): (u64, u64)) -> Result<u64, Error> {
    match request::number(body, "limit", 1)? {
        Some(limit) if limit > most => {
            Err(Error::Form(format!("body/limit must be <= {most}").into()))
        }
        limit => Ok(limit.unwrap_or(usual)),
    }
}

fn bounded(text: &str) -> Result<&str, Error> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(text);
    }
    Err(Error::Form(format!("a prefix must NOT have more than {MAX_TEXT_BYTES} characters").into()))
}

fn write_cursor(entry: &Value) -> String {
    let place = json!([entry["sorted_by"], entry["name"], entry["tie"]]);
    BASE64_URL_SAFE_NO_PAD.encode(place.to_string())
}

fn read_cursor(text: &str) -> Result<[String; 3], Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let place: Option<[String; 3]> = serde_json::from_slice(&bytes).ok();
    place
        .filter(|place| place.iter().all(|part| !part.contains('\0')))
        .ok_or_else(|| Error::Invalid("the cursor is none of ours".into()))
}
