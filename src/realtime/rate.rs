//! How many messages may be sent over HTTP: a level that rises with each and sinks with time.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Over how many seconds the rate is an average: so many seconds' worth may come at once.
const WINDOW_SECONDS: f64 = 10.0;

/// A limit and how near to it we are.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    /// Messages that count, and when they were counted; held for a calculation.
    level: Mutex<(f64, Instant)>,
}

/// Messages that may not be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// Not one more.
    All,
    /// Not so many at once.
    Batch,
}

impl Rate {
    /// At most `per_second` in the long run.
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.into(), level: Mutex::new((0.0, Instant::now())) }
    }

    /// Counts messages, all or none.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn count(&self, messages: usize) -> Result<(), Exceeded> {
        let messages = u32::try_from(messages).map_or(f64::INFINITY, f64::from);
        let most = self.per_second * WINDOW_SECONDS;
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.level_at(*level, Instant::now());
        if before + messages <= most {
            *level = (before + messages, Instant::now());
            return Ok(());
        }
        Err(if before + 1.0 > most { Exceeded::All } else { Exceeded::Batch })
    }

    /// Where we stand, for the answer.
    pub(super) fn headers(&self) -> HeaderMap {
        let level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let rolling = self.level_at(level, Instant::now()) / WINDOW_SECONDS;
        let remaining = (self.per_second - rolling).max(0.0).floor();
        [
            ("x-rate-rolling", format!("{rolling:.2}")),
            ("x-rate-limit", self.per_second.to_string()),
            ("x-rate-limit-remaining", remaining.to_string()),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
        .collect()
    }

    fn level_at(&self, (level, counted): (f64, Instant), now: Instant) -> f64 {
        let passed = now.saturating_duration_since(counted).as_secs_f64();
        (level - passed * self.per_second).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_refused_whole() {
        let rate = Rate::new(10);
        assert_eq!(rate.count(101), Err(Exceeded::Batch));
        assert_eq!(rate.count(99), Ok(()));
        assert_eq!(rate.count(50), Err(Exceeded::Batch), "some would pass, so many do not");
        assert_eq!(rate.count(usize::MAX), Err(Exceeded::Batch));
        while rate.count(1).is_ok() {}
        assert_eq!(rate.count(1), Err(Exceeded::All));
        let headers = rate.headers();
        assert_eq!(
            (&headers["x-rate-limit"], &headers["x-rate-limit-remaining"]),
            (&"10".parse().expect("value"), &"0".parse().expect("value"))
        );
    }

    #[test]
    fn the_level_sinks() {
        let rate = Rate::new(10);
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(4);
        assert!((rate.level_at((100.0, now), later) - 60.0).abs() < 1e-6);
        assert!(rate.level_at((1.0, now), later).abs() < 1e-6);
    }
}
