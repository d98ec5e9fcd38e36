//! A change and whom it concerns: what each of them is shown of it, in frames made once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::Message as Frame;

use super::authorize::{Audience, Authorizer, Inquiry, Person, Rows, Seen, Sight, Table};
use super::event::{self, Shown};
use super::protocol::Version;
use super::roster::{Listener, Match};
use super::subscriber::tell_failure;
use super::subscription::{Left, View};
use crate::config::DeleteEvents;
use crate::identity::unix_now;
use crate::wal::{Action, Change, Old};

/// A change and whom it concerns.
pub(super) struct Concern<'a> {
    pub(super) change: &'a Arc<Change>,
    pub(super) table: Arc<Table>,
    pub(super) matches: Vec<Match<'a>>,
    /// What each role among them sees; the SQLSTATE when it may not be put on.
    pub(super) sights: Vec<(&'a Arc<str>, Result<Sight, String>)>,
}

/// A listener and what it is shown.
struct Out<'a> {
    listener: &'a Listener,
    view: &'a View,
    shown: Shown,
}

impl Concern<'_> {
    /// Sends what was decided. Data are encoded once for each way of seeing the change, and
    /// frames once for each topic, serializer and set of bindings. Gives to how many channels.
    pub(super) fn send(
        &self,
        authorizer: &Authorizer,
        inquiry: &Inquiry,
        delete_events: DeleteEvents,
    ) -> u64 {
        let now = unix_now();
        let mut delivered = 0;
        for (role, sight) in &self.sights {
            let sight = match sight {
                Ok(sight) => sight,
                Err(sqlstate) => {
                    for listener in self.listeners(role).map(|(_, listener)| listener) {
                        tell_failure(&listener.subscriber, &self.change.relation, sqlstate);
                    }
                    continue;
                }
            };
            let mut outs = Vec::new();
            let audience = authorizer.audience(self.table.oid, role);
            self.collect(role, sight, audience, inquiry, delete_events, &mut outs);
            outs.retain(|out| out.listener.is_open(self.change, now));
            delivered += self.write(sight, outs);
            // The row before an update is a bonus: failing to judge it withholds nothing.
            let judged = match self.change.action {
                Action::Insert { .. } | Action::Update { .. } => &sight.new,
                Action::Delete { .. } => &sight.old,
            };
            for (viewer, sqlstate) in inquiry.failed(judged) {
                let people = audience.map_or(&[][..], |audience| audience.people(*viewer));
                for (_, listener) in self.listeners_of(role, people) {
                    if listener.is_open(self.change, now) {
                        tell_failure(&listener.subscriber, &self.change.relation, sqlstate);
                    }
                }
            }
        }
        delivered
    }

    /// Everybody of a role whom the change concerns, with what they are shown.
    fn collect<'a>(
        &'a self,
        role: &'a Arc<str>,
        sight: &'a Sight,
        audience: Option<&Audience>,
        inquiry: &Inquiry,
        delete_events: DeleteEvents,
        outs: &mut Vec<Out<'a>>,
    ) {
        if let Some(shown) = self.shown_to_all(sight, delete_events) {
            let all = self.listeners(role).filter(|(found, _)| found.is_wanted);
            outs.extend(all.map(|(found, listener)| Out {
                listener,
                view: &found.interest.view,
                shown,
            }));
            return;
        }
        let (new, old) = (inquiry.permitted(&sight.new), inquiry.permitted(&sight.old));
        let sees = |seen: &Seen, permitted: &[u32], viewer: Option<u32>| match seen {
            Seen::Everybody => true,
            Seen::Nobody => false,
            Seen::Some(..) => viewer.is_some_and(|viewer| permitted.binary_search(&viewer).is_ok()),
        };
        let mut take = |found: &'a Match<'a>, person: Person, listeners: &'a [Listener]| {
            let viewer = audience.and_then(|audience| audience.viewer(person));
            let sees_new = sees(&sight.new, &new, viewer);
            let sees_old = sees(&sight.old, &old, viewer);
            let Some(shown) = self.shown(found, sees_new, sees_old) else { return };
            let view = &found.interest.view;
            outs.extend(listeners.iter().map(|listener| Out { listener, view, shown }));
        };
        for found in &self.matches {
            let Some(group) = found.group.get(role) else { continue };
            // Whichever are fewer are looked up among the others.
            let permitted = new.len() + old.len();
            let is_listed =
                !matches!((&sight.new, &sight.old), (Seen::Everybody, _) | (_, Seen::Everybody));
            if is_listed && permitted < group.len() {
                let audience = audience.into_iter();
                let viewers = if *new == *old { vec![&new] } else { vec![&new, &old] };
                let mut people: Vec<Person> = audience
                    .flat_map(|audience| {
                        let viewers = viewers.iter().flat_map(|viewers| viewers.iter());
                        viewers.flat_map(|viewer| audience.people(*viewer)).copied()
                    })
                    .collect();
                if viewers.len() > 1 {
                    people.sort_unstable();
                    people.dedup();
                }
                for person in people {
                    if let Some(listeners) = group.get(&person) {
                        take(found, person, listeners);
                    }
                }
            } else {
                for (person, listeners) in group {
                    take(found, *person, listeners);
                }
            }
        }
    }

    /// What everybody who wants the change is shown, when no row is judged.
    fn shown_to_all(&self, sight: &Sight, delete_events: DeleteEvents) -> Option<Shown> {
        let lens = &sight.lens;
        if let Action::Delete { old } = &self.change.action {
            let is_open = lens.rows == Rows::All || delete_events == DeleteEvents::Compat;
            let is_key = matches!(old, Old::Key(_));
            return (is_key && is_open && lens.rows != Rows::None).then_some(Shown::New);
        }
        if !self.table.has_key() {
            return Some(Shown::NoKey);
        }
        let mut columns = self.table.columns.iter().zip(&lens.columns);
        columns.any(|(column, is_visible)| column.is_key && !is_visible).then_some(Shown::NoRight)
    }

    /// What somebody is shown who may see the row after the change, or the row before it.
    fn shown(&self, found: &Match<'_>, sees_new: bool, sees_old: bool) -> Option<Shown> {
        match &self.change.action {
            Action::Insert { .. } => (found.is_wanted && sees_new).then_some(Shown::New),
            Action::Update { .. } if found.is_wanted && sees_new => {
                Some(if sees_old { Shown::NewAndOld } else { Shown::New })
            }
            Action::Update { .. } => match found.left {
                // It is gone from them: they saw it, and do not any more.
                Some(Left::Filter) => sees_old.then_some(Shown::MovedOut),
                Some(Left::Sight) => (sees_old && !sees_new).then_some(Shown::MovedOut),
                None => None,
            },
            Action::Delete { .. } => (found.is_wanted && sees_old).then_some(Shown::NewAndOld),
        }
    }

    fn listeners<'a>(
        &'a self,
        role: &'a Arc<str>,
    ) -> impl Iterator<Item = (&'a Match<'a>, &'a Listener)> {
        self.matches.iter().flat_map(move |found| {
            let people = found.group.get(role).into_iter().flat_map(HashMap::values);
            people.flatten().map(move |listener| (found, listener))
        })
    }

    fn listeners_of<'a>(
        &'a self,
        role: &'a Arc<str>,
        people: &'a [Person],
    ) -> impl Iterator<Item = (&'a Match<'a>, &'a Listener)> {
        self.matches.iter().flat_map(move |found| {
            let group = found.group.get(role);
            let listeners = people.iter().filter_map(move |person| group?.get(person));
            listeners.flatten().map(move |listener| (found, listener))
        })
    }

    /// Bindings of one subscriber that see the same are one message.
    fn write(&self, sight: &Sight, mut outs: Vec<Out<'_>>) -> u64 {
        let mut written = 0;
        let mut data: HashMap<(Shown, &View), String> = HashMap::new();
        let mut frames: HashMap<Alike<'_>, Frame> = HashMap::new();
        if self.matches.len() > 1 {
            outs.sort_by(|a, b| {
                (a.place(), a.listener.number).cmp(&(b.place(), b.listener.number))
            });
        }
        for alike in outs.chunk_by(|a, b| a.place() == b.place()) {
            let Out { listener, view, shown } = &alike[0];
            let ids: Vec<u32> = alike.iter().map(|out| out.listener.id).collect();
            let subscriber = &listener.subscriber;
            let data = data.entry((*shown, view)).or_insert_with(|| {
                event::data(self.change, &self.table, &sight.lens, *shown, view)
            });
            let version = subscriber.outbox.version();
            let framing = (version, subscriber.is_legacy);
            let key: Alike<'_> = (*shown, view, framing, &subscriber.topic, ids);
            let ids = key.4.clone();
            let frame = frames.entry(key).or_insert_with(|| {
                let kind = event::kind(&self.change.action, *shown);
                subscriber.frame(kind, &ids, data)
            });
            subscriber.outbox.send(frame.clone());
            written += 1;
            subscriber.sent.set(self.change.place);
        }
        written
    }
}

impl Out<'_> {
    /// What is told in one message.
    fn place(&self) -> (u64, Shown, &View) {
        (self.listener.subscriber.id, self.shown, self.view)
    }
}

/// What makes two frames of one change and role the same: what is shown and how, serializer and
/// framing, topic and bindings.
type Alike<'a> = (Shown, &'a View, (Version, bool), &'a str, Vec<u32>);

impl Listener {
    /// Whether it listens to this change, with a token that is still good.
    fn is_open(&self, change: &Change, now: i64) -> bool {
        self.after.as_ref().is_none_or(|after| after.is_before(change))
            && self.expires_at.is_none_or(|at| at > now)
    }
}
