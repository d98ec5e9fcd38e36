//! Who is present in a room, as they say of themselves. Pure; nothing is kept beyond memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::protocol::json_text;

/// What a client asks of its presence.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// To be present with this: the inside of a JSON object.
    Track(String),
    /// To be present no more.
    Untrack,
}

/// A call that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What to be present with is no object.
    NotAMap,
    /// There is no such call.
    Unknown,
}

impl Call {
    /// Reads the payload of a `presence` push.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn read(payload: &RawValue) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Object {
            event: String,
            payload: Option<Box<RawValue>>,
        }
        let object: Object = serde_json::from_str(payload.get()).map_err(|_| Refusal::Unknown)?;
        match object.event.to_ascii_lowercase().as_str() {
            "track" => match object.payload {
                None => Ok(Self::Track(String::new())),
                Some(payload) => fields(&payload).map(Self::Track).ok_or(Refusal::NotAMap),
            },
            "untrack" => Ok(Self::Untrack),
            _ => Err(Refusal::Unknown),
        }
    }
}

/// The inside of an object, without what only the server may say.
fn fields(payload: &RawValue) -> Option<String> {
    let fields: IndexMap<String, &RawValue> = serde_json::from_str(payload.get()).ok()?;
    let own = fields.iter().filter(|(name, _)| !["phx_ref", "phx_ref_prev"].contains(&&***name));
    let each = own.map(|(name, value)| format!("{}:{}", json_text(Some(name)), value.get()));
    Some(each.collect::<Vec<_>>().join(","))
}

/// Which connection: one is present at most once in a room.
pub type Owner = usize;

/// Who is present in one room.
#[derive(Debug, Default)]
pub struct Presence {
    present: IndexMap<Arc<str>, Vec<Meta>>,
    /// Under which key each connection is present.
    keys: HashMap<Owner, Arc<str>>,
}

#[derive(Debug, Clone)]
struct Meta {
    owner: Owner,
    reference: u64,
    /// The reference it had before it was changed.
    former: Option<u64>,
    fields: String,
}

/// What changed.
#[derive(Debug)]
pub struct Diff {
    key: Arc<str>,
    joined: Option<Meta>,
    left: Option<Meta>,
}

impl Presence {
    /// A connection is present under `key` with `fields`; `None` when it was so already.
    pub fn track(&mut self, owner: Owner, key: &str, fields: String) -> Option<Diff> {
        let key = self.keys.entry(owner).or_insert_with(|| key.into());
        let metas = self.present.entry(Arc::clone(key)).or_default();
        let reference = rand::random();
        let Some(held) = metas.iter_mut().find(|meta| meta.owner == owner) else {
            let meta = Meta { owner, reference, former: None, fields };
            metas.push(meta.clone());
            return Some(Diff { key: Arc::clone(key), joined: Some(meta), left: None });
        };
        if held.fields == fields {
            return None;
        }
        let meta = Meta { owner, reference, former: Some(held.reference), fields };
        let left = std::mem::replace(held, meta.clone());
        Some(Diff { key: Arc::clone(key), joined: Some(meta), left: Some(left) })
    }

    /// A connection is present no more; `None` when it was not.
    pub fn untrack(&mut self, owner: Owner) -> Option<Diff> {
        let key = self.keys.remove(&owner)?;
        let metas = self.present.get_mut(&key)?;
        let place = metas.iter().position(|meta| meta.owner == owner)?;
        let left = metas.remove(place);
        if metas.is_empty() {
            self.present.swap_remove(&key);
        }
        Some(Diff { key, joined: None, left: Some(left) })
    }

    /// Payload of `presence_state`: everybody.
    pub fn state(&self) -> String {
        let mut json = String::from("{");
        for (key, metas) in &self.present {
            let comma = if json.len() > 1 { "," } else { "" };
            let _ = write!(json, "{comma}{}", under(key, metas));
        }
        json.push('}');
        json
    }
}

impl Diff {
    /// Payload of `presence_diff`.
    pub fn json(&self) -> String {
        let side = |meta: &Option<Meta>| {
            meta.as_ref().map(|meta| under(&self.key, std::slice::from_ref(meta)))
        };
        format!(
            r#"{{"joins":{{{}}},"leaves":{{{}}}}}"#,
            side(&self.joined).unwrap_or_default(),
            side(&self.left).unwrap_or_default(),
        )
    }
}

/// `"key":{"metas":[...]}`
fn under(key: &str, metas: &[Meta]) -> String {
    let metas: Vec<String> = metas.iter().map(Meta::json).collect();
    format!(r#"{}:{{"metas":[{}]}}"#, json_text(Some(key)), metas.join(","))
}

impl Meta {
    fn json(&self) -> String {
        let mut json = format!(r#"{{"phx_ref":"{:016x}""#, self.reference);
        if let Some(former) = self.former {
            let _ = write!(json, r#","phx_ref_prev":"{former:016x}""#);
        }
        if !self.fields.is_empty() {
            let _ = write!(json, ",{}", self.fields);
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: &str) -> Result<Call, Refusal> {
        Call::read(&RawValue::from_string(payload.into()).expect("JSON"))
    }

    fn value(json: &str) -> Value {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn calls_are_read() {
        let track = |fields: &str| Ok(Call::Track(fields.into()));
        assert_eq!(read(r#"{"event":"TRACK","payload":{"a": 1.10}}"#), track(r#""a":1.10"#));
        assert_eq!(read(r#"{"event":"track"}"#), track(""));
        assert_eq!(read(r#"{"event":"track","payload":null}"#), track(""));
        assert_eq!(read(r#"{"event":"track","payload":{"phx_ref":"x","b":2}}"#), track(r#""b":2"#));
        assert_eq!(read(r#"{"event":"untrack","type":"presence"}"#), Ok(Call::Untrack));
        for payload in ["[]", "7", r#""text""#] {
            let call = format!(r#"{{"event":"track","payload":{payload}}}"#);
            assert_eq!(read(&call), Err(Refusal::NotAMap), "{payload}");
        }
        for call in ["{}", "[]", "null", r#"{"event":"dance"}"#, r#"{"event":7}"#] {
            assert_eq!(read(call), Err(Refusal::Unknown), "{call}");
        }
    }

    #[test]
    fn connections_share_a_key_and_leave_one_by_one() {
        let mut presence = Presence::default();
        let joined = presence.track(1, "ana", r#""on":1"#.into()).expect("new").json();
        let joined = value(&joined);
        assert_eq!(joined["joins"]["ana"]["metas"][0]["on"], 1);
        assert_eq!(joined["leaves"], json!({}));
        presence.track(2, "ana", r#""on":2"#.into()).expect("new");
        let state = value(&presence.state());
        assert_eq!(state["ana"]["metas"].as_array().map(Vec::len), Some(2));
        let left = value(&presence.untrack(1).expect("was there").json());
        assert_eq!(left["leaves"]["ana"]["metas"][0], joined["joins"]["ana"]["metas"][0]);
        assert_eq!(left["joins"], json!({}));
        assert!(presence.untrack(1).is_none());
        presence.untrack(2).expect("was there");
        assert_eq!(presence.state(), "{}");
    }

    #[test]
    fn change_replaces_in_one_diff_and_the_same_again_is_none() {
        let mut presence = Presence::default();
        let first = value(&presence.track(1, "k", String::new()).expect("new").json());
        let first = &first["joins"]["k"]["metas"][0]["phx_ref"];
        assert!(presence.track(1, "k", String::new()).is_none());
        let changed = value(&presence.track(1, "k", r#""a":1"#.into()).expect("changed").json());
        assert_eq!(changed["joins"]["k"]["metas"][0]["phx_ref_prev"], *first);
        assert_eq!(changed["leaves"]["k"]["metas"], json!([{"phx_ref": first}]));
        assert_eq!(value(&presence.state())["k"], changed["joins"]["k"]);
    }

    proptest::proptest! {
        #[test]
        fn any_history_tells_what_a_client_needs_to_follow(
            steps in proptest::collection::vec((0_usize..4, 0_u8..3, 0_u8..3), 0..40),
        ) {
            let mut presence = Presence::default();
            let mut followed = HashMap::new();
            for (owner, key, fields) in steps {
                let diff = match fields {
                    0 => presence.untrack(owner),
                    _ => presence.track(owner, &key.to_string(), format!(r#""f":{fields}"#)),
                };
                let Some(diff) = diff else { continue };
                let diff = value(&diff.json());
                let metas = |side: &str| {
                    let keys = diff[side].as_object().cloned().unwrap_or_default();
                    keys.into_iter().flat_map(|(key, under)| {
                        let metas = under["metas"].as_array().cloned().unwrap_or_default();
                        metas.into_iter().map(move |meta| (meta["phx_ref"].to_string(), (key.clone(), meta)))
                    }).collect::<Vec<_>>()
                };
                for (reference, _) in metas("leaves") {
                    proptest::prop_assert!(followed.remove(&reference).is_some());
                }
                followed.extend(metas("joins"));
            }
            let state = value(&presence.state());
            let state = state.as_object().expect("an object");
            let count: usize = state.values().map(|key| key["metas"].as_array().map_or(0, Vec::len)).sum();
            proptest::prop_assert_eq!(count, followed.len());
            for (key, meta) in followed.values() {
                let metas = state[key]["metas"].as_array().expect("a list");
                proptest::prop_assert!(metas.contains(meta));
            }
        }
    }
}
