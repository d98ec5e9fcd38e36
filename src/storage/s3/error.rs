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
    /// Status, code and message, one line each.
    fn row(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        use StatusCode as S;
        let said = |text: &'static str| Cow::Borrowed(text);
        match self {
            Self::NotSigned => (S::FORBIDDEN, "AccessDenied", said("The request is not signed.")),
            Self::AuthorizationHeader(why) => {
                (S::BAD_REQUEST, "AuthorizationHeaderMalformed", said(why))
            }
            Self::AuthorizationQuery(why) => {
                (S::BAD_REQUEST, "AuthorizationQueryParametersError", said(why))
            }
            Self::UnknownKey => (
                S::FORBIDDEN,
                "InvalidAccessKeyId",
                said("The access key id you provided does not exist in our records."),
            ),
            Self::BadToken(why) => (S::FORBIDDEN, "AccessDenied", why.clone().into()),
            Self::SignatureMismatch => (
                S::FORBIDDEN,
                "SignatureDoesNotMatch",
                said(
                    "The request signature we calculated does not match the signature you \
                     provided. Check your key and signing method.",
                ),
            ),
            Self::ClockSkew => (
                S::FORBIDDEN,
                "RequestTimeTooSkewed",
                said("The difference between the request time and the current time is too large."),
            ),
            Self::Expired => {
                (S::BAD_REQUEST, "ExpiredToken", said("The provided token has expired."))
            }
            Self::NotYetValid => (S::FORBIDDEN, "AccessDenied", said("Request is not yet valid")),
            Self::UnsignedHeader(name) => (
                S::FORBIDDEN,
                "AccessDenied",
                format!("There were headers present in the request which were not signed: {name}")
                    .into(),
            ),
            Self::PolicyRefuses(condition) => (
                S::FORBIDDEN,
                "AccessDenied",
                format!("Invalid according to Policy: Policy Condition failed: {condition}").into(),
            ),
            Self::BadPolicy(why) => (S::BAD_REQUEST, "InvalidPolicyDocument", said(why)),
            Self::MissingField(name) => (
                S::BAD_REQUEST,
                "InvalidArgument",
                format!("Bucket POST must contain a field named '{name}'.").into(),
            ),
            Self::BadForm(why) => (S::BAD_REQUEST, "MalformedPOSTRequest", why.clone().into()),
            Self::MissingLength => (
                S::LENGTH_REQUIRED,
                "MissingContentLength",
                said("You must provide the Content-Length HTTP header."),
            ),
            Self::Incomplete => (
                S::BAD_REQUEST,
                "IncompleteBody",
                said("You did not provide the number of bytes that the headers announce."),
            ),
            Self::BadChunk(why) => (S::BAD_REQUEST, "InvalidRequest", said(why)),
            Self::ChunkTooLarge => (
                S::BAD_REQUEST,
                "InvalidChunkSizeError",
                said("A chunk is longer than what x-amz-decoded-content-length announces."),
            ),
            Self::BadTrailer => (
                S::BAD_REQUEST,
                "MalformedTrailerError",
                said("The trailing headers are not those that x-amz-trailer announces."),
            ),
            Self::Sha256Mismatch => (
                S::BAD_REQUEST,
                "XAmzContentSHA256Mismatch",
                said(
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ),
            ),
            Self::Md5Invalid => (
                S::BAD_REQUEST,
                "InvalidDigest",
                said("The Content-MD5 you specified is not valid."),
            ),
            Self::DigestMismatch(name) => (
                S::BAD_REQUEST,
                "BadDigest",
                format!("The {name} you specified did not match the calculated checksum.").into(),
            ),
            Self::BadXml => (
                S::BAD_REQUEST,
                "MalformedXML",
                said(
                    "The XML you provided was not well-formed or did not validate against our published schema",
                ),
            ),
            Self::Invalid(why) => (S::BAD_REQUEST, "InvalidRequest", said(why)),
            Self::InvalidArgument(why) => (S::BAD_REQUEST, "InvalidArgument", said(why)),
            Self::BadPath => {
                (S::BAD_REQUEST, "InvalidURI", said("Could not parse the specified URI."))
            }
            Self::NoSuchUpload => {
                (S::NOT_FOUND, "NoSuchUpload", said("The specified upload does not exist."))
            }
            Self::InvalidPart => (
                S::BAD_REQUEST,
                "InvalidPart",
                said("A specified part was not found, or its ETag or checksum is another."),
            ),
            Self::PartOrder => (
                S::BAD_REQUEST,
                "InvalidPartOrder",
                said("The list of parts was not in ascending order."),
            ),
            Self::Busy => (
                S::CONFLICT,
                "OperationAborted",
                said("A conflicting operation on this upload goes on. Please try again."),
            ),
            Self::TooSmall => (
                S::BAD_REQUEST,
                "EntityTooSmall",
                said("Your proposed upload is smaller than the minimum allowed size"),
            ),
            Self::Precondition => (
                S::PRECONDITION_FAILED,
                "PreconditionFailed",
                said("At least one of the preconditions you specified did not hold"),
            ),
            Self::NotImplemented => {
                (S::NOT_IMPLEMENTED, "NotImplemented", said("This is not implemented."))
            }
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                said("The specified method is not allowed against this resource."),
            ),
        }
    }

    /// The answer about `resource`.
    pub(super) fn respond(&self, resource: &str) -> Response {
        let (status, code, message) = self.row();
        xml::respond(status, &xml::Refusal { resource, code, message: &message })
    }

    /// Code and message.
    pub(super) fn told(&self) -> (String, String) {
        let (_, code, message) = self.row();
        (code.to_owned(), message.into_owned())
    }
}
