//! The log -> window and delivery, one batch of changes after the other.
//!
//! This one task owns the subscriptions and the window, so that a subscriber who comes back
//! gets what it missed and then what is new, with no seam between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::authorize::Person;
use super::broadcast::{self, Broadcasts};
use super::delivery::Delivery;
use super::explain::{Look, MAX_SUBSCRIPTIONS, Standing, Subscription};
use super::frame::Frames;
use super::hub::Hub;
use super::part::Batch;
use super::reading::{Origin, Reading};
use super::rights::Rights;
use super::sightings::Sightings;
use super::store;
use super::subscriber::{Active, Subscriber, system, tell_gap};
use super::subscription::After;
use super::window::{Bounds, Window};
use crate::config::RealtimeSettings;
use crate::identity::Identity;
use crate::observe::{LogMetrics, Metrics};
use crate::pg::{Error, names};
use crate::wal::{Event, Feed as Log, Lsn, Place, Source, Transaction};

/// Missed changes sent to one subscriber in one go, at most.
const CATCH_UP_BATCH: usize = 64;

/// Which part of a queue they may fill: as frames they are larger than their values alone.
const CATCH_UP_SHARE: usize = 8;

/// How long to wait for a subscriber that catches up to take what it was sent.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(2);

/// Requests to subscribe that may wait.
const MAX_COMMANDS: usize = 1024;

/// People that have left and are still remembered.
const MAX_IDLE_PEOPLE: usize = 1024;

/// How often old changes are let go of when nothing else happens.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// How often to look whether others see what was told, at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// What the feed is asked to do.
enum Command {
    Subscribe(Subscriber, Greeting, oneshot::Sender<()>),
    Unsubscribe(u64),
    Look(Look, oneshot::Sender<Standing>),
}

/// What is sent to a subscriber before any event, given the place after which it has them all.
pub type Greeting = Box<dyn FnOnce(Place) -> Vec<Frames> + Send>;

/// Asks the feed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    is_connected: watch::Receiver<bool>,
    /// The rooms: what SQL broadcasts is told there.
    pub(super) hub: Arc<Hub>,
    /// The private channels: what may change their rights is told there.
    pub(super) rights: Arc<Rights>,
}

impl Handle {
    /// Adds or replaces a subscriber. When it is active, `greeting` goes to its socket before
    /// any event, then "Subscribed to PostgreSQL" and what it missed; then this resolves, with
    /// `None` when the server is going down.
    pub async fn subscribe(&self, subscriber: Subscriber, greeting: Greeting) -> Option<()> {
        let (done, active) = oneshot::channel();
        self.commands.send(Command::Subscribe(subscriber, greeting, done)).await.ok()?;
        active.await.ok()
    }

    /// Removes a subscriber.
    pub async fn unsubscribe(&self, id: u64) {
        // Fails only when the feed has ended, and its subscribers with it.
        let _ = self.commands.send(Command::Unsubscribe(id)).await;
    }

    /// What is known of somebody's subscriptions and of a place; `None` when the server is going
    /// down.
    pub(super) async fn look(&self, look: Look) -> Option<Standing> {
        let (done, seen) = oneshot::channel();
        self.commands.send(Command::Look(look, done)).await.ok()?;
        seen.await.ok()
    }

    /// Resolves when the log is streamed; never when it has ended.
    pub async fn connected(&self) {
        let mut is_connected = self.is_connected.clone();
        if is_connected.wait_for(|is_connected| *is_connected).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the log is being streamed.
    pub fn is_connected(&self) -> bool {
        *self.is_connected.borrow()
    }
}

/// So many changes, or so few that their values are just more than so many bytes.
struct Portion {
    changes: usize,
    bytes: usize,
}

/// The task.
pub struct Feed {
    log: Log,
    commands: mpsc::Receiver<Command>,
    is_connected: watch::Sender<bool>,
    delivery: Delivery,
    broadcasts: Broadcasts,
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
    subscriptions: Gauge,
    /// What is counted of the log.
    counts: LogMetrics,
}

impl Feed {
    /// A feed from `source`, whose slot may hold back `slot_limit` bytes of log; `pool` is for
    /// questions, above all the authorizer's.
    pub fn new(
        source: Source,
        slot_limit: watch::Receiver<u64>,
        pool: Pool,
        settings: &RealtimeSettings,
        metrics: &Metrics,
    ) -> (Self, Handle) {
        let (hub, rights) = (Arc::<Hub>::default(), Arc::<Rights>::default());
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let (is_connected, connected) = watch::channel(false);
        let bounds = Bounds {
            age: settings.window(),
            bytes: settings.realtime_window_bytes,
            log_bytes: settings.realtime_window_wal_bytes,
        };
        let feed = Self {
            log: Log::new(source),
            commands,
            is_connected,
            delivery: Delivery::new(pool.clone(), Arc::clone(&hub), settings, metrics),
            broadcasts: Broadcasts::new(
                settings.realtime_max_broadcast_bytes,
                metrics.realtime.clone(),
            ),
            hub: Arc::clone(&hub),
            rights: Arc::clone(&rights),
            window: Window::new(bounds),
            sightings: Sightings::new(),
            pool,
            slot_limit,
            catch_up: Portion {
                changes: CATCH_UP_BATCH.min(settings.realtime_queue_frames / CATCH_UP_SHARE).max(1),
                bytes: settings.realtime_queue_bytes / CATCH_UP_SHARE,
            },
            catching_up: Vec::new(),
            people: HashMap::new(),
            next_person: 0,
            telling: (Arc::default(), 0),
            last: Place::default(),
            has_connected: false,
            subscriptions: metrics.realtime.subscriptions.clone(),
            counts: metrics.log.clone(),
        };
        (feed, Handle { commands: sender, is_connected: connected, hub, rights })
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
                    self.subscriptions.set(i64::try_from(count).unwrap_or(i64::MAX));
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

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscriber, greeting, done) => {
                // Without a stream there is no "now" to subscribe from.
                while !self.has_connected {
                    let event = self.log.next().await;
                    self.take(event).await;
                }
                self.subscribe(subscriber, greeting);
                self.catch_up().await;
                // The socket may be gone already; its unsubscription follows.
                let _ = done.send(());
            }
            Command::Look(look, done) => {
                // Whoever asked may have given up.
                let _ = done.send(self.standing(&look));
            }
            Command::Unsubscribe(id) => {
                self.remove(id);
                // Now and then, so that many leaving at once cost each no look at all others.
                if self.people.len() > 2 * self.delivery.roster().len() + MAX_IDLE_PEOPLE {
                    self.people.retain(|person, _| Arc::strong_count(person) > 1);
                }
            }
        }
    }

    /// A renewed subscription goes on where the former one stands. One that names a place again
    /// from which its socket was sent more already goes on after that.
    fn subscribe(&mut self, mut subscriber: Subscriber, greeting: Greeting) {
        let former = self.standing_of(subscriber.id);
        let sent = subscriber.sent.get();
        let now = Place::before(self.window.end()).max(self.last);
        let mut missing = None;
        let mut from = now;
        for (number, binding) in subscriber.bindings.iter_mut().enumerate() {
            let mut after = match (&former, binding.after.take()) {
                (Some((former, place)), _) => {
                    let began = former.bindings.get(number).and_then(|it| it.after.clone());
                    let began = began.unwrap_or(After::place(*place));
                    After { place: began.place.max(*place), ..began }
                }
                (None, Some(After { reading: Some(reading), .. })) => {
                    After { place: self.end_of(&reading).max(sent), reading: Some(reading) }
                }
                (None, Some(after)) => After { place: after.place.max(sent), ..after },
                (None, None) => After::place(now),
            };
            let kept = after.place.max(self.window.from());
            if after.place < kept {
                missing = Some((after.place, kept));
            }
            after.place = kept;
            from = from.min(kept);
            binding.after = Some(after);
        }
        for frame in greeting(from) {
            subscriber.outbox.send(frame);
        }
        let place = format!(",\"lsn\":\"{from}\"");
        system(&subscriber, "ok", "Subscribed to PostgreSQL", &place);
        if let Some(gap) = missing {
            tell_gap(&subscriber, gap);
        }
        let (person, identity) = self.person(&subscriber.identity);
        let active = Active { identity, person, subscriber: Arc::new(subscriber) };
        self.remove(active.subscriber.id);
        self.catching_up.push((active, from));
    }

    /// The place up to which a reading shows everything; the very first when that is not known
    /// any more.
    fn end_of(&self, reading: &Reading) -> Place {
        let Some(place) = self.sightings.find(reading) else { return Place::default() };
        let Some(mut later) = self.window.after(place) else { return place };
        match later.find(|change| !reading.saw(Origin::of(&change.transaction))) {
            Some(unseen) => Place::before(unseen.place.commit),
            None => place.max(self.last),
        }
    }

    fn standing(&self, look: &Look) -> Standing {
        let live = self.delivery.roster().everybody().map(|active| (active, None));
        let catching_up = self.catching_up.iter().map(|(active, place)| (active, Some(*place)));
        let theirs = live.chain(catching_up).filter(|(active, _)| look.is_of(&active.identity));
        let subscriptions =
            theirs.take(MAX_SUBSCRIPTIONS).map(|(active, caught_up)| Subscription {
                subscriber: Arc::clone(&active.subscriber),
                caught_up,
                rests: self.delivery.rests(look.table, active),
            });
        Standing {
            is_connected: *self.is_connected.borrow(),
            from: self.window.from(),
            last: self.last,
            change: look.place.and_then(|place| self.window.at(place)).cloned(),
            subscriptions: subscriptions.collect(),
        }
    }

    /// A subscriber, and up to where it has everything.
    fn standing_of(&self, id: u64) -> Option<(Arc<Subscriber>, Place)> {
        let live = self.delivery.roster().get(id).map(|active| (active, self.last));
        let mut catching_up = self.catching_up.iter().map(|(active, place)| (active, *place));
        let (active, place) =
            live.or_else(|| catching_up.find(|(active, _)| active.subscriber.id == id))?;
        Some((Arc::clone(&active.subscriber), place))
    }

    fn remove(&mut self, id: u64) {
        self.delivery.remove(id);
        self.catching_up.retain(|(active, _)| active.subscriber.id != id);
    }

    /// Sends a little of what they missed to those who have taken what they were sent; who has
    /// it all goes on with everybody. Nobody waits for them meanwhile.
    async fn catch_up(&mut self) {
        for (active, place) in std::mem::take(&mut self.catching_up) {
            let outbox = &active.subscriber.outbox;
            if outbox.is_closed() {
                continue;
            }
            if !outbox.has_room() {
                self.catching_up.push((active, place));
                continue;
            }
            // The window may have moved on while they did not keep up.
            let from = place.max(self.window.from());
            if place < from {
                tell_gap(&active.subscriber, (place, from));
            }
            let mut changes = self.window.after(from).into_iter().flatten().peekable();
            let (mut missed, mut bytes) = (Vec::new(), 0);
            while missed.len() < self.catch_up.changes
                && bytes <= self.catch_up.bytes
                && let Some(change) = changes.next()
            {
                bytes += change.size_bytes();
                missed.push(Arc::clone(change));
            }
            let is_last = changes.peek().is_none();
            let reached = missed.last().map(|last| last.place);
            let on_failure = &mut hang_up(&mut self.log);
            self.delivery.deliver_apart(missed, &active, on_failure).await;
            match reached {
                Some(reached) if !is_last => self.catching_up.push((active, reached)),
                _ => self.delivery.insert(active),
            }
        }
    }

    /// The shared form of an identity, and its number.
    fn person(&mut self, identity: &Identity) -> (Person, Arc<Identity>) {
        if let Some((identity, person)) = self.people.get_key_value(identity) {
            return (*person, Arc::clone(identity));
        }
        let identity = Arc::new(identity.clone());
        let person = self.next_person;
        self.next_person += 1;
        self.people.insert(Arc::clone(&identity), person);
        (person, identity)
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
                batch.say(&self.telling, self.broadcasts.of_row(&change));
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
                let said = self.broadcasts.of_message(&message);
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
        tracing::info!(%from, %end, "streaming the log");
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
        self.broadcasts.connected(end, is_gap);
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
fn hang_up(log: &mut Log) -> impl FnMut(&Error) + Send {
    |error| {
        if error.takes_no_connections() {
            log.hang_up();
        }
    }
}
