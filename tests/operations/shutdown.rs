//! How a server goes down: SIGTERM, and a second one. OPS-12

use std::time::Instant;

use futures_util::future;
use nix::sys::signal::Signal;
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use walkie::identity::Keys;

use crate::support::{Answer, Database, Person, Process, SECRET, Socket, eventually};

fn service() -> Person {
    let claims = json!({"role": "service_role", "exp": 4_000_000_000_i64});
    Person { token: Keys::new(SECRET).sign(&claims).expect("signs") }
}

/// Status and words of /ready; `None` when nobody listens any more.
async fn ready(process: &Process) -> Option<(StatusCode, String)> {
    let answer = Client::new().get(format!("{}/ready", process.url())).send().await.ok()?;
    Some((answer.status(), answer.text().await.ok()?))
}

async fn is_going_down(process: &Process) {
    eventually("the server says that it is going down", || async {
        let (status, words) = ready(process).await.expect("it still listens");
        (status == StatusCode::SERVICE_UNAVAILABLE && words == "the server is going down")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn sockets_are_told_one_after_the_other_to_come_back_and_nothing_is_lost() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key);
             grant select on public.t to service_role;
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let process = Process::serve_with(&database, &["--realtime-drain-seconds", "4"]).await;
    let mut sockets = Vec::new();
    let mut place = String::new();
    for _ in 0..8 {
        let mut socket = Socket::open(process.url(), &service().token, "2.0.0").await;
        place = socket.subscribe("t", &service(), json!([{"event": "*", "table": "t"}])).await;
        sockets.push(socket);
    }
    process.signal(Signal::SIGTERM);
    is_going_down(&process).await;
    let query = format!("apikey={}&vsn=2.0.0", service().token);
    let refused = Socket::try_open(process.url(), &query).await.err();
    let words = r#"{"error":"Realtime is restarting, please standby"}"#;
    assert_eq!(refused, Some((503, words.to_owned())));
    database.sql("insert into t values (1)").await;

    let closed = sockets
        .into_iter()
        .map(|mut socket| async move { (socket.close_code().await, Instant::now()) });
    let closed = future::join_all(closed).await;
    assert!(closed.iter().all(|(code, _)| *code == 1012), "{closed:?}");
    let times = || closed.iter().map(|(_, at)| *at);
    let (first, last) = (times().min().expect("8"), times().max().expect("8"));
    assert!((last - first).as_millis() > 500, "they came at once: {:?}", last - first);

    assert!(process.ended().await.success());
    let name = database.name();
    let slot = format!("select active from pg_replication_slots where slot_name = '{name}'");
    eventually("the slot is there, and free", || async {
        (database.value(&slot).await == "f").then_some(())
    })
    .await;
    let process = Process::serve(&database).await;
    let mut socket = Socket::open(process.url(), &service().token, "2.0.0").await;
    let binding = json!([{"event": "*", "table": "t", "after": place}]);
    socket.subscribe("t", &service(), binding).await;
    assert_eq!(socket.change().await["record"]["id"], 1, "and holds what nobody heard");
    process.kill().await;
}

#[tokio::test]
async fn requests_under_way_are_answered() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.gate (id int primary key);
             create function public.wait() returns text language sql volatile
             security definer set search_path = '' as
             $$ select pg_advisory_lock_shared(7)::text || 'answered' $$;",
        )
        .await;
    let process = Process::serve(&database).await;
    database.sql("select pg_advisory_lock(7)").await;
    let url = format!("{}/rest/v1/rpc/wait", process.url());
    let request = Client::new().request(Method::POST, url).bearer_auth(service().token);
    let answer = tokio::spawn(Answer::of(request));
    let waits = "select count(*) from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock'";
    eventually("the request waits", || async {
        (database.value(waits).await == "1").then_some(())
    })
    .await;
    process.signal(Signal::SIGTERM);
    eventually("nobody else is let in", || async { ready(&process).await.is_none().then_some(()) })
        .await;
    database.sql("select pg_advisory_unlock(7)").await;
    let answer = answer.await.expect("it was sent");
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!("answered")));
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn second_signal_waits_for_nobody() {
    let database = Database::scratch().await;
    let process = Process::serve_with(&database, &["--realtime-drain-seconds", "3600"]).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(Socket::open(process.url(), &service().token, "2.0.0").await);
    }
    process.signal(Signal::SIGTERM);
    is_going_down(&process).await;
    process.signal(Signal::SIGINT);
    assert!(!process.ended().await.success());
    for socket in &mut sockets {
        socket.ended().await;
    }
}
