//! Versions of an answer: told when asked for, so that what a client has is not sent again. Pure.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};

/// Bytes of the hash that an etag shows: enough that no two answers ever share one.
const BYTES: usize = 18;

/// Headers that belong to the version: another total or another next page is another answer.
const HEADERS: [header::HeaderName; 3] =
    [header::CONTENT_TYPE, header::CONTENT_RANGE, header::LINK];

/// The versions that the client has, when it tells any.
pub fn known(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The version of an answer with this status, these headers and this body. It is a strong one:
/// the same only when every byte is.
pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(status.as_str());
    for name in HEADERS {
        hash.update("\n");
        hash.update(headers.get(name).map(http::HeaderValue::as_bytes).unwrap_or_default());
    }
    hash.update("\n");
    hash.update(body);
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..BYTES]))
}

/// Whether `etag` is among the versions `known`. One that a proxy has made weak is known too.
pub fn is_known(known: &str, etag: &str) -> bool {
    let mut listed = known.split(',').map(str::trim);
    listed.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_of_the_body_and_of_what_is_told_about_it() {
        let ranged = |range: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_RANGE, header::HeaderValue::from_static(range))])
        };
        let etag = of(StatusCode::OK, &ranged("0-1/2"), b"[]");
        assert_eq!(etag, of(StatusCode::OK, &ranged("0-1/2"), b"[]"));
        assert_ne!(etag, of(StatusCode::OK, &ranged("0-1/3"), b"[]"));
        assert_ne!(etag, of(StatusCode::OK, &ranged("0-1/2"), b"[1]"));
        assert_ne!(etag, of(StatusCode::PARTIAL_CONTENT, &ranged("0-1/2"), b"[]"));
    }

    #[test]
    fn weakened_and_listed_versions_are_known() {
        let etag = "\"a-b\"";
        assert!(is_known(etag, etag));
        assert!(is_known("\"x\", W/\"a-b\"", etag));
        assert!(is_known("*", etag));
        assert!(!is_known("\"a\"", etag));
        assert!(!is_known("a-b", etag));
    }
}
