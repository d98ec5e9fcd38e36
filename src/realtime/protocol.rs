//! Frames of Phoenix channels, serializer versions 1.0.0 and 2.0.0. Pure.
//!
//! Version 1 is a JSON object, version 2 a JSON array or, for what users broadcast, a binary
//! frame whose first byte is its kind.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::frame::Frames;

/// Longest topic, event or metadata in a binary frame, in bytes: their lengths are one byte.
pub const MAX_NAME_BYTES: usize = 255;

/// Which serializer a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1.0.0: objects, text only.
    V1,
    /// 2.0.0: arrays, and binary broadcasts.
    V2,
}

impl Version {
    /// Reads the `vsn` of the URL: any 1.0.x or 2.0.x; absent means 1.0.0.
    pub fn read(vsn: Option<&str>) -> Option<Self> {
        let (series, patch) = vsn.unwrap_or("1.0.0").rsplit_once('.')?;
        patch.parse::<u32>().ok()?;
        match series {
            "1.0" => Some(Self::V1),
            "2.0" => Some(Self::V2),
            _ => None,
        }
    }
}

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Push {
    /// Which join of the topic it belongs to.
    pub join_ref: Option<String>,
    /// What the reply must carry.
    pub reference: Option<String>,
    /// `phoenix`, or `realtime:` and the channel's name.
    pub topic: String,
    /// Name of the event.
    pub event: String,
    /// What came with it.
    pub payload: Payload,
}

/// What came with a push.
#[derive(Debug, Clone)]
pub enum Payload {
    /// JSON, unread.
    Json(Box<RawValue>),
    /// A user's broadcast from a binary frame.
    Broadcast(Broadcast),
}

/// What a user says to the others in a channel.
#[derive(Debug, Clone)]
pub struct Broadcast {
    /// The user's own event name.
    pub event: String,
    /// Whether `data` is JSON.
    pub is_json: bool,
    /// The user's payload.
    pub data: Bytes,
    /// Its id in the database, when it comes from there.
    pub id: Option<Arc<str>>,
}

/// A frame that cannot be read. The connection stays, the frame is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed frame")]
pub struct Malformed;

/// Reads a text frame.
///
/// # Errors
/// It is not what the serializer writes.
pub fn decode_text(version: Version, text: &str) -> Result<Push, Malformed> {
    match version {
        Version::V1 => {
            #[derive(Deserialize)]
            struct Object {
                topic: String,
                event: String,
                payload: Box<RawValue>,
                #[serde(rename = "ref")]
                reference: Option<Reference>,
                join_ref: Option<Reference>,
            }
            let object: Object = serde_json::from_str(text).map_err(|_| Malformed)?;
            Ok(Push {
                join_ref: object.join_ref.map(Reference::text),
                reference: object.reference.map(Reference::text),
                topic: object.topic,
                event: object.event,
                payload: Payload::Json(object.payload),
            })
        }
        Version::V2 => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).map_err(|_| Malformed)?;
            let [join_ref, reference, topic, event, payload, ..] = items.as_slice() else {
                return Err(Malformed);
            };
            Ok(Push {
                join_ref: read::<Option<Reference>>(join_ref)?.map(Reference::text),
                reference: read::<Option<Reference>>(reference)?.map(Reference::text),
                topic: read(topic)?,
                event: read(event)?,
                payload: Payload::Json(payload.clone()),
            })
        }
    }
}

/// A reference is a string for the stock clients, and a number for some others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Text(String),
    Number(u64),
}

impl Reference {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, Malformed> {
    serde_json::from_str(value.get()).map_err(|_| Malformed)
}

/// Reads a binary frame: kind 3 (a user's broadcast) or kind 0 (any push with a JSON payload).
///
/// # Errors
/// It is cut off, of another kind, or its names are not UTF-8.
pub fn decode_binary(frame: &Bytes) -> Result<Push, Malformed> {
    let (names, with_encoding) = match frame.first() {
        Some(3) => (5, true),
        Some(0) => (4, false),
        _ => return Err(Malformed),
    };
    let lengths = frame.get(1..=names).ok_or(Malformed)?;
    let encoding = if with_encoding { *frame.get(1 + names).ok_or(Malformed)? } else { 1 };
    let mut at = 1 + names + usize::from(with_encoding);
    let mut texts = Vec::with_capacity(names);
    for length in lengths {
        let end = at + usize::from(*length);
        let text = frame.get(at..end).ok_or(Malformed)?;
        texts.push(std::str::from_utf8(text).map_err(|_| Malformed)?.to_owned());
        at = end;
    }
    let data = frame.slice(at..);
    let mut texts = texts.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    let (join_ref, reference, topic, event) = (next(), next(), next(), next());
    let some = |text: String| (!text.is_empty()).then_some(text);
    let (event, payload) = if with_encoding {
        let is_json = match encoding {
            0 => false,
            1 => serde_json::from_slice::<&RawValue>(&data).is_ok(),
            _ => return Err(Malformed),
        };
        if encoding == 1 && !is_json {
            return Err(Malformed);
        }
        ("broadcast".to_owned(), Payload::Broadcast(Broadcast { event, is_json, data, id: None }))
    } else {
        let json = serde_json::from_slice(&data).map_err(|_| Malformed)?;
        (event, Payload::Json(json))
    };
    Ok(Push { join_ref: some(join_ref), reference: some(reference), topic, event, payload })
}

/// A message of the server with a JSON payload. Version 1 has no place for `join_ref`.
pub fn push(
    version: Version,
    join_ref: Option<&str>,
    reference: Option<&str>,
    topic: &str,
    event: &str,
    payload: &str,
) -> Frames {
    let quoted = |text: Option<&str>| json_text(text);
    Frames::text(&match version {
        Version::V1 => format!(
            r#"{{"topic":{},"event":{},"payload":{payload},"ref":{}}}"#,
            json_text(Some(topic)),
            json_text(Some(event)),
            quoted(reference),
        ),
        Version::V2 => format!(
            "[{},{},{},{},{payload}]",
            quoted(join_ref),
            quoted(reference),
            json_text(Some(topic)),
            json_text(Some(event)),
        ),
    })
}

/// The answer to a push.
pub fn reply(version: Version, to: &Push, is_ok: bool, response: &str) -> Frames {
    let status = if is_ok { "ok" } else { "error" };
    let payload = format!(r#"{{"status":"{status}","response":{response}}}"#);
    push(version, to.join_ref.as_deref(), to.reference.as_deref(), &to.topic, "phx_reply", &payload)
}

/// What a user broadcast, for the others. `None` when the version cannot carry it.
pub fn broadcast(version: Version, topic: &str, said: &Broadcast) -> Option<Frames> {
    match version {
        Version::V1 if !said.is_json => None,
        Version::V1 => text_broadcast(version, None, topic, said, &meta(said, false)),
        Version::V2 => binary_broadcast(topic, said, &meta(said, false)),
    }
}

/// A broadcast of the past: JSON as text, for both versions. `None` when the version cannot
/// carry it.
pub fn replayed(
    version: Version,
    join_ref: Option<&str>,
    topic: &str,
    said: &Broadcast,
) -> Option<Frames> {
    match version {
        _ if said.is_json => text_broadcast(version, join_ref, topic, said, &meta(said, true)),
        Version::V1 => None,
        Version::V2 => binary_broadcast(topic, said, &meta(said, true)),
    }
}

/// What is said about a broadcast beside it, as JSON; empty when nothing is.
fn meta(said: &Broadcast, is_replayed: bool) -> String {
    let Some(id) = said.id.as_deref() else { return String::new() };
    let id = json_text(Some(id));
    if is_replayed {
        format!(r#"{{"replayed":true,"id":{id}}}"#)
    } else {
        format!(r#"{{"id":{id}}}"#)
    }
}

fn text_broadcast(
    version: Version,
    join_ref: Option<&str>,
    topic: &str,
    said: &Broadcast,
    meta: &str,
) -> Option<Frames> {
    let data = std::str::from_utf8(&said.data).ok()?;
    let event = json_text(Some(&said.event));
    let meta = if meta.is_empty() { String::new() } else { format!(r#","meta":{meta}"#) };
    let payload = format!(r#"{{"type":"broadcast","event":{event},"payload":{data}{meta}}}"#);
    Some(push(version, join_ref, None, topic, "broadcast", &payload))
}

fn binary_broadcast(topic: &str, said: &Broadcast, meta: &str) -> Option<Frames> {
    let names = topic.len() + said.event.len() + meta.len();
    let mut frame = BytesMut::with_capacity(5 + names + said.data.len());
    frame.put_u8(4);
    frame.put_u8(u8::try_from(topic.len()).ok()?);
    frame.put_u8(u8::try_from(said.event.len()).ok()?);
    frame.put_u8(u8::try_from(meta.len()).ok()?);
    frame.put_u8(u8::from(said.is_json));
    frame.put_slice(topic.as_bytes());
    frame.put_slice(said.event.as_bytes());
    frame.put_slice(meta.as_bytes());
    frame.put_slice(&said.data);
    Some(Frames::binary(&frame))
}

/// A JSON string, or null.
pub fn json_text(text: Option<&str>) -> String {
    to_raw_value(&text).map_or_else(|_| "null".to_owned(), |raw| raw.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(parts: [&str; 4], encoding: u8, data: &[u8]) -> Bytes {
        let mut frame = vec![3];
        frame.extend(parts.map(|part| u8::try_from(part.len()).expect("short")));
        frame.extend([0, encoding]);
        frame.extend(parts.concat().bytes());
        frame.extend(data);
        frame.into()
    }

    #[test]
    fn patches_of_a_version_are_that_version() {
        let read = |vsn| Version::read(Some(vsn));
        assert_eq!((read("1.0.0"), read("1.0.7")), (Some(Version::V1), Some(Version::V1)));
        assert_eq!((read("2.0.1"), Version::read(None)), (Some(Version::V2), Some(Version::V1)));
        for other in ["", "1", "1.0", "1.1.0", "2.0.x", "3.0.0", "2.0.0.0", "2.0."] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn version_1_is_an_object() {
        let text = r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}"#;
        let push = decode_text(Version::V1, text).expect("reads");
        assert_eq!((&*push.topic, &*push.event, push.reference), ("phoenix", "heartbeat", None));
        assert_eq!(decode_text(Version::V1, r#"{"topic":"t","event":"e"}"#).err(), Some(Malformed));
    }

    #[test]
    fn version_2_is_an_array_and_more_elements_are_ignored() {
        let push = decode_text(Version::V2, r#"["1","2","realtime:a","phx_join",{"x":1},9]"#)
            .expect("reads");
        assert_eq!(push.join_ref.as_deref(), Some("1"));
        assert_eq!(push.reference.as_deref(), Some("2"));
        assert!(decode_text(Version::V2, r#"["1","2","t","e"]"#).is_err());
        assert!(decode_text(Version::V2, "{").is_err());
    }

    #[test]
    fn numeric_references_are_kept() {
        let push = decode_text(Version::V2, r#"[1,2,"t","e",{}]"#).expect("reads");
        assert_eq!((push.join_ref.as_deref(), push.reference.as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn binary_broadcast_is_read_and_written() {
        let frame = binary(["1", "2", "realtime:a", "hi"], 1, br#"{"a":1}"#);
        let push = decode_binary(&frame).expect("reads");
        let Payload::Broadcast(said) = &push.payload else { panic!("kind") };
        assert_eq!((&*push.topic, &*said.event, said.is_json), ("realtime:a", "hi", true));
        let out = broadcast(Version::V2, &push.topic, said);
        assert_eq!(out, Some(Frames::binary(b"\x04\x0a\x02\x00\x01realtime:ahi{\"a\":1}")));
        let out = broadcast(Version::V1, &push.topic, said).expect("JSON");
        assert_eq!(
            out.as_text().expect("a text"),
            r#"{"topic":"realtime:a","event":"broadcast","payload":{"type":"broadcast","event":"hi","payload":{"a":1}},"ref":null}"#
        );
    }

    #[test]
    fn broadcasts_of_the_database_bring_their_id() {
        let said = Broadcast {
            event: "e".into(),
            is_json: true,
            data: Bytes::from_static(b"[1]"),
            id: Some("i".into()),
        };
        let text = |frames: Option<Frames>| {
            frames.as_ref().and_then(Frames::as_text).map(str::to_owned).expect("a text")
        };
        assert_eq!(
            broadcast(Version::V2, "t", &said),
            Some(Frames::binary(b"\x04\x01\x01\x0a\x01te{\"id\":\"i\"}[1]"))
        );
        assert_eq!(
            text(broadcast(Version::V1, "t", &said)),
            r#"{"topic":"t","event":"broadcast","payload":{"type":"broadcast","event":"e","payload":[1],"meta":{"id":"i"}},"ref":null}"#
        );
        assert_eq!(
            text(replayed(Version::V2, Some("1"), "t", &said)),
            r#"["1",null,"t","broadcast",{"type":"broadcast","event":"e","payload":[1],"meta":{"replayed":true,"id":"i"}}]"#
        );
        let bytes = Broadcast { is_json: false, ..said };
        assert_eq!(replayed(Version::V1, None, "t", &bytes), None);
        let raw = replayed(Version::V2, None, "t", &bytes).expect("bytes");
        assert_eq!(raw.as_text(), None);
    }

    #[test]
    fn raw_bytes_do_not_reach_version_1() {
        let frame = binary(["", "2", "realtime:a", "hi"], 0, &[0xff]);
        let Payload::Broadcast(said) = decode_binary(&frame).expect("reads").payload else {
            panic!("kind")
        };
        assert!(broadcast(Version::V1, "realtime:a", &said).is_none());
    }

    #[test]
    fn binary_frames_that_lie_are_refused() {
        let whole = binary(["1", "2", "realtime:a", "hi"], 1, b"{}");
        for length in 0..whole.len() {
            assert!(decode_binary(&whole.slice(..length)).is_err(), "{length}");
        }
        assert!(decode_binary(&binary(["1", "2", "t", "e"], 1, b"{")).is_err());
        assert!(decode_binary(&binary(["1", "2", "t", "e"], 9, b"{}")).is_err());
        assert!(decode_binary(&Bytes::from_static(&[7, 0, 0])).is_err());
    }

    #[test]
    fn replies_answer_their_push() {
        let asked = decode_text(Version::V2, r#"["1","2","realtime:a","x",{}]"#).expect("reads");
        let told = reply(Version::V2, &asked, true, "{}");
        assert_eq!(
            told.as_text(),
            Some(r#"["1","2","realtime:a","phx_reply",{"status":"ok","response":{}}]"#)
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind in 0_u8..5, rest: Vec<u8>) {
            let mut frame = vec![kind];
            frame.extend(rest);
            let _ = decode_binary(&frame.into());
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = decode_text(Version::V1, &text);
            let _ = decode_text(Version::V2, &text);
        }
    }
}
