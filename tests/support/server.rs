//! The real server, in this process, on a free port.

use clap::Parser;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use walkie::config::{Command, CommandLine, Settings};
use walkie::identity::{Keys, unix_now};
use walkie::server;

use super::{Database, Socket, eventually};

pub const SECRET: &str = "a secret that only these tests know, and nobody else";

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct Person {
    /// What they show.
    pub token: String,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub body: Value,
    pub text: String,
}

/// A running server.
pub struct Server {
    url: String,
    client: Client,
    keys: Keys,
    shutdown: CancellationToken,
    /// `None` once stopped.
    task: Option<JoinHandle<()>>,
    /// Where its files rest.
    _files: tempfile::TempDir,
}

impl Server {
    /// Starts with default settings and waits until it is ready.
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// Starts with more flags, as `walkie serve` takes them.
    pub async fn start_with(database: &Database, flags: &[&str]) -> Self {
        let mut settings = settings(database, flags).await;
        let files = tempfile::tempdir().expect("a folder");
        settings.storage.storage_dir.get_or_insert_with(|| files.path().to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let keys = Keys::new(SECRET);
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            server::run(listener, settings, stop).await.unwrap_or_else(|error| panic!("{error}"));
        });
        let server =
            Self { url, client: Client::new(), keys, shutdown, task: Some(task), _files: files };
        eventually("the server is ready", || async {
            let answer = server.request(Method::GET, "/ready").send().await.ok()?;
            let has_ended = server.task.as_ref().is_some_and(JoinHandle::is_finished);
            assert!(!has_ended, "the server ended");
            answer.status().is_success().then_some(())
        })
        .await;
        server
    }

    /// Stops it and waits for its end.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let task = self.task.take().expect("it stops once");
        task.await.expect("the server ends well");
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A person of the cast, by name.
    pub fn person(&self, name: &str) -> Person {
        self.person_until(name, 3600)
    }

    /// A person of the cast whose token expires in so many seconds.
    pub fn person_until(&self, name: &str, seconds: i64) -> Person {
        let initial = &name[..1];
        let subject = format!("{initial}0000000-0000-4000-8000-00000000000{initial}");
        self.bearer(&json!({
            "role": "authenticated", "sub": subject, "aud": "authenticated",
            "exp": unix_now() + seconds,
        }))
    }

    /// Somebody with these claims.
    pub fn bearer(&self, claims: &Value) -> Person {
        Person { token: self.keys.sign(claims).expect("claims can be signed") }
    }

    pub fn anon_key(&self) -> String {
        self.bearer(&json!({ "role": "anon", "exp": unix_now() + 3600 })).token
    }

    pub fn service_key(&self) -> String {
        self.bearer(&json!({ "role": "service_role", "exp": unix_now() + 3600 })).token
    }

    /// A request to any path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A REST request as a person; `path` is relative to `/rest/v1/`.
    pub async fn rest(&self, who: &Person, method: Method, path: &str) -> Answer {
        let request = self.request(method, &format!("/rest/v1/{path}"));
        Answer::of(request.bearer_auth(&who.token)).await
    }

    /// Calls a function as a person.
    pub async fn rpc(&self, who: &Person, name: &str, arguments: Value) -> Answer {
        let request = self.request(Method::POST, &format!("/rest/v1/rpc/{name}"));
        Answer::of(request.bearer_auth(&who.token).json(&arguments)).await
    }

    /// The value of a metric, written as in the text (`name_total{label="value"}`); 0 before
    /// anything was counted.
    pub async fn metric(&self, sample: &str) -> u64 {
        let request = self.request(Method::GET, "/metrics").bearer_auth(self.service_key());
        let text = Answer::of(request).await.text;
        let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        found.map_or(0, |value| value.parse().expect("a count"))
    }

    /// Waits until a metric has this value.
    pub async fn settles(&self, sample: &str, value: u64) {
        eventually(&format!("{sample} is {value}"), || async {
            (self.metric(sample).await == value).then_some(())
        })
        .await;
    }

    /// A socket, serializer 2.0.0.
    pub async fn socket(&self) -> Socket {
        Socket::open(&self.url, &self.anon_key(), "2.0.0").await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Answer {
    /// Sends a request.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.expect("the server answers")).await
    }

    /// What stands for an answer that did not come.
    pub fn none() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, headers: HeaderMap::new(), body: Value::Null, text: String::new() }
    }

    /// Reads an answer to its end.
    pub async fn read(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, body, text }
    }
}

/// What `walkie serve` would make of these flags.
pub async fn settings(database: &Database, flags: &[&str]) -> Settings {
    let url = database.login_url().await;
    let unless_told = |flag, value| if flags.contains(&flag) { vec![] } else { vec![flag, value] };
    let drain = unless_told("--realtime-drain-seconds", "0");
    let slot = unless_told("--realtime-slot", database.name());
    let arguments = ["walkie", "serve", "--database-url", &url, "--jwt-secret", SECRET]
        .into_iter()
        .chain(drain)
        .chain(slot)
        .chain(flags.iter().copied());
    match CommandLine::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).command {
        Command::Serve(settings) => *settings,
        other => panic!("{other:?}"),
    }
}
