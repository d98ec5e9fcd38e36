//! Rights in private channels, for as long as these are joined: when something changes that the
//! policies of realtime.messages read, they are asked again, of those whom it can concern.
//!
//! Reading order: `law` (what the policies depend on, and whom a transaction concerns), `review`
//! (the task that finds whose rights are in doubt), `asking` (its questions). Here is the list of
//! the channels: they enter it before they ask for the first time, so that whatever the log tells
//! afterwards finds them.
//!
//! Until an answer comes, what was last known holds. A right to write is asked anew when it is
//! next made use of, and costs nothing before; a right to hear, and to be present where somebody
//! is, is asked at once.

mod asking;
mod law;
mod review;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::authorize::{Subject, Touched};
use super::error::Join;
use super::hub::{Hears, Room};
use super::outbox::Outbox;
use super::part::Part;
use super::socket::Connection;
use crate::identity::Identity;
use crate::wal::Change;

pub(super) use review::Review;

/// Transactions that may wait to be looked at. Beyond it, all rights are asked again.
const MAX_TOLD: usize = 1024;

/// Private channels that are joined, and what the log has told since.
#[derive(Debug, Default)]
pub struct Rights {
    /// Held for a look-up, a note, or a walk over those whom something concerns.
    state: Mutex<State>,
    /// Wakes the review.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    listed: HashMap<u64, Listed>,
    roles: HashMap<Arc<str>, Members>,
    /// What the log told and the review has not looked at.
    told: VecDeque<Told>,
    /// The tables that policies read, once that is known for all roles.
    followed: Option<HashSet<u32>>,
    /// Whether something was not told: all rights are in doubt.
    has_missed: bool,
    /// Channels whose right to be present is in doubt.
    doubtful: Vec<u64>,
}

/// A private channel.
#[derive(Debug)]
struct Listed {
    room: Room,
    outbox: Outbox,
    wake: Arc<Notify>,
    identity: Identity,
    subject: Subject,
    headers: Arc<str>,
    /// What its person was last found to hear.
    hears: Option<Hears>,
    is_present: bool,
    /// Whether rights to write that were asked before do not count any more.
    is_void: bool,
    news: Option<News>,
}

/// The channels of a role.
#[derive(Debug, Default)]
struct Members {
    everybody: HashSet<u64>,
    by_subject: HashMap<Uuid, HashSet<u64>>,
    /// Whose subject Postgres may read as that of others.
    strange: HashSet<u64>,
}

/// What a transaction of the log tells of tables that policies read.
#[derive(Debug)]
struct Told {
    xid: u32,
    changes: Vec<Arc<Change>>,
    described: Vec<u32>,
    emptied: Vec<u32>,
    changes_schema: bool,
}

/// What a channel must know of its rights.
#[derive(Debug)]
pub(super) enum News {
    /// What its person may hear from now on.
    Hears(Hears),
    /// It could not be decided.
    Undecided(Join),
}

/// A channel's place on the list, for as long as this lives.
#[derive(Debug)]
pub(super) struct Standing {
    rights: Arc<Rights>,
    id: u64,
}

impl Rights {
    /// Puts a private channel on the list.
    pub(super) fn enter(
        self: &Arc<Self>,
        on: &Connection,
        identity: &Identity,
        room: &Room,
    ) -> Standing {
        let subject = Subject::of(identity);
        let mut state = self.lock();
        // As long as nobody was listed, nothing was told.
        state.has_missed |= state.listed.is_empty();
        let id = state.next;
        state.next += 1;
        let is_first = !state.roles.contains_key(&identity.role);
        state.roles.entry(Arc::clone(&identity.role)).or_default().insert(id, subject);
        state.listed.insert(
            id,
            Listed {
                room: room.clone(),
                outbox: on.outbox.clone(),
                wake: Arc::clone(&on.wake),
                identity: identity.clone(),
                subject,
                headers: Arc::clone(&on.headers),
                hears: None,
                is_present: false,
                is_void: false,
                news: None,
            },
        );
        if is_first {
            state.followed = None;
            self.news.notify_one();
        }
        drop(state);
        Standing { rights: Arc::clone(self), id }
    }

    /// The log told a transaction, or a part of it.
    pub(super) fn tell(&self, part: &Part) {
        let mut state = self.lock();
        if state.listed.is_empty() {
            return;
        }
        let Some(told) = Told::of(part, state.followed.as_ref()) else { return };
        if state.told.len() < MAX_TOLD {
            state.told.push_back(told);
        } else {
            state.has_missed = true;
        }
        self.news.notify_one();
    }

    /// What the log told between two places is lost.
    pub(super) fn tell_gap(&self) {
        self.lock().has_missed = true;
        self.news.notify_one();
    }

    fn is_empty(&self) -> bool {
        self.lock().listed.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// What the channel's person was found to hear, when it was asked for the first time.
    pub(super) fn found(&self, hears: Hears) {
        self.with(|listed| {
            listed.hears.get_or_insert(hears);
        });
    }

    /// What was found since the last time.
    pub(super) fn take_news(&self) -> Option<News> {
        self.with(|listed| listed.news.take())
    }

    /// Whether rights to write that were asked before do not count any more; from now on others
    /// do.
    pub(super) fn take_void(&self) -> bool {
        self.with(|listed| std::mem::take(&mut listed.is_void))
    }

    /// The channel's person is about to be present, or is present no more.
    pub(super) fn set_present(&self, is_present: bool) {
        let is_doubtful = self.with(|listed| {
            listed.is_present = is_present;
            is_present && listed.is_void
        });
        if is_doubtful {
            self.doubt();
        }
    }

    /// Takes the place of a former standing of the channel: whoever is present goes on to be so
    /// if the present person may.
    pub(super) fn follow(&self, former: &Self) {
        if former.with(|listed| listed.is_present) {
            self.set_present(true);
            self.doubt();
        }
    }

    fn doubt(&self) {
        self.rights.lock().doubtful.push(self.id);
        self.rights.news.notify_one();
    }

    fn with<T>(&self, look: impl FnOnce(&mut Listed) -> T) -> T {
        let mut state = self.rights.lock();
        look(state.listed.get_mut(&self.id).expect("it is listed as long as this lives"))
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut state = self.rights.lock();
        let Some(listed) = state.listed.remove(&self.id) else { return };
        let role = &listed.identity.role;
        if let Some(members) = state.roles.get_mut(role) {
            members.remove(self.id, listed.subject);
            if members.everybody.is_empty() {
                state.roles.remove(role);
            }
        }
    }
}

impl Members {
    fn insert(&mut self, id: u64, subject: Subject) {
        self.everybody.insert(id);
        match subject {
            Subject::Is(subject) => drop(self.by_subject.entry(subject).or_default().insert(id)),
            Subject::Strange => drop(self.strange.insert(id)),
            Subject::None => {}
        }
    }

    fn remove(&mut self, id: u64, subject: Subject) {
        self.everybody.remove(&id);
        self.strange.remove(&id);
        if let Subject::Is(subject) = subject
            && let Some(same) = self.by_subject.get_mut(&subject)
        {
            same.remove(&id);
            if same.is_empty() {
                self.by_subject.remove(&subject);
            }
        }
    }

    /// The channels of those whom something concerns.
    fn touched(&self, touched: &Touched) -> Vec<u64> {
        match touched {
            Touched::Everybody => self.everybody.iter().copied().collect(),
            Touched::People(people) if people.is_empty() => Vec::new(),
            Touched::People(people) => {
                let same = people.iter().filter_map(|subject| self.by_subject.get(subject));
                same.flatten().chain(&self.strange).copied().collect()
            }
        }
    }
}

impl Told {
    /// What of it matters to policies that read these tables, or any; `None` when nothing does.
    fn of(part: &Part, followed: Option<&HashSet<u32>>) -> Option<Self> {
        let matters = |table: &u32| followed.is_none_or(|followed| followed.contains(table));
        let tables =
            |tables: &[u32]| tables.iter().copied().filter(|table| matters(table)).collect();
        let changes = part.changes.iter().filter(|change| matters(&change.relation.oid));
        let told = Self {
            xid: part.transaction.xid,
            changes: changes.cloned().collect(),
            described: tables(&part.described),
            emptied: tables(&part.emptied),
            changes_schema: part.changes_schema,
        };
        let is_nothing = told.changes.is_empty()
            && told.described.is_empty()
            && told.emptied.is_empty()
            && !told.changes_schema;
        (!is_nothing).then_some(told)
    }
}
