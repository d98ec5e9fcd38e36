//! Up and down again, and who may.

use reqwest::Method;
use serde_json::json;

use super::{Stage, refusal};

#[tokio::test]
async fn what_goes_up_comes_down_again() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let put = stage.put(&stage.service, "b/a/b.txt", "hello").await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.body["Key"], "b/a/b.txt");

    let got = stage.get(&stage.service, "/object/b/a/b.txt").await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (200, "hello"));
    assert_eq!(got.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(got.headers["content-type"], "text/plain");

    let again = stage.put(&stage.service, "b/a/b.txt", "other").await;
    assert_eq!(refusal(&again), ("409", "KeyAlreadyExists"));
    let over = stage.upsert(&stage.service, "b/a/b.txt", "other").await;
    assert_eq!(over.body["Id"], put.body["Id"], "the object stays the same one");
    assert_eq!(stage.get(&stage.service, "/object/b/a/b.txt").await.text, "other");
}

#[tokio::test]
async fn policies_decide_who_puts_and_gets() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let refused = stage.put(&stage.ana, "b/ana/x.txt", "x").await;
    assert_eq!(refusal(&refused), ("403", "AccessDenied"), "{}", refused.text);
    stage
        .database
        .sql(
            "create policy own on storage.objects for all to authenticated
             using (owner_id = auth.uid()::text) with check (owner_id = auth.uid()::text)",
        )
        .await;
    assert_eq!(stage.put(&stage.ana, "b/ana/x.txt", "x").await.status, 200);
    assert_eq!(stage.get(&stage.ana, "/object/authenticated/b/ana/x.txt").await.text, "x");
    let hidden = stage.get(&stage.bo, "/object/authenticated/b/ana/x.txt").await;
    assert_eq!(refusal(&hidden), ("404", "NoSuchKey"));
    let over = stage.upsert(&stage.bo, "b/ana/x.txt", "mine").await;
    assert_eq!(refusal(&over), ("403", "AccessDenied"), "{}", over.text);
    assert_eq!(stage.get(&stage.ana, "/object/b/ana/x.txt").await.text, "x");
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({ "file_size_limit": 10 })).await;
    let long = stage.put(&stage.service, "b/x.txt", "more than ten bytes").await;
    assert_eq!(refusal(&long), ("413", "EntityTooLarge"), "{}", long.text);
    let rows = stage.database.value("select count(*) from storage.objects").await;
    assert_eq!(rows, "0");
    let left =
        stage.database.value("select count(*) from storage.blobs where state <> 'doomed'").await;
    assert_eq!(left, "0");
    let missing = stage.send(&stage.service, Method::GET, "/object/b/x.txt").await;
    assert_eq!(refusal(&missing), ("404", "NoSuchKey"));
}
