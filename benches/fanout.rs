//! Commit to receipt, and deliveries a second, through the whole server: Postgres, log,
//! authorizer and sockets, with server, clients and Postgres on one machine.
//!
//! `cargo bench --bench fanout -- [CONNECTED] [MEMBERS]` (default 100 of 100): so many people
//! follow all messages, each on a socket of their own, and the first of them are the members of
//! the room in which is spoken.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod stage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use stage::{Receipt, Serving, Stage, at, receive};
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// Single messages whose way is timed.
const TIMED: usize = 500;

/// Messages sent as fast as the writer can.
const FLOOD: usize = 2_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let connected = numbers.next().unwrap_or(100);
    let members = numbers.next().unwrap_or(connected);
    let stage = Stage::set(connected).await?;
    let room = stage.room(1, members).await?;
    // The writer is one person, who speaks faster than people may.
    stage.run("delete from app.rate_rules where name = 'send'").await?;
    let server = Serving::start(&stage).await?;
    let (heard, mut receipts) = mpsc::unbounded_channel();
    server.subscribe(1..=connected, "messages", &heard).await?;

    println!("{connected} people, each on a socket of their own; {members} of them in the room");
    say(&stage.writer, &room, 0).await?;
    receive(&mut receipts, members).await;
    latency(&stage.writer, &room, &mut receipts, members).await?;
    let Stage { cluster, writer } = stage;
    let writer = Arc::new(writer);
    throughput(&writer, &room, &mut receipts, members).await?;

    server.stop().await?;
    drop(writer);
    cluster.stop().await;
    Ok(())
}

/// One message at a time.
async fn latency(
    writer: &Client,
    room: &str,
    receipts: &mut mpsc::UnboundedReceiver<Receipt>,
    members: usize,
) -> anyhow::Result<()> {
    let (mut from_call, mut from_commit) = (Vec::new(), Vec::new());
    for number in 0..TIMED {
        let called = Instant::now();
        say(writer, room, number).await?;
        let committed = Instant::now();
        for received in receive(receipts, members).await {
            from_call.push(received.duration_since(called));
            from_commit.push(received.saturating_duration_since(committed));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    report("insert called to received", &mut from_call);
    report("insert answered to received", &mut from_commit);
    Ok(())
}

/// Messages one after the other without waiting for their receipt.
async fn throughput(
    writer: &Arc<Client>,
    room: &str,
    receipts: &mut mpsc::UnboundedReceiver<Receipt>,
    members: usize,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let flood = {
        let (writer, room) = (Arc::clone(writer), room.to_owned());
        tokio::spawn(async move {
            for number in 0..FLOOD {
                say(&writer, &room, number).await?;
            }
            Ok::<_, tokio_postgres::Error>(started.elapsed())
        })
    };
    let deliveries = FLOOD * members;
    receive(receipts, deliveries).await;
    let took = started.elapsed();
    let written = flood.await??;
    println!(
        "{FLOOD} messages written in {written:.2?} ({:.0}/s); {deliveries} deliveries in {took:.2?} ({:.0}/s)",
        FLOOD as f64 / written.as_secs_f64(),
        deliveries as f64 / took.as_secs_f64(),
    );
    Ok(())
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

async fn say(writer: &Client, room: &str, number: usize) -> Result<(), tokio_postgres::Error> {
    writer.batch_execute(&format!("select public.send_message('{room}', 'message {number}')")).await
}
