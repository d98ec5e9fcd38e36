//! Commit to receipt, and deliveries a second, through the whole server: Postgres, log,
//! authorizer and sockets, with server, clients and Postgres on one machine.
//!
//! `cargo bench --bench fanout -- [SUBSCRIBERS]` (default 100), each a person of their own, all
//! members of one room.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use walkie::config::{Command, CommandLine, PostgresBinaries, Settings};
use walkie::embedded::{Cluster, Kind, SUPERUSER};
use walkie::identity::{Keys, unix_now};
use walkie::pg::{Target, install, names, pool};
use walkie::server;

const SECRET: &str = "a secret for benches, long enough to sign";

/// Single messages whose way is timed.
const TIMED: usize = 500;

/// Messages sent as fast as the writer can.
const FLOOD: usize = 2_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100);
    let folder = std::env::temp_dir().join(format!("walkie-bench-{}", std::process::id()));
    let cluster = Cluster::start(&PostgresBinaries::from_env(), &folder, Kind::ThrownAway).await?;
    let writer = Arc::new(prepare(&cluster, count).await?);
    let shutdown = CancellationToken::new();
    let (url, task) = serve(&cluster, &shutdown).await?;

    let (heard, mut receipts) = mpsc::unbounded_channel();
    for number in 1..=count {
        listen(&url, number, heard.clone()).await?;
    }
    println!("{count} subscribers of one room, each a person of their own");
    latency(&writer, &mut receipts, count).await?;
    throughput(&writer, &mut receipts, count).await?;

    shutdown.cancel();
    task.await??;
    cluster.stop().await;
    Ok(())
}

/// One message at a time.
async fn latency(
    writer: &Client,
    receipts: &mut mpsc::UnboundedReceiver<Instant>,
    count: usize,
) -> anyhow::Result<()> {
    let (mut from_call, mut from_commit) = (Vec::new(), Vec::new());
    for number in 0..TIMED {
        let called = Instant::now();
        say(writer, number).await?;
        let committed = Instant::now();
        for _ in 0..count {
            let received = receipts.recv().await.expect("listeners are there");
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
    receipts: &mut mpsc::UnboundedReceiver<Instant>,
    count: usize,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let flood = {
        let writer = Arc::clone(writer);
        tokio::spawn(async move {
            for number in 0..FLOOD {
                say(&writer, number).await?;
            }
            Ok::<_, tokio_postgres::Error>(started.elapsed())
        })
    };
    for _ in 0..FLOOD * count {
        receipts.recv().await.expect("listeners are there");
    }
    let took = started.elapsed();
    let written = flood.await??;
    println!(
        "{FLOOD} messages written in {written:.2?} ({:.0}/s); {} deliveries in {took:.2?} ({:.0}/s)",
        FLOOD as f64 / written.as_secs_f64(),
        FLOOD * count,
        (FLOOD * count) as f64 / took.as_secs_f64(),
    );
    Ok(())
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{what}: median {:.2?}, p99 {:.2?}, worst {:.2?}", at(0.5), at(0.99), at(1.0));
}

/// Installs, and makes a room of `count` people.
async fn prepare(cluster: &Cluster, count: usize) -> anyhow::Result<Client> {
    let client = pool::connect(&Target::new(&cluster.url(SUPERUSER, "postgres"), "bench")?).await?;
    install::install(&client, false).await?;
    client
        .batch_execute(&format!(
            "insert into auth.users (id, aud, role, email, raw_user_meta_data)
             select {person}, 'authenticated', 'authenticated', n || '@example.com', '{{}}'
               from generate_series(1, {count}) n;
             insert into public.conversations (id, org_id, kind, title, slug)
             select '{ROOM}', p.org_id, 'room', 'Room', 'room' from public.profiles p limit 1;
             insert into public.conversation_members (conversation_id, member_id)
             select '{ROOM}', {person} from generate_series(1, {count}) n;
             analyze;
             select set_config('request.jwt.claims', '{{\"role\":\"authenticated\",\"sub\":\"{}\"}}', false);",
            subject(1),
            person = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid",
        ))
        .await?;
    Ok(client)
}

const ROOM: &str = "10000000-0000-4000-8000-000000000001";

fn subject(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

async fn say(writer: &Client, number: usize) -> Result<(), tokio_postgres::Error> {
    writer.batch_execute(&format!("select public.send_message('{ROOM}', 'message {number}')")).await
}

type Serving = tokio::task::JoinHandle<Result<(), server::Error>>;

async fn serve(
    cluster: &Cluster,
    shutdown: &CancellationToken,
) -> anyhow::Result<(String, Serving)> {
    let url = cluster.url(names::LOGIN_ROLE, "postgres");
    let arguments = ["walkie", "serve", "--database-url", &url, "--jwt-secret", SECRET];
    let Command::Serve(settings) = CommandLine::try_parse_from(arguments)?.command else {
        anyhow::bail!("not the command asked for");
    };
    let settings: Settings = *settings;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(server::run(listener, settings, shutdown.clone()));
    Ok((format!("ws://{address}/realtime/v1/websocket"), task))
}

/// Subscribes as a person and reports each receipt.
async fn listen(
    url: &str,
    number: usize,
    heard: mpsc::UnboundedSender<Instant>,
) -> anyhow::Result<()> {
    let token = Keys::new(SECRET).sign(&json!({
        "role": "authenticated", "sub": subject(number), "exp": unix_now() + 3600,
    }))?;
    let (mut socket, _) = connect_async(format!("{url}?apikey={token}&vsn=2.0.0")).await?;
    let bindings = json!([{"event": "INSERT", "schema": "public", "table": "messages"}]);
    let join = json!(["1", "1", "realtime:messages", "phx_join", {"config": {"postgres_changes": bindings}}]);
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
