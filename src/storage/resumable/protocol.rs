//! The grammar of TUS 1.0: what headers say, and what is wrong with them. Pure.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::HeaderMap;
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use uuid::Uuid;

/// The one version of the protocol there is.
pub const VERSION: &str = "1.0.0";

/// What is offered beside the core.
pub const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum";

/// Digests that a client may send along.
pub const DIGESTS: &str = "sha1,md5,sha256";

/// What is wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Version,
    Length,
    Metadata,
    Names,
    Concatenation,
    ContentType,
    OffsetMissing,
    Offset,
    OffsetConflict,
    LengthChange,
    Overrun,
    MaxSize,
    Unknown,
    Gone,
    Finished,
    ChecksumForm,
    Checksum,
}

impl Fault {
    /// The status, as the protocol or the reference has it.
    pub fn status(self) -> u16 {
        match self {
            Self::Length
            | Self::Metadata
            | Self::Names
            | Self::Offset
            | Self::LengthChange
            | Self::Finished
            | Self::ChecksumForm => 400,
            Self::OffsetMissing => 403,
            Self::Unknown => 404,
            Self::OffsetConflict => 409,
            Self::Gone => 410,
            Self::Version => 412,
            Self::Overrun | Self::MaxSize => 413,
            Self::ContentType => 415,
            Self::Checksum => 460,
            Self::Concatenation => 501,
        }
    }

    /// The same in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Version => "Tus-Resumable Required\n",
            Self::Length => "Upload-Length or Upload-Defer-Length header required\n",
            Self::Metadata => {
                "Upload-Metadata is invalid. It MUST consist of one or more comma-separated \
                 key-value pairs. The key and value MUST be separated by a space. The key MUST \
                 NOT contain spaces and commas and MUST NOT be empty. The key SHOULD be ASCII \
                 encoded and the value MUST be Base64 encoded. All keys MUST be unique"
            }
            Self::Names => "Upload-Metadata must hold bucketName and objectName\n",
            Self::Concatenation => "Concatenation extension is not supported\n",
            Self::ContentType => "Content-Type must be application/offset+octet-stream\n",
            Self::OffsetMissing => "Upload-Offset header required\n",
            Self::Offset => "Invalid Upload-Offset\n",
            Self::OffsetConflict => "Upload-Offset conflict\n",
            Self::LengthChange => "Upload-Length can not be changed\n",
            Self::Overrun => "upload's size exceeded\n",
            Self::MaxSize => "Maximum size exceeded\n",
            Self::Unknown => "The file for this url was not found\n",
            Self::Gone => "The file for this url no longer exists\n",
            Self::Finished => "Cannot terminate an already completed upload",
            Self::ChecksumForm => "Upload-Checksum must be sha1, md5 or sha256 and its base64\n",
            Self::Checksum => "Checksum Mismatch\n",
        }
    }
}

/// What a POST asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Creation {
    /// How many bytes there will be; none: said later.
    pub length: Option<u64>,
    /// Upload-Metadata as it was sent.
    pub said: Option<String>,
    /// The same, read.
    pub metadata: Vec<(String, String)>,
    /// Whether bytes come along.
    pub has_bytes: bool,
}

/// What a PATCH brings.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Where its bytes belong.
    pub offset: u64,
    /// How many bytes there will be in all, if that is said only now.
    pub length: Option<u64>,
}

/// Checks that both sides speak the same version.
///
/// # Errors
/// They do not.
pub fn check_version(headers: &HeaderMap) -> Result<(), Fault> {
    if text(headers, "tus-resumable") == Some(VERSION) { Ok(()) } else { Err(Fault::Version) }
}

/// Reads a POST.
///
/// # Errors
/// What is wrong with it.
pub fn creation(headers: &HeaderMap) -> Result<Creation, Fault> {
    if headers.contains_key("upload-concat") {
        return Err(Fault::Concatenation);
    }
    let length = length(headers)?;
    match (length, text(headers, "upload-defer-length")) {
        (Some(_), None) | (None, Some("1")) => {}
        _ => return Err(Fault::Length),
    }
    let said = text(headers, "upload-metadata").map(str::to_owned);
    let metadata = said.as_deref().map(metadata).transpose()?.unwrap_or_default();
    Ok(Creation { length, said, metadata, has_bytes: is_bytes(headers) })
}

/// Reads a PATCH.
///
/// # Errors
/// What is wrong with it.
pub fn step(headers: &HeaderMap) -> Result<Step, Fault> {
    if !is_bytes(headers) {
        return Err(Fault::ContentType);
    }
    let offset = text(headers, "upload-offset").ok_or(Fault::OffsetMissing)?;
    Ok(Step { offset: number(offset).ok_or(Fault::Offset)?, length: length(headers)? })
}

fn is_bytes(headers: &HeaderMap) -> bool {
    text(headers, "content-type") == Some("application/offset+octet-stream")
}

fn length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let length = text(headers, "upload-length");
    length.map(|length| number(length).ok_or(Fault::Length)).transpose()
}

/// Digits alone, and a number that Postgres holds too.
fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && i64::try_from(*number).is_ok())
}

fn metadata(said: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in said.split(',') {
        let mut words = pair.split_ascii_whitespace();
        let (key, value) = (words.next(), words.next().unwrap_or_default());
        let key = key.filter(|_| words.next().is_none()).ok_or(Fault::Metadata)?;
        let value = BASE64_STANDARD.decode(value).map_err(|_| Fault::Metadata)?;
        let value = String::from_utf8(value).map_err(|_| Fault::Metadata)?;
        if pairs.iter().any(|(other, _)| other == key) {
            return Err(Fault::Metadata);
        }
        pairs.push((key.to_owned(), value));
    }
    Ok(pairs)
}

/// The last part of an upload's address, which only those know who were told.
pub fn address(bucket: &str, name: &str, version: Uuid) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{bucket}/{name}/{version}"))
}

/// Bucket, name and version out of an address.
///
/// # Errors
/// It is none of ours.
pub fn addressed(address: &str) -> Result<(String, String, Uuid), Fault> {
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(address.trim_end_matches('=')).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (bucket, rest) = text.split_once('/')?;
        let (name, version) = rest.rsplit_once('/')?;
        Some((bucket.to_owned(), name.to_owned(), Uuid::try_parse(version).ok()?))
    };
    read().ok_or(Fault::Unknown)
}

/// A digest that was sent along, and what has come so far.
pub struct Checksum {
    expected: Vec<u8>,
    digest: Running,
}

enum Running {
    Sha1(Sha1),
    Md5(Md5),
    Sha256(Sha256),
}

impl Checksum {
    /// As `Upload-Checksum` says; none where there is none.
    ///
    /// # Errors
    /// It does not read, or names a digest that is not offered.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let Some(said) = text(headers, "upload-checksum") else { return Ok(None) };
        let (name, value) = said.split_once(' ').ok_or(Fault::ChecksumForm)?;
        let digest = match name {
            "sha1" => Running::Sha1(Sha1::new()),
            "md5" => Running::Md5(Md5::new()),
            "sha256" => Running::Sha256(Sha256::new()),
            _ => return Err(Fault::ChecksumForm),
        };
        let expected = BASE64_STANDARD.decode(value).map_err(|_| Fault::ChecksumForm)?;
        Ok(Some(Self { expected, digest }))
    }

    /// More bytes have come.
    pub fn add(&mut self, bytes: &[u8]) {
        match &mut self.digest {
            Running::Sha1(digest) => digest.update(bytes),
            Running::Md5(digest) => digest.update(bytes),
            Running::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Checks all of them.
    ///
    /// # Errors
    /// They are others than were sent.
    pub fn check(self) -> Result<(), Fault> {
        let found = match self.digest {
            Running::Sha1(digest) => digest.finalize().to_vec(),
            Running::Md5(digest) => digest.finalize().to_vec(),
            Running::Sha256(digest) => digest.finalize().to_vec(),
        };
        if found == self.expected { Ok(()) } else { Err(Fault::Checksum) }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_creation_says_how_long_and_what() {
        let read = creation(&headers(&[
            ("upload-length", "5"),
            ("upload-metadata", "bucketName Yg==,objectName YS50eHQ=, empty"),
        ]))
        .expect("valid");
        assert_eq!(read.length, Some(5));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read.metadata,
            [pair("bucketName", "b"), pair("objectName", "a.txt"), pair("empty", "")]
        );
        let deferred = creation(&headers(&[("upload-defer-length", "1")])).expect("valid");
        assert_eq!(deferred.length, None);
    }

    #[test]
    fn a_creation_without_sense_is_refused() {
        let refused = |pairs: &[_]| creation(&headers(pairs)).expect_err("invalid");
        assert_eq!(refused(&[]), Fault::Length);
        for odd in ["-1", "+5", "5.0", "", "x", "99999999999999999999", "9223372036854775808"] {
            assert_eq!(refused(&[("upload-length", odd)]), Fault::Length, "{odd}");
        }
        assert_eq!(refused(&[("upload-defer-length", "2")]), Fault::Length);
        assert_eq!(refused(&[("upload-length", "5"), ("upload-defer-length", "1")]), Fault::Length);
        for odd in ["", ",", "a b c", "a !", "a Yg==,a Yg==", "a /w=="] {
            let refused = refused(&[("upload-length", "5"), ("upload-metadata", odd)]);
            assert_eq!(refused, Fault::Metadata, "{odd}");
        }
        assert_eq!(refused(&[("upload-concat", "partial")]), Fault::Concatenation);
    }

    #[test]
    fn a_step_says_where_it_belongs() {
        let bytes = ("content-type", "application/offset+octet-stream");
        let read = |pairs: &[_]| step(&headers(pairs));
        assert_eq!(read(&[bytes, ("upload-offset", "7")]), Ok(Step { offset: 7, length: None }));
        assert_eq!(read(&[("upload-offset", "7")]), Err(Fault::ContentType));
        assert_eq!(read(&[bytes]), Err(Fault::OffsetMissing));
        assert_eq!(read(&[bytes, ("upload-offset", "-7")]), Err(Fault::Offset));
    }

    #[test]
    fn addresses_are_read_again() {
        let version = Uuid::new_v4();
        let made = address("b", "a/ü b.txt", version);
        assert_eq!(addressed(&made), Ok(("b".into(), "a/ü b.txt".into(), version)));
        for odd in ["", "!", "YWJj", "YS9iL2M"] {
            assert_eq!(addressed(odd), Err(Fault::Unknown), "{odd}");
        }
    }

    #[test]
    fn checksums_tell_bytes_apart() {
        let of = |said| Checksum::of(&headers(&[("upload-checksum", said)]));
        for said in [
            "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
            "md5 XUFAKrxLKna5cZ2REBfFkg==",
            "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ] {
            let mut checksum = of(said).expect("valid").expect("there");
            checksum.add(b"hel");
            checksum.add(b"lo");
            assert_eq!(checksum.check(), Ok(()), "{said}");
        }
        let mut other = of("md5 XUFAKrxLKna5cZ2REBfFkg==").expect("valid").expect("there");
        other.add(b"hallo");
        assert_eq!(other.check(), Err(Fault::Checksum));
        assert!(of("crc32 AAAA").is_err());
        assert!(of("md5").is_err());
        assert!(Checksum::of(&HeaderMap::new()).expect("none").is_none());
    }
}
