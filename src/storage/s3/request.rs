//! HTTP in, one operation out. Pure.

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::error::Error;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    DeleteBucket,
    GetLocation,
    GetVersioning,
    PutVersioning,
    ListObjects,
    ListObjectsV2,
    ListUploads,
    DeleteObjects,
    PostForm,
    GetObject,
    HeadObject,
    PutObject,
    CopyObject,
    DeleteObject,
    GetTagging,
    CreateUpload,
    UploadPart,
    UploadPartCopy,
    CompleteUpload,
    AbortUpload,
    ListParts,
}

/// A request, as far as its first lines tell.
#[derive(Debug)]
pub(super) struct Call {
    pub operation: Operation,
    /// Decoded; empty where none is named.
    pub bucket: String,
    pub key: String,
    /// Decoded.
    pub query: Vec<(String, String)>,
}

/// What a query may say beside naming a part of a resource: it changes nothing of what is asked.
const PLAIN: [&str; 20] = [
    "list-type",
    "prefix",
    "delimiter",
    "marker",
    "max-keys",
    "encoding-type",
    "continuation-token",
    "start-after",
    "fetch-owner",
    "key-marker",
    "upload-id-marker",
    "max-uploads",
    "max-parts",
    "max-buckets",
    "bucket-region",
    "part-number-marker",
    "versionId",
    "partNumber",
    "uploadId",
    "x-id",
];

impl Call {
    /// Reads what is asked of `path`, which is the part behind `/s3`.
    ///
    /// # Errors
    /// The path does not read, or nothing here does this.
    pub(super) fn read(
        method: &Method,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Error> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let (bucket, key) = (decode(bucket)?, decode(key)?);
        let operation = if bucket.is_empty() {
            match *method {
                Method::GET if key.is_empty() => Operation::ListBuckets,
                _ => return Err(Error::MethodNotAllowed),
            }
        } else if key.is_empty() {
            of_bucket(method, &query, headers)?
        } else {
            of_object(method, &query, headers)?
        };
        Ok(Self { operation, bucket, key, query })
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A number of the query, at most `most`; that where nothing is said.
    ///
    /// # Errors
    /// It is no number.
    pub(super) fn number(&self, name: &str, most: u32) -> Result<u32, Error> {
        let Some(value) = self.parameter(name).filter(|value| !value.is_empty()) else {
            return Ok(most);
        };
        let number: u32 = value
            .parse()
            .map_err(|_| Error::InvalidArgument("A number in the query is no integer."))?;
        Ok(number.min(most))
    }
}

/// The part of a resource that a query names.
fn part<'a>(query: &'a [(String, String)], known: &[&str]) -> Result<Option<&'a str>, Error> {
    let names = || query.iter().map(|(name, _)| name.as_str());
    if let Some(name) = names().find(|name| known.contains(name)) {
        return Ok(Some(name));
    }
    let is_plain = |name: &str| {
        let is_signature = name.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("x-amz-"));
        is_signature || name.starts_with("response-") || PLAIN.contains(&name)
    };
    // One that we do not know would be silently lost.
    if names().all(is_plain) { Ok(None) } else { Err(Error::NotImplemented) }
}

fn of_bucket(
    method: &Method,
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Operation, Error> {
    let part = part(query, &["location", "versioning", "uploads", "delete"])?;
    let is_second = query.iter().any(|(name, value)| name == "list-type" && value == "2");
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.starts_with("multipart/form-data"));
    match (method, part) {
        (&Method::GET, Some("location")) => Ok(Operation::GetLocation),
        (&Method::GET, Some("versioning")) => Ok(Operation::GetVersioning),
        (&Method::GET, Some("uploads")) => Ok(Operation::ListUploads),
        (&Method::GET, None) if is_second => Ok(Operation::ListObjectsV2),
        (&Method::GET, None) => Ok(Operation::ListObjects),
        (&Method::HEAD, None) => Ok(Operation::HeadBucket),
        (&Method::PUT, Some("versioning")) => Ok(Operation::PutVersioning),
        (&Method::PUT, None) => Ok(Operation::CreateBucket),
        (&Method::DELETE, None) => Ok(Operation::DeleteBucket),
        (&Method::POST, Some("delete")) => Ok(Operation::DeleteObjects),
        (&Method::POST, None) if is_form => Ok(Operation::PostForm),
        _ => Err(Error::MethodNotAllowed),
    }
}

fn of_object(
    method: &Method,
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Operation, Error> {
    let part = part(query, &["tagging", "uploads"])?;
    let is_upload = query.iter().any(|(name, _)| name == "uploadId");
    let is_copy = headers.contains_key("x-amz-copy-source");
    match (method, part) {
        (&Method::GET, Some("tagging")) => Ok(Operation::GetTagging),
        (&Method::GET, None) if is_upload => Ok(Operation::ListParts),
        (&Method::GET, None) => Ok(Operation::GetObject),
        (&Method::HEAD, None) => Ok(Operation::HeadObject),
        (&Method::PUT, None) if is_upload && is_copy => Ok(Operation::UploadPartCopy),
        (&Method::PUT, None) if is_upload => Ok(Operation::UploadPart),
        (&Method::PUT, None) if is_copy => Ok(Operation::CopyObject),
        (&Method::PUT, None) => Ok(Operation::PutObject),
        (&Method::DELETE, None) if is_upload => Ok(Operation::AbortUpload),
        (&Method::DELETE, None) => Ok(Operation::DeleteObject),
        (&Method::POST, Some("uploads")) => Ok(Operation::CreateUpload),
        (&Method::POST, None) if is_upload => Ok(Operation::CompleteUpload),
        (&Method::PUT | &Method::DELETE, Some("tagging")) => Err(Error::NotImplemented),
        _ => Err(Error::MethodNotAllowed),
    }
}

/// A part of a path, as text that Postgres takes.
///
/// # Errors
/// It is none.
pub(super) fn decode(text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| Error::BadPath)?;
    if text.contains('\0') { Err(Error::BadPath) } else { Ok(text.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "constants are written shorter so")]
    fn read(method: Method, target: &str, names: &[&'static str]) -> Result<Call, Error> {
        let (path, query) = target.split_once('?').unzip();
        let headers = names
            .iter()
            .map(|name| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static("/b/k"))
            })
            .collect();
        Call::read(&method, path.unwrap_or(target), query, &headers)
    }

    fn operation(method: Method, target: &str) -> Result<Operation, Error> {
        read(method, target, &[]).map(|call| call.operation)
    }

    #[test]
    fn paths_and_queries_say_what_is_asked() {
        for (method, target, expected) in [
            (Method::GET, "", Operation::ListBuckets),
            (Method::GET, "/?x-id=ListBuckets", Operation::ListBuckets),
            (Method::PUT, "/b", Operation::CreateBucket),
            (Method::HEAD, "/b/", Operation::HeadBucket),
            (Method::GET, "/b?location", Operation::GetLocation),
            (Method::GET, "/b?list-type=2&prefix=a%2F", Operation::ListObjectsV2),
            (Method::GET, "/b?prefix=a", Operation::ListObjects),
            (Method::GET, "/b?uploads=", Operation::ListUploads),
            (Method::POST, "/b?delete", Operation::DeleteObjects),
            (Method::GET, "/b/k?X-Amz-Signature=x&response-content-type=a", Operation::GetObject),
            (Method::PUT, "/b/k?partNumber=1&uploadId=u", Operation::UploadPart),
            (Method::POST, "/b/k?uploads", Operation::CreateUpload),
            (Method::POST, "/b/k?uploadId=u", Operation::CompleteUpload),
            (Method::DELETE, "/b/k?uploadId=u", Operation::AbortUpload),
            (Method::GET, "/b/k?uploadId=u", Operation::ListParts),
            (Method::GET, "/b/k?tagging", Operation::GetTagging),
        ] {
            assert_eq!(operation(method.clone(), target), Ok(expected), "{method} {target}");
        }
        let copies = ["x-amz-copy-source"];
        let copy = read(Method::PUT, "/b/k", &copies).map(|call| call.operation);
        assert_eq!(copy, Ok(Operation::CopyObject));
        let part = read(Method::PUT, "/b/k?uploadId=u&partNumber=2", &copies);
        assert_eq!(part.map(|call| call.operation), Ok(Operation::UploadPartCopy));
    }

    #[test]
    fn names_are_decoded_whole() {
        let call = read(Method::GET, "/b/a%20b//c%2Fd/", &[]).expect("it reads");
        assert_eq!((&*call.bucket, &*call.key), ("b", "a b//c/d/"));
        for bad in ["/b/%ff", "/b/%00", "/%00"] {
            assert_eq!(operation(Method::GET, bad), Err(Error::BadPath), "{bad}");
        }
    }

    #[test]
    fn what_we_do_not_do_is_told() {
        for target in ["/b?acl", "/b?policy", "/b/k?acl", "/b/k?legal-hold", "/b?versions"] {
            assert_eq!(operation(Method::GET, target), Err(Error::NotImplemented), "{target}");
        }
        assert_eq!(operation(Method::POST, "/b/k"), Err(Error::MethodNotAllowed));
        assert_eq!(operation(Method::PATCH, "/b"), Err(Error::MethodNotAllowed));
        assert_eq!(operation(Method::PUT, "/"), Err(Error::MethodNotAllowed));
    }

    #[test]
    fn numbers_have_a_most() {
        let call = |query| read(Method::GET, query, &[]).expect("it reads");
        assert_eq!(call("/b?max-keys=7").number("max-keys", 1000), Ok(7));
        assert_eq!(call("/b?max-keys=70000").number("max-keys", 1000), Ok(1000));
        assert_eq!(call("/b").number("max-keys", 1000), Ok(1000));
        assert!(call("/b?max-keys=-1").number("max-keys", 1000).is_err());
    }
}
