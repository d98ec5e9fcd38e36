//! What S3 clients are told. Pure.
#![expect(clippy::struct_field_names, reason = "fields are called as the elements of S3 are")]

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What names are written with when `encoding-type=url` is asked for.
const URL: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');

/// The namespace of all answers but errors.
#[derive(Debug, Default)]
pub(in super::super) struct Namespace;

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(NAMESPACE)
    }
}

/// A name as a list writes it: plain, or percent-encoded when that was asked for.
pub(in super::super) fn name(text: &str, is_encoded: bool) -> String {
    if is_encoded { utf8_percent_encode(text, &URL).to_string() } else { text.to_owned() }
}

/// Why a request was not done.
#[derive(Debug, Serialize)]
#[serde(rename = "Error", rename_all = "PascalCase")]
pub(in super::super) struct Refusal<'a> {
    pub resource: &'a str,
    pub code: &'a str,
    pub message: &'a str,
}

/// GET / : the buckets somebody sees.
#[derive(Debug, Serialize)]
#[serde(rename = "ListAllMyBucketsResult", rename_all = "PascalCase")]
pub(in super::super) struct Buckets {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub owner: Owner,
    pub buckets: Each<Bucket>,
}

/// Whoever owns everything here.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Owner {
    #[serde(rename = "ID")]
    pub id: String,
    pub display_name: String,
}

/// Things inside of an element of their own.
#[derive(Debug, Serialize)]
pub(in super::super) struct Each<T> {
    #[serde(rename = "$value")]
    pub items: Vec<T>,
}

/// One bucket.
#[derive(Debug, Serialize)]
#[serde(rename = "Bucket", rename_all = "PascalCase")]
pub(in super::super) struct Bucket {
    pub name: String,
    pub creation_date: String,
}

/// GET /bucket?location: there is one place, which S3 writes as an empty element.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "LocationConstraint")]
pub(in super::super) struct Location {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    #[serde(rename = "$text")]
    pub region: String,
}

/// GET /bucket?versioning.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "VersioningConfiguration", rename_all = "PascalCase")]
pub(in super::super) struct Versioning {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    /// None when it was never switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

/// GET /bucket: one page of its objects, in both forms of the call.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
pub(in super::super) struct Objects {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub name: String,
    pub prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    pub max_keys: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_type: Option<&'static str>,
    pub is_truncated: bool,
    // the first form
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    // the second form
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_after: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<Object>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub common_prefixes: Vec<SharedPrefix>,
}

/// One object of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Object {
    pub key: String,
    pub last_modified: String,
    #[serde(rename = "ETag")]
    pub etag: String,
    pub size: i64,
    pub storage_class: &'static str,
}

/// What several keys begin with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct SharedPrefix {
    pub prefix: String,
}

/// PUT /bucket/key with a source.
#[derive(Debug, Serialize)]
#[serde(rename = "CopyObjectResult", rename_all = "PascalCase")]
pub(in super::super) struct CopiedObject {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub last_modified: String,
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// The same of a part.
#[derive(Debug, Serialize)]
#[serde(rename = "CopyPartResult", rename_all = "PascalCase")]
pub(in super::super) struct CopiedPart {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub last_modified: String,
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// POST /bucket?delete: what became of each.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "DeleteResult", rename_all = "PascalCase")]
pub(in super::super) struct Deleted {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    #[serde(rename = "Deleted")]
    pub done: Vec<DeletedObject>,
    #[serde(rename = "Error")]
    pub failed: Vec<Failed>,
}

/// One that is gone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct DeletedObject {
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// One that is still there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Failed {
    pub key: String,
    pub code: String,
    pub message: String,
}

/// POST /bucket/key?uploads.
#[derive(Debug, Serialize)]
#[serde(rename = "InitiateMultipartUploadResult", rename_all = "PascalCase")]
pub(in super::super) struct Initiated {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub bucket: String,
    pub key: String,
    pub upload_id: String,
}

/// POST /bucket/key?uploadId.
#[derive(Debug, Serialize)]
#[serde(rename = "CompleteMultipartUploadResult", rename_all = "PascalCase")]
pub(in super::super) struct Completed {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub location: String,
    pub bucket: String,
    pub key: String,
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// GET /bucket/key?uploadId.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "ListPartsResult", rename_all = "PascalCase")]
pub(in super::super) struct Parts {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub bucket: String,
    pub key: String,
    pub upload_id: String,
    pub part_number_marker: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_part_number_marker: Option<i32>,
    pub max_parts: u32,
    pub is_truncated: bool,
    #[serde(rename = "Part")]
    pub parts: Vec<Part>,
    pub storage_class: &'static str,
}

/// One part of an upload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Part {
    pub part_number: i32,
    pub last_modified: String,
    #[serde(rename = "ETag")]
    pub etag: String,
    pub size: i64,
}

/// GET /bucket?uploads.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "ListMultipartUploadsResult", rename_all = "PascalCase")]
pub(in super::super) struct Uploads {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub bucket: String,
    pub key_marker: String,
    pub upload_id_marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_upload_id_marker: Option<String>,
    pub prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_type: Option<&'static str>,
    pub max_uploads: u32,
    pub is_truncated: bool,
    #[serde(rename = "Upload")]
    pub uploads: Vec<Upload>,
    pub common_prefixes: Vec<SharedPrefix>,
}

/// One upload that goes on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Upload {
    pub key: String,
    pub upload_id: String,
    pub initiated: String,
    pub storage_class: &'static str,
}

/// GET /bucket/key?tagging: nothing here has tags.
#[derive(Debug, Default, Serialize)]
#[serde(rename = "Tagging", rename_all = "PascalCase")]
pub(in super::super) struct Tagging {
    #[serde(rename = "@xmlns")]
    pub xmlns: Namespace,
    pub tag_set: String,
}

/// POST /bucket with a form that asks for status 201.
#[derive(Debug, Serialize)]
#[serde(rename = "PostResponse", rename_all = "PascalCase")]
pub(in super::super) struct Posted {
    pub location: String,
    pub bucket: String,
    pub key: String,
    #[serde(rename = "ETag")]
    pub etag: String,
}
