//! Each change to exactly those whom the policies let see it.

use reqwest::Method;
use serde_json::{Value, json};

use tokio::sync::watch;
use walkie::wal::Place;

use crate::support::{Database, Person, Server, Socket, eventually};

const WATERCOOLER: &str = "10000000-0000-4000-8000-000000000001";

fn messages() -> Value {
    json!([{"event": "*", "schema": "public", "table": "messages"}])
}

async fn say(server: &Server, who: &str, room: &str, body: &str) {
    let arguments = json!({"p_conversation_id": room, "p_body": body});
    let answer = server.rpc(&server.person(who), "send_message", arguments).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

// RT-01
#[tokio::test]
async fn members_hear_each_other_and_an_outsider_hears_nothing() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (ana, bo, cy) = (server.person("ana"), server.person("bo"), server.person("cy"));
    let mut sockets = [server.socket().await, server.socket().await, server.socket().await];
    for (socket, who) in sockets.iter_mut().zip([&ana, &bo, &cy]) {
        socket.subscribe("messages", who, messages()).await;
    }
    let seen = server.rest(&cy, Method::GET, "profiles?select=id&display_name=eq.Cy").await;
    assert_eq!(seen.body.as_array().map(Vec::len), Some(1), "the outsider exists");

    say(&server, "ana", WATERCOOLER, "hello bo").await;
    say(&server, "bo", WATERCOOLER, "hello ana").await;
    // A room that the outsider is in: its message comes after all that they must not hear.
    let lobby = database.value("select tests.conversation('lobby')").await;
    for who in ["ana", "bo", "cy"] {
        let answer = server.rpc(&server.person(who), "join_room", json!({"p_slug": "lobby"})).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
    say(&server, "ana", &lobby, "hello all").await;

    let [ana, bo, cy] = &mut sockets;
    for member in [ana, bo] {
        let mut bodies = Vec::new();
        while bodies.len() < 3 {
            let change = member.change().await;
            if change["type"] == "INSERT" && change["record"]["message_type"] != "system" {
                bodies.push(change["record"]["body"].as_str().unwrap_or_default().to_owned());
            }
        }
        assert_eq!(bodies, ["hello bo", "hello ana", "hello all"]);
    }
    loop {
        let change = cy.change().await;
        assert_eq!(change["record"]["conversation_id"], lobby, "{change}");
        if change["record"]["body"] == "hello all" {
            break;
        }
    }
}

/// A policy table of the test's own: rows belong to whom they name.
async fn owned(database: &Database) {
    database
        .sql(
            "create table public.notes (id int primary key, owner uuid, body text, secret text);
             alter table public.notes enable row level security;
             create policy own on public.notes for select to authenticated using (owner = auth.uid());
             revoke all on public.notes from anon, authenticated;
             grant select (id, owner, body) on public.notes to authenticated;
             alter publication supabase_realtime add table public.notes;",
        )
        .await;
}

const ANA: &str = "a0000000-0000-4000-8000-00000000000a";
const BO: &str = "b0000000-0000-4000-8000-00000000000b";

#[tokio::test]
async fn row_image_decides_not_the_row_as_it_is_later() {
    let database = Database::scratch().await;
    owned(&database).await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let notes = json!([{"event": "*", "schema": "public", "table": "notes"}]);
    bo.subscribe("notes", &server.person("bo"), notes).await;
    // Ana's draft becomes bo's within the same transaction: its earlier image stays hers.
    database
        .sql(&format!(
            "begin;
             insert into notes values (1, '{ANA}', 'draft', 's');
             update notes set owner = '{BO}', body = 'done';
             commit"
        ))
        .await;
    let change = bo.change().await;
    assert_eq!((&change["type"], &change["record"]["body"]), (&json!("UPDATE"), &json!("done")));
    assert_eq!(change["old_record"], json!({"id": 1}));
    assert!(!change.to_string().contains("secret"), "a column without right is left out: {change}");
}

#[tokio::test]
async fn row_before_is_shown_only_to_who_could_see_it() {
    let database = Database::scratch().await;
    owned(&database).await;
    database.sql("alter table notes replica identity full").await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let notes = json!([{"event": "*", "schema": "public", "table": "notes"}]);
    bo.subscribe("notes", &server.person("bo"), notes).await;
    database.sql(&format!("insert into notes values (1, '{ANA}', 'hers')")).await;
    database.sql(&format!("update notes set owner = '{BO}', body = 'his'")).await;
    database.sql("update notes set body = 'still his'").await;
    database.sql(&format!("update notes set owner = '{ANA}'")).await;
    database.sql("delete from notes").await;
    database.sql(&format!("insert into notes values (2, '{BO}', 'marker')")).await;
    database.sql("delete from notes").await;

    assert_eq!(bo.change().await["old_record"], json!({"id": 1}), "he could not see it before");
    assert_eq!(bo.change().await["old_record"]["body"], "his");
    assert_eq!(bo.change().await["record"]["body"], "marker", "her deletion is not his to hear of");
    let delete = bo.change().await;
    assert_eq!(
        (&delete["type"], &delete["old_record"]["body"]),
        (&json!("DELETE"), &json!("marker"))
    );
}

#[tokio::test]
async fn deletions_without_a_row_image_follow_the_setting() {
    let database = Database::scratch().await;
    owned(&database).await;
    let server = Server::start_with(&database, &["--realtime-delete-events", "strict"]).await;
    let mut bo = server.socket().await;
    let notes = json!([{"event": "*", "schema": "public", "table": "notes"}]);
    bo.subscribe("notes", &server.person("bo"), notes).await;
    database.sql(&format!("insert into notes values (1, '{BO}'); delete from notes")).await;
    database.sql(&format!("insert into notes values (2, '{BO}')")).await;
    assert_eq!(bo.change().await["record"]["id"], 1);
    assert_eq!(bo.change().await["record"]["id"], 2, "strict: nobody hears of the deletion");
}

#[tokio::test]
async fn changed_policy_counts_from_the_next_change_on() {
    let database = Database::scratch().await;
    owned(&database).await;
    database
        .sql(
            "create table public.marks (id int primary key);
             alter publication supabase_realtime add table public.marks;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let notes = json!([{"event": "*", "schema": "public"}]);
    bo.subscribe("notes", &server.person("bo"), notes).await;
    database.sql(&format!("insert into notes values (1, '{BO}')")).await;
    assert_eq!(bo.change().await["record"]["id"], 1);
    database.sql("drop policy own on notes; create policy few on notes for select to authenticated using (id > 10)").await;
    database.sql(&format!("insert into notes values (2, '{BO}'), (11, '{ANA}')")).await;
    assert_eq!(bo.change().await["record"]["id"], 11);
    database.sql("alter table notes disable row level security").await;
    database.sql("insert into notes values (3, null)").await;
    assert_eq!(bo.change().await["record"]["id"], 3);
    database.sql("revoke all on notes from authenticated").await;
    database.sql("insert into notes values (4); insert into marks values (1)").await;
    let refused = bo.change().await;
    assert_eq!(refused["errors"], json!(["Error 401: Unauthorized"]));
    assert_eq!((&refused["record"], &refused["columns"]), (&json!({}), &json!([])));
    assert_eq!(bo.change().await["table"], "marks");
    database.sql("grant select on notes to authenticated").await;
    database.sql("insert into notes values (5)").await;
    assert_eq!(bo.change().await["record"]["id"], 5);
}

#[tokio::test]
async fn dropped_column_uncovers_nothing_in_older_changes() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.cards (id int primary key, secret text, body text);
             revoke all on public.cards from anon, authenticated;
             grant select (id, body) on public.cards to anon, authenticated;
             alter publication supabase_realtime add table public.cards;",
        )
        .await;
    let server = Server::start(&database).await;
    let cards = json!([{"event": "*", "schema": "public", "table": "cards"}]);
    let (mut bo, mut anon) = (server.socket().await, server.socket().await);
    let place = bo.subscribe("cards", &server.person("bo"), cards).await;
    database.sql("insert into cards values (1, 'secret', 'open')").await;
    assert_eq!(bo.change().await["record"], json!({"id": 1, "body": "open"}));

    database.sql("alter table cards drop column secret").await;
    let missed = json!([{"event": "*", "schema": "public", "table": "cards", "after": place}]);
    anon.subscribe("cards", &Person { token: server.anon_key() }, missed).await;
    assert_eq!(anon.change().await["record"], json!({"id": 1, "body": "open"}));
}

#[tokio::test]
async fn row_before_is_never_judged_by_the_row_as_it_is() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.drafts (id int primary key, body text);
             alter table public.drafts replica identity full, enable row level security;
             create policy p on public.drafts for select to anon, authenticated using (true);
             grant select on public.drafts to anon, authenticated;
             alter publication supabase_realtime add table public.drafts;
             insert into public.drafts values (1, 'draft');",
        )
        .await;
    let server = Server::start(&database).await;
    let drafts = json!([{"event": "*", "schema": "public", "table": "drafts"}]);
    let (mut bo, mut anon) = (server.socket().await, server.socket().await);
    let place = bo.subscribe("drafts", &server.person("bo"), drafts).await;
    database.sql("update drafts set body = 'done'").await;
    assert_eq!(bo.change().await["old_record"]["body"], "draft");

    // Rows of before know nothing of a column that came later and that the policy reads now.
    database
        .sql(
            "alter table drafts add column is_open boolean not null default true;
             drop policy p on drafts;
             create policy p on drafts for select to anon using (is_open);
             insert into drafts values (2, 'more')",
        )
        .await;
    let missed = json!([{"event": "*", "schema": "public", "table": "drafts", "after": place}]);
    anon.subscribe("drafts", &Person { token: server.anon_key() }, missed).await;
    let update = anon.change().await;
    assert_eq!(
        (&update["record"]["body"], &update["old_record"]),
        (&json!("done"), &json!({"id": 1}))
    );
}

#[tokio::test]
async fn policy_that_raises_for_one_leaves_the_others_alone() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.fussy (id int primary key, body text);
             alter table public.fussy enable row level security;
             create policy p on public.fussy for select to authenticated
               using (case when auth.uid() = '{ANA}' then body::int > 0 else true end);
             grant select on public.fussy to authenticated;
             alter publication supabase_realtime add table public.fussy;"
        ))
        .await;
    let server = Server::start(&database).await;
    let fussy = json!([{"event": "*", "schema": "public", "table": "fussy"}]);
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    ana.subscribe("fussy", &server.person("ana"), fussy.clone()).await;
    bo.subscribe("fussy", &server.person("bo"), fussy).await;
    database.sql("insert into fussy values (1, '1'), (2, 'x'), (3, '3')").await;
    for id in 1..=3 {
        assert_eq!(bo.change().await["record"]["id"], id);
    }
    assert_eq!(ana.change().await["record"]["id"], 1);
    let system = ana.event("system").await;
    assert_eq!(system["status"], "error");
    assert!(system["message"].as_str().is_some_and(|text| text.contains("22P02")), "{system}");
    assert_eq!(ana.change().await["record"]["id"], 3, "only the row that failed is withheld");
}

#[tokio::test]
async fn policy_that_sleeps_for_one_is_cut_short() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.sleepy (id int primary key);
             alter table public.sleepy enable row level security;
             create policy p on public.sleepy for select to authenticated
               using (case when auth.uid() = '{ANA}' then pg_sleep(30) is not null else true end);
             grant select on public.sleepy to authenticated;
             alter publication supabase_realtime add table public.sleepy;"
        ))
        .await;
    let server = Server::start_with(&database, &["--realtime-policy-timeout-ms", "200"]).await;
    let sleepy = json!([{"event": "*", "schema": "public", "table": "sleepy"}]);
    let (mut ana, mut bo) = (server.socket().await, server.socket().await);
    ana.subscribe("sleepy", &server.person("ana"), sleepy.clone()).await;
    bo.subscribe("sleepy", &server.person("bo"), sleepy).await;
    database.sql("insert into sleepy values (1)").await;
    assert_eq!(bo.change().await["record"]["id"], 1);
    let system = ana.event("system").await;
    assert!(system["message"].as_str().is_some_and(|text| text.contains("57014")), "{system}");
    assert!(ana.is_alive().await);
}

#[tokio::test]
async fn policies_on_other_tables_decide_under_their_own_policies() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.teams (id int, member uuid, primary key (id, member));
             alter table public.teams enable row level security;
             create policy own on public.teams for select to authenticated using (member = auth.uid() and id < 10);
             create table public.plans (id int primary key, team int);
             alter table public.plans enable row level security;
             create policy team on public.plans for select to authenticated
               using (exists (select from public.teams where teams.id = plans.team));
             grant select on public.teams, public.plans to authenticated;
             insert into public.teams values (1, '{BO}'), (2, '{ANA}'), (11, '{BO}');
             alter publication supabase_realtime add table public.plans;"
        ))
        .await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    let plans = json!([{"event": "*", "schema": "public", "table": "plans"}]);
    bo.subscribe("plans", &server.person("bo"), plans).await;
    // 2 is another's team; 11 is his own, but the inner policy hides it from him.
    database.sql("insert into plans values (1, 2), (2, 11), (3, 1)").await;
    assert_eq!(bo.change().await["record"]["id"], 3);
}

#[tokio::test]
async fn functions_of_policies_may_be_in_a_schema_closed_to_people() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create schema private;
             create function private.is_owner(owner uuid) returns boolean
             language sql stable security definer set search_path = ''
             as $$ select owner = auth.uid() $$;
             create table public.diaries (id int primary key, owner uuid);
             alter table public.diaries enable row level security;
             create policy own on public.diaries for select to authenticated
               using (private.is_owner(owner));
             grant select on public.diaries to authenticated;
             insert into public.diaries values (0, '{BO}');
             alter publication supabase_realtime add table public.diaries;"
        ))
        .await;
    let server = Server::start(&database).await;
    let bo = server.person("bo");
    let seen = server.rest(&bo, Method::GET, "diaries?select=id").await;
    assert_eq!(seen.body, json!([{"id": 0}]), "a select needs no right on the schema");
    let mut socket = server.socket().await;
    socket.subscribe("diaries", &bo, json!([{"event": "*", "table": "diaries"}])).await;
    database.sql(&format!("insert into diaries values (1, '{ANA}'), (2, '{BO}')")).await;
    assert_eq!(socket.change().await["record"]["id"], 2);
}

#[tokio::test]
async fn locked_table_of_a_policy_delays_and_loses_nothing() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.readers (who uuid primary key);
             create table public.news (id int primary key);
             alter table public.news enable row level security;
             create policy readers on public.news for select to authenticated
               using (exists (select from public.readers where who = auth.uid()));
             grant select on public.readers, public.news to authenticated;
             insert into public.readers values ('{BO}');
             alter publication supabase_realtime add table public.news;"
        ))
        .await;
    let flags = ["--realtime-policy-timeout-ms", "100"];
    let server = Server::start_with(&database, &flags).await;
    let mut bo = server.socket().await;
    bo.subscribe("news", &server.person("bo"), json!([{"event": "*", "table": "news"}])).await;
    database.sql("insert into news values (1)").await;
    assert_eq!(bo.change().await["record"]["id"], 1);

    let locker = database.connect().await;
    locker.batch_execute("begin; lock table readers").await.expect("locks");
    database.sql("insert into news values (2)").await;
    let refused = "select from pg_stat_activity
                    where datname = current_database() and application_name = 'walkie authorizer'
                      and wait_event_type = 'Lock'";
    for _ in 0..2 {
        // It waits, gives up, and waits again.
        eventually("the authorizer waits for the lock", || async {
            (!database.rows(refused).await.is_empty()).then_some(())
        })
        .await;
        eventually("it gives up", || async {
            database.rows(refused).await.is_empty().then_some(())
        })
        .await;
    }
    locker.batch_execute("commit").await.expect("unlocks");
    assert_eq!(bo.change().await["record"]["id"], 2);
}

#[tokio::test]
async fn commit_that_others_do_not_see_yet_counts_already() {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.readers (who uuid primary key);
             create table public.news (id int primary key);
             alter table public.news enable row level security;
             create policy readers on public.news for select to authenticated
               using (exists (select from public.readers where who = auth.uid()));
             grant select on public.readers, public.news to authenticated;
             insert into public.readers values ('{BO}');
             alter publication supabase_realtime add table public.news, public.readers;"
        ))
        .await;
    let server = Server::start(&database).await;
    let mut bo = server.socket().await;
    bo.subscribe("news", &server.person("bo"), json!([{"event": "*", "table": "news"}])).await;

    // The removal is in the log, but waits for a standby before anybody can see it.
    let held = database.hold_commits().await;
    let remover = database.connect().await;
    remover.batch_execute("set synchronous_commit = on").await.expect("sets");
    let removal = tokio::spawn(async move { remover.batch_execute("delete from readers").await });
    held.waits().await;
    database.sql("insert into news values (1)").await;
    // The verdict is asked, and asked again, since no snapshot is late enough.
    for _ in 0..3 {
        let now = database.value("select clock_timestamp()").await;
        let asked = format!(
            "select from pg_stat_activity
              where datname = current_database() and application_name = 'walkie authorizer'
                and query_start > '{now}'"
        );
        eventually("the verdict is asked again", || async {
            (!database.rows(&asked).await.is_empty()).then_some(())
        })
        .await;
    }
    held.release().await;
    removal.await.expect("joins").expect("the removal is committed");

    let mut marker = server.socket().await;
    let service = Person { token: server.service_key() };
    marker.subscribe("news", &service, json!([{"event": "*", "table": "news"}])).await;
    database.sql("insert into news values (2)").await;
    // When it comes, both are decided.
    while marker.change().await["record"]["id"] != 2 {}
    database
        .sql(&format!("insert into readers values ('{BO}'); insert into news values (3)"))
        .await;
    assert_eq!(bo.change().await["record"]["id"], 3);
}

/// Reads changes until the message that ends the test, and tells what bodies it has seen.
async fn read_to_the_end(mut socket: Socket, seen: watch::Sender<String>) -> Vec<Value> {
    let mut changes = Vec::new();
    loop {
        let change = socket.change().await;
        if let Some(body) = change["record"]["body"].as_str() {
            seen.send_replace(body.to_owned());
            if body == "the end" {
                return changes;
            }
        }
        changes.push(change);
    }
}

fn place(change: &Value) -> Place {
    change["lsn"].as_str().expect("a place").parse().expect("a place")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_sent_after_a_removal_reaches_the_removed() {
    const ROUNDS: usize = 300;
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (mut bo, mut log) = (server.socket().await, server.socket().await);
    bo.subscribe("messages", &server.person("bo"), messages()).await;
    let everything = json!([
        {"event": "INSERT", "schema": "public", "table": "messages"},
        {"event": "UPDATE", "schema": "public", "table": "conversation_members"},
    ]);
    let service = Person { token: server.service_key() };
    log.subscribe("log", &service, everything).await;
    let (seen, mut told) = watch::channel(String::new());
    let bo = tokio::spawn(read_to_the_end(bo, watch::channel(String::new()).0));
    let log = tokio::spawn(read_to_the_end(log, seen));

    let act_as_ana = format!(
        "select set_config('request.jwt.claims', '{{\"sub\":\"{ANA}\",\"role\":\"authenticated\"}}', false)"
    );
    let (sender, remover) = (database.connect().await, database.connect().await);
    for client in [&sender, &remover] {
        client.batch_execute(&act_as_ana).await.expect("claims");
    }
    let send = |body: String| format!("select send_message('{WATERCOOLER}', '{body}')");
    let remove = format!("select remove_member('{WATERCOOLER}', '{BO}')");
    let bring_back = format!("select add_members('{WATERCOOLER}', array['{BO}']::uuid[])");
    for round in 0..ROUNDS {
        let raced = send(format!("round {round}"));
        let (sent, removed) =
            tokio::join!(sender.batch_execute(&raced), remover.batch_execute(&remove));
        sent.expect("sends");
        removed.expect("removes");
        let last = format!("after {round}");
        sender.batch_execute(&send(last.clone())).await.expect("sends");
        // He comes back, and may read everything again, when all of this has been decided.
        told.wait_for(|body| *body == last).await.expect("the log is read");
        sender.batch_execute(&bring_back).await.expect("comes back");
        // From here on it is known that he may read: the next removal must take that back.
        let back = format!("back {round}");
        sender.batch_execute(&send(back.clone())).await.expect("sends");
        told.wait_for(|body| *body == back).await.expect("the log is read");
    }
    sender.batch_execute(&send("the end".to_owned())).await.expect("sends");

    // The log is the judge: from bo's removal to his return, no place may be his.
    let mut away = Vec::new();
    for change in log.await.expect("reads") {
        let (record, old) = (&change["record"], &change["old_record"]);
        if change["table"] == "conversation_members" && old["member_id"] == BO {
            match (record["left_at"].is_null(), away.last()) {
                (false, None | Some((_, Some(_)))) => away.push((place(&change), None)),
                (true, Some((_, None))) => {
                    let from = away.pop().expect("he was away").0;
                    away.push((from, Some(place(&change))));
                }
                _ => {}
            }
        }
    }
    assert_eq!(away.len(), ROUNDS);
    let heard = bo.await.expect("reads");
    for change in &heard {
        let at = place(change);
        let is_leak = away.iter().any(|(from, to)| {
            at.commit >= from.commit && to.is_none_or(|to| at.commit < to.commit)
        });
        assert!(!is_leak, "committed after the removal: {change}");
    }
    let raced = |change: &&Value| {
        change["record"]["body"].as_str().is_some_and(|body| body.starts_with("round"))
    };
    println!(
        "{} of {ROUNDS} raced messages came before the removal",
        heard.iter().filter(raced).count()
    );
}
