//! A channel on a socket that wants changes of the log, and what it is told beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::TOPIC_PREFIX;
use super::authorize::Person;
use super::frame::Frames;
use super::outbox::Outbox;
use super::protocol::{self, json_text};
use super::subscription::{After, Binding};
use crate::identity::Identity;
use crate::wal::{Lsn, Place, Relation};

/// A channel on a socket, with what it wants of the log.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Its number; a later subscription of the same number replaces it.
    pub id: u64,
    /// The channel's full topic.
    pub topic: Arc<str>,
    /// What the answers to its join carry, and what it is told of itself.
    pub join_ref: Option<Arc<str>>,
    /// Where its events go.
    pub outbox: Outbox,
    /// As whom it sees.
    pub identity: Identity,
    /// Whether its events are named for what happened, with the data as their payload.
    pub is_legacy: bool,
    /// What it wants.
    pub bindings: Vec<Binding>,
    /// Up to where it was sent events.
    pub sent: Arc<Sent>,
}

/// The place of the last event that a channel was sent. The feed alone reads and writes it.
#[derive(Debug, Default)]
pub struct Sent {
    commit: AtomicU64,
    index: AtomicU32,
}

impl Sent {
    pub(super) fn get(&self) -> Place {
        let commit = Lsn(self.commit.load(Ordering::Relaxed));
        Place { commit, index: self.index.load(Ordering::Relaxed) }
    }

    pub(super) fn set(&self, place: Place) {
        self.commit.store(place.commit.0, Ordering::Relaxed);
        self.index.store(place.index, Ordering::Relaxed);
    }
}

impl Subscriber {
    /// The place after which all of its bindings are complete.
    pub(super) fn from(&self) -> Place {
        let places = self.bindings.iter().filter_map(|binding| Some(binding.after.as_ref()?.place));
        places.min().unwrap_or_default()
    }

    /// The frame of a change; `kind` is INSERT, UPDATE or DELETE.
    pub(super) fn frame(&self, kind: &str, ids: &[u32], data: &str) -> Frames {
        let version = self.outbox.version();
        if self.is_legacy {
            return protocol::push(version, None, None, &self.topic, kind, data);
        }
        let payload = format!("{{\"ids\":{ids:?},\"data\":{data}}}");
        protocol::push(version, None, None, &self.topic, "postgres_changes", &payload)
    }
}

/// A subscriber that is active.
#[derive(Debug, Clone)]
pub(super) struct Active {
    /// As whom it sees; one for all sockets of a person.
    pub(super) identity: Arc<Identity>,
    /// The person's number.
    pub(super) person: Person,
    pub(super) subscriber: Arc<Subscriber>,
}

impl Active {
    /// The same with bindings that go on from `start` where they waited for a later place: that
    /// was one of another log. `None` when none did.
    pub(super) fn not_after(&self, start: Place) -> Option<Self> {
        let is_later =
            |binding: &Binding| binding.after.as_ref().is_some_and(|after| after.place > start);
        if !self.subscriber.bindings.iter().any(is_later) {
            return None;
        }
        let mut subscriber = Subscriber::clone(&self.subscriber);
        for binding in subscriber.bindings.iter_mut().filter(|binding| is_later(binding)) {
            binding.after = Some(After::place(start));
        }
        Some(Self { subscriber: Arc::new(subscriber), ..self.clone() })
    }
}

/// Says that a policy failed for this person: nobody else notices.
pub(super) fn tell_failure(subscriber: &Subscriber, relation: &Relation, sqlstate: &str) {
    let message = format!(
        "A row policy on {}.{} failed with SQLSTATE {sqlstate}: this change is not delivered",
        relation.schema, relation.name
    );
    system(subscriber, "error", &message, "");
}

/// Says that changes are gone: the subscriber goes on after them.
pub(super) fn tell_gap(subscriber: &Subscriber, (from, to): (Place, Place)) {
    subscriber.sent.set(to);
    let message = format!("gap: changes after {from} up to {to} are not kept any more; read again");
    system(subscriber, "error", &message, &format!(",\"from\":\"{from}\",\"to\":\"{to}\""));
}

/// A `system` message of extension `postgres_changes`; `more` is JSON to go into its payload.
pub(super) fn system(subscriber: &Subscriber, status: &str, message: &str, more: &str) {
    let name = subscriber.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default();
    let payload = format!(
        r#"{{"extension":"postgres_changes","status":"{status}","message":{},"channel":{}{more}}}"#,
        json_text(Some(message)),
        json_text(Some(name)),
    );
    let version = subscriber.outbox.version();
    subscriber.outbox.send(protocol::push(
        version,
        subscriber.join_ref.as_deref(),
        None,
        &subscriber.topic,
        "system",
        &payload,
    ));
}
