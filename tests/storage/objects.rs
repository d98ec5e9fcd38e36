//! Lists, moves, copies, deletions, signed URLs, ranges.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Stage, refusal};
use crate::support::{Answer, Person};

async fn filled() -> Stage {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    for name in ["a/1.txt", "a/2.txt", "a/deep/3.txt", "b.txt", "Grüße/日本.txt"] {
        let put = stage.put(&stage.service, &format!("b/{name}"), name).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }
    stage
}

fn names(answer: &Answer) -> Vec<&str> {
    let entries = answer.body.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["name"].as_str()).collect()
}

#[tokio::test]
async fn lists_show_a_folder_at_a_time() {
    let stage = filled().await;
    let top = stage.post(&stage.service, "/object/list/b", json!({ "prefix": "" })).await;
    assert_eq!(names(&top), ["Grüße", "a", "b.txt"], "{}", top.text);
    assert!(top.body[1]["id"].is_null() && top.body[2]["id"].is_string());
    let folder = stage.post(&stage.service, "/object/list/b", json!({ "prefix": "A" })).await;
    assert_eq!(names(&folder), ["1.txt", "2.txt", "deep"], "upper and lower case are the same");
    let page = json!({ "prefix": "a", "limit": 1, "offset": 1, "search": "TXT",
                       "sortBy": { "column": "name", "order": "desc" } });
    assert_eq!(names(&stage.post(&stage.service, "/object/list/b", page).await), ["1.txt"]);
    let hidden = stage.post(&stage.ana, "/object/list/b", json!({ "prefix": "" })).await;
    assert_eq!(hidden.body, json!([]));
}

#[tokio::test]
async fn cursors_go_through_all_pages_once() {
    let stage = filled().await;
    for (by_folder, expected) in [
        (true, vec!["Grüße/", "a/", "b.txt"]),
        (false, vec!["Grüße/日本.txt", "a/1.txt", "a/2.txt", "a/deep/3.txt", "b.txt"]),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        for _ in 0..10 {
            let mut body = json!({ "with_delimiter": by_folder, "limit": 1 });
            if let Some(cursor) = &cursor {
                body["cursor"] = json!(cursor);
            }
            let page = stage.post(&stage.service, "/object/list-v2/b", body).await;
            for kind in ["folders", "objects"] {
                let entries = page.body[kind].as_array().expect("a list");
                seen.extend(
                    entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()),
                );
            }
            cursor = page.body["nextCursor"].as_str().map(str::to_owned);
            if page.body["hasNext"] == false {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
    let odd = stage.post(&stage.service, "/object/list-v2/b", json!({ "cursor": "?" })).await;
    assert_eq!(refusal(&odd), ("400", "InvalidRequest"));
}

#[tokio::test]
async fn a_move_takes_another_name_and_never_anothers() {
    let stage = filled().await;
    let body = json!({ "bucketId": "b", "sourceKey": "b.txt", "destinationKey": "c/d.txt" });
    let moved = stage.post(&stage.service, "/object/move", body.clone()).await;
    assert_eq!(moved.body["message"], "Successfully moved", "{}", moved.text);
    assert_eq!(stage.get(&stage.service, "/object/b/c/d.txt").await.text, "b.txt");
    let again = stage.post(&stage.service, "/object/move", body).await;
    assert_eq!(refusal(&again), ("404", "NoSuchKey"));
    let over = json!({ "bucketId": "b", "sourceKey": "c/d.txt", "destinationKey": "a/1.txt" });
    let over = stage.post(&stage.service, "/object/move", over).await;
    assert_eq!(refusal(&over), ("409", "ResourceAlreadyExists"));

    let folder =
        json!({ "bucketId": "b", "sourceKey": "a", "destinationKey": "z/a", "recursive": true });
    let moved = stage.post(&stage.service, "/object/move", folder).await;
    assert_eq!(moved.body["count"], 3, "{}", moved.text);
    assert_eq!(stage.get(&stage.service, "/object/b/z/a/deep/3.txt").await.text, "a/deep/3.txt");
    let inside =
        json!({ "bucketId": "b", "sourceKey": "z", "destinationKey": "z/a", "recursive": true });
    let inside = stage.post(&stage.service, "/object/move", inside).await;
    assert_eq!(refusal(&inside), ("400", "InvalidRequest"));
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let stage = filled().await;
    stage.bucket("other", json!({ "allowed_mime_types": ["text/*"] })).await;
    let body = json!({ "bucketId": "b", "sourceKey": "b.txt", "destinationBucket": "other", "destinationKey": "c.txt" });
    let copied = stage.post(&stage.service, "/object/copy", body.clone()).await;
    assert_eq!(copied.body["Key"], "other/c.txt", "{}", copied.text);
    let again = stage.post(&stage.service, "/object/copy", body).await;
    assert_eq!(refusal(&again), ("409", "KeyAlreadyExists"));
    stage.send(&stage.service, Method::DELETE, "/object/b/b.txt").await;
    assert_eq!(stage.get(&stage.service, "/object/other/c.txt").await.text, "b.txt");
}

#[tokio::test]
async fn deleted_objects_are_told_and_gone_with_their_bytes() {
    let stage = filled().await;
    let body = json!({ "prefixes": ["b.txt", "none", "a/1.txt"] });
    let request = stage.request(&stage.service, Method::DELETE, "/object/b").json(&body);
    let deleted = Answer::of(request).await;
    let mut gone = names(&deleted);
    gone.sort_unstable();
    assert_eq!(gone, ["a/1.txt", "b.txt"], "{}", deleted.text);
    let request = stage.request(&stage.ana, Method::DELETE, "/object/b");
    let hidden = Answer::of(request.json(&json!({ "prefixes": ["a/2.txt"] }))).await;
    assert_eq!(hidden.body, json!([]));
    let request = stage.request(&stage.service, Method::DELETE, "/object/b");
    let all =
        Answer::of(request.json(&json!({ "prefixes": ["a", "Grüße/"], "recursive": true }))).await;
    assert_eq!(names(&all).len(), 3, "{}", all.text);
    stage.swept().await;
    assert_eq!(stage.bytes(), Vec::<String>::new());
}

#[tokio::test]
async fn raw_sql_frees_bytes_too() {
    let stage = filled().await;
    let slip = stage.database.connect().await;
    let refused = slip.batch_execute("delete from storage.objects").await.expect_err("a slip");
    assert!(format!("{refused:?}").contains("Direct deletion"));
    stage
        .database
        .sql("begin; set local storage.allow_delete_query = true; delete from storage.objects; commit")
        .await;
    stage.swept().await;
    assert_eq!(stage.bytes(), Vec::<String>::new());
}

#[tokio::test]
async fn signed_urls_read_what_they_were_given_for() {
    let stage = filled().await;
    let stranger = Person { token: String::new() };
    let signed =
        stage.post(&stage.service, "/object/sign/b/b.txt", json!({ "expiresIn": 60 })).await;
    let url = signed.body["signedURL"].as_str().expect("a URL").to_owned();
    let got = Answer::of(stage.server.request(Method::GET, &format!("/storage/v1{url}"))).await;
    assert_eq!((got.status, got.text.as_str()), (StatusCode::OK, "b.txt"));
    assert!(got.headers.contains_key("expires") && !got.headers.contains_key("cache-control"));

    let other = url.replace("b.txt", "a/1.txt");
    assert_eq!(refusal(&stage.get(&stranger, &other).await), ("400", "InvalidSignature"));
    let (_, token) = url.split_once("token=").expect("a token");
    let upload = format!("/object/upload/sign/b/b.txt?token={token}");
    let crossed = stage.send(&stranger, Method::PUT, &upload).await;
    assert_eq!(refusal(&crossed), ("400", "InvalidSignature"));
    let as_key = Person { token: token.to_owned() };
    let hidden = stage.get(&as_key, "/object/authenticated/b/b.txt").await;
    assert_eq!(refusal(&hidden), ("404", "NoSuchKey"), "it is no token of a person");

    stage.upsert(&stage.service, "b/b.txt", "newer").await;
    let revoked = stage.get(&stranger, &url).await;
    assert_eq!(refusal(&revoked), ("400", "InvalidSignature"), "it ends with its version");
    let body = json!({ "expiresIn": 60, "paths": ["a/1.txt", "none"] });
    let many = stage.post(&stage.service, "/object/sign/b", body).await;
    assert!(
        many.body[0]["signedURL"].is_string() && many.body[1]["error"].is_string(),
        "{}",
        many.text
    );
}

#[tokio::test]
async fn signed_uploads_are_the_signers() {
    let stage = filled().await;
    stage
        .database
        .sql("create policy put on storage.objects for insert to authenticated with check (true)")
        .await;
    let signed = stage.post(&stage.ana, "/object/upload/sign/b/new.txt", json!({})).await;
    let url = format!("/storage/v1{}", signed.body["url"].as_str().expect("a URL"));
    let put = async || {
        let request = stage.server.request(Method::PUT, &url).header("content-type", "text/plain");
        Answer::of(request.body("signed")).await
    };
    assert_eq!(put().await.body, json!({ "Key": "b/new.txt" }));
    let owner =
        stage.database.value("select owner_id from storage.objects where name = 'new.txt'").await;
    assert_eq!(owner, "a0000000-0000-4000-8000-00000000000a");
    assert_eq!(refusal(&put().await), ("409", "KeyAlreadyExists"), "it writes once");
    let refused = stage.post(&stage.bo, "/object/upload/sign/b/new.txt", json!({})).await;
    assert_eq!(refusal(&refused), ("409", "KeyAlreadyExists"));
}

#[tokio::test]
async fn parts_and_conditions_are_as_http_has_them() {
    let stage = filled().await;
    let with = async |name: &str, value: &str| {
        let request = stage.request(&stage.service, Method::GET, "/object/b/b.txt");
        Answer::of(request.header(name, value)).await
    };
    let part = with("range", "bytes=1-2").await;
    assert_eq!((part.status.as_u16(), part.text.as_str()), (206, ".t"));
    assert_eq!(part.headers["content-range"], "bytes 1-2/5");
    for odd in ["bytes=50-60", "lines=1", "bytes=0-0,2-3", "bytes=3-1"] {
        let refused = with("range", odd).await;
        assert_eq!(
            (refused.status.as_u16(), refusal(&refused)),
            (416, ("416", "InvalidRange")),
            "{odd}"
        );
    }
    let whole = stage.get(&stage.service, "/object/b/b.txt").await;
    let etag = whole.headers["etag"].to_str().expect("text");
    assert_eq!(with("if-none-match", etag).await.status, 304);
    let modified = whole.headers["last-modified"].to_str().expect("text");
    assert_eq!(with("if-modified-since", modified).await.status, 304);
    let saved = stage.get(&stage.service, "/object/b/b.txt?download=x%20y.txt").await;
    assert_eq!(
        saved.headers["content-disposition"],
        "attachment; filename=x%20y.txt; filename*=UTF-8''x%20y.txt"
    );
    let head = stage.send(&stage.service, Method::HEAD, "/object/b/b.txt").await;
    assert_eq!(
        (head.status.as_u16(), &head.headers["content-length"]),
        (200, &"5".parse().expect("a value"))
    );
    let missing = stage.send(&stage.service, Method::HEAD, "/object/b/none").await;
    assert_eq!(missing.status, 400);
}

#[tokio::test]
async fn more_than_five_mebibytes_have_a_tag_that_is_no_md5() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let most = 5 * 1024 * 1024;
    // The MD5 of the one, and the beginning of the 0dfe91c1523276cb57173a627b31502c-256 of the other.
    for (length, expected) in [
        (most, "\"4f08eef4096726bff1125e1b1b734644\""),
        (most + 1, "\"0dfe91c1523276cb57173a627b31502c-2\""),
    ] {
        let put = stage.upsert(&stage.service, "b/large.txt", &"x".repeat(length)).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let got = stage.get(&stage.service, "/object/b/large.txt").await;
        assert_eq!(got.text.len(), length);
        assert_eq!(got.headers["etag"], expected);
    }
}
