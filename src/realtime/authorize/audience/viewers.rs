//! The people who follow a table with one role, by what the policies can tell of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::super::analysis::Claims;
use super::{Person, Viewer};
use crate::identity::Identity;

/// Every viewer, by whatever is looked up.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    pub(super) by_number: Vec<OneViewer>,
    by_claims: HashMap<Arc<str>, Viewer>,
    pub(super) of_person: HashMap<Person, Viewer>,
    by_subject: HashMap<Uuid, Vec<Viewer>>,
    strange: Vec<Viewer>,
    pub(super) living: usize,
}

#[derive(Debug)]
pub(super) struct OneViewer {
    /// As whom to ask: of the claims it has those alone that policies read, which are quicker read.
    pub(super) identity: Arc<Identity>,
    pub(super) subject: Subject,
    /// Empty once all have left; the number is not given again.
    pub(super) people: Vec<Person>,
}

/// What `auth.uid()` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Null: equals nothing.
    None,
    /// This.
    Is(Uuid),
    /// Something that Postgres may read as a uuid or refuse.
    Strange,
}

impl Viewers {
    /// Somebody is there, of whose claims `used` are read; more than once is as once.
    pub(super) fn enter(&mut self, person: Person, identity: &Arc<Identity>, used: &Claims) {
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
        self.by_claims.insert(Arc::clone(&claims), viewer);
        self.of_person.insert(person, viewer);
        let identity = match used {
            Claims::Whole => Arc::clone(identity),
            Claims::Of(_) => Arc::new(Identity { claims, ..Identity::clone(identity) }),
        };
        self.by_number.push(OneViewer { identity, subject, people: vec![person] });
        self.living += 1;
    }

    /// Somebody is not there any more.
    pub(super) fn leave(&mut self, person: Person) {
        let Some(number) = self.of_person.remove(&person) else { return };
        let viewer = &mut self.by_number[number as usize];
        viewer.people.retain(|other| *other != person);
        if !viewer.people.is_empty() {
            return;
        }
        self.living -= 1;
        self.by_claims.remove(&viewer.identity.claims);
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

    /// A viewer, also when it has left.
    pub(super) fn get(&self, viewer: Viewer) -> Option<&OneViewer> {
        self.by_number.get(viewer as usize)
    }

    /// The number that the next viewer gets.
    pub(super) fn end(&self) -> Viewer {
        Viewer::try_from(self.by_number.len()).expect("numbers are given anew long before")
    }

    /// Those whose subject is or could be this one.
    pub(super) fn with_subject(&self, subject: Uuid) -> impl Iterator<Item = Viewer> + '_ {
        let same = self.by_subject.get(&subject).into_iter().flatten();
        same.chain(&self.strange).copied()
    }
}

impl Subject {
    /// What it gives somebody.
    pub fn of(identity: &Identity) -> Self {
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
fn project(claims: &Arc<str>, used: &Claims) -> Arc<str> {
    let Claims::Of(names) = used else { return Arc::clone(claims) };
    let parsed: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_str(claims);
    let Ok(parsed) = parsed else { return Arc::clone(claims) };
    let part: BTreeMap<&String, &RawValue> = parsed
        .iter()
        .filter(|(name, _)| names.contains(*name))
        .map(|(name, value)| (name, &**value))
        .collect();
    serde_json::to_string(&part).map_or_else(|_| Arc::clone(claims), Into::into)
}
