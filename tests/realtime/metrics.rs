//! What the server counts of sockets and channels; all returns to where it began.

use serde_json::json;

use crate::support::{Database, Server};

// RT-06, PRS-06
#[tokio::test]
async fn nothing_stays_behind_when_sockets_leave_or_are_cut() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let ana = server.person("ana");
    let binding = json!([{"event": "*", "table": "t"}]);
    let (mut polite, mut cut) = (server.socket().await, server.socket().await);
    for socket in [&mut polite, &mut cut] {
        socket.subscribe("a", &ana, binding.clone()).await;
        socket.subscribe("b", &ana, binding.clone()).await;
    }
    polite.join("plain", &ana, json!([])).await;
    assert_eq!(server.metric("walkie_realtime_sockets").await, 2);
    assert_eq!(server.metric("walkie_realtime_channels").await, 5);
    assert_eq!(server.metric("walkie_realtime_subscriptions").await, 4);
    assert_eq!(server.metric(r#"walkie_realtime_joins_total{outcome="ok"}"#).await, 5);
    assert!(server.metric("walkie_realtime_frames_total").await >= 9);

    polite.ask("realtime:a", "phx_leave", json!({})).await;
    server.settles("walkie_realtime_subscriptions", 3).await;
    drop(cut);
    server.settles("walkie_realtime_subscriptions", 1).await;
    polite.say_goodbye().await;
    for gauge in ["sockets", "channels", "subscriptions"] {
        server.settles(&format!("walkie_realtime_{gauge}"), 0).await;
    }
    server.settles(r#"walkie_realtime_closes_total{reason="gone"}"#, 2).await;
}

#[tokio::test]
async fn refused_joins_and_closed_sockets_are_counted_by_their_reason() {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--realtime-idle-seconds", "1"]).await;
    let mut socket = server.socket().await;
    socket.ask("realtime:", "phx_join", json!({})).await;
    socket.ask("realtime:a", "phx_join", json!({"access_token": "x"})).await;
    assert_eq!(server.metric(r#"walkie_realtime_joins_total{outcome="MalformedJWT"}"#).await, 1);
    assert_eq!(
        server.metric(r#"walkie_realtime_joins_total{outcome="TopicNameRequired"}"#).await,
        1
    );
    assert_eq!(socket.close_code().await, 4002);
    server.settles(r#"walkie_realtime_closes_total{reason="idle"}"#, 1).await;
}
