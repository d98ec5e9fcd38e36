//! How bodies come over S3: framed, signed, with digests; and what becomes of those that are not
//! what was promised.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::signer::{Call, Keys};
use super::{Stage, call, refusal, stage};
use crate::support::Answer;

/// Nothing was kept, and nothing stays.
async fn nothing_is_kept(stage: &Stage) {
    assert_eq!(stage.database.value("select count(*) from storage.objects").await, "0");
    stage.swept().await;
    assert!(stage.bytes().is_empty());
}

#[tokio::test]
async fn signed_chunks_are_taken_off() {
    let stage = stage().await;
    let text = "a long text ".repeat(20_000);
    let (first, second) = text.as_bytes().split_at(100_001);
    let call_of = |length: usize| {
        Call::new(Method::PUT, "b/x.txt")
            .header("content-encoding", "gzip,aws-chunked")
            .header("x-amz-decoded-content-length", &length.to_string())
            .payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    };
    let (request, seed) = call_of(text.len()).signed_head(&stage.server, &Keys::servers());
    let good = seed.chunks(&[first, second]);
    let mut changed = good.clone();
    changed[100_050] ^= 1;
    assert_eq!(refusal(&Answer::of(request.body(changed)).await), (403, "SignatureDoesNotMatch"));
    nothing_is_kept(&stage).await;

    let (request, seed) = call_of(text.len()).signed_head(&stage.server, &Keys::servers());
    let cut = seed.chunks(&[first]);
    assert_eq!(refusal(&Answer::of(request.body(cut)).await), (400, "IncompleteBody"));
    let (request, seed) = call_of(5).signed_head(&stage.server, &Keys::servers());
    let longer = seed.chunks(&[b"longer"]);
    assert_eq!(refusal(&Answer::of(request.body(longer)).await), (400, "InvalidChunkSizeError"));
    nothing_is_kept(&stage).await;

    let (request, seed) = call_of(text.len()).signed_head(&stage.server, &Keys::servers());
    let put = Answer::of(request.body(seed.chunks(&[first, second]))).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let got = call(&stage, Method::GET, "b/x.txt").await;
    assert_eq!(got.text.len(), text.len());
    assert_eq!(got.headers["content-encoding"], "gzip", "only the frames are gone");
}

#[tokio::test]
async fn trailers_are_checked() {
    let stage = stage().await;
    let framed = |checksum: &str| {
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n");
        Call::new(Method::PUT, "b/x.txt")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", "5")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .body(body)
    };
    let wrong = framed("AAAAAA==").send(&stage.server, &Keys::servers()).await;
    assert_eq!(refusal(&wrong), (400, "BadDigest"), "{}", wrong.text);
    nothing_is_kept(&stage).await;
    let right = framed("NhCmhg==").send(&stage.server, &Keys::servers()).await;
    assert_eq!(right.status, 200, "{}", right.text);
    assert_eq!(right.headers["x-amz-checksum-crc32"], "NhCmhg==");
    let got = call(&stage, Method::GET, "b/x.txt").await;
    assert_eq!(got.text, "hello");
    assert!(!got.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn digests_that_are_wrong_keep_nothing() {
    let stage = stage().await;
    let keys = Keys::servers();
    let put = || Call::new(Method::PUT, "b/x.txt").body("hello");
    let other = hex::encode(Sha256::digest("other"));
    let refused = put().payload(&other).send(&stage.server, &keys).await;
    assert_eq!(refusal(&refused), (400, "XAmzContentSHA256Mismatch"));
    let zeros = BASE64_STANDARD.encode([0; 16]);
    for (name, value, code) in [
        ("content-md5", zeros.as_str(), "BadDigest"),
        ("content-md5", "nonsense", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32c", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", "BadDigest"),
        ("x-amz-checksum-sha1", "AAAA", "BadDigest"),
        ("x-amz-checksum-sha256", "AAAA", "BadDigest"),
    ] {
        let refused = put().header(name, value).send(&stage.server, &keys).await;
        assert_eq!(refusal(&refused), (400, code), "{name}: {}", refused.text);
    }
    nothing_is_kept(&stage).await;
    let md5 = "XUFAKrxLKna5cZ2REBfFkg==";
    let kept = put().header("content-md5", md5).send(&stage.server, &keys).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
}

#[tokio::test]
async fn hostile_xml_is_refused() {
    let stage = stage().await;
    let laughs =
        "<!DOCTYPE d [<!ENTITY a \"b/x.txt\">]><Delete><Object><Key>&a;</Key></Object></Delete>";
    let deep = "<Delete>".repeat(100_000);
    let long = format!("<Delete>{}</Delete>", " ".repeat(5 * 1024 * 1024));
    for body in ["", "{}", laughs, &deep, &long] {
        let delete = Call::new(Method::POST, "b?delete").body(body);
        let refused = delete.send(&stage.server, &Keys::servers()).await;
        assert_eq!(refusal(&refused), (400, "MalformedXML"), "{}", refused.text);
    }
}
