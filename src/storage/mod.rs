//! The Storage dialect: files under the row policies of `storage.objects`.
//!
//! Reading order: `upload` and `download`, which the other ways in and out share, `bucket`; who
//! asks (`caller`), what may be named how (`name`) and is what (`mime`), how bodies come (`pace`)
//! and JSON reads (`request`), all SQL (`store`) and every refusal (`error`). Bytes rest in
//! [`crate::blob`]; no transaction is open while they flow.

mod bucket;
mod caller;
mod download;
mod error;
mod mime;
mod name;
mod pace;
mod request;
mod store;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{Method, Uri};
use serde_json::{Value, json};

use crate::blob::Blobs;
use crate::config::StorageSettings;
use crate::http::catch_panics;
use crate::identity::Keys;
use crate::pg::Pg;

use caller::Caller;
use error::Error;
use store::bucket::Bucket;

/// Largest body that is no file, in bytes.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What the Storage dialect works with.
pub struct Storage {
    pg: Pg,
    keys: Keys,
    blobs: Blobs,
    /// Most bytes of an object, whatever its bucket says.
    file_size_limit: u64,
}

impl Storage {
    /// Offers what rests in `blobs`.
    pub fn new(pg: Pg, keys: Keys, blobs: Blobs, settings: &StorageSettings) -> Self {
        Self { pg, keys, blobs, file_size_limit: settings.storage_file_size_limit }
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
            .route("/object/public/{bucket}/{*key}", get(download::public))
            .route("/object/authenticated/{bucket}/{*key}", get(download::authenticated))
            .route(
                "/object/{bucket}/{*key}",
                get(download::generic).post(upload::create).put(upload::replace),
            )
            .route("/status", get(async || ()))
            .route("/version", get(async || env!("CARGO_PKG_VERSION")))
            .route("/health", get(health))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_path)
            .with_state(Arc::new(self));
        catch_panics(router, || Error::Panicked).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
    }
}

/// GET /health
async fn health(_: Caller) -> Response {
    reply(&json!({ "healthy": true }))
}

async fn no_such_path(method: Method, uri: Uri) -> Error {
    Error::NoSuchPath(format!("Route {method}:{} not found", uri.path()))
}

/// An answer that went well.
fn reply(body: &Value) -> Response {
    ([(CONTENT_TYPE, error::JSON)], body.to_string()).into_response()
}
