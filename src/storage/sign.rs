//! Signed URLs: a right to read one object, or to write one, that somebody with that right gives
//! away for a while. A right to read ends with the version it was given for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::caller::{Caller, Visitor};
use super::download::{self, Manner, parameter};
use super::error::token_words;
use super::pace::{linger, paced};
use super::render::Transformation;
use super::store::bucket;
use super::store::object::{self, Object, Sight};
use super::upload::{self, Leave, Wish, is_true};
use super::{Error, Storage, name, policy, reply, request};
use crate::identity::unix_now;

/// Most URLs signed by one request.
const MAX_PATHS: usize = 1_000;

/// Longest life of a signed URL, in seconds.
const MAX_SECONDS: u64 = 10 * 366 * 86_400;

/// What a signed token says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Bucket and name.
    pub url: String,
    pub scope: Scope,
    /// Which version may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether that one is meant, current or not.
    #[serde(default, rename = "versionId", skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// How an image is to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformations: Option<String>,
    /// Whose an upload is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether an upload may take the place of what is there.
    #[serde(default)]
    pub upsert: bool,
    #[serde(default)]
    pub iat: i64,
    pub exp: i64,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    Download,
    Upload,
}

/// Reads a token that must be for this path and scope.
///
/// # Errors
/// It is not, or its time is over.
pub(super) fn read_grant(
    storage: &Storage,
    query: Option<&str>,
    (bucket, key): (&str, &str),
    scope: Scope,
) -> Result<Grant, Error> {
    let token = parameter(query, "token");
    let token = token
        .ok_or_else(|| Error::Form("querystring must have required property 'token'".into()))?;
    read_token(storage, &token, (bucket, key), scope)
}

/// The same for a token that came another way.
///
/// # Errors
/// As [`read_grant`].
pub(super) fn read_token(
    storage: &Storage,
    token: &str,
    (bucket, key): (&str, &str),
    scope: Scope,
) -> Result<Grant, Error> {
    let claims = storage.keys.verify_strictly(token);
    let claims = claims.map_err(|why| Error::SignedToken(token_words(&why)))?.claims;
    let grant: Grant =
        serde_json::from_str(&claims).map_err(|_| Error::Signature("Invalid signature"))?;
    if grant.scope != scope {
        return Err(Error::Signature(match scope {
            Scope::Download => "Token is not scoped for download",
            Scope::Upload => "Token is not scoped for upload",
        }));
    }
    let named = name::sought(key).unwrap_or_default();
    if grant.url != format!("{bucket}/{named}") {
        return Err(Error::Signature("Invalid signature"));
    }
    Ok(grant)
}

fn sign(storage: &Storage, grant: &Grant) -> Result<String, Error> {
    storage.keys.sign(grant).map_err(|error| Error::Broken(Box::new(error)))
}

/// POST /object/sign/{bucket}/{*key}
pub(super) async fn one(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object(&body)?;
    let seconds = life(&body)?;
    let transformations = transformations(&body)?;
    let version = request::text(&body, "versionId")?;
    let key = name::sought(&key)?;
    let place = (bucket.as_str(), key.as_str(), version);
    let looked =
        object::look(&storage, &caller, Sight::Person, "storage.object.sign", place).await?;
    let object = looked.object.ok_or(Error::NoSuchKey)?;
    let seconds = bounded(&storage, &caller, &bucket, seconds).await?;
    let grant = reading(&object, version, transformations, seconds);
    let url = url(&grant, &sign(&storage, &grant)?);
    Ok(reply(&json!({ "signedURL": url })))
}

/// POST /object/sign/{bucket}
pub(super) async fn many(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(bucket): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let body = request::object(&body)?;
    let seconds = life(&body)?;
    let paths = body.get("paths").ok_or_else(|| request::lacks("paths"))?;
    let paths: Vec<&str> =
        paths.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if paths.is_empty() || paths.len() > MAX_PATHS {
        let why = format!("body/paths must hold 1 to {MAX_PATHS} items");
        return Err(Error::Form(why.into()));
    }
    let names: Vec<String> =
        paths.iter().map(|path| name::sought(path).unwrap_or_default()).collect();
    let seen =
        object::look_many(&storage, &caller, "storage.object.sign_many", &bucket, &names).await?;
    let seconds = match seen.first() {
        Some(_) => bounded(&storage, &caller, &bucket, seconds).await?,
        None => seconds,
    };
    let mut answers = Vec::with_capacity(paths.len());
    for (path, name) in paths.iter().zip(&names) {
        answers.push(match seen.iter().find(|object| object.name == *name) {
            Some(object) => {
                let grant = reading(object, None, None, seconds);
                let url = url(&grant, &sign(&storage, &grant)?);
                json!({ "error": null, "path": path, "signedURL": url })
            }
            None => json!({
                "error": "Either the object does not exist or you do not have access to it",
                "path": path, "signedURL": null,
            }),
        });
    }
    Ok(reply(&Value::Array(answers)))
}

/// How long a URL works in a bucket that may have a bound of its own.
async fn bounded(
    storage: &Storage,
    caller: &Caller,
    bucket: &str,
    seconds: i64,
) -> Result<i64, Error> {
    let bucket = bucket::find(storage, caller, "storage.object.sign", bucket).await?;
    Ok(bucket.max_signed_seconds.map_or(seconds, |most| seconds.min(most)))
}

fn reading(
    object: &Object,
    version_id: Option<&str>,
    transformations: Option<String>,
    seconds: i64,
) -> Grant {
    let now = unix_now();
    Grant {
        url: format!("{}/{}", object.bucket_id, object.name),
        scope: Scope::Download,
        version: object.version.map(|version| version.to_string()),
        version_id: version_id.map(str::to_owned),
        transformations,
        owner: None,
        upsert: false,
        iat: now,
        exp: now.saturating_add(seconds),
    }
}

/// Below `/storage/v1`; the client puts its own base before it and encodes the path.
fn url(grant: &Grant, token: &str) -> String {
    let route = if grant.transformations.is_some() { "render/image" } else { "object" };
    format!("/{route}/sign/{}?token={token}", grant.url)
}

fn life(body: &Map<String, Value>) -> Result<i64, Error> {
    let seconds = request::number(body, "expiresIn", 1)?;
    let seconds = seconds.ok_or_else(|| request::lacks("expiresIn"))?.min(MAX_SECONDS);
    Ok(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// How an image is to be changed.
fn transformations(body: &Map<String, Value>) -> Result<Option<String>, Error> {
    let said = body.get("transform").filter(|said| !said.is_null() && **said != json!({}));
    let read = said.map(Transformation::of_json).transpose();
    Ok(read.map_err(|why| Error::Form(why.into()))?.map(|asked| asked.to_string()))
}

/// GET /object/sign/{bucket}/{*key}?token=
pub(super) async fn read(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let grant = read_grant(&storage, query.as_deref(), (&bucket, &key), Scope::Download)?;
    let object = granted(&storage, &caller, "storage.object.get_signed", &grant).await?;
    let manner = Manner { expires_at: Some(grant.exp), ..Manner::of(query.as_deref()) };
    download::serve(&storage, &object, &parts, manner).await
}

/// The object that a token was given for, if it is still the same.
///
/// # Errors
/// It is not.
pub(super) async fn granted(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    grant: &Grant,
) -> Result<Object, Error> {
    let (bucket, name) = grant.url.split_once('/').ok_or(Error::NoSuchKey)?;
    let place = (bucket, name, grant.version_id.as_deref());
    let looked = object::look(storage, caller, Sight::All, operation, place).await?;
    let object = looked.object.ok_or(Error::NoSuchKey)?;
    let version = object.version.map(|version| version.to_string());
    if grant.version.is_some() && grant.version != version {
        return Err(Error::Signature("The signed URL was for a version that is no more"));
    }
    Ok(object)
}

/// POST /object/upload/sign/{bucket}/{*key}
pub(super) async fn upload(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let operation = "storage.object.sign_upload";
    let bucket = bucket::find(&storage, &caller, operation, &bucket).await?;
    let mut wish = Wish::new(&caller, &bucket, name::key(&key)?);
    wish.is_upsert = is_true(&headers, "x-upsert");
    let tried = upload::attempt(&storage, &caller, operation, &wish).await;
    let needs = if wish.is_upsert { policy::UPSERT } else { policy::UPLOAD };
    policy::explain(&storage, &caller, needs, tried).await?;
    let now = unix_now();
    let grant = Grant {
        url: format!("{}/{}", wish.bucket, wish.name),
        scope: Scope::Upload,
        version: None,
        version_id: None,
        transformations: None,
        owner: wish.owner,
        upsert: wish.is_upsert,
        iat: now,
        exp: now.saturating_add(storage.upload_url_seconds),
    };
    let token = sign(&storage, &grant)?;
    let url = format!("/object/upload/sign/{}?token={token}", grant.url);
    Ok(reply(&json!({ "url": url, "token": token })))
}

/// PUT /object/upload/sign/{bucket}/{*key}?token=
pub(super) async fn write(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<Response, Error> {
    let operation = "storage.object.upload_signed";
    let grant = read_grant(&storage, query.as_deref(), (&bucket, &key), Scope::Upload)?;
    let (parts, body) = request.into_parts();
    let mut body = paced(body);
    let stored = receive(&storage, &caller, operation, grant, (&parts, &mut body)).await;
    if stored.is_err() {
        linger(body).await;
    }
    Ok(reply(&json!({ "Key": stored?.key })))
}

async fn receive(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    grant: Grant,
    (parts, body): (&Parts, impl futures_util::Stream<Item = Result<Bytes, Error>> + Send + Unpin),
) -> Result<upload::Stored, Error> {
    let (bucket, name) = grant.url.split_once('/').ok_or(Error::NoSuchBucket)?;
    let bucket = bucket::find(storage, caller, operation, bucket).await?;
    let mut wish = Wish::new(caller, &bucket, name.to_owned());
    (wish.is_upsert, wish.owner) = (grant.upsert, grant.owner.clone());
    upload::take(storage, caller, operation, &bucket, (wish, Leave::Granted), (parts, body)).await
}
