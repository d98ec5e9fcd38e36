//! Replay: what was broadcast from SQL before a client joined, then what comes live, each once.
//!
//! The gate of a member who asked for a replay keeps live messages back until the earlier ones
//! are on their way, and afterwards keeps back what could be seen when those were read.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::error::{Close, Join, Replay as Refusal};
use super::frame::Frames;
use super::hub::{Hears, Room};
use super::outbox::Outbox;
use super::protocol;
use super::reading::{Origin, Reading};
use super::socket::Connection;
use super::{TOPIC_PREFIX, store};

/// Most messages of one replay.
const MAX_MESSAGES: i64 = 25;

/// Most live messages that wait for a replay.
const MAX_HELD: usize = 512;

/// The year 10000, in milliseconds since 1970: a client may name no later time.
const END_OF_TIME_MS: i64 = 253_402_300_800_000;

/// A replay as a join asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// From when, in milliseconds since 1970.
    pub(super) since_ms: i64,
    /// How many at most: the newest.
    pub(super) limit: i64,
}

impl Asked {
    /// Reads `config.broadcast.replay`; `None` when there is none.
    ///
    /// # Errors
    /// The channel is public, or a value is no number.
    pub(super) fn read(replay: Option<&Value>, is_private: bool) -> Result<Option<Self>, Refusal> {
        let Some(replay) = replay.filter(|replay| !replay.is_null()) else { return Ok(None) };
        if !is_private {
            return Err(Refusal::Public);
        }
        let since = replay.get("since").and_then(Value::as_i64).ok_or(Refusal::Malformed)?;
        let limit = match replay.get("limit") {
            None | Some(Value::Null) => MAX_MESSAGES,
            Some(limit) => limit.as_i64().ok_or(Refusal::Malformed)?,
        };
        Ok(Some(Self {
            since_ms: since.clamp(0, END_OF_TIME_MS),
            limit: limit.clamp(1, MAX_MESSAGES),
        }))
    }
}

/// What is to be sent between the answer to the join and what comes live.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The messages, oldest first.
    pub(super) frames: Vec<Frames>,
    gate: Option<(Arc<Gate>, Reading)>,
}

impl Replay {
    /// Lets a socket into a room and, if a replay is asked for, reads it. Gives the
    /// `presence_state` too, as [`Hub::enter`] does.
    ///
    /// [`Hub::enter`]: super::hub::Hub::enter
    ///
    /// # Errors
    /// The messages cannot be read; the socket is not in the room then.
    pub(super) async fn enter(
        on: &Connection,
        room: &Room,
        hears: Hears,
        join_ref: Option<&str>,
        asked: Option<Asked>,
    ) -> Result<(Self, Option<String>), Join> {
        let (realtime, outbox) = (&*on.realtime, &on.outbox);
        let Some(asked) = asked else {
            let presence = realtime.hub.enter(room, outbox, hears, None);
            return Ok((Self::default(), presence));
        };
        let gate = Gate::shut();
        let presence = realtime.hub.enter(room, outbox, hears, Some(Arc::clone(&gate)));
        let name = room.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default();
        // What does not fit into the queue would close the socket instead.
        let most_bytes = realtime.settings.realtime_queue_bytes;
        // What was told before the socket was in the room must be among them.
        let told = realtime.hub.told();
        let read = store::settled(
            &told,
            |(_, reading): &(_, Reading)| &reading.snapshot,
            || store::replay(&realtime.pg, name, asked, most_bytes),
        );
        let (messages, reading) = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "a replay could not be read");
                realtime.hub.leave(room, outbox);
                return Err(Refusal::Unreadable.into());
            }
        };
        let version = outbox.version();
        let replay = Self {
            frames: messages
                .iter()
                .filter_map(|said| protocol::replayed(version, join_ref, &room.topic, said))
                .collect(),
            gate: Some((gate, reading)),
        };
        Ok((replay, presence))
    }

    /// The messages were sent: what came live meanwhile follows, and what comes later is told
    /// as it comes.
    pub(super) fn finish(self, outbox: &Outbox) {
        if let Some((gate, reading)) = self.gate {
            gate.open(reading, outbox);
        }
    }
}

/// Between the rooms and a member who asked for a replay.
#[derive(Debug)]
pub(super) struct Gate {
    /// Held for a look-up or while the held ones are queued; the order of messages is the order
    /// in which it is taken.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Shut: messages wait.
    Shut(Vec<(Origin, Frames)>),
    /// What was read is still being told live: it is kept back.
    Ajar(Reading),
    /// Open.
    Open,
}

impl Gate {
    /// A gate that is shut.
    pub(super) fn shut() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Shut(Vec::new())) })
    }

    /// Lets a live message through, now, later or not at all.
    pub(super) fn pass(&self, origin: Origin, frame: Frames, outbox: &Outbox) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Shut(held) if held.len() == MAX_HELD => outbox.close(Close::Slow),
            State::Shut(held) => held.push((origin, frame)),
            State::Ajar(reading) if reading.saw(origin) => {}
            State::Ajar(reading) => {
                // Messages come in the order of their commits.
                if origin.commit >= reading.end {
                    *state = State::Open;
                }
                outbox.send(frame);
            }
            State::Open => outbox.send(frame),
        }
    }

    fn open(&self, reading: Reading, outbox: &Outbox) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Shut(held) = &mut *state {
            for (_, frame) in held.drain(..).filter(|(origin, _)| !reading.saw(*origin)) {
                outbox.send(frame);
            }
        }
        *state = State::Ajar(reading);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::authorize::Snapshot;
    use super::super::protocol::Version;
    use super::*;
    use crate::wal::Lsn;

    fn text(content: &str) -> Frames {
        Frames::text(content)
    }

    async fn waiting(inbox: &mut super::super::outbox::Inbox) -> Vec<Frames> {
        let mut batch = Vec::new();
        inbox.receive(&mut batch, 10).await.expect("open");
        batch
    }

    #[tokio::test]
    async fn live_messages_wait_and_what_was_read_is_kept_back() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 10, 1000);
        let gate = Gate::shut();
        let origin = |xid| Origin { xid, commit: Lsn(u64::from(xid)) };
        gate.pass(origin(1), text("1, live"), &outbox);
        gate.pass(origin(3), text("3, live"), &outbox);
        outbox.send(text("1, replayed"));
        let snapshot = Snapshot::read("3:5:3").expect("a snapshot");
        gate.open(Reading { snapshot, end: Lsn(5) }, &outbox);
        gate.pass(origin(2), text("2, too old to be replayed"), &outbox);
        gate.pass(origin(5), text("5, live"), &outbox);
        // Numbers of transactions go around.
        gate.pass(Origin { xid: 2, commit: Lsn(9) }, text("2 again, live"), &outbox);
        let told = ["1, replayed", "3, live", "5, live", "2 again, live"].map(text);
        assert_eq!(waiting(&mut inbox).await, told);
    }

    #[test]
    fn what_is_asked_is_checked() {
        let read = |replay: Value| Asked::read(Some(&replay), true);
        assert_eq!(Asked::read(None, false), Ok(None));
        assert_eq!(read(json!(null)), Ok(None));
        assert_eq!(Asked::read(Some(&json!({"since": 1})), false), Err(Refusal::Public));
        assert_eq!(read(json!({"since": 1})), Ok(Some(Asked { since_ms: 1, limit: 25 })));
        assert_eq!(
            read(json!({"since": -1, "limit": 0})),
            Ok(Some(Asked { since_ms: 0, limit: 1 }))
        );
        assert_eq!(
            read(json!({"since": i64::MAX, "limit": 99})),
            Ok(Some(Asked { since_ms: END_OF_TIME_MS, limit: 25 }))
        );
        for wrong in [
            json!({}),
            json!(1),
            json!({"since": "1"}),
            json!({"since": 1.5}),
            json!({"since": 1, "limit": "x"}),
        ] {
            assert_eq!(read(wrong.clone()), Err(Refusal::Malformed), "{wrong}");
        }
    }
}
