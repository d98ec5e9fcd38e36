//! Tables and publications that change while somebody is subscribed.

use serde_json::{Value, json};

use crate::support::{Database, Server, Socket};

/// Two tables, and two sockets: one follows both, the other only the one that stays.
async fn scene() -> (Database, Server, Socket, Socket) {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key, body text);
             create table public.other (id int primary key);
             alter publication supabase_realtime add table public.t, public.other;",
        )
        .await;
    let server = Server::start(&database).await;
    let (mut socket, mut bystander) = (server.socket().await, server.socket().await);
    let both = json!([{"event": "*", "table": "t"}, {"event": "*", "table": "other"}]);
    socket.subscribe("both", &server.person("ana"), both).await;
    let other = json!([{"event": "*", "table": "other"}]);
    bystander.subscribe("other", &server.person("bo"), other).await;
    database.sql("insert into t values (1, 'first')").await;
    assert_eq!(socket.change().await["record"], json!({"id": 1, "body": "first"}));
    (database, server, socket, bystander)
}

fn of(change: &Value) -> (&Value, &Value) {
    (&change["table"], &change["record"]["id"])
}

#[tokio::test]
async fn dropped_table_falls_silent_and_speaks_when_it_is_there_again() {
    let (database, server, mut socket, mut bystander) = scene().await;
    // What nobody can be asked about any more is not told either.
    database.sql("insert into t values (2, 'unheard'); drop table t").await;
    database.sql("insert into other values (1)").await;
    assert_eq!(of(&socket.change().await), (&json!("other"), &json!(1)));
    assert_eq!(bystander.change().await["record"]["id"], 1);
    // Nobody can subscribe to what is gone.
    let mut late = server.socket().await;
    late.join("late", &server.person("ana"), json!([{"event": "*", "table": "t"}])).await;
    let refused = late.event("system").await;
    let message = refused["message"].as_str().expect("a text");
    assert!(message.contains("Please check Realtime is enabled"), "{message}");
    // A table of the same name is another one, and followed by its name.
    database
        .sql(
            "create table public.t (id int primary key, title text);
             alter publication supabase_realtime add table public.t;
             insert into t values (3, 'anew');",
        )
        .await;
    assert_eq!(socket.change().await["record"], json!({"id": 3, "title": "anew"}));
}

#[tokio::test]
async fn table_out_of_the_publication_is_silent_until_it_is_in_it_again() {
    let (database, _server, mut socket, mut bystander) = scene().await;
    database.sql("alter publication supabase_realtime drop table t").await;
    database.sql("insert into t values (2, 'unheard')").await;
    database.sql("insert into other values (1)").await;
    assert_eq!(of(&socket.change().await), (&json!("other"), &json!(1)));
    assert_eq!(bystander.change().await["record"]["id"], 1);
    database.sql("alter publication supabase_realtime add table t").await;
    database.sql("insert into t values (3, 'heard'); insert into other values (2)").await;
    assert_eq!(of(&socket.change().await), (&json!("t"), &json!(3)));
    assert_eq!(of(&socket.change().await), (&json!("other"), &json!(2)));
    assert_eq!(bystander.change().await["record"]["id"], 2);
}

#[tokio::test]
async fn column_list_of_the_publication_counts_from_the_next_change_on() {
    let (database, _server, mut socket, mut bystander) = scene().await;
    database.sql("alter publication supabase_realtime set table t (id), other").await;
    database.sql("insert into t values (2, 'hidden')").await;
    let change = socket.change().await;
    assert_eq!(change["record"], json!({"id": 2}));
    assert_eq!(change["columns"], json!([{"name": "id", "type": "int4"}]));
    database.sql("alter publication supabase_realtime set table t, other").await;
    database.sql("insert into t values (3, 'shown'); insert into other values (1)").await;
    assert_eq!(socket.change().await["record"], json!({"id": 3, "body": "shown"}));
    assert_eq!(bystander.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn row_filter_of_the_publication_decides_what_reaches_the_log() {
    let (database, _server, mut socket, mut bystander) = scene().await;
    database.sql("alter publication supabase_realtime set table t where (id > 10), other").await;
    database.sql("insert into t values (2, 'small'), (11, 'large')").await;
    assert_eq!(of(&socket.change().await), (&json!("t"), &json!(11)));
    // An update that leaves the filter is a deletion to the log, one that enters it an insert.
    database.sql("update t set id = 3 where id = 11").await;
    let change = socket.change().await;
    assert_eq!((&change["type"], &change["old_record"]), (&json!("DELETE"), &json!({"id": 11})));
    database.sql("insert into other values (1)").await;
    assert_eq!(bystander.change().await["record"]["id"], 1);
}

/// Postgres then parses anew what is prepared, as the person who may not enter the schema.
#[tokio::test]
async fn new_schema_does_not_shut_people_out_of_the_functions_of_policies() {
    let database = Database::scratch().await;
    database
        .sql(
            "create schema private;
             create function private.is_known(who uuid) returns boolean
             language sql stable security definer set search_path = ''
             as $$ select who is not null $$;
             create table public.t (id int primary key, body text);
             alter table public.t enable row level security;
             create policy known on public.t for select to authenticated
               using (private.is_known((select auth.uid())) and body <> '');
             grant select on public.t to authenticated;
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut sockets = Vec::new();
    // One is asked alone, five are asked together.
    for name in ["ana", "bo", "cy", "dee", "ed"] {
        let mut socket = server.socket().await;
        let all = json!([{"event": "*", "table": "t"}]);
        socket.subscribe("t", &server.person(name), all).await;
        sockets.push(socket);
        for round in 0..3 {
            let id = sockets.len() * 10 + round;
            // Another text is another question.
            database
                .sql(&format!("create schema s{id}; insert into t values ({id}, 'b{id}')"))
                .await;
            for socket in &mut sockets {
                assert_eq!(socket.change().await["record"]["id"], json!(id));
            }
        }
    }
}
