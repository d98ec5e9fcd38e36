//! What is counted of the logs: each metric has a sample a log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The log that is always there.
pub const MAIN_LOG: &str = "main";

/// What is counted of all logs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LogsMetrics {
    connected: ByLog<Gauge>,
    changes: ByLog<Counter>,
    gaps: ByLog<Counter>,
    window_changes: ByLog<Gauge>,
    window_bytes: ByLog<Gauge>,
    window_age: ByLog<Gauge<f64, AtomicU64>>,
    lag_seconds: ByLog<Gauge<f64, AtomicU64>>,
    lag_bytes: ByLog<Gauge<f64, AtomicU64>>,
    held_bytes: ByLog<Gauge<f64, AtomicU64>>,
    safe_bytes: ByLog<Gauge<f64, AtomicU64>>,
}

/// A metric for each log.
type ByLog<Metric> = Family<[(&'static str, &'static str); 1], Metric>;

/// What is counted of one log. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LogMetrics {
    /// 1 while it is streamed.
    pub connected: Gauge,
    /// Changes of rows that it told.
    pub changes: Counter,
    /// Times that subscribers were told of a gap in it.
    pub gaps: Counter,
    /// Changes that the window keeps.
    pub window_changes: Gauge,
    /// Bytes of their values.
    pub window_bytes: Gauge,
    /// Seconds since the oldest of them was told.
    pub window_age: Gauge<f64, AtomicU64>,
    lag_seconds: Gauge<f64, AtomicU64>,
    lag_bytes: Gauge<f64, AtomicU64>,
    held_bytes: Gauge<f64, AtomicU64>,
    safe_bytes: Gauge<f64, AtomicU64>,
    /// When the oldest transaction was committed that was told and is not delivered, in
    /// microseconds since 1970; 0 when there is none.
    telling: Arc<AtomicI64>,
    /// Up to where it was read.
    read: Arc<AtomicU64>,
}

/// What Postgres knows of the slot.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// Where the log ends.
    pub end: u64,
    /// Bytes of log that the slot keeps.
    pub held_bytes: f64,
    /// Bytes that may still be written before it is given up; infinite without a limit.
    pub safe_bytes: f64,
}

impl LogsMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let group = registry.sub_registry_with_prefix("log");
        group.register("connected", "1 while the log is streamed", self.connected.clone());
        group.register("changes", "Changes of rows that the log told", self.changes.clone());
        let gaps = "Times that subscribers were told that changes are lost";
        group.register("gaps", gaps, self.gaps.clone());
        let lag = "Age of the oldest transaction that was told and is not delivered";
        group.register_with_unit("lag", lag, Unit::Seconds, self.lag_seconds.clone());
        let group = registry.sub_registry_with_prefix("slot");
        let lag = "Log that is written and was not read by the server";
        group.register_with_unit("lag", lag, Unit::Bytes, self.lag_bytes.clone());
        let held = "Log that Postgres keeps on disk for the slot";
        group.register_with_unit("held", held, Unit::Bytes, self.held_bytes.clone());
        let safe = "Log that may still be written before Postgres gives the slot up";
        group.register_with_unit("safe", safe, Unit::Bytes, self.safe_bytes.clone());
        let group = registry.sub_registry_with_prefix("window");
        let changes = "Changes that are kept for those who come back";
        group.register("changes", changes, self.window_changes.clone());
        let size = "Size of these changes";
        group.register_with_unit("size", size, Unit::Bytes, self.window_bytes.clone());
        let age = "Time since the oldest of these changes was told";
        group.register_with_unit("age", age, Unit::Seconds, self.window_age.clone());
        // Without a sample a metric is not shown at all.
        drop(self.of(MAIN_LOG));
    }

    /// What is counted of the log of this name, which comes from a list in the code.
    pub fn of(&self, log: &'static str) -> LogMetrics {
        let of = [("log", log)];
        LogMetrics {
            connected: self.connected.get_or_create(&of).clone(),
            changes: self.changes.get_or_create(&of).clone(),
            gaps: self.gaps.get_or_create(&of).clone(),
            lag_seconds: self.lag_seconds.get_or_create(&of).clone(),
            lag_bytes: self.lag_bytes.get_or_create(&of).clone(),
            held_bytes: self.held_bytes.get_or_create(&of).clone(),
            safe_bytes: self.safe_bytes.get_or_create(&of).clone(),
            window_changes: self.window_changes.get_or_create(&of).clone(),
            window_bytes: self.window_bytes.get_or_create(&of).clone(),
            window_age: self.window_age.get_or_create(&of).clone(),
            ..LogMetrics::default()
        }
    }
}

impl LogMetrics {
    /// A transaction is being told that was committed then, in microseconds since 1970.
    pub fn telling(&self, committed_at_us: i64) {
        // What was told before it and is not delivered either is older.
        let _ =
            self.telling.compare_exchange(0, committed_at_us, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Everything that was told is delivered.
    pub fn told_all(&self) {
        self.telling.store(0, Ordering::Relaxed);
    }

    /// The log was read up to this position.
    pub fn read_up_to(&self, position: u64) {
        self.read.store(position, Ordering::Relaxed);
    }

    /// Works out how far behind the server is. What Postgres did not tell is not a number.
    #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes may be off by some")]
    pub fn measure(&self, slot: Option<&Slot>) {
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let lag_us = match u128::try_from(self.telling.load(Ordering::Relaxed)) {
            Ok(0) | Err(_) => 0,
            Ok(since) => now_us.saturating_sub(since),
        };
        let lag = Duration::from_micros(u64::try_from(lag_us).unwrap_or(u64::MAX));
        self.lag_seconds.set(lag.as_secs_f64());
        let read = self.read.load(Ordering::Relaxed);
        let lag = slot.map_or(f64::NAN, |slot| slot.end.saturating_sub(read) as f64);
        self.lag_bytes.set(lag);
        self.held_bytes.set(slot.map_or(f64::NAN, |slot| slot.held_bytes));
        self.safe_bytes.set(slot.map_or(f64::NAN, |slot| slot.safe_bytes));
    }
}
