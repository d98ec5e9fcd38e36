//! The chaos test for as long as one likes: worlds of a minute each, each from a seed of its own.
//!
//! `cargo bench --bench chaos -- [MINUTES] [SEED]` (default 1 minute, from a random seed on).
//! With 0 minutes it runs the world of that seed alone.

// It needs a part of what the tests stand on.
#[expect(dead_code, unused_imports, reason = "made for all tests")]
#[path = "../tests/support/mod.rs"]
mod support;

#[path = "../tests/chaos/mod.rs"]
mod chaos;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use chaos::tally::Tally;
use chaos::{Options, run};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let minutes = numbers.next().unwrap_or(1);
    let first = numbers.next().unwrap_or_else(|| rand::random_range(1_000_000..1_000_000_000));
    let options = Options { length: Duration::from_secs(50), log: "error" };
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut tally, mut faults) = (Tally::default(), Vec::new());
    for seed in first.. {
        // A world that panics is a fault as well, and the others go on.
        match tokio::spawn(run(seed, options)).await {
            Ok(Ok(more)) => {
                println!("{seed}: {more}");
                tally += more;
            }
            Ok(Err(fault)) => {
                println!("{fault}\n");
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
