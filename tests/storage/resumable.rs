//! Resumable uploads: what came stays, whatever breaks.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Stage;
use crate::support::{Answer, Database, Person, Process, eventually};

const STEP: &str = "application/offset+octet-stream";

fn metadata(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name} {}", BASE64_STANDARD.encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn tus(request: RequestBuilder) -> RequestBuilder {
    request.header("tus-resumable", "1.0.0")
}

fn creation(request: RequestBuilder, length: usize, place: (&str, &str)) -> RequestBuilder {
    let said = metadata(&[
        ("bucketName", place.0),
        ("objectName", place.1),
        ("contentType", "text/plain"),
        ("cacheControl", "9"),
    ]);
    tus(request).header("upload-length", length).header("upload-metadata", said)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

impl Stage {
    async fn begin(&self, who: &Person, length: usize, place: (&str, &str)) -> Answer {
        let request = self.request(who, Method::POST, "/upload/resumable");
        Answer::of(creation(request, length, place)).await
    }

    /// Begins one that goes well; gives its path below /storage/v1.
    async fn begun(&self, who: &Person, length: usize, place: (&str, &str)) -> String {
        let begun = self.begin(who, length, place).await;
        assert_eq!(begun.status, 201, "{}", begun.text);
        let location = header(&begun.headers, "location");
        let base = format!("{}/storage/v1", self.server.url());
        location.strip_prefix(&base).expect("an address of this server").to_owned()
    }

    fn patch(&self, who: &Person, path: &str, offset: usize) -> RequestBuilder {
        let request = tus(self.request(who, Method::PATCH, path));
        request.header("content-type", STEP).header("upload-offset", offset)
    }

    async fn step(&self, who: &Person, path: &str, offset: usize, bytes: &str) -> Answer {
        Answer::of(self.patch(who, path, offset).body(bytes.to_owned())).await
    }

    async fn head(&self, path: &str) -> Answer {
        let url = format!("/storage/v1{path}");
        Answer::of(tus(self.server.request(Method::HEAD, &url))).await
    }

    /// Opens a PATCH of `length` bytes and sends only these; the connection stays open.
    async fn half(&self, who: &Person, path: &str, length: usize, bytes: &[u8]) -> TcpStream {
        half_patch(self.server.url(), &who.token, path, length, bytes).await
    }
}

async fn half_patch(url: &str, token: &str, path: &str, length: usize, bytes: &[u8]) -> TcpStream {
    let host = url.strip_prefix("http://").expect("plain");
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    let head = format!(
        "PATCH /storage/v1{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: {STEP}\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(bytes).await.expect("sent");
    stream
}

#[tokio::test]
async fn an_upload_in_steps_becomes_an_object() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 10, ("b", "a/ü.txt")).await;
    let none = stage.get(&stage.service, "/object/b/a/%C3%BC.txt").await;
    assert_eq!(none.body["code"], "NoSuchKey", "nothing is seen of it yet");

    let first = stage.step(&stage.service, &path, 0, "hello").await;
    assert_eq!((first.status.as_u16(), header(&first.headers, "upload-offset")), (204, "5"));
    assert!(!header(&first.headers, "upload-expires").is_empty());
    let wrong = stage.step(&stage.service, &path, 3, "xx").await;
    assert_eq!((wrong.status.as_u16(), wrong.text.as_str()), (409, "Upload-Offset conflict\n"));
    let head = stage.head(&path).await;
    assert_eq!(head.status, 200);
    assert_eq!(header(&head.headers, "upload-offset"), "5");
    assert_eq!(header(&head.headers, "upload-length"), "10");
    assert_eq!(header(&head.headers, "cache-control"), "no-store");
    assert!(header(&head.headers, "upload-metadata").starts_with("bucketName Yg=="));

    let last = stage.step(&stage.service, &path, 5, "world").await;
    assert_eq!((last.status.as_u16(), header(&last.headers, "upload-offset")), (204, "10"));
    let got = stage.get(&stage.service, "/object/b/a/%C3%BC.txt").await;
    assert_eq!(got.text, "helloworld");
    assert_eq!(header(&got.headers, "cache-control"), "max-age=9");
    assert_eq!(header(&got.headers, "etag"), "\"fc5e038d38a57032085441e7fe7010b0\"");
    // Whoever missed the last answer learns that it is all there.
    assert_eq!(header(&stage.head(&path).await.headers, "upload-offset"), "10");
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1, "of the pieces nothing is left");
}

#[tokio::test]
async fn options_tell_what_is_offered() {
    let stage = Stage::with(&["--storage-file-size-limit", "1000"]).await;
    let url = "/storage/v1/upload/resumable";
    let told = Answer::of(stage.server.request(Method::OPTIONS, url)).await;
    assert_eq!(told.status, 204);
    assert_eq!(header(&told.headers, "tus-version"), "1.0.0");
    assert_eq!(header(&told.headers, "tus-max-size"), "1000");
    assert!(header(&told.headers, "tus-extension").contains("creation-with-upload"));
}

#[tokio::test]
async fn what_cannot_begin_is_refused_in_plain_words() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({ "file_size_limit": 10 })).await;
    stage.put(&stage.service, "b/there.txt", "x").await;
    let told = |answer: Answer| (answer.status.as_u16(), answer.text);
    let begin = async |who, length, place| told(stage.begin(who, length, place).await);
    let (ana, service) = (&stage.ana, &stage.service);
    let words = |status: u16, words: &str| (status, words.to_owned());
    assert_eq!(
        begin(service, 5, ("b", "there.txt")).await,
        words(409, "The resource already exists")
    );
    assert_eq!(begin(service, 5, ("none", "a.txt")).await, words(404, "Bucket not found"));
    assert_eq!(begin(service, 11, ("b", "a.txt")).await, words(413, "Maximum size exceeded\n"));
    assert_eq!(
        begin(ana, 5, ("b", "a.txt")).await,
        words(403, "new row violates row-level security policy")
    );
    assert_eq!(begin(service, 5, ("b", "a#.txt")).await, words(400, "Invalid key: a#.txt"));
    let request = stage.request(service, Method::POST, "/upload/resumable");
    let old = Answer::of(request.header("upload-length", 1)).await;
    assert_eq!((old.status.as_u16(), header(&old.headers, "tus-version")), (412, "1.0.0"));
    let left = stage.database.value("select count(*) from storage.resumable_uploads").await;
    assert_eq!(left, "0");
}

#[tokio::test]
async fn a_broken_connection_loses_nothing_that_came() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 300_000, ("b", "a.txt")).await;
    let bytes = vec![b'x'; 200_000];
    let stream = stage.half(&stage.service, &path, 300_000, &bytes).await;
    drop(stream);
    let offset = eventually("what came is safe", || async {
        let head = stage.head(&path).await;
        let offset: usize = header(&head.headers, "upload-offset").parse().ok()?;
        (offset > 0).then_some(offset)
    })
    .await;
    assert!(offset <= 200_000);
    let rest = "x".repeat(300_000 - offset);
    let done = stage.step(&stage.service, &path, offset, &rest).await;
    assert_eq!(done.status, 204, "{}", done.text);
    assert_eq!(stage.get(&stage.service, "/object/b/a.txt").await.text, "x".repeat(300_000));
}

#[tokio::test]
async fn a_newer_request_takes_over_and_the_older_is_told_it_is_locked() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 20, ("b", "a.txt")).await;
    let mut older = stage.half(&stage.service, &path, 20, b"hello").await;
    // Its bytes are read once it has its turn.
    eventually("the older one is at work", || async {
        let pieces = "select count(*) from storage.blobs where state = 'writing'";
        (stage.database.value(pieces).await == "2").then_some(())
    })
    .await;
    let head = stage.head(&path).await;
    let mut answer = vec![0; 12];
    older.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 423");
    let offset: usize = header(&head.headers, "upload-offset").parse().expect("a number");
    let rest = &"hello, all is well!!"[offset..];
    assert_eq!(stage.step(&stage.service, &path, offset, rest).await.status, 204);
    let got = stage.get(&stage.service, "/object/b/a.txt").await.text;
    assert_eq!(got.len(), 20);
    assert!(got.starts_with("hello"));
}

#[tokio::test]
async fn a_killed_server_goes_on_where_bytes_were_safe() {
    let database = Database::scratch().await;
    let files = tempfile::tempdir().expect("a folder");
    let folder = files.path().to_str().expect("a plain path");
    let process = Process::serve_with(&database, &["--storage-dir", folder]).await;
    let client = reqwest::Client::new();
    let keys = walkie::identity::Keys::new(crate::support::SECRET);
    let service = json!({ "role": "service_role", "exp": 4_000_000_000_i64 });
    let token = keys.sign(&service).expect("signed");
    let ask = |url: &str, method: Method, path: &str| {
        client.request(method, format!("{url}/storage/v1{path}")).bearer_auth(&token)
    };
    let made = Answer::of(ask(process.url(), Method::POST, "/bucket").json(&json!({"name": "b"})));
    assert_eq!(made.await.status, 200);
    // More than one piece, so that a first one is safe before the body ends.
    let length = 12 * 1024 * 1024;
    let request = ask(process.url(), Method::POST, "/upload/resumable");
    let begun = Answer::of(creation(request, length, ("b", "big.txt"))).await;
    let location = header(&begun.headers, "location").to_owned();
    let path = location.split("/storage/v1").nth(1).expect("a path").to_owned();
    let bytes = vec![b'x'; 10 * 1024 * 1024];
    let stream = half_patch(process.url(), &token, &path, length, &bytes).await;
    eventually("a piece is safe", || async {
        let received = "select max(received) from storage.resumable_uploads";
        (database.value(received).await != "0").then_some(())
    })
    .await;
    process.kill().await;
    drop(stream);

    let process = Process::serve_with(&database, &["--storage-dir", folder]).await;
    let head = Answer::of(tus(ask(process.url(), Method::HEAD, &path))).await;
    let offset: usize = header(&head.headers, "upload-offset").parse().expect("a number");
    assert!((8 * 1024 * 1024..length).contains(&offset), "{offset}");
    let rest = tus(ask(process.url(), Method::PATCH, &path))
        .header("content-type", STEP)
        .header("upload-offset", offset)
        .body(vec![b'x'; length - offset]);
    let done = Answer::of(rest).await;
    assert_eq!(done.status, 204, "{}", done.text);
    let got = ask(process.url(), Method::GET, "/object/b/big.txt").send().await.expect("an answer");
    let got = got.bytes().await.expect("bytes");
    assert!(got.len() == length && got.iter().all(|byte| *byte == b'x'));
    process.kill().await;
}

#[tokio::test]
async fn bytes_beyond_the_length_are_refused() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 5, ("b", "a.txt")).await;
    let long = stage.step(&stage.service, &path, 0, "hello!").await;
    assert_eq!((long.status.as_u16(), long.text.as_str()), (413, "upload's size exceeded\n"));
    assert_eq!(header(&stage.head(&path).await.headers, "upload-offset"), "0");
    assert_eq!(stage.step(&stage.service, &path, 0, "hello").await.status, 204);
}

#[tokio::test]
async fn bytes_with_another_checksum_are_not_kept() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 5, ("b", "a.txt")).await;
    let sum = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let patch = |bytes: &str, sum: &str| {
        let request = stage.patch(&stage.service, &path, 0).header("upload-checksum", sum);
        Answer::of(request.body(bytes.to_owned()))
    };
    assert_eq!(patch("hallo", sum).await.status, 460);
    assert_eq!(patch("hello", "crc32 AAAA").await.status, 400);
    assert_eq!(header(&stage.head(&path).await.headers, "upload-offset"), "0");
    assert_eq!(patch("hello", sum).await.status, 204);
    assert_eq!(stage.get(&stage.service, "/object/b/a.txt").await.text, "hello");
}

#[tokio::test]
async fn bytes_may_come_with_the_beginning_and_the_length_with_the_end() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let request = stage.request(&stage.service, Method::POST, "/upload/resumable");
    let request = creation(request, 5, ("b", "at-once.txt")).header("content-type", STEP);
    let at_once = Answer::of(request.body("hello")).await;
    assert_eq!((at_once.status.as_u16(), header(&at_once.headers, "upload-offset")), (201, "5"));
    assert_eq!(stage.get(&stage.service, "/object/b/at-once.txt").await.text, "hello");
    assert_eq!(stage.begin(&stage.service, 0, ("b", "empty.txt")).await.status, 201);
    assert_eq!(stage.get(&stage.service, "/object/b/empty.txt").await.status, 200);

    let said = metadata(&[("bucketName", "b"), ("objectName", "later.txt")]);
    let request = tus(stage.request(&stage.service, Method::POST, "/upload/resumable"));
    let request = request.header("upload-defer-length", 1).header("upload-metadata", said);
    let begun = Answer::of(request).await;
    let location = header(&begun.headers, "location");
    let path = location.split("/storage/v1").nth(1).expect("a path");
    assert_eq!(stage.step(&stage.service, path, 0, "hel").await.status, 204);
    assert_eq!(header(&stage.head(path).await.headers, "upload-defer-length"), "1");
    let last = stage.patch(&stage.service, path, 3).header("upload-length", 5).body("lo");
    assert_eq!(Answer::of(last).await.status, 204);
    assert_eq!(stage.get(&stage.service, "/object/b/later.txt").await.text, "hello");
}

#[tokio::test]
async fn others_find_no_upload_and_rights_end_at_once() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage
        .database
        .sql("create policy own on storage.objects for all to authenticated using (owner_id = auth.uid()::text)")
        .await;
    let path = stage.begun(&stage.ana, 10, ("b", "a.txt")).await;
    assert_eq!(stage.step(&stage.ana, &path, 0, "hello").await.status, 204);
    assert_eq!(stage.step(&stage.bo, &path, 5, "world").await.status, 404);
    let request = tus(stage.request(&stage.bo, Method::DELETE, &path));
    assert_eq!(Answer::of(request).await.status, 404);
    stage.database.sql("drop policy own on storage.objects").await;
    assert_eq!(stage.step(&stage.ana, &path, 5, "world").await.status, 403);
    let rows = stage.database.value("select count(*) from storage.objects").await;
    assert_eq!(rows, "0");
}

#[tokio::test]
async fn an_upload_that_ends_leaves_nothing() {
    let stage = Stage::with(&["--storage-tus-expiry", "1"]).await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 10, ("b", "a.txt")).await;
    assert_eq!(stage.step(&stage.service, &path, 0, "hello").await.status, 204);
    assert!(!stage.bytes().is_empty(), "there is something to end");
    eventually("its time is over", || async {
        (stage.head(&path).await.status != 200).then_some(())
    })
    .await;
    assert!([404, 410].contains(&stage.step(&stage.service, &path, 5, "x").await.status.as_u16()));
    stage.database.sql("select storage.doom_left_behind()").await;
    stage.database.sql("notify walkie, 'storage'").await;
    stage.swept().await;
    assert_eq!(stage.head(&path).await.status, 404);
    assert_eq!(stage.bytes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_terminated_upload_is_gone() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let path = stage.begun(&stage.service, 10, ("b", "a.txt")).await;
    assert_eq!(stage.step(&stage.service, &path, 0, "hello").await.status, 204);
    let end = async || {
        let request = tus(stage.request(&stage.service, Method::DELETE, &path));
        Answer::of(request).await.status.as_u16()
    };
    assert_eq!(end().await, 204);
    assert_eq!(end().await, 404);
    assert_eq!(stage.head(&path).await.status, 404);
    stage.swept().await;
    assert_eq!(stage.bytes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_signed_upload_url_counts_for_resumable_ones_too() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let signed = stage.post(&stage.service, "/object/upload/sign/b/a.txt", json!({})).await;
    let token = signed.body["token"].as_str().expect("a token").to_owned();
    let begin = async |name: &str, token: &str| {
        let url = "/storage/v1/upload/resumable/sign";
        let request = stage.server.request(Method::POST, url).header("x-signature", token);
        Answer::of(creation(request, 5, ("b", name))).await
    };
    assert_eq!(begin("b.txt", &token).await.status, 400, "it is for another name");
    assert_eq!(begin("a.txt", "nonsense").await.status, 400);
    let begun = begin("a.txt", &token).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let location = header(&begun.headers, "location").to_owned();
    assert!(location.contains("/upload/resumable/sign/"));
    let path = location.strip_prefix(stage.server.url()).expect("of this server");
    let patch = |token: &str| {
        let request = tus(stage.server.request(Method::PATCH, path)).header("x-signature", token);
        let request = request.header("content-type", STEP).header("upload-offset", 0);
        Answer::of(request.body("hello"))
    };
    assert_eq!(patch("").await.status, 400);
    assert_eq!(patch(&token).await.status, 204);
    assert_eq!(stage.get(&stage.service, "/object/b/a.txt").await.text, "hello");
}
