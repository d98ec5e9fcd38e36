//! How soon a lost right in a private channel takes effect, and what it costs to ask again, with
//! server, clients and Postgres on one machine.
//!
//! `cargo bench --bench rights -- [CHANNELS]` (default 1,000): so many people are in one private
//! channel, each on a socket of their own.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod stage;

use std::time::{Duration, Instant};

use futures_util::{TryStreamExt, stream};
use stage::{Serving, Stage, at, subject};
use tokio::sync::mpsc;

/// People who are removed, one after the other.
const REMOVED: usize = 200;

/// Times that everybody is asked.
const ROUNDS: usize = 5;

/// Sockets that are opened side by side.
const OPENING: usize = 32;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let channels = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    let stage = Stage::set(channels).await?;
    let room = stage.room(1, channels).await?;
    let server = Serving::start(&stage).await?;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let name = format!("conversation:{room}");
    stream::iter((1..=channels).map(anyhow::Ok))
        .try_for_each_concurrent(OPENING, |number| server.enter(number, &name, ended.clone()))
        .await?;
    println!("{channels} private channels");

    // What was asked because they have just come is over.
    let mut asked = settled(&server).await?;
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        stage.run(&format!("comment on table public.messages is 'Round {number}'")).await?;
        let changed = Instant::now();
        while count(&server).await? < asked + channels as f64 {}
        rounds.push(changed.elapsed());
        asked = settled(&server).await?;
    }
    report("everybody is asked again, after a definition has changed", &mut rounds);

    let mut times = Vec::new();
    for number in (2..=channels).take(REMOVED) {
        let person = subject(number);
        stage
            .run(&format!(
                "update public.conversation_members set left_at = now()
                  where conversation_id = '{room}' and member_id = '{person}'"
            ))
            .await?;
        let removed = Instant::now();
        let end = ends.recv().await.ok_or_else(|| anyhow::anyhow!("nobody is there"))?;
        times.push(end.saturating_duration_since(removed));
    }
    report("removal answered to channel closed", &mut times);
    let more = settled(&server).await? - asked;
    println!("{more} channels were asked about for {} removals", times.len());

    server.stop().await?;
    stage.strike().await;
    Ok(())
}

/// How many channels were asked about again, once that is the same for a second and a half.
async fn settled(server: &Serving) -> anyhow::Result<f64> {
    let mut last = count(server).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let now = count(server).await?;
        if now - last < 0.5 {
            return Ok(now);
        }
        last = now;
    }
}

async fn count(server: &Serving) -> anyhow::Result<f64> {
    let mut count = 0.0;
    for outcome in ["same", "changed", "lost"] {
        let sample = format!(r#"walkie_realtime_rights_total{{outcome="{outcome}"}}"#);
        // What has never happened is not shown.
        count += server.metric(&sample).await.unwrap_or_default();
    }
    Ok(count)
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    println!(
        "{what}: median {:.2?}, p99 {:.2?}, worst {:.2?}",
        at(times, 0.5),
        at(times, 0.99),
        at(times, 1.0)
    );
}
