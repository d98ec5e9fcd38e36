//! Files up and down: large ones beside nginx, which serves and takes the same bytes on the same
//! disk, and small ones a second, decided by a row policy. Everything is on one machine.
//!
//! `cargo bench --bench storage -- [MEGABYTES]` (default 100). Without nginx in the path only our
//! own figures are told. However many they are, the server must stay within [`MEMORY_MIB`] more
//! than it has when idle: `cargo bench --bench storage -- 2048` proves it for 2 GiB.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod stage;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Body, Client, RequestBuilder};
use stage::{Serving, Stage, files, token};
use tokio::process::{Child, Command};

/// How often each large transfer is timed; the median counts.
const TIMES: usize = 5;

/// Small files, their size in bytes, and how many are under way at once.
const SMALL: usize = 2_000;
const SMALL_BYTES: usize = 4_096;
const AT_ONCE: usize = 16;

/// How much more memory the server may take at any moment than when it is idle.
const MEMORY_MIB: u64 = 64;

/// One piece of a large body.
const PIECE_BYTES: usize = 256 * 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let megabytes = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100);
    let stage = Stage::set(1).await?;
    stage
        .run(
            "insert into storage.buckets (id, name) values ('bench', 'bench');
             create policy bench on storage.objects for all to authenticated
             using (bucket_id = 'bench' and owner_id = (select auth.uid())::text)
             with check (bucket_id = 'bench' and owner_id = (select auth.uid())::text)",
        )
        .await?;
    let limit = (1_u64 << 32).to_string();
    let server = Serving::start_with(&stage, &["--storage-file-size-limit", &limit]).await?;
    let (client, token) = (Client::new(), token(1)?);
    let object = |name: &str| format!("{}/storage/v1/object/bench/{name}", server.url());
    let as_person = |request: RequestBuilder| request.bearer_auth(&token);

    let url = object("large.bin");
    let idle = server.memory()?;
    let up = median(|| put(as_person(client.put(&url)), megabytes)).await?;
    let down = median(|| get(as_person(client.get(&url)))).await?;
    println!(
        "{megabytes} MiB up: {:.0} MiB/s, down: {:.0} MiB/s",
        rate(megabytes, up),
        rate(megabytes, down)
    );
    let taken = server.most_memory()?.saturating_sub(idle) / 1024 / 1024;
    println!("memory: {taken} MiB more than idle");
    anyhow::ensure!(taken < MEMORY_MIB, "that is more than {MEMORY_MIB} MiB");
    let folder = files().join("nginx");
    if let Some(mut nginx) = Nginx::start(&folder).await? {
        let url = nginx.url.clone();
        let their_up = median(|| put(client.put(&url), megabytes)).await?;
        let their_down = median(|| get(client.get(&url))).await?;
        println!(
            "nginx up: {:.0} MiB/s, down: {:.0} MiB/s; ours is {:.0} % and {:.0} % of it",
            rate(megabytes, their_up),
            rate(megabytes, their_down),
            100.0 * their_up.as_secs_f64() / up.as_secs_f64(),
            100.0 * their_down.as_secs_f64() / down.as_secs_f64(),
        );
        nginx.process.kill().await?;
    }

    let ups = small(|number| {
        as_person(client.post(object(&format!("{number}.bin")))).body(vec![b'x'; SMALL_BYTES])
    });
    println!("{SMALL_BYTES} bytes, {AT_ONCE} at once: {:.0} uploads/s", ups.await?);
    let downs = small(|number| as_person(client.get(object(&format!("{number}.bin")))));
    println!("{SMALL_BYTES} bytes, {AT_ONCE} at once: {:.0} downloads/s", downs.await?);

    server.stop().await?;
    stage.strike().await;
    std::fs::remove_dir_all(files())?;
    Ok(())
}

fn rate(megabytes: usize, took: Duration) -> f64 {
    megabytes as f64 / took.as_secs_f64()
}

/// The time in the middle of several.
async fn median<F: Future<Output = anyhow::Result<()>>>(
    transfer: impl Fn() -> F,
) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        transfer().await?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[TIMES / 2])
}

async fn put(request: RequestBuilder, megabytes: usize) -> anyhow::Result<()> {
    let pieces = megabytes * 1024 * 1024 / PIECE_BYTES;
    let piece = bytes::Bytes::from(vec![b'x'; PIECE_BYTES]);
    let body = stream::iter((0..pieces).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let request = request
        .header("content-type", "application/octet-stream")
        .header("content-length", (pieces * PIECE_BYTES).to_string())
        .body(Body::wrap_stream(body));
    request.send().await?.error_for_status()?;
    Ok(())
}

async fn get(request: RequestBuilder) -> anyhow::Result<()> {
    let mut body = request.send().await?.error_for_status()?.bytes_stream();
    while body.try_next().await?.is_some() {}
    Ok(())
}

/// How many a second.
async fn small(request: impl Fn(usize) -> RequestBuilder) -> anyhow::Result<f64> {
    let start = Instant::now();
    let sent = stream::iter((0..SMALL).map(|number| request(number).send()));
    let mut answers = sent.buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        answer?.error_for_status()?.bytes().await?;
    }
    Ok(SMALL as f64 / start.elapsed().as_secs_f64())
}

/// A web server that takes and gives one file.
struct Nginx {
    process: Child,
    url: String,
}

impl Nginx {
    /// Starts it in a folder of its own; none where there is no nginx.
    async fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let root = folder.display();
        let configuration = format!(
            "user root; daemon off; pid {root}/pid; error_log stderr crit; worker_processes auto;
             events {{}}
             http {{
               access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
               client_body_temp_path {root}/temp; client_body_buffer_size 1m;
               server {{ listen 127.0.0.1:{port}; root {root}; dav_methods PUT; }}
             }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let started = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(process) = started else { return Ok(None) };
        let address = format!("127.0.0.1:{port}");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(Self { process, url: format!("http://{address}/large.bin") }))
    }
}
