//! What a request says of its signature, in a header or in the query, and whether it is right.
//! Pure.

use std::time::Duration;

use http::{HeaderMap, header};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::error::Error;
use super::signing::{
    ALGORITHM, Canonical, Scope, SigningKey, read_instant, string_to_sign, write_instant,
};

/// How far the clocks of both sides may be apart.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// How long a presigned URL may live: seven days.
const LONGEST_LIFE_SECONDS: u32 = 604_800;

const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// A request as far as it is signed.
pub(super) struct Head<'a> {
    pub method: &'a str,
    /// As it was sent, with what the server is mounted at.
    pub path: &'a str,
    /// Decoded.
    pub query: &'a [(String, String)],
    pub headers: &'a HeaderMap,
}

impl Head<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How the body is bound to the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// Not at all.
    Unsigned,
    /// By its SHA-256.
    Digest([u8; 32]),
    /// Framed in chunks.
    Chunked {
        /// Each with a signature.
        is_signed: bool,
        /// With headers behind the last one.
        has_trailer: bool,
    },
}

impl Payload {
    fn read(text: &str) -> Result<Self, Error> {
        let chunked = |is_signed, has_trailer| Ok(Self::Chunked { is_signed, has_trailer });
        match text {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => chunked(true, false),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => chunked(true, true),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunked(false, true),
            _ => {
                let mut digest = [0; 32];
                hex::decode_to_slice(text, &mut digest).map_err(|_| {
                    Error::InvalidArgument(
                        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
                         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                         STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                    )
                })?;
                Ok(Self::Digest(digest))
            }
        }
    }
}

/// Whose key signed, for where and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub access_key: String,
    pub scope: Scope,
}

impl Credential {
    /// Reads `AKIA.../20130524/us-east-1/s3/aws4_request`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let (end, service, region, date, access_key) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = end == "aws4_request" && service == "s3" && is_date;
        (is_whole && !access_key.is_empty() && !region.is_empty()).then(|| Self {
            access_key: access_key.to_owned(),
            scope: Scope { date: date.to_owned(), region: region.to_owned() },
        })
    }
}

/// Everything that a request says of its signature.
#[expect(clippy::struct_field_names, reason = "the signature of a signed request")]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub credential: Credential,
    /// The token of a person, beside keys that everybody knows.
    pub session_token: Option<String>,
    pub payload: Payload,
    /// When it was signed.
    instant: String,
    signed_headers: Vec<String>,
    signature: String,
    /// How long a presigned URL lives; none when the headers are signed.
    life: Option<Duration>,
    payload_text: String,
}

/// A signature that is right; chunks go on from it.
pub(super) struct Verified {
    pub key: SigningKey,
    pub instant: String,
    pub scope: Scope,
    pub signature: String,
}

impl Signature {
    /// Reads it from the header, or else from the query of a presigned URL.
    ///
    /// # Errors
    /// There is none, or it does not read.
    pub(super) fn read(head: &Head<'_>) -> Result<Self, Error> {
        if let Some(header) = head.header(header::AUTHORIZATION.as_str()) {
            return Self::of_header(head, header);
        }
        if head.parameter("X-Amz-Algorithm").is_some() {
            return Self::of_query(head);
        }
        Err(Error::NotSigned)
    }

    fn of_header(head: &Head<'_>, header: &str) -> Result<Self, Error> {
        let bad = Error::AuthorizationHeader;
        let (algorithm, rest) = header.split_once(' ').unwrap_or((header, ""));
        if algorithm != ALGORITHM {
            return Err(Error::AuthorizationHeader(
                "The authorization mechanism you have provided is not supported. Please use \
                 AWS4-HMAC-SHA256.",
            ));
        }
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let credential = part("Credential").and_then(Credential::read).ok_or(bad(
            "The Credential is malformed: expecting <access key>/YYYYMMDD/<region>/s3/aws4_request.",
        ))?;
        let signed = part("SignedHeaders").ok_or(bad("SignedHeaders are missing."))?;
        let signature = part("Signature").ok_or(bad("The Signature is missing."))?;
        let instant = match head.header("x-amz-date") {
            Some(instant) => instant.to_owned(),
            None => date_header(head).ok_or(Error::AuthorizationHeader(
                "A valid x-amz-date or Date header is required.",
            ))?,
        };
        let payload = head.header(CONTENT_SHA256).ok_or(Error::Invalid(
            "Missing required header for this request: x-amz-content-sha256",
        ))?;
        Ok(Self {
            credential,
            session_token: head.header("x-amz-security-token").map(str::to_owned),
            payload: Payload::read(payload)?,
            instant,
            signed_headers: names(signed),
            signature: signature.to_owned(),
            life: None,
            payload_text: payload.to_owned(),
        })
    }

    fn of_query(head: &Head<'_>) -> Result<Self, Error> {
        let part = |name, why| head.parameter(name).ok_or(Error::AuthorizationQuery(why));
        if head.parameter("X-Amz-Algorithm") != Some(ALGORITHM) {
            return Err(Error::AuthorizationQuery(
                "X-Amz-Algorithm only supports AWS4-HMAC-SHA256.",
            ));
        }
        let credential = part("X-Amz-Credential", "X-Amz-Credential is missing.")?;
        let credential = Credential::read(credential).ok_or(Error::AuthorizationQuery(
            "X-Amz-Credential is malformed: expecting <access key>/YYYYMMDD/<region>/s3/aws4_request.",
        ))?;
        let life = part("X-Amz-Expires", "X-Amz-Expires is missing.")?
            .parse()
            .ok()
            .filter(|life| (1..=LONGEST_LIFE_SECONDS).contains(life))
            .ok_or(Error::AuthorizationQuery(
                "X-Amz-Expires must be a number of seconds from 1 to 604800.",
            ))?;
        let payload = head
            .header(CONTENT_SHA256)
            .or_else(|| head.parameter("X-Amz-Content-Sha256"))
            .unwrap_or("UNSIGNED-PAYLOAD");
        Ok(Self {
            credential,
            session_token: head.parameter("X-Amz-Security-Token").map(str::to_owned),
            payload: Payload::read(payload)?,
            instant: part("X-Amz-Date", "X-Amz-Date is missing.")?.to_owned(),
            signed_headers: names(part("X-Amz-SignedHeaders", "X-Amz-SignedHeaders is missing.")?),
            signature: part("X-Amz-Signature", "X-Amz-Signature is missing.")?.to_owned(),
            life: Some(Duration::from_secs(u64::from(life))),
            payload_text: payload.to_owned(),
        })
    }

    /// Whether the holder of `secret` signed this request, for now.
    ///
    /// # Errors
    /// They did not, it is too old or too new, or a header that matters is not signed.
    pub(super) fn verify(
        self,
        head: &Head<'_>,
        secret: &str,
        now: OffsetDateTime,
    ) -> Result<Verified, Error> {
        self.check_headers(head)?;
        let query: Vec<_> =
            head.query.iter().filter(|(name, _)| name != "X-Amz-Signature").cloned().collect();
        let canonical = Canonical {
            method: head.method,
            path: head.path,
            query: if self.life.is_some() { &query } else { head.query },
            headers: head.headers,
            signed_headers: &self.signed_headers,
            payload: &self.payload_text,
        };
        let scope = self.credential.scope;
        let key = scope.key(secret);
        let text = string_to_sign(&self.instant, &scope, &canonical.text());
        if !key.verify(&text, &self.signature) {
            return Err(Error::SignatureMismatch);
        }
        // Only who knows the secret is told how the clocks stand.
        check_time(&self.instant, &scope, self.life, now)?;
        Ok(Verified { key, instant: self.instant, scope, signature: self.signature })
    }

    /// All that AWS asks to be signed is: who is asked, and every header that AWS itself names.
    fn check_headers(&self, head: &Head<'_>) -> Result<(), Error> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        let names = head.headers.keys().map(http::HeaderName::as_str);
        // CloudFront puts its own header on what passes through it.
        let mut own = names.filter(|name| name.starts_with("x-amz-") && *name != "x-amz-cf-id");
        match own.find(|name| !is_signed(name)) {
            Some(name) => Err(Error::UnsignedHeader(name.to_owned())),
            None if !is_signed("host") => Err(Error::UnsignedHeader("host".to_owned())),
            None => Ok(()),
        }
    }
}

/// Whether a signature of that time counts now.
pub(super) fn check_time(
    instant: &str,
    scope: &Scope,
    life: Option<Duration>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let at = read_instant(instant).filter(|_| instant.starts_with(&scope.date));
    let Some(at) = at else {
        return Err(match life {
            Some(_) => Error::AuthorizationQuery(
                "X-Amz-Date must be as YYYYMMDDTHHMMSSZ, and of the day in X-Amz-Credential.",
            ),
            None => Error::AuthorizationHeader(
                "The date must be as YYYYMMDDTHHMMSSZ, and of the day in the Credential.",
            ),
        });
    };
    match life {
        Some(life) if now > at + life => Err(Error::Expired),
        Some(_) if at > now + SKEW => Err(Error::NotYetValid),
        None if at > now + SKEW || now > at + SKEW => Err(Error::ClockSkew),
        _ => Ok(()),
    }
}

/// The header `Date`, as it is signed.
fn date_header(head: &Head<'_>) -> Option<String> {
    let text = head.header(header::DATE.as_str())?;
    if read_instant(text).is_some() {
        return Some(text.to_owned());
    }
    // The old name of the zone; the newer grammar has only numbers and UT.
    let text = text.replace("GMT", "+0000");
    OffsetDateTime::parse(&text, &Rfc2822).ok().and_then(write_instant)
}

/// The names of signed headers, in the order in which they are written.
fn names(text: &str) -> Vec<String> {
    text.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::signing::digest;
    use super::*;

    // Keys, requests and signatures are those of AWS's own documentation.
    const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const NOW: OffsetDateTime = datetime!(2013-05-24 00:00:00 UTC);
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    struct Request {
        method: &'static str,
        path: &'static str,
        query: Vec<(String, String)>,
        headers: HeaderMap,
    }

    impl Request {
        fn new(method: &'static str, target: &'static str, headers: &[(&str, &str)]) -> Self {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                let name: http::HeaderName = name.parse().expect("a name");
                map.append(name, value.parse().expect("a value"));
            }
            map.entry("host").or_insert("examplebucket.s3.amazonaws.com".parse().expect("a value"));
            Self { method, path, query, headers: map }
        }

        fn with_authorization(mut self, signed: &str, signature: &str) -> Self {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders={signed},Signature={signature}"
            );
            self.headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
            self
        }

        fn verify_at(&self, secret: &str, now: OffsetDateTime) -> Result<Verified, Error> {
            let head = Head {
                method: self.method,
                path: self.path,
                query: &self.query,
                headers: &self.headers,
            };
            let signature = Signature::read(&head)?;
            assert_eq!(signature.credential.access_key, ACCESS_KEY);
            signature.verify(&head, secret, now)
        }

        fn refusal(&self, now: OffsetDateTime) -> Option<Error> {
            self.verify_at(SECRET, now).err()
        }
    }

    fn ranged() -> Request {
        let headers = [
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ];
        Request::new("GET", "/test.txt", &headers).with_authorization(
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        )
    }

    const PRESIGNED: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

    #[test]
    fn an_object_is_read() {
        assert_eq!(ranged().refusal(NOW), None);
    }

    #[test]
    fn an_object_is_written_under_an_odd_name() {
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-content-sha256", &*digest(b"Welcome to Amazon S3.")),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let signed = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class";
        let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        for path in ["/test$file.text", "/test%24file.text"] {
            let request = Request::new("PUT", path, &headers).with_authorization(signed, signature);
            assert_eq!(request.refusal(NOW), None, "{path}");
        }
    }

    #[test]
    fn queries_count_with_and_without_values() {
        let headers = [("x-amz-content-sha256", EMPTY), ("x-amz-date", "20130524T000000Z")];
        let signed = "host;x-amz-content-sha256;x-amz-date";
        for (target, signature) in [
            ("/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (
                "/?prefix=J&max-keys=2",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let request =
                Request::new("GET", target, &headers).with_authorization(signed, signature);
            assert_eq!(request.refusal(NOW), None, "{target}");
        }
    }

    #[test]
    fn a_presigned_url_counts_until_it_expires() {
        let request = Request::new("GET", PRESIGNED, &[]);
        assert_eq!(request.refusal(NOW), None);
        assert_eq!(request.refusal(datetime!(2013-05-25 00:00:00 UTC)), None);
        assert_eq!(request.refusal(datetime!(2013-05-25 00:00:01 UTC)), Some(Error::Expired));
        assert_eq!(request.refusal(datetime!(2013-05-23 23:45:00 UTC)), None);
        assert_eq!(request.refusal(datetime!(2013-05-23 23:44:59 UTC)), Some(Error::NotYetValid));
    }

    #[test]
    fn whatever_is_changed_spoils_the_signature() {
        let mut method = ranged();
        method.method = "DELETE";
        let mut path = ranged();
        path.path = "/test2.txt";
        let mut query = ranged();
        query.query.push(("acl".into(), String::new()));
        let mut range = ranged();
        range.headers.insert("range", "bytes=0-10".parse().expect("a value"));
        let mut host = ranged();
        host.headers.insert("host", "elsewhere".parse().expect("a value"));
        let mut twice = ranged();
        twice.headers.append("range", "bytes=0-9".parse().expect("a value"));
        let longer =
            Request::new("GET", Box::leak(PRESIGNED.replace("86400", "86401").into()), &[]);
        for request in [method, path, query, range, host, twice, longer] {
            assert_eq!(request.refusal(NOW), Some(Error::SignatureMismatch));
        }
        let other_secret = ranged().verify_at("another", NOW).err();
        assert_eq!(other_secret, Some(Error::SignatureMismatch));
    }

    #[test]
    fn clocks_may_be_a_quarter_of_an_hour_apart() {
        assert_eq!(ranged().refusal(datetime!(2013-05-24 00:15:00 UTC)), None);
        assert_eq!(ranged().refusal(datetime!(2013-05-23 23:45:00 UTC)), None);
        for now in [datetime!(2013-05-24 00:15:01 UTC), datetime!(2013-05-23 23:44:59 UTC)] {
            assert_eq!(ranged().refusal(now), Some(Error::ClockSkew));
        }
    }

    #[test]
    fn headers_of_aws_must_be_signed() {
        let source = ("x-amz-copy-source", "/other/secret");
        let request = Request::new("GET", PRESIGNED, &[source]);
        let refused = Some(Error::UnsignedHeader("x-amz-copy-source".into()));
        assert_eq!(request.refusal(NOW), refused);
        let request = Request::new("GET", PRESIGNED, &[("x-amz-cf-id", "passing by")]);
        assert_eq!(request.refusal(NOW), None);
        let bare = Request::new("GET", Box::leak(PRESIGNED.replace("=host", "=date").into()), &[]);
        assert_eq!(bare.refusal(NOW), Some(Error::UnsignedHeader("host".into())));
    }

    #[test]
    fn what_does_not_read_is_told() {
        let unsigned = Request::new("GET", "/test.txt", &[]);
        assert_eq!(unsigned.refusal(NOW), Some(Error::NotSigned));
        for header in [
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/2013/us-east-1/s3/aws4_request",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/ec2/aws4_request",
            "AWS4-ECDSA-P256-SHA256 Credential=x",
            "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
        ] {
            let request = Request::new("GET", "/", &[("authorization", header)]);
            assert!(
                matches!(request.refusal(NOW), Some(Error::AuthorizationHeader(_))),
                "{header}"
            );
        }
        for (from, to) in [
            ("86400", "0"),
            ("86400", "604801"),
            ("86400", "forever"),
            ("%2Fs3%2F", "%2Fsqs%2F"),
            ("X-Amz-Date", "X-Amz-Day"),
            ("X-Amz-Signature", "X-Amz-Sign"),
            ("HMAC-SHA256", "HMAC-MD5"),
        ] {
            let request =
                Request::new("GET", Box::leak(PRESIGNED.replacen(from, to, 1).into()), &[]);
            assert!(matches!(request.refusal(NOW), Some(Error::AuthorizationQuery(_))), "{to}");
        }
    }

    #[test]
    fn bodies_are_bound_in_the_ways_there_are() {
        let chunked = |is_signed, has_trailer| Ok(Payload::Chunked { is_signed, has_trailer });
        assert_eq!(Payload::read("UNSIGNED-PAYLOAD"), Ok(Payload::Unsigned));
        assert_eq!(Payload::read("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), chunked(true, false));
        assert_eq!(Payload::read("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), chunked(false, true));
        assert!(matches!(Payload::read(EMPTY), Ok(Payload::Digest(_))));
        for bad in ["", "abc", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"] {
            assert!(matches!(Payload::read(bad), Err(Error::InvalidArgument(_))), "{bad}");
        }
    }
}
