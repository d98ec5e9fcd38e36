//! Subscribers that come, catch up and go.

use std::sync::Arc;

use super::super::authorize::Person;
use super::super::explain::{Look, MAX_SUBSCRIPTIONS, Standing, Subscription};
use super::super::reading::{Origin, Reading};
use super::super::subscriber::{Active, Subscriber, system, tell_gap};
use super::super::subscription::After;
use super::handle::{Command, Greeting};
use super::{Feed, hang_up};
use crate::config::RealtimeSettings;
use crate::identity::Identity;
use crate::wal::Place;

/// Missed changes sent to one subscriber in one go, at most.
const CATCH_UP_BATCH: usize = 64;

/// Which part of a queue they may fill: as frames they are larger than their values alone.
const CATCH_UP_SHARE: usize = 8;

/// People that have left and are still remembered.
const MAX_IDLE_PEOPLE: usize = 1024;

/// So many changes, or so few that their values are just more than so many bytes.
pub(super) struct Portion {
    changes: usize,
    bytes: usize,
}

impl Portion {
    /// What is sent to somebody who catches up.
    pub(super) fn of(settings: &RealtimeSettings) -> Self {
        let frames = settings.realtime_queue_frames / CATCH_UP_SHARE;
        Self {
            changes: CATCH_UP_BATCH.min(frames).max(1),
            bytes: settings.realtime_queue_bytes / CATCH_UP_SHARE,
        }
    }
}

impl Feed {
    /// Does what the feed is asked.
    pub(super) async fn obey(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscriber, greeting, done) => {
                // Without a stream there is no "now" to subscribe from.
                while !self.has_connected {
                    let event = self.log.next().await;
                    self.take(event).await;
                }
                self.subscribe(subscriber, greeting);
                self.catch_up().await;
                // The socket may be gone already; its unsubscription follows.
                let _ = done.send(());
            }
            Command::Look(look, done) => {
                // Whoever asked may have given up.
                let _ = done.send(self.standing(&look));
            }
            Command::Unsubscribe(id) => {
                self.remove(id);
                // Now and then, so that many leaving at once cost each no look at all others.
                if self.people.len() > 2 * self.delivery.roster().len() + MAX_IDLE_PEOPLE {
                    self.people.retain(|person, _| Arc::strong_count(person) > 1);
                }
            }
        }
    }

    /// A renewed subscription goes on where the former one stands. One that names a place again
    /// from which its socket was sent more already goes on after that.
    fn subscribe(&mut self, mut subscriber: Subscriber, greeting: Greeting) {
        let former = self.standing_of(subscriber.id);
        let sent = subscriber.sent.get();
        let now = Place::before(self.window.end()).max(self.last);
        let mut missing = None;
        let mut from = now;
        for (number, binding) in subscriber.bindings.iter_mut().enumerate() {
            let mut after = match (&former, binding.after.take()) {
                (Some((former, place)), _) => {
                    let began = former.bindings.get(number).and_then(|it| it.after.clone());
                    let began = began.unwrap_or(After::place(*place));
                    After { place: began.place.max(*place), ..began }
                }
                (None, Some(After { reading: Some(reading), .. })) => {
                    After { place: self.end_of(&reading).max(sent), reading: Some(reading) }
                }
                (None, Some(after)) => After { place: after.place.max(sent), ..after },
                (None, None) => After::place(now),
            };
            let kept = after.place.max(self.window.from());
            if after.place < kept {
                missing = Some((after.place, kept));
            }
            after.place = kept;
            from = from.min(kept);
            binding.after = Some(after);
        }
        for frame in greeting(from) {
            subscriber.outbox.send(frame);
        }
        let place = format!(",\"lsn\":\"{from}\"");
        system(&subscriber, "ok", "Subscribed to PostgreSQL", &place);
        if let Some(gap) = missing {
            tell_gap(&subscriber, gap);
        }
        let (person, identity) = self.person(&subscriber.identity);
        let active = Active { identity, person, subscriber: Arc::new(subscriber) };
        self.remove(active.subscriber.id);
        self.catching_up.push((active, from));
    }

    /// The place up to which a reading shows everything; the very first when that is not known
    /// any more.
    fn end_of(&self, reading: &Reading) -> Place {
        let Some(place) = self.sightings.find(reading) else { return Place::default() };
        let Some(mut later) = self.window.after(place) else { return place };
        match later.find(|change| !reading.saw(Origin::of(&change.transaction))) {
            Some(unseen) => Place::before(unseen.place.commit),
            None => place.max(self.last),
        }
    }

    fn standing(&self, look: &Look) -> Standing {
        let live = self.delivery.roster().everybody().map(|active| (active, None));
        let catching_up = self.catching_up.iter().map(|(active, place)| (active, Some(*place)));
        let theirs = live.chain(catching_up).filter(|(active, _)| look.is_of(&active.identity));
        let subscriptions =
            theirs.take(MAX_SUBSCRIPTIONS).map(|(active, caught_up)| Subscription {
                subscriber: Arc::clone(&active.subscriber),
                caught_up,
                rests: self.delivery.rests(look.table, active),
            });
        Standing {
            is_connected: *self.is_connected.borrow(),
            from: self.window.from(),
            last: self.last,
            change: look.place.and_then(|place| self.window.at(place)).cloned(),
            subscriptions: subscriptions.collect(),
        }
    }

    /// A subscriber, and up to where it has everything.
    fn standing_of(&self, id: u64) -> Option<(Arc<Subscriber>, Place)> {
        let live = self.delivery.roster().get(id).map(|active| (active, self.last));
        let mut catching_up = self.catching_up.iter().map(|(active, place)| (active, *place));
        let (active, place) =
            live.or_else(|| catching_up.find(|(active, _)| active.subscriber.id == id))?;
        Some((Arc::clone(&active.subscriber), place))
    }

    fn remove(&mut self, id: u64) {
        self.delivery.remove(id);
        self.catching_up.retain(|(active, _)| active.subscriber.id != id);
    }

    /// Sends a little of what they missed to those who have taken what they were sent; who has
    /// it all goes on with everybody. Nobody waits for them meanwhile.
    pub(super) async fn catch_up(&mut self) {
        for (active, place) in std::mem::take(&mut self.catching_up) {
            let outbox = &active.subscriber.outbox;
            if outbox.is_closed() {
                continue;
            }
            if !outbox.has_room() {
                self.catching_up.push((active, place));
                continue;
            }
            // The window may have moved on while they did not keep up.
            let from = place.max(self.window.from());
            if place < from {
                tell_gap(&active.subscriber, (place, from));
            }
            let mut changes = self.window.after(from).into_iter().flatten().peekable();
            let (mut missed, mut bytes) = (Vec::new(), 0);
            while missed.len() < self.catch_up.changes
                && bytes <= self.catch_up.bytes
                && let Some(change) = changes.next()
            {
                bytes += change.size_bytes();
                missed.push(Arc::clone(change));
            }
            let is_last = changes.peek().is_none();
            let reached = missed.last().map(|last| last.place);
            let on_failure = &mut hang_up(&mut self.log);
            self.delivery.deliver_apart(missed, &active, on_failure).await;
            match reached {
                Some(reached) if !is_last => self.catching_up.push((active, reached)),
                _ => self.delivery.insert(active),
            }
        }
    }

    /// The shared form of an identity, and its number.
    fn person(&mut self, identity: &Identity) -> (Person, Arc<Identity>) {
        if let Some((identity, person)) = self.people.get_key_value(identity) {
            return (*person, Arc::clone(identity));
        }
        let identity = Arc::new(identity.clone());
        let person = self.next_person;
        self.next_person += 1;
        self.people.insert(Arc::clone(&identity), person);
        (person, identity)
    }
}
