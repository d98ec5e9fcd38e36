//! The log -> window and delivery, one batch of changes after the other.
//!
//! This one task owns the subscriptions and the window, so that a subscriber who comes back gets
//! what it missed and then what is new, with no seam between.
//!
//! Reading order: `handle` (what it is asked), the task here, `following` (subscribers that come,
//! catch up and go).

mod following;
mod handle;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::authorize::{Complete, Person};
use super::broadcast::{self, Broadcasts};
use super::delivery::Delivery;
use super::hub::Hub;
use super::logs::Log;
use super::part::Batch;
use super::reading::Origin;
use super::rights::Rights;
use super::sightings::Sightings;
use super::store;
use super::subscriber::{Active, tell_gap};
use super::window::{Bounds, Window};
use crate::config::RealtimeSettings;
use crate::identity::Identity;
use crate::observe::{LogMetrics, Metrics, Share};
use crate::pg::{Error, names};
use crate::wal::{Event, Feed as Stream, Lsn, Place, Source, Transaction};

use following::Portion;
use handle::Command;

pub use handle::{Greeting, Handle};

/// How long to wait for a subscriber that catches up to take what it was sent.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(2);

/// Requests to subscribe that may wait.
const MAX_COMMANDS: usize = 1024;

/// How often old changes are let go of when nothing else happens.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// How often to look whether others see what was told, at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The task.
pub struct Feed {
    which: Log,
    log: Stream,
    commands: mpsc::Receiver<Command>,
    is_connected: watch::Sender<bool>,
    delivery: Delivery,
    /// Reads what SQL says to the rooms, where that is told.
    broadcasts: Option<Broadcasts>,
    hub: Arc<Hub>,
    rights: Arc<Rights>,
    window: Window,
    /// From where in the log a reading goes on.
    sightings: Sightings,
    /// For looking what others see.
    pool: Pool,
    /// How much log the slot may hold back, in bytes.
    slot_limit: watch::Receiver<u64>,
    /// What is sent in one go of what was missed.
    catch_up: Portion,
    /// Those who still have to be sent what they missed, and up to where they have it.
    catching_up: Vec<(Active, Place)>,
    /// One `Arc` and number for all sockets of a person.
    people: HashMap<Arc<Identity>, Person>,
    next_person: Person,
    /// The transaction that is being told: how many were told with it.
    telling: (Arc<Transaction>, u64),
    /// The last change that was told.
    last: Place,
    has_connected: bool,
    /// How many they are, for whoever watches.
    subscriptions: Share,
    /// What is counted of the log.
    counts: LogMetrics,
}

impl Feed {
    /// A feed from `source`, whose slot may hold back `slot_limit` bytes of log; `pool` is for
    /// questions, above all the authorizer's; `complete` is that of all feeds. Only that of the
    /// main log has rooms and private channels: to those of another nobody comes.
    pub fn new(
        which: Log,
        source: Source,
        slot_limit: watch::Receiver<u64>,
        pool: Pool,
        complete: &Complete,
        settings: &RealtimeSettings,
        metrics: &Metrics,
    ) -> (Self, Handle) {
        let (counts, slot) = (metrics.logs.of(which.name()), which.slot(settings).into());
        let (hub, rights) = (Arc::<Hub>::default(), Arc::<Rights>::default());
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let (is_connected, connected) = watch::channel(false);
        let bounds = Bounds {
            age: settings.window(),
            bytes: settings.realtime_window_bytes,
            log_bytes: settings.realtime_window_wal_bytes,
        };
        let feed = Self {
            which,
            log: Stream::new(source),
            commands,
            is_connected,
            delivery: Delivery::new(
                which,
                pool.clone(),
                Arc::clone(&hub),
                complete.clone(),
                settings,
                metrics,
            ),
            broadcasts: (which == Log::Main).then(|| {
                Broadcasts::new(settings.realtime_max_broadcast_bytes, metrics.realtime.clone())
            }),
            hub: Arc::clone(&hub),
            rights: Arc::clone(&rights),
            window: Window::new(bounds),
            sightings: Sightings::new(),
            pool,
            slot_limit,
            catch_up: Portion::of(settings),
            catching_up: Vec::new(),
            people: HashMap::new(),
            next_person: 0,
            telling: (Arc::default(), 0),
            last: Place::default(),
            has_connected: false,
            subscriptions: Share::new(&metrics.realtime.subscriptions),
            counts: counts.clone(),
        };
        (
            feed,
            Handle {
                commands: sender,
                is_connected: connected,
                slot,
                counts,
                hub,
                rights,
                complete: complete.clone(),
            },
        )
    }

    /// Works until `shutdown`, then leaves the slot in order.
    pub async fn run(mut self, shutdown: CancellationToken) {
        self.work(&shutdown).await;
        self.counts.connected.set(0);
        self.log.close().await;
    }

    async fn work(&mut self, shutdown: &CancellationToken) {
        let mut trim = tokio::time::interval(TRIM_INTERVAL);
        let mut pause = tokio::time::interval(CATCH_UP_PAUSE);
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        for timer in [&mut pause, &mut look] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(command) = self.commands.recv() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.obey(command) => {}
                    }
                    let count = self.delivery.roster().len() + self.catching_up.len();
                    self.subscriptions.set(count);
                    continue;
                }
                // Before the log: a busy one would leave them behind for ever.
                _ = pause.tick(), if !self.catching_up.is_empty() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.catch_up() => continue,
                    }
                }
                _ = look.tick(), if self.sightings.is_stale() && *self.is_connected.borrow() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        _ = self.look() => continue,
                    }
                }
                event = self.log.next() => event,
                _ = trim.tick() => {
                    self.acknowledge();
                    continue;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.take(first) => {}
            }
        }
    }

    /// Takes an event and those that are here already.
    async fn take(&mut self, first: Event) {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(event) = next {
            self.note(event, &mut batch).await;
            // What is whole need not wait for what is not, and that had better not be cut.
            if batch.is_full()
                && let Some(open) = batch.take_open()
            {
                self.hand_out(&mut batch).await;
                batch = open;
            }
            next = match () {
                () if batch.is_full() => None,
                // The rest of a transaction is on its way.
                () if batch.is_open => Some(self.log.next().await),
                () => self.log.try_next(),
            };
            // Before a stream goes on after a break, what came before is delivered.
            if let Some(Event::Connected { .. }) = next {
                self.hand_out(&mut batch).await;
            }
        }
        self.hand_out(&mut batch).await;
        self.counts.told_all();
        self.acknowledge();
        while self.sightings.is_full() {
            if !self.look().await {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
    }

    async fn note(&mut self, event: Event, batch: &mut Batch) {
        match event {
            Event::Begin(transaction) => {
                self.counts.telling(transaction.committed_at_us);
                self.hub.note_told(transaction.xid);
                let on_failure = &mut hang_up(&mut self.log);
                let told = self.delivery.told(transaction.xid, on_failure).await;
                self.sightings.told(Origin::of(&transaction));
                self.telling = (transaction, told);
                batch.open(&self.telling, true);
            }
            Event::Change(change) if broadcast::is_broadcast(&change) => {
                let said = self.broadcasts.as_ref().and_then(|it| it.of_row(&change));
                batch.say(&self.telling, said);
            }
            Event::Change(change) => {
                self.counts.changes.inc();
                batch.bytes += change.size_bytes();
                batch.count += 1;
                batch.part(&self.telling).changes.push(Arc::new(change));
            }
            Event::Relation(relation) => {
                batch.part(&self.telling).described.push(relation.oid);
            }
            // There is no message for an emptied table in the protocol.
            Event::Truncate(relations) => {
                let oids = relations.iter().map(|relation| relation.oid);
                batch.part(&self.telling).emptied.extend(oids);
            }
            Event::Message(message) if message.prefix == names::BRIDGE => {
                let said = self.broadcasts.as_ref().and_then(|it| it.of_message(&message));
                if message.is_transactional {
                    batch.say(&self.telling, said);
                } else if let Some(said) = said {
                    said.tell(&self.hub);
                }
            }
            Event::Message(message) if !message.is_transactional => {}
            Event::Message(message) => {
                let changes_schema = message.prefix == names::SCHEMA_CHANGED;
                batch.part(&self.telling).changes_schema |= changes_schema;
            }
            Event::Commit { commit, end } => {
                batch.close();
                self.window.commit(commit, end);
            }
            Event::End(end) => self.window.reached(end),
            Event::Broken => {
                self.counts.connected.set(0);
                // What is missing of a transaction is told after the break.
                batch.is_open = false;
                self.is_connected.send_replace(false);
            }
            Event::Connected { from, end, is_gap } => self.connected(from, end, is_gap).await,
        }
    }

    async fn connected(&mut self, from: Lsn, end: Lsn, is_gap: bool) {
        tracing::info!(log = self.which.name(), %from, %end, "streaming the log");
        if is_gap {
            self.sightings.begin(from);
            if self.has_connected {
                self.counts.gaps.inc();
            }
            // All of it has ended before a slot is made; of another log it says nothing.
            self.hub.forget_told();
            self.delivery.start_anew();
            self.rights.tell_gap();
            self.start_anew(Place::before(from));
        }
        if let Some(broadcasts) = &mut self.broadcasts {
            broadcasts.connected(end, is_gap);
        }
        self.window.open(from, end, is_gap);
        // Whoever reads once we are ready finds a look that was earlier.
        self.look().await;
        self.has_connected = true;
        self.counts.connected.set(1);
        self.is_connected.send_replace(true);
    }

    /// Everybody goes on from `start`, and is told what they miss.
    fn start_anew(&mut self, start: Place) {
        let everybody: Vec<Active> = self.delivery.roster().everybody().cloned().collect();
        for active in everybody {
            let missed = (self.last.max(active.subscriber.from()), start);
            tell_gap(&active.subscriber, missed);
            if let Some(active) = active.not_after(start) {
                self.delivery.remove(active.subscriber.id);
                self.delivery.insert(active);
            }
        }
        for (active, place) in &mut self.catching_up {
            tell_gap(&active.subscriber, (*place, start));
            *place = start;
            if let Some(anew) = active.not_after(start) {
                *active = anew;
            }
        }
        self.last = start;
    }

    async fn hand_out(&mut self, batch: &mut Batch) {
        let batch = std::mem::take(batch);
        if let Some(last) = batch.parts.iter().rev().find_map(|part| part.changes.last()) {
            self.last = last.place;
        }
        for part in &batch.parts {
            self.rights.tell(part);
        }
        self.delivery.deliver(&batch.parts, &mut hang_up(&mut self.log)).await;
        for change in batch.parts.into_iter().flat_map(|part| part.changes) {
            self.window.push(change);
        }
    }

    /// Looks what others see of what was told; gives whether Postgres could be asked. If not, it
    /// is asked later, and the log read on until then: Postgres, when it is going down, waits for
    /// whoever does not.
    async fn look(&mut self) -> bool {
        let looked = store::look(&self.pool).await;
        let could_ask = looked.is_ok();
        match looked {
            Ok(snapshot) => self.sightings.look(snapshot),
            Err(error) => {
                tracing::warn!(%error, "it is not known what others see of the log");
                hang_up(&mut self.log)(&error);
            }
        }
        self.acknowledge();
        could_ask
    }

    /// The log is kept as long as the window, and as long as not everybody sees it.
    fn acknowledge(&mut self) {
        self.window.bound_log(*self.slot_limit.borrow());
        let forgettable = self.window.trim();
        self.sightings.forget_before(self.window.from());
        self.log.acknowledge(forgettable.min(self.sightings.seen()));
        self.window.measure(&self.counts);
    }
}

/// Hangs up the log where Postgres takes no connections: it may be going down, and wait for us
/// to confirm what we cannot before we have asked it.
fn hang_up(log: &mut Stream) -> impl FnMut(&Error) + Send {
    |error| {
        if error.takes_no_connections() {
            log.hang_up();
        }
    }
}
