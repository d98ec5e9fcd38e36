//! What is heard is what Postgres lets each person see: the differential test, in short.

use crate::differential::{Options, Tally, run};

/// Worlds that are the same every time.
const SEEDS: std::ops::Range<u64> = 1..17;

const OPTIONS: Options<'static> = Options { steps: 30, flags: &[], only_announced: true };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_exactly_what_postgres_lets_them_see() {
    let mut tally = Tally::default();
    for seed in SEEDS.chain([rand::random_range(1_000..1_000_000)]) {
        println!("world {seed}");
        match run(seed, &OPTIONS).await {
            Ok(more) => tally += more,
            Err(mismatch) => panic!("{mismatch:?}"),
        }
    }
    println!("{tally}");
    assert!(tally.delivered > 0 && tally.withheld > 0, "worlds have something to tell: {tally}");
}
