//! Pictures made over for whoever asks: `/render/image/...?width=320`.
//!
//! Reading order: here the requests; `transformation`, what is asked; `seats`, who may render
//! now; `picture`, how it is done, by the arithmetic of `geometry`. What was made once is kept
//! beside the version it was made of, and goes with it.

mod geometry;
mod picture;
mod seats;
mod transformation;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use http::header::{ACCEPT, CACHE_CONTROL, VARY};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::caller::{Caller, Visitor};
use super::download::{self, Manner, parameter, serve};
use super::sign::{Scope, granted, read_grant};
use super::store::derivative;
use super::store::object::Object;
use super::upload::text;
use super::{Error, Storage};
use crate::blob::Etag;

pub(super) use seats::Renderer;
use transformation::Format;
pub(super) use transformation::Transformation;

/// What is drawn rather than photographed, and needs no making over.
const DRAWING: &str = "image/svg+xml";

/// For addresses that name a version, whose bytes never change.
const FOREVER: &str = "max-age=31536000, immutable";

const TRANSFORMATIONS: HeaderName = HeaderName::from_static("x-transformations");

/// GET /render/image/authenticated/{bucket}/{*key}: what policies show to the caller.
pub(super) async fn authenticated(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.render.image_authenticated";
    let asked = asked(query.as_deref())?;
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let object = download::visible(&storage, &caller, operation, place).await?;
    let manner = Manner::of(query.as_deref());
    answer(&storage, &caller, operation, &object, asked, (&parts, manner)).await
}

/// GET /render/image/public/{bucket}/{*key}: from a bucket that everybody may read.
pub(super) async fn public(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.render.image_public";
    let asked = asked(query.as_deref())?;
    let place = (bucket.as_str(), key.as_str(), query.as_deref());
    let object = download::published(&storage, &caller, operation, place).await?;
    let manner = Manner::of(query.as_deref());
    answer(&storage, &caller, operation, &object, asked, (&parts, manner)).await
}

/// GET /render/image/sign/{bucket}/{*key}?token=
pub(super) async fn signed(
    State(storage): State<Arc<Storage>>,
    Visitor(caller): Visitor,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Result<Response, Error> {
    let operation = "storage.render.image_sign";
    let grant = read_grant(&storage, query.as_deref(), (&bucket, &key), Scope::Download)?;
    // What was signed counts, whatever else the query says.
    let asked = grant.transformations.as_deref().and_then(Transformation::of_text);
    let asked = asked.ok_or(Error::Signature("Invalid signature"))?;
    let object = granted(&storage, &caller, operation, &grant).await?;
    let manner = Manner { expires_at: Some(grant.exp), ..Manner::of(query.as_deref()) };
    answer(&storage, &caller, operation, &object, asked, (&parts, manner)).await
}

fn asked(query: Option<&str>) -> Result<Transformation, Error> {
    let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
    Transformation::of_query(pairs).map_err(|why| Error::Form(why.into()))
}

/// Answers with an object made over.
///
/// # Errors
/// As downloads; or it is no picture, too large, or too many are being rendered.
pub(super) async fn answer(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    object: &Object,
    asked: Transformation,
    (parts, manner): (&Parts, Manner),
) -> Result<Response, Error> {
    let renderer = storage.renderer.as_ref();
    let renderer = renderer.ok_or(Error::NotEnabled("Image transformation is turned off"))?;
    if object.noted("mimetype").is_some_and(|kind| kind.starts_with(DRAWING)) {
        return serve(storage, object, parts, manner).await;
    }
    let depends = asked.format == Format::Negotiated;
    let asked = asked.negotiated(text(&parts.headers, "accept").unwrap_or_default());
    let told = asked.to_string();
    let work = Work { storage, caller, operation, object, told: &told };
    let made = match work.known().await? {
        Some(made) => made,
        None => work.make(renderer, asked).await?,
    };
    let names_version = parameter(parts.uri.query(), "versionId").is_some();
    let mut answer = serve(storage, &made, parts, manner).await?;
    let headers = answer.headers_mut();
    if let Ok(told) = HeaderValue::from_str(&told) {
        headers.insert(TRANSFORMATIONS, told);
    }
    if depends {
        headers.append(VARY, HeaderValue::from(ACCEPT));
    }
    if names_version {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(FOREVER));
    }
    Ok(answer)
}

/// One object, and what is to become of it.
struct Work<'a> {
    storage: &'a Storage,
    caller: &'a Caller,
    operation: &'static str,
    object: &'a Object,
    /// The transformation, as the key of what is kept.
    told: &'a str,
}

impl Work<'_> {
    async fn known(&self) -> Result<Option<Object>, Error> {
        derivative::find(self.storage, self.caller, self.operation, self.object, self.told).await
    }

    async fn make(&self, renderer: &Renderer, asked: Transformation) -> Result<Object, Error> {
        let source = self.object.version.ok_or(Error::NoSuchKey)?;
        let seat = renderer.seat().await?;
        // Whoever had the seat may have made the same.
        if let Some(made) = self.known().await? {
            return Ok(made);
        }
        let bytes = self.read(source, renderer.max_bytes).await?;
        let rendered = renderer.render(seat, bytes, asked).await?;
        self.keep(source, rendered.mimetype, rendered.bytes.into()).await?;
        self.known().await?.ok_or(Error::NoSuchKey)
    }

    async fn read(&self, source: Uuid, max_bytes: u64) -> Result<Bytes, Error> {
        let reading = self.storage.blobs.get(source, None).await?;
        if reading.size > max_bytes {
            return Err(Error::Invalid("The source image is too large".into()));
        }
        let all = reading.bytes.try_fold(BytesMut::new(), async |mut all, bytes| {
            all.extend_from_slice(&bytes);
            Ok(all)
        });
        Ok(all.await?.freeze())
    }

    async fn keep(&self, source: Uuid, mimetype: &str, bytes: Bytes) -> Result<(), Error> {
        let &Self { storage, caller, operation, told, .. } = self;
        let version = Uuid::new_v4();
        derivative::open(storage, caller, operation, version).await?;
        let body = stream::iter([Ok::<_, Error>(bytes)]);
        let written = storage.blobs.put(version, body, u64::MAX, Etag::Brief).await?;
        let made = (version, mimetype, &written);
        derivative::keep(storage, caller, operation, (source, told), made).await
    }
}
