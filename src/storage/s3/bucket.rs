//! Buckets over S3. They are made, seen and deleted as over the API itself.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde_json::Value;

use super::super::name;
use super::super::store::bucket::{self, Change, Page};
use super::super::upload::text;
use super::error::Error;
use super::xml::{self, Each, Namespace, Owner, VersioningRequest};
use super::{Refused, Work};

/// GET /
pub(super) async fn list(work: &Work<'_>) -> Result<Response, Refused> {
    let page = Page { search: None, column: "name", is_descending: false, limit: None, offset: 0 };
    let found = bucket::list(work.storage, work.caller, &page).await?;
    let text = |bucket: &Value, name: &str| bucket[name].as_str().unwrap_or_default().to_owned();
    let items = found.as_array().into_iter().flatten().map(|bucket| xml::Bucket {
        name: text(bucket, "id"),
        creation_date: text(bucket, "created_at"),
    });
    let answer = xml::Buckets {
        xmlns: Namespace,
        owner: Owner::default(),
        buckets: Each { items: items.collect() },
    };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// PUT /bucket: public, if the ACL says so.
pub(super) async fn create(work: &Work<'_>) -> Result<Response, Refused> {
    let id = name::bucket(&work.call.bucket)?;
    let acl = text(&work.parts.headers, "x-amz-acl");
    let wanted = Change { public: Some(acl == Some("public-read")), ..Change::default() };
    bucket::create(work.storage, work.caller, id, id, &wanted).await?;
    Ok((StatusCode::OK, [(LOCATION, format!("/{id}"))]).into_response())
}

/// HEAD /bucket
pub(super) async fn head(work: &Work<'_>) -> Result<Response, Refused> {
    read(work).await?;
    Ok((StatusCode::OK, [("x-amz-bucket-region", "us-east-1")]).into_response())
}

/// DELETE /bucket
pub(super) async fn delete(work: &Work<'_>) -> Result<Response, Refused> {
    bucket::delete(work.storage, work.caller, &work.call.bucket).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// GET /bucket?location
pub(super) async fn location(work: &Work<'_>) -> Result<Response, Refused> {
    read(work).await?;
    Ok(xml::respond(StatusCode::OK, &xml::Location::default()))
}

/// GET /bucket?versioning
pub(super) async fn versioning(work: &Work<'_>) -> Result<Response, Refused> {
    let status = match read(work).await?["versioning_status"].as_str() {
        Some("ENABLED") => Some("Enabled"),
        Some("SUSPENDED") => Some("Suspended"),
        _ => None,
    };
    Ok(xml::respond(StatusCode::OK, &xml::Versioning { xmlns: Namespace, status }))
}

/// PUT /bucket?versioning
pub(super) async fn set_versioning(work: &Work<'_>, body: Vec<u8>) -> Result<Response, Refused> {
    let status = match &*VersioningRequest::read(&body)?.status {
        "Enabled" => "ENABLED",
        "Suspended" => "SUSPENDED",
        _ => return Err(Error::BadXml.into()),
    };
    let wanted = Change { versioning_status: Some(status.to_owned()), ..Change::default() };
    bucket::update(work.storage, work.caller, &work.call.bucket, &wanted).await?;
    Ok(StatusCode::OK.into_response())
}

async fn read(work: &Work<'_>) -> Result<Value, Refused> {
    Ok(bucket::read(work.storage, work.caller, &work.call.bucket).await?)
}
