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
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
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
        return form::post(storage, parts, &call, body).boxed().await;
    }
    let (caller, binding) =
        access::caller(storage, signed_path, parts, &call.query).boxed().await?;
    let incoming = Incoming::new(body, binding, &parts.headers)?;
    let work = Work { storage, caller: &caller, parts, call: &call };
    work.run(incoming).boxed().await
}

/// What an operation comes to.
type Doing<'a> = BoxFuture<'a, Result<Response, Refused>>;

impl Work<'_> {
    /// Which operation is done where.
    async fn run(&self, body: Incoming<'_>) -> Result<Response, Refused> {
        let doing: Doing<'_> = match self.call.operation {
            Operation::PutObject => Box::pin(object::put(self, body)),
            Operation::UploadPart => Box::pin(multipart::upload_part(self, body)),
            Operation::CompleteUpload => Box::pin(multipart::complete(self, body.xml().await?)),
            Operation::DeleteObjects => Box::pin(object::delete_many(self, body.xml().await?)),
            Operation::PutVersioning => Box::pin(bucket::set_versioning(self, body.xml().await?)),
            _ => {
                // What was signed is checked, though nothing is to be read.
                body.finish().await?;
                self.run_bare()
            }
        };
        doing.await
    }

    /// The same for those without a body.
    fn run_bare(&self) -> Doing<'_> {
        match self.call.operation {
            Operation::ListBuckets => Box::pin(bucket::list(self)),
            Operation::CreateBucket => Box::pin(bucket::create(self)),
            Operation::HeadBucket => Box::pin(bucket::head(self)),
            Operation::DeleteBucket => Box::pin(bucket::delete(self)),
            Operation::GetLocation => Box::pin(bucket::location(self)),
            Operation::GetVersioning => Box::pin(bucket::versioning(self)),
            Operation::ListObjects => Box::pin(list::first(self)),
            Operation::ListObjectsV2 => Box::pin(list::second(self)),
            Operation::GetObject | Operation::HeadObject => Box::pin(object::get(self)),
            Operation::CopyObject => Box::pin(object::copy(self)),
            Operation::DeleteObject => Box::pin(object::delete(self)),
            Operation::GetTagging => Box::pin(object::tags(self)),
            Operation::CreateUpload => Box::pin(multipart::create(self)),
            Operation::UploadPartCopy => Box::pin(multipart::copy_part(self)),
            Operation::AbortUpload => Box::pin(multipart::abort(self)),
            Operation::ListParts => Box::pin(multipart::list_parts(self)),
            Operation::ListUploads => Box::pin(multipart::list_uploads(self)),
            _ => Box::pin(async { Err(error::Error::MethodNotAllowed.into()) }),
        }
    }
}
