//! The arithmetic of Signature Version 4: scope, key, canonical request, string to sign. Pure.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The only algorithm there is.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const INSTANT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// What a query is written with; of a path, slashes stay too.
const QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: AsciiSet = QUERY.remove(b'/');

/// Where and when a key counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// `20130524`.
    pub date: String,
    pub region: String,
}

impl Scope {
    pub(super) fn text(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.date, self.region)
    }

    /// The key of this scope alone, from somebody's secret.
    pub(super) fn key(&self, secret: &str) -> SigningKey {
        let first = format!("AWS4{secret}");
        let steps = [&*self.date, &*self.region, "s3", "aws4_request"];
        SigningKey(steps.into_iter().fold(first.into_bytes(), |key, step| {
            mac(&key, step.as_bytes()).finalize().into_bytes().to_vec()
        }))
    }
}

/// Signs for one day, region and secret.
#[derive(Clone)]
pub(super) struct SigningKey(Vec<u8>);

impl SigningKey {
    /// A signature, as it is written.
    pub(super) fn sign(&self, text: &str) -> String {
        hex::encode(mac(&self.0, text.as_bytes()).finalize().into_bytes())
    }

    /// Whether a signature is ours; takes as long whatever it is.
    pub(super) fn verify(&self, text: &str, signature: &str) -> bool {
        self.sign(text).as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text)
}

/// SHA-256, as it is written.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What of a request is signed.
pub(super) struct Canonical<'a> {
    pub method: &'a str,
    /// As it was sent.
    pub path: &'a str,
    /// Decoded, without the signature itself.
    pub query: &'a [(String, String)],
    pub headers: &'a HeaderMap,
    /// Names, in lower case and in order.
    pub signed_headers: &'a [String],
    /// The digest of the body, or what stands in its place.
    pub payload: &'a str,
}

impl Canonical<'_> {
    /// The request as both sides write it.
    pub(super) fn text(&self) -> String {
        let path = percent_decode_str(self.path).collect::<Vec<u8>>();
        let path = percent_encoding::percent_encode(&path, &PATH);
        let mut query: Vec<_> = self
            .query
            .iter()
            .map(|(name, value)| {
                let encode = |text| utf8_percent_encode(text, &QUERY).to_string();
                (encode(name), encode(value))
            })
            .collect();
        query.sort();
        let query: Vec<_> =
            query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let names = self.signed_headers.iter();
        let headers = names
            .fold(String::new(), |headers, name| headers + name + ":" + &self.value(name) + "\n");
        let (method, query, names) = (self.method, query.join("&"), self.signed_headers.join(";"));
        format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{}", self.payload)
    }

    /// All values of a header, trimmed, with single spaces.
    fn value(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
        values.collect::<Vec<_>>().join(",")
    }
}

/// What is signed of a canonical request.
pub(super) fn string_to_sign(instant: &str, scope: &Scope, canonical: &str) -> String {
    format!("{ALGORITHM}\n{instant}\n{}\n{}", scope.text(), digest(canonical.as_bytes()))
}

/// Reads `20130524T000000Z`.
pub(super) fn read_instant(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, INSTANT).ok().map(PrimitiveDateTime::assume_utc)
}

/// Writes `20130524T000000Z`.
pub(super) fn write_instant(instant: OffsetDateTime) -> Option<String> {
    instant.to_offset(time::UtcOffset::UTC).format(INSTANT).ok()
}
