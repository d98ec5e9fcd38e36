//! Who is present, as those see it who may.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, Server, Socket};

const SWITCHED_ON: &str = r#"{"presence": {"key": "KEY", "enabled": true}}"#;

fn present(key: &str) -> Value {
    serde_json::from_str(&SWITCHED_ON.replace("KEY", key)).expect("JSON")
}

/// Joins under a key, and gives the state that it is told.
async fn enter(socket: &mut Socket, name: &str, who: &Person, key: &str) -> Value {
    let (status, response) = socket.join_with(name, &who.token, present(key)).await;
    assert_eq!(status, "ok", "{response}");
    socket.event("presence_state").await
}

async fn track(socket: &mut Socket, name: &str, payload: Value) -> (String, Value) {
    let call = json!({"type": "presence", "event": "track", "payload": payload});
    socket.ask(&format!("realtime:{name}"), "presence", call).await
}

#[tokio::test]
async fn presence_is_told_to_all_and_to_those_who_come_later() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let anon = Person { token: server.anon_key() };
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    assert_eq!(enter(&mut ana, "lobby", &anon, "ana").await, json!({}));
    assert_eq!(enter(&mut bo, "lobby", &anon, "bo").await, json!({}));

    assert_eq!(track(&mut ana, "lobby", json!({"mood": 1.50})).await, ("ok".into(), json!({})));
    let seen = bo.event("presence_diff").await;
    let meta = &seen["joins"]["ana"]["metas"][0];
    assert_eq!(meta["mood"], 1.5);
    assert!(meta["phx_ref"].is_string() && meta.get("phx_ref_prev").is_none());
    assert_eq!(seen["leaves"], json!({}));
    assert_eq!(ana.event("presence_diff").await, seen, "the tracker too");

    let mut cy = Socket::open(server.url(), &anon.token, "1.0.0").await;
    cy.join_v1("lobby", json!({"config": present("cy")})).await;
    let state = cy.next().await;
    assert_eq!((&state["event"], &state["ref"]), (&json!("presence_state"), &json!(null)));
    assert_eq!(state["payload"], json!({"ana": {"metas": [meta]}}));

    // A change is one difference, and the same again none.
    track(&mut ana, "lobby", json!({"mood": 2})).await;
    let changed = bo.event("presence_diff").await;
    assert_eq!(changed["joins"]["ana"]["metas"][0]["phx_ref_prev"], meta["phx_ref"]);
    assert_eq!(changed["leaves"]["ana"]["metas"][0]["phx_ref"], meta["phx_ref"]);
    assert_eq!(cy.next().await["payload"], changed);
    assert_eq!(track(&mut ana, "lobby", json!({"mood": 2})).await.0, "ok");
    let untrack = json!({"type": "presence", "event": "UNTRACK"});
    assert_eq!(ana.ask("realtime:lobby", "presence", untrack).await.0, "ok");
    let gone = bo.event("presence_diff").await;
    assert_eq!(gone["leaves"], changed["joins"]);
    assert_eq!(gone["joins"], json!({}));
    assert!(server.metric("walkie_realtime_presence_total").await >= 3);
}

// PRS-01, PRS-06
#[tokio::test]
async fn each_connection_leaves_by_itself_however_it_ends() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let anon = Person { token: server.anon_key() };
    let mut watcher = server.socket().await;
    enter(&mut watcher, "lobby", &anon, "watcher").await;
    let mut connections = Vec::new();
    for device in 0..4 {
        let mut socket = server.socket().await;
        enter(&mut socket, "lobby", &anon, "ana").await;
        track(&mut socket, "lobby", json!({"device": device})).await;
        let diff = watcher.event("presence_diff").await;
        assert_eq!(diff["joins"]["ana"]["metas"][0]["device"], device);
        connections.push(socket);
    }
    let mut left = async || {
        let diff = watcher.event("presence_diff").await;
        assert_eq!(diff["joins"], json!({}));
        diff["leaves"]["ana"]["metas"][0]["device"].clone()
    };
    connections[0].ask("realtime:lobby", "phx_leave", json!({})).await;
    assert_eq!(left().await, 0);
    connections[1].say_goodbye().await;
    assert_eq!(left().await, 1);
    drop(connections.remove(2));
    assert_eq!(left().await, 2, "cut off without a word");
    // A second join of the topic ends the first.
    enter(&mut connections[2], "lobby", &anon, "ana").await;
    assert_eq!(left().await, 3);
}

// PRS-05
#[tokio::test]
async fn who_stops_its_heartbeat_is_gone_within_the_idle_time() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-idle-seconds", "2"]).await;
    let anon = Person { token: server.anon_key() };
    let (mut watcher, mut silent) = (server.socket().await, server.socket().await);
    enter(&mut watcher, "lobby", &anon, "watcher").await;
    enter(&mut silent, "lobby", &anon, "silent").await;
    let since = std::time::Instant::now();
    track(&mut silent, "lobby", json!({})).await;
    assert!(watcher.event("presence_diff").await["joins"]["silent"].is_object());
    loop {
        assert!(since.elapsed() < crate::support::PATIENCE, "still there");
        watcher.push("phoenix", "heartbeat", json!({})).await;
        let frame = watcher.next().await;
        if frame[3] == "presence_diff" {
            assert!(frame[4]["leaves"]["silent"].is_object(), "{frame}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(since.elapsed().as_secs() >= 2, "not before its time");
}

#[tokio::test]
async fn tracking_switches_presence_on() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let anon = Person { token: server.anon_key() };
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    enter(&mut ana, "lobby", &anon, "ana").await;
    track(&mut ana, "lobby", json!({})).await;
    assert_eq!(bo.join_with("lobby", &anon.token, json!({})).await.0, "ok");
    track(&mut ana, "lobby", json!({"again": true})).await;
    // No difference comes before the state on which it would build.
    let reference = bo.push("realtime:lobby", "presence", json!({"event": "track"})).await;
    assert_eq!(bo.next().await[1], json!(reference));
    let state = bo.next().await;
    assert_eq!(
        (&state[0], &state[1], &state[3]),
        (&json!("j"), &json!(null), &json!("presence_state"))
    );
    assert_eq!(state[4]["ana"]["metas"][0]["again"], true);
    let diff = bo.next().await;
    assert_eq!((&diff[0], &diff[3]), (&json!(null), &json!("presence_diff")));
    let joins = diff[4]["joins"].as_object().expect("an object");
    let key = joins.keys().next().expect("a key");
    assert!(uuid::Uuid::try_parse(key).is_ok(), "a key of the server's choice: {key}");
}

#[tokio::test]
async fn policies_decide_who_sees_and_who_shows_presence() {
    let database = Database::scratch().await;
    database
        .sql(
            "create policy read on realtime.messages for select to authenticated
               using (realtime.topic() = 'stage'
                  and (extension = 'broadcast' or auth.uid()::text not like 'c%'));
             create policy write on realtime.messages for insert to authenticated
               with check (extension = 'presence' and auth.uid()::text like 'a%');",
        )
        .await;
    let server = Server::start(&database).await;
    let private = json!({"private": true, "presence": {"enabled": true}});
    let (mut ana, mut bo, mut cy) =
        (server.socket().await, server.socket().await, server.socket().await);
    for (socket, name) in [(&mut ana, "ana"), (&mut bo, "bo"), (&mut cy, "cy")] {
        let joined = socket.join_with("stage", &server.person(name).token, private.clone()).await;
        assert_eq!(joined.0, "ok", "{name}");
    }
    assert_eq!(ana.next().await[3], "presence_state");
    assert_eq!(bo.next().await[3], "presence_state");

    assert_eq!(track(&mut bo, "stage", json!({})).await, ("error".into(), json!({})));
    assert_eq!(track(&mut ana, "stage", json!({"on": "stage"})).await.0, "ok");
    let joins = bo.event("presence_diff").await["joins"].take();
    let metas = joins.as_object().and_then(|joins| joins.values().next()).expect("one");
    assert_eq!(metas["metas"][0]["on"], "stage", "and nothing of bo's own attempt");
    cy.push("phoenix", "heartbeat", json!({})).await;
    assert_eq!(cy.next().await[2], "phoenix", "cy was told nothing, although in the channel");

    // What a token may read counts from the moment it is shown.
    let token = server.person("bo").token;
    cy.push("realtime:stage", "access_token", json!({"access_token": token})).await;
    let state = cy.event("presence_state").await;
    assert_eq!(state.as_object().map(serde_json::Map::len), Some(1), "{state}");
}

#[tokio::test]
async fn who_reads_presence_alone_hears_no_broadcasts() {
    let database = Database::scratch().await;
    database
        .sql(
            "create policy read on realtime.messages for select to authenticated
               using (extension = 'presence' or auth.uid()::text like 'a%');
             create policy write on realtime.messages for insert to authenticated
               with check (true);",
        )
        .await;
    let server = Server::start(&database).await;
    let private = json!({"private": true, "broadcast": {"self": true}});
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    for (socket, name) in [(&mut ana, "ana"), (&mut bo, "bo")] {
        assert_eq!(
            socket.join_with("r", &server.person(name).token, private.clone()).await.0,
            "ok"
        );
    }
    let said = json!({"type": "broadcast", "event": "e", "payload": {}});
    bo.push("realtime:r", "broadcast", said.clone()).await;
    assert_eq!(ana.event("broadcast").await, said);
    bo.push("phoenix", "heartbeat", json!({})).await;
    assert_eq!(bo.next().await[2], "phoenix", "not even one's own");
}

#[tokio::test]
async fn strange_calls_get_their_answer_and_change_nothing() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-max-presence-bytes", "100"]).await;
    let anon = Person { token: server.anon_key() };
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    enter(&mut ana, "lobby", &anon, "ana").await;
    enter(&mut bo, "lobby", &anon, "bo").await;
    let not_a_map = json!({"reason": "Presence track payload must be a map"});
    assert_eq!(track(&mut ana, "lobby", json!([1])).await, ("error".into(), not_a_map));
    for call in [json!({"event": "dance"}), json!({}), json!([]), json!(null)] {
        let answer = ana.ask("realtime:lobby", "presence", call.clone()).await;
        assert_eq!(answer, ("error".into(), json!({})), "{call}");
    }
    let (status, response) = track(&mut ana, "lobby", json!({"x": "x".repeat(200)})).await;
    assert_eq!((&*status, &response["reason"]), ("error", &json!("Track message size exceeded")));
    assert_eq!(ana.event("system").await["message"], "Track message size exceeded");
    track(&mut ana, "lobby", json!({"fits": true})).await;
    let first = bo.event("presence_diff").await;
    assert_eq!(first["joins"]["ana"]["metas"][0]["fits"], true, "the first that was told");
}

#[tokio::test]
async fn too_many_calls_are_told_and_the_channel_stays() {
    let database = Database::scratch().await;
    let flags = ["--realtime-client-presence-per-second", "1"];
    let server = Server::start_with(&database, &flags).await;
    let anon = Person { token: server.anon_key() };
    let mut socket = server.socket().await;
    enter(&mut socket, "lobby", &anon, "k").await;
    let mut calls = 0;
    let (status, response) = loop {
        let answer = track(&mut socket, "lobby", json!({"n": calls})).await;
        if answer.0 == "error" {
            break answer;
        }
        calls += 1;
    };
    assert!(calls >= 5, "five seconds' worth at once");
    let text = "Client presence rate limit exceeded";
    assert_eq!((&*status, &response["reason"]), ("error", &json!(text)));
    let system = socket.event("system").await;
    assert_eq!(
        system,
        json!({"extension": "system", "status": "error", "message": text, "channel": "lobby"})
    );
    assert_eq!(socket.ask("realtime:lobby", "phx_leave", json!({})).await.0, "ok");
    assert_eq!(socket.next().await[3], "phx_close", "it was still joined");
}

// PRS-07
#[tokio::test]
async fn signing_in_and_out_is_seen_by_those_who_may() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (bo, mut peer) = (server.person("bo"), server.socket().await);
    let bindings = json!([{"event": "*", "schema": "public", "table": "user_presence"}]);
    peer.subscribe("who", &bo, bindings).await;
    enter(&mut peer, "lobby", &bo, "bo").await;

    let credentials = json!({"email": "ana@example.com", "password": "walkie-demo"});
    let ask = server.request(Method::POST, "/auth/v1/token?grant_type=password");
    let session = Answer::of(ask.json(&credentials)).await;
    let token = session.body["access_token"].as_str().expect("a session").to_owned();
    let ana = Person { token };
    let came = peer.change().await;
    assert_eq!(came["record"]["status"], "online", "{came}");
    assert_eq!(came["record"]["user_id"], session.body["user"]["id"]);
    let mut own = server.socket().await;
    enter(&mut own, "lobby", &ana, "ana").await;
    track(&mut own, "lobby", json!({})).await;
    assert!(peer.event("presence_diff").await["joins"].get("ana").is_some());

    let begun = Instant::now();
    let ask = server.request(Method::POST, "/auth/v1/logout").bearer_auth(&ana.token);
    assert_eq!(Answer::of(ask).await.status, 204);
    let (mut is_gone, mut has_left) = (false, false);
    while !(is_gone && has_left) {
        let told = peer.next().await;
        is_gone |= told[4]["data"]["record"]["status"] == "offline";
        has_left |= told[4]["leaves"].get("ana").is_some();
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
