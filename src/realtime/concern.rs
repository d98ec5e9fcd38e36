//! A change and whom it concerns: what each of them is shown of it, in frames made once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::authorize::{Audience, Authorizer, Inquiry, Person, Rows, Seen, Sight, Table};
use super::event::{self, Shown};
use super::frame::Frames;
use super::latest::{RowKey, Subject};
use super::protocol::Version;
use super::roster::{Listener, Match};
use super::subscriber::{Subscriber, tell_failure};
use super::subscription::{Left, View};
use crate::config::DeleteEvents;
use crate::identity::unix_now;
use crate::wal::{Action, Change, Old};

/// A change and whom it concerns.
pub(super) struct Concern<'a> {
    /// The number of the part that it is told in.
    pub(super) part: usize,
    pub(super) change: &'a Arc<Change>,
    pub(super) table: Arc<Table>,
    pub(super) matches: Vec<Match<'a>>,
    /// What each role among them sees; the SQLSTATE when it may not be put on.
    pub(super) sights: Vec<(&'a Arc<str>, Result<Sight, String>)>,
}

/// A listener and what it is shown.
#[derive(Clone, Copy)]
struct Out<'a> {
    listener: &'a Listener,
    view: &'a View,
    shown: Shown,
}

/// Sends what was decided about a run of changes, each alike to the one before. Data are encoded
/// once for each way of seeing a change, and frames once for each topic, serializer and set of
/// bindings. Gives how many frames were sent, each to a channel.
pub(super) fn send(
    run: &[Concern<'_>],
    authorizer: &Authorizer,
    inquiry: &Inquiry,
    delete_events: DeleteEvents,
) -> u64 {
    let Some(first) = run.first() else { return 0 };
    let now = unix_now();
    let mut sent = 0;
    for (role, sight) in &first.sights {
        let relation = &first.change.relation;
        let sight = match sight {
            Ok(sight) => sight,
            Err(sqlstate) => {
                for listener in first.listeners(role).map(|(_, listener)| listener) {
                    tell_failure(&listener.subscriber, relation, sqlstate);
                }
                continue;
            }
        };
        let mut outs = Vec::new();
        let audience = authorizer.audience(first.table.oid, role);
        first.collect(role, sight, audience, inquiry, delete_events, &mut outs);
        if outs.iter().all(|out| out.listener.is_open_from(first.change, now)) {
            sent += write(run, sight, outs);
        } else {
            for concern in run {
                let is_open = |out: &&Out<'_>| out.listener.is_open(concern.change, now);
                let open = outs.iter().filter(is_open).copied().collect();
                sent += write(std::slice::from_ref(concern), sight, open);
            }
        }
        // The row before an update is a bonus: failing to judge it withholds nothing.
        let judged = match first.change.action {
            Action::Insert { .. } | Action::Update { .. } => &sight.new,
            Action::Delete { .. } => &sight.old,
        };
        for (viewer, sqlstate) in inquiry.failed(judged) {
            let people = audience.map_or(&[][..], |audience| audience.people(*viewer));
            for (_, listener) in first.listeners_of(role, people) {
                if listener.is_open(first.change, now) {
                    tell_failure(&listener.subscriber, relation, sqlstate);
                }
            }
        }
    }
    sent
}

impl Concern<'_> {
    /// Whether the next change concerns the same people, and all of them in the same way, by what
    /// was known before anything was asked.
    pub(super) fn is_alike(&self, next: &Self) -> bool {
        use Action::{Insert, Update};
        let (a, b) = (&self.change.action, &next.change.action);
        let is_same_kind =
            matches!((a, b), (Insert { .. }, Insert { .. }) | (Update { .. }, Update { .. }));
        let matches = self.matches.iter().zip(&next.matches);
        let mut sights = self.sights.iter().zip(&next.sights);
        is_same_kind
            && Arc::ptr_eq(&self.table, &next.table)
            && (self.matches.len(), self.sights.len()) == (next.matches.len(), next.sights.len())
            && matches.into_iter().all(|(a, b)| {
                Arc::ptr_eq(a.interest, b.interest) && (a.is_wanted, a.left) == (b.is_wanted, b.left)
            })
            && sights.all(|((role, a), (next_role, b))| {
                matches!((a, b), (Ok(a), Ok(b)) if role == next_role && a.is_same(b))
            })
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
        let mut take = |found: &'a Match<'a>, listeners: &'a [Listener], sees_new, sees_old| {
            let Some(shown) = self.shown(found, sees_new, sees_old) else { return };
            let view = &found.interest.view;
            outs.extend(listeners.iter().map(|listener| Out { listener, view, shown }));
        };
        let is_listed =
            !matches!((&sight.new, &sight.old), (Seen::Everybody, _) | (_, Seen::Everybody));
        let are_one = old.is_empty() || *new == *old;
        for found in &self.matches {
            let Some(group) = found.group.get(role) else { continue };
            // Whichever are fewer are looked up among the others.
            if is_listed && new.len() + old.len() <= group.len() {
                let mut viewers = Cow::Borrowed(&*new);
                if !are_one {
                    viewers.to_mut().extend(&*old);
                    viewers.to_mut().sort_unstable();
                    viewers.to_mut().dedup();
                }
                for viewer in viewers.iter() {
                    let sees_new = are_one || sees(&sight.new, &new, Some(*viewer));
                    let sees_old = sees(&sight.old, &old, Some(*viewer));
                    for person in audience.map_or(&[][..], |audience| audience.people(*viewer)) {
                        if let Some(listeners) = group.get(person) {
                            take(found, listeners, sees_new, sees_old);
                        }
                    }
                }
            } else {
                for (person, listeners) in group {
                    let viewer = audience.and_then(|audience| audience.viewer(*person));
                    let sees_new = sees(&sight.new, &new, viewer);
                    take(found, listeners, sees_new, sees(&sight.old, &old, viewer));
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

    /// The row, where it is shown by its key.
    fn row(&self, shown: Shown) -> Option<Arc<RowKey>> {
        let has_key = !matches!(shown, Shown::NoKey | Shown::NoRight);
        has_key.then(|| RowKey::of(self.change, &self.table))?.map(Arc::new)
    }
}

/// What those hear of a run who hear the same.
struct Told {
    each: Vec<Frames>,
    /// All in one piece.
    all: Frames,
}

/// Bindings of one subscriber that see the same are one message. Gives how many were sent.
fn write(run: &[Concern<'_>], sight: &Sight, mut outs: Vec<Out<'_>>) -> u64 {
    let mut sent = 0;
    let rows: OnceCell<Vec<Option<Arc<RowKey>>>> = OnceCell::new();
    let mut last: Option<(&[Out<'_>], Rc<Told>)> = None;
    let mut data: HashMap<(Shown, &View), Vec<String>> = HashMap::new();
    let mut made: HashMap<Alike<'_>, Rc<Told>> = HashMap::new();
    if run.iter().any(|concern| concern.matches.len() > 1) {
        outs.sort_by(|a, b| (a.place(), a.listener.number).cmp(&(b.place(), b.listener.number)));
    }
    for alike in outs.chunk_by(|a, b| a.place() == b.place()) {
        let Out { listener, view, shown } = &alike[0];
        let Subscriber { id, topic, outbox, is_legacy, .. } = &*listener.subscriber;
        let ids = || alike.iter().map(|out| out.listener.id).collect::<Vec<u32>>();
        // Most are as the ones before, and cost no look-up.
        let told = match &last {
            Some((former, told)) if is_one_frame(former, alike) => Rc::clone(told),
            _ => {
                let data = data.entry((*shown, view)).or_insert_with(|| {
                    let data = |of: &Concern<'_>| {
                        event::data(of.change, &of.table, &sight.lens, *shown, view)
                    };
                    run.iter().map(data).collect()
                });
                let framing = (outbox.version(), *is_legacy);
                let key: Alike<'_> = (*shown, view, framing, topic, ids());
                let told = made.entry(key).or_insert_with(|| {
                    let kinds = run.iter().map(|of| event::kind(&of.change.action, *shown));
                    let told = kinds.zip(data);
                    let told =
                        told.map(|(kind, data)| listener.subscriber.frame(kind, &ids(), data));
                    let each: Vec<Frames> = told.collect();
                    Rc::new(Told { all: Frames::together(&each), each })
                });
                Rc::clone(told)
            }
        };
        if alike.iter().all(|out| out.listener.is_compact) {
            let rows = rows.get_or_init(|| run.iter().map(|of| of.row(*shown)).collect());
            for (frame, row) in told.each.iter().zip(rows) {
                match row {
                    Some(row) => {
                        let row = Arc::clone(row);
                        let subject = Subject { subscription: *id, ids: ids(), row };
                        outbox.send_latest(frame.clone(), subject);
                    }
                    None => outbox.send(frame.clone()),
                }
            }
        } else {
            outbox.send(told.all.clone());
        }
        if let Some(newest) = run.last() {
            listener.subscriber.sent.set(newest.change.place);
        }
        sent += told.each.len() as u64;
        last = Some((alike, told));
    }
    sent
}

/// Whether two messages about a change, to people of one role, are the same frame.
fn is_one_frame(former: &[Out<'_>], next: &[Out<'_>]) -> bool {
    let framing = |out: &Out<'_>| {
        let Subscriber { outbox, is_legacy, .. } = &*out.listener.subscriber;
        (out.shown, outbox.version(), *is_legacy)
    };
    let (a, b) = (&former[0], &next[0]);
    framing(a) == framing(b)
        && (std::ptr::eq(a.view, b.view) || a.view == b.view)
        && a.listener.subscriber.topic == b.listener.subscriber.topic
        && former.iter().map(|out| out.listener.id).eq(next.iter().map(|out| out.listener.id))
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
    /// Whether it listens to this change and to all after it, for as long as its token is good.
    fn is_open_from(&self, change: &Change, now: i64) -> bool {
        let has_reading = self.after.as_ref().is_some_and(|after| after.reading.is_some());
        !has_reading && self.is_open(change, now)
    }

    /// Whether it listens to this change, with a token that is still good.
    fn is_open(&self, change: &Change, now: i64) -> bool {
        self.after.as_ref().is_none_or(|after| after.is_before(change))
            && self.expires_at.is_none_or(|at| at > now)
    }
}
