//! The body of a broadcast over HTTP: messages, and what is wrong with them. Pure.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::TOPIC_PREFIX;
use super::error::Api as Error;
use super::hub::Room;
use super::protocol::{Broadcast, MAX_NAME_BYTES};

/// Longest name of a channel, in bytes: the topic of a frame is longer by its prefix.
pub(super) const MAX_TOPIC_BYTES: usize = MAX_NAME_BYTES - TOPIC_PREFIX.len();

const BLANK: &str = "can't be blank";
const INVALID: &str = "is invalid";

/// The messages of a batch, each with a payload of at most `most_bytes`, and where it is to be
/// heard.
///
/// # Errors
/// The body is no JSON, or what is wrong with each message.
pub(super) fn read(body: &[u8], most_bytes: usize) -> Result<Vec<(Room, Broadcast)>, Error> {
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
    }
    let fault = |text| Error::Invalid(json!({"messages": [text]}));
    let body: &RawValue = serde_json::from_slice(body).map_err(|_| Error::Malformed)?;
    let batch: Batch<'_> = serde_json::from_str(body.get()).map_err(|_| fault(BLANK))?;
    let messages = batch.messages.ok_or_else(|| fault(BLANK))?;
    let messages: Vec<&RawValue> =
        serde_json::from_str(messages.get()).map_err(|_| fault(INVALID))?;
    let read: Vec<_> = messages.iter().map(|message| read_message(message, most_bytes)).collect();
    if read.iter().all(Result::is_ok) {
        return Ok(read.into_iter().flatten().collect());
    }
    let faults: Vec<_> = read.into_iter().map(|read| read.err().unwrap_or_default()).collect();
    Err(Error::Invalid(json!({"messages": faults})))
}

/// A message of a batch; what is wrong with each of its fields.
fn read_message(
    message: &RawValue,
    most_bytes: usize,
) -> Result<(Room, Broadcast), Map<String, Value>> {
    #[derive(Default, Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
        #[serde(borrow)]
        event: Option<&'a RawValue>,
        #[serde(borrow)]
        payload: Option<&'a RawValue>,
        #[serde(borrow)]
        private: Option<&'a RawValue>,
    }
    let message: Message<'_> = serde_json::from_str(message.get()).unwrap_or_default();
    let topic = text(message.topic, MAX_TOPIC_BYTES);
    let event = text(message.event, MAX_NAME_BYTES);
    let payload = message.payload.map_or("", RawValue::get);
    let is_private = flag(message.private);
    match (topic, event, payload_fault(payload, most_bytes), is_private) {
        (Ok(topic), Ok(event), None, Ok(is_private)) => {
            let data = Bytes::copy_from_slice(payload.as_bytes());
            Ok((room(&topic, is_private), Broadcast { event, is_json: true, data, id: None }))
        }
        (topic, event, payload, is_private) => {
            let mut wrong = Map::new();
            note(&mut wrong, "topic", topic.err());
            note(&mut wrong, "event", event.err());
            note(&mut wrong, "payload", payload);
            note(&mut wrong, "private", is_private.err());
            Err(wrong)
        }
    }
}

/// Writes down what is wrong with a field, if anything.
pub(super) fn note(wrong: &mut Map<String, Value>, field: &str, fault: Option<String>) {
    if let Some(fault) = fault {
        wrong.insert(field.to_owned(), json!([fault]));
    }
}

fn text(value: Option<&RawValue>, most_bytes: usize) -> Result<String, String> {
    let text: String =
        serde_json::from_str(value.ok_or(BLANK)?.get()).map_err(|_| INVALID.to_owned())?;
    match name_fault(&text, most_bytes) {
        Some(fault) => Err(fault),
        None => Ok(text),
    }
}

fn flag(value: Option<&RawValue>) -> Result<bool, String> {
    match value.map(RawValue::get) {
        None | Some("false" | "\"false\"") => Ok(false),
        Some("true" | "\"true\"") => Ok(true),
        Some(_) => Err(INVALID.to_owned()),
    }
}

/// What is wrong with a name, if anything.
pub(super) fn name_fault(name: &str, most_bytes: usize) -> Option<String> {
    if name.trim().is_empty() {
        return Some(BLANK.to_owned());
    }
    (name.len() > most_bytes).then(|| format!("should be at most {most_bytes} byte(s)"))
}

/// In a batch a payload is an object.
fn payload_fault(json: &str, most_bytes: usize) -> Option<String> {
    match json.bytes().next() {
        None => Some(BLANK.to_owned()),
        Some(b'{') => size_fault(json.len(), most_bytes),
        Some(_) => Some(INVALID.to_owned()),
    }
}

/// What is wrong with a payload of this size, if anything.
pub(super) fn size_fault(bytes: usize, most_bytes: usize) -> Option<String> {
    (bytes > most_bytes).then(|| "Payload size exceeds tenant limit".to_owned())
}

/// The room of a channel's name.
pub(super) fn room(name: &str, is_private: bool) -> Room {
    Room { topic: format!("{TOPIC_PREFIX}{name}").into(), is_private }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST_BYTES: usize = 1000;

    fn faults(body: &Value) -> Value {
        match read(body.to_string().as_bytes(), MOST_BYTES) {
            Err(Error::Invalid(faults)) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_fault_of_a_batch_is_named() {
        assert_eq!(faults(&json!({})), json!({"messages": ["can't be blank"]}));
        assert_eq!(faults(&json!({"messages": {}})), json!({"messages": ["is invalid"]}));
        let well = json!({"topic": "t", "event": "e", "payload": {}});
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        let large = "x".repeat(MOST_BYTES);
        let messages = json!([
            well, {"topic": "t"}, 7,
            {"topic": 1, "event": " ", "payload": [], "private": 1},
            {"topic": long, "event": long, "payload": {"a": large}},
        ]);
        assert_eq!(
            faults(&json!({"messages": messages}))["messages"],
            json!([
                {},
                {"event": [BLANK], "payload": [BLANK]},
                {"topic": [BLANK], "event": [BLANK], "payload": [BLANK]},
                {"topic": [INVALID], "event": [BLANK], "payload": [INVALID], "private": [INVALID]},
                {"topic": ["should be at most 246 byte(s)"], "event": ["should be at most 255 byte(s)"],
                 "payload": ["Payload size exceeds tenant limit"]},
            ])
        );
    }

    #[test]
    fn payloads_pass_as_they_are() {
        let body = br#"{"messages": [{"topic": "t", "event": "e", "private": "true", "payload": {"n": 1.00}}]}"#;
        let mut batch = read(body, MOST_BYTES).expect("well-formed");
        let (room, said) = batch.pop().expect("a message");
        assert_eq!((&*room.topic, room.is_private), ("realtime:t", true));
        assert_eq!(&said.data[..], br#"{"n": 1.00}"#);
    }
}
