//! All of it, from one seed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::faults;
use super::judge::Judge;
use super::listener::{Habit, Wish, listen};
use super::log::Log;
use super::stage::{END, PEOPLE, SLOT, Stage, subject};
use super::tally::Tally;
use super::writers;
use crate::support::{Dice, eventually, rows};

/// Writers of rows.
const WRITERS: usize = 3;

/// What the server's window holds: little, so that whoever sleeps misses something.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;

/// How long everybody may take to hear the last mark.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a world is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// For how long things go wrong.
    pub length: Duration,
    /// What the server logs, as its `--log` takes it.
    pub log: &'static str,
}

/// Runs the world of a seed.
///
/// # Errors
/// What somebody heard wrongly, or did not hear.
pub async fn run(seed: u64, options: Options) -> Result<Tally, String> {
    let mut dice = Dice::new(seed);
    let stage = Arc::new(Stage::set(&mut dice).await);
    let throw = |number| Dice::new(seed.wrapping_mul(1_000).wrapping_add(number));

    let mut writing = JoinSet::new();
    for number in 1..=WRITERS {
        let (stage, dice) = (Arc::clone(&stage), throw(number as u64));
        writing.spawn(async move { writers::write(number, dice, &stage).await });
    }
    let (shared, steward) = (Arc::clone(&stage), throw(100));
    writing.spawn(async move { writers::change_members(steward, &shared).await });

    let mut listening = JoinSet::new();
    for (number, wish) in wishes().into_iter().enumerate() {
        let (stage, dice) = (Arc::clone(&stage), throw(200 + number as u64));
        listening.spawn(async move { listen(wish, dice, &stage).await });
    }

    let window = WINDOW_BYTES.to_string();
    let (log, drain) = (["--log", options.log], ["--realtime-drain-seconds", "1"]);
    let flags = [log, drain, ["--realtime-window-bytes", &window]].concat();
    let (done, server) = faults::cause(&stage, &flags, throw(300), options.length).await;
    stage.is_calm.store(true, Ordering::SeqCst);
    while let Some(written) = writing.join_next().await {
        written.expect("writers go on");
    }
    let client = stage.connect().await;
    // What is written while there is no slot is lost, and told to be.
    let streams = format!("select from pg_replication_slots where slot_name = '{SLOT}' and active");
    eventually("the log is streamed", || async {
        let found = rows(&client, &streams).await.expect("can be asked");
        (!found.is_empty()).then_some(())
    })
    .await;
    let last = format!("insert into marks values ({END}, 0, 'the last')");
    client.batch_execute(&last).await.expect("the last mark");
    let mut accounts = Vec::new();
    let all = async {
        while let Some(account) = listening.join_next().await {
            accounts.push(account.expect("listeners go on"));
        }
    };
    let is_in_time = tokio::time::timeout(PATIENCE, all).await.is_ok();
    server.kill().await;
    if !is_in_time {
        let heard: Vec<Wish> = accounts.iter().map(|account| account.wish).collect();
        return Err(format!("seed {seed}: the last mark was heard by {heard:?} alone"));
    }

    let judge = Judge::new(Log::read(&client).await, done.drops, WINDOW_BYTES);
    for person in 1..=PEOPLE {
        for table in ["notes", "marks"] {
            let found = select(&client, person, table).await;
            assert_eq!(found, judge.visible(person, table), "the judge knows the policies");
        }
    }
    let (changes, faults) = (judge.changes(), done.faults);
    let mut tally = Tally { worlds: 1, changes, faults, ..Tally::default() };
    for account in &accounts {
        tally += judge.judge(account).map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(tally)
}

fn wishes() -> Vec<Wish> {
    let wish = |person, room, habit| Wish { person, room, habit };
    vec![
        wish(1, None, Habit::Stays),
        wish(1, None, Habit::Comes),
        wish(2, None, Habit::Comes),
        wish(3, Some(0), Habit::Comes),
        wish(3, None, Habit::Repeats),
        wish(4, Some(2), Habit::Repeats),
        wish(4, None, Habit::Dawdles),
        wish(5, None, Habit::Sleeps),
        wish(6, None, Habit::Sleeps),
        wish(6, None, Habit::Stays),
    ]
}

/// What Postgres lets a person find in a table.
async fn select(client: &tokio_postgres::Client, person: usize, table: &str) -> Vec<i64> {
    let sql = format!(
        "begin read only;
         set local role authenticated;
         set local request.jwt.claims = '{{\"role\": \"authenticated\", \"sub\": \"{}\"}}';
         select id from {table} order by id;
         commit",
        subject(person)
    );
    let found = rows(client, &sql).await.expect("can be read");
    let ids = found.into_iter().flatten().flatten();
    ids.map(|id| id.parse().expect("a number")).collect()
}
