//! Many people who are asked about one row are asked in one call, and told exactly what is theirs.

use serde_json::json;

use crate::support::{Database, Person, Server, Socket};

/// More than are worth a call of their own, and shared by two connections.
const CROWD: usize = 120;

/// Who raises an error.
const TROUBLED: usize = 7;

fn subject(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A database in which those with even numbers attend hall 1, and all attend hall 2.
async fn halls(policy: &str) -> Database {
    let database = Database::new().await;
    database
        .sql(&format!(
            "create table speeches (
               id int primary key, hall int not null, note text,
               \"end\" int not null default 0,
               found boolean not null default true, \"walkie's \"\"row\"\"\" boolean);
             create table attends (hall int, person uuid, primary key (hall, person));
             insert into attends
             select hall, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
               from generate_series(0, {CROWD} - 1) n, generate_series(1, 2) hall
              where hall = 2 or n % 2 = 0;
             create schema closed;
             grant usage on schema closed to authenticator;
             create function closed.holds(hall int, person uuid) returns boolean
             language sql stable security definer set search_path = ''
             as 'select exists (select from public.attends a
                                 where a.hall = holds.hall and a.person = holds.person)';
             create function attend(\"end\" int) returns boolean
             language sql stable security definer set search_path = ''
             as 'select exists (select from public.attends a
                                 where a.hall = attend.\"end\" and a.person = auth.uid())';
             alter table speeches enable row level security;
             grant select on speeches, attends to authenticated;
             create policy attending on speeches for select to authenticated using ({policy});
             alter publication supabase_realtime add table speeches;"
        ))
        .await;
    database
}

async fn crowd(server: &Server) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for number in 0..CROWD {
        let who: Person = server.bearer(&json!({
            "role": "authenticated", "exp": 4_000_000_000_u64, "sub": subject(number),
        }));
        let mut socket = server.socket().await;
        socket.subscribe("halls", &who, json!([{"event": "*", "table": "speeches"}])).await;
        sockets.push(socket);
    }
    sockets
}

/// A speech in hall 1, then one in hall 2: each hears the first only if they attend it.
async fn speak(database: &Database, sockets: &mut [Socket], is_troubled: impl Fn(usize) -> bool) {
    database.sql("insert into speeches values (1, 1, 'it''s')").await;
    database.sql("insert into speeches values (2, 2, 'it''s')").await;
    for (number, socket) in sockets.iter_mut().enumerate() {
        if is_troubled(number) {
            let told = socket.event("system").await;
            let message = told["message"].as_str().unwrap_or_default();
            assert!(message.contains("22012"), "{told}");
            continue;
        }
        let first = socket.change().await["record"]["id"].clone();
        assert_eq!(first, if number % 2 == 0 { 1 } else { 2 }, "person {number}");
    }
}

#[tokio::test]
async fn crowd_hears_what_each_of_it_may_hear() {
    let policy = r"note is distinct from E'it''s a \\ mark' and exists (
        select from attends a where a.hall = speeches.hall and a.person = (select auth.uid()))";
    let database = halls(policy).await;
    let server = Server::start(&database).await;
    let mut sockets = crowd(&server).await;
    speak(&database, &mut sockets, |_| false).await;
}

#[tokio::test]
async fn crowd_is_judged_by_functions_that_it_may_not_name() {
    let database = halls("closed.holds(hall, auth.uid())").await;
    let server = Server::start(&database).await;
    let mut sockets = crowd(&server).await;
    speak(&database, &mut sockets, |_| false).await;
}

#[tokio::test]
async fn crowd_is_judged_without_a_query_where_the_policy_has_none() {
    let policy = r"attend(hall) and (note = E'it''s' or note ~ 'select \\\\ nothing')";
    let database = halls(policy).await;
    let server = Server::start(&database).await;
    let mut sockets = crowd(&server).await;
    speak(&database, &mut sockets, |_| false).await;
}

#[tokio::test]
async fn columns_of_any_name_decide_for_a_crowd() {
    let database = halls(
        r#"attend(hall) and "end" = 0 and coalesce("walkie's ""row""", true) and speeches.found"#,
    )
    .await;
    let server = Server::start(&database).await;
    let mut sockets = crowd(&server).await;
    speak(&database, &mut sockets, |_| false).await;
}

#[tokio::test]
async fn error_for_one_of_a_crowd_is_theirs_alone() {
    let policy = format!(
        "1 / (case when auth.uid() = '{}' then 0 else 1 end) = 1 and closed.holds(hall, auth.uid())",
        subject(TROUBLED)
    );
    let database = halls(&policy).await;
    let server = Server::start(&database).await;
    let mut sockets = crowd(&server).await;
    speak(&database, &mut sockets, |number| number == TROUBLED).await;
}
