//! The built binary as a process of its own: what signals and exit codes are about.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use reqwest::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::server::SECRET;
use super::{Database, PATIENCE, eventually};

/// A running `walkie serve`.
pub struct Process {
    child: Child,
    url: String,
    /// Lines of its log.
    log: Arc<Mutex<Vec<String>>>,
    /// Where its files rest, unless a flag says otherwise.
    _files: tempfile::TempDir,
}

impl Process {
    /// Starts the binary on a free port, for the platform alone, and waits until it is ready.
    pub async fn serve(database: &Database) -> Self {
        Self::serve_with(database, &[]).await
    }

    /// The same with more flags.
    pub async fn serve_with(database: &Database, flags: &[&str]) -> Self {
        Self::serve_in(command(), database, flags).await
    }

    /// The same in an environment of its own.
    pub async fn serve_in(command: Command, database: &Database, flags: &[&str]) -> Self {
        let url = database.login_url().await;
        let process = Self::launch(command, free_port(), &url, database.name(), flags);
        process.is_ready().await;
        process
    }

    /// Starts the binary on a port, for the platform alone.
    pub fn start(port: u16, database_url: &str, slot: &str, flags: &[&str]) -> Self {
        Self::launch(command(), port, database_url, slot, flags)
    }

    fn launch(command: Command, port: u16, database_url: &str, slot: &str, flags: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let mut child = tokio::process::Command::from(command)
            .args(["serve", "--platform-only"])
            .args(["--database-url", database_url])
            .args(["--realtime-slot", slot, "--jwt-secret", SECRET])
            .args(["--port", &port.to_string()])
            .env("WALKIE_STORAGE_DIR", files.path())
            .args(flags)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let log = Arc::<Mutex<Vec<String>>>::default();
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { child, url: format!("http://127.0.0.1:{port}"), log, _files: files }
    }

    /// Waits until it is ready.
    pub async fn is_ready(&self) {
        let client = Client::new();
        eventually("the process is ready", || async {
            let answer = client.get(format!("{}/ready", self.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The lines of its log until now.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            signal::kill(Pid::from_raw(pid), signal).expect("it is ours");
        }
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").expect("it ran")
    }

    /// SIGKILL: no goodbye.
    pub async fn kill(mut self) {
        if !self.has_ended() {
            self.child.kill().await.expect("it was running");
        }
    }
}

/// The binary, with nothing of this environment's settings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walkie"));
    for name in walkie::config::variables() {
        command.env_remove(name);
    }
    command.current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
