//! Broadcasts that SQL sent, on their way from the log to the rooms: rows of realtime.messages, and
//! messages without a row.

use bytes::Bytes;

use super::hub::{Hub, Room};
use super::protocol::{Broadcast, MAX_NAME_BYTES};
use super::reading::Origin;
use super::{TOPIC_PREFIX, bridge};
use crate::observe::RealtimeMetrics;
use crate::wal::{Action, Change, Datum, Lsn, Message};

/// Reads what the log says to the rooms.
pub(super) struct Broadcasts {
    /// Larger payloads are not broadcast.
    most_bytes: usize,
    /// Where the log ended when it was first streamed: what is before, a former process told.
    from: Option<Lsn>,
    metrics: RealtimeMetrics,
}

/// A broadcast of the log, to be told.
#[derive(Debug)]
pub(super) struct Said {
    room: Room,
    broadcast: Broadcast,
    /// Where its row stands: a replay may tell it too.
    row: Option<Origin>,
}

/// What is no broadcast, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unspeakable {
    #[error("it has no payload")]
    Empty,
    #[error("its payload is larger than {0} bytes")]
    Large(usize),
    #[error("it has no event")]
    NoEvent,
    #[error("its topic or event is longer than {MAX_NAME_BYTES} bytes")]
    LongName,
    #[error("it cannot be read")]
    Malformed,
}

impl Unspeakable {
    fn outcome(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Large(_) => "too_large",
            Self::NoEvent => "no_event",
            Self::LongName => "long_name",
            Self::Malformed => "malformed",
        }
    }
}

/// Whether a change is a broadcast: rows of realtime.messages are nobody's changes.
pub(super) fn is_broadcast(change: &Change) -> bool {
    change.relation.schema == "realtime" && change.relation.name == "messages"
}

impl Broadcasts {
    /// Reads messages with payloads of at most `most_bytes`.
    pub(super) fn new(most_bytes: usize, metrics: RealtimeMetrics) -> Self {
        Self { most_bytes, from: None, metrics }
    }

    /// The log is streamed, and ends at `end` now; with a gap, it is another than before.
    pub(super) fn connected(&mut self, end: Lsn, is_gap: bool) {
        self.from = match self.from {
            None => Some(end),
            // Its positions may be lower, and nothing of it was told.
            Some(_) if is_gap => Some(Lsn(0)),
            from => from,
        };
    }

    /// What a row of realtime.messages says, if it is to be told.
    pub(super) fn of_row(&self, change: &Change) -> Option<Said> {
        if self.is_told(change.place.commit) {
            return None;
        }
        let what = || {
            let id = column(change, "id").and_then(text).unwrap_or_default();
            format!("row {id} of realtime.messages")
        };
        let (room, broadcast) = self.count(what, read(change, self.most_bytes).transpose()?)?;
        Some(Said { room, broadcast, row: Some(Origin::of(&change.transaction)) })
    }

    /// What a message without a row says, if it is to be told.
    pub(super) fn of_message(&self, message: &Message) -> Option<Said> {
        if self.is_told(message.place.commit) {
            return None;
        }
        let what = || format!("the message at {} of the log", message.place);
        let (room, broadcast) =
            self.count(what, bridge::read(&message.content, self.most_bytes))?;
        Some(Said { room, broadcast, row: None })
    }

    fn is_told(&self, commit: Lsn) -> bool {
        self.from.is_none_or(|from| commit < from)
    }

    fn count<T>(&self, what: impl Fn() -> String, read: Result<T, Unspeakable>) -> Option<T> {
        count(&self.metrics, what, read)
    }
}

/// Counts a broadcast of the database, and says in the log what is none; `what` names it.
pub(super) fn count<T>(
    metrics: &RealtimeMetrics,
    what: impl Fn() -> String,
    read: Result<T, Unspeakable>,
) -> Option<T> {
    let outcome = read.as_ref().err().map_or("ok", |why| why.outcome());
    metrics.count_database_broadcast(outcome);
    read.inspect_err(|why| tracing::warn!("{} is not broadcast: {why}", what())).ok()
}

impl Said {
    /// Tells it.
    pub(super) fn tell(&self, hub: &Hub) {
        let Some(row) = self.row else { return hub.say(&self.room, &self.broadcast, None) };
        hub.say_from_log(&self.room, &self.broadcast, row);
    }

    /// Bytes that it carries.
    pub(super) fn size_bytes(&self) -> usize {
        self.broadcast.data.len()
    }
}

/// The room and the broadcast of a row; `None` when it is of another kind.
fn read(change: &Change, most_bytes: usize) -> Result<Option<(Room, Broadcast)>, Unspeakable> {
    let field = |name| column(change, name).and_then(text);
    if field("extension") != Some("broadcast") || !matches!(change.action, Action::Insert { .. }) {
        return Ok(None);
    }
    let event = field("event").ok_or(Unspeakable::NoEvent)?;
    let topic = format!("{TOPIC_PREFIX}{}", field("topic").unwrap_or_default());
    if event.len() > MAX_NAME_BYTES || topic.len() > MAX_NAME_BYTES {
        return Err(Unspeakable::LongName);
    }
    let (is_json, data) = match (column(change, "payload"), field("binary_payload")) {
        (Some(json), _) => (true, json.clone()),
        (None, Some(bytes)) => {
            let digits = bytes.strip_prefix("\\x").ok_or(Unspeakable::Malformed)?;
            (false, hex::decode(digits).map_err(|_| Unspeakable::Malformed)?.into())
        }
        (None, None) => return Err(Unspeakable::Empty),
    };
    if data.len() > most_bytes {
        return Err(Unspeakable::Large(most_bytes));
    }
    let room = Room { topic: topic.into(), is_private: field("private") == Some("t") };
    let id = field("id").map(Into::into);
    Ok(Some((room, Broadcast { event: event.to_owned(), is_json, data, id })))
}

/// A value of the new row; `None` when it is null.
fn column<'a>(change: &'a Change, name: &str) -> Option<&'a Bytes> {
    let Action::Insert { new } = &change.action else { return None };
    let place = change.relation.columns.iter().position(|column| column.name == name)?;
    match new.get(place)? {
        Datum::Text(text) => Some(text),
        Datum::Null | Datum::Unchanged => None,
    }
}

fn text(bytes: &Bytes) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wal::{Column, Place, Relation, Transaction};

    const MOST_BYTES: usize = 1000;

    fn message(values: &[(&str, Option<&str>)]) -> Change {
        let columns = values.iter().map(|(name, _)| Column {
            name: (*name).to_owned(),
            type_oid: 25,
            is_identity: false,
        });
        let relation = Relation {
            oid: 1,
            schema: "realtime".into(),
            name: "messages".into(),
            columns: columns.collect(),
        };
        let datum = |value: Option<&str>| {
            value.map_or(Datum::Null, |text| Datum::Text(Bytes::copy_from_slice(text.as_bytes())))
        };
        Change {
            place: Place { commit: Lsn(10), index: 0 },
            transaction: Arc::new(Transaction::default()),
            relation: Arc::new(relation),
            action: Action::Insert { new: values.iter().map(|(_, value)| datum(*value)).collect() },
        }
    }

    fn why(values: &[(&str, Option<&str>)]) -> Option<Unspeakable> {
        let kept = values.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let rest = [("extension", Some("broadcast")), ("topic", Some("a")), ("event", Some("e"))];
        let rest = rest.into_iter().filter(|(name, _)| !kept.contains(name));
        read(&message(&values.iter().copied().chain(rest).collect::<Vec<_>>()), MOST_BYTES).err()
    }

    #[test]
    fn a_row_names_its_room() {
        let row = [
            ("topic", Some("a")),
            ("extension", Some("broadcast")),
            ("payload", Some("[1]")),
            ("event", Some("e")),
            ("private", Some("t")),
            ("id", Some("i")),
        ];
        let (room, said) =
            read(&message(&row), MOST_BYTES).expect("speakable").expect("a broadcast");
        assert_eq!((&*room.topic, room.is_private), ("realtime:a", true));
        assert_eq!((&*said.event, said.is_json, &said.data[..]), ("e", true, &b"[1]"[..]));
        assert_eq!(said.id.as_deref(), Some("i"));
    }

    #[test]
    fn bytes_are_read_from_their_digits() {
        let row = [
            ("topic", Some("a")),
            ("extension", Some("broadcast")),
            ("event", Some("e")),
            ("binary_payload", Some("\\x00ff")),
        ];
        let (room, said) =
            read(&message(&row), MOST_BYTES).expect("speakable").expect("a broadcast");
        assert!(!room.is_private && !said.is_json);
        assert_eq!(&said.data[..], [0, 255]);
    }

    #[test]
    fn what_cannot_be_said_has_a_reason() {
        let large = "x".repeat(MOST_BYTES + 1);
        let long = "x".repeat(MAX_NAME_BYTES - TOPIC_PREFIX.len() + 1);
        assert_eq!(why(&[("payload", None)]), Some(Unspeakable::Empty));
        assert_eq!(why(&[("payload", Some(&large))]), Some(Unspeakable::Large(MOST_BYTES)));
        assert_eq!(why(&[("event", None)]), Some(Unspeakable::NoEvent));
        assert_eq!(why(&[("topic", Some(&long))]), Some(Unspeakable::LongName));
        assert_eq!(why(&[("binary_payload", Some("\\x0"))]), Some(Unspeakable::Malformed));
        assert_eq!(why(&[("binary_payload", Some("00"))]), Some(Unspeakable::Malformed));
        assert_eq!(why(&[("payload", Some("{}"))]), None);
    }

    #[test]
    fn what_a_former_process_told_is_not_told_again() {
        let row = message(&[
            ("topic", Some("a")),
            ("extension", Some("broadcast")),
            ("event", Some("e")),
            ("payload", Some("1")),
        ]);
        let at = |commit| {
            let mut row = row.clone();
            row.place.commit = Lsn(commit);
            row
        };
        let mut broadcasts = Broadcasts::new(MOST_BYTES, RealtimeMetrics::default());
        assert!(broadcasts.of_row(&at(11)).is_none(), "nobody knows where the log ends");
        broadcasts.connected(Lsn(11), true);
        assert!(broadcasts.of_row(&at(10)).is_none() && broadcasts.of_row(&at(11)).is_some());
        broadcasts.connected(Lsn(20), false);
        assert!(broadcasts.of_row(&at(12)).is_some(), "a later connection changes nothing");
        broadcasts.connected(Lsn(2), true);
        assert!(broadcasts.of_row(&at(3)).is_some(), "another log begins");
    }
}
