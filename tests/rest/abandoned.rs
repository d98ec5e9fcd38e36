//! Requests whose client goes away: what runs for them is cancelled, and nothing remains.

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use reqwest::Method;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use walkie::pg::Pg;
use walkie::rest::Rest;

use super::{get, library_with, request};
use crate::support::{Database, SECRET, eventually, settings};

/// Most polls that a request may take.
const MANY: usize = 300;

const POOL_SIZE: usize = 2;

const MORE: &str = "
    create function nap(seconds float default 60) returns void
    language sql volatile as $$ select pg_sleep(seconds) $$;
    create view slow as select 1 as id, pg_sleep(60)::text as slept;
    create function hire_two(name text) returns setof people
    language sql as $$ insert into people (name) values (name), (name) returning * $$;
    create view many as select n as id, repeat('x', 100) as filler from generate_series(1, 2000) n;
    grant select on slow, many to anon;";

async fn sleeping(database: &Database, count: &str) {
    let sleeping = "select count(*) from pg_stat_activity
                     where datname = current_database() and wait_event = 'PgSleep'";
    eventually(&format!("{count} are sleeping"), || async {
        (database.value(sleeping).await == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn statement_ends_when_its_client_goes_away() -> anyhow::Result<()> {
    let (database, server) = library_with(MORE, &["--statement-timeout-ms", "0"]).await;
    let post = |path: &str| request(&server, Method::POST, path).send();

    // The first request of a connection takes another way than those that follow.
    for _ in 0..2 {
        for asked in [
            request(&server, Method::GET, "slow").send(),
            request(&server, Method::GET, "slow").header("prefer", "count=planned").send(),
            request(&server, Method::GET, "slow").header("accept", "application/x-ndjson").send(),
            post("rpc/nap"),
        ] {
            let client = tokio::spawn(asked);
            sleeping(&database, "1").await;
            client.abort();
            sleeping(&database, "0").await;
        }
    }

    assert_eq!(get(&server, "people?select=id&id=eq.1").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn clients_that_go_away_leave_every_connection_to_the_next() -> anyhow::Result<()> {
    let flags = ["--statement-timeout-ms", "0", "--pool-size", "2", "--pool-wait-ms", "5000"];
    let (database, server) = library_with(MORE, &flags).await;

    for _ in 0..5 {
        let naps = [(); 4].map(|()| tokio::spawn(request(&server, Method::POST, "rpc/nap").send()));
        sleeping(&database, "2").await;
        for nap in &naps {
            nap.abort();
        }
        // Those that waited for a connection do not begin either.
        sleeping(&database, "0").await;
    }
    assert_eq!(get(&server, "people?select=id&id=eq.1").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn requests_may_be_dropped_at_every_await() -> anyhow::Result<()> {
    let stage = Stage::build().await;
    let kinds = [
        ("read", stage.asked(Method::GET, "/people?select=id&id=eq.1", &[], "")),
        (
            "guess",
            stage.asked(Method::GET, "/people?select=id", &[("prefer", "count=planned")], ""),
        ),
        ("stream", stage.asked(Method::GET, "/many", &[("accept", "application/x-ndjson")], "")),
        ("write", stage.asked(Method::POST, "/people", &[], r#"[{"name":"x"},{"name":"x"}]"#)),
        ("call", stage.asked(Method::POST, "/rpc/hire_two", &[], r#"{"name":"x"}"#)),
        ("error", stage.asked(Method::GET, "/people?id=eq.x", &[], "")),
        ("slow", stage.asked(Method::POST, "/rpc/nap", &[], r#"{"seconds":0.15}"#)),
    ];

    for (kind, asked) in &kinds {
        // Once while the statement is unknown to the connection, and once more.
        for _ in 0..2 {
            let mut polls = 1;
            let status = loop {
                if let Some(status) = stage.answered_within(asked, polls).await {
                    break status;
                }
                stage.expect_clean(kind, polls).await;
                polls += 1;
                assert!(polls < MANY, "{kind} does not end");
            };
            assert!(polls > 1, "{kind} was never dropped");
            assert_eq!(status.is_success(), *kind != "error", "{kind}: {status}");
            stage.expect_clean(kind, polls).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn cancellations_are_encrypted_where_connections_are() -> anyhow::Result<()> {
    let stage = Stage::build_over(encrypted_way).await;
    let nap = stage.asked(Method::POST, "/rpc/nap", &[], "{}");

    let answer = stage.answered_within(&nap, usize::MAX);
    tokio::select! {
        answer = answer => panic!("{answer:?}"),
        () = sleeping(&stage.database, "1") => {}
    }
    sleeping(&stage.database, "0").await;
    Ok(())
}

/// A URL of a way to the cluster that takes only encrypted connections, cancellations too.
async fn encrypted_way(database: &Database) -> String {
    let config: tokio_postgres::Config = database.login_url().await.parse().expect("a URL");
    let number = config.get_ports().first().copied().unwrap_or(5432);
    let socket = match config.get_hosts() {
        [Host::Unix(folder)] => folder.join(format!(".s.PGSQL.{number}")),
        other => panic!("{other:?}"),
    };
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../keys/p256.crt"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../keys/p256.pem"));
    let tls =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.expect("it reads")], key.expect("it reads"))
            .expect("they belong together");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(decrypt(listener, socket, TlsAcceptor::from(Arc::new(tls))));
    format!("postgresql://authenticator@127.0.0.1:{port}/{}?sslmode=require", database.name())
}

async fn decrypt(listener: TcpListener, socket: PathBuf, acceptor: TlsAcceptor) {
    let mut carried = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let (socket, acceptor) = (socket.clone(), acceptor.clone());
        carried.spawn(async move {
            // Its length, and the number that asks for encryption; one letter is the answer.
            let mut asked = [0; 8];
            near.read_exact(&mut asked).await?;
            if asked != [0, 0, 0, 8, 4, 210, 22, 47] {
                return Err(std::io::Error::other("not encrypted"));
            }
            near.write_all(b"S").await?;
            let mut near = acceptor.accept(near).await?;
            let mut far = UnixStream::connect(socket).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
        });
    }
}

/// The dialect without a server, so that its requests are futures to be dropped.
struct Stage {
    database: Database,
    pg: Pg,
    router: Router,
    anon_key: String,
}

/// What is asked, made anew each time.
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

impl Stage {
    async fn build() -> Self {
        Self::build_over(Database::login_url).await
    }

    /// The same, on a way of its own to the database.
    async fn build_over(way: impl AsyncFn(&Database) -> String) -> Self {
        let database = Database::scratch().await;
        database.sql(include_str!("library.sql")).await;
        database.sql(MORE).await;
        let size = POOL_SIZE.to_string();
        let flags = ["--pool-size", &size, "--statement-timeout-ms", "0"];
        let mut settings = settings(&database, &flags).await;
        settings.database.database_url = way(&database).await;
        let keys = walkie::identity::Keys::new(SECRET);
        let anon_key = keys.sign(&json!({ "role": "anon" })).expect("claims can be signed");
        let pg = Pg::new(&settings.database, "public").expect("a URL");
        pg.reload(&settings.rest.schemas).await.expect("the schema loads");
        let router = Rest::new(pg.clone(), keys, &settings.rest).router();
        Self { database, pg, router, anon_key }
    }

    fn asked(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &'static str,
    ) -> Asked {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.push(("authorization", format!("Bearer {}", self.anon_key)));
        headers.push(("content-type", "application/json".into()));
        Asked { method, path: path.into(), headers, body }
    }

    /// The status, if the answer is there, whole, after so many polls. Otherwise it is wanted no
    /// more.
    async fn answered_within(&self, asked: &Asked, mut polls: usize) -> Option<StatusCode> {
        let mut http = Request::builder().method(asked.method.clone()).uri(&asked.path);
        for (name, value) in &asked.headers {
            http = http.header(*name, value);
        }
        let http = http.body(Body::from(asked.body)).expect("a request");
        let router = self.router.clone();
        let mut answer = Box::pin(async move {
            let Ok(response) = router.oneshot(http).await;
            let status = response.status();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            body.map(|_| status).expect("a whole body")
        });
        poll_fn(|cx| {
            polls -= 1;
            match answer.as_mut().poll(cx) {
                Poll::Ready(status) => Poll::Ready(Some(status)),
                Poll::Pending if polls == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// No connection is missing, busy, in a transaction or somebody's; and what was written was
    /// written whole.
    async fn expect_clean(&self, kind: &str, polls: usize) {
        let what = format!("{kind} dropped after {polls} polls");
        eventually(&what, || async {
            let status = self.pg.pool.status();
            (status.available == status.size && status.waiting == 0).then_some(())
        })
        .await;
        let of_requests = "select count(*) from pg_stat_activity
                            where datname = current_database()
                              and application_name = 'walkie requests'";
        eventually(&what, || async {
            let busy = self.database.value(&format!("{of_requests} and state <> 'idle'")).await;
            let open: usize = self.database.value(of_requests).await.parse().ok()?;
            (busy == "0" && open <= POOL_SIZE).then_some(())
        })
        .await;
        let mut connections = Vec::new();
        for _ in 0..POOL_SIZE {
            connections.push(self.pg.pool.get().await.expect("a connection"));
        }
        for connection in connections {
            let state = connection
                .query_one(
                    "select current_user = 'authenticator' and current_setting('role') = 'none'
                        and coalesce(current_setting('request.jwt.claims', true), '') = ''
                        and coalesce(current_setting('request.path', true), '') = ''
                        and current_setting('transaction_read_only') = 'off'
                        and (select count(*) < 40 from pg_prepared_statements)",
                    &[],
                )
                .await
                .expect("it answers");
            assert!(state.get::<_, bool>(0), "{what}");
        }
        let pairs = "select count(*) % 2 from people where name = 'x'";
        assert_eq!(self.database.value(pairs).await, "0", "{what}");
    }
}
