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
    let mut newer = server.socket().await;
    newer.join("t", &service(&server), json!([{"event": "*", "table": "t"}])).await;
    let frame = newer.next().await;
    assert_eq!((&frame[0], &frame[1], &frame[3]), (&json!("j"), &json!(null), &json!("system")));
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

#[tokio::test]
async fn selected_columns_come_with_the_key_and_no_others() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([
        {"event": "*", "schema": "public", "table": "t", "select": ["price"], "filter": "body=neq.x"},
        {"event": "*", "schema": "public", "table": "t", "filter": "id=gt.1"},
    ]);
    let (_, response) = socket.join("t", &service(&server), bindings).await;
    let ids = [0, 1].map(|number: usize| response["postgres_changes"][number]["id"].clone());
    socket.event("system").await;
    database
        .sql(
            "alter table t replica identity full;
             insert into t values (1, 'one', 1), (2, 'x', 2); update t set body = 'y' where id = 1;",
        )
        .await;
    let insert = socket.event("postgres_changes").await;
    assert_eq!(insert["ids"], json!([ids[0]]));
    assert_eq!(insert["data"]["record"], json!({"id": 1, "price": 1}));
    assert_eq!(
        insert["data"]["columns"],
        json!([{"name": "id", "type": "int4"}, {"name": "price", "type": "numeric"}])
    );
    let whole = socket.event("postgres_changes").await;
    assert_eq!((&whole["ids"], &whole["data"]["record"]["body"]), (&json!([ids[1]]), &json!("x")));
    let update = socket.event("postgres_changes").await;
    assert_eq!(update["data"]["record"], json!({"id": 1, "price": 1}));
    assert_eq!(update["data"]["old_record"], json!({"id": 1, "price": 1}));
}

#[tokio::test]
async fn eight_bytes_are_exact_for_those_who_ask() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.big (id int8 primary key, many int8[], small int);
             alter publication supabase_realtime add table public.big;",
        )
        .await;
    let server = Server::start(&database).await;
    let (mut exact, mut plain) = (server.socket().await, server.socket().await);
    exact.subscribe("b", &service(&server), json!([{"table": "big", "int8": "string"}])).await;
    plain.subscribe("b", &service(&server), json!([{"table": "big"}])).await;
    database.sql("insert into big values (9007199254740993, '{1,null}', 7)").await;
    let change = exact.change().await;
    assert_eq!(
        change["record"],
        json!({"id": "9007199254740993", "many": ["1", null], "small": 7})
    );
    // A client that converts by these types leaves the digits alone.
    let types = change["columns"].as_array().expect("a list").iter().map(|column| &column["type"]);
    assert_eq!(types.collect::<Vec<_>>(), ["text", "_int8", "int4"]);
    let number = 9_007_199_254_740_993_i64;
    assert_eq!(
        plain.change().await["record"],
        json!({"id": number, "many": [1, null], "small": 7})
    );
}

#[tokio::test]
async fn key_that_may_not_be_selected_withholds_the_row() {
    let database = Database::scratch().await;
    table(&database).await;
    database.sql("revoke all on t from anon; grant select (body) on t to anon").await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let anon = Person { token: server.anon_key() };
    socket.subscribe("t", &anon, json!([{"event": "*", "table": "t"}])).await;
    database.sql("insert into t values (1, 'one')").await;
    let change = socket.change().await;
    assert_eq!(change["errors"], json!(["Error 401: Unauthorized"]));
    assert_eq!((&change["columns"], &change["record"]), (&json!([]), &json!({})));
    let at = change["commit_timestamp"].as_str().expect("stock Python clients need one");
    assert!(at.ends_with('Z') && at.len() == 24, "{at}");
}

#[tokio::test]
async fn rows_before_are_told_as_the_replica_identity_allows() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, body text not null unique, note text);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &service(&server), json!([{"table": "t"}])).await;
    // The key alone.
    database.sql("insert into t values (1, 'a', 'n'); update t set id = 2; delete from t").await;
    socket.change().await;
    assert_eq!(socket.change().await["old_record"], json!({"id": 1}));
    assert_eq!(socket.change().await["old_record"], json!({"id": 2}));
    // Another index: the log names neither the old key of a change nor that of a deleted row.
    database
        .sql(
            "alter table t replica identity using index t_body_key;
             insert into t values (3, 'a', 'n'); update t set body = 'b'; delete from t",
        )
        .await;
    socket.change().await;
    assert_eq!(socket.change().await["old_record"], json!({"id": 3}));
    assert_eq!(socket.change().await["old_record"], json!({}));
    // Everything.
    database
        .sql(
            "alter table t replica identity full;
             insert into t values (4, 'a', 'n'); update t set body = 'b'; delete from t",
        )
        .await;
    socket.change().await;
    assert_eq!(socket.change().await["old_record"], json!({"id": 4, "body": "a", "note": "n"}));
    assert_eq!(socket.change().await["old_record"], json!({"id": 4, "body": "b", "note": "n"}));
}

#[tokio::test]
async fn names_may_be_anything() {
    let database = Database::scratch().await;
    let (schema, name, column) = ("A b,c.\"d'", "Tab le.\"x\", y'", "Col umn.\"z\" é'");
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table = format!("{}.{}", quoted(schema), quoted(name));
    database
        .sql(
            &format!(
                "create schema {};
             grant usage on schema {0} to anon;
             create table {table} (\"I d\" int primary key, {column} public.\"My Mood\");
             grant select on {table} to anon;
             alter publication supabase_realtime add table {table};",
                quoted(schema),
                column = quoted(column),
            )
            .replacen(
                "create table",
                "create type public.\"My Mood\" as enum ('sad', 'glad'); create table",
                1,
            ),
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let anon = Person { token: server.anon_key() };
    let filter = format!("{column}=gt.sad");
    let bindings = json!([{"schema": schema, "table": name, "filter": filter, "select": [column]}]);
    socket.subscribe("t", &anon, bindings).await;
    database.sql(&format!("insert into {table} values (1, 'sad'), (2, 'glad')")).await;
    let change = socket.change().await;
    assert_eq!((&change["schema"], &change["table"]), (&json!(schema), &json!(name)));
    assert_eq!(change["record"], json!({"I d": 2, column: "glad"}));
}

#[tokio::test]
async fn renamed_table_goes_on_under_its_new_name() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let (mut by_name, mut all) = (server.socket().await, server.socket().await);
    by_name.subscribe("t", &service(&server), json!([{"table": "t"}])).await;
    all.subscribe("a", &service(&server), json!([{"schema": "public"}])).await;
    database
        .sql(
            "insert into t values (1); alter table t rename to u; insert into u values (2);
             alter table u rename to t; insert into t values (3);",
        )
        .await;
    let heard = [all.change().await, all.change().await, all.change().await];
    assert_eq!(
        heard.map(|change| change["table"].clone()),
        ["t", "u", "t"].map(serde_json::Value::from)
    );
    assert_eq!(by_name.change().await["record"]["id"], 1);
    assert_eq!(by_name.change().await["record"]["id"], 3);
}

#[tokio::test]
async fn generated_columns_come_where_the_log_has_them() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, twice int generated always as (id * 2) stored);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let is_logged =
        database.value("select current_setting('server_version_num')::int >= 180000").await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let (_, response) =
        socket.join("g", &service(&server), json!([{"table": "t", "filter": "twice=eq.2"}])).await;
    assert!(response["postgres_changes"].is_array());
    let accepted = socket.event("system").await["status"].clone();
    assert_eq!(accepted, if is_logged == "t" { "ok" } else { "error" });
    socket.subscribe("t", &service(&server), json!([{"table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    let record = socket.change().await["record"].clone();
    assert_eq!(
        record,
        if is_logged == "t" { json!({"id": 1, "twice": 2}) } else { json!({"id": 1}) }
    );
}
