//! Names of spans, fields and metrics, and the tracing set-up. No log line carries a secret or
//! the body of a message.

mod log;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

pub use log::{LogMetrics, LogsMetrics, MAIN_LOG, Slot};

/// Starts logging to standard error, panics too; standard output belongs to what a command
/// prints.
///
/// # Errors
/// The filter does not parse.
pub fn start(settings: &LogSettings) -> Result<(), ParseError> {
    // A second start happens only where tests share a process; the first one stays.
    if lines(settings, std::io::stderr)?.try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Lines as the settings want them, written to `writer`.
///
/// # Errors
/// The filter does not parse.
pub fn lines<W>(settings: &LogSettings, writer: W) -> Result<Box<Lines>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // These libraries repeat what our own lines say with the reason and what follows.
    let quiet = "pgwire_replication=off,refinery_core=warn,tokio_postgres=warn";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    Ok(match settings.log_format {
        LogFormat::Pretty => Box::new(lines.finish()),
        LogFormat::Json => {
            Box::new(lines.json().flatten_event(true).with_span_list(false).finish())
        }
    })
}

/// Whatever writes log lines.
pub type Lines = dyn tracing::Subscriber + Send + Sync;

/// A line for a panic, where it happened: within a request it bears the request's id. The words
/// are logged only where the source has them whole; what was put in could be a message's body.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let words = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or_default();
    tracing::error!(place, words, "a part of the program panicked");
}

/// What one server counts. Each slice gets its group; a new group is a field here and its
/// `register`.
pub struct Metrics {
    registry: Registry,
    /// Sockets, channels and what goes over them.
    pub realtime: RealtimeMetrics,
    /// Who may see which change.
    pub authorizer: AuthorizerMetrics,
    /// The logs, their slots and windows.
    pub logs: LogsMetrics,
    /// Connections to the database.
    pub pools: PoolMetrics,
    /// Effects that leave the house.
    pub jobs: JobMetrics,
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
    /// Changes of the log put into the queues of channels.
    pub deliveries: Counter,
    /// Frames handed to the network.
    pub frames: Counter,
    /// Sockets that have ended; see [`RealtimeMetrics::count_close`].
    closes: Outcomes,
    /// Broadcasts of clients that were passed on.
    pub broadcasts: Counter,
    /// Broadcasts of the database; see [`RealtimeMetrics::count_database_broadcast`].
    database_broadcasts: Outcomes,
    /// Changes of presence that were told.
    pub presence: Counter,
    /// Rights that were asked again; see [`RealtimeMetrics::count_rights`].
    rights: Outcomes,
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

/// What the jobs count. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct JobMetrics {
    /// Attempts; see [`JobMetrics::count`].
    attempts: Outcomes,
}

/// How many connections a pool has.
#[derive(Debug, Clone, Copy, Default)]
pub struct PoolState {
    /// The most it may have.
    pub limit: usize,
    /// Those that are open.
    pub open: usize,
    /// Those that somebody works with.
    pub in_use: usize,
    /// Those who wait for one.
    pub waiting: usize,
}

/// What is counted of the pools. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PoolMetrics {
    limit: Pools,
    open: Pools,
    in_use: Pools,
    waiting: Pools,
}

/// A gauge for each pool.
type Pools = Family<[(&'static str, &'static str); 1], Gauge>;

/// The pools there are: for requests, and for the authorizer's questions about the changes of
/// each log.
pub const POOLS: [&str; 3] = ["requests", "authorizer", "bulk_authorizer"];

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
        let logs = LogsMetrics::default();
        logs.register(&mut registry);
        let pools = PoolMetrics::default();
        pools.register(registry.sub_registry_with_prefix("pool"));
        let jobs = JobMetrics::default();
        jobs.register(registry.sub_registry_with_prefix("jobs"));
        Self { registry, realtime, authorizer, logs, pools, jobs }
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

impl JobMetrics {
    fn register(&self, group: &mut Registry) {
        let attempts = "Attempts at jobs, by outcome: done, failed (it is tried again), dead (it is not) or lost (it took too long, and another server has it)";
        group.register("attempts", attempts, self.attempts.clone());
        drop(self.attempts.get_or_create(&[("outcome", "done")]));
    }

    /// Counts an attempt: `done`, `failed`, `dead` or `lost`.
    pub fn count(&self, outcome: &'static str) {
        self.attempts.get_or_create(&[("outcome", outcome)]).inc();
    }
}

impl PoolMetrics {
    fn register(&self, group: &mut Registry) {
        group.register("limit", "Most connections that a pool may have", self.limit.clone());
        group.register("open", "Connections that a pool has", self.open.clone());
        let in_use = "Connections of a pool that somebody works with";
        group.register("in_use", in_use, self.in_use.clone());
        let waiting = "Those who wait for a connection of a pool";
        group.register("waiting", waiting, self.waiting.clone());
        for name in POOLS {
            self.set(name, PoolState::default());
        }
    }

    /// Shows how a pool of [`POOLS`] stands.
    pub fn set(&self, name: &'static str, state: PoolState) {
        let PoolState { limit, open, in_use, waiting } = state;
        let all = [(&self.limit, limit), (&self.open, open)];
        for (gauges, count) in
            all.into_iter().chain([(&self.in_use, in_use), (&self.waiting, waiting)])
        {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            gauges.get_or_create(&[("pool", name)]).set(count);
        }
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
        let deliveries = "Changes of the log put into the queues of channels, one for each channel";
        group.register("deliveries", deliveries, self.deliveries.clone());
        group.register("frames", "Frames handed to the network", self.frames.clone());
        let closes =
            "Sockets that have ended, by reason: gone (the client left) or why the server closed";
        group.register("closes", closes, self.closes.clone());
        let broadcasts = "Broadcasts of clients that were passed on";
        group.register("broadcasts", broadcasts, self.broadcasts.clone());
        group.register(
            "database_broadcasts",
            "Broadcasts of the database, by outcome: ok or why they were not told",
            self.database_broadcasts.clone(),
        );
        group.register("presence", "Changes of presence that were told", self.presence.clone());
        let rights = "Private channels whose rights were asked again, by outcome: same, changed, lost (the channel ended) or undecided (it ended, and its client comes back)";
        group.register("rights", rights, self.rights.clone());
        // What has never happened would not be shown at all.
        drop(self.joins.get_or_create(&[("outcome", "ok")]));
        drop(self.closes.get_or_create(&[("reason", "gone")]));
        drop(self.database_broadcasts.get_or_create(&[("outcome", "ok")]));
        drop(self.rights.get_or_create(&[("outcome", "same")]));
    }

    /// Counts a broadcast of the database: `ok`, or why it was not told.
    pub fn count_database_broadcast(&self, outcome: &'static str) {
        self.database_broadcasts.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a join: `ok`, or the code of its error.
    pub fn count_join(&self, outcome: &'static str) {
        self.joins.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a private channel whose rights were asked again: `same`, `changed`, `lost` or
    /// `undecided`.
    pub fn count_rights(&self, outcome: &'static str) {
        self.rights.get_or_create(&[("outcome", outcome)]).inc();
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

/// What one of several adds to a gauge that shows them all together, for as long as this lives.
#[derive(Debug)]
pub struct Share {
    gauge: Gauge,
    count: i64,
}

impl Share {
    /// Nothing yet of `gauge`.
    pub fn new(gauge: &Gauge) -> Self {
        Self { gauge: gauge.clone(), count: 0 }
    }

    /// Adds so much, instead of what was added before.
    pub fn set(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.gauge.inc_by(count - self.count);
        self.count = count;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.dec_by(self.count);
    }
}
