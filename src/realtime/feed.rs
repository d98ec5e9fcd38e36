//! The log -> subscription -> authorize -> sockets, one batch of changes after the other.
//!
//! This one task owns the subscriptions and the window, so that a subscriber who comes back
//! gets what it missed and then what is new, with no seam between.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Message as Frame;
use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::authorize::{Authorizer, Decision, Lens, Request, Rows, Table, image, refused_apart};
use super::event::{self, Shown};
use super::hub::Outbox;
use super::protocol::{self, Version, json_text};
use super::store;
use super::subscription::{Binding, Compared};
use super::window::{Bounds, Window};
use crate::config::{DeleteEvents, RealtimeSettings};
use crate::identity::{Identity, unix_now};
use crate::pg::Error;
use crate::wal::{Action, Change, Event, Feed as Log, Lsn, Old, Place, Source};

/// Changes decided in one go.
const MAX_BATCH: usize = 512;

/// Bytes of values decided in one go.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Changes after which the sockets' writers get a turn.
const BURST: usize = 32;

/// Missed changes sent to one subscriber in one go.
const CATCH_UP_BATCH: usize = 64;

/// How long to wait for a subscriber that catches up to take what it was sent.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(2);

/// Requests to subscribe that may wait.
const MAX_COMMANDS: usize = 1024;

/// How long to wait before Postgres is asked again after it could not be reached.
const RETRY: Duration = Duration::from_millis(250);

/// How often old changes are let go of when nothing else happens.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// A channel on a socket, with what it wants of the log.
#[derive(Debug)]
pub struct Subscriber {
    /// Its number; a later subscription of the same number replaces it.
    pub id: u64,
    /// The channel's full topic.
    pub topic: Arc<str>,
    /// Where its events go.
    pub outbox: Outbox,
    /// As whom it sees.
    pub identity: Identity,
    /// What it wants.
    pub bindings: Vec<Binding>,
}

/// What the feed is asked to do.
enum Command {
    Subscribe(Subscriber, Option<Frame>, oneshot::Sender<()>),
    Unsubscribe(u64),
}

/// Asks the feed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    is_connected: watch::Receiver<bool>,
}

impl Handle {
    /// Adds or replaces a subscriber. When it is active, `greeting` goes to its socket before
    /// any event, then "Subscribed to PostgreSQL" and what it missed; then this resolves, with
    /// `None` when the server is going down.
    pub async fn subscribe(&self, subscriber: Subscriber, greeting: Option<Frame>) -> Option<()> {
        let (done, active) = oneshot::channel();
        self.commands.send(Command::Subscribe(subscriber, greeting, done)).await.ok()?;
        active.await.ok()
    }

    /// Removes a subscriber.
    pub async fn unsubscribe(&self, id: u64) {
        // Fails only when the feed has ended, and its subscribers with it.
        let _ = self.commands.send(Command::Unsubscribe(id)).await;
    }

    /// Whether the log is being streamed.
    pub fn is_connected(&self) -> bool {
        *self.is_connected.borrow()
    }
}

/// The task.
pub struct Feed {
    log: Log,
    commands: mpsc::Receiver<Command>,
    is_connected: watch::Sender<bool>,
    authorizer: Authorizer,
    /// Asks Postgres; the same that the authorizer uses.
    pool: Pool,
    delete_events: DeleteEvents,
    window: Window,
    subscribers: HashMap<u64, Active>,
    /// Those who still have to be sent what they missed, and up to where they have it.
    catching_up: Vec<(Active, Place)>,
    /// One `Arc` for all sockets of a person.
    people: HashSet<Arc<Identity>>,
    /// The last change that was told.
    last: Place,
    has_connected: bool,
}

/// A subscriber that is active.
#[derive(Debug, Clone)]
struct Active {
    identity: Arc<Identity>,
    subscriber: Arc<Subscriber>,
}

/// A change and whom it could matter to.
struct Candidate<'a> {
    change: &'a Arc<Change>,
    table: Arc<Table>,
    listeners: Listeners<'a>,
    identities: Vec<Arc<Identity>>,
    /// What each of them may see; the SQLSTATE when the role may not be put on.
    lenses: Vec<Result<Arc<Lens>, String>>,
    /// Numbers of the questions about the row and the row before.
    new: Option<usize>,
    old: Option<usize>,
}

impl Feed {
    /// A feed from `source`; `pool` is for the authorizer's questions.
    pub fn new(source: Source, pool: Pool, settings: &RealtimeSettings) -> (Self, Handle) {
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
            authorizer: Authorizer::new(pool.clone()),
            pool,
            delete_events: settings.realtime_delete_events,
            window: Window::new(bounds),
            subscribers: HashMap::new(),
            catching_up: Vec::new(),
            people: HashSet::new(),
            last: Place::default(),
            has_connected: false,
        };
        (feed, Handle { commands: sender, is_connected: connected })
    }

    /// Works until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut trim = tokio::time::interval(TRIM_INTERVAL);
        let mut pause = tokio::time::interval(CATCH_UP_PAUSE);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(command) = self.commands.recv() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.obey(command) => continue,
                    }
                }
                // Before the log: a busy one would leave them behind for ever.
                _ = pause.tick(), if !self.catching_up.is_empty() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.catch_up() => continue,
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
            Command::Unsubscribe(id) => {
                self.remove(id);
                self.people.retain(|person| Arc::strong_count(person) > 1);
            }
        }
    }

    /// A renewed subscription goes on where the former one stands.
    fn subscribe(&mut self, mut subscriber: Subscriber, greeting: Option<Frame>) {
        let former = self.standing_of(subscriber.id);
        let now = Place::before(self.window.end()).max(self.last);
        let mut missing = None;
        let mut from = now;
        for (number, binding) in subscriber.bindings.iter_mut().enumerate() {
            let wanted = match &former {
                Some((former, place)) => {
                    let began = former.bindings.get(number).and_then(|binding| binding.after);
                    began.map_or(*place, |began| began.max(*place))
                }
                None => binding.after.unwrap_or(now),
            };
            let after = wanted.max(self.window.from());
            if wanted < after {
                missing = Some((wanted, after));
            }
            from = from.min(after);
            binding.after = Some(after);
        }
        if let Some(greeting) = greeting {
            subscriber.outbox.send(greeting);
        }
        let place = format!(",\"lsn\":\"{from}\"");
        system(&subscriber, "ok", "Subscribed to PostgreSQL", &place);
        if let Some(gap) = missing {
            tell_gap(&subscriber, gap);
        }
        let active = Active {
            identity: self.person(&subscriber.identity),
            subscriber: Arc::new(subscriber),
        };
        self.remove(active.subscriber.id);
        self.catching_up.push((active, from));
    }

    /// A subscriber, and up to where it has everything.
    fn standing_of(&self, id: u64) -> Option<(Arc<Subscriber>, Place)> {
        let live = self.subscribers.get(&id).map(|active| (active, self.last));
        let mut catching_up = self.catching_up.iter().map(|(active, place)| (active, *place));
        let (active, place) =
            live.or_else(|| catching_up.find(|(active, _)| active.subscriber.id == id))?;
        Some((Arc::clone(&active.subscriber), place))
    }

    fn remove(&mut self, id: u64) {
        self.subscribers.remove(&id);
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
            let missed: Vec<Arc<Change>> = self
                .window
                .after(from)
                .map(|changes| changes.take(CATCH_UP_BATCH).cloned().collect())
                .unwrap_or_default();
            self.deliver(&missed, std::slice::from_ref(&active)).await;
            match missed.last() {
                Some(last) if missed.len() == CATCH_UP_BATCH => {
                    self.catching_up.push((active, last.place));
                }
                _ => {
                    self.subscribers.insert(active.subscriber.id, active);
                }
            }
        }
    }

    /// The shared form of an identity.
    fn person(&mut self, identity: &Identity) -> Arc<Identity> {
        if let Some(person) = self.people.get(identity) {
            return Arc::clone(person);
        }
        let person = Arc::new(identity.clone());
        self.people.insert(Arc::clone(&person));
        person
    }

    /// Takes an event and those that are here already.
    async fn take(&mut self, first: Event) {
        let mut changes: Vec<Arc<Change>> = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(event) = next {
            match event {
                Event::Change(change) => {
                    bytes += change.size_bytes();
                    changes.push(Arc::new(change));
                }
                event => self.note(event).await,
            }
            let is_full = changes.len() == MAX_BATCH || bytes > MAX_BATCH_BYTES;
            next = if is_full { None } else { self.log.try_next() };
            // Before a stream goes on after a break, what came before is delivered.
            if let Some(Event::Connected { .. }) = next {
                self.hand_out(&mut changes).await;
            }
        }
        self.hand_out(&mut changes).await;
        self.acknowledge();
    }

    async fn note(&mut self, event: Event) {
        match event {
            Event::Change(_) => unreachable!("changes are gathered"),
            Event::Begin(transaction) => {
                while let Err(error) = self.authorizer.told(transaction.xid).await {
                    wait_for_postgres(&error).await;
                }
            }
            Event::Relation(relation) => self.authorizer.forget(relation.oid),
            // There is no message for an emptied table in the protocol.
            Event::Truncate(_) => {}
            Event::Commit { commit, end } => self.window.commit(commit, end),
            Event::End(end) => self.window.reached(end),
            Event::Broken => {
                self.is_connected.send_replace(false);
            }
            Event::Connected { from, end, is_gap } => self.connected(from, end, is_gap),
        }
    }

    fn connected(&mut self, from: Lsn, end: Lsn, is_gap: bool) {
        tracing::info!(%from, %end, "streaming the log");
        if is_gap {
            let missed = (self.last, Place::before(from));
            for active in self.subscribers.values() {
                tell_gap(&active.subscriber, missed);
            }
            // Another log begins; its places may be lower.
            self.last = Place::before(from);
        }
        self.window.open(from, end, is_gap);
        self.has_connected = true;
        self.is_connected.send_replace(true);
    }

    async fn hand_out(&mut self, changes: &mut Vec<Arc<Change>>) {
        let Some(last) = changes.last() else { return };
        self.last = last.place;
        let everybody: Vec<Active> = self.subscribers.values().cloned().collect();
        self.deliver(changes, &everybody).await;
        for change in changes.drain(..) {
            self.window.push(change);
        }
    }

    fn acknowledge(&mut self) {
        let forgettable = self.window.trim();
        self.log.acknowledge(forgettable);
    }

    /// Delivers changes to those of `to` who want them and may see them. Tries until Postgres
    /// can be asked: nothing is skipped.
    async fn deliver(&mut self, changes: &[Arc<Change>], to: &[Active]) {
        if to.is_empty() {
            return;
        }
        while let Err(error) = self.try_deliver(changes, to).await {
            wait_for_postgres(&error).await;
        }
    }

    async fn try_deliver(&mut self, changes: &[Arc<Change>], to: &[Active]) -> Result<(), Error> {
        let compared = compare(&self.pool, changes, to).await?;
        let mut requests = Vec::new();
        let mut candidates = Vec::new();
        for change in changes {
            let Some(mut candidate) = self.candidate(change, to, &compared).await? else {
                continue;
            };
            candidate.ask(&mut requests);
            candidates.push(candidate);
        }
        let decisions = self.authorizer.decide(&requests).await?;
        // Everything that can fail comes before the first frame: a second try sends none twice.
        for candidate in &mut candidates {
            for identity in &candidate.identities {
                let lens = self.authorizer.lens(&candidate.table, identity).await;
                candidate.lenses.push(refused_apart(lens)?);
            }
        }
        for (number, candidate) in candidates.iter().enumerate() {
            self.send(candidate, &decisions);
            if number % BURST == BURST - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn candidate<'a>(
        &mut self,
        change: &'a Arc<Change>,
        to: &'a [Active],
        compared: &Compared,
    ) -> Result<Option<Candidate<'a>>, Error> {
        let (listeners, identities) = listeners(change, to, compared);
        if listeners.is_empty() {
            return Ok(None);
        }
        // A table that is gone has no policies left that could permit anything.
        let Some(table) = self.authorizer.table(&change.relation).await? else { return Ok(None) };
        let lenses = Vec::with_capacity(identities.len());
        Ok(Some(Candidate { change, table, listeners, identities, lenses, new: None, old: None }))
    }

    /// Sends what was decided. Data are encoded once for each way of seeing the change, and
    /// frames once for each topic, serializer and set of bindings.
    fn send(&self, candidate: &Candidate<'_>, decisions: &[Vec<Decision>]) {
        let mut data: HashMap<(Arc<str>, Shown), String> = HashMap::new();
        let mut frames: HashMap<Alike<'_>, Frame> = HashMap::new();
        for (active, ids, number) in &candidate.listeners {
            let subscriber = &active.subscriber;
            let shown =
                candidate.lenses[*number].as_ref().map_err(String::clone).and_then(|lens| {
                    let shown = candidate.shown(decisions, *number, lens, self.delete_events)?;
                    Ok(shown.map(|shown| (lens, shown)))
                });
            let (lens, shown) = match shown {
                Ok(Some(shown)) => shown,
                Ok(None) => continue,
                Err(sqlstate) => {
                    tell_failure(subscriber, candidate, &sqlstate);
                    continue;
                }
            };
            let role = &active.identity.role;
            let data = data
                .entry((Arc::clone(role), shown))
                .or_insert_with(|| event::data(candidate.change, &candidate.table, lens, shown));
            let version = subscriber.outbox.version();
            let topic = Arc::clone(&subscriber.topic);
            let key = (Arc::clone(role), shown, version, topic, ids.as_slice());
            let frame = frames.entry(key).or_insert_with(|| {
                let payload = format!("{{\"ids\":{ids:?},\"data\":{data}}}");
                protocol::push(version, None, None, &subscriber.topic, "postgres_changes", &payload)
            });
            subscriber.outbox.send(frame.clone());
        }
    }
}

/// What makes two frames of one change the same: role, what is shown, serializer, topic and
/// bindings.
type Alike<'a> = (Arc<str>, Shown, Version, Arc<str>, &'a [u32]);

/// Lets Postgres compare what texts alone do not decide.
async fn compare(pool: &Pool, changes: &[Arc<Change>], to: &[Active]) -> Result<Compared, Error> {
    let mut compared = Compared::new();
    for change in changes {
        for active in to {
            for binding in &active.subscriber.bindings {
                compared.extend(binding.comparisons(change).map(|asked| (asked, false)));
            }
        }
    }
    store::compare(pool, &mut compared).await?;
    Ok(compared)
}

/// Subscribers, the ids of their bindings that want the change, and the number of their identity.
type Listeners<'a> = Vec<(&'a Active, Vec<u32>, usize)>;

/// To whom a change could matter, and as whom they see. Whose token has expired hears nothing.
fn listeners<'a>(
    change: &Change,
    to: &'a [Active],
    compared: &Compared,
) -> (Listeners<'a>, Vec<Arc<Identity>>) {
    let now = unix_now();
    let mut listeners = Vec::new();
    let mut identities: Vec<Arc<Identity>> = Vec::new();
    let mut numbers: HashMap<*const Identity, usize> = HashMap::new();
    for active in to {
        let bindings = &active.subscriber.bindings;
        let ids: Vec<u32> = bindings
            .iter()
            .filter(|binding| binding.wants(change, compared))
            .map(|binding| binding.id)
            .collect();
        if ids.is_empty() || active.identity.expires_at.is_some_and(|at| at <= now) {
            continue;
        }
        let number = *numbers.entry(Arc::as_ptr(&active.identity)).or_insert_with(|| {
            identities.push(Arc::clone(&active.identity));
            identities.len() - 1
        });
        listeners.push((active, ids, number));
    }
    (listeners, identities)
}

impl Candidate<'_> {
    /// Lays out the questions that must be answered.
    fn ask(&mut self, requests: &mut Vec<Request>) {
        let mut request = |values, is_past| {
            requests.push(Request {
                table: Arc::clone(&self.table),
                image: image(&self.table, &self.change.relation, values),
                is_past,
                identities: self.identities.clone(),
            });
            Some(requests.len() - 1)
        };
        match &self.change.action {
            Action::Insert { new } => self.new = request(new, false),
            Action::Update { old, new } => {
                self.new = request(new, false);
                if let Some(Old::Full(old)) = old {
                    self.old = request(old, true);
                }
            }
            Action::Delete { old: Old::Full(old) } => self.old = request(old, true),
            Action::Delete { old: Old::Key(_) } => {}
        }
    }

    /// What one identity is shown; `None` = nothing.
    ///
    /// # Errors
    /// The SQLSTATE that a policy raised.
    fn shown(
        &self,
        decisions: &[Vec<Decision>],
        identity: usize,
        lens: &Lens,
        delete_events: DeleteEvents,
    ) -> Result<Option<Shown>, String> {
        let of = |question: Option<usize>| match question.map(|number| &decisions[number][identity])
        {
            Some(Decision::Permitted) => Ok(true),
            Some(Decision::Denied) | None => Ok(false),
            Some(Decision::Failed(sqlstate)) => Err(sqlstate.clone()),
        };
        if !matches!(self.change.action, Action::Delete { .. }) {
            if !self.table.has_key() {
                return Ok(Some(Shown::NoKey));
            }
            let mut columns = self.table.columns.iter().zip(&lens.columns);
            if columns.any(|(column, is_visible)| column.is_key && !is_visible) {
                return Ok(Some(Shown::NoRight));
            }
        }
        Ok(match &self.change.action {
            Action::Insert { .. } => of(self.new)?.then_some(Shown::New),
            Action::Update { .. } if of(self.new)? => {
                // The row before is a bonus: failing to judge it does not withhold the row.
                Some(if of(self.old) == Ok(true) { Shown::NewAndOld } else { Shown::New })
            }
            Action::Update { .. } => None,
            Action::Delete { old: Old::Full(_) } => of(self.old)?.then_some(Shown::NewAndOld),
            // The log has the key alone, and no policy can be asked about a key.
            Action::Delete { old: Old::Key(_) } => {
                let is_open = lens.rows == Rows::All || delete_events == DeleteEvents::Compat;
                (is_open && lens.rows != Rows::None).then_some(Shown::New)
            }
        })
    }
}

async fn wait_for_postgres(error: &Error) {
    tracing::warn!(%error, "the authorizer cannot ask Postgres; trying again");
    tokio::time::sleep(RETRY).await;
}

/// Says that a policy failed for this person: nobody else notices.
fn tell_failure(subscriber: &Subscriber, candidate: &Candidate<'_>, sqlstate: &str) {
    let relation = &candidate.change.relation;
    let message = format!(
        "A row policy on {}.{} failed with SQLSTATE {sqlstate}: this change is not delivered",
        relation.schema, relation.name
    );
    system(subscriber, "error", &message, "");
}

/// Says that changes are gone.
fn tell_gap(subscriber: &Subscriber, (from, to): (Place, Place)) {
    let message = format!("gap: changes after {from} up to {to} are not kept any more; read again");
    system(subscriber, "error", &message, &format!(",\"from\":\"{from}\",\"to\":\"{to}\""));
}

/// A `system` message of extension `postgres_changes`; `more` is JSON to go into its payload.
pub fn system(subscriber: &Subscriber, status: &str, message: &str, more: &str) {
    let name = subscriber.topic.strip_prefix(super::TOPIC_PREFIX).unwrap_or_default();
    let payload = format!(
        r#"{{"extension":"postgres_changes","status":"{status}","message":{},"channel":{}{more}}}"#,
        json_text(Some(message)),
        json_text(Some(name)),
    );
    let version = subscriber.outbox.version();
    subscriber.outbox.send(protocol::push(
        version,
        None,
        None,
        &subscriber.topic,
        "system",
        &payload,
    ));
}
