//! What was said before one came.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::broadcast::{ALL_EARS, said};
use crate::support::{Database, Server, Socket};

fn private(replay: &Value) -> Value {
    json!({"private": true, "broadcast": {"replay": replay}})
}

async fn send(database: &Database, count: i32) {
    for n in 1..=count {
        database.sql(&format!("select realtime.send('{{\"n\": {n}}}', 'e', 't')")).await;
    }
}

#[tokio::test]
async fn newest_messages_are_told_oldest_first_then_what_is_new() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    send(&database, 4).await;
    database
        .sql(
            r"select realtime.send_binary('\x07', 'bytes', 't');
              select realtime.send('{}', 'other', 'elsewhere');
              select realtime.send('{}', 'public', 't', false);
              insert into realtime.messages (topic, extension, private, event, payload) values ('t', 'presence', true, 'e', '{}')",
        )
        .await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let config = private(&json!({"since": 0, "limit": 3}));
    assert_eq!(bo.join_with("t", &server.person("bo").token, config).await.0, "ok");
    for n in 3..=4 {
        let frame = bo.next().await;
        assert_eq!(
            (&frame[0], &frame[1], &frame[3]),
            (&json!("j"), &Value::Null, &json!("broadcast"))
        );
        let payload = &frame[4];
        assert_eq!((&payload["event"], &payload["payload"]["n"]), (&json!("e"), &json!(n)));
        assert_eq!(payload["meta"], json!({"replayed": true, "id": payload["payload"]["id"]}));
    }
    let (_, event, metadata, payload) = said(&bo.frame().await);
    assert_eq!((&*event, &metadata["replayed"], &payload[..]), ("bytes", &json!(true), &[7][..]));

    database.sql("select realtime.send('{}', 'live', 't')").await;
    let (_, event, metadata, _) = said(&bo.frame().await);
    assert_eq!((&*event, metadata.get("replayed")), ("live", None));
}

#[tokio::test]
async fn replay_comes_between_the_answer_and_the_subscription() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    database.sql("create table public.t (id int primary key); alter publication supabase_realtime add table public.t; grant select on public.t to authenticated").await;
    send(&database, 1).await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let mut config = private(&json!({"since": 0}));
    config["postgres_changes"] = json!([{"event": "*", "schema": "public", "table": "t"}]);
    let payload = json!({"config": config, "access_token": server.person("bo").token});
    bo.push("realtime:t", "phx_join", payload).await;
    let events = [bo.next().await, bo.next().await, bo.next().await].map(|frame| frame[3].clone());
    assert_eq!(events, [json!("phx_reply"), json!("broadcast"), json!("system")]);
}

#[tokio::test]
async fn only_what_is_recent_enough_is_told_and_bytes_not_to_version_1() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    send(&database, 2).await;
    database.sql(r"select realtime.send_binary('\x07', 'bytes', 't')").await;
    let since = database
        .value("select ceil(extract(epoch from min(inserted_at) at time zone 'utc') * 1000)::bigint from realtime.messages where event = 'e' and payload @> '{\"n\": 2}'")
        .await;
    let since: i64 = since.parse().expect("a number");
    let server = Server::start(&database).await;
    let mut v1 = Socket::open(server.url(), &server.anon_key(), "1.0.0").await;
    let payload = json!({"config": private(&json!({"since": since - 1})), "access_token": server.person("bo").token});
    v1.join_v1("t", payload).await;
    database.sql("select realtime.send('{}', 'live', 't')").await;
    let mut events = Vec::new();
    while events.last() != Some(&json!("live")) {
        let frame = v1.next().await;
        events.push(if frame["payload"]["event"] == "e" {
            frame["payload"]["payload"]["n"].clone()
        } else {
            frame["payload"]["event"].clone()
        });
    }
    // The two may have been written within the same millisecond.
    assert!(
        events == [json!(2), json!("live")] || events == [json!(1), json!(2), json!("live")],
        "{events:?}"
    );
}

#[tokio::test]
async fn replay_is_refused_with_reasons() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    let server = Server::start(&database).await;
    let token = server.person("bo").token;
    let mut bo = server.socket().await;
    let public = json!({"broadcast": {"replay": {"since": 0}}});
    for (config, reason) in [
        (public, "UnableToReplayMessages: Replay is not allowed for public channels"),
        (private(&json!({"since": "x"})), "UnableToReplayMessages: Replay params are not valid"),
    ] {
        let (status, response) = bo.join_with("t", &token, config).await;
        assert_eq!((&*status, &response["reason"]), ("error", &json!(reason)));
    }
    // Whoever may not listen is told no more than that.
    let (_, response) = bo.join_with("t", &server.anon_key(), private(&json!({"since": 0}))).await;
    assert!(response["reason"].as_str().is_some_and(|reason| reason.starts_with("Unauthorized")));
    assert_eq!(bo.join_with("t", &token, private(&json!(null))).await.0, "ok");
}

#[tokio::test]
async fn each_message_is_told_once_however_the_join_falls() {
    const MESSAGES: i64 = 200;
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    let server = Server::start(&database).await;
    let token = server.person("bo").token;
    let writer = database.connect().await;
    let writing = tokio::spawn(async move {
        for n in 1..=MESSAGES {
            writer
                .batch_execute(&format!("select realtime.send('{{\"n\": {n}}}', 'e', 't')"))
                .await
                .expect("sends");
        }
    });
    // Joins fall anywhere between the commits.
    for round in 0.. {
        let mut bo = server.socket().await;
        let status = bo.join_with("t", &token, private(&json!({"since": 0}))).await.0;
        assert_eq!(status, "ok");
        let is_last = writing.is_finished();
        database.sql(&format!("select realtime.send('{{\"n\": {round}}}', 'mark', 't')")).await;
        let mut numbers = Vec::new();
        loop {
            match number(&bo.frame().await) {
                (event, n) if event == "mark" && n == round => break,
                (event, _) if event == "mark" => {}
                (_, n) => numbers.push(n),
            }
        }
        let follows = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(follows, "nothing twice, nothing missing, in order: {numbers:?}");
        if is_last {
            assert_eq!(numbers.last(), Some(&MESSAGES));
            break;
        }
    }
}

/// The event and the number of a broadcast, told live or replayed.
fn number(frame: &Message) -> (String, i64) {
    let (event, payload) = match frame {
        Message::Text(text) => {
            let frame: Value = serde_json::from_str(text).expect("JSON");
            (frame[4]["event"].as_str().expect("an event").to_owned(), frame[4]["payload"].clone())
        }
        frame => {
            let (_, event, _, payload) = said(frame);
            (event, serde_json::from_slice(&payload).expect("JSON"))
        }
    };
    (event, payload["n"].as_i64().expect("a number"))
}
