//! Names of spans, fields and metrics, and the tracing set-up. No log line carries a secret or
//! the body of a message.

use std::io::IsTerminal;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Starts logging to standard error; standard output belongs to what a command prints.
///
/// # Errors
/// The filter does not parse.
pub fn start(settings: &LogSettings) -> Result<(), tracing_subscriber::filter::ParseError> {
    // These libraries repeat what our own lines say with the reason and what follows.
    let quiet = "pgwire_replication=off,refinery_core=warn,tokio_postgres=warn";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start happens only where tests share a process; the first one stays.
    let _ = match settings.log_format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// What one server counts. Each slice gets its group; a new group is a field here and its
/// `register`.
pub struct Metrics {
    registry: Registry,
    /// Sockets, channels and what goes over them.
    pub realtime: RealtimeMetrics,
    /// Who may see which change.
    pub authorizer: AuthorizerMetrics,
}

/// A counter for each way in which something came out; the label's values come from a list in
/// the code, never from outside.
pub type Outcomes = Family<[(&'static str, &'static str); 1], Counter>;

/// What the Realtime dialect counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RealtimeMetrics {
    /// Sockets that are open.
    pub sockets: Gauge,
    /// Channels that are joined.
    pub channels: Gauge,
    /// Channels that are sent changes of the log.
    pub subscriptions: Gauge,
    /// Joins; see [`RealtimeMetrics::count_join`].
    joins: Outcomes,
    /// Frames handed to the network.
    pub frames: Counter,
    /// Sockets that have ended; see [`RealtimeMetrics::count_close`].
    closes: Outcomes,
    /// Broadcasts of clients that were passed on.
    pub broadcasts: Counter,
    /// Changes of presence that were told.
    pub presence: Counter,
    /// The slot.
    pub slot: SlotMetrics,
}

/// What Postgres says of the slot. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SlotMetrics {
    /// Bytes of log that it holds back.
    pub held: Gauge,
    /// Bytes that may still be written before Postgres gives it up; -1 when it never does.
    pub safe: Gauge,
}

/// What the authorizer counts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuthorizerMetrics {
    /// Changes that concerned a subscriber.
    pub changes: Counter,
    /// Seconds from a change of the log to knowing who may see it, summed over changes.
    pub seconds: Counter<f64, AtomicU64>,
    /// Audiences of a change that were known.
    pub hits: Counter,
    /// Audiences of a change of which something had to be asked.
    pub misses: Counter,
    /// Audiences of a change that may not be remembered, and were asked.
    pub uncacheable: Counter,
    /// Verdicts that Postgres gave, one for each viewer asked about.
    pub verdicts: Counter,
    /// How long it took to have them, a batch of changes at a time.
    pub verdict_seconds: Histogram,
    /// Keys whose verdicts a change of another table took back.
    pub invalidations: Counter,
    /// Keys whose verdicts are remembered.
    pub keys: Gauge,
    /// Tables and roles whose verdicts may not be remembered; `realtime.compiled_policies` says
    /// why.
    pub uncacheable_policies: Gauge,
}

impl Default for AuthorizerMetrics {
    fn default() -> Self {
        Self {
            changes: Counter::default(),
            seconds: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            uncacheable: Counter::default(),
            verdicts: Counter::default(),
            // From a quarter of a millisecond to four seconds.
            verdict_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 15)),
            invalidations: Counter::default(),
            keys: Gauge::default(),
            uncacheable_policies: Gauge::default(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("walkie");
        let realtime = RealtimeMetrics::default();
        realtime.register(registry.sub_registry_with_prefix("realtime"));
        let authorizer = AuthorizerMetrics::default();
        authorizer.register(registry.sub_registry_with_prefix("authorizer"));
        Self { registry, realtime, authorizer }
    }
}

impl Metrics {
    /// All of them, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

impl AuthorizerMetrics {
    fn register(&self, group: &mut Registry) {
        let changes = "Changes that concerned a subscriber";
        group.register("changes", changes, self.changes.clone());
        let seconds = "Time from a change of the log to knowing who may see it, over all changes";
        group.register_with_unit("decide", seconds, Unit::Seconds, self.seconds.clone());
        group.register("hits", "Audiences of a change that were known", self.hits.clone());
        let misses = "Audiences of a change of which something had to be asked";
        group.register("misses", misses, self.misses.clone());
        let uncacheable = "Audiences of a change that may not be remembered, and were asked";
        group.register("uncacheable", uncacheable, self.uncacheable.clone());
        let verdicts = "Verdicts that Postgres gave, one for each viewer asked about";
        group.register("verdicts", verdicts, self.verdicts.clone());
        let verdict = "Time until Postgres had answered what a batch of changes asked";
        group.register_with_unit("verdict", verdict, Unit::Seconds, self.verdict_seconds.clone());
        let invalidations = "Keys whose verdicts a change of another table took back";
        group.register("invalidations", invalidations, self.invalidations.clone());
        group.register("keys", "Keys whose verdicts are remembered", self.keys.clone());
        let policies = "Tables and roles whose verdicts may not be remembered";
        group.register("uncacheable_policies", policies, self.uncacheable_policies.clone());
    }
}

impl RealtimeMetrics {
    fn register(&self, group: &mut Registry) {
        group.register("sockets", "Sockets that are open", self.sockets.clone());
        group.register("channels", "Channels that are joined", self.channels.clone());
        let subscriptions = "Channels that are sent changes of the log";
        group.register("subscriptions", subscriptions, self.subscriptions.clone());
        group.register(
            "joins",
            "Joins, by outcome: ok or the code of the error",
            self.joins.clone(),
        );
        group.register("frames", "Frames handed to the network", self.frames.clone());
        let closes =
            "Sockets that have ended, by reason: gone (the client left) or why the server closed";
        group.register("closes", closes, self.closes.clone());
        let broadcasts = "Broadcasts of clients that were passed on";
        group.register("broadcasts", broadcasts, self.broadcasts.clone());
        group.register("presence", "Changes of presence that were told", self.presence.clone());
        let held = "Log that the slot holds back";
        group.register_with_unit("slot_held", held, Unit::Bytes, self.slot.held.clone());
        let safe =
            "Log that may still be written before Postgres gives the slot up; -1: any amount";
        group.register_with_unit("slot_safe", safe, Unit::Bytes, self.slot.safe.clone());
        // What has never happened would not be shown at all.
        drop(self.joins.get_or_create(&[("outcome", "ok")]));
        drop(self.closes.get_or_create(&[("reason", "gone")]));
    }

    /// Counts a join: `ok`, or the code of its error.
    pub fn count_join(&self, outcome: &'static str) {
        self.joins.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a socket that has ended: `gone`, or why the server closed it.
    pub fn count_close(&self, reason: &'static str) {
        self.closes.get_or_create(&[("reason", reason)]).inc();
    }
}

/// One more in a gauge for as long as this lives, however it ends.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    /// One more in `gauge`.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
