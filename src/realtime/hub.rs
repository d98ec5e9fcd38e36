//! Topic -> sockets: who is in which room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::TOPIC_PREFIX;
use super::authorize::Unsettled;
use super::frame::Frames;
use super::outbox::Outbox;
use super::presence::{Diff, Presence};
use super::protocol::{self, Broadcast, Version, broadcast};
use super::reading::Origin;
use super::replay::Gate;

/// Transactions of which it matters that they were told: older ones are long visible.
pub(super) const MAX_TOLD: usize = 4096;

/// A room: public and private channels of one name are apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Room {
    /// Full topic, `realtime:` included.
    pub topic: Arc<str>,
    /// Whether policies decide who is in it.
    pub is_private: bool,
}

impl Room {
    /// The channel's name, without `realtime:`.
    pub fn name(&self) -> &str {
        self.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default()
    }
}

/// What a member of a room is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hears {
    /// What the others say.
    pub broadcasts: bool,
    /// Who is present.
    pub presence: bool,
}

impl Hears {
    /// Everything.
    pub const EVERYTHING: Self = Self { broadcasts: true, presence: true };
    /// Nothing.
    pub const NOTHING: Self = Self { broadcasts: false, presence: false };
}

#[derive(Debug)]
struct Member {
    outbox: Outbox,
    hears: Hears,
    /// For those who asked for a replay: what messages of the log must pass.
    gate: Option<Arc<Gate>>,
}

/// Who is in a room, and who of them says so.
#[derive(Debug, Default)]
struct Members {
    list: Vec<Member>,
    presence: Presence,
}

/// Who is in which room.
#[derive(Debug, Default)]
pub struct Hub {
    /// Held for a look-up or a loop of `try_send`s, never across an await.
    rooms: Mutex<HashMap<Room, Members>>,
    /// Transactions of the log that were told; held for a note or a copy.
    told: Mutex<Unsettled>,
}

impl Hub {
    /// A transaction is told from now on.
    pub(super) fn note_told(&self, xid: u32) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.told(xid);
        told.keep_newest(MAX_TOLD);
    }

    /// What was told until now. A commit is in the log a moment before others see it, so whoever
    /// answers a question that comes later must have seen these.
    pub(super) fn told(&self) -> Unsettled {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was told has ended, or was of another log.
    pub(super) fn forget_told(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Unsettled::default();
    }

    /// Lets a socket into a room. Gives the `presence_state` from which the differences follow
    /// that it is sent from now on, when it hears of presence. Messages of the log must pass the
    /// gate, if there is one.
    pub(super) fn enter(
        &self,
        room: &Room,
        socket: &Outbox,
        hears: Hears,
        gate: Option<Arc<Gate>>,
    ) -> Option<String> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let members = rooms.entry(room.clone()).or_default();
        members.list.push(Member { outbox: socket.clone(), hears, gate });
        hears.presence.then(|| members.presence.state())
    }

    /// Changes what a member hears. Gives the `presence_state`, as [`Hub::enter`] does, when it
    /// did not hear of presence before.
    pub fn hear(&self, room: &Room, socket: &Outbox, hears: Hears) -> Option<String> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let members = rooms.get_mut(room)?;
        let member = members.list.iter_mut().find(|member| member.outbox.is(socket))?;
        let before = std::mem::replace(&mut member.hears, hears);
        (hears.presence && !before.presence).then(|| members.presence.state())
    }

    /// Takes from what a member hears whatever is not among `may`.
    pub(super) fn withhold(&self, room: &Room, socket: &Outbox, may: Hears) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let members = rooms.get_mut(room).into_iter().flat_map(|members| &mut members.list);
        for member in members.filter(|member| member.outbox.is(socket)) {
            member.hears.broadcasts &= may.broadcasts;
            member.hears.presence &= may.presence;
        }
    }

    /// Takes a socket out of a room; gives whether the others were told that it is not present
    /// any more.
    pub fn leave(&self, room: &Room, socket: &Outbox) -> bool {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = rooms.get_mut(room) else { return false };
        members.list.retain(|member| !member.outbox.is(socket));
        let diff = members.presence.untrack(socket.owner());
        members.tell(room, diff.as_ref());
        if members.list.is_empty() {
            rooms.remove(room);
        }
        diff.is_some()
    }

    /// A member is present under `key` with `fields`; gives whether that changed anything, and
    /// tells those who hear of presence.
    pub fn track(&self, room: &Room, socket: &Outbox, key: &str, fields: String) -> bool {
        self.change_presence(room, |presence| presence.track(socket.owner(), key, fields))
    }

    /// A member is present no more; as [`Hub::track`].
    pub fn untrack(&self, room: &Room, socket: &Outbox) -> bool {
        self.change_presence(room, |presence| presence.untrack(socket.owner()))
    }

    fn change_presence(
        &self,
        room: &Room,
        change: impl FnOnce(&mut Presence) -> Option<Diff>,
    ) -> bool {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = rooms.get_mut(room) else { return false };
        let diff = change(&mut members.presence);
        members.tell(room, diff.as_ref());
        diff.is_some()
    }

    /// Says something to everybody in a room; `except` hears nothing.
    pub fn say(&self, room: &Room, said: &Broadcast, except: Option<&Outbox>) {
        self.fan_out(room, except, |version| broadcast(version, &room.topic, said));
    }

    /// Says something that stands in the log to everybody in a room.
    pub(super) fn say_from_log(&self, room: &Room, said: &Broadcast, origin: Origin) {
        self.fan_out_from(room, Some(origin), None, |version| {
            broadcast(version, &room.topic, said)
        });
    }

    /// Sends to everybody in a room who hears broadcasts what `frame` makes for their
    /// serializer, made once each.
    pub fn fan_out(
        &self,
        room: &Room,
        except: Option<&Outbox>,
        frame: impl Fn(Version) -> Option<Frames>,
    ) {
        self.fan_out_from(room, None, except, frame);
    }

    /// As [`Hub::fan_out`]; what comes from the log passes gates.
    fn fan_out_from(
        &self,
        room: &Room,
        origin: Option<Origin>,
        except: Option<&Outbox>,
        frame: impl Fn(Version) -> Option<Frames>,
    ) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = rooms.get(room) else { return };
        let is_meant = |member: &Member| {
            member.hears.broadcasts && except.is_none_or(|except| !member.outbox.is(except))
        };
        members.send(origin, is_meant, frame);
    }
}

impl Members {
    fn tell(&self, room: &Room, diff: Option<&Diff>) {
        let Some(diff) = diff else { return };
        let payload = diff.json();
        self.send(
            None,
            |member| member.hears.presence,
            |version| {
                let topic = &room.topic;
                Some(protocol::push(version, None, None, topic, "presence_diff", &payload))
            },
        );
    }

    fn send(
        &self,
        origin: Option<Origin>,
        is_meant: impl Fn(&Member) -> bool,
        frame: impl Fn(Version) -> Option<Frames>,
    ) {
        let (mut v1, mut v2) = (None, None);
        for Member { outbox, gate, .. } in self.list.iter().filter(|member| is_meant(member)) {
            let version = outbox.version();
            let made = match version {
                Version::V1 => &mut v1,
                Version::V2 => &mut v2,
            };
            if let Some(frame) = made.get_or_insert_with(|| frame(version)) {
                match (origin, gate) {
                    (Some(origin), Some(gate)) => gate.pass(origin, frame.clone(), outbox),
                    _ => outbox.send(frame.clone()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::outbox::Inbox;
    use super::*;

    /// How many frames wait.
    fn waiting(inbox: &mut Inbox) -> usize {
        let mut batch = Vec::new();
        let _ = inbox.receive(&mut batch, 10).now_or_never();
        batch.len()
    }

    #[tokio::test]
    async fn who_does_not_hear_is_sent_nothing() {
        let hub = Hub::default();
        let room = Room { topic: "realtime:a".into(), is_private: true };
        let (ana, mut ana_inbox) = Outbox::new(Version::V2, 4, 1000);
        let (bo, mut bo_inbox) = Outbox::new(Version::V2, 4, 1000);
        let (deaf, all) = (
            Hears { broadcasts: false, presence: false },
            Hears { broadcasts: true, presence: true },
        );
        assert_eq!(hub.enter(&room, &ana, deaf, None), None);
        assert_eq!(hub.enter(&room, &bo, all, None).as_deref(), Some("{}"));
        assert!(hub.track(&room, &bo, "b", String::new()));
        let said = Broadcast { event: "hi".into(), is_json: true, data: "{}".into(), id: None };
        hub.say(&room, &said, None);
        assert_eq!(waiting(&mut ana_inbox), 0);
        assert_eq!(waiting(&mut bo_inbox), 2);
        assert!(hub.hear(&room, &ana, all).is_some_and(|state| state.contains("\"b\"")));
        assert!(hub.leave(&room, &bo));
        assert_eq!(waiting(&mut ana_inbox), 1, "bo has left");
    }

    #[tokio::test]
    async fn rooms_of_one_name_are_apart_and_senders_can_be_left_out() {
        let hub = Hub::default();
        let room = |is_private| Room { topic: "realtime:a".into(), is_private };
        let (ana, mut ana_inbox) = Outbox::new(Version::V1, 4, 1000);
        let (bo, mut bo_inbox) = Outbox::new(Version::V2, 4, 1000);
        let (cy, mut cy_inbox) = Outbox::new(Version::V2, 4, 1000);
        let hears = Hears { broadcasts: true, presence: false };
        hub.enter(&room(false), &ana, hears, None);
        hub.enter(&room(false), &bo, hears, None);
        hub.enter(&room(true), &cy, hears, None);
        let said = Broadcast { event: "hi".into(), is_json: true, data: "{}".into(), id: None };
        hub.say(&room(false), &said, Some(&ana));
        hub.say(&room(true), &said, None);
        hub.leave(&room(false), &bo);
        hub.say(&room(false), &said, Some(&ana));

        let mut batch = Vec::new();
        assert_eq!(bo_inbox.receive(&mut batch, 10).await, Ok(()));
        assert_eq!(cy_inbox.receive(&mut batch, 10).await, Ok(()));
        assert_eq!(batch.len(), 2);
        assert_eq!(waiting(&mut ana_inbox), 0);
    }
}
