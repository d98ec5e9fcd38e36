//! What SQL says to the channels without a row: NOTIFY, and messages in the log.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::broadcast::{insider, said};
use super::database_broadcast::heard;
use crate::support::{Database, Person, Server, Socket, eventually, rows};

/// A public channel of these servers' own.
async fn listener(server: &Server) -> Socket {
    let mut socket = server.socket().await;
    assert_eq!(socket.join_with("t", &server.anon_key(), json!({})).await.0, "ok");
    socket
}

fn message(is_transactional: bool, n: i32) -> String {
    format!(
        r#"select pg_logical_emit_message({is_transactional}, 'walkie',
             '{{"topic": "t", "event": "e", "payload": {{"n": {n}}}, "private": false}}');"#
    )
}

// RT-01
#[tokio::test]
async fn private_channels_hear_what_sql_says_and_outsiders_do_not() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let mut bo = insider(&server, &room, "bo").await;
    let (mut cy, outsider) = (server.socket().await, server.person("cy").token);
    assert_eq!(cy.join_with(&room, &outsider, json!({"private": true})).await.0, "error");
    assert_eq!(cy.join_with(&room, &outsider, json!({})).await.0, "ok");
    let json = |more: &str| format!(r#"{{"topic": "{room}", "event": "typing"{more}}}"#);
    database
        .sql(&format!(
            "notify walkie, '{}'; notify walkie, '{}';",
            json(r#", "payload": {"n": 1.50}"#),
            json(r#", "private": false"#),
        ))
        .await;
    let (topic, event, _, payload) = said(&bo.frame().await);
    assert_eq!((topic, &*event), (format!("realtime:{room}"), "typing"));
    assert_eq!(payload, br#"{"n": 1.50}"#);
    assert_eq!(heard(&mut cy).await, json!({}));
    for is_transactional in [true, false] {
        let emit = |json: String| {
            format!("select pg_logical_emit_message({is_transactional}, 'walkie', '{json}');")
        };
        let both = [emit(json(r#", "payload": "members""#)), emit(json(r#", "private": false"#))];
        database.sql(&both.concat()).await;
        assert_eq!(heard(&mut bo).await, "members");
        assert_eq!(heard(&mut cy).await, json!({}));
    }
    assert!(bo.is_alive().await && cy.is_alive().await, "and no more");
}

/// What the next frame says: the row of a change, or the `n` of a broadcast.
async fn next(socket: &mut Socket) -> (&'static str, i64) {
    match socket.frame().await {
        Message::Text(text) => {
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            ("row", frame[4]["data"]["record"]["id"].as_i64().expect("a change"))
        }
        frame => {
            let payload: Value = serde_json::from_slice(&said(&frame).3).expect("JSON");
            ("said", payload["n"].as_i64().expect("a number"))
        }
    }
}

#[tokio::test]
async fn messages_come_after_the_changes_of_their_transaction_and_before_later_ones() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let service = Person { token: server.service_key() };
    let mut socket = server.socket().await;
    socket.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    let send = r#"select realtime.send('{"n": 2}', 'e', 't', false);"#;
    let steps = [
        ["begin; insert into t values (1);", &message(true, 1), "insert into t values (2); commit"],
        ["begin; insert into t values (3);", send, "commit"],
        ["begin; insert into t values (4);", &message(true, 0), "rollback"],
        ["begin;", &message(true, 3), "commit; insert into t values (5)"],
    ];
    // At once, so that they are told in one go.
    let first = database.connect().await;
    first.batch_execute(&steps.concat().join(" ; ")).await.expect("runs");
    let expected =
        [("row", 1), ("row", 2), ("said", 1), ("row", 3), ("said", 2), ("said", 3), ("row", 5)];
    for expected in expected {
        assert_eq!(next(&mut socket).await, expected);
    }
}

#[tokio::test]
async fn messages_outside_of_transactions_are_heard_though_those_are_rolled_back() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = listener(&server).await;
    database.sql(&format!("begin; {} {} rollback", message(true, 1), message(false, 2))).await;
    assert_eq!(heard(&mut socket).await["n"], 2);
    database.sql(&message(true, 3)).await;
    assert_eq!(heard(&mut socket).await["n"], 3);
}

#[tokio::test]
async fn what_is_no_broadcast_is_counted_and_disturbs_nothing() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-max-broadcast-bytes", "100"]).await;
    let mut socket = listener(&server).await;
    let large = format!(r#"{{"topic": "t", "event": "e", "payload": "{}"}}"#, "x".repeat(100));
    for text in ["no JSON", r#"{"topic": "t"}"#, &large] {
        database.sql(&format!("select pg_notify('walkie', '{text}')")).await;
        for is_transactional in [true, false] {
            let emit = format!("pg_logical_emit_message({is_transactional}, 'walkie', '{text}')");
            database.sql(&format!("select {emit}")).await;
        }
    }
    database.sql(r"select pg_logical_emit_message(true, 'walkie', '\xff00'::bytea)").await;
    database.sql("select pg_logical_emit_message(false, 'others', 'walkie')").await;
    let counted = |outcome: &str| {
        format!("walkie_realtime_database_broadcasts_total{{outcome=\"{outcome}\"}}")
    };
    server.settles(&counted("malformed"), 7).await;
    server.settles(&counted("too_large"), 3).await;
    assert_eq!(server.metric(&counted("ok")).await, 0);
    database
        .sql(r#"notify walkie, '{"topic": "t", "event": "e", "payload": 1, "private": false}'"#)
        .await;
    assert_eq!(heard(&mut socket).await, 1, "and nothing came before");
    database.sql(&message(true, 2)).await;
    assert_eq!(heard(&mut socket).await["n"], 2);
    assert_eq!(server.metric(&counted("ok")).await, 2);
}

#[tokio::test]
async fn listener_that_was_cut_off_listens_again() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = listener(&server).await;
    let listening = "select pid from pg_stat_activity
                      where datname = current_database() and state = 'idle'
                        and application_name = 'walkie notifications' and query like 'listen%'";
    let pid = database.value(listening).await;
    database.sql(&format!("select pg_terminate_backend({pid})")).await;
    eventually("it listens again", || async {
        let now = database.rows(listening).await.into_iter().flatten().flatten().next();
        now.filter(|now| *now != pid)
    })
    .await;
    database.sql(r#"notify walkie, '{"topic": "t", "event": "e", "private": false}'"#).await;
    assert_eq!(heard(&mut socket).await, json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_stream_that_was_cut_are_neither_lost_nor_doubled() {
    const MESSAGES: i64 = 20_000;
    let database = Database::scratch().await;
    let flags = ["--realtime-queue-frames", "100000", "--realtime-queue-bytes", "100000000"];
    let server = Server::start_with(&database, &flags).await;
    let mut socket = listener(&server).await;
    for is_transactional in [true, false] {
        let emit = format!(
            r#"select count(pg_logical_emit_message({is_transactional}, 'walkie', format(
                 '{{"topic": "t", "event": "e", "payload": {{"n": %s}}, "private": false}}', n)))
                 from generate_series(1, {MESSAGES}) n"#
        );
        database.sql(&emit).await;
        for n in 1..=MESSAGES {
            assert_eq!(next(&mut socket).await, ("said", n));
            if n == 100 {
                let cut = format!(
                    "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
                    database.name()
                );
                assert_eq!(database.value(&cut).await, "t", "the stream was still open");
            }
        }
        database.sql(&message(true, 0)).await;
        assert_eq!(next(&mut socket).await, ("said", 0), "and nothing came in between");
    }
}

#[tokio::test]
async fn notify_says_what_is_too_large_and_is_for_the_service() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = listener(&server).await;
    let client = database.connect().await;
    client.batch_execute("set role service_role").await.expect("puts it on");
    let notify = |size: usize| {
        format!("select realtime.notify(to_jsonb(repeat('x', {size})), 'e', 't', false)")
    };
    let envelope = r#"{"topic" : "t", "event" : "e", "payload" : "", "private" : false}"#.len();
    rows(&client, &notify(7999 - envelope)).await.expect("it fits");
    assert_eq!(heard(&mut socket).await.as_str().map(str::len), Some(7999 - envelope));
    let large = rows(&client, &notify(8000 - envelope)).await.expect_err("it does not fit");
    let large = large.as_db_error().expect("an error of the database");
    assert_eq!(large.code().code(), "54000");
    assert_eq!(large.message(), "a notification takes at most 7999 bytes, and this one has 8000");
    client.batch_execute("set role authenticated").await.expect("puts it on");
    let refused = rows(&client, &notify(1)).await.expect_err("nobody would judge it");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
}
