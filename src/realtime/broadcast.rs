//! Broadcasts that SQL sent: rows of realtime.messages on their way from the log to the rooms.

use std::sync::Arc;

use bytes::Bytes;

use super::TOPIC_PREFIX;
use super::hub::{Hub, Room};
use super::protocol::{Broadcast, MAX_NAME_BYTES};
use super::replay::Origin;
use crate::wal::{Action, Change, Datum, Lsn};

/// Messages after which the sockets' writers get a turn.
const BURST: usize = 32;

/// Hands messages of the log to the rooms, in the order of their commits.
pub(super) struct Broadcasts {
    hub: Arc<Hub>,
    /// Larger payloads are not broadcast.
    most_bytes: usize,
    /// Where the log ended when it was first streamed: what is before, a former process told.
    from: Option<Lsn>,
    told: usize,
}

/// A row that is no broadcast, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unspeakable {
    #[error("it has no payload")]
    Empty,
    #[error("its payload is larger than {0} bytes")]
    Large(usize),
    #[error("it has no event")]
    NoEvent,
    #[error("its topic or event is longer than {MAX_NAME_BYTES} bytes")]
    LongName,
    #[error("its payload cannot be read")]
    Malformed,
}

impl Broadcasts {
    /// Hands messages with payloads of at most `most_bytes` to the rooms of `hub`.
    pub(super) fn new(hub: Arc<Hub>, most_bytes: usize) -> Self {
        Self { hub, most_bytes, from: None, told: 0 }
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

    /// Hands a message to its room. Gives whether the change was a message at all: rows of
    /// realtime.messages are nobody's changes.
    pub(super) async fn take(&mut self, change: &Change) -> bool {
        let relation = &change.relation;
        if relation.schema != "realtime" || relation.name != "messages" {
            return false;
        }
        if self.from.is_none_or(|from| change.place.commit < from) {
            return true;
        }
        let origin = Origin { xid: change.transaction.xid, commit: change.transaction.commit };
        match read(change, self.most_bytes) {
            Ok(Some((room, said))) => self.hub.say_from_log(&room, &said, origin),
            Ok(None) => {}
            Err(why) => {
                let id = column(change, "id").and_then(text).unwrap_or_default();
                tracing::warn!(id, "a row of realtime.messages is not broadcast: {why}");
            }
        }
        self.told += 1;
        if self.told.is_multiple_of(BURST) {
            tokio::task::yield_now().await;
        }
        true
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
    use super::super::outbox::Outbox;
    use super::super::protocol::Version;
    use super::*;

    const MOST_BYTES: usize = 1000;

    use crate::wal::{Column, Place, Relation, Transaction};

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

    #[tokio::test]
    async fn what_a_former_process_told_is_not_told_again() {
        let hub = Arc::new(Hub::default());
        let (outbox, mut inbox) = Outbox::new(Version::V1, 9, 999);
        let room = Room { topic: "realtime:a".into(), is_private: false };
        let hears = super::super::hub::Hears { broadcasts: true, presence: false };
        hub.enter(&room, &outbox, hears, None);
        let row = |payload| {
            [
                ("topic", Some("a")),
                ("extension", Some("broadcast")),
                ("event", Some("e")),
                ("payload", Some(payload)),
            ]
        };
        let mut broadcasts = Broadcasts::new(hub, MOST_BYTES);
        broadcasts.connected(Lsn(11), true);
        assert!(broadcasts.take(&message(&row("1"))).await, "it is a message all the same");
        let mut later = message(&row("2"));
        later.place.commit = Lsn(11);
        assert!(broadcasts.take(&later).await);
        broadcasts.connected(Lsn(20), false);
        later.place.commit = Lsn(12);
        assert!(broadcasts.take(&later).await, "a later connection changes nothing");
        broadcasts.connected(Lsn(2), true);
        later.place.commit = Lsn(3);
        assert!(broadcasts.take(&later).await, "another log begins");

        let mut heard = Vec::new();
        assert_eq!(inbox.receive(&mut heard, 9).await, Ok(()));
        assert_eq!(heard.len(), 3);
        assert!(format!("{:?}", heard[0]).contains(r#"\"payload\":2"#), "{heard:?}");
    }
}
