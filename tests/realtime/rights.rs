//! Rights in private channels follow what the policies read: lost ones end at once.

use serde_json::{Value, json};

use crate::support::{Database, Person, Server, Socket, eventually};

const WATERCOOLER: &str = "10000000-0000-4000-8000-000000000001";

/// Whose channel is named for a team that they are in hear it, speak in it and are present.
const TEAMS: &str = "
    create table public.members (
      team text, person uuid, may_speak boolean not null default true, may_be_present boolean not null default true,
      primary key (team, person)
    );
    insert into public.members
    select 'red', (letter || '0000000-0000-4000-8000-00000000000' || letter)::uuid
      from unnest(array['a', 'b', 'c']) as letter;
    grant select on public.members to authenticated;
    create policy hear on realtime.messages for select to authenticated
      using (exists (select from public.members m
                      where m.team = (select realtime.topic()) and m.person = (select auth.uid())));
    create policy say on realtime.messages for insert to authenticated
      with check (exists (select from public.members m
                           where m.team = (select realtime.topic()) and m.person = (select auth.uid())
                             and case extension when 'broadcast' then m.may_speak else m.may_be_present end));";

const BO: &str = "person = 'b0000000-0000-4000-8000-00000000000b'";

fn private() -> Value {
    json!({"private": true, "broadcast": {"ack": true}, "presence": {"enabled": true}})
}

/// A socket with one private channel.
async fn joined(server: &Server, name: &str, who: &str) -> Socket {
    let mut socket = server.socket().await;
    join(&mut socket, server, name, who).await;
    socket
}

async fn join(socket: &mut Socket, server: &Server, name: &str, who: &str) {
    let (status, response) = socket.join_with(name, &server.person(who).token, private()).await;
    assert_eq!(status, "ok", "{who} in {name}: {response}");
}

async fn scene() -> (Database, Server, [Socket; 3]) {
    let database = Database::scratch().await;
    database.sql(TEAMS).await;
    let server = Server::start(&database).await;
    let mut sockets = Vec::new();
    for who in ["ana", "bo", "cy"] {
        sockets.push(joined(&server, "red", who).await);
    }
    let sockets = sockets.try_into().unwrap_or_else(|_| panic!("three"));
    (database, server, sockets)
}

async fn say(socket: &mut Socket, name: &str, text: &str) {
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"text": text}});
    socket.push(&format!("realtime:{name}"), "broadcast", payload).await;
}

/// The next thing that somebody else says.
async fn heard(socket: &mut Socket) -> Value {
    socket.event("broadcast").await["payload"]["text"].take()
}

/// The channel is told that its right is lost, and closed.
async fn assert_ends(socket: &mut Socket, name: &str) {
    let system = socket.event("system").await;
    assert_eq!(
        system,
        json!({
            "extension": "system", "status": "error", "channel": name,
            "message": format!("You no longer have permission to read from this Channel topic: {name}"),
        })
    );
    assert_eq!(
        socket.next().await,
        json!(["j", "j", format!("realtime:{name}"), "phx_close", {}]),
        "a close, not an error"
    );
}

/// Nothing has come before the answer to what is asked now.
async fn assert_silent(socket: &mut Socket) {
    let reference = socket.push("phoenix", "heartbeat", json!({})).await;
    let frame = socket.next().await;
    assert_eq!((&frame[1], &frame[3]), (&json!(reference), &json!("phx_reply")), "{frame}");
}

/// Whether a broadcast is acknowledged; without the right to speak nothing comes.
async fn may_speak(socket: &mut Socket, name: &str) -> bool {
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"text": "may I?"}});
    let asked = socket.push(&format!("realtime:{name}"), "broadcast", payload).await;
    let beat = socket.push("phoenix", "heartbeat", json!({})).await;
    let mut may = false;
    loop {
        let frame = socket.next().await;
        if frame[3] == "phx_reply" {
            may |= frame[1] == json!(asked);
            if frame[1] == json!(beat) {
                return may;
            }
        }
    }
}

async fn track(socket: &mut Socket, name: &str) -> String {
    let call = json!({"type": "presence", "event": "track", "payload": {}});
    socket.ask(&format!("realtime:{name}"), "presence", call).await.0
}

/// How many private channels were asked about again.
async fn asked_again(server: &Server) -> u64 {
    let mut count = 0;
    for outcome in ["same", "changed", "lost", "undecided"] {
        let sample = format!(r#"walkie_realtime_rights_total{{outcome="{outcome}"}}"#);
        count += server.metric(&sample).await;
    }
    count
}

/// Two seconds, told by the server: all that is done every second has been done.
async fn two_seconds(server: &Server) {
    let mut socket = server.socket().await;
    let brief = server.person_until("dee", 2);
    assert_eq!(socket.join("clock", &brief, json!([])).await.0, "ok");
    socket.event("phx_error").await;
}

// CNV-08
#[tokio::test]
async fn removed_member_hears_nothing_more_and_the_channel_ends() {
    let database = Database::new().await;
    database
        .sql(&format!(
            "insert into conversation_members (conversation_id, member_id) values ('{WATERCOOLER}', tests.id('dee'))"
        ))
        .await;
    let server = Server::start(&database).await;
    let name = format!("conversation:{WATERCOOLER}");
    let mut ana = joined(&server, &name, "ana").await;
    let mut bo = joined(&server, &name, "bo").await;
    let mut dee = joined(&server, &name, "dee").await;
    say(&mut ana, &name, "with bo").await;
    assert_eq!(heard(&mut bo).await, "with bo");
    assert_eq!(heard(&mut dee).await, "with bo");

    let bo_id = database.value("select tests.id('bo')").await;
    let arguments = json!({"p_conversation": WATERCOOLER, "p_member": bo_id});
    let removed = server.rpc(&server.person("ana"), "remove_member", arguments).await;
    assert!(removed.status.is_success(), "{}", removed.text);
    assert_ends(&mut bo, &name).await;

    say(&mut ana, &name, "without bo").await;
    assert_eq!(heard(&mut dee).await, "without bo", "the others go on");
    let send = format!("select realtime.send('{{\"text\": \"from SQL\"}}', 'e', '{name}')");
    database.sql(&send).await;
    assert!(dee.frame().await.is_binary(), "and hear the database too");
    assert_silent(&mut bo).await;
    let (status, response) = bo.join_with(&name, &server.person("bo").token, private()).await;
    assert_eq!(status, "error", "{response}");
}

#[tokio::test]
async fn who_leaves_sight_is_present_no_more() {
    let (database, _server, [mut ana, mut bo, _]) = scene().await;
    assert_eq!(track(&mut bo, "red").await, "ok");
    assert_eq!(ana.event("presence_diff").await["leaves"], json!({}));
    database.sql(&format!("delete from members where {BO}")).await;
    assert_ends(&mut bo, "red").await;
    let diff = ana.event("presence_diff").await;
    assert_eq!(
        (diff["joins"].clone(), diff["leaves"].as_object().map(serde_json::Map::len)),
        (json!({}), Some(1))
    );
}

#[tokio::test]
async fn lost_right_to_speak_counts_at_once_and_so_does_one_that_is_given_back() {
    let (database, _server, [mut ana, mut bo, _]) = scene().await;
    assert!(may_speak(&mut bo, "red").await);
    assert_eq!(heard(&mut ana).await, "may I?");
    database.sql(&format!("update members set may_speak = false where {BO}")).await;
    while may_speak(&mut bo, "red").await {
        assert_eq!(heard(&mut ana).await, "may I?");
    }
    say(&mut bo, "red", "unheard").await;
    assert!(bo.is_alive().await, "the channel stays");
    say(&mut ana, "red", "heard").await;
    assert_eq!(heard(&mut bo).await, "heard", "and hears");
    database.sql(&format!("update members set may_speak = true where {BO}")).await;
    while !may_speak(&mut bo, "red").await {}
    assert_eq!(heard(&mut ana).await, "may I?", "the first since the right was lost");
}

#[tokio::test]
async fn who_may_not_be_present_any_more_is_taken_out_and_stays() {
    let (database, _server, [mut ana, mut bo, _]) = scene().await;
    assert_eq!(track(&mut bo, "red").await, "ok");
    assert_eq!(ana.event("presence_diff").await["leaves"], json!({}));
    database.sql(&format!("update members set may_be_present = false where {BO}")).await;
    let diff = ana.event("presence_diff").await;
    assert_eq!(diff["leaves"].as_object().map(serde_json::Map::len), Some(1), "{diff}");
    assert_eq!(track(&mut bo, "red").await, "error");
    say(&mut ana, "red", "still here?").await;
    assert_eq!(heard(&mut bo).await, "still here?");
    database.sql(&format!("update members set may_be_present = true where {BO}")).await;
    while track(&mut bo, "red").await == "error" {}
    assert_eq!(ana.event("presence_diff").await["leaves"], json!({}));
}

#[tokio::test]
async fn what_may_be_heard_becomes_less_and_more() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.listeners (person uuid primary key, sees_presence boolean not null);
             insert into public.listeners values
               ('a0000000-0000-4000-8000-00000000000a', true), ('b0000000-0000-4000-8000-00000000000b', true);
             grant select on public.listeners to authenticated;
             create policy hear on realtime.messages for select to authenticated
               using (exists (select from public.listeners l
                               where l.person = (select auth.uid()) and (l.sees_presence or extension = 'broadcast')));
             create policy say on realtime.messages for insert to authenticated with check (true);",
        )
        .await;
    let server = Server::start(&database).await;
    let mut ana = joined(&server, "stage", "ana").await;
    let mut bo = joined(&server, "stage", "bo").await;
    assert_eq!(bo.event("presence_state").await, json!({}));
    let changed = r#"walkie_realtime_rights_total{outcome="changed"}"#;
    database.sql(&format!("update listeners set sees_presence = false where {BO}")).await;
    server.settles(changed, 1).await;
    assert_eq!(track(&mut ana, "stage").await, "ok");
    say(&mut ana, "stage", "here I am").await;
    let frame = bo.next().await;
    assert_eq!(frame[3], "broadcast", "presence is not told: {frame}");
    database.sql(&format!("update listeners set sees_presence = true where {BO}")).await;
    let state = bo.event("presence_state").await;
    assert_eq!(state.as_object().map(serde_json::Map::len), Some(1), "{state}");
}

#[tokio::test]
async fn change_that_names_nobody_is_asked_of_everybody() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.stages (name text primary key, is_open boolean not null);
             insert into public.stages values ('one', true), ('two', true);
             grant select on public.stages to authenticated;
             create policy hear on realtime.messages for select to authenticated
               using (exists (select from public.stages s where s.name = (select realtime.topic()) and s.is_open));
             create policy say on realtime.messages for insert to authenticated with check (true);",
        )
        .await;
    let server = Server::start(&database).await;
    let mut ana = joined(&server, "one", "ana").await;
    let mut bo = joined(&server, "one", "bo").await;
    join(&mut ana, &server, "two", "ana").await;
    let mut cy = joined(&server, "two", "cy").await;
    database.sql("update stages set is_open = false where name = 'one'").await;
    assert_ends(&mut ana, "one").await;
    assert_ends(&mut bo, "one").await;
    say(&mut cy, "two", "still open").await;
    assert_eq!(heard(&mut ana).await, "still open");
    database.sql("truncate stages").await;
    assert_ends(&mut ana, "two").await;
    assert_ends(&mut cy, "two").await;
}

#[tokio::test]
async fn rights_that_the_server_cannot_see_through_are_asked_every_second() {
    let database = Database::scratch().await;
    database.sql(TEAMS).await;
    database
        .sql(
            "create function public.is_in(p_team text) returns boolean language plpgsql stable as $$
             begin
               return exists (select from public.members m where m.team = p_team and m.person = auth.uid());
             end $$;
             drop policy hear on realtime.messages;
             create policy hear on realtime.messages for select to authenticated using (public.is_in(realtime.topic()));",
        )
        .await;
    let server = Server::start(&database).await;
    let mut ana = joined(&server, "red", "ana").await;
    let mut bo = joined(&server, "red", "bo").await;
    // Later than whatever was asked because they have just come.
    two_seconds(&server).await;
    database.sql(&format!("delete from members where {BO}")).await;
    assert_ends(&mut bo, "red").await;
    say(&mut ana, "red", "without bo").await;
    assert!(ana.is_alive().await);
    assert_silent(&mut bo).await;
}

#[tokio::test]
async fn rights_follow_the_policies_themselves() {
    for change in [
        "drop policy hear on realtime.messages",
        "alter policy hear on realtime.messages using (realtime.topic() <> 'red')",
        "create policy narrow on realtime.messages as restrictive for select using (topic <> 'red')",
        "revoke select on realtime.messages from authenticated",
        "create or replace function public.opened() returns boolean language sql stable as 'select false'",
    ] {
        let database = Database::scratch().await;
        database
            .sql(
                "create function public.opened() returns boolean language sql stable as 'select true';
                 create policy hear on realtime.messages for select to authenticated using (public.opened());
                 create policy say on realtime.messages for insert to authenticated with check (true);",
            )
            .await;
        let server = Server::start(&database).await;
        let mut bo = joined(&server, "red", "bo").await;
        two_seconds(&server).await;
        database.sql(change).await;
        assert_ends(&mut bo, "red").await;
        let (status, _) = bo.join_with("red", &server.person("bo").token, private()).await;
        assert_eq!(status, "error", "{change}");
    }
}

#[tokio::test]
async fn change_that_names_somebody_is_asked_of_nobody_else() {
    const OTHERS: u64 = 200;
    let database = Database::scratch().await;
    database.sql(TEAMS).await;
    database
        .sql(
            "insert into members
             select 'team ' || number, (letter || '0000000-0000-4000-8000-00000000000' || letter)::uuid
               from generate_series(1, 100) as number, unnest(array['c', 'd']) as letter;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut bo = joined(&server, "red", "bo").await;
    let mut others = Vec::new();
    for who in ["cy", "dee"] {
        let mut socket = server.socket().await;
        for number in 1..=OTHERS / 2 {
            join(&mut socket, &server, &format!("team {number}"), who).await;
        }
        others.push(socket);
    }
    // Policies were read, and the tables are told.
    two_seconds(&server).await;
    // Other tests make roles in the same cluster, and after that everybody is asked.
    for attempt in 1.. {
        let before = asked_again(&server).await;
        // Upon which the log describes the table anew.
        database.sql("analyze members").await;
        database.sql(&format!("delete from members where {BO} and team = 'red'")).await;
        assert_ends(&mut bo, "red").await;
        two_seconds(&server).await;
        let asked = asked_again(&server).await - before;
        if asked == 1 {
            break;
        }
        assert!(attempt < 8, "{asked} were asked");
        let again = "insert into members values ('red', 'b0000000-0000-4000-8000-00000000000b')";
        database.sql(again).await;
        join(&mut bo, &server, "red", "bo").await;
    }
}

#[tokio::test]
async fn nobody_is_asked_about_while_there_is_no_private_channel() {
    let database = Database::scratch().await;
    database.sql(TEAMS).await;
    let server = Server::start(&database).await;
    let mut public = server.socket().await;
    assert_eq!(public.join("red", &server.person("ana"), json!([])).await.0, "ok");
    let notes = "select count(*) from realtime.policy_notes";
    two_seconds(&server).await;
    assert_eq!(database.value(notes).await, "0");
    join(&mut public, &server, "red", "ana").await;
    eventually("policies are read", || async {
        (database.value(notes).await != "0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn policy_that_fails_for_one_leaves_the_others_alone() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.moods (person uuid primary key, mood text not null);
             insert into public.moods
             select (letter || '0000000-0000-4000-8000-00000000000' || letter)::uuid, 'calm'
               from unnest(array['a', 'b', 'c', 'd']) as letter;
             grant select on public.moods to authenticated;
             create function public.suits(p_mood text) returns boolean language plpgsql stable as $$
             begin
               if p_mood = 'angry' then raise 'no'; end if;
               if p_mood = 'tired' then perform pg_sleep(30); end if;
               return p_mood <> 'sad';
             end $$;
             comment on function public.suits(text) is '@reads nothing';
             create policy hear on realtime.messages for select to authenticated
               using (exists (select from public.moods m where m.person = (select auth.uid()) and public.suits(m.mood)));
             create policy say on realtime.messages for insert to authenticated with check (true);",
        )
        .await;
    let server = Server::start_with(&database, &["--realtime-policy-timeout-ms", "200"]).await;
    let mut ana = joined(&server, "red", "ana").await;
    let mut bo = joined(&server, "red", "bo").await;
    let mut cy = joined(&server, "red", "cy").await;
    let mut dee = joined(&server, "red", "dee").await;
    database
        .sql(
            "update moods set mood = case left(person::text, 1)
               when 'a' then 'happy' when 'b' then 'angry' when 'c' then 'tired' else 'sad' end",
        )
        .await;
    assert_ends(&mut bo, "red").await;
    assert_ends(&mut dee, "red").await;
    let system = cy.event("system").await;
    assert_eq!(system["message"], "Query was cancelled, please try again");
    assert_eq!(
        cy.next().await[3],
        "phx_error",
        "whether cy may is not known: the client comes back"
    );
    let mut eve = joined(&server, "red", "ana").await;
    say(&mut eve, "red", "all well?").await;
    assert_eq!(heard(&mut ana).await, "all well?");
}

#[tokio::test]
async fn rights_are_those_of_the_present_token() {
    let (database, server, [mut ana, mut bo, _cy]) = scene().await;
    let mut former = joined(&server, "red", "bo").await;
    let Person { token } = server.person("cy");
    bo.push("realtime:red", "access_token", json!({"access_token": token})).await;
    assert!(bo.is_alive().await);
    database.sql(&format!("delete from members where {BO}")).await;
    assert_ends(&mut former, "red").await;
    say(&mut ana, "red", "bo is gone").await;
    assert_eq!(heard(&mut bo).await, "bo is gone", "bo is cy by now");
    database.sql("delete from members where person = 'c0000000-0000-4000-8000-00000000000c'").await;
    assert_ends(&mut bo, "red").await;
}

#[tokio::test]
async fn removal_at_the_moment_of_the_join_is_not_overlooked() {
    let (database, server, [_ana, mut bo, _]) = scene().await;
    let remover = database.connect().await;
    let who = server.person("bo");
    for _ in 0..40 {
        let leave = bo.push("realtime:red", "phx_leave", json!({})).await;
        while bo.next().await[1] != json!(leave) {}
        let (joined, removed) = tokio::join!(
            bo.join_with("red", &who.token, private()),
            remover.batch_execute(
                "delete from members where person = 'b0000000-0000-4000-8000-00000000000b'"
            ),
        );
        removed.expect("can be removed");
        // Refused, or let in and ended.
        if joined.0 == "ok" {
            assert_ends(&mut bo, "red").await;
        }
        database
            .sql("insert into members values ('red', 'b0000000-0000-4000-8000-00000000000b')")
            .await;
        join(&mut bo, &server, "red", "bo").await;
    }
}
