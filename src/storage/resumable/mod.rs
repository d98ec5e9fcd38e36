//! Resumable uploads, as TUS 1.0 has them: `/upload/resumable`.
//!
//! Reading order: here the requests; `protocol`, their grammar; `turns`, one request at a time;
//! `append`, what becomes of the bytes. An upload is an entry of the ledger that is being written;
//! when its time is over, the sweep ends it, and its pieces with it.

mod append;
pub(super) mod protocol;
mod turns;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{head, post};
use axum::{Extension, Router};
use futures_util::{FutureExt, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use super::caller::{Caller, Visitor};
use super::pace::{linger, paced};
use super::sign::{Grant, Scope, read_token};
use super::store::bucket::{self, Bucket};
use super::store::resumable::{self as store, STEP, Upload};
use super::upload::{self, Leave, Reserved, Wish, is_true, text};
use super::{Error, Storage, form, name};

use append::Append;
use protocol::{Checksum, Fault};
use turns::Turn;
pub(super) use turns::Turns;

const CREATE: &str = "storage.tus.upload.create";
const LOOK: &str = "storage.tus.upload.get";
const DELETE: &str = "storage.tus.upload.delete";

const PLAIN: &str = "text/plain;charset=UTF-8";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// Everything below `/upload/resumable`.
pub(super) fn routes() -> Router<Arc<Storage>> {
    let all = || post(create).options(describe);
    let one = || head(look).patch(step).post(instead).delete(terminate).options(describe);
    let below = |root: &str, way: Way| {
        Router::new()
            .route(root, all())
            .route(&format!("{root}/"), all())
            .route(&format!("{root}/{{address}}"), one())
            .layer(Extension(way))
    };
    below("/upload/resumable/sign", Way::Signed).merge(below("/upload/resumable", Way::Person))
}

/// How somebody shows that they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By who they are; policies decide.
    Person,
    /// By the token of a signed upload URL, in `x-signature`.
    Signed,
}

/// Somebody who may try.
struct Admitted {
    caller: Caller,
    /// What their token grants.
    grant: Option<Grant>,
}

impl Admitted {
    async fn read(
        storage: &Arc<Storage>,
        parts: &mut Parts,
        way: Way,
        place: (&str, &str),
    ) -> Result<Self, Error> {
        if way == Way::Person {
            let caller = Caller::from_request_parts(parts, storage).await?;
            return Ok(Self { caller, grant: None });
        }
        let token = text(&parts.headers, "x-signature").ok_or_else(|| {
            Error::Form("headers must have required property 'x-signature'".into())
        })?;
        let grant = read_token(storage, token, place, Scope::Upload)?;
        let Visitor(caller) = Visitor::from_request_parts(parts, storage).await?;
        Ok(Self { caller, grant: Some(grant) })
    }

    fn leave(&self) -> Leave {
        if self.grant.is_some() { Leave::Granted } else { Leave::Policies }
    }

    /// Whose what they write is.
    fn owner(&self) -> Option<&str> {
        match &self.grant {
            Some(grant) => grant.owner.as_deref(),
            None => self.caller.owner().0,
        }
    }

    /// Checks that whoever goes on with an upload is who began it.
    fn owns(&self, upload: &Upload) -> Result<(), Fault> {
        let is_own = upload.wish.owner.as_deref() == self.owner();
        let is_service = self.grant.is_none() && self.caller.is_service();
        if is_own || is_service { Ok(()) } else { Err(Fault::Unknown) }
    }
}

/// OPTIONS: what is offered.
async fn describe(State(storage): State<Arc<Storage>>) -> Response {
    let headers = [
        (TUS_RESUMABLE, HeaderValue::from_static(protocol::VERSION)),
        (TUS_VERSION, HeaderValue::from_static(protocol::VERSION)),
        (HeaderName::from_static("tus-extension"), HeaderValue::from_static(protocol::EXTENSIONS)),
        (
            HeaderName::from_static("tus-checksum-algorithm"),
            HeaderValue::from_static(protocol::DIGESTS),
        ),
        (HeaderName::from_static("tus-max-size"), storage.file_size_limit.into()),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// POST /upload/resumable
async fn create(
    State(storage): State<Arc<Storage>>,
    Extension(way): Extension<Way>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    told(begin(storage, way, &mut parts, body).await)
}

async fn begin(
    storage: Arc<Storage>,
    way: Way,
    parts: &mut Parts,
    body: Body,
) -> Result<Response, Error> {
    protocol::check_version(&parts.headers)?;
    let creation = protocol::creation(&parts.headers)?;
    let named = |key: &str| {
        let pair = creation.metadata.iter().find(|(name, _)| name == key);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let (bucket, key) =
        named("bucketName").zip(named("objectName")).ok_or(Error::Resumable(Fault::Names))?;
    let admitted = Admitted::read(&storage, parts, way, (bucket, key)).await?;
    let caller = &admitted.caller;
    let bucket = bucket::find(&storage, caller, CREATE, bucket).await?;
    let mut wish = Wish::new(caller, &bucket, name::key(key)?);
    wish.is_upsert = match &admitted.grant {
        Some(grant) => grant.upsert,
        None => is_true(&parts.headers, "x-upsert"),
    };
    wish.owner = admitted.owner().map(str::to_owned);
    wish.size = creation.length;
    for (name, value) in &creation.metadata {
        form::note(&mut wish, name, value)?;
    }
    let checksum = Checksum::of(&parts.headers)?;
    let life = storage.resumable_expiry;
    let wish = (wish, admitted.leave());
    let reserved = upload::begin(&storage, caller, CREATE, &bucket, wish, life).await?;
    let address = (reserved.version, &reserved.wish);
    let said = (creation.length, creation.said.as_deref());
    let until = store::create(&storage, caller, address, said).await?;
    let location = location(parts, &reserved);
    let mut answer = (StatusCode::CREATED, [(CONTENT_TYPE, PLAIN)]).into_response();
    if creation.has_bytes || creation.length == Some(0) {
        let version = reserved.version;
        let turn = storage.turns.take(version).await.ok_or(Error::Locked)?;
        let (caller, length) = (admitted.caller, creation.length);
        let work = Work { storage, caller, reserved, length, turn };
        let safe = work.receive(0, checksum, body).await?;
        answer.headers_mut().insert(UPLOAD_OFFSET, safe.into());
    }
    answer.headers_mut().insert(LOCATION, location?);
    put_expiry(answer.headers_mut(), until);
    Ok(answer)
}

/// Where the upload goes on, in full, as seen from outside.
fn location(parts: &Parts, reserved: &Reserved) -> Result<HeaderValue, Error> {
    let forwarded = text(&parts.headers, "x-forwarded-proto");
    let is_secure = forwarded.is_some_and(|it| it.split(',').next() == Some("https"));
    let scheme = if is_secure { "https" } else { "http" };
    let host =
        text(&parts.headers, "x-forwarded-host").or_else(|| text(&parts.headers, HOST.as_str()));
    let base = host.map(|host| format!("{scheme}://{host}")).unwrap_or_default();
    let asked = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |uri| &uri.0);
    let folder = asked.path().trim_end_matches('/');
    let Reserved { wish, version, .. } = reserved;
    let address = protocol::address(&wish.bucket, &wish.name, *version);
    HeaderValue::from_str(&format!("{base}{folder}/{address}"))
        .map_err(|_| Error::Form("headers/host must be a host".into()))
}

fn put_expiry(headers: &mut HeaderMap, until: u64) {
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(until);
    if let Ok(until) = HeaderValue::from_str(&httpdate::fmt_http_date(until)) {
        headers.insert(UPLOAD_EXPIRES, until);
    }
}

/// HEAD: how far it is. Needs nothing but the address, which nobody can guess.
async fn look(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path(address): Path<String>,
    headers: HeaderMap,
) -> Response {
    told(progress(&storage, &caller, &address, &headers).await)
}

async fn progress(
    storage: &Storage,
    caller: &Caller,
    address: &str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    protocol::check_version(headers)?;
    let (_, _, version) = protocol::addressed(address)?;
    // Whoever still brings bytes makes safe what they have first.
    let _turn = storage.turns.take(version).await.ok_or(Error::Locked)?;
    let mut answer = (StatusCode::OK, [(CONTENT_TYPE, PLAIN)]).into_response();
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let length = HeaderName::from_static("upload-length");
    if let Some(upload) = store::find(storage, caller, LOOK, version).await? {
        alive(&upload, address)?;
        headers.insert(UPLOAD_OFFSET, upload.received.into());
        match upload.length {
            Some(known) => headers.insert(length, known.into()),
            None => headers.insert(HeaderName::from_static("upload-defer-length"), 1.into()),
        };
        if let Some(said) = upload.said.and_then(|said| HeaderValue::try_from(said).ok()) {
            headers.insert(HeaderName::from_static("upload-metadata"), said);
        }
        put_expiry(headers, upload.until);
        return Ok(answer);
    }
    let size = store::finished(storage, caller, LOOK, version).await?;
    let size = size.ok_or(Error::Resumable(Fault::Unknown))?;
    headers.insert(UPLOAD_OFFSET, size.into());
    headers.insert(length, size.into());
    Ok(answer)
}

/// Checks that an upload is the one of the address, and not over.
fn alive(upload: &Upload, address: &str) -> Result<(), Fault> {
    let (bucket, name, _) = protocol::addressed(address)?;
    if upload.wish.bucket != bucket || upload.wish.name != name {
        return Err(Fault::Unknown);
    }
    if upload.is_over { Err(Fault::Gone) } else { Ok(()) }
}

/// PATCH: the next bytes.
async fn step(
    State(storage): State<Arc<Storage>>,
    Extension(way): Extension<Way>,
    Path(address): Path<String>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    told(go_on(storage, way, &mut parts, (&address, body)).await)
}

/// POST with `X-HTTP-Method-Override`, for networks that let no PATCH pass.
async fn instead(
    storage: State<Arc<Storage>>,
    way: Extension<Way>,
    address: Path<String>,
    request: Request<Body>,
) -> Response {
    match text(request.headers(), "x-http-method-override") {
        Some("PATCH") => step(storage, way, address, request).await,
        _ => told(Err(Error::Resumable(Fault::Unknown))),
    }
}

async fn go_on(
    storage: Arc<Storage>,
    way: Way,
    parts: &mut Parts,
    (address, body): (&str, Body),
) -> Result<Response, Error> {
    protocol::check_version(&parts.headers)?;
    let step = protocol::step(&parts.headers)?;
    let checksum = Checksum::of(&parts.headers)?;
    let (bucket, key, version) = protocol::addressed(address)?;
    let admitted = Admitted::read(&storage, parts, way, (&bucket, &key)).await?;
    let caller = &admitted.caller;
    let turn = storage.turns.take(version).await.ok_or(Error::Locked)?;
    let Some(mut upload) = store::find(&storage, caller, STEP, version).await? else {
        let is_there = store::finished(&storage, caller, STEP, version).await?.is_some();
        let fault = if is_there { Fault::OffsetConflict } else { Fault::Unknown };
        return Err(fault.into());
    };
    alive(&upload, address)?;
    admitted.owns(&upload)?;
    if step.offset != upload.received {
        return Err(Fault::OffsetConflict.into());
    }
    let bucket = bucket::find(&storage, caller, STEP, &upload.wish.bucket).await?;
    if let Some(length) = step.length {
        settle_length(&storage, caller, &bucket, &mut upload, length).await?;
    }
    let limit = storage.limit(&bucket);
    let announced = text(&parts.headers, "content-length").and_then(|it| it.parse::<u64>().ok());
    let end = announced.map(|announced| step.offset.saturating_add(announced));
    if end.is_some_and(|end| end > upload.length.unwrap_or(limit)) {
        return Err(Fault::Overrun.into());
    }
    let allowed_mime_types = bucket.allowed_mime_types;
    let (wish, leave) = (upload.wish, admitted.leave());
    // The right to write may have ended since the beginning; that shows before the bytes come.
    if leave == Leave::Policies {
        upload::attempt(&storage, caller, STEP, &wish).await?;
    }
    let reserved = Reserved { version, limit, wish, leave, allowed_mime_types };
    let until = SystemTime::now() + Duration::from_secs(storage.resumable_expiry.into());
    let (caller, length) = (admitted.caller, upload.length);
    let work = Work { storage, caller, reserved, length, turn };
    let safe = work.receive(step.offset, checksum, body).await?;
    let mut answer = (StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, safe)]).into_response();
    let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    put_expiry(answer.headers_mut(), until.as_secs());
    Ok(answer)
}

/// Notes how long the upload will be, now that the client knows.
async fn settle_length(
    storage: &Storage,
    caller: &Caller,
    bucket: &Bucket,
    upload: &mut Upload,
    length: u64,
) -> Result<(), Error> {
    match upload.length {
        Some(known) if known == length => return Ok(()),
        Some(_) => return Err(Fault::LengthChange.into()),
        None if length > storage.limit(bucket) => return Err(Error::TooLarge),
        None if length < upload.received => return Err(Fault::Overrun.into()),
        None => {}
    }
    store::set_length(storage, caller, upload.version, length).await?;
    upload.length = Some(length);
    Ok(())
}

/// All that goes on with one upload, so that it can be done by a task of its own.
struct Work {
    storage: Arc<Storage>,
    caller: Caller,
    reserved: Reserved,
    length: Option<u64>,
    turn: Turn,
}

impl Work {
    /// Takes the bytes of a body. When the connection breaks, whoever waits for the answer is
    /// dropped; what has come is made safe even then, so the work is a task. It ends with the
    /// body, which may not take for ever.
    async fn receive(
        self,
        offset: u64,
        checksum: Option<Checksum>,
        body: Body,
    ) -> Result<u64, Error> {
        let work = tokio::spawn(async move {
            let mut body = paced(body).boxed();
            let append = Append {
                storage: &self.storage,
                caller: &self.caller,
                reserved: &self.reserved,
                length: self.length,
                asked: &self.turn.asked,
            };
            let safe = append.take(offset, checksum, &mut body).boxed().await;
            drop(self.turn);
            if safe.is_err() {
                linger(body).await;
            }
            safe
        });
        work.await.unwrap_or(Err(Error::Panicked))
    }
}

/// DELETE: the upload comes to nothing.
async fn terminate(
    State(storage): State<Arc<Storage>>,
    Extension(way): Extension<Way>,
    Path(address): Path<String>,
    request: Request<Body>,
) -> Response {
    let (mut parts, _) = request.into_parts();
    told(end(&storage, way, &mut parts, &address).await)
}

async fn end(
    storage: &Arc<Storage>,
    way: Way,
    parts: &mut Parts,
    address: &str,
) -> Result<Response, Error> {
    protocol::check_version(&parts.headers)?;
    let (bucket, key, version) = protocol::addressed(address)?;
    let admitted = Admitted::read(storage, parts, way, (&bucket, &key)).await?;
    let caller = &admitted.caller;
    let _turn = storage.turns.take(version).await.ok_or(Error::Locked)?;
    let Some(upload) = store::find(storage, caller, DELETE, version).await? else {
        let is_there = store::finished(storage, caller, DELETE, version).await?.is_some();
        return Err(if is_there { Fault::Finished } else { Fault::Unknown }.into());
    };
    alive(&upload, address)?;
    admitted.owns(&upload)?;
    upload::give_up(storage, version).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The answer as this protocol has it: refusals in plain text, with their own status.
fn told(outcome: Result<Response, Error>) -> Response {
    let mut answer = match outcome {
        Ok(answer) => answer,
        Err(error) => refusal(&error),
    };
    let version = HeaderValue::from_static(protocol::VERSION);
    answer.headers_mut().insert(TUS_RESUMABLE, version);
    answer
}

fn refusal(error: &Error) -> Response {
    error.log();
    let (status, words) = match error {
        Error::TooLarge => (Fault::MaxSize.status(), Fault::MaxSize.words()),
        error => (error.row().0, error.row().3),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, [(CONTENT_TYPE, PLAIN)], words.to_owned()).into_response();
    if error.is_passing() {
        answer.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    if let Error::Resumable(Fault::Version) = error {
        let version = HeaderValue::from_static(protocol::VERSION);
        answer.headers_mut().insert(TUS_VERSION, version);
    }
    answer
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Resumable(fault)
    }
}
