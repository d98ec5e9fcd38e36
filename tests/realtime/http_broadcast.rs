//! Broadcasts of those who have no socket.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::broadcast::{insider, said};
use crate::support::{Answer, Database, Server, Socket};

const EVENTS: &str = "/realtime/v1/api/broadcast";

async fn batch(server: &Server, token: &str, body: &Value) -> Answer {
    Answer::of(server.request(Method::POST, EVENTS).bearer_auth(token).json(body)).await
}

async fn heard(socket: &mut Socket) -> (String, String) {
    let (_, event, _, payload) = said(&socket.frame().await);
    (event, String::from_utf8(payload).expect("UTF-8"))
}

#[tokio::test]
async fn batch_reaches_its_channels_and_the_answer_says_how_many_may_follow() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let mut socket = server.socket().await;
    for name in ["a", "b:c"] {
        socket.join_with(name, &key, json!({})).await;
    }
    let messages = json!({"messages": [
        {"topic": "a", "event": "one", "payload": {"n": 1}},
        {"topic": "b:c", "event": "two", "payload": {"n": 2}, "private": false},
    ]});
    let answer = batch(&server, &key, &messages).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::ACCEPTED, ""));
    for (name, value) in [("x-rate-limit", "1000"), ("x-rate-limit-remaining", "999")] {
        assert_eq!(answer.headers[name], value);
    }
    assert!(answer.headers.contains_key("x-rate-rolling"));
    assert_eq!(heard(&mut socket).await, ("one".into(), r#"{"n":1}"#.into()));
    assert_eq!(heard(&mut socket).await, ("two".into(), r#"{"n":2}"#.into()));
    for (body, fault) in [(json!([]), "can't be blank"), (json!({"messages": {}}), "is invalid")] {
        let answer = batch(&server, &key, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.body, json!({"errors": {"messages": [fault]}}), "{body}");
    }
    // The key alone speaks too.
    let alone = server.request(Method::POST, EVENTS).header("apikey", &key).json(&messages);
    assert_eq!(Answer::of(alone).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn one_message_may_be_any_json_or_bytes_and_names_may_be_encoded() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let mut socket = server.socket().await;
    socket.join_with("a/b ü", &key, json!({})).await;
    let path = format!("{EVENTS}/a%2Fb%20%C3%BC/events/%E2%9C%93%2F%3F");
    let send = |kind: Option<&'static str>, body: &'static [u8]| {
        let request = server.request(Method::POST, &path).bearer_auth(&key).body(body);
        Answer::of(match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        })
    };
    for (kind, body) in [
        (Some("application/json; charset=utf-8"), &b"[1.00]"[..]),
        (None, b"\"text\""),
        (Some("application/octet-stream"), b"plain"),
    ] {
        assert_eq!(send(kind, body).await.status, StatusCode::ACCEPTED);
        let (event, payload) = heard(&mut socket).await;
        assert_eq!((&*event, payload.as_bytes()), ("✓/?", body));
    }
    let refused = send(Some("text/plain"), b"x").await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        refused.body["error"],
        "Unsupported Media Type. Use application/json or application/octet-stream"
    );
    assert_eq!(send(None, b"{").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn private_messages_are_sent_by_the_write_policy() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let mut ana = insider(&server, &room, "ana").await;
    let (bo, cy) = (server.person("bo").token, server.person("cy").token);

    let one = |token: &str, event: &str, private: bool| {
        let path = format!("{EVENTS}/{room}/events/{event}?private={private}");
        Answer::of(server.request(Method::POST, &path).bearer_auth(token).json(&json!({})))
    };
    let refused = one(&cy, "lie", true).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.body, json!({"message": "Unauthorized"}));
    assert_eq!(one(&cy, "lie", false).await.status, StatusCode::ACCEPTED, "another room");
    assert_eq!(one(&bo, "truth", true).await.status, StatusCode::ACCEPTED);
    assert_eq!(heard(&mut ana).await.0, "truth");

    // Of a batch, what may not be sent is dropped.
    let message = |topic: &str, event: &str| json!({"topic": topic, "event": event, "payload": {}, "private": true});
    let messages = json!({"messages": [message(&room, "lie")]});
    assert_eq!(batch(&server, &cy, &messages).await.status, StatusCode::ACCEPTED);
    let messages = json!({"messages": [message("elsewhere", "x"), message(&room, "again")]});
    assert_eq!(batch(&server, &bo, &messages).await.status, StatusCode::ACCEPTED);
    assert_eq!(heard(&mut ana).await.0, "again");
}

#[tokio::test]
async fn policies_that_fail_say_how() {
    let database = Database::scratch().await;
    database
        .sql(
            "create function public.fail(topic text) returns boolean language plpgsql as $$
             begin
               if topic = 'slow' then perform pg_sleep(60); end if;
               raise 'no';
             end $$;
             create policy p on realtime.messages for insert to authenticated with check (public.fail(topic))",
        )
        .await;
    let server = Server::start_with(&database, &["--statement-timeout-ms", "200"]).await;
    let bo = server.person("bo").token;
    let one = |topic: &str| {
        let path = format!("{EVENTS}/{topic}/events/e?private=true");
        Answer::of(server.request(Method::POST, &path).bearer_auth(&bo).json(&json!({})))
    };
    for (topic, message) in [("any", "RLS policy error"), ("slow", "Query canceled")] {
        let answer = one(topic).await;
        assert_eq!(
            (answer.status, &answer.body["message"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(message))
        );
    }
    database
        .sql("do $$ begin execute format('drop table realtime.%I', 'messages_' || to_char(timezone('utc', now()), 'YYYY_MM_DD')); end $$")
        .await;
    assert_eq!(one("any").await.body["message"], "Missing messages partition");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_sent() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-http-messages-per-second", "1"]).await;
    let key = server.anon_key();
    let mut socket = server.socket().await;
    socket.join_with("t", &key, json!({})).await;
    let well = json!({"topic": "t", "event": "e", "payload": {}});
    let wrong = json!({"messages": [{"topic": "t"}, well]});
    let answer = batch(&server, &key, &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.body,
        json!({"errors": {"messages": [{"event": ["can't be blank"], "payload": ["can't be blank"]}, {}]}})
    );
    let unsigned = server.request(Method::POST, EVENTS).json(&wrong);
    let expired = server.person_until("bo", -1).token;
    for answer in [Answer::of(unsigned).await, batch(&server, &expired, &wrong).await] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.body, json!({"message": "Unauthorized"}));
    }
    let long = format!("{EVENTS}/{}/events/{}", "t".repeat(247), "e".repeat(256));
    let answer = Answer::of(server.request(Method::POST, &long).bearer_auth(&key).json(&1)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["errors"]["topic"], json!(["should be at most 246 byte(s)"]));
    let request = |bytes: usize| {
        let path = format!("{EVENTS}/t/events/e");
        let request = server.request(Method::POST, &path).bearer_auth(&key);
        Answer::of(
            request.header("content-type", "application/octet-stream").body(vec![b'x'; bytes]),
        )
    };
    assert_eq!(
        request(3_000_501).await.body,
        json!({"errors": {"payload": ["Payload size exceeds tenant limit"]}})
    );
    assert_eq!(request(8_000_001).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    // Ten seconds' worth may come at once.
    let many = |count: usize| json!({"messages": vec![json!({"topic": "t", "event": "many", "payload": {}}); count]});
    let answer = batch(&server, &key, &many(11)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        answer.body["message"],
        "Too many messages to broadcast, please reduce the batch size"
    );
    assert_eq!(batch(&server, &key, &many(10)).await.status, StatusCode::ACCEPTED);
    assert_eq!(heard(&mut socket).await.0, "many", "nothing came before");
    let answer = request(1).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.body["message"], "You have exceeded your rate limit");
    assert_eq!(answer.headers["x-rate-limit-remaining"], "0");
}

#[tokio::test]
async fn health_is_told_to_the_service_and_pages_may_call() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let _socket = server.socket().await;
    let get = |path: &str| server.request(Method::GET, &format!("/realtime/v1/api/{path}"));
    assert_eq!(Answer::of(get("ping")).await.body, json!({"message": "Success"}));
    let health = Answer::of(get("tenants/any/health").bearer_auth(server.service_key())).await;
    let data = &health.body["data"];
    for (field, value) in [
        ("healthy", json!(true)),
        ("db_connected", json!(true)),
        ("replication_connected", json!(true)),
        ("connected_cluster", json!(1)),
    ] {
        assert_eq!(data[field], value, "{field}");
    }
    assert_eq!(Answer::of(get("tenants/any/health")).await.status, StatusCode::UNAUTHORIZED);
    let other = Answer::of(get("tenants/any/health").bearer_auth(server.anon_key())).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);

    let preflight = server
        .request(Method::OPTIONS, EVENTS)
        .header("origin", "https://page.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, apikey, content-type");
    let answer = Answer::of(preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(Answer::of(get("nowhere")).await.status, StatusCode::NOT_FOUND);
}
