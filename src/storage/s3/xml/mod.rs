//! The XML that comes and goes: `request` reads what clients send, `answer` holds what they are
//! told. Pure.

mod answer;
mod request;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::error::Error;

pub(super) use answer::*;
pub(super) use request::*;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Reads a body that is XML. Entities other than XML's own are not known, so none is expanded.
///
/// # Errors
/// It is no such XML.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(body).map_err(|_| Error::BadXml)?;
    quick_xml::de::from_str(text).map_err(|_| Error::BadXml)
}

/// Writes a document.
fn write(answer: &impl Serialize) -> Result<Bytes, quick_xml::SeError> {
    quick_xml::se::to_string(answer).map(|body| Bytes::from(format!("{DECLARATION}{body}")))
}

/// Answers with a document.
pub(super) fn respond(status: StatusCode, answer: &impl Serialize) -> Response {
    match write(answer) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as XML");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &impl Serialize) -> String {
        let bytes = write(answer).expect("it is written");
        let text = std::str::from_utf8(&bytes).expect("it is text");
        text.strip_prefix(DECLARATION).expect("it says what it is").to_owned()
    }

    #[test]
    fn lists_are_written_as_s3_writes_them() {
        let page = Objects {
            name: "photos".into(),
            prefix: "a&b/".into(),
            delimiter: Some("/".into()),
            max_keys: 2,
            is_truncated: true,
            key_count: Some(2),
            next_continuation_token: Some("next".into()),
            contents: vec![Object {
                key: "a&b/<c>".into(),
                last_modified: "2026-01-02T03:04:05.000Z".into(),
                etag: "\"e\"".into(),
                size: 3,
                storage_class: "STANDARD",
            }],
            common_prefixes: vec![SharedPrefix { prefix: "a&b/d/".into() }],
            ..Objects::default()
        };
        assert_eq!(
            text(&page),
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>photos</Name><Prefix>a&amp;b/</Prefix><Delimiter>/</Delimiter>\
             <MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><KeyCount>2</KeyCount>\
             <NextContinuationToken>next</NextContinuationToken><Contents>\
             <Key>a&amp;b/&lt;c&gt;</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
             <ETag>\"e\"</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>\
             <CommonPrefixes><Prefix>a&amp;b/d/</Prefix></CommonPrefixes></ListBucketResult>"
        );
    }

    #[test]
    fn answers_that_hold_others_nest_them() {
        let bucket = |name: &str| Bucket { name: name.into(), creation_date: "then".into() };
        let items = vec![bucket("a"), bucket("b")];
        let owner = Owner::default();
        let xmlns = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        let one =
            |name| format!("<Bucket><Name>{name}</Name><CreationDate>then</CreationDate></Bucket>");
        assert_eq!(
            text(&Buckets { xmlns: Namespace, owner, buckets: Each { items } }),
            format!(
                "<ListAllMyBucketsResult {xmlns}><Owner><ID/><DisplayName/></Owner>\
                 <Buckets>{}{}</Buckets></ListAllMyBucketsResult>",
                one("a"),
                one("b")
            )
        );
        let location = text(&Location::default());
        assert_eq!(location, format!("<LocationConstraint {xmlns}/>"));
        assert_eq!(text(&Tagging::default()), format!("<Tagging {xmlns}><TagSet/></Tagging>"));
    }
}
