//! Broadcasts that SQL writes as JSON: into NOTIFY, and into messages of the log. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch;
use super::broadcast::Unspeakable;
use super::hub::Room;
use super::protocol::{Broadcast, MAX_NAME_BYTES};

/// Most bytes around a payload: both names, each of their bytes escaped, and the keys.
const MAX_ENVELOPE_BYTES: usize = 4096;

/// What is said without a payload.
const NO_PAYLOAD: &str = "{}";

/// `{"topic": name, "event": name, "payload": any JSON, "private": boolean}`. Without a payload it
/// is an empty object; to the private channel of that name, unless told otherwise.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    private: Option<bool>,
}

/// The room and the broadcast of a text, with a payload of at most `most_bytes`.
///
/// # Errors
/// It is not of that form, or too large.
pub(super) fn read(json: &[u8], most_bytes: usize) -> Result<(Room, Broadcast), Unspeakable> {
    if json.len() > most_bytes.saturating_add(MAX_ENVELOPE_BYTES) {
        return Err(Unspeakable::Large(most_bytes));
    }
    let written: Written<'_> = serde_json::from_slice(json).map_err(|_| Unspeakable::Malformed)?;
    let Written { topic, event, payload, private } = written;
    if topic.len() > batch::MAX_TOPIC_BYTES || event.len() > MAX_NAME_BYTES {
        return Err(Unspeakable::LongName);
    }
    if topic.trim().is_empty() || event.trim().is_empty() {
        return Err(Unspeakable::Malformed);
    }
    let payload = payload.map_or(NO_PAYLOAD, RawValue::get);
    if payload.len() > most_bytes {
        return Err(Unspeakable::Large(most_bytes));
    }
    let data = Bytes::copy_from_slice(payload.as_bytes());
    let room = batch::room(&topic, private.unwrap_or(true));
    Ok((room, Broadcast { event: event.into_owned(), is_json: true, data, id: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST_BYTES: usize = 1000;

    fn spoken(json: &str) -> (String, bool, String, String) {
        let (room, said) = read(json.as_bytes(), MOST_BYTES).expect("a broadcast");
        let data = String::from_utf8(said.data.to_vec()).expect("UTF-8");
        (room.topic.to_string(), room.is_private, said.event, data)
    }

    #[test]
    fn broadcasts_are_private_unless_told_otherwise() {
        let all = r#"{"topic": "a\"b", "event": "e", "payload": [1.00], "private": false}"#;
        let least = r#"{"topic": "t", "event": "e", "later": 1}"#;
        assert_eq!(spoken(all), ("realtime:a\"b".into(), false, "e".into(), "[1.00]".into()));
        assert_eq!(spoken(least), ("realtime:t".into(), true, "e".into(), "{}".into()));
    }

    #[test]
    fn what_is_no_broadcast_has_a_reason() {
        let why = |json: &str| read(json.as_bytes(), MOST_BYTES).err();
        let malformed = [
            "",
            "hello",
            "[]",
            r#"{"topic": "t"}"#,
            r#"{"topic": 1, "event": "e"}"#,
            r#"{"topic": " ", "event": "e"}"#,
            r#"{"topic": "t", "event": ""}"#,
            r#"{"topic": "t", "event": "e", "private": "no"}"#,
            r#"{"topic": "t", "event": "e"} and more"#,
        ];
        for json in malformed {
            assert_eq!(why(json), Some(Unspeakable::Malformed), "{json}");
        }
        let named = |topic: &str, event: &str, payload: &str| {
            format!(r#"{{"topic": "{topic}", "event": "{event}", "payload": "{payload}"}}"#)
        };
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        assert_eq!(why(&named(&long, "e", "")), Some(Unspeakable::LongName));
        assert_eq!(why(&named("t", &long, "")), Some(Unspeakable::LongName));
        for size in [MOST_BYTES, MOST_BYTES + MAX_ENVELOPE_BYTES] {
            let large = named("t", "e", &"x".repeat(size));
            assert_eq!(why(&large), Some(Unspeakable::Large(MOST_BYTES)));
        }
    }
}
