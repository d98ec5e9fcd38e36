//! What clients say to each other.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Database, Server, Socket};

/// Everybody who is signed in may listen to everything.
pub(super) const ALL_EARS: &str =
    "create policy listen on realtime.messages for select to authenticated using (true)";

/// A version 2 broadcast with reference `reference`.
fn binary(reference: &str, topic: &str, event: &str, data: &[u8]) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).expect("short");
    let mut frame = vec![3, 1, length(reference), length(topic), length(event), 0, 1];
    frame.extend(["j", reference, topic, event].concat().bytes());
    frame.extend(data);
    frame
}

/// What a version 2 broadcast says: topic, event, metadata, payload.
pub(super) fn said(frame: &Message) -> (String, String, Value, Vec<u8>) {
    let Message::Binary(bytes) = frame else { panic!("no binary frame: {frame:?}") };
    assert_eq!(bytes[0], 4, "the kind");
    let mut at = 5;
    let mut texts = Vec::new();
    for length in &bytes[1..4] {
        let end = at + usize::from(*length);
        texts.push(String::from_utf8(bytes[at..end].to_vec()).expect("UTF-8"));
        at = end;
    }
    let metadata = serde_json::from_str(&texts[2]).unwrap_or(Value::Null);
    (texts[0].clone(), texts[1].clone(), metadata, bytes[at..].to_vec())
}

/// A socket of serializer 1.0.0 and one of 2.0.0, both in the public channel `name`.
pub(super) async fn one_of_each(server: &Server, name: &str) -> (Socket, Socket) {
    let key = server.anon_key();
    let mut v1 = Socket::open(server.url(), &key, "1.0.0").await;
    v1.join_v1(name, json!({})).await;
    let mut v2 = server.socket().await;
    assert_eq!(v2.join_with(name, &key, json!({})).await.0, "ok");
    (v1, v2)
}

/// The socket of a person of the cast who is in the private channel `name`.
pub(super) async fn insider(server: &Server, name: &str, who: &str) -> Socket {
    let mut socket = server.socket().await;
    let private = json!({"private": true});
    assert_eq!(socket.join_with(name, &server.person(who).token, private).await.0, "ok");
    socket
}

#[tokio::test]
async fn broadcast_reaches_the_others_and_oneself_if_asked() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let (mut v1, mut v2) = one_of_each(&server, "room").await;
    let mut speaker = server.socket().await;
    let both = json!({"broadcast": {"ack": true, "self": true}});
    assert_eq!(speaker.join_with("room", &key, both).await.0, "ok");

    speaker.send_binary(binary("9", "realtime:room", "wave", br#"{"hi":1}"#)).await;
    let expected = b"\x04\x0d\x04\x00\x01realtime:roomwave{\"hi\":1}".to_vec();
    assert_eq!(v2.frame().await, Message::binary(expected.clone()));
    let text = v1.next().await;
    assert_eq!(
        text["payload"],
        json!({"type": "broadcast", "event": "wave", "payload": {"hi": 1}})
    );
    assert_eq!((&text["event"], &text["ref"]), (&json!("broadcast"), &json!(null)));
    let mut own = [speaker.frame().await, speaker.frame().await];
    own.sort_by_key(Message::is_text);
    assert_eq!(own[0], Message::binary(expected), "oneself, as asked");
    let reply: serde_json::Value =
        serde_json::from_str(own[1].to_text().expect("text")).expect("JSON");
    assert_eq!(
        reply,
        json!(["j", "9", "realtime:room", "phx_reply", {"status": "ok", "response": {}}])
    );
}

#[tokio::test]
async fn text_broadcast_passes_unchanged() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let (mut one, mut other) = (server.socket().await, server.socket().await);
    for socket in [&mut one, &mut other] {
        socket.join_with("room", &key, json!({})).await;
    }
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"a": 1}, "extra": [1]});
    one.push("realtime:room", "broadcast", payload.clone()).await;
    assert_eq!(other.event("broadcast").await, payload);
}

// RT-01
#[tokio::test]
async fn private_topic_is_for_members_alone() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let private = json!({"private": true});
    let mut ana = insider(&server, &room, "ana").await;
    let mut bo = insider(&server, &room, "bo").await;
    let mut cy = server.socket().await;
    let (status, response) = cy.join_with(&room, &server.person("cy").token, private.clone()).await;
    assert_eq!(status, "error");
    assert_eq!(
        response["reason"],
        format!(
            "Unauthorized: You do not have permissions to read from this Channel topic: {room}"
        )
    );
    let (status, _) = cy.join_with(&room, &server.anon_key(), private).await;
    assert_eq!(status, "error");
    // The public channel of the same name is another room.
    assert_eq!(cy.join_with(&room, &server.person("cy").token, json!({})).await.0, "ok");
    let topic = format!("realtime:{room}");
    cy.send_binary(binary("9", &topic, "lie", b"{}")).await;
    assert!(cy.is_alive().await, "the frame was handled");
    ana.send_binary(binary("9", &topic, "typing", b"{}")).await;
    let Message::Binary(heard) = bo.frame().await else { panic!("no binary frame") };
    assert!(heard.ends_with(b"typing{}"), "{heard:?}");
    assert!(cy.is_alive().await, "and nothing came in between");
}

#[tokio::test]
async fn who_only_may_listen_is_not_heard() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    database
        .sql(
            "create policy speak on realtime.messages for insert to authenticated
               with check (realtime.topic() = 'stage' and auth.uid()::text like 'a%');",
        )
        .await;
    let server = Server::start(&database).await;
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    let private = json!({"private": true, "broadcast": {"ack": true}});
    for (socket, name) in [(&mut ana, "ana"), (&mut bo, "bo")] {
        assert_eq!(
            socket.join_with("stage", &server.person(name).token, private.clone()).await.0,
            "ok"
        );
    }
    bo.send_binary(binary("8", "realtime:stage", "heckle", b"{}")).await;
    assert!(bo.is_alive().await);
    ana.send_binary(binary("9", "realtime:stage", "song", b"{}")).await;
    let Message::Binary(heard) = bo.frame().await else { panic!("no binary frame") };
    assert!(heard.ends_with(b"song{}"));
    let reply = ana.next().await;
    assert_eq!(reply[1], "9", "the heckle never came, the song was acknowledged: {reply}");
}

#[tokio::test]
async fn leaving_and_joining_again_follow_phoenix() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let mut socket = server.socket().await;
    socket.join_with("a", &key, json!({})).await;
    // A second join of the topic closes the first.
    socket.push("realtime:a", "phx_join", json!({"access_token": key})).await;
    assert_eq!(socket.next().await, json!(["j", "j", "realtime:a", "phx_close", {}]));
    assert_eq!(socket.next().await[4]["status"], "ok");
    let reference = socket.push("realtime:a", "phx_leave", json!({})).await;
    assert_eq!(socket.next().await[1], json!(reference));
    assert_eq!(socket.next().await[3], "phx_close");
    assert_eq!(socket.ask("realtime:a", "phx_leave", json!({})).await.0, "ok", "again is fine");
    let (status, response) = socket.ask("realtime:a", "broadcast", json!({})).await;
    assert_eq!((&*status, &response["reason"]), ("error", &json!("unmatched topic")));
}
