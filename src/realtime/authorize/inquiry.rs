//! What must be asked for a batch of changes, and what is known of each already.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::analysis::Candidates;
use super::audience::{Audience, Freshness, Key, Person, Possible, Viewer, Whom};
use super::policy::{Lens, Policy, Rows, Wording, by_key};
use super::table::Table;
use super::{Authorizer, Decision, Image, Request, candidates};
use crate::identity::Identity;
use crate::observe::AuthorizerMetrics;
use crate::pg::Error;
use crate::wal::{Action, Change, Datum, Old, Relation, Tuple};

/// Questions of a batch, each put once.
#[derive(Debug, Default)]
pub struct Inquiry {
    questions: Vec<Question>,
    by_key: HashMap<(u32, Arc<str>, Key), usize>,
}

/// Who may see one row image.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) audience: (u32, Arc<str>),
    /// Under what the answer is remembered; `None` = not at all.
    key: Option<Key>,
    pub(super) image: Arc<str>,
    wording: Arc<Wording>,
    pub(super) viewers: BTreeSet<Viewer>,
    /// Of which edition of what is remembered these are all who are not known.
    whole_of: Option<u64>,
    /// Whether Postgres is to be asked who could be permitted.
    pub(super) lacks_candidates: bool,
    pub(super) possible: Option<Possible>,
    permitted: Vec<Viewer>,
    failed: Vec<(Viewer, String)>,
}

/// What a role sees of a change.
#[derive(Debug)]
pub struct Sight {
    /// Its view of the table.
    pub lens: Arc<Lens>,
    /// Who may see the row as it is after the change.
    pub new: Seen,
    /// Who may see the row as it was before, where the log has it.
    pub old: Seen,
}

/// Who of a role may see a row image.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Everybody.
    Everybody,
    /// Nobody.
    Nobody,
    /// These viewers, and whomever the answer to a question permits.
    Some(Arc<Vec<Viewer>>, Option<usize>),
}

/// Whose view of a change is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Asking<'a> {
    /// Everybody who follows the table with this role.
    Everybody,
    /// These people.
    These(&'a [Person]),
}

impl Sight {
    /// Whether the same people see the same of another change, without anything being asked.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lens, &other.lens)
            && self.new.is_same(&other.new)
            && self.old.is_same(&other.old)
    }
}

impl Seen {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everybody, Self::Everybody) | (Self::Nobody, Self::Nobody) => true,
            (Self::Some(known, None), Self::Some(other, None)) => Arc::ptr_eq(known, other),
            _ => false,
        }
    }
}

impl Inquiry {
    /// Who may see it, now that everything is answered; ascending. Not for [`Seen::Everybody`].
    pub fn permitted<'a>(&'a self, seen: &'a Seen) -> Cow<'a, [Viewer]> {
        let Seen::Some(known, question) = seen else { return Cow::Borrowed(&[]) };
        let answered = question.map_or(&[][..], |number| &self.questions[number].permitted);
        if answered.is_empty() {
            return Cow::Borrowed(known);
        }
        let mut all = [known, answered].concat();
        all.sort_unstable();
        all.dedup();
        Cow::Owned(all)
    }

    /// For whom Postgres could not say, with the SQLSTATE.
    pub fn failed(&self, seen: &Seen) -> &[(Viewer, String)] {
        match seen {
            Seen::Some(_, Some(number)) => &self.questions[*number].failed,
            _ => &[],
        }
    }

    /// SQLSTATEs of everything that failed, and the tables.
    pub fn failures(&self) -> impl Iterator<Item = (u32, &str)> {
        self.questions.iter().flat_map(|question| {
            question.failed.iter().map(|(_, sqlstate)| (question.audience.0, sqlstate.as_str()))
        })
    }
}

impl Authorizer {
    /// What the people who follow a table with `role` see of a change: what is known already;
    /// what is not is added to `inquiry`. The SQLSTATE when the role may not be put on.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn see(
        &mut self,
        inquiry: &mut Inquiry,
        (table, role): (&Arc<Table>, &Arc<str>),
        people: impl Iterator<Item = (Person, &Arc<Identity>)>,
        asking: Asking<'_>,
        change: &Change,
        fresh: Freshness,
    ) -> Result<Result<Sight, String>, Error> {
        let lens = match self.lens(table, role).await? {
            Ok(lens) => lens,
            Err(sqlstate) => return Ok(Err(sqlstate)),
        };
        let (new, old) = rows(change);
        let seen = |values: Option<&Tuple>| match (values, &lens.rows) {
            (None, _) | (_, Rows::None) => Some(Seen::Nobody),
            (_, Rows::All) => Some(Seen::Everybody),
            (_, Rows::Where(_)) => None,
        };
        let (mut sight_new, mut sight_old) = (seen(new), seen(old));
        if let Rows::Where(policy) = &lens.rows {
            let can_remember = self.can_remember(policy);
            let key = (table.oid, Arc::clone(role));
            let audience = self.audiences.entry(key).or_insert_with(|| {
                let mut audience = Audience::of(&lens);
                people.for_each(|(person, identity)| audience.enter(person, identity));
                audience
            });
            let viewers: Vec<Viewer>;
            let whom = match asking {
                Asking::Everybody => Whom::Everybody,
                Asking::These(people) => {
                    let known = people.iter().filter_map(|person| audience.viewer(*person));
                    viewers = known.collect();
                    Whom::These(&viewers)
                }
            };
            let metrics = &self.metrics;
            let mut look =
                Look { inquiry, table, role, policy, audience, can_remember, fresh, metrics };
            let relation = &change.relation;
            sight_new = sight_new.or_else(|| Some(look.at(relation, new?, false, whom)));
            sight_old = sight_old.or_else(|| Some(look.at(relation, old?, true, whom)));
        }
        let seen = |sight: Option<Seen>| sight.unwrap_or(Seen::Nobody);
        Ok(Ok(Sight { lens, new: seen(sight_new), old: seen(sight_old) }))
    }

    /// Has Postgres answer everything that was noted, and remembers what may be remembered.
    ///
    /// # Errors
    /// The database cannot be reached: nothing is decided.
    pub async fn answer(&mut self, inquiry: &mut Inquiry) -> Result<(), Error> {
        if inquiry.questions.is_empty() {
            return Ok(());
        }
        let asked_at = Instant::now();
        candidates::ask(self, &mut inquiry.questions).await?;
        let mut requests = Vec::with_capacity(inquiry.questions.len());
        for question in &mut inquiry.questions {
            let audience = self.audiences.get(&question.audience);
            let audience = audience.expect("nothing is forgotten between seeing and answering");
            if let Some(possible) = &question.possible {
                question.viewers.retain(|viewer| audience.is_possible(*viewer, possible));
            }
            let identities = question.viewers.iter();
            requests.push(Request {
                table: question.audience.0,
                wording: Arc::clone(&question.wording),
                image: Arc::clone(&question.image),
                identities: identities.map(|viewer| audience.identity(*viewer)).collect(),
            });
        }
        let decisions = self.decide(&requests).await?;
        self.metrics.verdict_seconds.observe(asked_at.elapsed().as_secs_f64());
        self.metrics.verdicts.inc_by(decisions.iter().map(|of| of.len() as u64).sum());
        let told = self.told;
        for (question, decisions) in inquiry.questions.iter_mut().zip(decisions) {
            let decided = question.viewers.iter().copied().zip(decisions);
            let mut verdicts = Vec::with_capacity(question.viewers.len());
            for (viewer, decision) in decided {
                verdicts.push(match decision {
                    Decision::Permitted => (viewer, Some(true)),
                    Decision::Denied => (viewer, Some(false)),
                    Decision::Failed(sqlstate) => {
                        question.failed.push((viewer, sqlstate));
                        (viewer, None)
                    }
                });
            }
            let permitted = verdicts.iter().filter(|(_, verdict)| *verdict == Some(true));
            question.permitted = permitted.map(|(viewer, _)| *viewer).collect();
            if let (Some(key), Some(audience)) =
                (&question.key, self.audiences.get_mut(&question.audience))
            {
                let possible = question.possible.take();
                audience.learn(key, &verdicts, question.whole_of, possible, told);
            }
        }
        self.count();
        Ok(())
    }

    /// Shows how much is remembered.
    fn count(&mut self) {
        let keys: usize = self.audiences.values().map(Audience::len).sum();
        self.keys.set(keys);
        let lenses = self.lenses.values().filter_map(|lens| lens.as_ref().ok()?.analysis());
        let uncacheable = lenses.filter(|analysis| !analysis.reasons.is_empty()).count();
        self.uncacheable_policies.set(uncacheable);
    }

    /// Whether verdicts of these policies may be remembered yet: all that could change them
    /// is in the log by now.
    fn can_remember(&self, policy: &Policy) -> bool {
        policy.analysis.reasons.is_empty() && self.signals.all_ended_before(self.complete_from)
    }

    /// The people who follow a table and are the same to its policies.
    pub fn audience(&self, table: u32, role: &Arc<str>) -> Option<&Audience> {
        self.audiences.get(&(table, Arc::clone(role)))
    }
}

/// Looks up one change for one role.
struct Look<'a> {
    inquiry: &'a mut Inquiry,
    table: &'a Arc<Table>,
    role: &'a Arc<str>,
    policy: &'a Policy,
    audience: &'a mut Audience,
    can_remember: bool,
    fresh: Freshness,
    metrics: &'a AuthorizerMetrics,
}

impl Look<'_> {
    fn at(&mut self, relation: &Relation, values: &Tuple, is_past: bool, whom: Whom<'_>) -> Seen {
        if self.can_remember
            && let Some(key) = key(&self.policy.analysis.columns, relation, values)
        {
            return self.at_key(key, relation, values, whom);
        }
        self.metrics.uncacheable.inc();
        let image = Image::new(self.table, &relation.columns, values);
        let is_incomplete = self
            .policy
            .reads
            .iter()
            .zip(&image.missing)
            .any(|(is_read, is_missing)| *is_read && *is_missing);
        let wording = match (is_incomplete, is_past) {
            (false, _) => Arc::clone(&self.policy.by_image),
            (true, false) => {
                let rows = by_key(self.table, &image.missing);
                Arc::new(Wording { rows, row: None })
            }
            // What the row before lacks cannot be looked up any more.
            (true, true) => return Seen::Nobody,
        };
        let viewers = match whom {
            Whom::Everybody => self.audience.everybody().collect(),
            Whom::These(viewers) => viewers.iter().copied().collect(),
        };
        // A row that must be looked up says too little of who could be permitted.
        let lacks_candidates = !is_incomplete && self.has_candidates();
        let number =
            self.note(None, image.literal.into(), wording, viewers, None, lacks_candidates);
        Seen::Some(Arc::default(), Some(number))
    }

    fn at_key(&mut self, key: Key, relation: &Relation, values: &Tuple, whom: Whom<'_>) -> Seen {
        let known = self.audience.look(&key, whom, self.fresh);
        if known.unknown.is_empty() {
            self.metrics.hits.inc();
            return Seen::Some(known.permitted, None);
        }
        self.metrics.misses.inc();
        let whole_of = matches!(whom, Whom::Everybody).then_some(known.edition);
        let noted = (self.table.oid, Arc::clone(self.role), Arc::clone(&key));
        if let Some(number) = self.inquiry.by_key.get(&noted) {
            let question = &mut self.inquiry.questions[*number];
            question.viewers.extend(known.unknown);
            question.whole_of = whole_of.or(question.whole_of);
            question.lacks_candidates |= known.lacks_candidates && self.policy.has_candidates();
            return Seen::Some(known.permitted, Some(*number));
        }
        let columns = &self.policy.analysis.columns;
        let image = Image::of_columns(self.table, columns, &relation.columns, values);
        let viewers = known.unknown.into_iter().collect();
        let lacks_candidates = known.lacks_candidates && self.has_candidates();
        let wording = Arc::clone(&self.policy.by_image);
        let number = self.note(
            Some(key),
            image.literal.into(),
            wording,
            viewers,
            whole_of,
            lacks_candidates,
        );
        self.inquiry.by_key.insert(noted, number);
        Seen::Some(known.permitted, Some(number))
    }

    fn has_candidates(&self) -> bool {
        self.policy.has_candidates()
    }

    fn note(
        &mut self,
        key: Option<Key>,
        image: Arc<str>,
        wording: Arc<Wording>,
        viewers: BTreeSet<Viewer>,
        whole_of: Option<u64>,
        lacks_candidates: bool,
    ) -> usize {
        self.inquiry.questions.push(Question {
            audience: (self.table.oid, Arc::clone(self.role)),
            key,
            image,
            wording,
            viewers,
            whole_of,
            lacks_candidates,
            possible: None,
            permitted: Vec::new(),
            failed: Vec::new(),
        });
        self.inquiry.questions.len() - 1
    }
}

impl Policy {
    /// Whether Postgres can be asked who could be permitted.
    fn has_candidates(&self) -> bool {
        matches!(self.analysis.candidates, Candidates::Of(_))
    }
}

/// The row after a change and the row before it, as far as each can be judged.
fn rows(change: &Change) -> (Option<&Tuple>, Option<&Tuple>) {
    match &change.action {
        Action::Update { old: Some(Old::Full(old)), new } => (Some(new), Some(old)),
        Action::Insert { new } | Action::Update { new, .. } => (Some(new), None),
        Action::Delete { old: Old::Full(old) } => (None, Some(old)),
        // The log has the key alone, and no policy can be asked about a key.
        Action::Delete { old: Old::Key(_) } => (None, None),
    }
}

/// The values that decide; `None` when the log does not have all of them.
fn key(columns: &[String], relation: &Relation, values: &Tuple) -> Option<Key> {
    columns
        .iter()
        .map(|name| {
            let place = relation.columns.iter().position(|column| column.name == *name)?;
            match values.get(place)? {
                Datum::Text(text) => Some(Some(std::str::from_utf8(text).ok()?.into())),
                Datum::Null => Some(None),
                Datum::Unchanged => None,
            }
        })
        .collect()
}
