//! Notices, live: the bell rings on every device of a person, and falls silent on all of them.

use serde_json::json;

use crate::support::{Database, Server};

// NTF-01
#[tokio::test]
async fn bell_rings_for_one_and_falls_silent_when_it_is_read_elsewhere() {
    let database = Database::new().await;
    database.sql("delete from notifications").await;
    let server = Server::start(&database).await;
    let (ana, bo) = (server.person("ana"), server.person("bo"));
    let bindings = json!([{"event": "*", "schema": "public", "table": "notifications"}]);
    let (mut hers, mut his) = (server.socket().await, server.socket().await);
    hers.subscribe("bell", &ana, bindings.clone()).await;
    his.subscribe("bell", &bo, bindings).await;
    let dm = database.value("select tests.conversation('dm')").await;
    let say = |who, body| {
        let said = json!({ "p_conversation_id": dm, "p_body": body });
        server.rpc(who, "send_message", said)
    };

    assert_eq!(say(&ana, "One").await.status, 200);
    assert_eq!(say(&ana, "Two").await.status, 200);
    let rings = his.change().await;
    assert_eq!((&rings["type"], &rings["record"]["kind"]), (&json!("INSERT"), &json!("dm")));
    let again = his.change().await;
    assert_eq!((&again["type"], &again["record"]["count"]), (&json!("UPDATE"), &json!(2)));

    let read = json!({ "p_conversation": dm, "p_seq": 1000 });
    assert_eq!(server.rpc(&bo, "mark_read", read).await.status, 200);
    let silent = his.change().await;
    assert_eq!(silent["record"]["id"], rings["record"]["id"]);
    assert!(silent["record"]["read_at"].is_string(), "{silent}");

    // Of all this she hears nothing: her first is her own.
    assert_eq!(say(&bo, "Three").await.status, 200);
    let first = hers.change().await;
    assert_eq!(first["record"]["user_id"], "a0000000-0000-4000-8000-00000000000a");
}
