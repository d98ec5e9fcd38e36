//! Slow readers: closed and told to come back, or content with the latest of each row.

use std::collections::HashMap;

use serde_json::{Value, json};
use walkie::wal::Place;

use crate::support::{Database, Person, Server, Socket};

/// Steps of each row: with rows of this size far more than a connection that nobody reads takes.
const STEPS: usize = 300;

const TABLE: &str = "
    create table public.t (id int primary key, step int not null, body text not null);
    alter publication supabase_realtime add table public.t;
    insert into t select id, 0, '' from generate_series(1, 3) id;";

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

fn all(is_compact: bool) -> Value {
    json!([{"event": "*", "schema": "public", "table": "t", "compact": is_compact}])
}

/// Writes all steps of all rows while nobody reads; what `last` does comes after them. When
/// this is done, the server has told everything.
async fn write(database: &Database, server: &Server, last: &str) {
    let mut watch = server.socket().await;
    let end = json!([{"event": "INSERT", "schema": "public", "table": "t", "filter": "id=eq.99"}]);
    watch.subscribe("watch", &service(server), end).await;
    for step in 1..=STEPS {
        let body = "repeat(md5(random()::text), 2000)";
        database.sql(&format!("update t set step = {step}, body = {body} where id <= 3")).await;
    }
    database.sql(last).await;
    database.sql("insert into t values (99, 0, '')").await;
    assert_eq!(watch.change().await["record"]["id"], 99);
}

/// Changes up to the end, or so many of them.
async fn read(socket: &mut Socket, most: usize) -> Vec<Value> {
    let mut changes = Vec::new();
    while changes.len() < most {
        let change = socket.change().await;
        if change["record"]["id"] == 99 {
            break;
        }
        changes.push(change);
    }
    changes
}

fn place(change: &Value) -> Place {
    change["lsn"].as_str().expect("a place").parse().expect("a place")
}

/// What a client has that keeps rows by their key, and lets go of those that are deleted.
fn apply(rows: &mut HashMap<i64, i64>, changes: &[Value]) {
    for change in changes {
        if let Some(old) = change["old_record"]["id"].as_i64() {
            rows.remove(&old);
        }
        if let Some(id) = change["record"]["id"].as_i64() {
            rows.insert(id, change["record"]["step"].as_i64().expect("a step"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reader_that_asked_for_it_gets_the_latest_of_each_row_and_stays() {
    let database = Database::scratch().await;
    database.sql(TABLE).await;
    let server = Server::start(&database).await;
    let mut slow = server.socket().await;
    slow.subscribe("t", &service(&server), all(true)).await;
    write(&database, &server, "delete from t where id = 3").await;

    let changes = read(&mut slow, usize::MAX).await;
    assert!(changes.len() < 3 * STEPS, "it was slow: {}", changes.len());
    assert!(changes.is_sorted_by(|a, b| place(a) < place(b)), "in the order of the log");
    let mut rows = HashMap::new();
    apply(&mut rows, &changes);
    let last = i64::try_from(STEPS).expect("a few");
    assert_eq!(rows, HashMap::from([(1, last), (2, last)]), "and the third is deleted");
    assert!(slow.is_alive().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reader_that_did_not_ask_for_it_is_told_to_come_back() {
    let database = Database::scratch().await;
    database.sql(TABLE).await;
    let server = Server::start(&database).await;
    let mut slow = server.socket().await;
    slow.subscribe("t", &service(&server), all(false)).await;
    write(&database, &server, "").await;
    // The code is sent after what the connection had taken already, or not at all.
    slow.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn place_of_any_change_resumes_without_loss_though_steps_were_left_out() {
    let database = Database::scratch().await;
    database.sql(TABLE).await;
    let server = Server::start(&database).await;
    let mut slow = server.socket().await;
    slow.subscribe("t", &service(&server), all(true)).await;
    write(&database, &server, "").await;

    let seen = read(&mut slow, 20).await;
    let after = seen.last().expect("changes")["lsn"].clone();
    let mut again = server.socket().await;
    let bindings = json!([{"event": "*", "schema": "public", "table": "t", "after": after}]);
    again.subscribe("t", &service(&server), bindings).await;
    let missed = read(&mut again, usize::MAX).await;
    assert!(missed.iter().all(|change| place(change) > place(seen.last().expect("changes"))));
    let mut rows = HashMap::new();
    apply(&mut rows, &seen);
    apply(&mut rows, &missed);
    let last = i64::try_from(STEPS).expect("a few");
    assert_eq!(rows, HashMap::from([(1, last), (2, last), (3, last)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_of_a_key_is_never_left_out() {
    let database = Database::scratch().await;
    database.sql(TABLE).await;
    let server = Server::start(&database).await;
    let mut slow = server.socket().await;
    slow.subscribe("t", &service(&server), all(true)).await;
    let moves = "update t set id = 4 where id = 3; update t set step = step + 1 where id = 4";
    write(&database, &server, moves).await;

    let changes = read(&mut slow, usize::MAX).await;
    assert!(changes.len() < 3 * STEPS, "it was slow: {}", changes.len());
    let mut rows = HashMap::new();
    apply(&mut rows, &changes);
    let last = i64::try_from(STEPS).expect("a few");
    assert_eq!(rows, HashMap::from([(1, last), (2, last), (4, last + 1)]), "3 is gone");
}
