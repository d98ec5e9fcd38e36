//! Messages in conversations: single rows, each seen by the members of its conversation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use walkie::embedded::SUPERUSER;
use walkie::pg::{Target, pool};

use super::crowd::{Crowd, Tally};
use super::stage::{Serving, Stage};
use super::{SAID, follower, heartbeat};

/// Sessions that write side by side.
const WRITERS: usize = 4;

/// Rows that may be on their way.
const AHEAD: u64 = 128;

/// How long each kind of talk goes on.
const LENGTH: Duration = Duration::from_secs(5);

/// What came of it.
struct Talk {
    rows: u64,
    deliveries: u64,
    took: Duration,
    /// From the last row answered to the last one received.
    behind: Duration,
    worked: Duration,
}

pub async fn run(sockets: usize, members: usize) -> anyhow::Result<()> {
    let stage = Stage::set(sockets).await?;
    stage.run(SAID).await?;
    let mut rooms = Vec::new();
    for first in (1..=sockets).step_by(members) {
        let last = (first + members - 1).min(sockets);
        rooms.push((stage.room_of(rooms.len() + 1, first..=last).await?, last + 1 - first));
    }
    let all = vec![(stage.room(rooms.len() + 1, sockets).await?, sockets)];
    let server = Serving::start(&stage).await?;
    let is_right = |frame: &Value| frame[4]["data"]["record"]["body"].is_string();
    let crowd = Crowd::gather(Tally::of(&[("postgres_changes", is_right)]));

    println!(
        "| single rows by {WRITERS} sessions | rows a second | deliveries a second | behind at the end | CPU of the server a delivery |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let alone = talk(&stage, &server, &crowd, &rooms, false).await?;
    alone.print("nobody connected");
    let ways = (1..=sockets)
        .map(|person| Ok((follower(server.address(), person, "said")?, vec![heartbeat()])));
    crowd.open(ways.collect::<anyhow::Result<_>>()?, None).await?;
    talk(&stage, &server, &crowd, &rooms, true)
        .await?
        .print(&format!("{sockets} connected, {} conversations of {members}", rooms.len()));
    talk(&stage, &server, &crowd, &all, true)
        .await?
        .print(&format!("{sockets} connected, one conversation of {sockets}"));
    server.stop().await?;
    stage.strike().await;
    Ok(())
}

async fn talk(
    stage: &Stage,
    server: &Serving,
    crowd: &Crowd,
    rooms: &[(String, usize)],
    is_heard: bool,
) -> anyhow::Result<Talk> {
    // The first row of a conversation asks who its members are.
    let mut expected = crowd.tally.count(0);
    for (room, members) in rooms {
        stage
            .run(&format!("insert into public.said (room, body) values ('{room}', 'Hello')"))
            .await?;
        expected += if is_heard { *members as u64 } else { 0 };
    }
    crowd.tally.reach(0, expected).await?;
    let (before, worked, began) = (crowd.tally.count(0), server.worked()?, Instant::now());
    let members = if is_heard { rooms[0].1 as u64 } else { 0 };
    let writers = (0..WRITERS).map(|number| {
        let rooms: Arc<[String]> = rooms.iter().map(|(room, _)| room.clone()).collect();
        let url = stage.cluster.url(SUPERUSER, "postgres");
        let tally = Arc::clone(&crowd.tally);
        async move {
            let client = pool::connect(&Target::new(&url, "bench")?).await?;
            let insert = client
                .prepare("insert into public.said (room, body) values (($1::text)::uuid, $2)")
                .await?;
            let mut rows = 0;
            while began.elapsed() < LENGTH {
                let ahead = rows * WRITERS as u64 * members;
                let received = tally.count(0) - before;
                if ahead > received + AHEAD * members {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
                let room = &rooms[(number + rows as usize * WRITERS) % rooms.len()];
                client
                    .execute(&insert, &[room, &"See you at the watercooler in five minutes?"])
                    .await?;
                rows += 1;
            }
            anyhow::Ok(rows)
        }
    });
    let rows: u64 = futures_util::future::try_join_all(writers).await?.into_iter().sum();
    let written = Instant::now();
    crowd.tally.reach(0, before + rows * members).await?;
    crowd.check()?;
    Ok(Talk {
        rows,
        deliveries: rows * members,
        took: began.elapsed(),
        behind: written.elapsed(),
        worked: server.worked()? - worked,
    })
}

impl Talk {
    fn print(&self, what: &str) {
        let seconds = self.took.as_secs_f64();
        println!(
            "| {what} | {:.0} | {:.0} | {:.0} ms | {:.2} µs |",
            self.rows as f64 / seconds,
            self.deliveries as f64 / seconds,
            self.behind.as_secs_f64() * 1e3,
            self.worked.as_secs_f64() * 1e6 / self.deliveries.max(1) as f64,
        );
    }
}
