//! A transaction of many rows: what it does to those who hear of it, and to those who do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};
use walkie::embedded::SUPERUSER;
use walkie::pg::{Target, pool};

use super::crowd::{Crowd, Tally, stamp};
use super::stage::{Serving, Stage, socket_path, token};
use super::{SAID, follower, heartbeat};

/// Those who follow the other table.
const OTHERS: usize = 100;

/// How often a row is written there.
const BEAT: Duration = Duration::from_millis(10);

/// How long to wait for everything to be received.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the log for bulk has told.
const TOLD: &str = r#"walkie_log_changes_total{log="bulk"}"#;

/// Has the rows told apart from all else, and what their policy reads with them.
const APART: &str = "
    alter publication supabase_realtime drop table public.said;
    create publication supabase_realtime_bulk for table public.said, public.conversation_members;";

pub async fn run(rows: usize, is_apart: bool) -> anyhow::Result<()> {
    let stage = Stage::set(OTHERS).await?;
    stage.run(SAID).await?;
    if is_apart {
        stage.run(APART).await?;
    }
    stage.run(&SAID.replace("public.said", "public.beats")).await?;
    let room = stage.room(1, OTHERS).await?;
    let server = Serving::start(&stage).await?;
    let is_right = |frame: &Value| frame[4]["data"]["record"]["body"].is_string();
    let crowd = Crowd::gather(Tally::stamped(&[("postgres_changes", is_right)]));
    let ways = (1..=OTHERS)
        .map(|person| Ok((follower(server.address(), person, "beats")?, vec![heartbeat()])));
    crowd.open(ways.collect::<anyhow::Result<_>>()?, None).await?;

    println!(
        "| {rows} rows in one transaction; others hear of a row each {BEAT:?} | nobody hears of the rows | somebody does |"
    );
    println!("| --- | --- | --- |");
    let mut lines: [Vec<String>; 9] = Default::default();
    for is_heard in [false, true] {
        let told = if is_apart { rows * (usize::from(is_heard) + 1) } else { 0 };
        let bulk = Bulk { stage: &stage, server: &server, crowd: &crowd, room: &room, rows, told };
        for (line, cell) in lines.iter_mut().zip(bulk.measure(is_heard).await?) {
            line.push(cell);
        }
    }
    let names = [
        "insert and commit took",
        "from the commit until the others had all that was written in the next half second",
        "from the commit until all rows were told, where they are told apart",
        "delay of the others before: median, worst",
        "delay of the others meanwhile: worst",
        "memory of the server before",
        "memory of the server, at most",
        "rows received by who follows them",
        "how often they were too slow and came back",
    ];
    for (name, cells) in names.iter().zip(lines) {
        println!("| {name} | {} |", cells.join(" | "));
    }
    crowd.check()?;
    server.stop().await?;
    stage.strike().await;
    Ok(())
}

struct Bulk<'a> {
    stage: &'a Stage,
    server: &'a Serving,
    crowd: &'a Crowd,
    room: &'a str,
    rows: usize,
    /// How many changes the log for bulk has told in the end.
    told: usize,
}

impl Bulk<'_> {
    async fn measure(&self, is_heard: bool) -> anyhow::Result<[String; 9]> {
        let tally = &self.crowd.tally;
        let ages = &tally.kinds[0].ages;
        let heard =
            is_heard.then(|| tokio::spawn(hear(self.server.address().to_owned(), self.rows)));
        if is_heard {
            // It is subscribed when the server says so.
            while self.server.metric("walkie_realtime_subscriptions").await? < (OTHERS + 1) as f64 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let received = tally.count(0);
        let stop = Arc::new(AtomicBool::new(false));
        let url = self.stage.cluster.url(SUPERUSER, "postgres");
        let beats = tokio::spawn(beat(url, self.room.to_owned(), Arc::clone(&stop)));
        tokio::time::sleep(Duration::from_secs(1)).await;
        ages.clear();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (median, worst) = (ages.at(500), ages.at(1000));
        ages.clear();
        let before = self.server.memory()?;
        let mut most = before;
        let began = Instant::now();
        let insert = self.insert();
        tokio::pin!(insert);
        loop {
            tokio::select! {
                inserted = &mut insert => break inserted?,
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    most = most.max(self.server.memory()?);
                }
            }
        }
        let committed = Instant::now();
        // What is written after the commit is received after all of the transaction was read.
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.store(true, Ordering::Relaxed);
        let expected = received + beats.await?? * OTHERS as u64;
        while tally.count(0) < expected {
            most = most.max(self.server.memory()?);
            ensure!(committed.elapsed() < PATIENCE, "the others miss something");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (delayed, read) = (ages.at(1000), committed.elapsed());
        // Who follows the rows next is to begin behind them.
        while self.told > 0 && self.server.metric(TOLD).await? < self.told as f64 {
            most = most.max(self.server.memory()?);
            ensure!(committed.elapsed() < PATIENCE, "not all rows were told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let told = committed.elapsed();
        while heard.as_ref().is_some_and(|heard| !heard.is_finished()) {
            most = most.max(self.server.memory()?);
            ensure!(committed.elapsed() < PATIENCE, "who follows the rows misses some");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = committed.elapsed();
        let received = match heard {
            Some(heard) => Some(heard.await??),
            None => None,
        };
        let mebibytes = |bytes: u64| format!("{} MiB", bytes / 1024 / 1024);
        let of = |cell: &dyn Fn(&Received) -> String| received.as_ref().map_or("-".into(), cell);
        Ok([
            format!("{:.2?}", committed - began),
            format!("{read:.2?}"),
            if self.told > 0 { format!("{told:.2?}") } else { "-".into() },
            format!("{median:.2?}, {worst:.2?}"),
            format!("{delayed:.2?}"),
            mebibytes(before),
            mebibytes(most),
            of(&|it| format!("{} ({} in order) in {took:.1?}", it.rows, it.in_order)),
            of(&|it| format!("{}{}", it.came_back, it.gap)),
        ])
    }

    async fn insert(&self) -> anyhow::Result<()> {
        let sql = format!(
            "insert into public.said (room, body)
             select '{}', 'imported message ' || n from generate_series(1, {}) n",
            self.room, self.rows
        );
        self.stage.run(&sql).await
    }
}

/// Writes rows until it is to stop; gives how many.
async fn beat(url: String, room: String, stop: Arc<AtomicBool>) -> anyhow::Result<u64> {
    let client = pool::connect(&Target::new(&url, "bench")?).await?;
    let sql = "insert into public.beats (room, body) values (($1::text)::uuid, $2)";
    let insert = client.prepare(sql).await?;
    let mut rows = 0;
    while !stop.load(Ordering::Relaxed) {
        rows += client.execute(&insert, &[&room, &stamp()]).await?;
        tokio::time::sleep(BEAT).await;
    }
    Ok(rows)
}

/// What somebody received who follows the rows.
#[derive(Default)]
struct Received {
    rows: usize,
    in_order: usize,
    came_back: usize,
    gap: String,
}

/// Follows the rows, and comes back whenever the server says that it was too slow.
async fn hear(address: String, rows: usize) -> anyhow::Result<Received> {
    let mut received = Received::default();
    let mut after = String::new();
    let mut last_id = 0;
    loop {
        let (mut socket, _) =
            connect_async(format!("ws://{address}{}", socket_path(&token(1)?))).await?;
        let bindings = json!([{"event": "*", "schema": "public", "table": "said", "after": after}]);
        let join = json!(["1", "1", "realtime:rows", "phx_join", {"config": {"postgres_changes": bindings}}]);
        socket.send(Message::text(join.to_string())).await?;
        let code = loop {
            let frame = match socket.next().await.context("closed without a code")? {
                Ok(Message::Text(text)) => text,
                Ok(Message::Close(frame)) => break frame.map(|frame| u16::from(frame.code)),
                Ok(_) => continue,
                Err(Error::Protocol(_) | Error::Io(_)) => break None,
                Err(error) => return Err(error.into()),
            };
            let frame: Value = serde_json::from_str(&frame)?;
            if frame[3] == "system" {
                let message = frame[4]["message"].as_str().unwrap_or_default();
                if message.starts_with("gap: ") {
                    received.gap = format!(" ({message})");
                } else if after.is_empty() {
                    after = frame[4]["lsn"].as_str().unwrap_or_default().to_owned();
                }
            }
            if frame[3] == "postgres_changes" {
                let data = &frame[4]["data"];
                after = data["lsn"].as_str().context("a place")?.to_owned();
                let id = data["record"]["id"].as_u64().context("an id")?;
                received.rows += 1;
                received.in_order += usize::from(id > last_id);
                let is_last = data["record"]["body"] == format!("imported message {rows}");
                last_id = id;
                if is_last {
                    return Ok(received);
                }
            }
        };
        ensure!(code.is_none_or(|code| code == 4001), "closed with {code:?}");
        received.came_back += 1;
    }
}
