//! Views that subscriptions name: the rows of a table, under the view's names.

use serde_json::json;

use crate::support::{Database, Server};

#[tokio::test]
async fn channel_on_a_view_hears_of_its_table_in_its_own_words() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (ana, bo) = (server.person("ana"), server.person("bo"));
    let room = database.value("select tests.conversation('watercooler')").await;
    let dm = database.value("select tests.conversation('dm')").await;
    let mut socket = server.socket().await;
    let filter = format!("group_id=eq.{room}");
    let bindings = json!([{"event": "INSERT", "schema": "public", "table": "chat_messages", "filter": filter}]);
    socket.subscribe("chat", &bo, bindings).await;

    for (place, body) in [(&dm, "Elsewhere"), (&room, "Here")] {
        let said = json!({ "p_conversation_id": place, "p_body": body });
        assert_eq!(server.rpc(&ana, "send_message", said).await.status, 200);
    }

    let change = socket.change().await;
    assert_eq!((&change["table"], &change["schema"]), (&json!("chat_messages"), &json!("public")));
    assert_eq!(change["record"]["message"], "Here");
    assert_eq!(change["record"]["group_id"], json!(room));
    assert!(change["record"].get("body").is_none(), "{change}");
    assert!(change["record"].get("mentions").is_none(), "{change}");
    let named: Vec<&str> = change["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert!(named.contains(&"message") && !named.contains(&"body"), "{named:?}");
}

#[tokio::test]
async fn ones_own_inbox_is_heard_under_the_name_of_its_view() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (ana, bo) = (server.person("ana"), server.person("bo"));
    let room = database.value("select tests.conversation('watercooler')").await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "UPDATE", "schema": "public", "table": "user_conversations"}]);
    socket.subscribe("mine", &bo, bindings).await;

    let said = json!({ "p_conversation_id": room, "p_body": "Look, @bo" });
    assert_eq!(server.rpc(&ana, "send_message", said).await.status, 200);

    let change = socket.change().await;
    assert_eq!(change["table"], "user_conversations");
    assert_eq!(
        (&change["record"]["id"], &change["record"]["mention_count"]),
        (&json!(room), &json!(1))
    );
}

#[tokio::test]
async fn outsider_hears_nothing_through_a_view_either() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (ana, cy) = (server.person("ana"), server.person("cy"));
    let mut socket = server.socket().await;
    let bindings = json!([
        {"event": "*", "schema": "public", "table": "user_messages"},
        {"event": "*", "schema": "public", "table": "messages"},
    ]);
    socket.subscribe("all", &cy, bindings).await;
    let room = database.value("select tests.conversation('watercooler')").await;
    let said = json!({ "p_conversation_id": room, "p_body": "Not for cy" });
    assert_eq!(server.rpc(&ana, "send_message", said).await.status, 200);
    let lobby = json!({ "p_slug": "lobby" });
    assert_eq!(server.rpc(&cy, "join_room", lobby).await.status, 200);
    let lobby = database.value("select tests.conversation('lobby')").await;
    let said = json!({ "p_conversation_id": lobby, "p_body": "Mine" });
    assert_eq!(server.rpc(&cy, "send_message", said).await.status, 200);

    let change = socket.change().await;
    assert_eq!(change["record"]["body"], "Mine");
}

#[tokio::test]
async fn view_that_stands_for_nothing_is_refused_as_before() {
    let database = Database::scratch().await;
    database.sql("create view public.v as select 1 as id").await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let service = crate::support::Person { token: server.service_key() };
    let bindings = json!([{"event": "*", "schema": "public", "table": "v"}]);
    socket.join("v", &service, bindings).await;
    let told = socket.event("system").await;
    assert_eq!(told["status"], "error", "{told}");
    assert!(told["message"].as_str().is_some_and(|text| text.contains("table: v")), "{told}");
}
