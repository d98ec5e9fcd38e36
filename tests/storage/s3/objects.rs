//! Buckets, objects and lists over S3.

use reqwest::Method;
use serde_json::json;

use super::signer::{Call, Keys};
use super::{call, element, elements, put, refusal, stage};

#[tokio::test]
async fn buckets_come_and_go() {
    let stage = stage().await;
    assert_eq!(call(&stage, Method::PUT, "photos").await.status, 200);
    let again = call(&stage, Method::PUT, "photos").await;
    assert_eq!(refusal(&again), (409, "BucketAlreadyExists"), "{}", again.text);
    let listed = call(&stage, Method::GET, "").await;
    assert_eq!(elements(&listed.text, "Name"), ["b", "photos"]);
    assert_eq!(call(&stage, Method::HEAD, "photos").await.status, 200);
    assert_eq!(call(&stage, Method::HEAD, "nowhere").await.status, 404);
    let location = call(&stage, Method::GET, "photos?location").await;
    assert!(location.text.contains("<LocationConstraint"), "{}", location.text);
    put(&stage, "photos/x.txt", "x").await;
    assert_eq!(refusal(&call(&stage, Method::DELETE, "photos").await), (409, "ResourceNotEmpty"));
    assert_eq!(call(&stage, Method::DELETE, "photos/x.txt").await.status, 204);
    assert_eq!(call(&stage, Method::DELETE, "photos/x.txt").await.status, 204, "as if it was");
    assert_eq!(call(&stage, Method::DELETE, "photos").await.status, 204);
    assert_eq!(refusal(&call(&stage, Method::GET, "photos").await), (404, "NoSuchBucket"));
    assert_eq!(refusal(&call(&stage, Method::GET, "b?acl").await), (501, "NotImplemented"));
}

#[tokio::test]
async fn objects_keep_what_is_said_of_them() {
    let stage = stage().await;
    let put = Call::new(Method::PUT, "b/page.html")
        .header("content-type", "text/html")
        .header("cache-control", "max-age=60")
        .header("x-amz-meta-author", "ana")
        .body("<p>hello</p>");
    let put = put.send(&stage.server, &Keys::servers()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let got = call(&stage, Method::GET, "b/page.html").await;
    assert_eq!(got.headers["etag"], put.headers["etag"]);
    for (name, value) in [
        ("content-type", "text/html"),
        ("cache-control", "max-age=60"),
        ("x-amz-meta-author", "ana"),
    ] {
        assert_eq!(got.headers[name], value);
    }
    let head = call(&stage, Method::HEAD, "b/page.html").await;
    assert_eq!(
        (head.status.as_u16(), head.headers["content-length"].to_str().ok()),
        (200, Some("12"))
    );
    let part = Call::new(Method::GET, "b/page.html").header("range", "bytes=3-7");
    let part = part.send(&stage.server, &Keys::servers()).await;
    assert_eq!((part.status.as_u16(), &*part.text), (206, "hello"));
    let beyond = Call::new(Method::GET, "b/page.html").header("range", "bytes=99-");
    assert_eq!(refusal(&beyond.send(&stage.server, &Keys::servers()).await), (416, "InvalidRange"));
    let other = Call::new(Method::GET, "b/page.html").header("if-match", "\"other\"");
    assert_eq!(
        refusal(&other.send(&stage.server, &Keys::servers()).await),
        (412, "PreconditionFailed")
    );
    let shown = "b/page.html?response-content-disposition=attachment";
    assert_eq!(call(&stage, Method::GET, shown).await.headers["content-disposition"], "attachment");
    let tags = call(&stage, Method::GET, "b/page.html?tagging").await;
    assert!(tags.text.contains("<TagSet/>"), "{}", tags.text);
    let missing = call(&stage, Method::GET, "b/nowhere").await;
    assert_eq!(refusal(&missing), (404, "NoSuchKey"));
    assert_eq!(element(&missing.text, "Resource"), Some("/b/nowhere"));
}

#[tokio::test]
async fn nothing_is_overwritten_where_that_is_asked() {
    let stage = stage().await;
    put(&stage, "b/x.txt", "one").await;
    let new = Call::new(Method::PUT, "b/x.txt").header("if-none-match", "*").body("two");
    assert_eq!(
        refusal(&new.send(&stage.server, &Keys::servers()).await),
        (412, "PreconditionFailed")
    );
    assert_eq!(call(&stage, Method::GET, "b/x.txt").await.text, "one");
    put(&stage, "b/x.txt", "two").await;
    assert_eq!(call(&stage, Method::GET, "b/x.txt").await.text, "two");
}

#[tokio::test]
async fn limits_of_a_bucket_hold() {
    let stage = stage().await;
    stage.bucket("small", json!({ "file_size_limit": 4, "allowed_mime_types": ["text/*"] })).await;
    let put = |kind: &str| Call::new(Method::PUT, "small/x").header("content-type", kind);
    let long = put("text/plain").body("hello").send(&stage.server, &Keys::servers()).await;
    assert_eq!(refusal(&long), (413, "EntityTooLarge"));
    let image = put("image/png").body("x").send(&stage.server, &Keys::servers()).await;
    assert_eq!(refusal(&image), (415, "InvalidMimeType"));
    let climbing = Call::new(Method::PUT, "b/a/..%2fx").body("x");
    assert_eq!(refusal(&climbing.send(&stage.server, &Keys::servers()).await), (400, "InvalidKey"));
}

#[tokio::test]
async fn copies_keep_or_replace_what_is_said() {
    let stage = stage().await;
    let source = Call::new(Method::PUT, "b/a ü.txt")
        .header("content-type", "text/plain")
        .header("x-amz-meta-mood", "good")
        .body("hello");
    assert_eq!(source.send(&stage.server, &Keys::servers()).await.status, 200);
    let copy =
        || Call::new(Method::PUT, "b/copy.txt").header("x-amz-copy-source", "b/a%20%C3%BC.txt");
    let copied = copy().send(&stage.server, &Keys::servers()).await;
    assert_eq!(element(&copied.text, "ETag"), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got = call(&stage, Method::GET, "b/copy.txt").await;
    assert_eq!((&*got.text, got.headers["x-amz-meta-mood"].to_str().ok()), ("hello", Some("good")));
    let replaced = copy()
        .header("x-amz-metadata-directive", "REPLACE")
        .header("content-type", "text/csv")
        .send(&stage.server, &Keys::servers())
        .await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    let got = call(&stage, Method::GET, "b/copy.txt").await;
    assert_eq!(got.headers["content-type"], "text/csv");
    assert!(!got.headers.contains_key("x-amz-meta-mood"));
    let stale = copy().header("x-amz-copy-source-if-match", "\"other\"");
    assert_eq!(
        refusal(&stale.send(&stage.server, &Keys::servers()).await),
        (412, "PreconditionFailed")
    );
    let nowhere = Call::new(Method::PUT, "b/y").header("x-amz-copy-source", "/b/none");
    assert_eq!(refusal(&nowhere.send(&stage.server, &Keys::servers()).await), (404, "NoSuchKey"));
    let odd = Call::new(Method::PUT, "b/y").header("x-amz-copy-source", "b");
    assert_eq!(refusal(&odd.send(&stage.server, &Keys::servers()).await), (400, "InvalidArgument"));
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let stage = stage().await;
    for name in ["b/a&b.txt", "b/c.txt", "b/d.txt"] {
        put(&stage, name, "x").await;
    }
    let body = "<Delete><Object><Key>a&amp;b.txt</Key></Object><Object><Key>c.txt</Key></Object>\
                <Object><Key>none</Key></Object></Delete>";
    let delete = Call::new(Method::POST, "b?delete").body(body);
    let deleted = delete.send(&stage.server, &Keys::servers()).await;
    assert_eq!(elements(&deleted.text, "Key"), ["a&amp;b.txt", "c.txt", "none"]);
    let listed = call(&stage, Method::GET, "b?list-type=2").await;
    assert_eq!(elements(&listed.text, "Key"), ["d.txt"]);
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1, "their bytes are gone too");
}

#[tokio::test]
async fn lists_go_on_page_by_page() {
    let stage = stage().await;
    let names = ["b.txt", "a/2", "Z.txt", "c/4", "a/1", "é.txt", "a/b/3"];
    for name in names {
        put(&stage, &format!("b/{name}"), "x").await;
    }
    let all = call(&stage, Method::GET, "b?list-type=2").await;
    let sorted = ["Z.txt", "a/1", "a/2", "a/b/3", "b.txt", "c/4", "é.txt"];
    assert_eq!(elements(&all.text, "Key"), sorted, "in the order of their bytes");
    assert_eq!(element(&all.text, "KeyCount"), Some("7"));

    let mut seen = Vec::new();
    let mut target = "b?list-type=2&delimiter=/&max-keys=2".to_owned();
    loop {
        let page = call(&stage, Method::GET, &target).await;
        seen.extend(elements(&page.text, "Key").into_iter().map(str::to_owned));
        let prefixes = elements(&page.text, "CommonPrefixes");
        seen.extend(prefixes.iter().filter_map(|it| element(it, "Prefix")).map(str::to_owned));
        let Some(next) = element(&page.text, "NextContinuationToken") else { break };
        target = format!("b?list-type=2&delimiter=/&max-keys=2&continuation-token={next}");
    }
    seen.sort();
    assert_eq!(seen, ["Z.txt", "a/", "b.txt", "c/", "é.txt"]);

    let within = call(&stage, Method::GET, "b?list-type=2&prefix=a/&delimiter=/").await;
    assert_eq!(elements(&within.text, "Key"), ["a/1", "a/2"]);
    assert!(within.text.contains("<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>"));
    let after =
        call(&stage, Method::GET, "b?list-type=2&start-after=b.txt&encoding-type=url").await;
    assert_eq!(elements(&after.text, "Key"), ["c/4", "%C3%A9.txt"]);
    let first = call(&stage, Method::GET, "b?max-keys=1&delimiter=/&marker=Z.txt").await;
    assert_eq!(element(&first.text, "NextMarker"), Some("a/"));
    let next = call(&stage, Method::GET, "b?max-keys=1&delimiter=/&marker=a/").await;
    assert_eq!(elements(&next.text, "Key"), ["b.txt"]);
    let none = call(&stage, Method::GET, "b?list-type=2&max-keys=0").await;
    assert_eq!(element(&none.text, "IsTruncated"), Some("false"));
    for (odd, code) in [
        ("b?list-type=2&continuation-token=forged", "InvalidArgument"),
        ("b?max-keys=-1", "InvalidArgument"),
        ("b?encoding-type=odd", "InvalidArgument"),
    ] {
        assert_eq!(refusal(&call(&stage, Method::GET, odd).await), (400, code), "{odd}");
    }
}

#[tokio::test]
async fn versions_are_kept_and_read() {
    let stage = stage().await;
    let enable = Call::new(Method::PUT, "b?versioning")
        .body("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    assert_eq!(enable.send(&stage.server, &Keys::servers()).await.status, 200);
    let status = call(&stage, Method::GET, "b?versioning").await;
    assert_eq!(element(&status.text, "Status"), Some("Enabled"));
    put(&stage, "b/x.txt", "one").await;
    let first = call(&stage, Method::HEAD, "b/x.txt").await;
    let version = first.headers["x-amz-version-id"].to_str().expect("text").to_owned();
    put(&stage, "b/x.txt", "two").await;
    assert_eq!(call(&stage, Method::GET, "b/x.txt").await.text, "two");
    let old = call(&stage, Method::GET, &format!("b/x.txt?versionId={version}")).await;
    assert_eq!(old.text, "one");
    assert_eq!(call(&stage, Method::DELETE, "b/x.txt").await.status, 204);
    assert_eq!(refusal(&call(&stage, Method::GET, "b/x.txt").await), (404, "NoSuchKey"));
    let old = call(&stage, Method::GET, &format!("b/x.txt?versionId={version}")).await;
    assert_eq!(old.text, "one", "what was kept is still there");
}
