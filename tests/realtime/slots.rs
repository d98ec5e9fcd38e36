//! The slot: what Postgres is not kept from, and what is said when it is gone.

use serde_json::{Value, json};
use tokio_postgres::Client;
use walkie::identity::Keys;

use crate::support::{Person, Postgres, Process, SECRET, Socket, Stop, eventually, free_port};

const SLOT: &str = "walkie";

const TABLES: &str = "
    create table public.t (id int primary key);
    create table public.unheard (body text);
    alter publication supabase_realtime add table public.t;";

fn service() -> Person {
    let claims = json!({"role": "service_role", "exp": 4_000_000_000_i64});
    Person { token: Keys::new(SECRET).sign(&claims).expect("signs") }
}

async fn serve(postgres: &Postgres) -> Process {
    let process = Process::start(free_port(), &postgres.login_url(), SLOT, &[]);
    process.is_ready().await;
    process
}

async fn subscribe(process: &Process, after: Option<&str>) -> (Socket, String) {
    let mut socket = Socket::open(process.url(), &service().token, "2.0.0").await;
    let mut binding = json!({"event": "*", "schema": "public", "table": "t"});
    if let Some(after) = after {
        binding["after"] = json!(after);
    }
    let place = socket.subscribe("t", &service(), json!([binding])).await;
    (socket, place)
}

async fn value(client: &Client, sql: &str) -> String {
    let row = client.query_one(sql, &[]).await.expect("answers");
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

/// Writes log that nobody streams, and lets Postgres forget what nobody needs.
async fn write_log(client: &Client, megabytes: usize) {
    let sql = format!(
        "insert into unheard select repeat(md5(n::text), 320) from generate_series(1, {}) n",
        megabytes * 100
    );
    client.batch_execute("alter table unheard alter body set storage external").await.expect("set");
    client.batch_execute(&sql).await.expect("writes");
    client.batch_execute("checkpoint").await.expect("a checkpoint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarts_without_waiting_for_the_window() {
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let (mut socket, place) = subscribe(&process, None).await;
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    assert_eq!(socket.change().await["record"]["id"], 1);
    // It is kept for those who come back, so the slot stands before it.
    postgres.restart(Stop::Fast).await.expect("it stops though the log is not confirmed");

    let client = postgres.connect().await;
    client.batch_execute("insert into t values (2)").await.expect("inserts");
    assert_eq!(socket.change().await["record"]["id"], 2, "the same socket goes on");
    process.kill().await;
    let process = serve(&postgres).await;
    let (mut socket, _) = subscribe(&process, Some(&place)).await;
    for id in 1..=2 {
        assert_eq!(socket.change().await["record"]["id"], id, "the slot still has it");
    }
    process.kill().await;
}

/// It waited for the server, and the server for a look at what others see of the log, for which
/// there was no connection any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stops_while_the_server_is_behind() {
    const BULK: &str = "
        create table public.bulk (id int primary key);
        alter publication supabase_realtime add table public.bulk;
        insert into bulk select generate_series(1, 100000);";
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let (mut socket, _) = subscribe(&process, None).await;
    client.batch_execute(BULK).await.expect("inserts");
    postgres.restart(Stop::Fast).await.expect("it stops though not all of it is read");

    let client = postgres.connect().await;
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    assert_eq!(socket.change().await["record"]["id"], 1, "the same socket goes on");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_slot_is_made_anew_and_everybody_is_told() {
    let postgres = Postgres::start().await;
    postgres.set("max_slot_wal_keep_size = '32MB'").await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let (mut socket, place) = subscribe(&process, None).await;
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    let seen = socket.change().await["lsn"].clone();
    process.kill().await;
    client.batch_execute("insert into t values (2)").await.expect("inserts");
    let status = format!("select wal_status from pg_replication_slots where slot_name = '{SLOT}'");
    eventually("Postgres gives the slot up", || async {
        write_log(&client, 40).await;
        (value(&client, &status).await == "lost").then_some(())
    })
    .await;

    let process = serve(&postgres).await;
    client.batch_execute("insert into t values (3)").await.expect("inserts");
    for after in [seen.as_str().expect("a place"), &place] {
        let (mut socket, _) = subscribe(&process, Some(after)).await;
        let gap = socket.event("system").await;
        assert_eq!((&gap["status"], &gap["from"]), (&json!("error"), &json!(after)), "{gap}");
        assert_eq!(socket.change().await["record"]["id"], 3, "and all that is in the new slot");
    }
    assert_eq!(value(&client, &status).await, "reserved");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slot_dropped_under_a_server_is_made_anew_and_everybody_is_told() {
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let (mut socket, place) = subscribe(&process, None).await;
    let cut = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{SLOT}'"
    );
    let drop = format!("select pg_drop_replication_slot('{SLOT}')");
    eventually("the slot is dropped", || async {
        client.batch_execute(&cut).await.expect("cuts");
        client.batch_execute(&drop).await.ok()
    })
    .await;
    let gap = socket.event("system").await;
    assert!(gap["message"].as_str().is_some_and(|it| it.starts_with("gap: ")), "{gap}");
    assert_eq!(gap["from"], json!(place));
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    assert_eq!(socket.change().await["record"]["id"], 1);
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn window_gives_way_before_postgres_gives_the_slot_up() {
    let postgres = Postgres::start().await;
    postgres.set("max_slot_wal_keep_size = '64MB'").await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let (mut socket, place) = subscribe(&process, None).await;
    client.batch_execute("insert into t values (1)").await.expect("inserts");
    assert_eq!(socket.change().await["record"]["id"], 1);
    let sql =
        |what: &str| format!("select {what} from pg_replication_slots where slot_name = '{SLOT}'");
    let behind = sql("(pg_current_wal_lsn() - confirmed_flush_lsn <= 16 * 1024 * 1024)::text");
    // Twice what it may hold back, and far less than the window's own bound.
    for _ in 0..8 {
        write_log(&client, 16).await;
        eventually("the slot moves on", || async {
            (value(&client, &behind).await == "true").then_some(())
        })
        .await;
    }
    client.batch_execute("insert into t values (2)").await.expect("inserts");
    let next = socket.next().await;
    assert_eq!(next[4]["data"]["record"]["id"], 2, "no gap was told: {next}");
    let (mut late, _) = subscribe(&process, Some(&place)).await;
    let gap = late.event("system").await;
    assert_eq!((&gap["status"], &gap["from"]), (&json!("error"), &json!(place)), "{gap}");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_of_a_slot_that_is_about_to_be_lost() {
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let told = || async {
        let found = walkie::pg::install::check(&client).await.expect("can be checked");
        let ours = found.into_iter().find(|found| found.subject == format!("slot {SLOT}"));
        ours.map(|found| found.finding).unwrap_or_default()
    };
    let process = serve(&postgres).await;
    assert_eq!(told().await, "");
    // A reader that does not read.
    process.signal(nix::sys::signal::Signal::SIGSTOP);
    write_log(&client, 76).await;
    postgres.set("max_slot_wal_keep_size = '80MB'").await;
    eventually("the setting counts", || async {
        told().await.contains("before Postgres gives it up").then_some(())
    })
    .await;
    process.signal(nix::sys::signal::Signal::SIGCONT);
    process.kill().await;
    eventually("the slot is free", || async {
        told().await.contains("nobody reads it").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn join_while_postgres_is_away_is_refused_so_that_the_client_returns() {
    let postgres = Postgres::start().await;
    let client = postgres.connect().await;
    client.batch_execute(TABLES).await.expect("tables");
    let process = serve(&postgres).await;
    let mut socket = Socket::open(process.url(), &service().token, "2.0.0").await;
    let binding: Value = json!([{"event": "*", "schema": "public", "table": "t"}]);
    // What is asked then fails as while a server is going down.
    client.batch_execute("alter role authenticator connection limit 0").await.expect("limits");
    let cut =
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'";
    client.batch_execute(cut).await.expect("cuts");
    let (status, response) = socket.join("t", &service(), binding.clone()).await;
    assert_eq!(status, "error", "{response}");
    assert!(response["reason"].as_str().is_some_and(|it| it.starts_with("UnableToConnect")));
    client.batch_execute("alter role authenticator connection limit -1").await.expect("limits");
    let answered = eventually("it can be joined again", || async {
        let mut socket = Socket::open(process.url(), &service().token, "2.0.0").await;
        let (status, _) = socket.join("t", &service(), binding.clone()).await;
        (status == "ok").then_some(socket)
    });
    let mut socket = answered.await;
    assert_eq!(socket.event("system").await["status"], "ok");
    process.kill().await;
}
