//! What only the running server knows: who is subscribed, what waits for them, what was changed
//! at a place.

use std::sync::Arc;
use std::time::Duration;

use super::super::subscriber::Subscriber;
use super::super::subscription::{Binding, Compared, Interest};
use super::step::Step;
use crate::identity::{Identity, unix_now};
use crate::wal::{Action, Change, Place};

/// Most subscriptions of one person that are looked at.
pub(in super::super) const MAX_SUBSCRIPTIONS: usize = 20;

/// What to look for.
#[derive(Debug, Clone)]
pub(in super::super) struct Look {
    /// Whose subscriptions: those with this subject, or without one as with the role.
    pub(in super::super) whom: Identity,
    /// Whether the subject alone counts.
    pub(in super::super) whatever_role: bool,
    /// Oid of the table that is asked about.
    pub(in super::super) table: u32,
    /// The place of a change.
    pub(in super::super) place: Option<Place>,
}

/// What was found.
#[derive(Debug)]
pub(in super::super) struct Standing {
    /// Whether the log is streamed.
    pub(in super::super) is_connected: bool,
    /// After which place changes are kept.
    pub(in super::super) from: Place,
    /// The last change that was told.
    pub(in super::super) last: Place,
    /// What was changed at the place.
    pub(in super::super) change: Option<Arc<Change>>,
    /// Their subscriptions, [`MAX_SUBSCRIPTIONS`] at most.
    pub(in super::super) subscriptions: Vec<Subscription>,
}

/// One channel that is subscribed to changes.
#[derive(Debug, Clone)]
pub(in super::super) struct Subscription {
    pub(in super::super) subscriber: Arc<Subscriber>,
    /// Up to where it was sent what it missed; `None` when it hears what is new.
    pub(in super::super) caught_up: Option<Place>,
    /// How long its person is not asked about the table, after policies ran into the time limit.
    pub(in super::super) rests: Option<Duration>,
}

impl Look {
    /// Whether a subscription is theirs.
    pub(in super::super) fn is_of(&self, identity: &Identity) -> bool {
        identity.subject == self.whom.subject
            && (self.whatever_role || identity.role == self.whom.role)
    }
}

impl Standing {
    /// What is known of a place.
    pub(super) fn place(&self, place: Place, (schema, table): (&str, &str)) -> Step {
        let Some(change) = &self.change else {
            if place <= self.from {
                let kept = format!("changes up to {} are not kept any more", self.from);
                return Step::stops("place", kept);
            }
            let says =
                format!("no published row was changed at {place}, as far as the log was read");
            return Step::stops("place", says);
        };
        let relation = &change.relation;
        let ago = unix_now().saturating_sub(change.transaction.committed_at_us / 1_000_000).max(0);
        let says = format!(
            "{place} is an {} of {}.{}, committed {ago} s ago",
            event(change),
            relation.schema,
            relation.name
        );
        let is_it = relation.schema == schema && relation.name == table;
        Step::new("place", Some(is_it), says)
    }

    /// What is known of their subscriptions to a table: whether one of `candidates` is what they
    /// want, and, where it was changed at a place, whether they were sent it.
    pub(super) fn subscriptions(
        &self,
        table: (&str, &str),
        candidates: &[Arc<Change>],
        is_at_place: bool,
        compared: &Compared,
    ) -> Vec<Step> {
        if self.subscriptions.is_empty() {
            let none = "they have no channel that is subscribed to changes";
            return vec![Step::stops("subscription", none)];
        }
        let last = is_at_place.then_some(self.last);
        let each = self.subscriptions.iter();
        let mut all: Vec<Vec<Step>> = each
            .map(|subscription| subscription.steps(table, candidates, last, compared))
            .filter(|steps| !steps.is_empty())
            .collect();
        if all.is_empty() {
            let topics: Vec<&str> =
                self.subscriptions.iter().map(|it| &*it.subscriber.topic).collect();
            let says = format!(
                "none of their channels has a binding about {}.{}: {}",
                table.0,
                table.1,
                topics.join(", ")
            );
            return vec![Step::stops("subscription", says)];
        }
        let passes = |steps: &[Step]| steps.iter().all(|step| step.ok != Some(false));
        // One channel that hears of it is enough.
        if all.iter().any(|steps| passes(steps)) {
            for step in all.iter_mut().filter(|steps| !passes(steps)).flatten() {
                step.ok = step.ok.filter(|ok| *ok);
            }
        }
        all.concat()
    }

    /// The bindings of all of them.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.subscriptions.iter().flat_map(|subscription| &subscription.subscriber.bindings)
    }
}

impl Subscription {
    fn steps(
        &self,
        (schema, table): (&str, &str),
        candidates: &[Arc<Change>],
        last: Option<Place>,
        compared: &Compared,
    ) -> Vec<Step> {
        let Subscriber { topic, outbox, identity, bindings, .. } = &*self.subscriber;
        let is_about = |interest: &Interest| {
            interest.schema.as_ref().is_none_or(|it| it == schema)
                && interest.table.as_ref().is_none_or(|it| it == table)
        };
        let about: Vec<&Binding> = bindings.iter().filter(|it| is_about(&it.interest)).collect();
        if about.is_empty() {
            return Vec::new();
        }
        let name = format!("channel {topic}");
        let wants = |binding: &&Binding| {
            let wants = |change: &Arc<Change>| binding.interest.wants(change, compared);
            candidates.is_empty() || candidates.iter().any(wants)
        };
        let Some(binding) = about.into_iter().find(wants) else {
            let says = format!("{topic} is subscribed, but none of its bindings wants this row");
            return vec![Step::stops(&name, says)];
        };
        let place = candidates.first().map(|change| change.place).filter(|_| last.is_some());
        let mut steps = Vec::new();
        steps.push(match (place, binding.after) {
            (Some(place), Some(after)) if place <= after => {
                Step::stops(&name, format!("{topic} listens to changes after {after}"))
            }
            _ => Step::passes(&name, format!("{topic} is subscribed, with a binding that fits")),
        });
        if outbox.is_closed() {
            steps.push(Step::stops(&name, format!("the socket of {topic} is closing")));
        } else {
            let (frames, bytes) = outbox.waiting();
            let says = format!("{frames} frames of {bytes} bytes wait for the socket of {topic}");
            steps.push(Step::passes(&name, says));
        }
        if identity.expires_at.is_some_and(|at| at <= unix_now()) {
            steps.push(Step::stops(&name, format!("the token of {topic} has expired")));
        }
        if let Some(rests) = self.rests {
            let seconds = rests.as_secs() + 1;
            let says = format!("policies took too long: for {seconds} s more they are not asked");
            steps.push(Step::stops(&name, says));
        }
        if let (Some(place), Some(last)) = (place, last) {
            let reached = self.caught_up.unwrap_or(last);
            steps.push(if place <= reached {
                Step::passes(&name, format!("{topic} had its turn: what they may see was sent"))
            } else {
                Step::new(&name, None, format!("{topic} was sent what came up to {reached}"))
            });
        }
        steps
    }
}

/// What a change is called.
pub(super) fn event(change: &Change) -> &'static str {
    match change.action {
        Action::Insert { .. } => "INSERT",
        Action::Update { .. } => "UPDATE",
        Action::Delete { .. } => "DELETE",
    }
}
