//! Versions that a bucket keeps, and objects whose time is over.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, refusal};
use crate::support::{Answer, eventually};

async fn versioned() -> Stage {
    let stage = Stage::new().await;
    stage.bucket("v", json!({ "versioning_status": "ENABLED" })).await;
    stage
}

async fn versions(stage: &Stage) -> Vec<Value> {
    let body = json!({ "prefix": "", "noncurrentVersions": "include", "deleteMarkers": "include",
                       "sortBy": { "column": "created_at", "order": "asc" } });
    let listed = stage.post(&stage.service, "/object/list/v", body).await;
    listed.body.as_array().cloned().unwrap_or_else(|| panic!("{}", listed.text))
}

async fn delete(stage: &Stage, entry: Value) -> Answer {
    let request = stage.request(&stage.service, Method::DELETE, "/object/v");
    Answer::of(request.json(&json!({ "prefixes": [entry] }))).await
}

#[tokio::test]
async fn what_is_overwritten_can_be_read_and_restored() {
    let stage = versioned().await;
    let first = stage.put(&stage.service, "v/x.txt", "one").await;
    let second = stage.upsert(&stage.service, "v/x.txt", "two").await;
    assert_eq!(first.body["Id"], second.body["Id"], "the object stays the same one");
    let all = versions(&stage).await;
    assert_eq!(all.len(), 2, "{all:?}");
    let old = all.iter().find(|entry| entry["archived_at"].is_string()).expect("the first");
    let id = old["version"].as_str().expect("a version");
    assert_eq!(
        stage.get(&stage.service, &format!("/object/v/x.txt?versionId={id}")).await.text,
        "one"
    );
    assert_eq!(stage.get(&stage.service, "/object/v/x.txt").await.text, "two");
    let plain = stage.post(&stage.service, "/object/list/v", json!({ "prefix": "" })).await;
    assert_eq!(plain.body.as_array().map(Vec::len), Some(1));

    let restore = json!({ "bucketId": "v", "sourceKey": "x.txt", "destinationKey": "x.txt", "sourceVersionId": id });
    let restored = stage.post(&stage.service, "/object/move", restore).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    assert_eq!(stage.get(&stage.service, "/object/v/x.txt").await.text, "one");
    assert_eq!(versions(&stage).await.len(), 3);
}

#[tokio::test]
async fn a_deleted_object_comes_back_without_its_marker() {
    let stage = versioned().await;
    stage.put(&stage.service, "v/x.txt", "one").await;
    let gone = delete(&stage, json!("x.txt")).await;
    assert_eq!(gone.body.as_array().map(Vec::len), Some(1), "{}", gone.text);
    assert_eq!(refusal(&stage.get(&stage.service, "/object/v/x.txt").await), ("404", "NoSuchKey"));
    let all = versions(&stage).await;
    let marker = all.iter().find(|entry| entry["is_delete_marker"] == true).expect("a marker");
    let entry = json!({ "path": "x.txt", "versionId": marker["version"] });
    let undone = delete(&stage, entry).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(stage.get(&stage.service, "/object/v/x.txt").await.text, "one");

    delete(&stage, json!("x.txt")).await;
    let again = stage.put(&stage.service, "v/x.txt", "three").await;
    assert_eq!(again.status, 200, "a deleted name is free: {}", again.text);
    assert_eq!(stage.get(&stage.service, "/object/v/x.txt").await.text, "three");
}

#[tokio::test]
async fn a_version_that_is_deleted_takes_its_bytes_along() {
    let stage = versioned().await;
    stage.put(&stage.service, "v/x.txt", "one").await;
    stage.upsert(&stage.service, "v/x.txt", "two").await;
    let current = versions(&stage).await;
    let current = current.iter().find(|entry| entry["archived_at"].is_null()).expect("the second");
    delete(&stage, json!({ "path": "x.txt", "versionId": current["version"] })).await;
    assert_eq!(stage.get(&stage.service, "/object/v/x.txt").await.text, "one");
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1);
}

#[tokio::test]
async fn rules_let_go_of_old_versions() {
    let stage = versioned().await;
    let none = stage.get(&stage.service, "/bucket/v/lifecycle").await;
    assert_eq!(refusal(&none), ("404", "NoSuchLifecycleConfiguration"));
    let rules = json!({ "rules": [{ "id": "r", "status": "Enabled", "filter": {},
        "noncurrentVersionExpiration": { "noncurrentDays": 1, "newerNoncurrentVersions": 1 } }] });
    let request = stage.request(&stage.service, Method::PUT, "/bucket/v/lifecycle").json(&rules);
    assert_eq!(Answer::of(request).await.body, rules);
    for text in ["one", "two", "three"] {
        stage.upsert(&stage.service, "v/x.txt", text).await;
    }
    stage
        .database
        .sql("update storage.objects set archived_at = archived_at - interval '2 days' where archived_at is not null;
              notify walkie, 'storage'")
        .await;
    eventually("only the newer version is left", || async {
        (versions(&stage).await.len() == 2).then_some(())
    })
    .await;
    let filter = json!({ "rules": [{ "status": "Enabled", "filter": { "prefix": "a" },
        "noncurrentVersionExpiration": { "noncurrentDays": 1 } }] });
    let request = stage.request(&stage.service, Method::PUT, "/bucket/v/lifecycle").json(&filter);
    assert_eq!(refusal(&Answer::of(request).await), ("400", "InvalidRequest"));
}

#[tokio::test]
async fn an_object_whose_time_is_over_is_not_there() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let request = stage.request(&stage.service, Method::POST, "/object/b/soon.txt");
    let request = request.header("content-type", "text/plain").header("x-expires-in", "3600");
    assert_eq!(Answer::of(request.body("soon")).await.status, 200);
    assert_eq!(stage.get(&stage.service, "/object/b/soon.txt").await.text, "soon");
    stage.database.sql("update storage.objects set expires_at = now()").await;
    assert_eq!(
        refusal(&stage.get(&stage.service, "/object/b/soon.txt").await),
        ("404", "NoSuchKey")
    );
    assert_eq!(
        stage.put(&stage.service, "b/soon.txt", "again").await.status,
        200,
        "its name is free"
    );
    stage
        .database
        .sql("update storage.objects set expires_at = now(); notify walkie, 'storage'")
        .await;
    eventually("it is swept away", || async { stage.bytes().is_empty().then_some(()) }).await;
}
