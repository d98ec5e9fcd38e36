//! Who may see rows like this: Postgres's verdicts, remembered until the log voids them. Pure.
//!
//! An audience belongs to one table and role. Rows with the same values in the columns that the
//! policies read have the same audience; people with the same values in the claims that the
//! policies read are one viewer. So the price of a change depends neither on how many follow
//! the table nor on how often a person is connected.
//!
//! Nothing here decides: what is not known is asked of Postgres by the caller, and everything
//! that is doubtful is not known.
//!
//! Reading order: here (what stands and what is void), `entry` (verdicts about one key),
//! `viewers` (who follows the table).

mod entry;
#[cfg(test)]
mod tests;
mod viewers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::analysis::{Claims, Read};
use super::policy::Lens;
use super::touched::{Named, named};
use crate::identity::Identity;

use entry::Entry;
pub use viewers::Subject;
use viewers::Viewers;

/// Keys that one audience remembers at most; beyond it all are forgotten.
const MAX_KEYS: usize = 100_000;

/// Verdicts and candidates that one audience remembers at most; beyond it all are forgotten.
const MAX_WEIGHT: usize = 8_000_000;

/// Viewers that have left and still have a number: beyond it, and if they are more than those
/// who are there, all numbers are given anew.
const MAX_GONE: usize = 1024;

/// Values of the deciding columns, as the log prints them; `None` = null.
pub(super) type Key = Arc<[Option<Box<str>>]>;

/// A person's number: one for each distinct identity that is connected.
pub type Person = u32;

/// A viewer's number in one audience.
pub type Viewer = u32;

/// For how long a remembered verdict may stand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freshness {
    /// Only verdicts asked when so many transactions had been told, or later.
    pub asked_since: Option<u64>,
    /// Only verdicts at most this old.
    pub max_age: Option<Duration>,
}

/// Whose verdicts are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Whom<'a> {
    /// Everybody who follows the table.
    Everybody,
    /// These viewers.
    These(&'a [Viewer]),
}

/// What is remembered of a key.
#[derive(Debug)]
pub(super) struct Known {
    /// Who may see it, ascending, as far as is known.
    pub(super) permitted: Arc<Vec<Viewer>>,
    /// Who must be asked about.
    pub(super) unknown: Vec<Viewer>,
    /// Whether it is not known yet who could be permitted at all.
    pub(super) lacks_candidates: bool,
    /// What it is known by; 0 when nothing is.
    pub(super) edition: u64,
}

/// Who could be permitted to see rows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Possible {
    /// Nobody has asked.
    Unasked,
    /// Anybody.
    Anybody,
    /// People with these subjects, and no others.
    Of(HashSet<Uuid>),
}

/// The audience of one table for one role.
#[derive(Debug)]
pub struct Audience {
    lens: Arc<Lens>,
    claims: Claims,
    viewers: Viewers,
    entries: HashMap<Key, Entry>,
    /// For each way in which tables that policies read are tied to the row.
    indexes: Vec<Index>,
    weight: usize,
    /// The next entry's.
    next_edition: u64,
}

/// Entries by the values of some of their key's columns.
#[derive(Debug)]
struct Index {
    /// Places in the key.
    columns: Vec<usize>,
    keys: HashMap<Box<[Box<str>]>, HashSet<Key>>,
}

impl Audience {
    /// An audience of nobody, seen through `lens`.
    pub(super) fn of(lens: &Arc<Lens>) -> Self {
        let mut indexes: Vec<Index> = Vec::new();
        let mut claims = Claims::Whole;
        if let Some(analysis) = lens.analysis() {
            // What is never remembered is asked for each token apart.
            if analysis.reasons.is_empty() {
                claims = analysis.claims.clone();
            }
            for read in
                analysis.reads.iter().filter(|read| !read.keys.is_empty() && !read.is_lookup)
            {
                let columns = places(read, &analysis.columns);
                if !indexes.iter().any(|index| index.columns == columns) {
                    indexes.push(Index { columns, keys: HashMap::new() });
                }
            }
        }
        Self {
            lens: Arc::clone(lens),
            claims,
            viewers: Viewers::default(),
            entries: HashMap::new(),
            indexes,
            weight: 0,
            next_edition: 1,
        }
    }

    /// What the role may see of the table.
    pub fn lens(&self) -> &Arc<Lens> {
        &self.lens
    }

    /// Somebody follows the table; more than once is as once.
    pub(super) fn enter(&mut self, person: Person, identity: &Arc<Identity>) {
        self.viewers.enter(person, identity, &self.claims);
    }

    /// Somebody does not follow it any more.
    pub(super) fn leave(&mut self, person: Person) {
        self.viewers.leave(person);
    }

    /// Whether so many have left that the audience is better begun anew.
    pub(super) fn is_worn(&self) -> bool {
        let gone = self.viewers.by_number.len() - self.viewers.living;
        gone > MAX_GONE.max(self.viewers.living)
    }

    /// The number of somebody who follows the table.
    pub fn viewer(&self, person: Person) -> Option<Viewer> {
        self.viewers.of_person.get(&person).copied()
    }

    /// The people behind a viewer.
    pub fn people(&self, viewer: Viewer) -> &[Person] {
        self.viewers.get(viewer).map_or(&[], |viewer| &viewer.people)
    }

    /// As whom to ask about a viewer.
    pub(super) fn identity(&self, viewer: Viewer) -> Arc<Identity> {
        let viewer = self.viewers.get(viewer).expect("numbers come from this audience");
        Arc::clone(&viewer.identity)
    }

    /// All viewers that are there, ascending.
    pub fn everybody(&self) -> impl Iterator<Item = Viewer> + '_ {
        let numbered = (0..).zip(&self.viewers.by_number);
        numbered.filter(|(_, viewer)| !viewer.people.is_empty()).map(|(number, _)| number)
    }

    /// Whether a viewer's subject is among `possible`.
    pub(super) fn is_possible(&self, viewer: Viewer, possible: &Possible) -> bool {
        let Possible::Of(subjects) = possible else { return true };
        match self.viewers.get(viewer).map(|viewer| viewer.subject) {
            None | Some(Subject::None) => false,
            Some(Subject::Is(subject)) => subjects.contains(&subject),
            Some(Subject::Strange) => true,
        }
    }

    /// What is known of a key. What is not fresh enough is forgotten first.
    pub(super) fn look(&mut self, key: &Key, whom: Whom<'_>, fresh: Freshness) -> Known {
        if self.entries.get(key).is_some_and(|entry| !entry.is_fresh(fresh)) {
            self.forget_key(key);
        }
        let Some(entry) = self.entries.get(key) else {
            let unknown = match whom {
                Whom::Everybody => self.everybody().collect(),
                Whom::These(viewers) => viewers.to_vec(),
            };
            let permitted = Arc::default();
            return Known { permitted, unknown, lacks_candidates: true, edition: 0 };
        };
        let unknown: Vec<Viewer> = match whom {
            Whom::Everybody => {
                let newcomers = entry.settled_below..self.viewers.end();
                let newcomers = newcomers.filter(|viewer| !entry.pending.contains(viewer));
                let unknown = entry.pending.iter().copied().chain(newcomers);
                unknown.filter(|viewer| self.is_there(*viewer) && !entry.knows(*viewer)).collect()
            }
            Whom::These(viewers) => {
                viewers.iter().copied().filter(|viewer| !entry.knows(*viewer)).collect()
            }
        };
        // Whoever came later and could not be permitted need not be asked about.
        let unknown =
            unknown.into_iter().filter(|viewer| self.is_possible(*viewer, &entry.possible));
        Known {
            permitted: Arc::clone(&entry.permitted),
            unknown: unknown.collect(),
            lacks_candidates: entry.possible == Possible::Unasked,
            edition: entry.edition,
        }
    }

    /// Remembers what Postgres said: of the viewers in `verdicts` (`None` = it could not say),
    /// and, when they were all that was unknown by `whole_of` (the edition looked at), that all
    /// others who are there now are not permitted, unless they were taken back meanwhile.
    /// `possible` is who could be, if that was asked now; `told` is how many transactions the
    /// verdicts have seen.
    pub(super) fn learn(
        &mut self,
        key: &Key,
        verdicts: &[(Viewer, Option<bool>)],
        whole_of: Option<u64>,
        possible: Option<Possible>,
        told: u64,
    ) {
        let edition = self.entries.get(key).map_or(0, |entry| entry.edition);
        let is_whole = whole_of == Some(edition);
        if self.entries.len() >= MAX_KEYS || self.weight >= MAX_WEIGHT {
            self.forget_all();
        }
        if !self.entries.contains_key(key) {
            for index in &mut self.indexes {
                if let Some(values) = index.values(key) {
                    index.keys.entry(values).or_default().insert(Arc::clone(key));
                }
            }
        }
        let end = self.viewers.end();
        let gone: Vec<Viewer> = if is_whole {
            let below = self.entries.get(key).map_or(0, |entry| entry.settled_below);
            (below..end).filter(|viewer| !self.is_there(*viewer)).collect()
        } else {
            Vec::new()
        };
        let next = self.next_edition;
        self.next_edition += 1;
        let entry = self.entries.entry(Arc::clone(key)).or_insert_with(|| Entry::new(next));
        let weight = entry.weight();
        if let Some(possible) = possible {
            entry.possible = possible;
        }
        entry.asked.get_or_insert((told, Instant::now()));
        if is_whole {
            entry.settled_below = end;
            entry.denied.clear();
            entry.pending.extend(gone);
        }
        entry.learn(verdicts);
        self.weight = self.weight - weight + entry.weight();
    }

    /// A row of a table that the policies read came, went or changed: `value` gives what it
    /// holds in a column. Forgets the verdicts that it could change; gives how many keys.
    pub(super) fn void<'a>(
        &mut self,
        read: &Read,
        columns: &[String],
        value: impl Fn(&str) -> Value<'a>,
    ) -> usize {
        let subject = match named(read, &value) {
            Named::Is(subject) => Some(subject),
            Named::Nobody => return 0,
            Named::Anybody => None,
        };
        let mut values = Vec::with_capacity(read.keys.len());
        for (column, _) in &read.keys {
            match value(column) {
                // Nothing equals null.
                Value::Null => return 0,
                Value::Text(text) => values.push(Box::<str>::from(text)),
                Value::Unknown => {}
            }
        }
        let keys: Vec<Key> = if values.is_empty() || values.len() < read.keys.len() {
            self.entries.keys().cloned().collect()
        } else {
            let places = places(read, columns);
            let index = self.indexes.iter().find(|index| index.columns == places);
            let keys = index.and_then(|index| index.keys.get(&*values));
            keys.map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
        };
        for key in &keys {
            match subject {
                Some(subject) => self.forget_subject(key, subject),
                None => self.forget_key(key),
            }
        }
        keys.len()
    }

    /// How many keys are remembered.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all verdicts.
    pub(super) fn forget_all(&mut self) {
        self.entries.clear();
        for index in &mut self.indexes {
            index.keys.clear();
        }
        self.weight = 0;
    }

    fn is_there(&self, viewer: Viewer) -> bool {
        self.viewers.get(viewer).is_some_and(|viewer| !viewer.people.is_empty())
    }

    fn forget_key(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        self.weight -= entry.weight();
        for index in &mut self.indexes {
            let Some(values) = index.values(key) else { continue };
            if let Some(keys) = index.keys.get_mut(&values) {
                keys.remove(key);
                if keys.is_empty() {
                    index.keys.remove(&values);
                }
            }
        }
    }

    fn forget_subject(&mut self, key: &Key, subject: Uuid) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let weight = entry.weight();
        if let Possible::Of(subjects) = &mut entry.possible {
            subjects.insert(subject);
        }
        for viewer in self.viewers.with_subject(subject) {
            entry.forget(viewer);
        }
        self.weight = self.weight - weight + entry.weight();
    }
}

/// What a row holds in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A value, as the log prints it.
    Text(&'a str),
    /// Null.
    Null,
    /// The log does not say.
    Unknown,
}

impl Index {
    /// `None` when one is null: nothing equals it.
    fn values(&self, key: &Key) -> Option<Box<[Box<str>]>> {
        self.columns.iter().map(|place| key[*place].clone()).collect()
    }
}

/// Where the row's columns that a read is tied to stand in a key.
fn places(read: &Read, columns: &[String]) -> Vec<usize> {
    let place = |name: &String| columns.iter().position(|column| column == name);
    read.keys.iter().filter_map(|(_, column)| place(column)).collect()
}
