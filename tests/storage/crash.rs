//! The server is killed again and again while files are written, moved, copied and deleted; after
//! the sweep each row has its bytes, and nothing else is on the disk.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use tokio::task::JoinSet;

use super::files_below;
use crate::support::{Database, Dice, Process, SECRET, eventually};
use walkie::identity::{Keys, unix_now};

/// How often the server is killed.
const ROUNDS: usize = 6;

/// How many work at once.
const WORKERS: u64 = 6;

/// Does random things to a few names until nobody answers.
async fn work(url: String, token: String, seed: u64) {
    let client = Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
    let mut dice = Dice::new(seed);
    let storage = format!("{url}/storage/v1");
    loop {
        let (one, other) = (dice.below(8), dice.below(8));
        let send = |method, path: String| {
            client.request(method, format!("{storage}{path}")).bearer_auth(&token)
        };
        let names = json!({ "bucketId": "b", "sourceKey": format!("{one}"), "destinationKey": format!("{other}") });
        let request = match dice.below(6) {
            0..=2 => {
                let size = *dice.pick(&[10, 100_000, 3_000_000]);
                send(Method::PUT, format!("/object/b/{one}"))
                    .header("content-type", "application/octet-stream")
                    .body(vec![u8::try_from(seed % 256).expect("a byte"); size])
            }
            3 => send(Method::POST, "/object/move".into()).json(&names),
            4 => send(Method::POST, "/object/copy".into()).header("x-upsert", "true").json(&names),
            _ => send(Method::DELETE, "/object/b".into())
                .json(&json!({ "prefixes": [format!("{one}")] })),
        };
        let Ok(answer) = request.send().await else { return };
        assert!(!answer.status().is_server_error(), "{}", answer.text().await.unwrap_or_default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_row_without_bytes_and_no_bytes_without_a_row() {
    let database = Database::scratch().await;
    database.sql("insert into storage.buckets (id, name, versioning_status) values ('b', 'b', 'DISABLED')").await;
    let files = tempfile::tempdir().expect("a folder");
    let folder = files.path().to_str().expect("a plain path").to_owned();
    let claims = json!({ "role": "service_role", "exp": unix_now() + 3600 });
    let token = Keys::new(SECRET).sign(&claims).expect("claims can be signed");
    let mut dice = Dice::new(7);
    for round in 0..ROUNDS {
        let process = Process::serve_with(&database, &["--storage-dir", &folder]).await;
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let seed = u64::try_from(round).expect("small") * WORKERS + worker + 1;
            workers.spawn(work(process.url().to_owned(), token.clone(), seed));
        }
        let before = database.value("select count(*) from storage.blobs").await;
        eventually("work is under way", || async {
            (database.value("select count(*) from storage.blobs").await != before).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(
            dice.between(100, 1000).try_into().expect("small"),
        ))
        .await;
        process.kill().await;
        while let Some(ended) = workers.join_next().await {
            ended.expect("nobody met a fault of the server");
        }
        // Half-written bytes wait for a day; here the day is over.
        database.sql("update storage.blobs set until = now() where state = 'writing'").await;
    }
    let process = Process::serve_with(&database, &["--storage-dir", &folder]).await;
    let due = "select count(*) from storage.blobs where state <> 'kept'";
    eventually("the sweep is through", || async {
        (database.value(due).await == "0").then_some(())
    })
    .await;

    let rows = database.rows("select version from storage.objects order by 1").await;
    let rows: BTreeSet<String> = rows.into_iter().flatten().flatten().collect();
    let kept = database.rows("select version::text from storage.blobs order by 1").await;
    let kept: BTreeSet<String> = kept.into_iter().flatten().flatten().collect();
    let bytes: BTreeSet<String> = files_below(files.path()).into_iter().collect();
    assert!(!rows.is_empty(), "something was written");
    assert_eq!(rows, kept);
    assert_eq!(rows, bytes);
    let sizes =
        "select o.name from storage.objects o join storage.blobs b on b.version::text = o.version
                  where (o.metadata ->> 'size')::bigint <> b.size";
    assert!(database.rows(sizes).await.is_empty());
    process.kill().await;
}
