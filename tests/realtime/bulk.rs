//! Tables that are loaded in bulk: told beside all others, as exactly as they are.

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use walkie::identity::Keys;

use super::database_broadcast::heard;
use crate::support::{
    Answer, Database, Person, Postgres, Process, SECRET, Server, Socket, eventually, free_port,
};

/// A table that is loaded in bulk, seen by members; one of all others.
const SCENE: &str = "
    create table public.member (room int, person uuid, primary key (room, person));
    create table public.imports (id int primary key, room int not null default 1);
    create table public.t (id int primary key);
    alter table public.imports enable row level security;
    create policy members on public.imports for select to authenticated using (
      exists (select from public.member m where m.room = imports.room and m.person = (select auth.uid())));
    grant select on public.imports, public.member, public.t to authenticated;
    create publication supabase_realtime_bulk for table public.imports;
    alter publication supabase_realtime add table public.t;";

const MISSES: &str = "walkie_authorizer_misses_total";

async fn scene() -> (Database, Server) {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    let server = Server::start(&database).await;
    (database, server)
}

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

fn of(table: &str) -> Value {
    json!([{"event": "*", "schema": "public", "table": table}])
}

fn after(place: &str) -> Value {
    json!([{"event": "*", "schema": "public", "table": "imports", "after": place}])
}

async fn follows(server: &Server, name: &str) -> Socket {
    let mut socket = server.socket().await;
    socket.subscribe("imports", &server.person(name), of("imports")).await;
    socket
}

/// A row of `member`.
fn member(name: &str) -> String {
    let initial = &name[..1];
    format!("(1, '{initial}0000000-0000-4000-8000-00000000000{initial}')")
}

/// Who is let in hears what is imported then, who is put out does not; gives how often somebody
/// had to be asked about three rows of which each could be known from the one before.
async fn membership_decides(member_is_in: Option<&str>) -> u64 {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    if let Some(publication) = member_is_in {
        database.sql(&format!("alter publication {publication} add table public.member")).await;
    }
    let (ana, bo) = (member("ana"), member("bo"));
    database.sql(&format!("insert into member values {ana}, {bo}")).await;
    let server = Server::start(&database).await;
    let (mut ana, mut bo) = (follows(&server, "ana").await, follows(&server, "bo").await);
    let mut cy = follows(&server, "cy").await;
    database.sql("insert into imports values (1)").await;
    for socket in [&mut ana, &mut bo] {
        assert_eq!(socket.change().await["record"]["id"], 1);
    }
    database.sql(&format!("delete from member where (room, person) = {}", member("bo"))).await;
    database.sql("insert into imports values (2)").await;
    assert_eq!(ana.change().await["record"]["id"], 2);
    database.sql(&format!("insert into member values {}, {}", member("bo"), member("cy"))).await;
    database.sql("insert into imports values (3)").await;
    for (name, socket) in [("ana", &mut ana), ("bo", &mut bo), ("cy", &mut cy)] {
        assert_eq!(socket.change().await["record"]["id"], 3, "{name} hears of no other before");
    }
    let ana = Mutex::new(ana);
    eventually("what was settled is remembered", || async {
        let mut ana = ana.lock().await;
        database.sql("insert into imports select max(id) + 1 from imports").await;
        ana.change().await;
        let misses = server.metric(MISSES).await;
        database.sql("insert into imports select max(id) + 1 from imports").await;
        ana.change().await;
        let is_known = server.metric(MISSES).await == misses;
        (is_known || member_is_in == Some("supabase_realtime")).then_some(())
    })
    .await;
    server.metric("walkie_authorizer_uncacheable_policies").await
}

#[tokio::test]
async fn members_alone_hear_where_the_log_for_bulk_tells_of_memberships() {
    assert_eq!(membership_decides(Some("supabase_realtime_bulk")).await, 0);
}

#[tokio::test]
async fn members_alone_hear_where_the_server_watches_memberships() {
    assert_eq!(membership_decides(None).await, 0);
}

#[tokio::test]
async fn members_alone_hear_where_only_the_other_log_tells_of_memberships() {
    assert_eq!(membership_decides(Some("supabase_realtime")).await, 1, "asked anew each time");
}

/// Whoever finds that a table is followed already knows since when, as whoever had it followed.
#[tokio::test]
async fn who_was_put_out_while_the_other_log_began_to_follow_memberships_hears_no_more() {
    let (database, server) = scene().await;
    database
        .sql(&format!(
            "insert into member values {}, {};
             create table public.plain (id int primary key);
             alter publication supabase_realtime_bulk add table plain;
             create policy members on t for select to authenticated using (
               exists (select from member m where m.room = t.id and m.person = (select auth.uid())));
             alter table t enable row level security;",
            member("ana"),
            member("bo")
        ))
        .await;
    let (mut ana, mut bo) = (follows(&server, "ana").await, follows(&server, "bo").await);
    // The log for bulk has looked around before.
    ana.subscribe("plain", &service(&server), of("plain")).await;
    database.sql("insert into plain values (1)").await;
    assert_eq!(ana.change().await["table"], "plain");
    let removal = database.connect().await;
    let remove = format!("begin; delete from member where (room, person) = {}", member("bo"));
    removal.batch_execute(&remove).await.expect("begins");
    let mut other = server.socket().await;
    other.subscribe("t", &server.person("ana"), of("t")).await;
    database.sql("insert into t values (1)").await;
    assert_eq!(other.change().await["record"]["id"], 1);
    let watched = "select tablename from pg_publication_tables where pubname = 'walkie_policies'";
    assert_eq!(database.value(watched).await, "member");
    database.sql("insert into imports values (1)").await;
    for socket in [&mut ana, &mut bo] {
        assert_eq!(socket.change().await["record"]["id"], 1, "both are members still");
    }
    removal.batch_execute("commit").await.expect("commits");
    database.sql("insert into imports values (2)").await;
    assert_eq!(ana.change().await["record"]["id"], 2);
    database.sql(&format!("insert into member values {}", member("bo"))).await;
    database.sql("insert into imports values (3)").await;
    assert_eq!(bo.change().await["record"]["id"], 3, "and nothing in between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_misses_nothing_though_stream_and_server_broke() {
    const ROWS: usize = 20_000;
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    let flags = ["--realtime-queue-frames", "100000", "--realtime-queue-bytes", "100000000"];
    let server = Server::start_with(&database, &flags).await;
    let mut socket = server.socket().await;
    let from = socket.subscribe("imports", &service(&server), of("imports")).await;
    database.sql(&format!("insert into imports select generate_series(1, {ROWS})")).await;
    for id in 1..=ROWS {
        assert_eq!(socket.change().await["record"]["id"], id);
        if id == 100 {
            let cut = format!(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}_bulk'",
                database.name()
            );
            assert_eq!(database.value(&cut).await, "t", "the stream was still open");
        }
    }
    server.stop().await;
    database.sql("insert into imports values (0)").await;
    let server = Server::start_with(&database, &flags).await;
    let mut socket = server.socket().await;
    socket.subscribe("imports", &service(&server), after(&from)).await;
    for id in (1..=ROWS).chain([0]) {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
}

#[tokio::test]
async fn rows_that_were_read_are_followed_by_those_that_were_not() {
    let (database, server) = scene().await;
    let service = service(&server);
    let mut witness = server.socket().await;
    witness.subscribe("imports", &service, of("imports")).await;
    let running = database.connect().await;
    running.batch_execute("begin; insert into imports values (1)").await.expect("begins");
    database.sql("insert into imports values (2); insert into t values (2)").await;
    assert_eq!(witness.change().await["record"]["id"], 2);
    let read = server.rest(&service, Method::GET, "imports?select=id").await;
    assert_eq!(read.body, json!([{"id": 2}]));
    running.batch_execute("commit").await.expect("commits");
    database.sql("insert into imports values (3)").await;
    let place = read.headers["walkie-place"].to_str().expect("text");
    let mut socket = server.socket().await;
    socket.subscribe("imports", &service, after(place)).await;
    for id in [1, 3] {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
}

#[tokio::test]
async fn channel_of_tables_of_both_logs_is_refused_and_two_channels_hear_of_both() {
    let (database, server) = scene().await;
    let service = service(&server);
    let mut socket = server.socket().await;
    let both = json!([of("t")[0], of("imports")[0]]);
    assert_eq!(socket.join("both", &service, both).await.0, "ok");
    let refused = socket.event("system").await;
    assert_eq!(refused["status"], "error", "{refused}");
    let message = refused["message"].as_str().expect("a text");
    assert!(message.contains("supabase_realtime_bulk"), "{message}");
    assert!(message.contains("Use another channel for: [event: *, schema: public"), "{message}");

    socket.subscribe("t", &service, of("t")).await;
    socket.subscribe("imports", &service, of("imports")).await;
    database.sql("insert into t values (1)").await;
    assert_eq!(socket.next_change_of("t").await["table"], "t");
    database.sql("insert into imports values (1)").await;
    assert_eq!(socket.next_change_of("imports").await["table"], "imports");
}

#[tokio::test]
async fn bindings_of_whole_schemas_follow_the_main_log_and_nothing_comes_twice() {
    let (database, server) = scene().await;
    database.sql("alter publication supabase_realtime_bulk add table t").await;
    let service = service(&server);
    let (mut all, mut one) = (server.socket().await, server.socket().await);
    let mut imports = server.socket().await;
    all.subscribe("all", &service, json!([{"event": "*", "schema": "public"}])).await;
    one.subscribe("t", &service, of("t")).await;
    imports.subscribe("imports", &service, of("imports")).await;
    database.sql("insert into imports values (1)").await;
    assert_eq!(imports.change().await["record"]["id"], 1);
    database.sql("insert into t values (1); insert into imports values (2)").await;
    database.sql("insert into t values (2)").await;
    for socket in [&mut all, &mut one] {
        for id in 1..=2 {
            let change = socket.change().await;
            assert_eq!((&change["table"], &change["record"]["id"]), (&json!("t"), &json!(id)));
        }
    }
    // What is in neither is refused as it always was.
    let (mut stranger, wish) = (server.socket().await, of("member"));
    assert_eq!(stranger.join("m", &service, wish).await.0, "ok");
    let refused = stranger.event("system").await;
    let message = refused["message"].as_str().expect("a text");
    assert!(message.contains("Please check Realtime is enabled"), "{message}");
}

#[tokio::test]
async fn broadcasts_are_told_once_though_everything_is_published_for_bulk() {
    let database = Database::scratch().await;
    database
        .sql(
            "create publication supabase_realtime_bulk for all tables;
             create policy everybody on realtime.messages for select to authenticated using (true);",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let private = json!({"private": true});
    let ana = server.person("ana");
    assert_eq!(socket.join_with("lobby", &ana.token, private).await.0, "ok");
    let say = |n: i32| {
        format!(
            r#"select realtime.send('{{"n": {n}}}', 'e', 'lobby');
               select pg_logical_emit_message(true, 'walkie',
                 '{{"topic": "lobby", "event": "e", "payload": {{"m": {n}}}}}');"#
        )
    };
    for n in 1..=2 {
        database.sql(&say(n)).await;
        assert_eq!(heard(&mut socket).await["n"], n);
        assert_eq!(heard(&mut socket).await["m"], n);
    }
    let told = r#"walkie_realtime_database_broadcasts_total{outcome="ok"}"#;
    assert_eq!(server.metric(told).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_do_not_wait_for_a_transaction_of_many_rows() {
    const ROWS: usize = 3_000;
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(SCENE).await.expect("tables");
    let flags = ["--realtime-queue-frames", "100000", "--realtime-queue-bytes", "100000000"];
    let process = Process::start(free_port(), &postgres.login_url(), "walkie", &flags);
    process.is_ready().await;
    let claims = json!({"role": "service_role", "exp": 4_000_000_000_i64});
    let service = Person { token: Keys::new(SECRET).sign(&claims).expect("signs") };
    let mut imports = Socket::open(process.url(), &service.token, "2.0.0").await;
    imports.subscribe("imports", &service, of("imports")).await;
    let mut others = Socket::open(process.url(), &service.token, "2.0.0").await;
    others.subscribe("t", &service, of("t")).await;

    let sender = "select active_pid from pg_replication_slots where slot_name = 'walkie_bulk'";
    let sender: i32 = client.query_one(sender, &[]).await.expect("answers").get(0);
    let stopped = Stopped::stop(sender);
    let import = format!("insert into imports select generate_series(1, {ROWS})");
    client.batch_execute(&import).await.expect("imports");
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    assert_eq!(others.change().await["record"]["id"], 1, "before any of the rows");
    drop(stopped);
    for id in 1..=ROWS {
        assert_eq!(imports.change().await["record"]["id"], id);
    }
    process.kill().await;
}

/// A process that does nothing for as long as this lives.
struct Stopped(Pid);

impl Stopped {
    fn stop(process: i32) -> Self {
        let process = Pid::from_raw(process);
        signal::kill(process, Signal::SIGSTOP).expect("it runs");
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // If it has ended, nobody waits for it.
        let _ = signal::kill(self.0, Signal::SIGCONT);
    }
}

#[tokio::test]
async fn slot_is_dropped_at_a_start_without_the_publication() {
    let database = Database::scratch().await;
    database.sql(SCENE).await;
    let slots = format!(
        "select string_agg(slot_name, ' ' order by slot_name)
           from pg_replication_slots where database = '{}'",
        database.name()
    );
    let (slot, both) = (database.name().to_owned(), format!("{0} {0}_bulk", database.name()));
    let process = Process::serve(&database).await;
    assert_eq!(database.value(&slots).await, both);
    process.kill().await;
    database.sql("drop publication supabase_realtime_bulk").await;
    let process = Process::serve(&database).await;
    eventually("the slot is dropped", || async {
        (database.value(&slots).await == slot).then_some(())
    })
    .await;
    eventually("the log says so", || async {
        let is_it = |line: &String| line.contains("dropped a slot whose publication is gone");
        process.log().iter().any(is_it).then_some(())
    })
    .await;
    process.kill().await;

    database.sql("create publication supabase_realtime_bulk for table imports").await;
    let process = Process::serve(&database).await;
    assert_eq!(database.value(&slots).await, both, "and made again");
    process.kill().await;
}

#[tokio::test]
async fn each_log_is_counted_by_its_name_and_both_together_are_health() {
    let (database, server) = scene().await;
    let service = service(&server);
    let mut socket = server.socket().await;
    socket.subscribe("t", &service, of("t")).await;
    socket.subscribe("imports", &service, of("imports")).await;
    assert_eq!(server.metric("walkie_realtime_subscriptions").await, 2);
    database.sql("insert into imports values (1), (2)").await;
    for id in 1..=2 {
        assert_eq!(socket.change().await["record"]["id"], id);
    }
    database.sql("insert into t values (1)").await;
    socket.change().await;
    server.settles(r#"walkie_window_changes{log="bulk"}"#, 2).await;
    server.settles(r#"walkie_window_changes{log="main"}"#, 1).await;
    for (log, changes) in [("main", 1), ("bulk", 2)] {
        assert_eq!(server.metric(&format!(r#"walkie_log_connected{{log="{log}"}}"#)).await, 1);
        assert_eq!(
            server.metric(&format!(r#"walkie_log_changes_total{{log="{log}"}}"#)).await,
            changes
        );
    }
    let request = server.request(Method::GET, "/metrics").bearer_auth(&service.token);
    let text = Answer::of(request).await.text;
    let held = |log: &str| {
        let sample = format!(r#"walkie_slot_held_bytes{{log="{log}"}} "#);
        let value = text.lines().find_map(|line| line.strip_prefix(&sample));
        value.and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert!(held("main") > 0.0 && held("bulk") > 0.0, "{text}");
    assert_eq!(server.metric(r#"walkie_pool_limit{pool="bulk_authorizer"}"#).await, 2);

    let path = "/realtime/v1/api/tenants/any/health";
    let request = server.request(Method::GET, path).bearer_auth(&service.token);
    assert_eq!(Answer::of(request).await.body["data"]["replication_connected"], true);
    drop(socket);
    server.settles("walkie_realtime_subscriptions", 0).await;
}

async fn explain(server: &Server, body: &Value) -> Value {
    let request = server.request(Method::POST, "/realtime/v1/api/explain");
    let answer = Answer::of(request.bearer_auth(server.service_key()).json(body)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.body
}

/// What the first step of a name says.
fn says<'a>(told: &'a Value, name: &str) -> &'a str {
    let mut steps = told["steps"].as_array().expect("steps").iter();
    let step = steps.find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {told}"));
    step["says"].as_str().expect("words")
}

#[tokio::test]
async fn explanation_looks_into_the_log_that_tells_of_the_table() {
    let (database, server) = scene().await;
    database.sql(&format!("insert into member values {}", member("ana"))).await;
    let ana = server.person("ana");
    let mut all = server.socket().await;
    all.subscribe("all", &ana, json!([{"event": "*", "schema": "public"}])).await;
    let subject = "a0000000-0000-4000-8000-00000000000a";
    let told = explain(&server, &json!({"table": "imports", "user": subject})).await;
    let published = "imports is published in supabase_realtime_bulk: INSERT, UPDATE, DELETE";
    assert!(says(&told, "publication").contains(published), "{told}");
    assert!(says(&told, "log").starts_with("it is told in a log of its own"), "{told}");
    assert_eq!(told["conclusion"], "No event: they have no channel that is subscribed to changes.");

    let mut socket = follows(&server, "ana").await;
    database.sql("insert into imports values (1)").await;
    let place = socket.change().await["lsn"].clone();
    let wish = json!({"table": "imports", "user": subject, "place": place, "event": "INSERT"});
    let told = explain(&server, &wish).await;
    assert_eq!(told["conclusion"], "Nothing stands in the way of an event.", "{told}");
    assert!(says(&told, "place").contains("is an INSERT of public.imports"), "{told}");
    assert_eq!(says(&told, "binding"), "such a binding is accepted, and wants this row");
    let told = explain(&server, &json!({"table": "member", "user": subject})).await;
    let nowhere = "public.member is not published: alter publication supabase_realtime add table";
    assert!(says(&told, "publication").contains(nowhere), "{told}");
}

#[tokio::test]
async fn publication_counts_from_the_next_start_on() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    database.sql(SCENE).await;
    let told = explain(&server, &json!({"table": "imports", "role": "service_role"})).await;
    assert_eq!(
        told["conclusion"],
        "No event: no log is read for supabase_realtime_bulk: the server was started before it was made."
    );
    let mut socket = server.socket().await;
    socket.join("imports", &service(&server), of("imports")).await;
    assert_eq!(socket.event("system").await["status"], "error");
    let client = database.connect().await;
    let is_named = async || {
        let found = walkie::pg::install::check(&client).await.expect("can be checked");
        found.iter().any(|found| found.subject == "publication supabase_realtime_bulk")
    };
    // The example publishes partitions under their own names, which is another finding.
    let whole = "alter publication supabase_realtime_bulk set (publish_via_partition_root = true)";
    database.sql(whole).await;
    assert!(is_named().await, "nobody reads it");
    server.stop().await;
    let server = Server::start(&database).await;
    assert!(!is_named().await);
    let mut socket = server.socket().await;
    socket.subscribe("imports", &service(&server), of("imports")).await;
    database.sql("insert into imports values (1)").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn channel_whose_table_came_into_the_other_log_ends_when_its_token_is_renewed() {
    let (database, server) = scene().await;
    let mut socket = server.socket().await;
    let name = "imports";
    socket.subscribe(name, &server.person("ana"), of("imports")).await;
    database.sql("alter publication supabase_realtime add table imports").await;
    let renewed = json!({"access_token": server.service_key()});
    socket.push("realtime:imports", "access_token", renewed).await;
    socket.event("phx_error").await;
    socket.subscribe(name, &service(&server), of("imports")).await;
    database.sql("insert into imports values (1)").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
    database.sql("insert into imports values (2)").await;
    assert_eq!(socket.change().await["record"]["id"], 2, "once");
}

#[tokio::test]
async fn server_does_not_publish_what_is_loaded_in_bulk_to_the_main_log() {
    let (database, server) = scene().await;
    database
        .sql(
            "alter table t enable row level security;
             create policy known on t for select to authenticated
               using (exists (select from imports i where i.id = t.id)
                      and exists (select from member m where m.room = t.id));",
        )
        .await;
    database.sql(&format!("insert into member values {}", member("ana"))).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &server.person("ana"), of("t")).await;
    database.sql("insert into imports values (1); insert into t values (1)").await;
    assert_eq!(socket.change().await["record"]["id"], 1);
    let watched = "select coalesce(string_agg(tablename, ' '), '') from pg_publication_tables
                    where pubname = 'walkie_policies'";
    assert!(!database.value(watched).await.contains("imports"));
    // Nor what is published for bulk later.
    follows(&server, "ana").await;
    database.sql("insert into imports values (2)").await;
    eventually("memberships are watched", || async {
        database.sql("insert into imports select max(id) + 1 from imports").await;
        (database.value(watched).await == "member").then_some(())
    })
    .await;
    database.sql("alter publication supabase_realtime_bulk add table member").await;
    assert_eq!(database.value(watched).await, "");
}
