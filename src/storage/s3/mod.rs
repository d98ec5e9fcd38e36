//! S3's dialect over the same buckets and objects, below `/storage/v1/s3`.
//!
//! Reading order: `request` (what is asked), `access` (who asks: `signature`, `signing`, `policy`),
//! `body` (how it comes: `chunked`, `checksum`), then what is done: `bucket`, `object`, `list` (with
//! `page`), `multipart`, `form`; what is answered (`xml`) and every refusal (`error`, `refused`).
//! All but what is done, and `body`, is pure.

mod access;
mod body;
mod bucket;
mod checksum;
mod chunked;
mod error;
mod form;
mod list;
mod multipart;
mod object;
mod page;
mod policy;
mod refused;
mod request;
mod signature;
mod signing;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use futures_util::StreamExt;
use http::Request;
use http::header::EXPECT;
use http::request::Parts;

use super::Storage;
use super::caller::Caller;
use super::pace::{linger, paced};
use body::{Incoming, Paced};
use refused::Refused;
use request::{Call, Operation};

pub(super) use access::Front;

/// What an operation works with.
struct Work<'a> {
    storage: &'a Storage,
    caller: &'a Caller,
    parts: &'a Parts,
    call: &'a Call,
}

/// Everything below /s3.
pub(super) async fn answer(
    State(storage): State<Arc<Storage>>,
    OriginalUri(uri): OriginalUri,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let resource = parts.uri.path().strip_prefix("/s3").unwrap_or_default();
    let mut body = paced(body).boxed();
    match serve(&storage, uri.path(), &parts, resource, &mut body).await {
        Ok(response) => response,
        Err(refused) => {
            // Whoever waits for our leave to go on has sent nothing.
            if !parts.headers.contains_key(EXPECT) {
                linger(body).await;
            }
            refused.respond(resource)
        }
    }
}

async fn serve<'a>(
    storage: &'a Storage,
    signed_path: &'a str,
    parts: &'a Parts,
    resource: &'a str,
    body: &'a mut Paced,
) -> Result<Response, Refused> {
    let call = Call::read(&parts.method, resource, parts.uri.query(), &parts.headers)?;
    if call.operation == Operation::PostForm {
        return form::post(storage, parts, &call, body).await;
    }
    let (caller, binding) = access::caller(storage, signed_path, parts, &call.query).await?;
    let incoming = Incoming::new(body, binding, &parts.headers)?;
    let work = Work { storage, caller: &caller, parts, call: &call };
    work.run(incoming).await
}

impl Work<'_> {
    /// Which operation is done where.
    async fn run(&self, body: Incoming<'_>) -> Result<Response, Refused> {
        match self.call.operation {
            Operation::PutObject => return object::put(self, body).await,
            Operation::UploadPart => return multipart::upload_part(self, body).await,
            Operation::CompleteUpload => return multipart::complete(self, body.xml().await?).await,
            Operation::DeleteObjects => return object::delete_many(self, body.xml().await?).await,
            Operation::PutVersioning => {
                return bucket::set_versioning(self, body.xml().await?).await;
            }
            // What was signed is checked, though nothing is to be read.
            _ => body.finish().await?,
        }
        match self.call.operation {
            Operation::ListBuckets => bucket::list(self).await,
            Operation::CreateBucket => bucket::create(self).await,
            Operation::HeadBucket => bucket::head(self).await,
            Operation::DeleteBucket => bucket::delete(self).await,
            Operation::GetLocation => bucket::location(self).await,
            Operation::GetVersioning => bucket::versioning(self).await,
            Operation::ListObjects => list::first(self).await,
            Operation::ListObjectsV2 => list::second(self).await,
            Operation::GetObject | Operation::HeadObject => object::get(self).await,
            Operation::CopyObject => object::copy(self).await,
            Operation::DeleteObject => object::delete(self).await,
            Operation::GetTagging => object::tags(self).await,
            Operation::CreateUpload => multipart::create(self).await,
            Operation::UploadPartCopy => multipart::copy_part(self).await,
            Operation::AbortUpload => multipart::abort(self).await,
            Operation::ListParts => multipart::list_parts(self).await,
            Operation::ListUploads => multipart::list_uploads(self).await,
            _ => Err(error::Error::MethodNotAllowed.into()),
        }
    }
}
