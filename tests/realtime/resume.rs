//! Coming back: what was missed arrives, once and in order.

use serde_json::{Value, json};

use walkie::identity::{Keys, unix_now};

use crate::support::{Database, Person, Process, SECRET, Server, Socket};

async fn table(database: &Database) {
    database
        .sql(
            "create table public.t (id int primary key);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

fn after(place: &str) -> Value {
    json!([{"event": "*", "schema": "public", "table": "t", "after": place}])
}

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

#[tokio::test]
async fn missed_changes_come_before_new_ones() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut first = server.socket().await;
    let from = first.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    let seen = first.change().await;
    database.sql("insert into t select generate_series(2, 700)").await;

    let mut second = server.socket().await;
    second.subscribe("t", &service(&server), after(seen["lsn"].as_str().expect("a place"))).await;
    database.sql("insert into t values (701)").await;
    for id in 2..=701 {
        assert_eq!(second.change().await["record"]["id"], id);
    }
    // The place of the first subscription misses nothing either.
    let mut third = server.socket().await;
    third.subscribe("t", &service(&server), after(&from)).await;
    for id in 1..=701 {
        assert_eq!(third.change().await["record"]["id"], id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_rows_arrive_though_a_few_of_them_are_all_that_may_wait() {
    let database = Database::scratch().await;
    table(&database).await;
    database.sql("alter table t add body text").await;
    let server = Server::start(&database).await;
    let mut first = server.socket().await;
    let from = first.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    // As much as waits for a socket at most, many times over.
    database
        .sql("insert into t select id, repeat(md5(id::text), 4000) from generate_series(1, 200) id")
        .await;
    let mut second = server.socket().await;
    second.subscribe("t", &service(&server), after(&from)).await;
    for id in 1..=200 {
        assert_eq!(second.change().await["record"]["id"], id);
    }
}

#[tokio::test]
async fn join_is_answered_with_the_place_from_which_nothing_is_missing() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let binding = json!([{"event": "*", "table": "t"}]);
    let (_, response) = socket.join("t", &service(&server), binding).await;
    let place = response["lsn"].as_str().expect("a place").to_owned();
    assert_eq!(socket.event("system").await["lsn"], json!(place));
    database.sql("insert into t values (1)").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
    let mut late = server.socket().await;
    late.subscribe("t", &service(&server), after(&place)).await;
    assert_eq!(late.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn client_that_names_its_first_place_again_on_a_socket_hears_nothing_twice() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut first = server.socket().await;
    let from = first.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1), (2)").await;

    let mut socket = server.socket().await;
    let short = server.bearer(&json!({"role": "service_role", "exp": unix_now() + 2}));
    socket.subscribe("t", &short, after(&from)).await;
    for id in 1..=2 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
    socket.event("phx_error").await;
    // Nobody was told of this one.
    database.sql("insert into t values (3)").await;
    assert_eq!(socket.join("t", &short, after(&from)).await.0, "error", "still expired");
    socket.subscribe("t", &service(&server), after(&from)).await;
    assert_eq!(socket.change().await["record"]["id"], 3);
    // Joined once more, as after an answer that was late.
    socket.subscribe("t", &service(&server), after(&from)).await;
    database.sql("insert into t values (4)").await;
    assert_eq!(socket.change().await["record"]["id"], 4);
    // Who leaves and comes anew means what it says.
    socket.ask("realtime:t", "phx_leave", json!({})).await;
    socket.subscribe("t", &service(&server), after(&from)).await;
    for id in 1..=4 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
}

#[tokio::test]
async fn place_of_another_log_is_a_gap_and_no_silence() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &service(&server), after("FFFF/0:7")).await;
    let system = socket.event("system").await;
    assert!(system["message"].as_str().is_some_and(|text| text.starts_with("gap: ")), "{system}");
    database.sql("insert into t values (1)").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn changes_committed_while_the_server_is_down_are_not_lost() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let place =
        socket.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    let seen = socket.change().await["lsn"].as_str().expect("a place").to_owned();
    server.stop().await;
    database.sql("insert into t values (2)").await;

    let server = Server::start(&database).await;
    database.sql("insert into t values (3)").await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &service(&server), after(&seen)).await;
    assert_eq!(socket.change().await["record"]["id"], 2);
    assert_eq!(socket.change().await["record"]["id"], 3);
    // Also what was delivered before the end is still in the window.
    let mut socket = server.socket().await;
    socket.subscribe("t", &service(&server), after(&place)).await;
    for id in 1..=3 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_cut_within_a_transaction_doubles_nothing() {
    const ROWS: usize = 20_000;
    let database = Database::scratch().await;
    table(&database).await;
    let flags = ["--realtime-queue-frames", "100000", "--realtime-queue-bytes", "100000000"];
    let server = Server::start_with(&database, &flags).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    database.sql(&format!("insert into t select generate_series(1, {ROWS})")).await;
    for id in 1..=ROWS {
        assert_eq!(socket.change().await["record"]["id"], id);
        if id == 100 {
            let cut = format!(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
                database.name()
            );
            assert_eq!(database.value(&cut).await, "t", "the stream was still open");
        }
    }
    database.sql("insert into t values (0)").await;
    assert_eq!(socket.change().await["record"]["id"], 0, "and nothing came in between");
}

#[tokio::test]
async fn killed_server_has_lost_nothing_when_it_is_back() {
    let database = Database::scratch().await;
    table(&database).await;
    let token = Keys::new(SECRET)
        .sign(&json!({"role": "service_role", "exp": 4_000_000_000_i64}))
        .expect("signs");
    let service = Person { token };
    let process = Process::serve(&database).await;
    let mut socket = Socket::open(process.url(), &service.token, "2.0.0").await;
    let place = socket.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    process.kill().await;
    database.sql("insert into t values (2)").await;

    let process = Process::serve(&database).await;
    let mut socket = Socket::open(process.url(), &service.token, "2.0.0").await;
    socket.subscribe("t", &service, after(&place)).await;
    for id in 1..=2 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
    database.sql("insert into t values (3)").await;
    assert_eq!(socket.change().await["record"]["id"], 3, "once, and live again");
    process.kill().await;
}

#[tokio::test]
async fn who_comes_too_late_is_told_of_the_gap() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start_with(&database, &["--realtime-window-bytes", "2"]).await;
    let mut socket = server.socket().await;
    let place =
        socket.subscribe("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t select generate_series(1, 9)").await;
    for id in 1..=9 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
    let mut late = server.socket().await;
    late.subscribe("t", &service(&server), after(&place)).await;
    let system = late.event("system").await;
    assert_eq!((&system["status"], &system["from"]), (&json!("error"), &json!(place)));
    assert!(system["message"].as_str().is_some_and(|text| text.starts_with("gap: ")), "{system}");
    database.sql("insert into t values (10)").await;
    let mut ids = Vec::new();
    while ids.last() != Some(&json!(10)) {
        ids.push(late.change().await["record"]["id"].clone());
    }
    assert!(ids.len() < 9, "only what the window still has: {ids:?}");
}

#[tokio::test]
async fn stopping_server_tells_its_sockets_to_come_back() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    assert!(socket.is_alive().await);
    let (code, ()) = tokio::join!(socket.close_code(), server.stop());
    assert_eq!(code, 1012);
}
