//! The differential test for as long as one likes: random worlds, each from a seed of its own.
//!
//! `cargo bench --bench differential -- [MINUTES] [SEED]` (default 1 minute, from a random seed
//! on). With 0 minutes it runs the world of that seed alone.

// It needs a part of what the tests stand on.
#[expect(dead_code, unused_imports, reason = "made for all tests")]
#[path = "../tests/support/mod.rs"]
mod support;

#[path = "../tests/differential/mod.rs"]
mod differential;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use differential::{Options, Tally, run};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let minutes = numbers.next().unwrap_or(1);
    let first = numbers.next().unwrap_or_else(|| rand::random_range(1_000_000..1_000_000_000));
    let options = Options { steps: 40, flags: &[] };
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut tally, mut faults) = (Tally::default(), Vec::new());
    for seed in first.. {
        // A world that panics is a fault as well, and the others go on.
        let world = tokio::spawn(async move { run(seed, &options).await });
        match world.await {
            Ok(Ok(more)) => tally += more,
            Ok(Err(mismatch)) => {
                println!("{mismatch:?}\n");
                faults.push(seed);
            }
            Err(panic) => {
                println!("world {seed} could not be run: {panic}\n");
                faults.push(seed);
            }
        }
        if Instant::now() >= end {
            println!("worlds {first} to {seed}: {tally}");
            break;
        }
    }
    if faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("{} worlds with a fault: {faults:?}", faults.len());
    ExitCode::FAILURE
}
