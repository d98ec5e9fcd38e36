//! Where rows that were read and events that follow meet: nothing between, and nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::support::{Answer, Database, Person, Server, Socket};

async fn table(database: &Database) {
    database
        .sql(
            "create table public.t (id int primary key, n int not null default 0);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

fn after(place: &str) -> Value {
    json!([{"event": "*", "schema": "public", "table": "t", "after": place}])
}

fn place(answer: &Answer) -> &str {
    answer.headers.get("walkie-place").expect("a place").to_str().expect("text")
}

#[tokio::test]
async fn commit_that_others_do_not_see_yet_follows_the_rows() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let service = service(&server);
    let mut witness = server.socket().await;
    witness.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    assert_eq!(witness.change().await["record"]["id"], 1);

    let held = database.hold_commits().await;
    let writer = database.connect().await;
    writer.batch_execute("set synchronous_commit = on").await.expect("sets");
    let writing =
        tokio::spawn(async move { writer.batch_execute("insert into t values (2)").await });
    held.waits().await;
    assert_eq!(witness.change().await["record"]["id"], 2, "the log tells it already");
    let read = server.rest(&service, Method::GET, "t?select=id").await;
    assert_eq!(read.body, json!([{"id": 1}]), "and nobody sees it");
    let position = database.value("select pg_current_wal_insert_lsn()").await;
    let mut early = server.socket().await;
    early.subscribe("t", &service, after(place(&read))).await;
    assert_eq!(early.change().await["record"]["id"], 2);
    held.release().await;
    writing.await.expect("joins").expect("the row is committed");

    let (mut late, mut naive) = (server.socket().await, server.socket().await);
    late.subscribe("t", &service, after(place(&read))).await;
    naive.subscribe("t", &service, after(&position)).await;
    database.sql("insert into t values (3)").await;
    assert_eq!(late.change().await["record"]["id"], 2);
    assert_eq!(late.change().await["record"]["id"], 3);
    assert_eq!(naive.change().await["record"]["id"], 3, "a position of the log has a seam");
}

/// Changes a row at random.
const SCRIBBLE: &str = "
    create function public.scribble() returns void language plpgsql as $$
    declare
      which int := 1 + floor(random() * 60);
    begin
      case floor(random() * 3)::int
        when 0 then insert into public.t values (which) on conflict do nothing;
        when 1 then update public.t set n = n + 1 where id = which;
        else delete from public.t where id = which;
      end case;
    end
    $$;";

const WRITERS: usize = 6;
const READERS: usize = 8;
const ROUNDS: i32 = 40;

/// What somebody has who has read a table and applies what follows, if each change must fit.
struct Follower {
    rows: BTreeMap<i64, i64>,
    socket: Socket,
}

impl Follower {
    /// Reads, and subscribes from there.
    async fn take(server: &Server) -> Self {
        let service = service(server);
        let read = server.rest(&service, Method::GET, "t?select=id,n").await;
        let rows = read.body.as_array().expect("rows");
        let rows = rows.iter().map(|row| (number(&row["id"]), number(&row["n"]))).collect();
        let mut socket = server.socket().await;
        socket.subscribe("t", &service, after(place(&read))).await;
        Self { rows, socket }
    }

    /// Applies events until one is about row `last`.
    async fn follow(mut self, last: i64) -> BTreeMap<i64, i64> {
        loop {
            let change = self.socket.change().await;
            let record = |name: &str| number(&change["record"][name]);
            let fits = match change["type"].as_str() {
                Some("INSERT") if record("id") == last => return self.rows,
                Some("INSERT") => self.rows.insert(record("id"), record("n")).is_none(),
                Some("UPDATE") => {
                    self.rows.insert(record("id"), record("n")) == Some(record("n") - 1)
                }
                _ => self.rows.remove(&number(&change["old_record"]["id"])).is_some(),
            };
            assert!(fits, "twice, or something is missing before it: {change}");
        }
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_read_amid_heavy_writing_and_what_follows_are_everything_once() {
    let database = Database::scratch().await;
    table(&database).await;
    database.sql(SCRIBBLE).await;
    let server = Arc::new(Server::start(&database).await);
    // Writers hold it shared for each write.
    let (quiet, is_over) = (Arc::new(RwLock::new(())), Arc::new(AtomicBool::new(false)));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (client, quiet) = (database.connect().await, Arc::clone(&quiet));
        let is_over = Arc::clone(&is_over);
        writers.push(tokio::spawn(async move {
            let mut written = 0;
            while !is_over.load(Ordering::Relaxed) {
                let _writing = quiet.read().await;
                client.batch_execute("select public.scribble()").await.expect("writes");
                written += 1;
            }
            written
        }));
    }
    for round in 1..=ROUNDS {
        let followers = (0..READERS).map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { Follower::take(&server).await })
        });
        let mut taken = Vec::new();
        for follower in followers.collect::<Vec<_>>() {
            taken.push(follower.await.expect("reads and subscribes"));
        }
        let silence = quiet.write().await;
        let rows = database.rows("select id, n from t where id > 0").await;
        let text = |cell: &Option<String>| cell.as_deref().and_then(|text| text.parse().ok());
        let rows: BTreeMap<i64, i64> = rows
            .iter()
            .map(|row| (text(&row[0]).expect("an id"), text(&row[1]).expect("a number")))
            .collect();
        database.sql(&format!("insert into t values (-{round})")).await;
        for follower in taken {
            let followed = follower.follow(i64::from(-round)).await;
            let followed: BTreeMap<_, _> = followed.into_iter().filter(|(id, _)| *id > 0).collect();
            assert_eq!(followed, rows, "round {round}");
        }
        drop(silence);
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.expect("writes") > ROUNDS, "there was writing all the time");
    }
}

#[tokio::test]
async fn functions_and_transactions_tell_their_place_too() {
    let database = Database::scratch().await;
    table(&database).await;
    database
        .sql(
            "create function public.everything() returns json language sql stable as $$
               select json_build_object('place', realtime.place(), 'rows', json_agg(t)) from t
             $$;
             insert into t values (1);",
        )
        .await;
    let server = Server::start(&database).await;
    let service = service(&server);
    let mut witness = server.socket().await;
    witness.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    let (running, ana) = (database.connect().await, server.person("ana"));
    running.batch_execute("begin; insert into t values (2)").await.expect("begins");
    database.sql("grant select on t to authenticated; insert into t values (3)").await;
    assert_eq!(witness.change().await["record"]["id"], 3);
    let all = server.rest(&ana, Method::GET, "rpc/everything").await;
    assert_eq!(all.body["rows"], json!([{"id": 1, "n": 0}, {"id": 3, "n": 0}]));
    running.batch_execute("commit").await.expect("commits");
    for place in [all.body["place"].as_str().expect("a place"), place(&all)] {
        let mut socket = server.socket().await;
        socket.subscribe("t", &ana, after(place)).await;
        assert_eq!(socket.change().await["record"]["id"], 2, "the only one it did not show");
    }

    // What a transaction writes itself is told, whether before or after it asked.
    let inside =
        "begin; insert into t values (4); create temp table here as select realtime.place();
                  insert into t values (5); commit; insert into t values (6)";
    database.sql(inside).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &service, after(&database.value("select * from here").await)).await;
    for id in 4..=6 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
}

#[tokio::test]
async fn place_from_too_long_ago_is_answered_by_a_gap() {
    let database = Database::scratch().await;
    table(&database).await;
    let before = database.value("select realtime.place()").await;
    let server = Server::start_with(&database, &["--realtime-window-bytes", "2"]).await;
    let service = service(&server);
    let mut socket = server.socket().await;
    socket.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    let early = server.rest(&service, Method::GET, "t").await;
    for id in 1..=9 {
        database.sql(&format!("insert into t values ({id})")).await;
        assert_eq!(socket.change().await["record"]["id"], id);
    }
    for place in [before.as_str(), place(&early)] {
        let mut late = server.socket().await;
        late.subscribe("t", &service, after(place)).await;
        let system = late.event("system").await;
        let message = system["message"].as_str().expect("a text");
        assert!(message.starts_with("gap: "), "{system}");
    }
}
