//! How much one client may ask: so much a second on average, several seconds' worth at once.

use std::time::{Duration, Instant};

/// Seconds' worth that may come at once.
const BURST_SECONDS: f64 = 5.0;

/// How often a client that asks too much is told so.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// A client that goes on after it was told so often has its channel closed.
const MAX_TELLINGS: u32 = 10;

/// A bucket that fills with time; each thing asked takes one out.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    level: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, level: per_second * BURST_SECONDS, filled_at: Instant::now() }
    }

    /// Takes one out; `false` when none is left.
    pub fn take(&mut self, now: Instant) -> bool {
        let has_one = self.has_one(now);
        if has_one {
            self.level -= 1.0;
        }
        has_one
    }

    /// Whether one is left.
    pub fn has_one(&mut self, now: Instant) -> bool {
        let filled = now.duration_since(self.filled_at).as_secs_f64() * self.per_second;
        self.level = (self.level + filled).min(self.per_second * BURST_SECONDS);
        self.filled_at = now;
        self.level >= 1.0
    }

    fn is_full(&self) -> bool {
        self.level >= self.per_second * BURST_SECONDS - 1.0
    }
}

/// What is to be done with something that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is left undone, and the client is told.
    Told,
    /// It is left undone; the client was told a moment ago.
    Dropped,
    /// The client was told often enough.
    Enough,
}

/// A limit that warns before it closes.
#[derive(Debug)]
pub struct Limit {
    bucket: Bucket,
    told_at: Option<Instant>,
    tellings: u32,
}

impl Limit {
    /// Nothing asked yet.
    pub fn new(per_second: u32) -> Self {
        Self { bucket: Bucket::new(per_second), told_at: None, tellings: 0 }
    }

    /// One more is asked.
    pub fn ask(&mut self, now: Instant) -> Verdict {
        if self.bucket.take(now) {
            if self.bucket.is_full() {
                self.tellings = 0;
            }
            return Verdict::Done;
        }
        if self.told_at.is_some_and(|at| now.duration_since(at) < TELL_INTERVAL) {
            return Verdict::Dropped;
        }
        self.told_at = Some(now);
        self.tellings += 1;
        if self.tellings > MAX_TELLINGS { Verdict::Enough } else { Verdict::Told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_a_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(2);
        let start = bucket.filled_at;
        assert_eq!((0..20).filter(|_| bucket.take(start)).count(), 10);
        let later = start + Duration::from_secs(3);
        assert_eq!((0..20).filter(|_| bucket.take(later)).count(), 6);
        let much_later = later + Duration::from_secs(1000);
        assert_eq!((0..20).filter(|_| bucket.take(much_later)).count(), 10);
    }

    #[test]
    fn client_is_told_once_a_second_and_closed_when_it_goes_on() {
        let mut limit = Limit::new(1);
        let start = limit.bucket.filled_at;
        let mut ask = |seconds: f64| limit.ask(start + Duration::from_secs_f64(seconds));
        for _ in 0..5 {
            assert_eq!(ask(0.0), Verdict::Done);
        }
        assert_eq!((ask(0.0), ask(0.5)), (Verdict::Told, Verdict::Dropped));
        for second in 1..10 {
            let at = f64::from(second);
            assert_eq!((ask(at), ask(at)), (Verdict::Done, Verdict::Told), "{second}");
        }
        assert_eq!((ask(10.0), ask(10.0)), (Verdict::Done, Verdict::Enough));
    }

    #[test]
    fn calm_client_is_forgiven() {
        let mut limit = Limit::new(1);
        let start = limit.bucket.filled_at;
        for round in 0..30 {
            let at = start + Duration::from_secs(100 * round);
            for _ in 0..5 {
                assert_eq!(limit.ask(at), Verdict::Done);
            }
            assert_eq!(limit.ask(at), Verdict::Told);
        }
    }
}
