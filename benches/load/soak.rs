//! A working day in short: people who type, come and go, read and write, for as long as one
//! likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crowd::{Ages, Crowd, Talk, Tally, stamp};
use super::stage::{Serving, Stage, token};
use super::{heartbeat, joined};

/// Members of a conversation.
const MEMBERS: usize = 20;

/// How often each person types, and says that they are there.
const TYPING: Duration = Duration::from_secs(10);
const PRESENCE: Duration = Duration::from_secs(60);

/// Messages and reads a second, all people together.
const SENDS: u64 = 50;
const READS: u64 = 100;

/// Requests over HTTP.
#[derive(Default)]
struct Requests {
    ages: [Ages; 2],
    failed: AtomicU64,
    sent: AtomicU64,
}

pub async fn run(minutes: usize, sockets: usize) -> anyhow::Result<()> {
    let stage = Stage::set(sockets).await?;
    let mut rooms = Vec::new();
    for first in (1..=sockets).step_by(MEMBERS) {
        let last = (first + MEMBERS - 1).min(sockets);
        rooms.push(stage.room_of(rooms.len() + 1, first..=last).await?);
    }
    let server = Serving::start(&stage).await?;
    let is_message = |frame: &Value| frame[4]["data"]["record"]["body"].is_string();
    let is_typing = |frame: &Value| frame[4]["event"] == "typing";
    let is_presence = |frame: &Value| frame[4]["joins"].is_object();
    let crowd = Crowd::gather(Tally::stamped(&[
        ("postgres_changes", is_message),
        ("broadcast", is_typing),
        ("presence_diff", is_presence),
    ]));
    let mut ways = Vec::new();
    for person in 1..=sockets {
        let (room, channel) =
            (&rooms[(person - 1) / MEMBERS], format!("room-{}", (person - 1) / MEMBERS));
        let config = json!({"config": {
            "broadcast": {"self": false, "ack": false},
            "presence": {"enabled": true, "key": person.to_string()},
            "postgres_changes": [{"event": "*", "schema": "public", "table": "messages",
                                  "filter": format!("conversation_id=eq.{room}")}],
        }});
        ways.push((
            joined(server.address(), person, &channel, &config, "system")?,
            talks(&channel),
        ));
    }
    crowd.open(ways, Some(200.0)).await?;

    println!(
        "{sockets} people in conversations of {MEMBERS}: each types every {TYPING:?} and is present anew every {PRESENCE:?}; {SENDS} messages and {READS} reads a second"
    );
    println!(
        "| minute | memory | connections to Postgres | closed | CPU | message to receipt: median, p99, worst | typing | sending p99 | reading p99 | failed |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let requests = Arc::new(Requests::default());
    let began = Instant::now();
    let end = began + Duration::from_secs(60 * minutes as u64);
    let ask =
        tokio::spawn(ask(server.address().to_owned(), rooms, sockets, Arc::clone(&requests), end));
    let (mut worked, mut minute) = (server.worked()?, 0);
    while minute < minutes {
        minute += 1;
        tokio::time::sleep_until((began + Duration::from_secs(60 * minute as u64)).into()).await;
        let tally = &crowd.tally;
        let times = |ages: &Ages| {
            format!("{:.1?}, {:.1?}, {:.1?}", ages.at(500), ages.at(990), ages.at(1000))
        };
        let now = server.worked()?;
        println!(
            "| {minute} | {:.1} MiB | {} | {} | {:.0} % | {} | {} | {:.1?} | {:.1?} | {} |",
            server.memory()? as f64 / 1024.0 / 1024.0,
            stage.connections().await?,
            tally.closed.load(Ordering::Relaxed),
            (now - worked).as_secs_f64() / 0.6,
            times(&tally.kinds[0].ages),
            times(&tally.kinds[1].ages),
            requests.ages[0].at(990),
            requests.ages[1].at(990),
            requests.failed.load(Ordering::Relaxed),
        );
        worked = now;
        tally.kinds.iter().for_each(|kind| kind.ages.clear());
        requests.ages.iter().for_each(Ages::clear);
    }
    ask.await?;
    let sent = requests.sent.load(Ordering::Relaxed);
    // Every message reaches all members of its conversation.
    crowd.tally.reach(0, sent * MEMBERS as u64).await?;
    println!(
        "\n{sent} messages, {} receipts, {} of typing, {} of presence",
        crowd.tally.count(0),
        crowd.tally.count(1),
        crowd.tally.count(2)
    );
    crowd.check()?;
    server.stop().await?;
    stage.strike().await;
    Ok(())
}

fn talks(channel: &str) -> Vec<Talk> {
    let topic = format!("realtime:{channel}");
    let say = |every, event: &'static str, payload: fn() -> Value| {
        let topic = topic.clone();
        Talk {
            every,
            say: Arc::new(move || json!(["1", "2", topic, event, payload()]).to_string()),
        }
    };
    vec![
        say(
            TYPING,
            "broadcast",
            || json!({"type": "broadcast", "event": "typing", "payload": {"note": stamp()}}),
        ),
        say(
            PRESENCE,
            "presence",
            || json!({"type": "presence", "event": "track", "payload": {"note": stamp()}}),
        ),
        heartbeat(),
    ]
}

/// Sends and reads at a steady pace, whoever's turn it is.
async fn ask(
    address: String,
    rooms: Vec<String>,
    people: usize,
    requests: Arc<Requests>,
    end: Instant,
) {
    let tokens: Vec<String> = (1..=people).filter_map(|person| token(person).ok()).collect();
    let client = reqwest::Client::new();
    let mut tick =
        tokio::time::interval(Duration::from_secs(1) / u32::try_from(SENDS + READS).unwrap_or(1));
    let next = AtomicUsize::new(0);
    let mut under_way = tokio::task::JoinSet::new();
    while Instant::now() < end {
        tick.tick().await;
        let number = next.fetch_add(1, Ordering::Relaxed);
        let person = number * 7 % people;
        let room = &rooms[person / MEMBERS];
        let is_send = (number as u64) % (SENDS + READS) < SENDS;
        let request = if is_send {
            client
                .post(format!("http://{address}/rest/v1/rpc/send_message"))
                .json(&json!({"p_conversation_id": room, "p_body": stamp()}))
        } else {
            client.get(format!(
                "http://{address}/rest/v1/messages?conversation_id=eq.{room}&order=seq.desc&limit=20"
            ))
        };
        let request = request.bearer_auth(&tokens[person]).header("apikey", &tokens[person]);
        let requests = Arc::clone(&requests);
        under_way.spawn(async move {
            let began = Instant::now();
            let answer = request.send().await;
            let is_ok = answer.is_ok_and(|answer| answer.status().is_success());
            requests.ages[usize::from(!is_send)].add(began.elapsed());
            requests.failed.fetch_add(u64::from(!is_ok), Ordering::Relaxed);
            requests.sent.fetch_add(u64::from(is_ok && is_send), Ordering::Relaxed);
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}
