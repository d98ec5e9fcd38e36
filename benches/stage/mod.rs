//! What benches stand on: a throw-away Postgres with the product installed, people, the whole
//! server, and subscribers that drain their sockets.
#![allow(dead_code, reason = "each bench uses its part")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use walkie::config::PostgresBinaries;
use walkie::embedded::{Cluster, Kind, SUPERUSER};
use walkie::identity::{Keys, unix_now};
use walkie::pg::{Target, install, names, pool};

const SECRET: &str = "a secret for benches, long enough to sign";

/// Sockets that are opened side by side.
const OPENING: usize = 32;

/// A Postgres with the product and so many people.
pub struct Stage {
    pub cluster: Cluster,
    /// Writes as the first person.
    pub writer: Client,
}

/// A running server, a process of its own: sockets count against each process's limit.
pub struct Serving {
    address: String,
    process: Child,
}

/// A change that a subscriber received.
pub type Receipt = Instant;

impl Stage {
    /// Installs, and makes `people` accounts.
    pub async fn set(people: usize) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("walkie-bench-{}", std::process::id()));
        let binaries = PostgresBinaries::from_env();
        let cluster = Cluster::start(&binaries, &folder, Kind::ThrownAway).await?;
        let target = Target::new(&cluster.url(SUPERUSER, "postgres"), "bench")?;
        let writer = pool::connect(&target).await?;
        install::install(&writer, false).await?;
        let stage = Self { cluster, writer };
        stage
            .run(&format!(
                "insert into auth.users (id, aud, role, email, raw_user_meta_data)
                 select {PERSON}, 'authenticated', 'authenticated', n || '@example.com', '{{}}'
                   from generate_series(1, {people}) n"
            ))
            .await?;
        Ok(stage)
    }

    /// Runs SQL.
    pub async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.writer.batch_execute(sql).await?)
    }

    /// A conversation of the first `members` people.
    pub async fn room(&self, number: usize, members: usize) -> anyhow::Result<String> {
        self.room_of(number, 1..=members).await
    }

    /// A conversation of these people.
    pub async fn room_of(
        &self,
        number: usize,
        people: std::ops::RangeInclusive<usize>,
    ) -> anyhow::Result<String> {
        let room = format!("10000000-0000-4000-8000-{number:012}");
        let (first, last) = people.into_inner();
        let creator = subject(first);
        self.run(&format!(
            "select set_config('request.jwt.claims', '{{\"role\":\"authenticated\",\"sub\":\"{creator}\"}}', false);
             insert into public.conversations (id, org_id, kind, title, slug)
             select '{room}', p.org_id, 'room', 'Room', 'room-{number}' from public.profiles p limit 1;
             insert into public.conversation_members (conversation_id, member_id)
             select '{room}', {PERSON} from generate_series({first}, {last}) n
                 on conflict do nothing"
        ))
        .await?;
        Ok(room)
    }

    /// Connections to the database, but for our own.
    pub async fn connections(&self) -> anyhow::Result<i64> {
        let sql = "select count(*) from pg_stat_activity
                    where backend_type in ('client backend', 'walsender') and usename <> $1";
        Ok(self.writer.query_one(sql, &[&SUPERUSER]).await?.try_get(0)?)
    }

    /// Ends everything.
    pub async fn strike(self) {
        drop(self.writer);
        self.cluster.stop().await;
    }
}

/// The id of person `n`, in SQL.
const PERSON: &str = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid";

/// The id of a person.
pub fn subject(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// How long a process has worked, on all cores together.
pub fn worked(process: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no fields")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Where a server's files rest.
pub fn files() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("walkie-bench-{}-files", std::process::id()))
}

/// A person's token.
pub fn token(number: usize) -> anyhow::Result<String> {
    Ok(Keys::new(SECRET).sign(&json!({
        "role": "authenticated", "sub": subject(number), "exp": unix_now() + 7200,
    }))?)
}

/// Path and query of the sockets.
pub fn socket_path(token: &str) -> String {
    format!("/realtime/v1/websocket?apikey={token}&vsn=2.0.0")
}

impl Serving {
    /// Starts a server on the stage, when everybody is in their rooms, and waits until it is ready.
    pub async fn start(stage: &Stage) -> anyhow::Result<Self> {
        Self::start_with(stage, &[]).await
    }

    /// Starts it with more flags, as `walkie serve` takes them.
    pub async fn start_with(stage: &Stage, flags: &[&str]) -> anyhow::Result<Self> {
        // As Postgres does by itself now and then.
        stage.run("analyze public.conversation_members").await?;
        let url = stage.cluster.url(names::LOGIN_ROLE, "postgres");
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new(env!("CARGO_BIN_EXE_walkie"))
            .args(["serve", "--database-url", &url, "--jwt-secret", SECRET, "--log", "warn"])
            .args(["--port", &port.to_string()])
            .env("WALKIE_STORAGE_DIR", files())
            .args(flags)
            .kill_on_drop(true)
            .spawn()?;
        let ready = format!("http://{address}/ready");
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { address, process })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Subscribes people, each on a socket of their own, to new rows of a table; each receipt
    /// is reported.
    pub async fn subscribe(
        &self,
        people: std::ops::RangeInclusive<usize>,
        table: &str,
        heard: &mpsc::UnboundedSender<Receipt>,
    ) -> anyhow::Result<()> {
        stream::iter(people.map(anyhow::Ok))
            .try_for_each_concurrent(OPENING, |number| self.listen(number, table, heard.clone()))
            .await
    }

    async fn listen(
        &self,
        number: usize,
        table: &str,
        heard: mpsc::UnboundedSender<Receipt>,
    ) -> anyhow::Result<()> {
        let url = format!("ws://{}{}", self.address, socket_path(&token(number)?));
        let (mut socket, _) = connect_async(url).await?;
        let bindings = json!([{"event": "INSERT", "schema": "public", "table": table}]);
        let config = json!({"config": {"postgres_changes": bindings}});
        let join = json!(["1", "1", "realtime:all", "phx_join", config]);
        socket.send(Message::text(join.to_string())).await?;
        loop {
            let frame = socket.next().await.ok_or_else(|| anyhow::anyhow!("closed"))??;
            let frame: Value = serde_json::from_str(frame.to_text()?)?;
            if frame[3] == "system" {
                anyhow::ensure!(frame[4]["status"] == "ok", "{frame}");
                break;
            }
        }
        tokio::spawn(async move {
            while let Some(Ok(frame)) = socket.next().await {
                let is_change = frame.to_text().is_ok_and(|text| text.contains("postgres_changes"));
                if is_change && heard.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    /// Lets a person into a private channel, on a socket of their own; its end is reported.
    pub async fn enter(
        &self,
        number: usize,
        name: &str,
        ended: mpsc::UnboundedSender<Receipt>,
    ) -> anyhow::Result<()> {
        let token = Keys::new(SECRET).sign(&json!({
            "role": "authenticated", "sub": subject(number), "exp": unix_now() + 3600,
        }))?;
        let url = format!("ws://{}/realtime/v1/websocket?apikey={token}&vsn=2.0.0", self.address);
        let (mut socket, _) = connect_async(url).await?;
        let config = json!({"config": {"private": true}});
        let join = json!(["1", "1", format!("realtime:{name}"), "phx_join", config]);
        socket.send(Message::text(join.to_string())).await?;
        let reply = socket.next().await.ok_or_else(|| anyhow::anyhow!("closed"))??;
        let reply: Value = serde_json::from_str(reply.to_text()?)?;
        anyhow::ensure!(reply[4]["status"] == "ok", "{reply}");
        tokio::spawn(async move {
            while let Some(Ok(frame)) = socket.next().await {
                if frame.to_text().is_ok_and(|text| text.contains("phx_close")) {
                    let _ = ended.send(Instant::now());
                }
            }
        });
        Ok(())
    }

    /// The value of a metric.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let key =
            Keys::new(SECRET).sign(&json!({ "role": "service_role", "exp": unix_now() + 3600 }))?;
        let url = format!("http://{}/metrics", self.address);
        let text = reqwest::Client::new().get(url).bearer_auth(key).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let line = line.ok_or_else(|| anyhow::anyhow!("there is no metric {name}"))?;
        Ok(line.parse()?)
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Memory that it holds, in bytes.
    pub fn memory(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that it has held so far, in bytes.
    pub fn most_memory(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> anyhow::Result<u64> {
        let process = self.process.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.context("it does not say")?.parse::<u64>()? * 1024)
    }

    /// How long it has worked, on all cores together.
    pub fn worked(&self) -> anyhow::Result<Duration> {
        worked(self.process.id().context("it has ended")?)
    }

    /// Stops it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.start_kill()?;
        self.process.wait().await?;
        Ok(())
    }
}

/// Waits for so many receipts.
pub async fn receive(
    receipts: &mut mpsc::UnboundedReceiver<Receipt>,
    count: usize,
) -> Vec<Receipt> {
    let mut received = Vec::with_capacity(count);
    while received.len() < count {
        received.push(receipts.recv().await.expect("subscribers are there"));
    }
    received
}

/// One of the sorted times.
pub fn at(times: &[Duration], share: f64) -> Duration {
    times[((times.len() - 1) as f64 * share) as usize]
}
