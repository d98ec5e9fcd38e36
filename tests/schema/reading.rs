//! Reading while others write: what comes page by page, or by catching up, is all there is, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use tokio_postgres::Client;

use super::together::acting_as;
use crate::support::{Database, Dice, rows};

const PLACE: &str = "tests.conversation('watercooler')";

async fn person(database: &Database, name: &str) -> Client {
    let client = database.connect().await;
    client.batch_execute(&acting_as(name)).await.expect("becomes");
    client
}

fn number(cell: Option<&String>) -> i64 {
    cell.and_then(|text| text.parse().ok()).expect("a number")
}

/// The numbers of a page.
async fn page(client: &Client, way: &str) -> Vec<i64> {
    let ask = format!("select seq from get_messages({PLACE}, {way}, p_limit => 7) order by seq");
    rows(client, &ask).await.expect("a page").iter().map(|row| number(row[0].as_ref())).collect()
}

// API-06
#[tokio::test]
async fn pages_have_no_gap_and_no_repeat_while_others_write() {
    const EACH: i64 = 60;
    let database = Database::new().await;
    let is_done = AtomicBool::new(false);
    let writing = async {
        join_all(["ana", "bo", "ana", "bo"].map(|who| {
            let database = &database;
            async move {
                let client = person(database, who).await;
                for _ in 0..EACH {
                    rows(&client, &format!("select send_message({PLACE}, 'Hi')"))
                        .await
                        .expect("sends");
                }
            }
        }))
        .await;
        is_done.store(true, Ordering::Relaxed);
    };
    let reading = async {
        let client = person(&database, "bo").await;
        let mut forward: Vec<i64> = Vec::new();
        let mut walks = 0;
        loop {
            let was_done = is_done.load(Ordering::Relaxed);
            let after = forward.last().copied().unwrap_or(0);
            let more = page(&client, &format!("p_after_seq => {after}")).await;
            let is_end = more.is_empty();
            forward.extend(more);
            // Backward from wherever the end is now: down to the first, without a hole.
            if walks < 20 {
                walks += 1;
                let mut backward = page(&client, "p_before_seq => null").await;
                let newest = *backward.last().expect("there are messages");
                while backward[0] > 1 {
                    let before = page(&client, &format!("p_before_seq => {}", backward[0])).await;
                    backward.splice(0..0, before);
                }
                assert_eq!(backward, (1..=newest).collect::<Vec<_>>());
            }
            if was_done && is_end {
                return forward;
            }
        }
    };
    let (forward, ()) = join(reading, writing).await;
    assert_eq!(forward, (1..=3 + 4 * EACH).collect::<Vec<_>>());
}

// MSG-02: whatever happens to those who write
#[tokio::test]
async fn catching_up_gives_all_of_it_though_writers_die() {
    const SEED: u64 = 20_261;
    let database = Database::new().await;
    let is_done = AtomicBool::new(false);
    let works = [
        format!("select send_message({PLACE}, 'Hi ' || random())"),
        format!(
            "select edit_message({PLACE}, id, 'Now ' || random()) from messages
              where conversation_id = {PLACE} and sender_id = auth.uid() and deleted_at is null order by random() limit 1"
        ),
        format!(
            "select delete_message({PLACE}, id) from messages
              where conversation_id = {PLACE} and sender_id = auth.uid() and deleted_at is null order by random() limit 1"
        ),
        format!(
            "select toggle_reaction({PLACE}, id, 'x') from messages
              where conversation_id = {PLACE} and deleted_at is null order by random() limit 1"
        ),
    ];
    let writing = async {
        join_all((0..4_u64).map(|writer| {
            let (database, works) = (&database, &works);
            async move {
                let mut dice = Dice::new(SEED + writer);
                let mut client = person(database, if writer % 2 == 0 { "ana" } else { "bo" }).await;
                for _ in 0..60 {
                    let work = if dice.percent(50) { &works[0] } else { dice.pick(works) };
                    if dice.percent(10) {
                        // Dies with its transaction open, at any point of it.
                        let dying = format!("begin; {work}; select pg_sleep({}); commit", 0.002);
                        let pid =
                            rows(&client, "select pg_backend_pid()").await.expect("a process");
                        let kill =
                            format!("select pg_terminate_backend({})", number(pid[0][0].as_ref()));
                        let (_, ()) = join(rows(&client, &dying), database.sql(&kill)).await;
                        client = person(database, if writer % 2 == 0 { "ana" } else { "bo" }).await;
                    } else if let Err(error) = rows(&client, work).await {
                        let code = error.code().map(|code| code.code().to_owned());
                        // Somebody took it back meanwhile.
                        assert!(
                            matches!(code.as_deref(), Some("PT404" | "PT422")),
                            "{work}: {error:?}"
                        );
                    }
                }
            }
        }))
        .await;
        is_done.store(true, Ordering::Relaxed);
    };
    let reading = async {
        let client = person(&database, "bo").await;
        let mut held: BTreeMap<String, (i64, String)> = BTreeMap::new();
        let mut rev = 0;
        loop {
            let was_done = is_done.load(Ordering::Relaxed);
            let ask =
                format!("select id, rev, md5(m::text) from sync_conversation({PLACE}, {rev}, 5) m");
            let news = rows(&client, &ask).await.expect("catches up");
            let is_end = news.is_empty();
            for row in news {
                rev = rev.max(number(row[1].as_ref()));
                let (id, digest) =
                    (row[0].clone().expect("an id"), row[2].clone().expect("a digest"));
                held.insert(id, (number(row[1].as_ref()), digest));
            }
            if was_done && is_end {
                return held;
            }
        }
    };
    let (held, ()) = join(reading, writing).await;
    let all =
        format!("select id, rev, md5(m::text) from messages m where conversation_id = {PLACE}");
    let all: BTreeMap<String, (i64, String)> = database
        .rows(&all)
        .await
        .into_iter()
        .map(|row| {
            let rev = number(row[1].as_ref());
            let [id, _, digest] = row.try_into().expect("three cells");
            (id.expect("an id"), (rev, digest.expect("a digest")))
        })
        .collect();
    assert!(all.len() > 50, "only {} messages", all.len());
    assert_eq!(held, all);
    let gaps = "select last_seq - (select count(*) from messages m where m.conversation_id = c.id)
                  from conversations c where slug = 'watercooler'";
    assert_eq!(database.value(gaps).await, "0");
}
