//! Rows that an update takes out of a filter, or out of somebody's sight.

use serde_json::{Value, json};

use crate::support::{Database, Server, Socket};

const ANA: &str = "a0000000-0000-4000-8000-00000000000a";
const BO: &str = "b0000000-0000-4000-8000-00000000000b";

/// A table of which everybody sees their own, and bo's socket, which follows it.
async fn scene(identity: &str, wish: &Value) -> (Database, Server, Socket) {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.t (id int primary key, owner uuid, kind text);
             alter table public.t replica identity {identity}, enable row level security;
             create policy own on public.t for select to authenticated
               using (owner = (select auth.uid()));
             grant select on public.t to authenticated;
             alter publication supabase_realtime add table public.t;
             insert into public.t values (1, '{BO}', 'a'), (2, '{ANA}', 'a');"
        ))
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let mut binding = json!({"event": "UPDATE", "table": "t", "filter": "kind=eq.a"});
    binding.as_object_mut().expect("it is one").extend(wish.as_object().expect("it is").clone());
    socket.subscribe("t", &server.person("bo"), json!([binding])).await;
    (database, server, socket)
}

/// What tells that nothing more came: an update that everybody of the scene hears of.
async fn mark(database: &Database) {
    database
        .sql(&format!(
            "insert into t values (9, '{BO}', 'a'); update t set kind = 'a' where id = 9"
        ))
        .await;
}

#[tokio::test]
async fn row_that_leaves_the_filter_or_the_sight_is_told_as_gone() {
    let (database, _server, mut bo) = scene("full", &json!({"moved_out": true})).await;
    database.sql("update t set kind = 'b'").await;
    let gone = bo.change().await;
    assert_eq!((&gone["type"], &gone["moved_out"]), (&json!("DELETE"), &json!(true)));
    assert_eq!(gone["old_record"], json!({"id": 1}), "the key alone, and nothing of ana's row");
    assert!(gone.get("record").is_none());
    // Back again, it is an update like others.
    database.sql("update t set kind = 'a'").await;
    assert_eq!(bo.change().await["record"]["id"], 1);
    database.sql(&format!("update t set owner = '{ANA}'")).await;
    let gone = bo.change().await;
    assert_eq!((&gone["type"], &gone["old_record"]), (&json!("DELETE"), &json!({"id": 1})));
    mark(&database).await;
    assert_eq!(bo.change().await["record"]["id"], 9);
}

#[tokio::test]
async fn whoever_did_not_ask_hears_nothing_of_it() {
    let (database, _server, mut bo) = scene("full", &json!({})).await;
    database.sql("update t set kind = 'b'").await;
    database.sql(&format!("update t set kind = 'a', owner = '{ANA}'")).await;
    mark(&database).await;
    assert_eq!(bo.change().await["record"]["id"], 9);
}

#[tokio::test]
async fn without_the_row_before_nobody_knows_that_it_left() {
    let (database, _server, mut bo) = scene("default", &json!({"moved_out": true})).await;
    database.sql("update t set kind = 'b'").await;
    mark(&database).await;
    assert_eq!(bo.change().await["record"]["id"], 9);
}
