//! Many who come at once, listen, and hear nothing: what each costs.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::crowd::{Crowd, Tally};
use super::stage::{Serving, Stage, at};
use super::{SAID, follower, heartbeat};

/// How long they stay.
const STAY: Duration = Duration::from_secs(20);

pub async fn run(sockets: usize, a_second: usize) -> anyhow::Result<()> {
    let stage = Stage::set(sockets).await?;
    stage.run(SAID).await?;
    let server = Serving::start(&stage).await?;
    let is_right = |frame: &Value| frame[4]["data"]["record"]["body"].is_string();
    let crowd = Crowd::gather(Tally::of(&[("postgres_changes", is_right)]));
    // What is made once: caches, pools, the first subscription.
    let first = follower(server.address(), 1, "said")?;
    crowd.open(vec![(first, vec![])], None).await?;
    let before = server.memory()?;

    let ways = (1..=sockets)
        .map(|person| Ok((follower(server.address(), person, "said")?, vec![heartbeat()])));
    let ways = ways.collect::<anyhow::Result<_>>()?;
    let (began, worked) = (Instant::now(), server.worked()?);
    let opening = crowd.open(ways, Some(a_second as f64));
    tokio::pin!(opening);
    let mut connections = 0;
    let mut took = loop {
        tokio::select! {
            took = &mut opening => break took?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                connections = connections.max(stage.connections().await?);
            }
        }
    };
    let storm = (began.elapsed(), server.worked()? - worked);
    let arrived = server.memory()?;
    let worked = server.worked()?;
    tokio::time::sleep(STAY).await;
    let idle = (server.worked()? - worked).as_secs_f64() / STAY.as_secs_f64();
    connections = connections.max(stage.connections().await?);
    crowd.check()?;
    took.sort_unstable();
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / 1024.0 / sockets as f64;
    println!("| {sockets} people, a socket and a subscription each | |");
    println!("| --- | --- |");
    println!("| came at | {a_second} a second; all were in after {:.1} s |", storm.0.as_secs_f64());
    println!(
        "| from knocking to being subscribed: median, p99, worst | {:.1?}, {:.1?}, {:.1?} |",
        at(&took, 0.5),
        at(&took, 0.99),
        at(&took, 1.0)
    );
    println!(
        "| CPU of the server a person to come in | {:.2} ms |",
        storm.1.as_secs_f64() * 1e3 / sockets as f64
    );
    println!("| memory of the server for each, on arrival | {:.1} KiB |", each(arrived));
    println!(
        "| memory of the server for each, after {} s | {:.1} KiB |",
        STAY.as_secs(),
        each(server.memory()?)
    );
    println!("| CPU of the server while they idle | {:.1} % of a core |", idle * 100.0);
    println!("| connections to Postgres, at most | {connections} |");
    println!("| lost | {} |", crowd.tally.closed.load(std::sync::atomic::Ordering::Relaxed));
    server.stop().await?;
    stage.strike().await;
    Ok(())
}
