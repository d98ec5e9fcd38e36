//! Input that means harm: it is answered as documented, and a second socket does not notice.

use serde_json::{Value, json};

use crate::support::{Database, Person, Server, Socket};

async fn server_with_table() -> (Database, Server) {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, body text);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    (database, server)
}

/// A socket that follows the table, to be shown to go on.
async fn bystander(server: &Server) -> Socket {
    let mut socket = server.socket().await;
    let all = json!([{"event": "*", "schema": "public", "table": "t"}]);
    socket.subscribe("bystander", &server.person("bo"), all).await;
    socket
}

#[tokio::test]
async fn hostile_filters_are_refused_and_nobody_waits() {
    let (database, server) = server_with_table().await;
    let (mut socket, mut other) = (server.socket().await, bystander(&server).await);
    let ana = server.person("ana");
    let nested = |depth: usize, joint: &str| {
        let open = format!("{joint}(").repeat(depth);
        format!("{}id.eq.1{}", open.replacen('(', "=(", 1), ")".repeat(depth))
    };
    let list = |count: usize| {
        let values: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        format!("id=in.({})", values.join(","))
    };
    let too_long = "Error parsing `filter` params: the filter is longer than 8192 bytes";
    let cases = [
        (nested(3400, "or"), too_long),
        (nested(1200, "not.and"), too_long),
        (list(10_000), too_long),
        (format!("id=eq.1{}", ",".repeat(10_000)), too_long),
        (nested(1000, "or"), "groups are nested at most 8 deep"),
        (nested(9, "and"), "groups are nested at most 8 deep"),
        (list(101), "too many values for `in` filter. Maximum 100"),
        (vec!["id=eq.1"; 101].join(","), "a filter has at most 100 conditions"),
        (format!("or={}", "(".repeat(4000)), "Error parsing `filter` params"),
        (format!("id={}eq.1", "not.".repeat(1000)), "Error parsing `filter` params"),
        (format!("body=eq.\"{}", "\\".repeat(3000)), ""),
        (format!("body=match.{}", "(".repeat(3000)), "invalid regular expression"),
    ];
    for (filter, expected) in cases {
        let (status, _) =
            socket.join("t", &ana, json!([{"event": "*", "table": "t", "filter": filter}])).await;
        assert_eq!(status, "ok", "the channel itself is joined");
        let system = socket.event("system").await;
        let shown = &filter[..filter.len().min(40)];
        let wanted = if expected.is_empty() { "ok" } else { "error" };
        assert_eq!(system["status"], wanted, "{shown}: {system}");
        let message = system["message"].as_str().expect("a text");
        assert!(message.contains(expected), "{shown}: {message}");
    }
    // At the limits.
    for filter in [nested(8, "or"), list(100), vec!["id=eq.1"; 100].join(",")] {
        socket.subscribe("t", &ana, json!([{"event": "*", "table": "t", "filter": filter}])).await;
    }
    database.sql("insert into t values (1, 'x')").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
    assert_eq!(other.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn names_are_measured_in_bytes() {
    let (_database, server) = server_with_table().await;
    let anon = Person { token: server.anon_key() };
    let (mut speaker, mut other) = (server.socket().await, server.socket().await);
    // Two bytes each: 246 bytes are left beside `realtime:`.
    let longest = "é".repeat(123);
    let (_, response) = speaker.join_with(&format!("{longest}x"), &anon.token, json!({})).await;
    assert_eq!(response["reason"], "TopicNameTooLong: A topic has at most 255 bytes");
    let config = json!({"broadcast": {"ack": true}});
    assert_eq!(speaker.join_with(&longest, &anon.token, config).await.0, "ok");
    assert_eq!(other.join_with(&longest, &anon.token, json!({})).await.0, "ok");
    let topic = format!("realtime:{longest}");
    let mut say = async |event: String| {
        let said = json!({"type": "broadcast", "event": event, "payload": {}});
        speaker.ask(&topic, "broadcast", said).await
    };
    let refused = ("error".to_owned(), json!({"reason": "event_size_exceeded"}));
    assert_eq!(say("é".repeat(128)).await, refused);
    let fits = format!("{}x", "é".repeat(127));
    assert_eq!(say(fits.clone()).await.0, "ok");
    assert_eq!(other.event("broadcast").await["event"], fits, "and nothing before it");
}

/// The stock JavaScript client throws on these outside of the code of whoever hears them, which
/// ends a process of Node.
#[tokio::test]
async fn broadcasts_on_which_stock_clients_fail_reach_nobody() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let key = server.anon_key();
    let (mut speaker, mut listener) = (server.socket().await, server.socket().await);
    let config = json!({"broadcast": {"ack": true}});
    assert_eq!(speaker.join_with("r", &key, config).await.0, "ok");
    assert_eq!(listener.join_with("r", &key, json!({})).await.0, "ok");
    let refused = ("error".to_owned(), json!({"reason": "malformed_broadcast"}));
    for said in [
        json!({"type": "broadcast", "event": 5, "payload": {}}),
        json!({"type": "broadcast", "event": ["e"], "payload": {}}),
        json!({"type": "broadcast", "event": "e", "ids": [1], "data": {}}),
        json!({"type": "broadcast", "event": "e", "ids": null}),
        json!([1]),
        json!("e"),
        json!(null),
    ] {
        assert_eq!(speaker.ask("realtime:r", "broadcast", said.clone()).await, refused, "{said}");
    }
    let said = json!({"type": "broadcast", "event": "e", "payload": {"ids": [1]}, "more": 5});
    assert_eq!(speaker.ask("realtime:r", "broadcast", said.clone()).await.0, "ok");
    assert_eq!(listener.event("broadcast").await, said, "as it came, and nothing before it");
}

#[tokio::test]
async fn unknown_events_are_ignored_where_joined_and_refused_elsewhere() {
    let (database, server) = server_with_table().await;
    let (mut socket, mut other) = (server.socket().await, bystander(&server).await);
    let anon = Person { token: server.anon_key() };
    let unmatched = ("error".to_owned(), json!({"reason": "unmatched topic"}));
    assert_eq!(socket.ask("realtime:r", "dance", json!({})).await, unmatched);
    assert_eq!(socket.ask("phoenix", "dance", json!({})).await, unmatched);
    assert_eq!(socket.ask("elsewhere", "phx_join", json!({})).await, unmatched);
    socket.join_with("r", &anon.token, json!({})).await;
    let strange = ["", "dance", "phx_reply", "phx_close", "phx_error", "system", "presence_state"];
    for event in strange {
        socket.push("realtime:r", event, json!({"any": ["thing", 1]})).await;
    }
    socket.push("realtime:r", "postgres_changes", json!({"ids": [1], "data": {}})).await;
    // The next frame is the answer to what comes after them: there was none to any of them.
    let reference = socket.push("phoenix", "heartbeat", json!({})).await;
    assert_eq!(socket.next().await[1], json!(reference));
    database.sql("insert into t values (1, 'x')").await;
    assert_eq!(other.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn oversized_payloads_reach_nobody() {
    let database = Database::scratch().await;
    let flags = ["--realtime-max-broadcast-bytes", "100", "--realtime-max-presence-bytes", "100"];
    let server = Server::start_with(&database, &flags).await;
    let anon = Person { token: server.anon_key() };
    let (mut speaker, mut other) = (server.socket().await, server.socket().await);
    let config = json!({"broadcast": {"ack": true}, "presence": {"key": "s", "enabled": true}});
    speaker.join_with("r", &anon.token, config).await;
    other.join_with("r", &anon.token, json!({"presence": {"enabled": true}})).await;
    assert_eq!(other.event("presence_state").await, json!({}));
    // The user's own payload counts in a binary frame, the whole payload in a text one.
    let frame = |reference: &str, bytes: usize| {
        let names = ["j", reference, "realtime:r", "e"];
        let mut frame = vec![3];
        frame.extend(names.map(|name| u8::try_from(name.len()).expect("short")));
        frame.extend([0, 0]);
        frame.extend(names.concat().bytes());
        frame.extend(vec![7; bytes]);
        frame
    };
    let refused = json!({"status": "error", "response": {"reason": "payload_size_exceeded"}});
    speaker.send_binary(frame("1000", 101)).await;
    assert_eq!(speaker.event("phx_reply").await, refused);
    let said = json!({"type": "broadcast", "event": "e", "payload": {"x": "x".repeat(100)}});
    let (status, response) = speaker.ask("realtime:r", "broadcast", said).await;
    assert_eq!((&*status, &response), ("error", &refused["response"]));
    let track = |bytes| json!({"event": "track", "payload": {"x": "x".repeat(bytes)}});
    let (status, response) = speaker.ask("realtime:r", "presence", track(100)).await;
    let reason = json!({"reason": "Track message size exceeded"});
    assert_eq!((&*status, &response), ("error", &reason));
    assert_eq!(speaker.event("system").await["message"], reason["reason"]);
    // The channel stays, and what fits comes first of all.
    assert_eq!(speaker.ask("realtime:r", "presence", track(10)).await.0, "ok");
    let diff: Value = other.event("presence_diff").await;
    assert_eq!(diff["joins"]["s"]["metas"][0]["x"], "x".repeat(10));
    let said = json!({"type": "broadcast", "event": "e", "payload": {"n": 1}});
    assert_eq!(speaker.ask("realtime:r", "broadcast", said).await.0, "ok");
    assert_eq!(other.event("broadcast").await["payload"]["n"], 1);
}
