//! What clients should not send: each gets the dialect's answer, and the connection lives on.

use serde_json::{Value, json};

use crate::support::{Database, Person, Server, Socket};

#[tokio::test]
async fn malformed_frames_are_dropped() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    for text in ["", "{", "[]", "[1,2]", "null", r#"["j","1",7,"phx_join",{}]"#, r#"{"topic":"t"}"#]
    {
        socket.send_text(text).await;
    }
    for bytes in [vec![], vec![3], vec![9, 9, 9], vec![3, 255, 255, 255, 255, 255, 1]] {
        socket.send_binary(bytes).await;
    }
    assert!(socket.is_alive().await);
}

#[tokio::test]
async fn frame_over_the_limit_closes_that_socket_alone() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let (mut large, mut other) = (server.socket().await, server.socket().await);
    large.try_send(&format!("[\"{}\"]", "x".repeat(5_000_001))).await;
    large.ended().await;
    assert!(other.is_alive().await);
}

#[tokio::test]
async fn upgrades_are_refused_with_a_reason() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-max-connections", "1"]).await;
    let refused = async |query: String| match Socket::try_open(server.url(), &query).await {
        Ok(_) => panic!("opened"),
        Err((status, body)) => {
            (status, serde_json::from_str::<Value>(&body).expect("JSON")["error"].clone())
        }
    };
    let expired = server.bearer(&json!({"role": "anon", "exp": 1}));
    let foreign = walkie::identity::Keys::new("some other secret, quite long enough");
    let foreign = foreign.sign(&json!({"role": "anon", "exp": 4_000_000_000_i64})).expect("signs");
    let incomplete = server.bearer(&json!({"exp": 4_000_000_000_i64}));
    assert_eq!(refused("vsn=2.0.0".into()).await, (401, json!("API key is missing")));
    assert_eq!(
        refused(format!("apikey={}", expired.token)).await,
        (401, json!("Token has expired"))
    );
    assert_eq!(
        refused(format!("apikey={foreign}")).await,
        (401, json!("Failed to validate JWT signature"))
    );
    assert_eq!(
        refused("apikey=x.y.z".into()).await,
        (401, json!("The token provided is not a valid JWT"))
    );
    assert_eq!(
        refused(format!("apikey={}", incomplete.token)).await,
        (401, json!("Fields `role` and `exp` are required in JWT"))
    );
    let odd_expiry = server.bearer(&json!({"role": "anon", "exp": "soon"}));
    assert_eq!(
        refused(format!("apikey={}", odd_expiry.token)).await,
        (401, json!("Token expiration time is invalid"))
    );
    let signer = "check your JWT secret or JWKS configuration";
    // {"alg":"none"} and {"alg":"ES256","kid":"k1"}, each with the claims {}.
    assert_eq!(
        refused("apikey=eyJhbGciOiJub25lIn0.e30.".into()).await,
        (401, json!(format!("Failed to generate JWT signer, {signer}")))
    );
    assert_eq!(
        refused("apikey=eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.eA".into()).await,
        (401, json!(format!("Failed to generate JWT signer for key ID (kid) \"k1\", {signer}")))
    );
    let key = server.anon_key();
    assert_eq!(refused(format!("apikey={key}&vsn=3.0.0")).await.0, 403);
    // Encoded twice and broken into lines, it is still the key.
    let broken = format!("apikey={}%250A&vsn=2.0.3", key.replace('.', "%252E"));
    assert!(Socket::try_open(server.url(), &broken).await.is_ok());
    server.settles("walkie_realtime_sockets", 0).await;
    let _only = Socket::open(server.url(), &key, "2.0.0").await;
    assert_eq!(refused(format!("apikey={key}")).await, (429, json!("Too many connected users")));
}

#[tokio::test]
async fn joins_are_refused_with_a_reason() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-max-channels", "1"]).await;
    let mut socket = server.socket().await;
    let anon = Person { token: server.anon_key() };
    let mut reason = async |topic: &str, token: &str| {
        let (status, response) =
            socket.ask(topic, "phx_join", json!({"access_token": token})).await;
        (status, response["reason"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        reason("realtime:", &anon.token).await.1,
        "TopicNameRequired: You must provide a topic name"
    );
    assert_eq!(reason("other:a", &anon.token).await.1, "unmatched topic");
    assert_eq!(
        reason("realtime:a", "no token").await.1,
        "MalformedJWT: The token provided is not a valid JWT"
    );
    let expired = server.person_until("ana", -100).token;
    let text = reason("realtime:a", &expired).await.1;
    assert!(text.starts_with("InvalidJWTToken: Token has expired 10"), "{text}");
    assert_eq!(
        reason("realtime:a", "sb_publishable_key").await.0,
        "ok",
        "falls back to the socket's"
    );
    assert_eq!(
        reason("realtime:b", &anon.token).await.1,
        "ChannelRateLimitReached: Too many channels"
    );
}

#[tokio::test]
async fn bindings_are_refused_in_words_and_the_channel_stays() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, hidden text);
             revoke all on public.t from anon;
             grant select (id) on public.t to anon;
             alter publication supabase_realtime add table public.t;
             create table public.unpublished (id int primary key);",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let anon = Person { token: server.anon_key() };
    let cases = [
        (json!({"event": "*"}), "No subscription params provided"),
        (
            json!({"event": "*", "schema": "public", "table": "nope"}),
            "Please check Realtime is enabled",
        ),
        (
            json!({"event": "*", "schema": "public", "table": "unpublished"}),
            "Please check Realtime is enabled",
        ),
        (
            json!({"table": "t", "filter": "id=eq.x"}),
            "ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: \"x\"",
        ),
        (json!({"table": "t", "filter": "nope=eq.1"}), "invalid column for filter nope"),
        (json!({"table": "t", "filter": "hidden=eq.1"}), "invalid column for filter hidden"),
        (json!({"table": "t", "filter": "id=foo.1"}), "Error parsing `filter` params"),
        (json!({"table": "t", "filter": "id"}), "Error parsing `filter` params"),
        (json!({"table": "t", "after": "never"}), "is not a place"),
        (
            json!({"table": "t", "after": 5}),
            "Error parsing `after` params: expected a string, got: 5",
        ),
        (json!({"table": "t", "filter": ["id=eq.1"]}), "Error parsing `filter` params"),
        (json!({"schema": "public", "table": ["t"]}), "Error parsing `table` params"),
        (json!({"schema": 5, "table": "t"}), "Error parsing `schema` params"),
        (
            json!({"table": "t", "filter": format!("id=eq.{}", "9".repeat(9000))}),
            "Error parsing `filter` params",
        ),
    ];
    for (binding, expected) in cases {
        let (status, _) = socket.join("t", &anon, json!([binding.clone()])).await;
        assert_eq!(status, "ok", "{binding}");
        let system = socket.event("system").await;
        assert_eq!(system["status"], "error", "{binding}");
        let message = system["message"].as_str().expect("a text");
        assert!(message.contains(expected), "{binding}: {message}");
    }
    assert!(socket.is_alive().await);
    socket.subscribe("t", &anon, json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1, 'x')").await;
    assert_eq!(socket.change().await["record"], json!({"id": 1}));
}

#[tokio::test]
async fn silent_socket_is_closed() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-idle-seconds", "1"]).await;
    let mut socket = server.socket().await;
    assert_eq!(socket.close_code().await, 4002);
}

#[tokio::test]
async fn socket_that_does_not_read_is_told_to_come_back() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-queue-frames", "4"]).await;
    let key = server.anon_key();
    let (mut slow, mut fast) = (server.socket().await, server.socket().await);
    for socket in [&mut slow, &mut fast] {
        socket.ask("realtime:flood", "phx_join", json!({"access_token": key})).await;
    }
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"x": "x".repeat(500_000)}});
    // The kernel's buffers fill first; then the queue, which is bounded.
    for _ in 0..40 {
        fast.push("realtime:flood", "broadcast", payload.clone()).await;
    }
    assert!(fast.is_alive().await, "the speaker is not held up");
    assert_eq!(slow.close_code().await, 4001);
}

#[tokio::test]
async fn filter_that_nothing_can_equal_is_refused() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, data json);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let service = Person { token: server.service_key() };
    socket.join("t", &service, json!([{"event": "*", "table": "t", "filter": "data=eq.{}"}])).await;
    let system = socket.event("system").await;
    assert_eq!(system["status"], "error", "{system}");
    let message = system["message"].as_str().expect("a text");
    assert!(message.contains("operator does not exist: json = json"), "{message}");
    socket.subscribe("t", &service, json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1, '{}')").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn filter_that_cannot_be_compared_any_more_stops_nobody() {
    let database = Database::scratch().await;
    database
        .sql(
            "create type public.pair as (a int, b int);
             create table public.t (id int primary key, pair public.pair);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    let filtered = json!([{"event": "*", "table": "t", "filter": "pair=eq.\"(1,2)\""}]);
    ana.subscribe("t", &server.person("ana"), filtered).await;
    bo.subscribe("t", &server.person("bo"), json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1, (1, 2))").await;
    assert_eq!(ana.change().await["record"]["id"], 1);
    assert_eq!(bo.change().await["record"]["id"], 1);
    database.sql("alter type pair rename to couple; insert into t values (2, (1, 2))").await;
    assert_eq!(bo.change().await["record"]["id"], 2);
}

#[tokio::test]
async fn bindings_and_names_have_an_upper_bound() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let anon = Person { token: server.anon_key() };
    let bindings = vec![json!({"event": "*", "table": "t"}); 101];
    let (status, _) = socket.join("t", &anon, json!(bindings)).await;
    assert_eq!(status, "ok");
    let system = socket.event("system").await;
    assert_eq!(system["message"], "Too many postgres_changes on one channel: at most 100");
    let (status, response) = socket.join(&"x".repeat(250), &anon, json!([])).await;
    assert_eq!(status, "error", "{response}");
}
