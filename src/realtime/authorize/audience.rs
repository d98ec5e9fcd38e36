//! Who may see rows like this: Postgres's verdicts, remembered until the log voids them. Pure.
//!
//! An audience belongs to one table and role. Rows with the same values in the columns that the
//! policies read have the same audience; people with the same values in the claims that the
//! policies read are one viewer. So the price of a change depends neither on how many follow
//! the table nor on how often a person is connected.
//!
//! Nothing here decides: what is not known is asked of Postgres by the caller, and everything
//! that is doubtful is not known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use uuid::Uuid;

use super::analysis::{Claims, Read};
use super::policy::Lens;
use crate::identity::Identity;

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

/// Verdicts about one key.
#[derive(Debug)]
struct Entry {
    /// Tells it from one that was forgotten.
    edition: u64,
    permitted: Arc<Vec<Viewer>>,
    /// Viewers below this number are denied, unless they are in one of the sets.
    settled_below: Viewer,
    /// Denied, whatever their number.
    denied: HashSet<Viewer>,
    /// To be asked about, whatever their number.
    pending: HashSet<Viewer>,
    possible: Possible,
    /// How many transactions had been told, and when, at the oldest verdict.
    asked: Option<(u64, Instant)>,
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
        let subject = match read.subject.as_deref().map(&value) {
            Some(Value::Null) => return 0,
            // A text that is no uuid is nobody's subject.
            Some(Value::Text(text)) => match Uuid::parse_str(text) {
                Ok(subject) => Some(subject),
                Err(_) => return 0,
            },
            Some(Value::Unknown) | None => None,
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

impl Entry {
    fn new(edition: u64) -> Self {
        Self {
            edition,
            permitted: Arc::default(),
            settled_below: 0,
            denied: HashSet::new(),
            pending: HashSet::new(),
            possible: Possible::Unasked,
            asked: None,
        }
    }

    fn is_fresh(&self, fresh: Freshness) -> bool {
        let Some((told, at)) = self.asked else { return true };
        fresh.asked_since.is_none_or(|since| told >= since)
            && fresh.max_age.is_none_or(|age| at.elapsed() <= age)
    }

    fn knows(&self, viewer: Viewer) -> bool {
        if self.pending.contains(&viewer) {
            return false;
        }
        viewer < self.settled_below
            || self.denied.contains(&viewer)
            || self.permitted.binary_search(&viewer).is_ok()
    }

    fn forget(&mut self, viewer: Viewer) {
        if let Ok(place) = self.permitted.binary_search(&viewer) {
            Arc::make_mut(&mut self.permitted).remove(place);
        }
        self.denied.remove(&viewer);
        self.pending.insert(viewer);
    }

    fn learn(&mut self, verdicts: &[(Viewer, Option<bool>)]) {
        let mut permitted = (*self.permitted).clone();
        for (viewer, verdict) in verdicts {
            self.pending.remove(viewer);
            match verdict {
                Some(true) => permitted.push(*viewer),
                Some(false) if *viewer >= self.settled_below => {
                    self.denied.insert(*viewer);
                }
                Some(false) => {}
                None => {
                    self.pending.insert(*viewer);
                }
            }
        }
        permitted.sort_unstable();
        permitted.dedup();
        self.permitted = Arc::new(permitted);
    }

    fn weight(&self) -> usize {
        let subjects = if let Possible::Of(subjects) = &self.possible { subjects.len() } else { 0 };
        self.permitted.len() + self.denied.len() + self.pending.len() + 4 * subjects
    }
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

/// The people who follow a table with one role, by what the policies can tell of them.
#[derive(Debug, Default)]
struct Viewers {
    by_number: Vec<OneViewer>,
    by_claims: HashMap<Box<str>, Viewer>,
    of_person: HashMap<Person, Viewer>,
    by_subject: HashMap<Uuid, Vec<Viewer>>,
    strange: Vec<Viewer>,
    living: usize,
}

#[derive(Debug)]
struct OneViewer {
    identity: Arc<Identity>,
    claims: Box<str>,
    subject: Subject,
    /// Empty once all have left; the number is not given again.
    people: Vec<Person>,
}

/// What `auth.uid()` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Null: equals nothing.
    None,
    Is(Uuid),
    /// Something that Postgres may read as a uuid or refuse.
    Strange,
}

impl Viewers {
    fn enter(&mut self, person: Person, identity: &Arc<Identity>, used: &Claims) {
        if self.of_person.contains_key(&person) {
            return;
        }
        let claims = project(&identity.claims, used);
        if let Some(viewer) = self.by_claims.get(&claims) {
            self.of_person.insert(person, *viewer);
            self.by_number[*viewer as usize].people.push(person);
            return;
        }
        let viewer = self.end();
        let subject = Subject::of(identity);
        match subject {
            Subject::Is(subject) => self.by_subject.entry(subject).or_default().push(viewer),
            Subject::Strange => self.strange.push(viewer),
            Subject::None => {}
        }
        self.by_claims.insert(claims.clone(), viewer);
        self.of_person.insert(person, viewer);
        let identity = Arc::clone(identity);
        self.by_number.push(OneViewer { identity, claims, subject, people: vec![person] });
        self.living += 1;
    }

    fn leave(&mut self, person: Person) {
        let Some(number) = self.of_person.remove(&person) else { return };
        let viewer = &mut self.by_number[number as usize];
        viewer.people.retain(|other| *other != person);
        if !viewer.people.is_empty() {
            return;
        }
        self.living -= 1;
        self.by_claims.remove(&viewer.claims);
        match viewer.subject {
            Subject::Is(subject) => {
                if let Some(viewers) = self.by_subject.get_mut(&subject) {
                    viewers.retain(|other| *other != number);
                    if viewers.is_empty() {
                        self.by_subject.remove(&subject);
                    }
                }
            }
            Subject::Strange => self.strange.retain(|other| *other != number),
            Subject::None => {}
        }
    }

    fn get(&self, viewer: Viewer) -> Option<&OneViewer> {
        self.by_number.get(viewer as usize)
    }

    fn end(&self) -> Viewer {
        Viewer::try_from(self.by_number.len()).expect("numbers are given anew long before")
    }

    /// Those whose subject is or could be this one.
    fn with_subject(&self, subject: Uuid) -> impl Iterator<Item = Viewer> + '_ {
        let same = self.by_subject.get(&subject).into_iter().flatten();
        same.chain(&self.strange).copied()
    }
}

impl Subject {
    fn of(identity: &Identity) -> Self {
        let claims: Result<BTreeMap<String, Box<RawValue>>, _> =
            serde_json::from_str(&identity.claims);
        let Ok(claims) = claims else { return Self::Strange };
        let Some(subject) = claims.get("sub") else { return Self::None };
        match serde_json::from_str::<Option<String>>(subject.get()) {
            Ok(None) => Self::None,
            Ok(Some(text)) if text.is_empty() => Self::None,
            Ok(Some(text)) => Uuid::try_parse(&text).map_or(Self::Strange, Self::Is),
            Err(_) => Self::Strange,
        }
    }
}

/// The part of somebody's claims that policies read, as one text: who has the same is the same.
fn project(claims: &str, used: &Claims) -> Box<str> {
    let Claims::Of(names) = used else { return claims.into() };
    let parsed: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_str(claims);
    let Ok(parsed) = parsed else { return claims.into() };
    let part: BTreeMap<&String, &RawValue> = parsed
        .iter()
        .filter(|(name, _)| names.contains(*name))
        .map(|(name, value)| (name, &**value))
        .collect();
    serde_json::to_string(&part).unwrap_or_else(|_| claims.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::analysis::{Analysis, Candidates, Source};
    use super::super::policy::{Policy, Rows};
    use super::*;

    fn uuid(number: u32) -> Uuid {
        Uuid::from_u128(u128::from(number) + 1)
    }

    fn person(number: u32) -> Arc<Identity> {
        let claims = format!(r#"{{"sub":"{}","exp":{number}}}"#, uuid(number));
        Arc::new(Identity { claims: claims.into(), ..Identity::anon() })
    }

    /// Rows of a room are seen by its members.
    fn members() -> Read {
        Read {
            table: 7,
            name: "public.members".into(),
            keys: vec![("room".into(), "room_id".into())],
            subject: Some("member".into()),
            columns: None,
            is_lookup: false,
        }
    }

    fn audience(reads: Vec<Read>) -> Audience {
        let analysis = Analysis {
            columns: vec!["room_id".into(), "kind".into()],
            claims: Claims::Of(BTreeSet::from(["sub".to_owned()])),
            reads,
            candidates: Candidates::Of(vec![Source::Rows(0)]),
            reasons: Vec::new(),
            complete_from: None,
        };
        let policy = Policy { by_image: "".into(), reads: vec![true], analysis };
        Audience::of(&Arc::new(Lens { columns: vec![true], rows: Rows::Where(Box::new(policy)) }))
    }

    fn key(room: &str, kind: Option<&str>) -> Key {
        Arc::new([Some(room.into()), kind.map(Into::into)])
    }

    fn columns() -> Vec<String> {
        vec!["room_id".into(), "kind".into()]
    }

    /// A row of members came or went.
    fn void_member(audience: &mut Audience, read: &Read, room: &str, member: u32) -> usize {
        let member = uuid(member).to_string();
        audience.void(read, &columns(), |column| match column {
            "room" => Value::Text(room),
            "member" => Value::Text(&member),
            _ => Value::Unknown,
        })
    }

    fn look(audience: &mut Audience, key: &Key) -> Known {
        audience.look(key, Whom::Everybody, Freshness::default())
    }

    fn learn(audience: &mut Audience, key: &Key, verdicts: &[(Viewer, bool)]) {
        let verdicts: Vec<_> = verdicts.iter().map(|(v, may)| (*v, Some(*may))).collect();
        let edition = audience.look(key, Whom::Everybody, Freshness::default()).edition;
        audience.learn(key, &verdicts, Some(edition), None, 1);
    }

    #[test]
    fn what_was_learnt_is_not_asked_again() {
        let mut audience = audience(vec![members()]);
        (0..3).for_each(|number| audience.enter(number, &person(number)));
        let key = key("a", None);
        assert_eq!(look(&mut audience, &key).unknown, [0, 1, 2]);
        learn(&mut audience, &key, &[(0, true), (1, false), (2, true)]);
        let known = look(&mut audience, &key);
        assert_eq!((&**known.permitted, known.unknown), (&[0, 2][..], vec![]));
    }

    #[test]
    fn tokens_of_one_person_are_one_viewer() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(1));
        let renewed = format!(r#"{{"exp":99,"sub":"{}"}}"#, uuid(1));
        audience.enter(1, &Arc::new(Identity { claims: renewed.into(), ..Identity::anon() }));
        assert_eq!(audience.people(0), [0, 1]);
        audience.leave(0);
        assert_eq!(audience.everybody().collect::<Vec<_>>(), [0]);
        audience.leave(1);
        assert_eq!(audience.everybody().count(), 0);
    }

    #[test]
    fn membership_concerns_one_room_and_one_person() {
        let mut audience = audience(vec![members()]);
        (0..2).for_each(|number| audience.enter(number, &person(number)));
        for room in ["a", "b"] {
            learn(&mut audience, &key(room, None), &[(0, true), (1, true)]);
        }
        assert_eq!(void_member(&mut audience, &members(), "a", 1), 1);
        let known = look(&mut audience, &key("a", None));
        assert_eq!((&**known.permitted, known.unknown), (&[0][..], vec![1]));
        assert!(look(&mut audience, &key("b", None)).unknown.is_empty());
        assert_eq!(void_member(&mut audience, &members(), "c", 1), 0, "no such room is known");
    }

    #[test]
    fn unknown_values_take_back_more_and_null_nothing() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(0));
        learn(&mut audience, &key("a", None), &[(0, true)]);
        let voided = audience.void(&members(), &columns(), |_| Value::Null);
        assert_eq!(voided, 0);
        let voided = audience.void(&members(), &columns(), |_| Value::Unknown);
        assert_eq!(voided, 1);
        assert_eq!(look(&mut audience, &key("a", None)).unknown, [0]);
    }

    #[test]
    fn newcomers_are_asked_about_unless_they_cannot_be_permitted() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(0));
        let key = key("a", None);
        let possible = Possible::Of(HashSet::from([uuid(0), uuid(2)]));
        audience.learn(&key, &[(0, Some(true))], Some(0), Some(possible), 1);
        (1..3).for_each(|number| audience.enter(number, &person(number)));
        assert_eq!(look(&mut audience, &key).unknown, [2]);
        void_member(&mut audience, &members(), "a", 1);
        let mut unknown = look(&mut audience, &key).unknown;
        unknown.sort_unstable();
        assert_eq!(unknown, [1, 2], "who was let in meanwhile could be permitted");
    }

    #[test]
    fn old_verdicts_can_be_left_out() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(0));
        let key = key("a", None);
        learn(&mut audience, &key, &[(0, true)]);
        let since = |told| Freshness { asked_since: Some(told), max_age: None };
        assert!(audience.look(&key, Whom::Everybody, since(1)).unknown.is_empty());
        assert_eq!(audience.look(&key, Whom::Everybody, since(2)).unknown, [0]);
        learn(&mut audience, &key, &[(0, true)]);
        let young = Freshness { asked_since: None, max_age: Some(Duration::ZERO) };
        assert_eq!(audience.look(&key, Whom::Everybody, young).unknown, [0]);
    }

    #[test]
    fn failures_are_asked_again() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(0));
        let key = key("a", None);
        audience.learn(&key, &[(0, None)], Some(0), None, 1);
        assert_eq!(look(&mut audience, &key).unknown, [0]);
    }

    #[test]
    fn what_is_taken_back_while_it_is_asked_is_asked_again() {
        let mut audience = audience(vec![members()]);
        (0..2).for_each(|number| audience.enter(number, &person(number)));
        let key = key("a", None);
        learn(&mut audience, &key, &[(0, true), (1, false)]);
        audience.enter(2, &person(2));
        let asked = look(&mut audience, &key);
        assert_eq!(asked.unknown, [2]);
        // Somebody else, who was known, is let in before the answer is here.
        void_member(&mut audience, &members(), "a", 1);
        audience.learn(&key, &[(2, Some(true))], Some(asked.edition), None, 2);
        assert_eq!(look(&mut audience, &key).unknown, [1]);
    }

    #[test]
    fn answer_to_what_was_forgotten_says_nothing_of_others() {
        let mut audience = audience(vec![members()]);
        audience.enter(0, &person(0));
        let key = key("a", None);
        learn(&mut audience, &key, &[(0, true)]);
        audience.enter(1, &person(1));
        let asked = look(&mut audience, &key);
        audience.void(&members(), &columns(), |_| Value::Unknown);
        audience.learn(&key, &[(1, Some(true))], Some(asked.edition), None, 2);
        let known = look(&mut audience, &key);
        assert_eq!((&**known.permitted, known.unknown), (&[1][..], vec![0]));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter(u32),
        Leave(u32),
        Toggle(u32, u8),
        Change(u8),
        ChangeForSome(u8, Vec<u32>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let person = || 0..6_u32;
        let room = || 0..3_u8;
        prop_oneof![
            person().prop_map(Step::Enter),
            person().prop_map(Step::Leave),
            (person(), room()).prop_map(|(person, room)| Step::Toggle(person, room)),
            room().prop_map(Step::Change),
            (room(), proptest::collection::vec(person(), 0..3))
                .prop_map(|(room, people)| Step::ChangeForSome(room, people)),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order, what is remembered is what is true.
        #[test]
        fn what_is_remembered_is_true(
            steps in proptest::collection::vec(step(), 0..120),
            with_subject: bool,
            with_candidates: bool,
        ) {
            let mut read = members();
            if !with_subject {
                read.subject = None;
            }
            let mut audience = audience(vec![read.clone()]);
            let mut members: HashSet<(u32, u8)> = HashSet::new();
            for (told, step) in (1..).zip(steps) {
                match step {
                    Step::Enter(number) => audience.enter(number, &person(number)),
                    Step::Leave(number) => audience.leave(number),
                    Step::Toggle(number, room) => {
                        if !members.insert((number, room)) {
                            members.remove(&(number, room));
                        }
                        void_member(&mut audience, &read, &room.to_string(), number);
                    }
                    Step::Change(room) => {
                        judge(&mut audience, &members, room, None, with_candidates, told);
                    }
                    Step::ChangeForSome(room, people) => {
                        judge(&mut audience, &members, room, Some(&people), with_candidates, told);
                    }
                }
            }
        }
    }

    /// Asks what is not known, and checks what is.
    fn judge(
        audience: &mut Audience,
        members: &HashSet<(u32, u8)>,
        room: u8,
        people: Option<&[u32]>,
        with_candidates: bool,
        told: u64,
    ) {
        let key = key(&room.to_string(), Some("x"));
        let viewers: Option<Vec<Viewer>> =
            people.map(|people| people.iter().filter_map(|p| audience.viewer(*p)).collect());
        let whom = viewers.as_deref().map_or(Whom::Everybody, Whom::These);
        let known = audience.look(&key, whom, Freshness::default());
        let possible = (with_candidates && known.lacks_candidates).then(|| {
            let of_room = members.iter().filter(|(_, of)| *of == room);
            Possible::Of(of_room.map(|(person, _)| uuid(*person)).collect())
        });
        let truth = |audience: &Audience, viewer: Viewer| {
            audience.people(viewer).iter().any(|person| members.contains(&(*person, room)))
        };
        let mut asked: BTreeSet<Viewer> = known.unknown.into_iter().collect();
        if let Some(possible) = &possible {
            asked.retain(|viewer| audience.is_possible(*viewer, possible));
        }
        let verdicts: Vec<_> =
            asked.iter().map(|viewer| (*viewer, Some(truth(audience, *viewer)))).collect();
        let permitted: HashSet<Viewer> = known
            .permitted
            .iter()
            .copied()
            .chain(verdicts.iter().filter(|(_, may)| *may == Some(true)).map(|(v, _)| *v))
            .collect();
        let concerned = viewers.clone().unwrap_or_else(|| audience.everybody().collect());
        for viewer in concerned {
            assert_eq!(permitted.contains(&viewer), truth(audience, viewer), "viewer {viewer}");
        }
        if !verdicts.is_empty() || possible.is_some() {
            let whole_of = people.is_none().then_some(known.edition);
            audience.learn(&key, &verdicts, whole_of, possible, told);
        }
    }
}
