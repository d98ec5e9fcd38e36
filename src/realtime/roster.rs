//! Who follows which table, laid out so that a change finds them without looking at the others.
//!
//! Equal wishes of many subscribers are one group, which is compared with a change once; groups
//! that want one value of a column are found by that value.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::authorize::Person;
use super::subscriber::{Active, Subscriber};
use super::subscription::{After, Compared, Comparison, Interest, Left};
use crate::identity::Identity;
use crate::wal::{Action, Change, Datum, Old, Relation, Tuple};

/// Every active subscriber.
#[derive(Debug, Default)]
pub(super) struct Roster {
    subscribers: HashMap<u64, Active>,
    /// Tables that the log has told changes of.
    tables: HashMap<u32, Followers>,
}

/// Who follows one table.
#[derive(Debug)]
pub(super) struct Followers {
    /// The table, as the log named it when they were laid out.
    relation: Arc<Relation>,
    groups: HashMap<Arc<Interest>, Group>,
    /// Groups that only an equal value can concern: column, value.
    by_value: HashMap<String, HashMap<String, Vec<Arc<Interest>>>>,
    /// All other groups.
    others: Vec<Arc<Interest>>,
    /// By role, everybody with how many listeners.
    people: HashMap<Arc<str>, People>,
}

/// With how many listeners each is there.
type People = HashMap<Person, (Arc<Identity>, usize)>;

/// Those who want the same: by role and person.
pub(super) type Group = HashMap<Arc<str>, HashMap<Person, Vec<Listener>>>;

/// A binding of a subscriber.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) subscriber: Arc<Subscriber>,
    /// The number by which the client knows the binding.
    pub(super) id: u32,
    /// Its place among the bindings of the subscriber.
    pub(super) number: usize,
    /// From where on it listens.
    pub(super) after: Option<After>,
    /// Whether the latest of a row is enough when its socket is slow.
    pub(super) is_compact: bool,
    /// When the token expires, in seconds since 1970.
    pub(super) expires_at: Option<i64>,
}

/// A group that a change concerns.
#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) interest: &'a Arc<Interest>,
    pub(super) group: &'a Group,
    /// Whether the row is one they want.
    pub(super) is_wanted: bool,
    /// Whether it may have left them.
    pub(super) left: Option<Left>,
}

impl Roster {
    /// Adds a subscriber; `entered` is told the tables that its person did not follow before.
    pub(super) fn insert(&mut self, active: Active, mut entered: impl FnMut(u32)) {
        for (oid, followers) in &mut self.tables {
            if followers.insert(&active) {
                entered(*oid);
            }
        }
        self.subscribers.insert(active.subscriber.id, active);
    }

    /// Takes a subscriber out; `left` is told the tables that nobody of the same person follows
    /// any more.
    pub(super) fn remove(&mut self, id: u64, mut left: impl FnMut(u32)) -> Option<Active> {
        let active = self.subscribers.remove(&id)?;
        for (oid, followers) in &mut self.tables {
            if followers.remove(&active) {
                left(*oid);
            }
        }
        Some(active)
    }

    /// A subscriber.
    pub(super) fn get(&self, id: u64) -> Option<&Active> {
        self.subscribers.get(&id)
    }

    /// Every subscriber.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &Active> {
        self.subscribers.values()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Lays out who follows a table, unless that is done.
    pub(super) fn lay_out(&mut self, relation: &Arc<Relation>) {
        if let Some(followers) = self.tables.get(&relation.oid)
            && followers.relation.schema == relation.schema
            && followers.relation.name == relation.name
        {
            return;
        }
        let mut followers = Followers {
            relation: Arc::clone(relation),
            groups: HashMap::new(),
            by_value: HashMap::new(),
            others: Vec::new(),
            people: HashMap::new(),
        };
        for active in self.subscribers.values() {
            followers.insert(active);
        }
        self.tables.insert(relation.oid, followers);
    }

    /// Who follows a table that was laid out; `None` when nobody does.
    pub(super) fn followers(&self, relation: &Relation) -> Option<&Followers> {
        self.tables.get(&relation.oid).filter(|followers| !followers.groups.is_empty())
    }
}

impl Followers {
    /// Everybody of a role, with their identity.
    pub(super) fn people(
        &self,
        role: &str,
    ) -> impl ExactSizeIterator<Item = (Person, &Arc<Identity>)> {
        static NOBODY: LazyLock<People> = LazyLock::new(HashMap::new);
        let people = self.people.get(role).unwrap_or(&NOBODY);
        people.iter().map(|(person, (identity, _))| (*person, identity))
    }

    /// What Postgres must compare before it is known whom the change concerns.
    pub(super) fn comparisons<'a>(
        &'a self,
        change: &'a Change,
    ) -> impl Iterator<Item = Comparison> + 'a {
        let groups = self.concerned(change);
        groups.flat_map(|interest| interest.comparisons(change))
    }

    /// The groups that a change concerns.
    pub(super) fn matching(&self, change: &Change, compared: &Compared) -> Vec<Match<'_>> {
        self.concerned(change)
            .filter_map(|interest| {
                let is_wanted = interest.wants(change, compared);
                let left = interest.left(change, compared);
                let (interest, group) = self.groups.get_key_value(interest)?;
                let is_match = is_wanted || left.is_some();
                is_match.then_some(Match { interest, group, is_wanted, left })
            })
            .collect()
    }

    /// Groups that the change could concern, as far as an index tells.
    fn concerned<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = &'a Arc<Interest>> + 'a {
        let by_value = self
            .by_value
            .iter()
            .filter_map(|(column, values)| values.get(judged_value(change, column)?));
        self.others.iter().chain(by_value.flatten())
    }

    /// Whether the person did not follow the table before.
    fn insert(&mut self, active: &Active) -> bool {
        let mut is_new = false;
        for (number, binding) in active.subscriber.bindings.iter().enumerate() {
            let interest = &binding.interest;
            if !interest.is_about(&self.relation) {
                continue;
            }
            if !self.groups.contains_key(interest) {
                self.index(interest).push(Arc::clone(interest));
            }
            let group = self.groups.entry(Arc::clone(interest)).or_default();
            let role = &active.identity.role;
            let listeners = group.entry(Arc::clone(role)).or_default();
            let listeners = listeners.entry(active.person).or_default();
            // Two equal bindings of a channel have one number, and are told once.
            let own = listeners.iter().rev();
            let mut own = own.take_while(|other| other.subscriber.id == active.subscriber.id);
            if own.any(|other| other.id == binding.id) {
                continue;
            }
            listeners.push(Listener {
                subscriber: Arc::clone(&active.subscriber),
                id: binding.id,
                number,
                after: binding.after.clone(),
                is_compact: binding.is_compact,
                expires_at: active.identity.expires_at,
            });
            let people = self.people.entry(Arc::clone(role)).or_default();
            let person =
                people.entry(active.person).or_insert_with(|| (Arc::clone(&active.identity), 0));
            is_new |= person.1 == 0;
            person.1 += 1;
        }
        is_new
    }

    /// Whether the person does not follow the table any more.
    fn remove(&mut self, active: &Active) -> bool {
        let (role, id) = (&active.identity.role, active.subscriber.id);
        let mut gone = 0;
        for binding in &active.subscriber.bindings {
            let interest = &binding.interest;
            let Some(group) = self.groups.get_mut(interest) else { continue };
            if let Some(people) = group.get_mut(role) {
                if let Some(listeners) = people.get_mut(&active.person) {
                    let before = listeners.len();
                    listeners.retain(|listener| listener.subscriber.id != id);
                    gone += before - listeners.len();
                    if listeners.is_empty() {
                        people.remove(&active.person);
                    }
                }
                if people.is_empty() {
                    group.remove(role);
                }
            }
            if group.is_empty() {
                self.groups.remove(interest);
                self.index(interest).retain(|other| other != interest);
                if let Some((column, value)) = interest.equality()
                    && let Some(values) = self.by_value.get_mut(column)
                {
                    if values.get(value).is_some_and(Vec::is_empty) {
                        values.remove(value);
                    }
                    if values.is_empty() {
                        self.by_value.remove(column);
                    }
                }
            }
        }
        let Some(people) = self.people.get_mut(role) else { return false };
        let Some(person) = people.get_mut(&active.person) else { return false };
        person.1 -= gone.min(person.1);
        let is_gone = person.1 == 0 && gone > 0;
        if is_gone {
            people.remove(&active.person);
        }
        if people.is_empty() {
            self.people.remove(role);
        }
        is_gone
    }

    /// Where a group is found.
    fn index(&mut self, interest: &Interest) -> &mut Vec<Arc<Interest>> {
        match interest.equality() {
            Some((column, value)) => self
                .by_value
                .entry(column.to_owned())
                .or_default()
                .entry(value.to_owned())
                .or_default(),
            None => &mut self.others,
        }
    }
}

/// What the row that filters look at holds in a column; `None` for null and unknown.
fn judged_value<'a>(change: &'a Change, column: &str) -> Option<&'a str> {
    let place = change.relation.columns.iter().position(|known| known.name == column)?;
    let row: &Tuple = match &change.action {
        Action::Insert { new } | Action::Update { new, .. } => new,
        Action::Delete { old: Old::Full(old) | Old::Key(old) } => old,
    };
    match row.get(place)? {
        Datum::Text(text) => std::str::from_utf8(text).ok(),
        Datum::Null | Datum::Unchanged => None,
    }
}
