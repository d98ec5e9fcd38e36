//! The stream itself: order, places, breaks.

use walkie::pg::{Target, names};
use walkie::wal::{Event, Feed, Lsn, Place, Source};

use crate::support::{Database, eventually};

async fn feed(database: &Database) -> Feed {
    feed_of(database, &[names::PUBLICATION]).await
}

async fn feed_of(database: &Database, publications: &[&str]) -> Feed {
    let url = Target::new(&database.login_url().await, "tests").expect("a URL");
    let mut feed = Feed::new(Source::new(&url, database.name(), publications));
    assert!(matches!(feed.next().await, Event::Connected { .. }));
    feed
}

async fn table(database: &Database) {
    database
        .sql(
            "create table public.t (id int primary key, body text);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

/// Places of the next changes.
async fn places(feed: &mut Feed, count: usize) -> Vec<Place> {
    let mut places = Vec::new();
    while places.len() < count {
        if let Event::Change(change) = feed.next().await {
            places.push(change.place);
        }
    }
    places
}

#[tokio::test]
async fn changes_come_in_commit_order_with_rising_places() {
    let database = Database::scratch().await;
    table(&database).await;
    let mut feed = feed(&database).await;
    let (first, second) = (database.connect().await, database.connect().await);
    // The first to begin is the last to commit.
    first.batch_execute("begin; insert into public.t values (1)").await.expect("inserts");
    second.batch_execute("insert into public.t values (2), (3)").await.expect("inserts");
    first.batch_execute("commit").await.expect("commits");

    let mut ids = Vec::new();
    let mut places = Vec::new();
    while ids.len() < 3 {
        if let Event::Change(change) = feed.next().await {
            places.push(change.place);
            let walkie::wal::Action::Insert { new } = &change.action else { panic!("{change:?}") };
            ids.push(format!("{:?}", new[0]));
        }
    }
    assert!(places.is_sorted() && places[0] != places[1], "{places:?}");
    assert!(ids[0].contains('2') && ids[1].contains('3') && ids[2].contains('1'), "{ids:?}");
}

#[tokio::test]
async fn cut_stream_goes_on_where_it_broke() {
    let database = Database::scratch().await;
    table(&database).await;
    let mut feed = feed(&database).await;
    database.sql("insert into public.t values (1)").await;
    let before = places(&mut feed, 1).await;
    // The stream is at rest now: its commit was told too.
    while !matches!(feed.next().await, Event::Commit { .. }) {}

    let cut = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
        database.name()
    );
    assert_eq!(database.value(&cut).await, "t");
    database.sql("insert into public.t values (2)").await;
    let after = places(&mut feed, 1).await;
    assert!(after > before, "nothing is told twice: {before:?} {after:?}");
}

#[tokio::test]
async fn transaction_cut_in_the_middle_is_told_once() {
    const ROWS: usize = 20_000;
    let database = Database::scratch().await;
    table(&database).await;
    let mut feed = feed(&database).await;
    database
        .sql(&format!(
            "insert into public.t select n, repeat('x', 1000) from generate_series(1, {ROWS}) as n"
        ))
        .await;
    let mut told = places(&mut feed, 1).await;
    // Far more than the buffers between hold is still to come.
    let cut = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
        database.name()
    );
    assert_eq!(database.value(&cut).await, "t");
    told.extend(places(&mut feed, ROWS - 1).await);
    assert!(told.is_sorted_by(|one, next| one < next), "each once, in order");
}

#[tokio::test]
async fn what_was_not_acknowledged_is_told_again_to_the_next() {
    let database = Database::scratch().await;
    table(&database).await;
    let mut first = feed(&database).await;
    database.sql("insert into public.t values (1)").await;
    database.sql("insert into public.t values (2)").await;
    let told = places(&mut first, 2).await;
    drop(first);

    let mut second = feed(&database).await;
    assert_eq!(places(&mut second, 2).await, told);
    let end = loop {
        if let Event::Commit { end, .. } = second.next().await {
            break end;
        }
    };
    second.acknowledge(end);
    let confirmed = format!(
        "select confirmed_flush_lsn from pg_replication_slots where slot_name = '{}'",
        database.name()
    );
    eventually("the slot moves", || async {
        let position: Lsn = database.value(&confirmed).await.parse().expect("a position");
        (position >= end).then_some(())
    })
    .await;
}

#[tokio::test]
async fn log_from_before_a_publication_is_given_up_where_it_cannot_be_read() {
    let database = Database::scratch().await;
    table(&database).await;
    let mut first = feed(&database).await;
    database.sql("insert into public.t values (1)").await;
    places(&mut first, 1).await;
    drop(first);
    database.sql("create publication later for table public.t").await;

    let mut second = feed_of(&database, &[names::PUBLICATION, "later"]).await;
    let cannot = database.value("select current_setting('server_version_num')::int < 180000").await;
    if cannot == "t" {
        while !matches!(second.next().await, Event::Connected { is_gap: true, .. }) {}
    } else {
        places(&mut second, 1).await;
    }
    database.sql("insert into public.t values (2)").await;
    places(&mut second, 1).await;
}
