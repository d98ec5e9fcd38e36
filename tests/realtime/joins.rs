//! What a join may ask, and the order in which it is answered.

use serde_json::json;

use crate::support::{Database, Person, Server, Socket};

async fn table(database: &Database) {
    database
        .sql(
            "create table public.t (id int primary key, kind text);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

#[tokio::test]
async fn reply_comes_first_then_presence_then_changes() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let config = json!({
        "presence": {"enabled": "true"},
        "postgres_changes": [null, {"event": "*", "schema": "public", "table": "t"}, null],
        "unknown": {"is": "ignored"},
    });
    let (status, response) = socket.join_with("t", &server.person("ana").token, config).await;
    assert_eq!((&*status, response["postgres_changes"].as_array().map(Vec::len)), ("ok", Some(1)));
    let presence = socket.next().await;
    assert_eq!((&presence[0], &presence[3]), (&json!("j"), &json!("presence_state")));
    let system = socket.next().await;
    assert_eq!((&system[3], &system[4]["status"]), (&json!("system"), &json!("ok")));
    database.sql("insert into t values (1)").await;
    assert_eq!(socket.next().await[3], "postgres_changes");
}

#[tokio::test]
async fn lists_and_configs_that_are_none_count_as_empty() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let ana = server.person("ana");
    for config in [
        json!({"postgres_changes": null}),
        json!({"postgres_changes": {}, "broadcast": [], "presence": 7, "private": null}),
        json!({"broadcast": null, "presence": null}),
    ] {
        let joined = socket.join_with("x", &ana.token, config.clone()).await;
        assert_eq!(joined, ("ok".into(), json!({"postgres_changes": []})), "{config}");
    }
    for payload in [json!(null), json!([]), json!("text"), json!({"config": []})] {
        let (status, _) = socket.ask("realtime:x", "phx_join", payload.clone()).await;
        assert_eq!(status, "ok", "{payload}");
    }
}

#[tokio::test]
async fn without_a_config_the_topic_names_the_table_and_events_what_happened() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let ana = server.person("ana");
    let (mut old, mut filtered, mut new) =
        (server.socket().await, server.socket().await, server.socket().await);
    for (socket, topic) in
        [(&mut old, "realtime:public:t"), (&mut filtered, "realtime:public:t:kind=eq.a")]
    {
        let joined = socket.ask(topic, "phx_join", json!({"user_token": ana.token})).await;
        assert_eq!((&*joined.0, &joined.1["postgres_changes"]), ("ok", &json!([])));
        assert_eq!(socket.event("system").await["message"], "Subscribed to PostgreSQL");
    }
    new.subscribe("public:t", &ana, json!([{"event": "*", "schema": "public", "table": "t"}]))
        .await;

    database.sql("insert into t values (1, 'b')").await;
    database.sql("insert into t values (2, 'a')").await;
    database.sql("update t set kind = 'c' where id = 1").await;
    database.sql("delete from t where id = 1").await;
    let inserted = old.next().await;
    assert_eq!((&inserted[2], &inserted[3]), (&json!("realtime:public:t"), &json!("INSERT")));
    assert_eq!(inserted[4]["record"], json!({"id": 1, "kind": "b"}));
    assert_eq!(inserted[4]["type"], "INSERT");
    assert_eq!(filtered.event("INSERT").await["record"]["id"], 2);
    assert_eq!(old.event("INSERT").await["record"]["id"], 2);
    assert_eq!(old.event("UPDATE").await["record"]["kind"], "c");
    assert_eq!(old.event("DELETE").await["old_record"], json!({"id": 1}));
    assert_eq!(new.change().await["record"]["id"], 1, "the same topic, framed as of today");
}

#[tokio::test]
async fn whoever_asks_is_told_that_the_log_is_streamed() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let config = json!({"broadcast": {"replication_ready": true}});
    socket.join_with("x", &server.person("ana").token, config).await;
    assert_eq!(
        socket.event("system").await,
        json!({"extension": "system", "status": "ok", "channel": "x",
               "message": "Replication connection established"})
    );
}

#[tokio::test]
async fn public_channels_can_be_switched_off() {
    let database = Database::scratch().await;
    database.sql("create policy all_read on realtime.messages for select using (true)").await;
    let server = Server::start_with(&database, &["--realtime-private-only", "true"]).await;
    let mut socket = server.socket().await;
    let ana = server.person("ana");
    let (status, response) = socket.join_with("x", &ana.token, json!({})).await;
    assert_eq!(
        (&*status, &response["reason"]),
        ("error", &json!("PrivateOnly: This project only allows private channels"))
    );
    assert_eq!(socket.join_with("x", &ana.token, json!({"private": true})).await.0, "ok");
}

#[tokio::test]
async fn headers_and_claims_of_the_socket_reach_the_policies() {
    let database = Database::scratch().await;
    database
        .sql(
            "create policy one_tenant on realtime.messages for select using (
               current_setting('request.headers')::json ->> 'x-tenant' = 'blue'
               and current_setting('request.jwt.claim.role') = current_user
               and current_setting('request.jwt.claim.sub') = auth.uid()::text
               and realtime.topic() = 'x')",
        )
        .await;
    let server = Server::start(&database).await;
    let query = format!("apikey={}&vsn=2.0.0", server.anon_key());
    let ana = server.person("ana");
    let join = async |tenant: &str, name: &str| {
        let headers = [("x-tenant", tenant), ("user-agent", "test")];
        let socket = Socket::try_open_with(server.url(), &query, &headers).await;
        let Ok(mut socket) = socket else { panic!("refused") };
        socket.join_with(name, &ana.token, json!({"private": true})).await.0
    };
    assert_eq!(join("blue", "x").await, "ok");
    assert_eq!(join("red", "x").await, "error");
    assert_eq!(join("blue", "y").await, "error");
}

#[tokio::test]
async fn failing_policies_refuse_in_words() {
    let database = Database::scratch().await;
    database
        .sql(
            "create function public.judge() returns boolean language plpgsql volatile as $$
             begin
               if realtime.topic() = 'raises' then raise 'no'; end if;
               perform pg_sleep(30);
               return true;
             end $$;
             create policy judged on realtime.messages for select using (public.judge());",
        )
        .await;
    let server = Server::start_with(&database, &["--statement-timeout-ms", "500"]).await;
    let mut socket = server.socket().await;
    let ana = server.person("ana");
    let mut reason = async |name: &str| {
        socket.join_with(name, &ana.token, json!({"private": true})).await.1["reason"].clone()
    };
    assert_eq!(
        reason("raises").await,
        "Unauthorized: You do not have permissions to read from this Channel topic: raises"
    );
    assert_eq!(reason("sleeps").await, "QueryCanceled: Query was cancelled, please try again");
}

#[tokio::test]
async fn who_joins_too_much_is_closed_and_others_wait_their_turn() {
    let database = Database::scratch().await;
    let flags = ["--realtime-client-joins-per-second", "1", "--realtime-refusal-delay-ms", "0"];
    let server = Server::start_with(&database, &flags).await;
    let anon = Person { token: server.anon_key() };
    let (mut hasty, mut calm) = (server.socket().await, server.socket().await);
    let mut joins = 0;
    let refused = loop {
        let (status, response) = hasty.join_with("x", &anon.token, json!({})).await;
        if status == "error" {
            break response;
        }
        joins += 1;
    };
    assert!(joins >= 5, "five seconds' worth at once");
    assert_eq!(refused["reason"], "ClientJoinRateLimitReached: Too many joins per second");
    assert_eq!(hasty.close_code().await, 4003);
    assert_eq!(calm.join_with("a", &anon.token, json!({})).await.0, "ok");
}

#[tokio::test]
async fn sockets_are_refused_while_all_together_join_too_much() {
    let database = Database::scratch().await;
    let flags = ["--realtime-joins-per-second", "1", "--realtime-client-joins-per-second", "1000"];
    let server = Server::start_with(&database, &flags).await;
    let anon = Person { token: server.anon_key() };
    let query = format!("apikey={}&vsn=2.0.0", anon.token);
    // Each socket uses up what there is, until there is none left for the next.
    let refused = loop {
        let mut socket = match Socket::try_open(server.url(), &query).await {
            Ok(socket) => socket,
            Err(refused) => break refused,
        };
        while socket.join_with("x", &anon.token, json!({})).await.0 == "ok" {}
        assert_eq!(socket.close_code().await, 4003);
    };
    assert_eq!(refused, (429, r#"{"error":"Too many joins per second"}"#.into()));
}

#[tokio::test]
async fn topics_and_events_fit_a_binary_frame_or_are_refused() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let anon = Person { token: server.anon_key() };
    let (mut speaker, mut listener) = (server.socket().await, server.socket().await);
    let longest = "t".repeat(255 - "realtime:".len());
    let (_, response) = speaker.join_with(&format!("{longest}t"), &anon.token, json!({})).await;
    assert_eq!(response["reason"], "TopicNameTooLong: A topic has at most 255 bytes");
    let config = json!({"broadcast": {"ack": true}});
    assert_eq!(speaker.join_with(&longest, &anon.token, config).await.0, "ok");
    assert_eq!(listener.join_with(&longest, &anon.token, json!({})).await.0, "ok");
    let topic = format!("realtime:{longest}");
    let mut say = async |bytes: usize| {
        let said = json!({"type": "broadcast", "event": "e".repeat(bytes), "payload": {}});
        speaker.ask(&topic, "broadcast", said).await
    };
    assert_eq!(say(256).await, ("error".into(), json!({"reason": "event_size_exceeded"})));
    assert_eq!(say(255).await.0, "ok");
    let heard = listener.event("broadcast").await;
    assert_eq!(heard["event"].as_str().map(str::len), Some(255), "and nothing before it");
}
