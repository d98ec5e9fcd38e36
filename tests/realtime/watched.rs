//! Tables that policies read are watched in the log, and nobody's work fails because of it.

use std::time::Duration;

use deadpool_postgres::Pool;
use serde_json::json;
use walkie::pg::{Target, pool};
use walkie::realtime::authorize::analysis::{Analysis, Purpose, analyse};
use walkie::realtime::logs::Log;

use crate::support::{Database, Server, rows};

/// A published table whose policy reads another, and that other table.
const SCENE: &str = "
    create table public.doc (id uuid primary key, room uuid);
    alter table public.doc enable row level security;
    alter publication supabase_realtime add table public.doc;
    create table public.member (room uuid, person uuid, note text, primary key (room, person));
    create policy p on public.doc for select
      using (exists (select from public.member m where m.room = doc.room and m.person = auth.uid()));
    insert into public.member values (gen_random_uuid(), gen_random_uuid(), 'a');";

async fn login(database: &Database) -> Pool {
    let target = Target::new(&database.login_url().await, "tests").expect("a URL");
    pool::pool(target, 2, Duration::from_secs(5))
}

async fn analysis(database: &Database) -> Analysis {
    let oid = database.value("select 'public.doc'::regclass::oid").await;
    let pool = login(database).await;
    analyse(&pool, Log::Main, oid.parse().expect("an oid"), "authenticated", Purpose::Sight)
        .await
        .expect("can be asked")
}

/// Tables in a publication.
async fn published(database: &Database, publication: &str) -> String {
    database
        .value(&format!(
            "select coalesce(string_agg(schemaname || '.' || tablename, ' ' order by 1), '')
               from pg_publication_tables where pubname = '{publication}'"
        ))
        .await
}

/// With `member` watched.
async fn watched() -> Database {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    let analysis = analysis(&database).await;
    assert_eq!(analysis.reasons, [] as [&str; 0]);
    assert!(analysis.complete_from.is_some());
    assert_eq!(published(&database, "walkie_policies").await, "public.member");
    database
}

/// Nobody's work fails, and what is not watched is not relied upon.
async fn assert_left(database: &Database) {
    assert_eq!(published(database, "walkie_policies").await, "");
    database.sql("update public.member set note = 'b'; delete from public.member").await;
}

#[tokio::test]
async fn what_policies_read_is_watched_once() {
    let database = watched().await;
    let again = analysis(&database).await;
    assert_eq!((again.reasons, again.complete_from), (vec![], None));
    database.sql("update public.member set note = 'b'; delete from public.member").await;
}

#[tokio::test]
async fn table_that_loses_its_identity_is_left_at_once() {
    for change in [
        "alter table public.member drop constraint member_pkey",
        "alter table public.member drop column person cascade",
        "alter table public.member replica identity nothing",
        "alter publication walkie_policies drop table public.member; alter table public.member set unlogged",
    ] {
        let database = watched().await;
        database
            .sql(&format!("begin; {change}; update public.member set note = 'c'; commit"))
            .await;
        assert_left(&database).await;
        let analysis = analysis(&database).await;
        assert!(!analysis.reasons.is_empty() || analysis.reads.is_empty(), "{change}");
    }
}

#[tokio::test]
async fn dropped_identity_index_is_left_at_once() {
    let database = watched().await;
    database
        .sql(
            "alter table public.member alter column note set not null;
             create unique index by_note on public.member (note);
             alter table public.member replica identity using index by_note;",
        )
        .await;
    assert_eq!(published(&database, "walkie_policies").await, "public.member");
    let coarse = analysis(&database).await;
    assert!(coarse.reads.iter().any(|read| read.keys.is_empty() && !read.is_lookup), "{coarse:?}");
    database.sql("drop index public.by_note").await;
    assert_left(&database).await;
}

#[tokio::test]
async fn table_that_is_published_to_everybody_is_left_at_once() {
    for change in [
        "alter publication supabase_realtime add table public.member (room, person)",
        "alter publication supabase_realtime add table public.member where (person is not null)",
        "alter publication supabase_realtime set tables in schema public",
        "drop publication supabase_realtime; create publication supabase_realtime for all tables",
    ] {
        let database = watched().await;
        database.sql(change).await;
        assert_left(&database).await;
    }
}

#[tokio::test]
async fn filtered_table_is_a_reason_and_whole_one_is_none() {
    let database = watched().await;
    database
        .sql("alter publication supabase_realtime add table public.member (room, person)")
        .await;
    let filtered = analysis(&database).await;
    assert!(filtered.reasons[0].contains("public.member"), "{filtered:?}");
    database.sql("alter publication supabase_realtime drop table public.member").await;
    database.sql("alter publication supabase_realtime add table public.member").await;
    let whole = analysis(&database).await;
    assert_eq!((whole.reasons, whole.complete_from), (vec![], None));
}

#[tokio::test]
async fn renamed_columns_are_known_by_their_new_names() {
    let database = watched().await;
    database.sql("alter table public.member rename column person to human").await;
    let analysis = analysis(&database).await;
    assert_eq!(analysis.reads[0].subject.as_deref(), Some("human"));
    assert_eq!(published(&database, "walkie_policies").await, "public.member");
}

#[tokio::test]
async fn without_the_event_trigger_nothing_is_watched() {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    database.sql("drop event trigger walkie_ddl").await;
    let analysis = analysis(&database).await;
    assert!(
        analysis.reasons[0].contains("alter publication supabase_realtime add table public.member"),
        "{analysis:?}"
    );
    assert_eq!(published(&database, "walkie_policies").await, "");
}

#[tokio::test]
async fn changes_of_rules_are_told_in_the_log_and_others_are_not() {
    let database = watched().await;
    let slot = database.name();
    database.sql(&format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')")).await;
    for (change, is_told) in [
        ("create temp table t (id int)", false),
        ("create function pg_temp.f() returns int language sql as 'select 1'", false),
        ("create index on public.doc (room)", false),
        (
            "begin; create function public.f() returns int language sql as 'select 1'; rollback",
            false,
        ),
        ("create function public.f() returns int language sql as 'select 1'", true),
        ("comment on function public.f() is '@reads nothing'", true),
        ("create policy q on public.member using (true)", true),
        ("alter table public.member enable row level security", true),
        ("grant select on public.member to anon", true),
        ("drop policy q on public.member", true),
        ("drop function public.f()", true),
        ("alter publication supabase_realtime add table public.member", true),
    ] {
        database.sql(change).await;
        let told = database
            .value(&format!(
                "select count(*) > 0
                   from pg_logical_slot_get_binary_changes('{slot}', null, null, 'proto_version', '1',
                          'publication_names', 'supabase_realtime', 'messages', 'true')
                  where position('rt:ddl'::bytea in data) > 0"
            ))
            .await;
        assert_eq!(told == "t", is_told, "{change}");
    }
    database.sql(&format!("select pg_drop_replication_slot('{slot}')")).await;
}

#[tokio::test]
async fn whoever_may_change_the_schema_needs_no_more_rights() {
    let database = watched().await;
    let maker = database.connect().await;
    let changes = "
        grant create on schema public to authenticated;
        set role authenticated;
        create table public.made (id int primary key);
        alter table public.made enable row level security;
        create policy p on public.made using (true);
        create function public.made_too() returns int language sql as 'select 1';
        create temp table passing (id int);
        drop table passing;
        drop function public.made_too();
        drop table public.made;";
    rows(&maker, changes).await.expect("nothing is refused");
}

#[tokio::test]
async fn people_may_not_look_into_it() {
    let database = watched().await;
    let client = database.connect().await;
    for statement in [
        "select from realtime.compiled_policies",
        "select from realtime.policy_notes",
        "select realtime.watch('{}')",
        "select realtime.note_policy(1, '', '{}', '{}', '{}', '{}', '{}')",
    ] {
        for role in ["anon", "authenticated"] {
            let refused = rows(&client, &format!("set role {role}; {statement}")).await;
            let code = refused.expect_err(statement).code().map(|code| code.code().to_owned());
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}");
        }
    }
}

#[tokio::test]
async fn operators_see_what_the_server_understood() {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let bindings = json!([{"event": "*", "schema": "public", "table": "doc"}]);
    socket.subscribe("docs", &server.person("ana"), bindings).await;
    database
        .sql(
            "insert into public.member values ('00000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-00000000000a');
             insert into public.doc values (gen_random_uuid(), '00000000-0000-4000-8000-000000000001');",
        )
        .await;
    socket.change().await;
    let client = database.connect().await;
    let seen = "set role service_role;
                select \"table\", columns, claims, reads, candidates, cacheable, reasons
                  from realtime.compiled_policies where role = 'authenticated'";
    let seen = rows(&client, seen).await.expect("the operator may look");
    let seen: Vec<&str> = seen[0].iter().flatten().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "public.doc",
            "{room}",
            "{sub}",
            r#"[{"keys": {"room": "room"}, "table": "public.member", "person": "person", "columns": ["person", "room"]}]"#,
            r#"["the people in person of public.member where room = room"]"#,
            "t",
            "{}",
        ]
    );
}
