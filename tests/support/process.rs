//! The built binary as a process of its own: what signals and exit codes are about.

use std::process::{Command, Stdio};

use reqwest::Client;
use tokio::process::Child;

use super::server::SECRET;
use super::{Database, eventually};

/// A running `walkie serve`.
pub struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the binary on a free port, for the platform alone, and waits until it is ready.
    pub async fn serve(database: &Database) -> Self {
        let port = free_port();
        let child = tokio::process::Command::from(command())
            .args(["serve", "--platform-only"])
            .args(["--database-url", &database.login_url().await])
            .args(["--realtime-slot", database.name(), "--jwt-secret", SECRET])
            .args(["--port", &port.to_string()])
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let process = Self { child, url: format!("http://127.0.0.1:{port}") };
        let client = Client::new();
        eventually("the process is ready", || async {
            let answer = client.get(format!("{}/ready", process.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        process
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// SIGKILL: no goodbye.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
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
