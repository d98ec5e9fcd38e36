//! The REST dialect alone, as a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use reqwest::{Client, Method, RequestBuilder};
use tokio::process::Child;
use walkie::identity::Keys;

use super::process::free_port;
use super::server::SECRET;
use super::{Answer, Database, command, eventually};

/// A running `walkie rest`, with an admin server.
pub struct Standalone {
    child: Child,
    client: Client,
    url: String,
    admin: String,
    port: u16,
}

impl Standalone {
    /// Starts over schema `api` of a database, for `anon` and whoever has a token, with these
    /// settings beside, and waits until it is ready.
    pub async fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        let api = Self::launch(&database.login_url().await, settings);
        eventually("the API is ready", || async {
            (api.admin("ready").await.status == 200).then_some(())
        })
        .await;
        api
    }

    /// The same with settings in a file.
    pub async fn start_with_file(database: &Database, file: &Path) -> Self {
        let api = Self::spawn(command().arg("rest").arg(file), &database.login_url().await, &[]);
        eventually("the API is ready", || async {
            (api.admin("ready").await.status == 200).then_some(())
        })
        .await;
        api
    }

    /// Starts, whether it becomes ready or not.
    pub fn launch(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::spawn(command().arg("rest"), database_url, settings)
    }

    fn spawn(command: &mut Command, database_url: &str, settings: &[(&str, &str)]) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        command
            .env("PGRST_DB_URI", database_url)
            .env("PGRST_DB_SCHEMAS", "api")
            .env("PGRST_DB_ANON_ROLE", "anon")
            .env("PGRST_JWT_SECRET", SECRET)
            .env("PGRST_SERVER_HOST", "127.0.0.1")
            .env("PGRST_SERVER_PORT", port.to_string())
            .env("PGRST_ADMIN_SERVER_PORT", admin_port.to_string())
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let command = std::mem::replace(command, Command::new("true"));
        let child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        Self {
            child,
            client: Client::new(),
            url: format!("http://127.0.0.1:{port}"),
            admin: format!("http://127.0.0.1:{admin_port}"),
            port: admin_port,
        }
    }

    /// Where its admin server listens.
    pub fn admin_port(&self) -> u16 {
        self.port
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// What the admin server answers; status 503 while it does not.
    pub async fn admin(&self, path: &str) -> Answer {
        match self.client.get(format!("{}/{path}", self.admin)).send().await {
            Ok(answer) => Answer::read(answer).await,
            Err(_) => Answer::none(),
        }
    }

    /// A token with these claims.
    pub fn token(claims: &serde_json::Value) -> String {
        Keys::new(SECRET).sign(claims).expect("claims can be signed")
    }

    /// Memory that it holds, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let id = self.child.id().expect("it is running");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = resident.and_then(|text| text.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).expect("it is running");
        nix::sys::signal::kill(Pid::from_raw(id), signal).expect("it can be signalled");
    }

    /// Waits for its end and gives what it printed.
    pub async fn ended(self) -> (bool, String) {
        let output = self.child.wait_with_output().await.expect("it ends");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
