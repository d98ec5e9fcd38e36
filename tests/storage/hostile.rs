//! Odd names, lying lengths, slow and endless bodies, everybody at once.

use std::time::Duration;

use futures_util::{StreamExt, future, stream};
use reqwest::{Body, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Stage, refusal};
use crate::support::{Answer, eventually};

async fn open() -> Stage {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage
}

#[tokio::test]
async fn odd_names_are_refused_and_reach_no_file() {
    let stage = open().await;
    let endless = "n".repeat(10_000);
    for name in
        ["..%2f..%2fetc%2fpasswd", "a%2f..%2fb", "a%00b", "a%23b", "a%5Cb", endless.as_str()]
    {
        let put = stage.put(&stage.service, &format!("b/{name}"), "x").await;
        assert_eq!(refusal(&put), ("400", "InvalidKey"), "{name}: {}", put.text);
        let got = stage.get(&stage.service, &format!("/object/b/{name}")).await;
        assert_eq!(refusal(&got), ("404", "NoSuchKey"), "{name}: {}", got.text);
    }
    assert_eq!(stage.bytes(), Vec::<String>::new());
    let many = json!({ "prefixes": [endless, "../x"] });
    let request = stage.request(&stage.service, Method::DELETE, "/object/b").json(&many);
    assert_eq!(Answer::of(request).await.body, json!([]));
    let spoofed = stage.put(&stage.service, "b/a%E2%80%AEgnp.exe", "x").await;
    assert_eq!(refusal(&spoofed), ("400", "InvalidKey"));
}

#[tokio::test]
async fn one_spelling_of_a_name_is_another() {
    let stage = open().await;
    assert_eq!(stage.put(&stage.service, "b/Gru%CC%88n.txt", "x").await.status, 200);
    assert_eq!(stage.get(&stage.service, "/object/b/Gr%C3%BCn.txt").await.text, "x");
    let again = stage.put(&stage.service, "b/Gr%C3%BCn.txt", "y").await;
    assert_eq!(refusal(&again), ("409", "KeyAlreadyExists"));
}

/// Sends the head of an upload and some of its body over a bare connection.
async fn begin(stage: &Stage, name: &str, length: usize, body: &[u8]) -> TcpStream {
    let address = stage.server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!(
        "POST /storage/v1/object/b/{name} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: text/plain\r\ncontent-length: {length}\r\n\r\n",
        stage.service.token
    );
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream.write_all(body).await.expect("it is taken");
    stream
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let stage = open().await;
    let stream = begin(&stage, "cut.txt", 3_000_000, &vec![b'x'; 2_000_000]).await;
    let writing = "select count(*) from storage.blobs where state = 'writing'";
    eventually("the upload began", || async {
        (stage.database.value(writing).await == "1").then_some(())
    })
    .await;
    drop(stream);
    stage.swept().await;
    assert_eq!(stage.bytes(), Vec::<String>::new());
    assert_eq!(stage.database.value("select count(*) from storage.objects").await, "0");
}

#[tokio::test]
async fn bytes_beyond_the_length_are_no_part_of_the_object() {
    let stage = open().await;
    let mut stream = begin(&stage, "short.txt", 5, b"helloGARBAGE\r\n\r\n").await;
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).await.expect("an answer");
    assert!(String::from_utf8_lossy(&answer[..count]).starts_with("HTTP/1.1 200"));
    assert_eq!(stage.get(&stage.service, "/object/b/short.txt").await.text, "hello");
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_at_the_limit() {
    let stage = open().await;
    stage.bucket("small", json!({ "file_size_limit": "1mb" })).await;
    let piece = vec![0_u8; 64 * 1024];
    let endless = stream::iter(0..100).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let request = stage.request(&stage.service, Method::POST, "/object/small/x.bin");
    let request = request.header("content-type", "application/octet-stream");
    let refused = Answer::of(request.body(Body::wrap_stream(endless))).await;
    assert_eq!(refusal(&refused), ("413", "EntityTooLarge"));
    stage.swept().await;
    assert_eq!(stage.bytes(), Vec::<String>::new());
}

#[tokio::test]
async fn of_many_at_once_one_is_there_whole() {
    let stage = open().await;
    let texts: Vec<String> = (0..12).map(|number| format!("{number}").repeat(50_000)).collect();
    let puts = texts.iter().map(|text| stage.upsert(&stage.service, "b/one.txt", text));
    for put in future::join_all(puts).await {
        assert_eq!(put.status, 200, "{}", put.text);
    }
    let left = stage.get(&stage.service, "/object/b/one.txt").await.text;
    assert!(texts.contains(&left), "one of them, and no mixture");
    let creates = texts.iter().map(|text| stage.put(&stage.service, "b/new.txt", text));
    let made = future::join_all(creates).await;
    assert_eq!(made.iter().filter(|put| put.status == 200).count(), 1);
    assert!(
        made.iter().all(|put| put.status == 200 || refusal(put) == ("409", "KeyAlreadyExists"))
    );
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 2);
}

#[tokio::test]
async fn files_are_what_they_say_where_a_bucket_asks() {
    let stage = open().await;
    stage.bucket("images", json!({ "allowed_mime_types": ["image/png", "image/jpeg"] })).await;
    let put = async |name: &str, kind: &str, bytes: &'static [u8]| {
        let request =
            stage.request(&stage.service, Method::POST, &format!("/object/images/{name}"));
        Answer::of(request.header("content-type", kind).body(bytes)).await
    };
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let exe: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0";
    assert_eq!(put("a.png", "image/png", png).await.status, 200);
    assert_eq!(refusal(&put("b.png", "image/png", exe).await), ("415", "InvalidMimeType"));
    assert_eq!(
        refusal(&put("c.exe", "application/x-msdownload", png).await),
        ("415", "InvalidMimeType")
    );
    assert_eq!(
        refusal(&put("d.png", "image/png", b"<svg onload=x>").await),
        ("415", "InvalidMimeType")
    );
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1);
}

#[tokio::test]
async fn pages_do_not_run_in_the_origin_of_the_api() {
    let stage = open().await;
    for (kind, shown) in [
        ("text/html", "text/plain"),
        ("application/xhtml+xml", "text/plain"),
        ("image/svg+xml", "image/svg+xml"),
    ] {
        let name = kind.replace(['/', '+'], "_");
        let request = stage.request(&stage.service, Method::POST, &format!("/object/b/{name}"));
        assert_eq!(Answer::of(request.header("content-type", kind).body("<x/>")).await.status, 200);
        let got = stage.get(&stage.service, &format!("/object/b/{name}")).await;
        assert_eq!(got.headers["content-type"], shown);
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
        assert_eq!(got.headers.contains_key("content-security-policy"), kind == "image/svg+xml");
    }
}

#[tokio::test]
async fn rows_without_bytes_are_not_found() {
    let stage = open().await;
    stage
        .database
        .sql(
            "insert into storage.objects (bucket_id, name, version) values ('b', 'seeded', '1');
              insert into storage.objects (bucket_id, name, version, metadata)
              values ('b', 'lost', gen_random_uuid()::text, '{\"size\": 3}')",
        )
        .await;
    for name in ["seeded", "lost"] {
        for method in [Method::GET, Method::HEAD] {
            let got =
                stage.send(&stage.service, method.clone(), &format!("/object/b/{name}")).await;
            assert_eq!(got.status, 400, "{method} {name}");
        }
        let got = stage.get(&stage.service, &format!("/object/b/{name}")).await;
        assert_eq!(refusal(&got), ("404", "NoSuchKey"), "{name}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_policy_that_is_missing() {
    let stage = open().await;
    stage
        .database
        .sql("create policy put on storage.objects for insert to authenticated with check (name like 'in/%')")
        .await;
    let refused = stage.upsert(&stage.ana, "b/in/x.txt", "x").await;
    let hint = refused.body["hint"].as_str().unwrap_or_default();
    assert_eq!(
        hint,
        "An upsert needs INSERT, SELECT, UPDATE on storage.objects; no policy permits SELECT, UPDATE to authenticated",
        "{}",
        refused.text
    );
    let refused = stage.put(&stage.ana, "b/out.txt", "x").await;
    let hint = refused.body["hint"].as_str().unwrap_or_default();
    assert!(hint.ends_with("but not for this row"), "{hint}");
}

#[tokio::test]
async fn a_form_may_not_hide_its_file_behind_endless_fields() {
    let stage = open().await;
    let form = |head: &str, filler: usize| {
        format!("--x\r\n{head}\r\n\r\n{}\r\n--x--\r\n", "m".repeat(filler))
    };
    for (head, filler) in [
        ("content-disposition: form-data; name=\"metadata\"", 2_000_000),
        ("content-disposition: form-data; name=\"cacheControl\"", 10),
    ] {
        let request = stage.request(&stage.service, Method::POST, "/object/b/x.txt");
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        let answered = tokio::time::timeout(
            Duration::from_secs(20),
            Answer::of(request.body(form(head, filler))),
        );
        let refused = answered.await.expect("an answer in time");
        assert_eq!(refusal(&refused), ("400", "InvalidRequest"), "{}", refused.text);
    }
}
