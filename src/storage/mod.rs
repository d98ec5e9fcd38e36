//! The Storage dialect: files under the row policies of `storage.objects`.
//!
//! Reading order: `upload` (with `form`) and `download`, which the other ways in and out share, `bucket`; who
//! asks (`caller`), what is signed and given away (`sign`), lists (`list`), what else is done with
//! objects (`object`), what becomes of bytes (`sweep`), what may be named how (`name`) and is what (`mime`), how bodies come (`pace`)
//! and JSON reads (`request`), what a refusal comes of (`policy`), the same over S3 (`s3`), all SQL (`store`) and every
//! refusal (`error`). Bytes rest in
//! [`crate::blob`]; no transaction is open while they flow.

mod bucket;
mod caller;
mod download;
mod error;
mod form;
mod lifecycle;
mod list;
mod mime;
mod name;
mod object;
mod pace;
mod policy;
mod render;
mod request;
mod resumable;
mod s3;
mod sign;
mod store;
mod sweep;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tower_http::timeout::TimeoutLayer;

use crate::blob::Blobs;
use crate::config::StorageSettings;
use crate::http::catch_panics;
use crate::identity::Keys;
use crate::pg::Pg;

use caller::Visitor;
use error::Error;
use render::Renderer;
use resumable::Turns;
use store::bucket::Bucket;

pub use sweep::Sweep;

/// Largest body that is no file, in bytes.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// How long a request may take that brings no file, until its answer begins.
const LONGEST: Duration = Duration::from_secs(120);

/// What the Storage dialect works with.
pub struct Storage {
    pg: Pg,
    keys: Keys,
    blobs: Blobs,
    /// Most bytes of an object, whatever its bucket says.
    file_size_limit: u64,
    /// How long a signed URL for an upload counts.
    upload_url_seconds: i64,
    /// What requests over S3 are signed with.
    front: s3::Front,
    /// How long a resumable upload waits for its next bytes, in seconds.
    resumable_expiry: u32,
    turns: Turns,
    renderer: Option<Renderer>,
}

impl Storage {
    /// Offers what rests in `blobs`.
    pub fn new(pg: Pg, keys: Keys, blobs: Blobs, settings: &StorageSettings) -> Self {
        Self {
            pg,
            keys,
            blobs,
            file_size_limit: settings.storage_file_size_limit,
            upload_url_seconds: settings.storage_upload_signed_url_expiration.into(),
            front: s3::Front::new(&settings.front),
            resumable_expiry: settings.storage_tus_expiry,
            turns: Turns::default(),
            renderer: Renderer::new(&settings.images),
        }
    }

    /// Most bytes of an object in a bucket.
    fn limit(&self, bucket: &Bucket) -> u64 {
        bucket.file_size_limit.map_or(self.file_size_limit, |own| own.min(self.file_size_limit))
    }

    /// Everything below `/storage/v1`.
    pub fn router(self) -> Router {
        let router = Router::new()
            .route("/bucket", get(bucket::list).post(bucket::create))
            .route("/bucket/", get(bucket::list).post(bucket::create))
            .route("/bucket/{id}", get(bucket::read).put(bucket::update).delete(bucket::delete))
            .route("/bucket/{id}/empty", post(bucket::empty))
            .route(
                "/bucket/{id}/lifecycle",
                get(lifecycle::read).put(lifecycle::replace).delete(lifecycle::delete),
            )
            .route("/object/list/{bucket}", post(list::first))
            .route("/object/list-v2/{bucket}", post(list::second))
            .route("/object/move", post(object::relocate))
            .route("/object/copy", post(object::copy))
            .route("/object/info/{bucket}/{*key}", get(object::info))
            .route("/object/info/authenticated/{bucket}/{*key}", get(object::info_authenticated))
            .route("/object/info/public/{bucket}/{*key}", get(object::info_public))
            .route("/object/sign/{bucket}", post(sign::many))
            .route("/object/sign/{bucket}/{*key}", get(sign::read).post(sign::one))
            .route("/object/{bucket}", delete(object::delete_many))
            // What follows takes files, which have a pace of their own.
            .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST))
            .route("/object/upload/sign/{bucket}/{*key}", post(sign::upload).put(sign::write))
            .route("/object/public/{bucket}/{*key}", get(download::public))
            .route("/object/authenticated/{bucket}/{*key}", get(download::authenticated))
            .route(
                "/object/{bucket}/{*key}",
                get(download::generic)
                    .post(upload::create)
                    .put(upload::replace)
                    .delete(object::delete),
            )
            .route("/s3", any(s3::answer))
            .route("/s3/", any(s3::answer))
            .route("/s3/{*path}", any(s3::answer))
            .route("/render/image/public/{bucket}/{*key}", get(render::public))
            .route("/render/image/authenticated/{bucket}/{*key}", get(render::authenticated))
            .route("/render/image/sign/{bucket}/{*key}", get(render::signed))
            .merge(resumable::routes())
            .route("/status", get(async || ()))
            .route("/version", get(async || env!("CARGO_PKG_VERSION")))
            .route("/health", get(health))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_path)
            .with_state(Arc::new(self));
        catch_panics(router, || Error::Panicked).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
    }
}

/// GET /health: for whoever shows a key.
async fn health(Visitor(caller): Visitor) -> Result<Response, Error> {
    if !caller.is_known() {
        return Err(Error::Token("Invalid Compact JWS".into()));
    }
    Ok(reply(&json!({ "healthy": true })))
}

async fn no_such_path(method: Method, uri: Uri) -> Error {
    Error::NoSuchPath(format!("Route {method}:{} not found", uri.path()))
}

/// An answer that went well.
fn reply(body: &Value) -> Response {
    ([(CONTENT_TYPE, error::JSON)], body.to_string()).into_response()
}
