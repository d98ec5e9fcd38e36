//! One frame to everybody in a room, again and again; beside it nginx with nchan, at the same
//! work.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crowd::{Crowd, Raw, Tally, Way};
use super::nchan::Nchan;
use super::stage::{Serving, Stage, at};
use super::{heartbeat, joined};

/// Rounds of each server, in turns; medians are printed.
const ROUNDS: usize = 5;

/// Messages of a round.
const MESSAGES: u64 = 1_000;

/// Messages that may be on their way.
const AHEAD: u64 = 100;

/// What everybody is sent: as long as a short message.
const SAID: &str = r#"{"type":"broadcast","event":"said","payload":{"room":"10000000-0000-4000-8000-000000000001","who":"00000000-0000-4000-8000-000000000001","body":"See you at the watercooler in five minutes?"}}"#;

/// A crowd in a room, and who speaks there.
struct Room {
    crowd: Crowd,
    speaker: Raw,
    message: String,
    rates: Vec<f64>,
    worked: Duration,
}

pub async fn run(sockets: usize, with_nchan: bool) -> anyhow::Result<()> {
    let stage = Stage::set(1).await?;
    let flags = ["--realtime-client-messages-per-second", "1000000"];
    let server = Serving::start_with(&stage, &flags).await?;
    let config = json!({"config": {"broadcast": {"self": false, "ack": false}}});
    let listener = joined(server.address(), 1, "all", &config, "phx_reply")?;
    let message = format!(r#"["1","2","realtime:all","broadcast",{SAID}]"#);
    let mut walkie = Room::open(vec![listener.clone(); sockets], &listener, message).await?;
    let mut nchan = None;
    if with_nchan {
        let nginx = Nchan::start().await?;
        let way = |path: &str| Way { address: nginx.address(), path: path.into(), join: None };
        let message = format!(r#"[null,null,"realtime:all","broadcast",{SAID}]"#);
        let room = Room::open(vec![way("/sub"); sockets], &way("/pub"), message).await?;
        nchan = Some((room, nginx));
    }
    for _ in 0..ROUNDS {
        let before = server.worked()?;
        walkie.round(sockets).await?;
        walkie.worked += server.worked()? - before;
        if let Some((room, nginx)) = &mut nchan {
            let before = nginx.worked()?;
            room.round(sockets).await?;
            room.worked += nginx.worked()? - before;
        }
    }
    println!("{MESSAGES} broadcasts to {sockets} sockets, {ROUNDS} rounds");
    println!(
        "| server | deliveries a second: median | least | most | CPU of the server a delivery |"
    );
    println!("| --- | --- | --- | --- | --- |");
    walkie.print("walkie", sockets);
    if let Some((room, nginx)) = nchan {
        room.print("nginx with nchan", sockets);
        nginx.stop().await?;
    }
    server.stop().await?;
    stage.strike().await;
    Ok(())
}

impl Room {
    async fn open(ways: Vec<Way>, speaker: &Way, message: String) -> anyhow::Result<Self> {
        let is_right = |frame: &Value| frame[4]["payload"]["body"].is_string();
        let crowd = Crowd::gather(Tally::of(&[("broadcast", is_right)]));
        let talks = |way: &Way| if way.join.is_some() { vec![heartbeat()] } else { vec![] };
        let ways = ways.into_iter().map(|way| (way.clone(), talks(&way))).collect();
        crowd.open(ways, None).await?;
        let speaker = Raw::open(speaker).await?;
        Ok(Self { crowd, speaker, message, rates: Vec::new(), worked: Duration::ZERO })
    }

    async fn round(&mut self, sockets: usize) -> anyhow::Result<()> {
        let (sockets, tally) = (sockets as u64, &self.crowd.tally);
        let (before, began) = (tally.count(0), Instant::now());
        for number in 0..MESSAGES {
            let least = before + number.saturating_sub(AHEAD) * sockets;
            tally.reach(0, least).await?;
            self.speaker.send(&self.message).await?;
            self.speaker.discard()?;
        }
        tally.reach(0, before + MESSAGES * sockets).await?;
        self.rates.push((MESSAGES * sockets) as f64 / began.elapsed().as_secs_f64());
        self.crowd.check()
    }

    fn print(&self, server: &str, sockets: usize) {
        let deliveries = u32::try_from(MESSAGES as usize * sockets * ROUNDS).unwrap_or(u32::MAX);
        let mut rates: Vec<Duration> =
            self.rates.iter().map(|rate| Duration::from_secs_f64(*rate)).collect();
        rates.sort_unstable();
        println!(
            "| {server} | {:.0} | {:.0} | {:.0} | {:.2} µs |",
            at(&rates, 0.5).as_secs_f64(),
            at(&rates, 0.0).as_secs_f64(),
            at(&rates, 1.0).as_secs_f64(),
            (self.worked / deliveries).as_nanos() as f64 / 1e3,
        );
    }
}
