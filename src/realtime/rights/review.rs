//! The task that asks again: looks at what the log told and finds whose rights it can concern.
//!
//! Whom a change names is asked about at once. Where it cannot be told whom a change concerns, all
//! private channels of the role are, in rounds with a pause between them, however many changes
//! there were. What the log does not tell at all is asked by the clock. All questions go over one
//! connection, many in a transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::law::Law;
use super::{Rights, Told};
use crate::pg::Error;
use crate::realtime::Realtime;
use crate::realtime::authorize::{Definitions, Signals, Touched, Unsettled, wait_for_end};
use crate::realtime::hub::MAX_TOLD;
use crate::realtime::store;

/// How often is asked what may change without a word in the log.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often is asked what time alone may change.
const FLEETING_INTERVAL: Duration = Duration::from_secs(60);

/// How long to wait before Postgres is asked again after it could not be.
pub(super) const RETRY: Duration = Duration::from_millis(250);

/// Channels in doubt, and whether that includes the right to be present.
type Doubts = HashMap<u64, bool>;

/// The task's state.
pub(in crate::realtime) struct Review<'a> {
    pub(super) realtime: &'a Realtime,
    pub(super) rights: &'a Rights,
    pool: &'a Pool,
    /// Oid of realtime.messages.
    messages: Option<u32>,
    definitions: Definitions,
    laws: HashMap<Arc<str>, Law>,
    signals: Signals,
    /// What answers must have seen.
    pub(super) unsettled: Unsettled,
    /// Channels of people whom a change names.
    pub(super) named: Doubts,
    /// Channels that this round still has to ask about, and those for the next.
    pub(super) round: Doubts,
    pub(super) next: Doubts,
    pub(super) round_began: Instant,
    pub(super) next_at: Instant,
    /// Postgres is not asked before.
    pub(super) rest_until: Instant,
    has_ticked: bool,
    fleeting_at: Instant,
    /// Whether something that was told could not be looked at.
    is_behind: bool,
}

impl<'a> Review<'a> {
    /// A review that reads policies over `pool`.
    pub(in crate::realtime) fn new(realtime: &'a Realtime, pool: &'a Pool) -> Self {
        let now = Instant::now();
        Self {
            realtime,
            rights: &realtime.logs.main.rights,
            pool,
            messages: None,
            definitions: Definitions::default(),
            laws: HashMap::new(),
            signals: Signals::default(),
            unsettled: Unsettled::default(),
            named: Doubts::new(),
            round: Doubts::new(),
            next: Doubts::new(),
            round_began: now,
            next_at: now,
            rest_until: now,
            has_ticked: false,
            fleeting_at: now,
            is_behind: false,
        }
    }

    /// Works until `stop`.
    pub(in crate::realtime) async fn run(mut self, stop: &CancellationToken) {
        let mut tick = interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.rights.news.notified() => {}
                _ = tick.tick(), if !self.rights.is_empty() => self.has_ticked = true,
                () = until(due), if due.is_some() => {}
            }
            if stop.run_until_cancelled(self.step()).await.is_none() {
                return;
            }
        }
    }

    /// When there is something to ask, if there is.
    fn due(&self) -> Option<Instant> {
        let at = if self.is_behind || !self.named.is_empty() || !self.round.is_empty() {
            self.rest_until
        } else if self.next.is_empty() {
            return None;
        } else {
            self.next_at.max(self.rest_until)
        };
        Some(at)
    }

    async fn step(&mut self) {
        if self.rights.is_empty() {
            self.forget_laws();
            for doubts in [&mut self.named, &mut self.round, &mut self.next] {
                doubts.clear();
            }
        }
        if let Err(error) = self.look().await {
            tracing::warn!(%error, "policies of private channels cannot be read; trying again");
            self.is_behind = true;
            self.rest_until = Instant::now() + RETRY;
        }
        if self.due().is_some_and(|at| at <= Instant::now()) {
            self.ask().await;
        }
    }

    /// Finds whose rights are in doubt.
    ///
    /// # Errors
    /// The database cannot be asked.
    async fn look(&mut self) -> Result<(), Error> {
        let (told, roles) = self.take_told();
        for told in told {
            self.consider(&told).await?;
        }
        let has_ticked = std::mem::take(&mut self.has_ticked);
        if has_ticked && !roles.is_empty() && self.signals.refresh(self.pool, INTERVAL / 2).await? {
            self.forget_laws();
        }
        self.read_laws(&roles).await?;
        if has_ticked {
            self.look_at_the_clock();
        }
        self.unsettled.keep_newest(MAX_TOLD);
        Ok(())
    }

    /// What was told, and the roles that there are.
    fn take_told(&mut self) -> (Vec<Told>, Vec<Arc<str>>) {
        let mut state = self.rights.lock();
        if std::mem::take(&mut state.has_missed) | std::mem::take(&mut self.is_behind) {
            self.forget_laws();
        }
        let doubtful = std::mem::take(&mut state.doubtful);
        self.named.extend(doubtful.into_iter().map(|id| (id, true)));
        (state.told.drain(..).collect(), state.roles.keys().cloned().collect())
    }

    /// A transaction: whom does it concern?
    async fn consider(&mut self, told: &Told) -> Result<(), Error> {
        let described: Vec<u32> =
            told.described.iter().copied().filter(|table| self.decides(*table)).collect();
        if told.changes_schema || !described.is_empty() {
            // Others may see the old definition until the transaction has let go of its locks.
            wait_for_end(self.pool, told.xid).await?;
            let redefined = self.definitions.changed(self.pool, &described).await?;
            if told.changes_schema || !redefined.is_empty() {
                self.forget_laws();
                return Ok(());
            }
        }
        let touched: Vec<_> = self
            .laws
            .iter()
            .map(|(role, law)| {
                (Arc::clone(role), law.hearing.touched(told), law.speech.touched(told))
            })
            .collect();
        for (role, hearing, speech) in touched {
            if hearing != Touched::NOBODY || speech != Touched::NOBODY {
                self.unsettled.told(told.xid);
                self.doubt(&role, &hearing, &speech);
            }
        }
        Ok(())
    }

    /// Reads the policies of roles whose law is not known; all of their rights are in doubt.
    async fn read_laws(&mut self, roles: &[Arc<str>]) -> Result<(), Error> {
        let unknown: Vec<_> = roles.iter().filter(|role| !self.laws.contains_key(*role)).collect();
        if !unknown.is_empty() {
            // From here on everything is told; what was told before, the answers must have seen.
            self.rights.lock().followed = None;
            self.unsettled = self.realtime.hub.told();
        }
        for role in unknown {
            let law = self.read_law(role).await?;
            self.laws.insert(Arc::clone(role), law);
            self.doubt(role, &Touched::Everybody, &Touched::Everybody);
        }
        let mut state = self.rights.lock();
        if state.followed.is_none() && state.roles.keys().all(|role| self.laws.contains_key(role)) {
            let tables = self.laws.values().flat_map(Law::tables).chain(self.messages);
            state.followed = Some(tables.collect());
        }
        Ok(())
    }

    async fn read_law(&mut self, role: &str) -> Result<Law, Error> {
        let table = match self.messages {
            Some(table) => table,
            None => *self.messages.insert(store::messages_oid(self.pool).await?),
        };
        // What it reads must be noted before it is read, and only reading tells what that is.
        loop {
            let law = Law::read(self.pool, &self.realtime.logs.main.complete, table, role).await?;
            let tables = law.tables().chain([table]);
            if !self.definitions.note(self.pool, tables).await? {
                return Ok(law);
            }
        }
    }

    /// Whether the policies that are known stand on a table.
    fn decides(&self, table: u32) -> bool {
        self.messages == Some(table)
            || self.laws.values().flat_map(Law::tables).any(|read| read == table)
    }

    fn forget_laws(&mut self) {
        self.laws.clear();
        self.definitions.forget_everything();
    }

    /// What the log does not tell is in doubt every second, be it that it tells nothing at all;
    /// what time alone may change, every minute.
    fn look_at_the_clock(&mut self) {
        let is_silent = !self.realtime.logs.main.is_connected();
        let is_fleeting = self.fleeting_at.elapsed() >= FLEETING_INTERVAL;
        if is_fleeting {
            self.fleeting_at = Instant::now();
        }
        let mut doubts = Vec::new();
        for (role, law) in &mut self.laws {
            let is_untold = is_silent || !law.is_complete;
            law.is_complete |= self.signals.all_ended_before(law.complete_from);
            let [hearing, speech] = [&law.hearing, &law.speech].map(|part| {
                if is_untold || part.is_blind() || is_fleeting && part.is_fleeting() {
                    Touched::Everybody
                } else {
                    Touched::NOBODY
                }
            });
            doubts.push((Arc::clone(role), hearing, speech));
        }
        for (role, hearing, speech) in doubts {
            self.doubt(&role, &hearing, &speech);
        }
    }

    /// Notes whose rights to hear are in doubt, and whose rights to write.
    fn doubt(&mut self, role: &str, hearing: &Touched, speech: &Touched) {
        let mut state = self.rights.lock();
        let state = &mut *state;
        let Some(members) = state.roles.get(role) else { return };
        let mut queue = |touched: &Touched, id: u64, presence: bool| {
            let queue = match touched {
                Touched::People(_) => &mut self.named,
                Touched::Everybody => &mut self.next,
            };
            *queue.entry(id).or_default() |= presence;
        };
        for id in members.touched(hearing) {
            queue(hearing, id, false);
        }
        for id in members.touched(speech) {
            let Some(listed) = state.listed.get_mut(&id) else { continue };
            listed.is_void = true;
            if listed.is_present {
                queue(speech, id, true);
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}
