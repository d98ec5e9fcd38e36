//! What a body is checked against: the digests that a client may send with it. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Digest as CrcDigest, Table};
use http::HeaderMap;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::Error;

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// How a checksum of S3's own headers is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The header or trailer that carries it.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The one that a header or trailer of this name carries.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.header().eq_ignore_ascii_case(name))
    }

    fn running(self) -> Running {
        match self {
            Self::Crc32 => Running::Crc32(CRC32.digest()),
            Self::Crc32c => Running::Crc32(CRC32C.digest()),
            Self::Crc64Nvme => Running::Crc64(CRC64.digest()),
            Self::Sha1 => Running::Sha1(Sha1::new()),
            Self::Sha256 => Running::Sha256(Sha256::new()),
        }
    }

    /// The checksum of something that is at hand, as headers carry it.
    #[cfg(test)]
    pub(super) fn of(self, bytes: &[u8]) -> String {
        let mut running = self.running();
        running.update(bytes);
        running.finish()
    }
}

#[derive(Clone)]
enum Running {
    Crc32(CrcDigest<'static, u32, Table<16>>),
    Crc64(CrcDigest<'static, u64, Table<16>>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Running {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(bytes),
            Self::Crc64(digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Crc32(digest) => BASE64.encode(digest.finalize().to_be_bytes()),
            Self::Crc64(digest) => BASE64.encode(digest.finalize().to_be_bytes()),
            Self::Sha1(digest) => BASE64.encode(digest.finalize()),
            Self::Sha256(digest) => BASE64.encode(digest.finalize()),
        }
    }
}

/// A checksum that was sent and found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksum {
    pub algorithm: Algorithm,
    /// In base64, as headers carry it.
    pub value: String,
}

/// What a body must come to; computes while it passes.
pub(super) struct Expected {
    /// `x-amz-content-sha256`, when it is a digest.
    sha256: Option<([u8; 32], Sha256)>,
    /// `content-md5`.
    md5: Option<([u8; 16], Md5)>,
    checksum: Option<(Algorithm, Running)>,
    /// Of the header; that of a trailer comes at the end.
    value: Option<String>,
}

impl Expected {
    /// Reads what the headers promise; `sha256` is the digest that was signed, if one was.
    ///
    /// # Errors
    /// A digest does not read, or more than one checksum is sent.
    pub(super) fn read(headers: &HeaderMap, sha256: Option<[u8; 32]>) -> Result<Self, Error> {
        let md5 = headers.get("content-md5").map(|value| read_md5(value.as_bytes())).transpose()?;
        let mut sent = Algorithm::ALL
            .into_iter()
            .filter_map(|one| headers.get(one.header()).map(|value| (one, value)));
        let (checksum, value) = match sent.next() {
            Some((algorithm, value)) => {
                let value = value.to_str().map_err(|_| Error::Invalid(BAD_CHECKSUM))?;
                (Some(algorithm), Some(value.to_owned()))
            }
            None => (announced(headers)?, None),
        };
        if sent.next().is_some() {
            return Err(Error::Invalid(
                "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
            ));
        }
        Ok(Self {
            sha256: sha256.map(|digest| (digest, Sha256::new())),
            md5: md5.map(|digest| (digest, Md5::new())),
            checksum: checksum.map(|algorithm| (algorithm, algorithm.running())),
            value,
        })
    }

    /// A piece of the body passes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some((_, digest)) = &mut self.sha256 {
            digest.update(bytes);
        }
        if let Some((_, digest)) = &mut self.md5 {
            digest.update(bytes);
        }
        if let Some((_, running)) = &mut self.checksum {
            running.update(bytes);
        }
    }

    /// The body is over; `trailers` are the lines behind it. Gives the checksum that was checked.
    ///
    /// # Errors
    /// Something else was promised.
    pub(super) fn finish(self, trailers: &[(String, String)]) -> Result<Option<Checksum>, Error> {
        if let Some((promised, digest)) = self.sha256
            && !bool::from(promised.ct_eq(&<[u8; 32]>::from(digest.finalize())))
        {
            return Err(Error::Sha256Mismatch);
        }
        if let Some((promised, digest)) = self.md5
            && promised != <[u8; 16]>::from(digest.finalize())
        {
            return Err(Error::DigestMismatch("Content-MD5"));
        }
        let Some((algorithm, running)) = self.checksum else { return Ok(None) };
        let trailer = || {
            let found = trailers.iter().find(|(name, _)| name == algorithm.header());
            found.map(|(_, value)| value.clone())
        };
        let promised = self.value.or_else(trailer).ok_or(Error::BadTrailer)?;
        let value = running.finish();
        if promised != value {
            return Err(Error::DigestMismatch(algorithm.header()));
        }
        Ok(Some(Checksum { algorithm, value }))
    }
}

const BAD_CHECKSUM: &str = "Value for an x-amz-checksum- header is invalid.";

/// The checksum that a trailer is going to tell.
fn announced(headers: &HeaderMap) -> Result<Option<Algorithm>, Error> {
    let Some(names) = headers.get("x-amz-trailer") else { return Ok(None) };
    let names = names.to_str().map_err(|_| Error::BadTrailer)?;
    let mut names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    match (names.next().and_then(Algorithm::of_header), names.next()) {
        (Some(algorithm), None) => Ok(Some(algorithm)),
        _ => {
            Err(Error::Invalid("The value specified in the x-amz-trailer header is not supported"))
        }
    }
}

fn read_md5(text: &[u8]) -> Result<[u8; 16], Error> {
    let bytes = BASE64.decode(text).map_err(|_| Error::Md5Invalid)?;
    bytes.try_into().map_err(|_| Error::Md5Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
            .collect()
    }

    fn check(
        pairs: &[(&'static str, &'static str)],
        trailers: &[(&str, &str)],
    ) -> Result<Option<Checksum>, Error> {
        let mut expected = Expected::read(&headers(pairs), None)?;
        expected.update(b"1234");
        expected.update(b"56789");
        let trailers: Vec<_> =
            trailers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        expected.finish(&trailers)
    }

    #[test]
    fn each_algorithm_gives_the_check_value_of_its_catalogue() {
        let hex = |algorithm: Algorithm| {
            hex::encode(BASE64.decode(algorithm.of(b"123456789")).expect("base64"))
        };
        assert_eq!(hex(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex(Algorithm::Crc32c), "e3069283");
        assert_eq!(hex(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(hex(Algorithm::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        assert!(hex(Algorithm::Sha256).starts_with("15e2b0d3c33891ebb0f1ef609ec4194"));
    }

    #[test]
    fn checksums_come_in_a_header_or_behind_the_body() {
        let right = Checksum { algorithm: Algorithm::Crc32, value: "y/Q5Jg==".into() };
        assert_eq!(check(&[("x-amz-checksum-crc32", "y/Q5Jg==")], &[]), Ok(Some(right.clone())));
        let announced = [("x-amz-trailer", "x-amz-checksum-crc32")];
        let trailer = [("x-amz-checksum-crc32", "y/Q5Jg==")];
        assert_eq!(check(&announced, &trailer), Ok(Some(right)));
        assert_eq!(check(&announced, &[]), Err(Error::BadTrailer));
        let other = [("x-amz-checksum-crc32", "AAAAAA==")];
        let mismatch = Err(Error::DigestMismatch("x-amz-checksum-crc32"));
        assert_eq!(check(&other, &[]), mismatch);
        assert_eq!(check(&announced, &other), mismatch);
    }

    #[test]
    fn md5_is_compared_and_must_read() {
        let other = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
        assert_eq!(check(&other, &[]), Err(Error::DigestMismatch("Content-MD5")));
        assert_eq!(check(&[("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")], &[]), Ok(None));
        for bad in ["", "not base64!", "c2hvcnQ="] {
            assert_eq!(check(&[("content-md5", bad)], &[]), Err(Error::Md5Invalid), "{bad}");
        }
    }

    #[test]
    fn two_checksums_and_unknown_trailers_are_refused() {
        let two = [("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-checksum-sha1", "x")];
        assert!(matches!(check(&two, &[]), Err(Error::Invalid(_))));
        let unknown = [("x-amz-trailer", "x-amz-meta-later")];
        assert!(matches!(check(&unknown, &[]), Err(Error::Invalid(_))));
    }
}
