//! A Postgres of a test's own, which it may stop, crash and configure.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::geteuid;
use tokio::process::Command;
use tokio_postgres::Client;
use walkie::config::PostgresBinaries;
use walkie::embedded::{Binaries, Cluster, Kind, SUPERUSER};
use walkie::pg::{Target, install, names, pool};

/// Seconds that a stop or a start may take.
const PATIENCE: &str = "30";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// How Postgres is stopped.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// Sessions are ended, and the log is written to its end.
    Fast,
    /// As in a crash.
    Immediate,
}

/// The cluster, with the platform installed in its only database.
pub struct Postgres {
    cluster: Cluster,
    binaries: Binaries,
    folder: PathBuf,
}

impl Postgres {
    /// Starts and installs.
    pub async fn start() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("walkie-own-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let from = PostgresBinaries::from_env();
        let cluster = Cluster::start(&from, &folder, Kind::ThrownAway).await;
        let cluster = cluster.unwrap_or_else(|error| panic!("{error}"));
        let binaries =
            Binaries::find(&from, geteuid().is_root()).await.expect("they were there a moment ago");
        let postgres = Self { cluster, binaries, folder };
        let client = postgres.connect().await;
        install::install(&client, true).await.unwrap_or_else(|error| panic!("{error}"));
        postgres
    }

    /// URL as the role that servers log in with.
    pub fn login_url(&self) -> String {
        self.cluster.url(names::LOGIN_ROLE, "postgres")
    }

    /// A connection as the superuser.
    pub async fn connect(&self) -> Client {
        self.try_connect().await.expect("Postgres is up")
    }

    /// The same while it may be down.
    pub async fn try_connect(&self) -> Option<Client> {
        let target = Target::new(&self.cluster.url(SUPERUSER, "postgres"), "tests");
        pool::connect(&target.expect("a URL")).await.ok()
    }

    /// Changes a setting that needs no restart.
    pub async fn set(&self, setting: &str) {
        let client = self.connect().await;
        client.batch_execute(&format!("alter system set {setting}")).await.expect("a setting");
        client.batch_execute("select pg_reload_conf()").await.expect("reloads");
    }

    /// Stops and starts it again; gives what went wrong.
    pub async fn restart(&self, how: Stop) -> Result<(), String> {
        let data = self.folder.join("data");
        let owner = std::fs::metadata(&data).expect("the data are there");
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let output = Command::new(self.binaries.folder.join("pg_ctl"))
            .args(["restart", "--wait", "--timeout", PATIENCE, "--mode", mode, "--pgdata"])
            .arg(&data)
            .arg("--log")
            .arg(self.folder.join("restarted.log"))
            .stdin(Stdio::null())
            .current_dir("/")
            .uid(owner.uid())
            .gid(owner.gid())
            .output()
            .await
            .expect("pg_ctl can be run");
        let told = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(told) }
    }
}
