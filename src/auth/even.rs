//! Answers that take as long for an address with an account as for one without.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Answers come at multiples of this; the work behind them takes a fraction of it.
const STEP: Duration = Duration::from_millis(100);

/// Does the work, and gives what came of it at the next full step.
pub(super) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    sleep_until(began + next_step(began.elapsed())).await;
    done
}

fn next_step(elapsed: Duration) -> Duration {
    let steps = elapsed.as_nanos().div_ceil(STEP.as_nanos()).max(1);
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_takes_less_than_a_step_takes_a_step() {
        assert_eq!(next_step(Duration::ZERO), STEP);
        assert_eq!(next_step(Duration::from_millis(99)), STEP);
        assert_eq!(next_step(Duration::from_millis(100)), STEP);
        assert_eq!(next_step(Duration::from_millis(101)), STEP * 2);
    }
}
