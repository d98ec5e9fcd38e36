//! What is written while everything breaks is heard once, in order, or told to be lost.

use std::time::Duration;

use crate::chaos::{Options, run};

/// The same every time, as far as the machine's own haste allows.
const SEED: u64 = 4;

/// `cargo bench --bench chaos` goes on for as long as one likes.
const OPTIONS: Options = Options { length: Duration::from_secs(25), log: "off" };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_by_place_loses_nothing_whatever_is_killed_or_cut() {
    let tally = run(SEED, OPTIONS).await.unwrap_or_else(|error| panic!("{error}"));
    println!("{tally}");
    assert!(tally.delivered > 0 && tally.withheld > 0 && tally.gaps > 0, "{tally}");
    assert!(tally.open < tally.delivered / 2, "the judge knows what it wants: {tally}");
}
