//! Clients that say too much are told so first.

use serde_json::json;

use crate::support::{Database, Person, Server};

#[tokio::test]
async fn too_many_broadcasts_are_told_then_dropped_and_the_others_hear_the_rest() {
    let database = Database::scratch().await;
    let flags = ["--realtime-client-messages-per-second", "1"];
    let server = Server::start_with(&database, &flags).await;
    let anon = Person { token: server.anon_key() };
    let (mut loud, mut listener) = (server.socket().await, server.socket().await);
    let config = json!({"broadcast": {"ack": true}});
    loud.join_with("r", &anon.token, config).await;
    listener.join_with("r", &anon.token, json!({})).await;
    let said = |n: u32| json!({"type": "broadcast", "event": "e", "payload": {"n": n}});
    let mut heard = 0;
    let (status, response) = loop {
        let answer = loud.ask("realtime:r", "broadcast", said(heard)).await;
        if answer.0 == "error" {
            break answer;
        }
        heard += 1;
    };
    assert!(heard >= 5, "five seconds' worth at once");
    assert_eq!((&*status, &response["reason"]), ("error", &json!("Too many messages per second")));
    let system = loud.event("system").await;
    assert_eq!(system["message"], "Too many messages per second");
    for number in 0..heard {
        assert_eq!(listener.event("broadcast").await["payload"]["n"], number);
    }
    // After a while there is room again, on the same channel.
    loop {
        if loud.ask("realtime:r", "broadcast", said(1000)).await.0 == "ok" {
            break;
        }
    }
    assert_eq!(listener.event("broadcast").await["payload"]["n"], 1000);
}

#[tokio::test]
async fn payload_over_the_limit_is_refused() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-max-broadcast-bytes", "100"]).await;
    let anon = Person { token: server.anon_key() };
    let mut socket = server.socket().await;
    socket.join_with("r", &anon.token, json!({"broadcast": {"ack": true}})).await;
    let said =
        |bytes| json!({"type": "broadcast", "event": "e", "payload": {"x": "x".repeat(bytes)}});
    let refused = socket.ask("realtime:r", "broadcast", said(200)).await;
    assert_eq!(refused, ("error".into(), json!({"reason": "payload_size_exceeded"})));
    assert_eq!(socket.ask("realtime:r", "broadcast", said(10)).await.0, "ok");
}
