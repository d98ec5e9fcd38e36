//! Uploads in parts over S3.

use std::fmt::Write as _;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::signer::{Call, Keys};
use super::{Stage, call, element, elements, put, refusal, stage};
use crate::support::Answer;

/// Begins an upload and gives its id.
async fn begin(stage: &Stage, keys: &Keys, target: &str) -> String {
    let begun =
        Call::new(Method::POST, &format!("{target}?uploads")).header("x-amz-meta-mood", "good");
    let begun = begun.send(&stage.server, keys).await;
    element(&begun.text, "UploadId").unwrap_or_else(|| panic!("{}", begun.text)).to_owned()
}

async fn part(stage: &Stage, keys: &Keys, target: &str, number: u32, body: &str) -> Answer {
    let call = Call::new(Method::PUT, &format!("{target}&partNumber={number}")).body(body);
    call.send(&stage.server, keys).await
}

/// Completes an upload of parts with these numbers and ETags.
async fn complete(stage: &Stage, keys: &Keys, target: &str, parts: &[(u32, String)]) -> Answer {
    let mut body = String::from("<CompleteMultipartUpload>");
    for (number, etag) in parts {
        let _ = write!(body, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    body.push_str("</CompleteMultipartUpload>");
    Call::new(Method::POST, target).body(body).send(&stage.server, keys).await
}

fn etag(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.headers["etag"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn parts_become_one_object_in_their_order() {
    let stage = stage().await;
    let keys = Keys::of(&stage.ana);
    let id = begin(&stage, &keys, "b/x.txt").await;
    let target = format!("b/x.txt?uploadId={id}");
    let third = etag(&part(&stage, &keys, &target, 3, "!").await);
    part(&stage, &keys, &target, 1, "another first").await;
    let first = etag(&part(&stage, &keys, &target, 1, "hello ").await);
    let second = etag(&part(&stage, &keys, &target, 2, "world").await);
    assert_eq!(refusal(&call(&stage, Method::GET, "b/x.txt").await), (404, "NoSuchKey"));

    let listed = Call::new(Method::GET, &format!("{target}&max-parts=2"));
    let listed = listed.send(&stage.server, &keys).await;
    assert_eq!(elements(&listed.text, "PartNumber"), ["1", "2"]);
    assert_eq!(element(&listed.text, "NextPartNumberMarker"), Some("2"));
    let rest = Call::new(Method::GET, &format!("{target}&part-number-marker=2"));
    assert_eq!(elements(&rest.send(&stage.server, &keys).await.text, "PartNumber"), ["3"]);
    let uploads = Call::new(Method::GET, "b?uploads").send(&stage.server, &keys).await;
    assert_eq!(elements(&uploads.text, "UploadId"), [id.as_str()]);

    let parts = [(1, first), (2, second), (3, third)];
    let reversed = [parts[1].clone(), parts[0].clone()];
    let refused = complete(&stage, &keys, &target, &reversed).await;
    assert_eq!(refusal(&refused), (400, "InvalidPartOrder"));
    let unknown = [parts[0].clone(), (7, parts[1].1.clone())];
    assert_eq!(refusal(&complete(&stage, &keys, &target, &unknown).await), (400, "InvalidPart"));
    let other = [(1, parts[1].1.clone())];
    assert_eq!(refusal(&complete(&stage, &keys, &target, &other).await), (400, "InvalidPart"));
    assert_eq!(refusal(&complete(&stage, &keys, &target, &[]).await), (400, "MalformedXML"));

    let done = complete(&stage, &keys, &target, &parts).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let got = Call::new(Method::GET, "b/x.txt").send(&stage.server, &keys).await;
    assert_eq!(got.text, "hello world!");
    assert_eq!(got.headers["x-amz-meta-mood"], "good");
    let tag = got.headers["etag"].to_str().expect("text");
    assert!(tag.ends_with("-3\""), "{tag}");
    assert_eq!(element(&done.text, "ETag"), Some(tag));
    assert_eq!(refusal(&complete(&stage, &keys, &target, &parts).await), (404, "NoSuchUpload"));
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1, "the parts are gone");
}

#[tokio::test]
async fn uploads_belong_to_whoever_began_them() {
    let stage = stage().await;
    let (ana, bo) = (Keys::of(&stage.ana), Keys::of(&stage.bo));
    let id = begin(&stage, &ana, "b/x.txt").await;
    let target = format!("b/x.txt?uploadId={id}");
    let mine = etag(&part(&stage, &ana, &target, 1, "mine").await);
    assert_eq!(refusal(&part(&stage, &bo, &target, 1, "his").await), (404, "NoSuchUpload"));
    let elsewhere = format!("b/y.txt?uploadId={id}");
    assert_eq!(refusal(&part(&stage, &ana, &elsewhere, 1, "x").await), (404, "NoSuchUpload"));
    let parts = [(1, mine)];
    assert_eq!(refusal(&complete(&stage, &bo, &target, &parts).await), (404, "NoSuchUpload"));
    let abort = Call::new(Method::DELETE, &target);
    assert_eq!(refusal(&abort.send(&stage.server, &bo).await), (404, "NoSuchUpload"));
    let listed = Call::new(Method::GET, "b?uploads").send(&stage.server, &bo).await;
    assert!(elements(&listed.text, "UploadId").is_empty());
    // Rights that end end for what was begun too.
    stage.database.sql("drop policy own on storage.objects").await;
    assert_eq!(refusal(&complete(&stage, &ana, &target, &parts).await), (403, "AccessDenied"));
    let strangers = Call::new(Method::POST, "b/z.txt?uploads").send(&stage.server, &ana).await;
    assert_eq!(refusal(&strangers), (403, "AccessDenied"));
}

#[tokio::test]
async fn what_is_aborted_or_forgotten_leaves_nothing() {
    let stage = stage().await;
    let keys = Keys::servers();
    let id = begin(&stage, &keys, "b/x.txt").await;
    let target = format!("b/x.txt?uploadId={id}");
    etag(&part(&stage, &keys, &target, 1, "one").await);
    assert_eq!(stage.bytes().len(), 1, "there is something to leave");
    assert_eq!(call(&stage, Method::DELETE, &target).await.status, 204);
    assert_eq!(refusal(&call(&stage, Method::DELETE, &target).await), (404, "NoSuchUpload"));
    assert_eq!(refusal(&part(&stage, &keys, &target, 2, "two").await), (404, "NoSuchUpload"));
    stage.swept().await;
    assert!(stage.bytes().is_empty());

    let id = begin(&stage, &keys, "b/y.txt").await;
    etag(&part(&stage, &keys, &format!("b/y.txt?uploadId={id}"), 1, "one").await);
    stage.database.sql("update storage.s3_multipart_uploads set until = now()").await;
    let late = part(&stage, &keys, &format!("b/y.txt?uploadId={id}"), 2, "two").await;
    assert_eq!(refusal(&late), (404, "NoSuchUpload"));
    stage.database.sql("select storage.expire_uploads()").await;
    stage.swept().await;
    assert!(stage.bytes().is_empty());
}

#[tokio::test]
async fn of_several_who_complete_at_once_one_object_comes() {
    let stage = stage().await;
    let keys = Keys::servers();
    let id = begin(&stage, &keys, "b/x.txt").await;
    let target = format!("b/x.txt?uploadId={id}");
    let mut parts = Vec::new();
    for number in 1..=5 {
        let body = number.to_string().repeat(50_000);
        parts.push((number, etag(&part(&stage, &keys, &target, number, &body).await)));
    }
    let answers = join_all((0..6).map(|_| complete(&stage, &keys, &target, &parts))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(
            [(404, "NoSuchUpload"), (409, "OperationAborted")].contains(&refusal(answer)),
            "{}",
            answer.text
        );
    }
    assert_eq!(call(&stage, Method::GET, "b/x.txt").await.text.len(), 250_000);
    assert_eq!(stage.database.value("select count(*) from storage.objects").await, "1");
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1, "one of them wrote what stays");
}

#[tokio::test]
async fn all_parts_together_are_within_the_limit() {
    let stage = stage().await;
    stage.bucket("small", json!({ "file_size_limit": 10 })).await;
    let keys = Keys::servers();
    let id = begin(&stage, &keys, "small/x").await;
    let target = format!("small/x?uploadId={id}");
    let first = etag(&part(&stage, &keys, &target, 1, "123456").await);
    let over = part(&stage, &keys, &target, 2, "12345").await;
    assert_eq!(refusal(&over), (413, "EntityTooLarge"), "{}", over.text);
    assert_eq!(
        refusal(&part(&stage, &keys, &target, 2, "12345678901").await),
        (413, "EntityTooLarge")
    );
    let second = etag(&part(&stage, &keys, &target, 2, "1234").await);
    let done = complete(&stage, &keys, &target, &[(1, first), (2, second)]).await;
    assert_eq!(done.status, 200, "{}", done.text);
    for number in ["0", "10001", "x", ""] {
        let odd = Call::new(Method::PUT, &format!("{target}&partNumber={number}")).body("x");
        let refused = odd.send(&stage.server, &keys).await;
        assert_eq!(refusal(&refused), (400, "InvalidArgument"), "{number}");
    }
}

#[tokio::test]
async fn parts_are_copied_from_what_is_there() {
    let stage = stage().await;
    put(&stage, "b/source", "0123456789").await;
    let keys = Keys::servers();
    let id = begin(&stage, &keys, "b/x").await;
    let target = format!("b/x?uploadId={id}");
    let copy = |number: u32, range: &str| {
        Call::new(Method::PUT, &format!("{target}&partNumber={number}"))
            .header("x-amz-copy-source", "b/source")
            .header("x-amz-copy-source-range", range)
    };
    let mut parts = Vec::new();
    for (number, range) in [(1, "bytes=5-9"), (2, "bytes=0-4")] {
        let copied = copy(number, range).send(&stage.server, &keys).await;
        let tag = element(&copied.text, "ETag").unwrap_or_else(|| panic!("{}", copied.text));
        parts.push((number, tag.to_owned()));
    }
    let beyond = copy(3, "bytes=5-10").send(&stage.server, &keys).await;
    assert_eq!(refusal(&beyond), (400, "InvalidArgument"));
    assert_eq!(complete(&stage, &keys, &target, &parts).await.status, 200);
    assert_eq!(call(&stage, Method::GET, "b/x").await.text, "5678901234");
}

#[tokio::test]
async fn ten_thousand_parts_are_joined() {
    let stage = stage().await;
    let keys = Keys::servers();
    let id = begin(&stage, &keys, "b/x").await;
    let target = format!("b/x?uploadId={id}");
    // As if each had come by itself.
    let version = |number: u32| format!("{number:08x}-0000-4000-8000-000000000000");
    for number in 1..=10_000 {
        stage.rest(&version(number), &format!("{number},"));
    }
    let noted = format!(
        "with part as (select n, (lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid as version
                         from generate_series(1, 10000) n),
              note as (insert into storage.blobs (version, state, until)
                       select version, 'writing', now() + interval '1 hour' from part)
         insert into storage.s3_multipart_uploads_parts (upload_id, part_number, version, size, etag)
         select '{id}', n, version, length(n || ','), md5(n || ',') from part"
    );
    stage.database.sql(&noted).await;
    let mut listed = Vec::new();
    let mut marker = "0".to_owned();
    while listed.len() < 10_000 {
        let page = format!("{target}&part-number-marker={marker}");
        let page = call(&stage, Method::GET, &page).await;
        let (numbers, tags) = (elements(&page.text, "PartNumber"), elements(&page.text, "ETag"));
        let numbers = numbers.iter().map(|number| number.parse().expect("a number"));
        listed.extend(numbers.zip(tags.into_iter().map(str::to_owned)));
        marker =
            listed.last().map(|(number, _): &(u32, String)| number.to_string()).expect("a part");
    }
    let done = complete(&stage, &keys, &target, &listed).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(element(&done.text, "ETag").is_some_and(|tag| tag.ends_with("-10000\"")));
    let expected: String =
        (1..=10_000).fold(String::new(), |all, number| all + &number.to_string() + ",");
    assert_eq!(call(&stage, Method::GET, "b/x").await.text, expected);
}
