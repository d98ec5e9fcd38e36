//! Uploads: whoever may is let in, then the bytes come, then the row appears. [`begin`] and
//! [`finish`] are what every way of uploading has in common.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use http::request::Parts;
use http::{HeaderMap, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::caller::Caller;
use super::pace::{linger, paced};
use super::store::bucket::{self, Bucket};
use super::store::object::{self, Hands};
use super::store::upkeep;
use super::{Error, Storage, form, mime, name, policy, reply};
use crate::blob::{Etag, WriteError, Written};
use crate::pg::Pg;

/// How long an upload may take in all, in seconds; after that it is swept away.
pub(super) const LIFE_SECONDS: u32 = 86_400;

/// Most bytes of what people say about their files, and of any other field of a form.
pub(super) const MAX_METADATA_BYTES: usize = 1024 * 1024;

/// What the dashboard keeps empty folders with.
const PLACEHOLDER: &str = ".emptyFolderPlaceholder";

/// What somebody wants to keep, as far as it is known before the bytes come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Wish {
    /// Bucket and name, both checked.
    pub bucket: String,
    pub name: String,
    /// Whether it may take the place of another.
    pub is_upsert: bool,
    pub content_type: String,
    /// As it is answered with downloads.
    pub cache_control: String,
    pub content_encoding: Option<String>,
    pub robots: Option<String>,
    pub user_metadata: Option<Map<String, Value>>,
    /// In how many seconds it is gone.
    pub expires_in: Option<u64>,
    /// Whom it belongs to.
    pub owner: Option<String>,
    /// How many bytes, where that is said.
    pub size: Option<u64>,
}

/// Whether policies decide about a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// They do, as for the person who asks.
    Policies,
    /// They have: something signed says so.
    Granted,
}

/// A write that may go on.
#[derive(Debug)]
pub(super) struct Reserved {
    /// The name of its bytes.
    pub version: Uuid,
    /// Most bytes there may be.
    pub limit: u64,
    pub wish: Wish,
    pub leave: Leave,
    /// What the bucket takes.
    pub allowed_mime_types: Option<Vec<String>>,
}

/// An object that is there now.
#[derive(Debug)]
pub(super) struct Stored {
    pub id: String,
    /// With the bucket's name.
    pub key: String,
    /// In quotes.
    pub etag: String,
}

/// What the bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub size: u64,
    /// In quotes.
    pub etag: String,
    pub sha256: Option<String>,
    pub sniffed_type: Option<String>,
}

impl Content {
    /// What was written; `etag` unless it is the tag of what was written.
    pub(super) fn of(written: &Written, etag: Option<String>) -> Self {
        Self {
            size: written.size,
            etag: etag.unwrap_or_else(|| format!("\"{}\"", written.tag)),
            sha256: Some(written.sha256.clone()),
            sniffed_type: mime::sniff(&written.head).map(str::to_owned),
        }
    }
}

impl Wish {
    /// A wish of the caller for these names and nothing else said yet.
    pub(super) fn new(caller: &Caller, bucket: &Bucket, name: String) -> Self {
        Self {
            bucket: bucket.id.clone(),
            name,
            is_upsert: false,
            content_type: mime::UNKNOWN.to_owned(),
            cache_control: "no-cache".to_owned(),
            content_encoding: None,
            robots: None,
            user_metadata: None,
            expires_in: None,
            owner: caller.owner().0.map(str::to_owned),
            size: None,
        }
    }

    /// What policies must permit.
    fn needs(&self) -> policy::Needs {
        if self.is_upsert { policy::UPSERT } else { policy::UPLOAD }
    }

    /// The row, as far as it is known.
    fn row(&self, version: Uuid, content: Option<&Content>) -> Value {
        let mut metadata = Map::new();
        metadata.insert("mimetype".into(), self.content_type.as_str().into());
        metadata.insert("cacheControl".into(), self.cache_control.as_str().into());
        let size = content.map(|content| content.size).or(self.size);
        if let Some(size) = size {
            metadata.insert("size".into(), size.into());
            metadata.insert("contentLength".into(), size.into());
        }
        let told = [("xRobotsTag", &self.robots), ("contentEncoding", &self.content_encoding)];
        for (name, value) in told {
            if let Some(value) = value {
                metadata.insert(name.into(), value.as_str().into());
            }
        }
        if let Some(content) = content {
            metadata.insert("eTag".into(), content.etag.as_str().into());
            metadata.insert("httpStatusCode".into(), 200.into());
        }
        let owner = self.owner.as_deref().and_then(|owner| Uuid::try_parse(owner).ok());
        json!({
            "bucket_id": self.bucket,
            "name": self.name,
            "version": version,
            "owner": owner,
            "owner_id": self.owner,
            "metadata": metadata,
            "user_metadata": self.user_metadata.clone().unwrap_or_default(),
            "sha256": content.map(|content| &content.sha256),
            "sniffed_type": content.map(|content| &content.sniffed_type),
        })
    }
}

/// Lets a write begin: the bucket must take such a file, and policies such a row. The bytes are
/// noted in the ledger, to be removed in `life_seconds` unless [`finish`] keeps them.
///
/// # Errors
/// Whatever refuses it.
pub(super) async fn begin(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &Bucket,
    (wish, leave): (Wish, Leave),
    life_seconds: u32,
) -> Result<Reserved, Error> {
    let limit = storage.limit(bucket);
    if wish.size.is_some_and(|size| size > limit) {
        return Err(Error::TooLarge);
    }
    mime::check(bucket.allowed_mime_types.as_deref(), &wish.content_type)?;
    let is_placeholder = wish.name.rsplit('/').next() == Some(PLACEHOLDER);
    let limit = if is_placeholder { 0 } else { limit };
    let version = Uuid::new_v4();
    let hands = hands(caller, operation, leave);
    let (row, is_upsert) = (wish.row(version, None), wish.is_upsert);
    let entry = (version, life_seconds);
    let reserved = object::reserve(storage, &hands, &row, is_upsert, entry).await;
    policy::explain(storage, caller, wish.needs(), reserved).await?;
    let allowed_mime_types = bucket.allowed_mime_types.clone();
    Ok(Reserved { version, limit, wish, leave, allowed_mime_types })
}

/// Keeps what was written: from now on everybody who may sees it. `etag` is for uploads whose
/// ETag is not the digest of all bytes.
///
/// # Errors
/// Whatever refuses it; the bytes are let go of then.
pub(super) async fn finish(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    reserved: Reserved,
    (written, etag): (&Written, Option<String>),
) -> Result<Stored, Error> {
    keep(storage, caller, operation, reserved, Content::of(written, etag)).await
}

/// The same where it is known what the bytes are.
///
/// # Errors
/// As [`finish`].
pub(super) async fn keep(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    reserved: Reserved,
    content: Content,
) -> Result<Stored, Error> {
    let kept = try_keep(storage, caller, operation, &reserved, content).await;
    if kept.is_err() {
        give_up(storage, reserved.version).await;
    }
    kept
}

/// The same, but where it is refused nothing is let go of.
///
/// # Errors
/// Whatever refuses it.
pub(super) async fn try_keep(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    reserved: &Reserved,
    content: Content,
) -> Result<Stored, Error> {
    let Reserved { version, wish, leave, .. } = reserved;
    let hands = hands(caller, operation, *leave);
    let (allowed, sniffed) = (&reserved.allowed_mime_types, &content.sniffed_type);
    mime::check_sniffed(allowed.as_deref(), &wish.content_type, sniffed.as_deref())?;
    let row = wish.row(*version, Some(&content));
    let bytes = (*version, content.size, wish.expires_in);
    let kept = object::keep(storage, &hands, &row, wish.is_upsert, bytes).await;
    let kept = policy::explain(storage, caller, wish.needs(), kept).await?;
    let key = format!("{}/{}", wish.bucket, wish.name);
    Ok(Stored { id: kept.id, key, etag: content.etag })
}

/// Tries whether the caller may write this, and writes nothing; a refusal names what is missing.
///
/// # Errors
/// They may not.
pub(super) async fn attempt(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    wish: &Wish,
) -> Result<(), Error> {
    let row = wish.row(Uuid::new_v4(), None);
    let tried = object::attempt(storage, &caller.session(operation), &row, wish.is_upsert).await;
    policy::explain(storage, caller, wish.needs(), tried).await
}

/// Lets go of the bytes of an upload that comes to nothing.
pub(super) async fn give_up(storage: &Storage, version: Uuid) {
    if let Err(error) = upkeep::give_up(&storage.pg, version).await {
        // They are in the ledger, and their time runs out.
        error.log();
    }
}

fn hands<'a>(caller: &'a Caller, operation: &'static str, leave: Leave) -> Hands<'a> {
    let service = caller.service(operation);
    let person = match leave {
        Leave::Policies => caller.session(operation),
        Leave::Granted => service.clone(),
    };
    Hands { person, own: caller.own(operation), service }
}

/// Writes a body whose write may go on, and keeps it.
///
/// # Errors
/// As [`finish`]; or the body fails, or is too long.
pub(super) async fn receive<E: From<Error> + From<WriteError<E>>>(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    reserved: Reserved,
    (body, etag): (impl Stream<Item = Result<Bytes, E>>, Etag),
) -> Result<Stored, E> {
    let watch = Watch::over(storage, reserved.version);
    let writing = storage.blobs.put(reserved.version, body, reserved.limit, etag);
    let received = match writing.await {
        Ok(written) => {
            let finishing = finish(storage, caller, operation, reserved, (&written, None));
            finishing.await.map_err(E::from)
        }
        Err(error) => {
            give_up(storage, reserved.version).await;
            Err(error.into())
        }
    };
    watch.end();
    received
}

/// Sees to it that bytes are let go of when whoever sends them goes away in the middle: then
/// nobody answers any more, and what was under way is dropped.
pub(super) struct Watch {
    pg: Pg,
    unfinished: Option<Uuid>,
}

impl Watch {
    /// Begins to watch over bytes.
    pub(super) fn over(storage: &Storage, version: Uuid) -> Self {
        Self { pg: storage.pg.clone(), unfinished: Some(version) }
    }

    /// It is known what becomes of them.
    pub(super) fn end(mut self) {
        self.unfinished = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(version) = self.unfinished.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let pg = self.pg.clone();
        runtime.spawn(async move {
            if let Err(error) = upkeep::give_up(&pg, version).await {
                // They are in the ledger, and their time runs out.
                error.log();
            }
        });
    }
}

/// POST /object/{bucket}/{*key}: a new object, or with `x-upsert: true` also another in its place.
pub(super) async fn create(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Error> {
    let is_upsert = is_true(request.headers(), "x-upsert");
    upload(&storage, &caller, "storage.object.upload", (&bucket, &key, is_upsert), request).await
}

/// PUT /object/{bucket}/{*key}: an object, whether there was one or not.
pub(super) async fn replace(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Error> {
    upload(&storage, &caller, "storage.object.upload_update", (&bucket, &key, true), request).await
}

async fn upload(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (bucket, key, is_upsert): (&str, &str, bool),
    request: Request<Body>,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let mut body = paced(body);
    let outcome = async {
        let bucket = bucket::find(storage, caller, operation, bucket).await?;
        let mut wish = Wish::new(caller, &bucket, name::key(key)?);
        wish.is_upsert = is_upsert;
        take(storage, caller, operation, &bucket, (wish, Leave::Policies), (&parts, &mut body))
            .await
    };
    match outcome.await {
        Ok(stored) => Ok(reply(&json!({ "Key": stored.key, "Id": stored.id }))),
        Err(error) => {
            linger(body).await;
            Err(error)
        }
    }
}

/// Reads what a request says about its file, and then the file: the body itself, or the first
/// file of a form.
///
/// # Errors
/// As [`begin`] and [`receive`]; or the request does not read.
pub(super) async fn take(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &Bucket,
    (mut wish, leave): (Wish, Leave),
    (parts, body): (&Parts, impl Stream<Item = Result<Bytes, Error>> + Send + Unpin),
) -> Result<Stored, Error> {
    let headers = &parts.headers;
    wish.robots = text(headers, "x-robots-tag").map(str::to_owned);
    wish.expires_in = text(headers, "x-expires-in").map(seconds).transpose()?;
    let content_type = text(headers, "content-type");
    let boundary = content_type.and_then(|kind| multer::parse_boundary(kind).ok());
    let Some(boundary) = boundary else {
        wish.content_type = mime::declared(content_type)?;
        wish.content_encoding = text(headers, "content-encoding").map(str::to_owned);
        if let Some(said) = text(headers, "cache-control") {
            wish.cache_control = said.to_owned();
        }
        if let Some(said) = text(headers, "x-metadata") {
            wish.user_metadata = Some(encoded_metadata(said)?);
        }
        wish.size = text(headers, "content-length").and_then(|length| length.parse().ok());
        let reserved =
            begin(storage, caller, operation, bucket, (wish, leave), LIFE_SECONDS).await?;
        return receive(storage, caller, operation, reserved, (body, Etag::Brief)).await;
    };
    form::take(storage, caller, operation, bucket, (wish, leave), (boundary, body)).await
}

/// What somebody says about their file, as JSON.
///
/// # Errors
/// It is no JSON object.
pub(super) fn metadata(text: &str) -> Result<Map<String, Value>, Error> {
    let read = serde_json::from_str(text);
    let holds_null = text.contains("\\u0000");
    read.ok()
        .filter(|_| !holds_null && text.len() <= MAX_METADATA_BYTES)
        .ok_or_else(|| Error::Form("metadata must be a JSON object of at most 1 MB".into()))
}

/// The same in base64, as a header holds it.
///
/// # Errors
/// As [`metadata`].
pub(super) fn encoded_metadata(text: &str) -> Result<Map<String, Value>, Error> {
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    metadata(&String::from_utf8_lossy(&bytes))
}

/// A lifetime.
///
/// # Errors
/// It is no number of seconds.
pub(super) fn seconds(text: &str) -> Result<u64, Error> {
    let seconds =
        text.trim().parse().ok().filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds));
    seconds.ok_or_else(|| Error::Form("a lifetime must be a number of seconds".into()))
}

/// A header's text, where it is one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a header says yes.
pub(super) fn is_true(headers: &HeaderMap, name: &str) -> bool {
    text(headers, name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
