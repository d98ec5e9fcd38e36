//! Every refusal in S3's own words: one table, and the XML in which it is told.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;

use super::xml;

/// Why a request over S3 was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Error {
    // who is asking
    NotSigned,
    /// What is wrong with the header.
    AuthorizationHeader(&'static str),
    /// What is wrong with the query of a presigned URL.
    AuthorizationQuery(&'static str),
    UnknownKey,
    /// Why the session token was refused.
    BadToken(String),
    SignatureMismatch,
    ClockSkew,
    Expired,
    NotYetValid,
    /// The header that somebody may have added on the way.
    UnsignedHeader(String),
    /// The condition of the form's policy that does not hold.
    PolicyRefuses(String),
    /// What is wrong with the policy of a form.
    BadPolicy(&'static str),
    // what was sent
    /// Which field the form lacks.
    MissingField(&'static str),
    BadForm(String),
    MissingLength,
    Incomplete,
    /// What is wrong with the frames around a streamed body.
    BadChunk(&'static str),
    ChunkTooLarge,
    BadTrailer,
    Sha256Mismatch,
    Md5Invalid,
    /// Which digest is another.
    DigestMismatch(&'static str),
    BadXml,
    /// The request makes no sense as it is; why.
    Invalid(&'static str),
    /// A value makes no sense; why.
    InvalidArgument(&'static str),
    BadPath,
    // uploads in parts
    NoSuchUpload,
    InvalidPart,
    PartOrder,
    /// Somebody else is completing it.
    Busy,
    TooSmall,
    // conditions
    Precondition,
    // what we do not do
    NotImplemented,
    MethodNotAllowed,
}

impl Error {
    /// The table: status, code, message.
    #[rustfmt::skip] // one line a row
    fn row(&self) -> (u16, &'static str, Cow<'_, str>) {
        match self {
            Self::NotSigned => (403, "AccessDenied", "The request is not signed.".into()),
            Self::AuthorizationHeader(why) => (400, "AuthorizationHeaderMalformed", (*why).into()),
            Self::AuthorizationQuery(why) => (400, "AuthorizationQueryParametersError", (*why).into()),
            Self::UnknownKey => (403, "InvalidAccessKeyId", "The access key id you provided does not exist in our records.".into()),
            Self::BadToken(why) => (403, "AccessDenied", why.into()),
            Self::SignatureMismatch => (403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.".into()),
            Self::ClockSkew => (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.".into()),
            Self::Expired => (400, "ExpiredToken", "The provided token has expired.".into()),
            Self::NotYetValid => (403, "AccessDenied", "Request is not yet valid".into()),
            Self::UnsignedHeader(name) => (403, "AccessDenied", format!("There were headers present in the request which were not signed: {name}").into()),
            Self::PolicyRefuses(condition) => (403, "AccessDenied", format!("Invalid according to Policy: Policy Condition failed: {condition}").into()),
            Self::BadPolicy(why) => (400, "InvalidPolicyDocument", (*why).into()),
            Self::MissingField(name) => (400, "InvalidArgument", format!("Bucket POST must contain a field named '{name}'.").into()),
            Self::BadForm(why) => (400, "MalformedPOSTRequest", why.into()),
            Self::MissingLength => (411, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.".into()),
            Self::Incomplete => (400, "IncompleteBody", "You did not provide the number of bytes that the headers announce.".into()),
            Self::BadChunk(why) | Self::Invalid(why) => (400, "InvalidRequest", (*why).into()),
            Self::ChunkTooLarge => (400, "InvalidChunkSizeError", "A chunk is longer than what x-amz-decoded-content-length announces.".into()),
            Self::BadTrailer => (400, "MalformedTrailerError", "The trailing headers are not those that x-amz-trailer announces.".into()),
            Self::Sha256Mismatch => (400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.".into()),
            Self::Md5Invalid => (400, "InvalidDigest", "The Content-MD5 you specified is not valid.".into()),
            Self::DigestMismatch(name) => (400, "BadDigest", format!("The {name} you specified did not match the calculated checksum.").into()),
            Self::BadXml => (400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema".into()),
            Self::InvalidArgument(why) => (400, "InvalidArgument", (*why).into()),
            Self::BadPath => (400, "InvalidURI", "Could not parse the specified URI.".into()),
            Self::NoSuchUpload => (404, "NoSuchUpload", "The specified upload does not exist.".into()),
            Self::InvalidPart => (400, "InvalidPart", "A specified part was not found, or its ETag or checksum is another.".into()),
            Self::PartOrder => (400, "InvalidPartOrder", "The list of parts was not in ascending order.".into()),
            Self::Busy => (409, "OperationAborted", "A conflicting operation on this upload goes on. Please try again.".into()),
            Self::TooSmall => (400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size".into()),
            Self::Precondition => (412, "PreconditionFailed", "At least one of the preconditions you specified did not hold".into()),
            Self::NotImplemented => (501, "NotImplemented", "This is not implemented.".into()),
            Self::MethodNotAllowed => (405, "MethodNotAllowed", "The specified method is not allowed against this resource.".into()),
        }
    }

    /// The answer about `resource`.
    pub(super) fn respond(&self, resource: &str) -> Response {
        let (status, code, message) = self.row();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        xml::respond(status, &xml::Refusal { resource, code, message: &message })
    }

    /// Code and message.
    pub(super) fn told(&self) -> (String, String) {
        let (_, code, message) = self.row();
        (code.to_owned(), message.into_owned())
    }
}
