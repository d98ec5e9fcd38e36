//! A database that is busy or lost.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{api, header, plain_database, socket};
use crate::support::{Answer, Database, Standalone, eventually};

/// A way to the cluster that can be cut.
struct Way {
    port: u16,
    task: JoinHandle<()>,
}

impl Way {
    async fn open(database: &Database, port: u16) -> Self {
        let socket = socket(database).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self { port, task: tokio::spawn(carry(listener, socket)) }
    }

    fn url(&self, database: &Database) -> String {
        format!("postgresql://authenticator@127.0.0.1:{}/{}", self.port, database.name())
    }

    async fn cut(self) -> u16 {
        self.task.abort();
        let _ = self.task.await;
        self.port
    }
}

async fn carry(listener: TcpListener, socket: PathBuf) {
    // All end with this one.
    let mut carried = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let socket = socket.clone();
        carried.spawn(async move {
            if let Ok(mut far) = UnixStream::connect(socket).await {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

#[tokio::test]
async fn lost_database_is_told_and_found_again() -> anyhow::Result<()> {
    let database = plain_database().await;
    let way = Way::open(&database, 0).await;
    let api = Standalone::launch(&way.url(&database), &[]);
    let is_ready = || async { (api.admin("ready").await.status == 200).then_some(()) };
    eventually("the API is ready", is_ready).await;
    assert_eq!(api.get("/items?id=eq.1").await.status, 200);

    let port = way.cut().await;
    let lost = eventually("the loss is noticed", || async {
        let answer = api.get("/items?id=eq.1").await;
        (answer.status == 503 && answer.headers.contains_key("retry-after")).then_some(answer)
    })
    .await;
    assert!(header(&lost, "retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
    assert_eq!(api.admin("ready").await.status, 503);
    assert_eq!(api.admin("live").await.status, 200);

    let _way = Way::open(&database, port).await;
    eventually("the API is ready again", is_ready).await;
    assert_eq!(api.get("/items?id=eq.1").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn lost_database_ends_a_server_that_shall_not_try_again() -> anyhow::Result<()> {
    let database = plain_database().await;
    let way = Way::open(&database, 0).await;
    let never = [("PGRST_DB_POOL_AUTOMATIC_RECOVERY", "false")];
    let api = Standalone::launch(&way.url(&database), &never);
    eventually("the API is ready", || async {
        (api.admin("ready").await.status == 200).then_some(())
    })
    .await;

    way.cut().await;

    let (ok, _) = tokio::time::timeout(Duration::from_secs(20), api.ended()).await?;
    assert!(!ok);
    Ok(())
}

#[tokio::test]
async fn requests_wait_for_a_connection_only_so_long() -> anyhow::Result<()> {
    let settings = [("PGRST_DB_POOL", "1"), ("PGRST_DB_POOL_ACQUISITION_TIMEOUT", "1")];
    let (database, api) = api(&settings).await;
    let napping = api.request(Method::POST, "/rpc/nap").json(&json!({ "seconds": 3 }));
    let napping = tokio::spawn(Answer::of(napping));
    eventually("the call runs", || async {
        let running = "select count(*) from pg_stat_activity
                        where datname = current_database() and wait_event = 'PgSleep'";
        (database.value(running).await == "1").then_some(())
    })
    .await;

    let waited = api.get("/items").await;

    let expected = json!({
        "code": "PGRST003",
        "message": "Timed out acquiring connection from connection pool.",
        "details": null,
        "hint": null,
    });
    assert_eq!((waited.status.as_u16(), waited.body), (504, expected));
    assert!(api.admin("metrics").await.text.contains("\npgrst_db_pool_timeouts_total 1\n"));
    assert_eq!(napping.await?.body, "rested");
    assert_eq!(api.get("/items").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn idle_connections_are_closed() -> anyhow::Result<()> {
    let (database, api) = api(&[("PGRST_DB_POOL_MAX_IDLETIME", "1")]).await;
    let idle = "select count(*) from pg_stat_activity
                 where datname = current_database() and application_name = 'walkie requests'";
    assert_eq!(api.get("/items").await.status, 200);
    eventually("nothing is kept", || async { (database.value(idle).await == "0").then_some(()) })
        .await;
    assert_eq!(api.get("/items").await.status, 200);
    Ok(())
}
