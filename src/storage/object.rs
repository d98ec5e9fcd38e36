//! Objects that are there: looked at, moved, copied, deleted.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::caller::{Caller, Visitor};
use super::store::bucket;
use super::store::change::{self, Doomed, Spot};
use super::store::object::Object;
use super::upload::{self, Content, Leave, Wish, encoded_metadata, is_true, text};
use super::{Error, Storage, download, mime, name, policy, reply, request};

/// Most names in one request to delete.
const MAX_NAMES: usize = 1_000;

/// Most objects that one recursive call deletes, and how many at once.
const MAX_DELETED: usize = 20_000;
const DELETE_STEP: usize = 2_000;

/// How long a copy may take, in seconds.
const COPY_SECONDS: u32 = 3_600;

/// GET /object/info/{bucket}/{*key}
pub(super) async fn info(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let operation = "storage.object.info";
    Ok(described(&download::readable(&storage, &caller, operation, place).await?))
}

/// GET /object/info/authenticated/{bucket}/{*key}
pub(super) async fn info_authenticated(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let operation = "storage.object.info_authenticated";
    Ok(described(&download::visible(&storage, &caller, operation, place).await?))
}

/// GET /object/info/public/{bucket}/{*key}
pub(super) async fn info_public(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let operation = "storage.object.info_public";
    Ok(described(&download::published(&storage, &caller, operation, place).await?))
}

fn described(object: &Object) -> Response {
    let noted = |name: &str| object.metadata.get(name).cloned().unwrap_or_default();
    let last_modified = object.noted("lastModified").unwrap_or(&object.updated_at);
    reply(&json!({
        "id": object.id,
        "name": object.name,
        "version": object.version,
        "bucket_id": object.bucket_id,
        "size": noted("size"),
        "content_type": noted("mimetype"),
        "cache_control": noted("cacheControl"),
        "etag": noted("eTag"),
        "metadata": object.user_metadata,
        "last_modified": last_modified,
        "created_at": object.created_at,
        "updated_at": object.updated_at,
        "content_encoding": noted("contentEncoding"),
        "archived_at": object.archived_at,
        "is_delete_marker": false,
        "is_versioned": object.is_versioned,
    }))
}

/// POST /object/move: an object, one of its versions, or with `recursive` a folder.
pub(super) async fn relocate(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Error> {
    let operation = "storage.object.move";
    let body = request::object(&body)?;
    let (from, to) = (source(&body)?, destination(&body)?);
    let spots = (spot(&from), spot(&to));
    if let Some(version) = request::text(&body, "sourceVersionId")? {
        let is_same = from == to;
        let wanted = Copying { version: Some(version), is_upsert: is_same, ..Copying::default() };
        let copied = copy_object(&storage, &caller, operation, spots, wanted).await?;
        if !is_same {
            let doomed = Doomed { name: from.1.clone(), version: Some(version.to_owned()) };
            change::delete(&storage, &caller, operation, &from.0, &[doomed]).await?;
        }
        return Ok(reply(
            &json!({ "message": "Successfully moved", "Id": copied.id, "Key": copied.key }),
        ));
    }
    if from.0 != to.0 {
        bucket::find(&storage, &caller, operation, &to.0)
            .await
            .map_err(|_| Error::RelatedMissing)?;
    }
    if request::boolean(&body, "recursive")?.unwrap_or_default() {
        if to.0 == from.0 && to.1.starts_with(&format!("{}/", from.1)) {
            return Err(Error::Invalid("A folder cannot be moved into itself".into()));
        }
        let moved = change::relocate_folder(&storage, &caller, operation, spots).await;
        let count = policy::explain(&storage, &caller, policy::MOVE, moved).await?;
        if count == 0 {
            return Err(Error::NoSuchKey);
        }
        return Ok(reply(&json!({ "message": "Successfully moved", "count": count })));
    }
    let moved = change::relocate(&storage, &caller, operation, spots).await;
    let id = policy::explain(&storage, &caller, policy::MOVE, moved).await?;
    let id = id.ok_or(Error::NoSuchKey)?;
    let key = format!("{}/{}", to.0, to.1);
    Ok(reply(&json!({ "message": "Successfully moved", "Id": id, "Key": key })))
}

/// POST /object/copy
pub(super) async fn copy(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let operation = "storage.object.copy";
    let body = request::object(&body)?;
    let (from, to) = (source(&body)?, destination(&body)?);
    let keeps = request::boolean(&body, "copyMetadata")?.unwrap_or(true);
    let metadata = match body.get("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(metadata)) => metadata.clone(),
        Some(_) => return Err(Error::Form("body/metadata must be object".into())),
    };
    let wanted = Copying {
        version: request::text(&body, "sourceVersionId")?,
        is_upsert: is_true(&headers, "x-upsert"),
        metadata: (!keeps).then_some(metadata),
        user_metadata: text(&headers, "x-metadata").map(encoded_metadata).transpose()?,
    };
    let stored =
        copy_object(&storage, &caller, operation, (spot(&from), spot(&to)), wanted).await?;
    let mut answer = json!({ "Key": stored.key, "Id": stored.id });
    let shown = change::shown(&storage, &caller, operation, &stored.id).await?;
    for (name, value) in shown.as_object().into_iter().flatten() {
        answer[name] = value.clone();
    }
    Ok(reply(&answer))
}

/// What a copy is to be like.
#[derive(Debug, Default)]
pub(super) struct Copying<'a> {
    /// A version that is not the current one.
    pub version: Option<&'a str>,
    /// Whether it may take the place of another.
    pub is_upsert: bool,
    /// `cacheControl`, `mimetype` and `contentEncoding`, instead of those of the source.
    pub metadata: Option<Map<String, Value>>,
    /// Instead of that of the source.
    pub user_metadata: Option<Map<String, Value>>,
}

/// Copies an object that the caller sees to where they may write.
///
/// # Errors
/// They may not, or there is none.
pub(super) async fn copy_object(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (from, to): (Spot<'_>, Spot<'_>),
    wanted: Copying<'_>,
) -> Result<upload::Stored, Error> {
    let query = wanted.version.map(|version| {
        form_urlencoded::Serializer::new(String::new()).append_pair("versionId", version).finish()
    });
    let place = (from.bucket, from.name, query.as_deref());
    let source = download::visible(storage, caller, operation, place).await?;
    let version = source.version.ok_or(Error::NoSuchKey)?;
    let bucket = bucket::find(storage, caller, operation, to.bucket).await;
    let bucket = bucket.map_err(|error| match error {
        Error::NoSuchBucket => Error::RelatedMissing,
        error => error,
    })?;
    let own = |name: &str| source.noted(name).map(str::to_owned);
    let said = wanted.metadata.as_ref();
    let told = |name: &str| match said {
        Some(said) => said.get(name).and_then(Value::as_str).map(str::to_owned),
        None => own(name),
    };
    let mut wish = Wish::new(caller, &bucket, to.name.to_owned());
    wish.is_upsert = wanted.is_upsert;
    wish.content_type = mime::declared(told("mimetype").or_else(|| own("mimetype")).as_deref())?;
    wish.cache_control = told("cacheControl").unwrap_or_else(|| "no-cache".to_owned());
    wish.content_encoding = told("contentEncoding");
    wish.robots = own("xRobotsTag");
    wish.user_metadata = wanted
        .user_metadata
        .or_else(|| source.user_metadata.as_object().cloned().filter(|_| said.is_none()));
    let size = match source.metadata.get("size").and_then(Value::as_u64) {
        Some(size) => size,
        None => storage.blobs.size(version).await?,
    };
    wish.size = Some(size);
    let content = Content {
        size,
        etag: own("eTag").unwrap_or_default(),
        sha256: source.sha256.clone(),
        sniffed_type: source.sniffed_type.clone(),
    };
    let wish = (wish, Leave::Policies);
    let reserved = upload::begin(storage, caller, operation, &bucket, wish, COPY_SECONDS).await?;
    if let Err(error) = storage.blobs.copy(version, reserved.version).await {
        upload::give_up(storage, reserved.version).await;
        return Err(error.into());
    }
    upload::keep(storage, caller, operation, reserved, content).await
}

/// DELETE /object/{bucket}/{*key}
pub(super) async fn delete(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
) -> Result<Response, Error> {
    let operation = "storage.object.delete";
    let doomed = Doomed { name: name::sought(&key)?, version: None };
    let deleted = change::delete(&storage, &caller, operation, &bucket, &[doomed]).await?;
    if deleted.is_empty() {
        return Err(Error::NoSuchKey);
    }
    Ok(reply(&json!({ "message": "Successfully deleted" })))
}

/// DELETE /object/{bucket}: several, and with `recursive` also what is in folders of these names.
pub(super) async fn delete_many(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let operation = "storage.object.delete_many";
    let body = request::object(&body)?;
    let said = body.get("prefixes").ok_or_else(|| request::lacks("prefixes"))?;
    let said = said.as_array().ok_or_else(|| Error::Form("body/prefixes must be array".into()))?;
    if said.is_empty() {
        return Err(Error::Form("body/prefixes must NOT have fewer than 1 items".into()));
    }
    if said.len() > MAX_NAMES {
        let why = format!("body/prefixes must NOT have more than {MAX_NAMES} items");
        return Err(Error::Form(why.into()));
    }
    let mut doomed = Vec::with_capacity(said.len());
    for entry in said {
        doomed.extend(read_doomed(entry)?);
    }
    if !request::boolean(&body, "recursive")?.unwrap_or_default() {
        let gone = change::delete(&storage, &caller, operation, &bucket, &doomed).await?;
        return Ok(reply(&Value::Array(gone)));
    }
    let folders: Vec<String> =
        doomed.into_iter().map(|it| it.name.trim_end_matches('/').to_owned()).collect();
    let mut all = Vec::new();
    while all.len() < MAX_DELETED {
        let step = change::within(&storage, &caller, operation, &bucket, &folders, DELETE_STEP);
        let found = step.await?;
        let gone = change::delete(&storage, &caller, operation, &bucket, &found).await?;
        let is_last = gone.is_empty() || found.len() < DELETE_STEP;
        all.extend(gone);
        if is_last {
            break;
        }
    }
    Ok(reply(&Value::Array(all)))
}

/// A name, or a path and a version. A name that nobody can have is just not there.
fn read_doomed(entry: &Value) -> Result<Option<Doomed>, Error> {
    let (name, version) = match entry {
        Value::String(name) => (name.as_str(), None),
        Value::Object(entry) => {
            (request::needed(entry, "path")?, Some(request::needed(entry, "versionId")?.to_owned()))
        }
        _ => return Err(Error::Form("body/prefixes/0 must be string".into())),
    };
    Ok(name::sought(name).ok().map(|name| Doomed { name, version }))
}

type Names = (String, String);

fn spot((bucket, name): &Names) -> Spot<'_> {
    Spot { bucket, name }
}

fn source(body: &Map<String, Value>) -> Result<Names, Error> {
    let bucket = request::needed(body, "bucketId")?.to_owned();
    Ok((bucket, name::sought(request::needed(body, "sourceKey")?)?))
}

fn destination(body: &Map<String, Value>) -> Result<Names, Error> {
    let bucket = match request::text(body, "destinationBucket")? {
        Some(bucket) => bucket,
        None => request::needed(body, "bucketId")?,
    };
    Ok((bucket.to_owned(), name::key(request::needed(body, "destinationKey")?)?))
}
