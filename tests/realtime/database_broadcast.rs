//! What SQL says to the channels.

use serde_json::{Value, json};

use super::broadcast::{ALL_EARS, insider, one_of_each, said};
use crate::support::{Database, Server, Socket, eventually};

/// The payload of the next broadcast, as JSON.
pub(super) async fn heard(socket: &mut Socket) -> Value {
    let (.., payload) = said(&socket.frame().await);
    serde_json::from_slice(&payload).expect("JSON")
}

#[tokio::test]
async fn message_reaches_both_serializers_with_its_id() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let (mut v1, mut v2) = one_of_each(&server, "news").await;

    database.sql(r#"select realtime.send('{"n": 1.50}', 'flash', 'news', false)"#).await;
    let id = database.value("select id from realtime.messages").await;
    let (topic, event, metadata, payload) = said(&v2.frame().await);
    assert_eq!((&*topic, &*event, &metadata["id"]), ("realtime:news", "flash", &json!(id)));
    let payload = String::from_utf8(payload).expect("UTF-8");
    assert!(payload.contains("1.50"), "numbers are as they were stored: {payload}");
    assert_eq!(serde_json::from_str::<Value>(&payload).expect("JSON")["id"], json!(id));

    let text = v1.next().await;
    assert_eq!((&text["event"], &text["ref"]), (&json!("broadcast"), &Value::Null));
    assert_eq!(
        text["payload"],
        json!({"type": "broadcast", "event": "flash", "payload": {"n": 1.5, "id": id}, "meta": {"id": id}})
    );
}

#[tokio::test]
async fn bytes_reach_only_sockets_that_can_carry_them() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let (mut v1, mut v2) = one_of_each(&server, "news").await;
    database
        .sql(
            r"select realtime.send_binary('\x00ff', 'b', 'news', false);
              select realtime.send('[1]', 'after', 'news', false)",
        )
        .await;
    let (_, event, _, payload) = said(&v2.frame().await);
    assert_eq!((&*event, &payload[..]), ("b", &[0, 255][..]));
    assert_eq!(v1.next().await["payload"]["event"], "after", "nothing came before");
}

// RT-01
#[tokio::test]
async fn private_and_public_rooms_are_apart_and_outsiders_hear_nothing() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let private = json!({"private": true});
    let mut bo = insider(&server, &room, "bo").await;
    let mut cy = server.socket().await;
    assert_eq!(cy.join_with(&room, &server.person("cy").token, private).await.0, "error");
    assert_eq!(cy.join_with(&room, &server.person("cy").token, json!({})).await.0, "ok");
    database
        .sql(&format!(
            r#"select realtime.send('{{"to": "members"}}', 'e', '{room}');
               select realtime.send('{{"to": "all"}}', 'e', '{room}', false)"#
        ))
        .await;
    assert_eq!(heard(&mut cy).await["to"], "all");
    assert_eq!(heard(&mut bo).await["to"], "members");
    assert!(bo.is_alive().await, "and no more");
}

#[tokio::test]
async fn messages_come_in_the_order_of_their_commits_and_not_at_all_when_rolled_back() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.join_with("t", &server.anon_key(), json!({})).await;
    let (first, second) = (database.connect().await, database.connect().await);
    let send = |n: i32| format!("select realtime.send('{{\"n\": {n}}}', 'e', 't', false);");
    first.batch_execute(&format!("begin; {}", send(3))).await.expect("sends");
    second.batch_execute(&[send(1), send(2)].concat()).await.expect("sends");
    first.batch_execute("commit").await.expect("commits");
    database.sql(&format!("begin; {} rollback; {}", send(0), send(4))).await;
    for n in 1..=4 {
        assert_eq!(heard(&mut socket).await["n"], n);
    }
}

// As https://supabase.com/docs/guides/realtime/subscribing-to-database-changes has it.
#[tokio::test]
async fn trigger_of_the_guide_works_unmodified() {
    let database = Database::scratch().await;
    database
        .sql(
            r#"create policy "Authenticated users can receive broadcasts"
               on "realtime"."messages" for select to authenticated using ( true );
               create table public.your_table (id bigint primary key, body text);
               create or replace function public.your_table_changes()
               returns trigger security definer language plpgsql as $$
               begin
                 perform realtime.broadcast_changes(
                   'topic:' || coalesce(NEW.id, OLD.id) ::text,
                   TG_OP, TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, NEW, OLD
                 );
                 return null;
               end;
               $$;
               create trigger handle_your_table_changes
               after insert or update or delete on public.your_table
               for each row execute function your_table_changes ();
               grant all on public.your_table to authenticated;"#,
        )
        .await;
    let server = Server::start(&database).await;
    let bo = server.person("bo");
    let mut socket = insider(&server, "topic:1", "bo").await;
    let written = server
        .request(reqwest::Method::POST, "/rest/v1/your_table")
        .bearer_auth(&bo.token)
        .json(&json!([{"id": 2, "body": "elsewhere"}, {"id": 1, "body": "here"}]))
        .send()
        .await
        .expect("answers");
    assert_eq!(written.status(), 201);
    let (_, event, _, payload) = said(&socket.frame().await);
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(event, "INSERT");
    assert_eq!(payload["record"], json!({"id": 1, "body": "here"}));
    assert_eq!(
        (&payload["operation"], &payload["schema"], &payload["table"], &payload["old_record"]),
        (&json!("INSERT"), &json!("public"), &json!("your_table"), &Value::Null)
    );
    database.sql("delete from public.your_table").await;
    assert_eq!(heard(&mut socket).await["old_record"], json!({"id": 1, "body": "here"}));
}

#[tokio::test]
async fn whoever_may_not_insert_is_not_heard() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let mut ana = insider(&server, &room, "ana").await;
    for (who, event) in [("cy", "lie"), ("bo", "truth")] {
        database
            .sql(&format!(
                "begin; select tests.be('{who}');
                 select realtime.send('{{}}', '{event}', '{room}'); commit"
            ))
            .await;
    }
    let (_, event, ..) = said(&ana.frame().await);
    assert_eq!(event, "truth");
}

#[tokio::test]
async fn large_payloads_pass_and_too_large_ones_are_dropped_alone() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.join_with("t", &server.anon_key(), json!({})).await;
    database
        .sql(
            "select realtime.send(jsonb_build_object('x', repeat('x', 3000600)), 'e', 't', false);
             select realtime.send('{}', repeat('e', 256), 't', false);
             select realtime.send('{}', 'e', repeat('t', 250), false);
             insert into realtime.messages (topic, extension, event) values ('t', 'broadcast', 'e');
             insert into realtime.messages (topic, extension, payload) values ('t', 'broadcast', '{}');
             insert into realtime.messages (topic, extension, event, payload) values ('t', 'presence', 'e', '{}');
             select realtime.send(jsonb_build_object('x', repeat('x', 1000000)), 'large', 't', false)",
        )
        .await;
    let (_, event, _, payload) = said(&socket.frame().await);
    assert_eq!(event, "large");
    assert!(payload.len() > 1_000_000);
}

#[tokio::test]
async fn messages_are_nobodys_changes() {
    let database = Database::scratch().await;
    database.sql("create table public.t (id int primary key); alter publication supabase_realtime add table public.t; grant select on public.t to authenticated").await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let everything = json!([{"event": "*", "schema": "*"}]);
    socket.subscribe("all", &server.person("bo"), everything).await;
    database
        .sql("select realtime.send('{}', 'e', 't', false); insert into public.t values (1)")
        .await;
    assert_eq!(socket.change().await["table"], "t");
}

#[tokio::test]
async fn stream_that_breaks_tells_no_message_twice() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.join_with("t", &server.anon_key(), json!({})).await;
    let send = |n: i32| format!("select realtime.send('{{\"n\": {n}}}', 'e', 't', false)");
    database.sql(&send(1)).await;
    assert_eq!(heard(&mut socket).await["n"], 1);
    let cut = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
        database.name()
    );
    assert_eq!(database.value(&cut).await, "t");
    database.sql(&send(2)).await;
    assert_eq!(heard(&mut socket).await["n"], 2, "the first is not told again");
}

#[tokio::test]
async fn server_makes_and_drops_partitions_and_waits_for_nobody() {
    let database = Database::scratch().await;
    // A first start makes the slot, for which Postgres waits until nobody writes.
    Server::start(&database).await.stop().await;
    let days = "select count(*) from pg_inherits where inhparent = 'realtime.messages'::regclass";
    let before = database.value(days).await;
    database
        .sql(
            "do $$ begin execute format('drop table realtime.%I', 'messages_' || to_char(timezone('utc', now()) + interval '3 days', 'YYYY_MM_DD')); end $$;
             set role supabase_realtime_admin;
             create table realtime.messages_2001_02_03 partition of realtime.messages for values from ('2001-02-03') to ('2001-02-04');
             create table realtime.messages_2001_02_04 partition of realtime.messages for values from ('2001-02-04') to ('2001-02-05');
             reset role",
        )
        .await;
    // A writer who has not committed yet.
    let writer = database.connect().await;
    writer
        .batch_execute("begin; select realtime.send('{}', 'e', 't', false)")
        .await
        .expect("sends");
    let server = Server::start(&database).await;
    let made = "select to_regclass('realtime.messages_' || to_char(timezone('utc', now()) + interval '3 days', 'YYYY_MM_DD')) is not null";
    assert_eq!(database.value(made).await, "t", "made although somebody writes");
    let old = "select to_regclass('realtime.messages_2001_02_03') is not null";
    assert_eq!(database.value(old).await, "t", "kept because somebody writes");
    database.sql("select realtime.send('{}', 'e', 't', false)").await;
    writer.batch_execute("commit").await.expect("commits");
    eventually("the old ones are gone", || async {
        (database.value(days).await == before).then_some(())
    })
    .await;
    drop(server);
}

#[tokio::test]
async fn upkeep_that_somebody_else_does_is_left_to_them() {
    let database = Database::scratch().await;
    let other = database.connect().await;
    other
        .batch_execute(
            "begin; select pg_advisory_xact_lock(hashtext('realtime.ensure_partitions'))",
        )
        .await
        .expect("locks");
    database.sql("set statement_timeout = '5s'; select realtime.ensure_partitions()").await;
    assert_eq!(database.value("select realtime.drop_partitions('1 day')").await, "0");
}

// TYP-05
#[tokio::test]
async fn shadow_banned_and_shy_typing_reaches_nobody() {
    let database = Database::new().await;
    database
        .sql(
            "insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
             insert into user_privacy_settings (user_id, show_typing) values (tests.id('dee'), false);
             select * from app.admit(tests.conversation('watercooler'), array[tests.id('dee')], 'member', true)",
        )
        .await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let topic = format!("realtime:{room}");
    let mut sockets = Vec::new();
    for name in ["ana", "bo", "dee"] {
        let mut socket = server.socket().await;
        let private = json!({"private": true, "broadcast": {"self": true}});
        assert_eq!(socket.join_with(&room, &server.person(name).token, private).await.0, "ok");
        sockets.push((name, socket));
    }
    for (name, socket) in sockets.iter_mut().rev() {
        let payload = json!({"type": "broadcast", "event": "typing", "payload": {"who": name}});
        socket.push(&topic, "broadcast", payload).await;
        assert!(socket.is_alive().await || *name == "ana", "handled");
    }
    for (_, socket) in &mut sockets[1..] {
        assert_eq!(socket.event("broadcast").await["payload"]["who"], "ana");
    }
}

#[tokio::test]
async fn listening_needs_no_more_than_the_policies_say() {
    let database = Database::scratch().await;
    database.sql(ALL_EARS).await;
    let server = Server::start(&database).await;
    let mut bo = insider(&server, "t", "bo").await;
    let (status, _) = bo.join_with("u", &server.anon_key(), json!({"private": true})).await;
    assert_eq!(status, "error", "nobody signed in may listen");
    database
        .sql("select realtime.send('[true]', 'e', 'u'); select realtime.send('\"x\"', 'e', 't')")
        .await;
    assert_eq!(heard(&mut bo).await, json!("x"));
}
