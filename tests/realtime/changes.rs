//! `postgres_changes`: what arrives, for which binding, in which form.

use serde_json::json;

use crate::support::{Database, Person, Server, Socket};

async fn table(database: &Database) {
    database
        .sql(
            "create table public.t (id int primary key, body text, price numeric);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

// RT-02
#[tokio::test]
async fn insert_update_and_delete_arrive_in_order() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "*", "schema": "public", "table": "t"}]);
    socket.subscribe("t", &service(&server), bindings).await;
    database.sql("insert into t values (1, 'one', 1.10)").await;
    database.sql("update t set body = 'uno'").await;
    database.sql("delete from t").await;

    let insert = socket.change().await;
    assert_eq!(insert["type"], "INSERT");
    assert_eq!(
        insert["record"],
        json!({"id": 1, "body": "one", "price": serde_json::from_str::<serde_json::Value>("1.10").expect("JSON")})
    );
    assert_eq!(insert["errors"], json!(null));
    assert!(insert.get("old_record").is_none());
    let update = socket.change().await;
    assert_eq!(
        (&update["record"]["body"], &update["old_record"]),
        (&json!("uno"), &json!({"id": 1}))
    );
    let delete = socket.change().await;
    assert_eq!((&delete["type"], &delete["old_record"]), (&json!("DELETE"), &json!({"id": 1})));
    assert!(delete.get("record").is_none());
}

#[tokio::test]
async fn join_repeats_the_bindings_and_events_carry_their_ids() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([
        {"event": "INSERT", "schema": "public", "table": "t", "filter": "id=eq.1"},
        {"event": "*", "schema": "public"},
    ]);
    let (status, response) = socket.join("t", &service(&server), bindings.clone()).await;
    assert_eq!(status, "ok");
    let answered = response["postgres_changes"].as_array().expect("a list").clone();
    assert_eq!(answered.len(), 2);
    for (answered, asked) in answered.iter().zip(bindings.as_array().expect("a list")) {
        for (name, value) in asked.as_object().expect("an object") {
            assert_eq!(&answered[name], value);
        }
    }
    socket.event("system").await;
    database.sql("insert into t values (1), (2)").await;
    let both = socket.event("postgres_changes").await;
    let one = socket.event("postgres_changes").await;
    assert_eq!(both["ids"], json!([answered[0]["id"], answered[1]["id"]]));
    assert_eq!(one["ids"], json!([answered[1]["id"]]));
}

#[tokio::test]
async fn filter_compares_values_not_texts() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings =
        json!([{"event": "*", "schema": "public", "table": "t", "filter": "price=eq.1.1"}]);
    socket.subscribe("t", &service(&server), bindings).await;
    database.sql("insert into t values (1, 'no', 2), (2, 'no', null), (3, 'yes', 1.100)").await;
    assert_eq!(socket.change().await["record"]["id"], 3);
}

#[tokio::test]
async fn filter_on_a_deleted_row_sees_its_key_alone() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut by_body = server.socket().await;
    let mut by_id = server.socket().await;
    let binding = |filter: &str| json!([{"event": "DELETE", "schema": "public", "table": "t", "filter": filter}]);
    by_body.subscribe("t", &service(&server), binding("body=eq.x")).await;
    by_id.subscribe("t", &service(&server), binding("id=eq.2")).await;
    database.sql("insert into t values (1, 'x'), (2, 'x'); delete from t").await;
    assert_eq!(by_id.change().await["old_record"], json!({"id": 2}));
    database
        .sql("alter table t replica identity full; insert into t values (3, 'x'); delete from t")
        .await;
    assert_eq!(by_body.change().await["old_record"]["id"], 3);
}

#[tokio::test]
async fn both_serializers_get_their_form() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = Socket::open(server.url(), &server.anon_key(), "1.0.0").await;
    let join = json!({
        "topic": "realtime:t", "event": "phx_join", "ref": "1",
        "payload": {
            "config": {"postgres_changes": [{"event": "*", "schema": "public", "table": "t"}]},
            "access_token": server.service_key(),
        },
    });
    socket.send_text(&join.to_string()).await;
    let reply = socket.next().await;
    assert_eq!((&reply["event"], &reply["ref"]), (&json!("phx_reply"), &json!("1")));
    assert!(reply.get("join_ref").is_none(), "{reply}");
    let system = socket.next().await;
    assert_eq!(system["payload"]["message"], "Subscribed to PostgreSQL");
    assert_eq!(system["payload"]["channel"], "t");
    database.sql("insert into t values (1)").await;
    let change = socket.next().await;
    assert_eq!((&change["event"], &change["ref"]), (&json!("postgres_changes"), &json!(null)));
    assert!(change["payload"]["ids"][0].is_u64());
}

#[tokio::test]
async fn row_too_large_keeps_its_small_values() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "*", "schema": "public", "table": "t"}]);
    socket.subscribe("t", &service(&server), bindings).await;
    database.sql("insert into t values (1, repeat('x', 1100000)), (2, 'small')").await;
    let large = socket.change().await;
    assert_eq!(large["errors"], json!(["Error 413: Payload Too Large"]));
    assert_eq!(large["record"], json!({"id": 1, "price": null}));
    assert_eq!(socket.change().await["record"]["id"], 2);
}

#[tokio::test]
async fn table_without_key_says_so() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.keyless (v int);
             alter publication supabase_realtime add table public.keyless;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.subscribe("k", &service(&server), json!([{"event": "*", "table": "keyless"}])).await;
    database.sql("insert into keyless values (1)").await;
    let change = socket.change().await;
    assert_eq!(change["errors"], json!(["Error 400: Bad Request, no primary key"]));
    assert_eq!(change["record"], json!({}));
}

#[tokio::test]
async fn unchanged_large_value_is_left_out_or_known() {
    let database = Database::scratch().await;
    table(&database).await;
    database.sql("alter table t alter body set storage external").await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "UPDATE", "schema": "public", "table": "t"}]);
    socket.subscribe("t", &service(&server), bindings).await;
    database.sql("insert into t values (1, repeat('x', 10000)); update t set price = 1").await;
    assert_eq!(socket.change().await["record"], json!({"id": 1, "price": 1}));
    database.sql("alter table t replica identity full; update t set price = 2").await;
    assert_eq!(socket.change().await["record"]["body"], "x".repeat(10_000));
}

#[tokio::test]
async fn partitions_speak_as_their_table() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.parted (id int primary key) partition by hash (id);
             create table public.parted_0 partition of public.parted for values with (modulus 1, remainder 0);
             alter publication supabase_realtime add table public.parted;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.subscribe("p", &service(&server), json!([{"event": "*", "table": "parted"}])).await;
    database.sql("insert into parted values (1)").await;
    assert_eq!(socket.change().await["table"], "parted");
}

#[tokio::test]
async fn values_look_the_same_whatever_the_database_prefers() {
    let database = Database::scratch().await;
    let name = database.name();
    database
        .sql(&format!(
            "create table public.t (id int primary key, at timestamptz, day date, raw bytea, span interval);
             alter publication supabase_realtime add table public.t;
             alter database {name} set timezone = 'Asia/Kolkata';
             alter database {name} set datestyle = 'SQL, DMY';
             alter database {name} set bytea_output = 'escape';
             alter database {name} set intervalstyle = 'iso_8601';"
        ))
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "*", "table": "t", "filter": "day=eq.2024-02-01"}]);
    socket.subscribe("t", &service(&server), bindings).await;
    database
        .sql(
            "insert into t values (1, '2024-02-01 03:04:05+02', '2024-02-01', '\\x01ff', '1 day 02:00')",
        )
        .await;
    assert_eq!(
        socket.change().await["record"],
        json!({
            "id": 1, "at": "2024-02-01T01:04:05+00:00", "day": "2024-02-01", "raw": "01ff",
            "span": "1 day 02:00:00",
        })
    );
}
