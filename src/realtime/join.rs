//! What a `phx_join` asks for. Pure.
//!
//! Whatever does not read as expected counts as not said; the join goes on with the rest.

use serde_json::{Map, Value, json};

use super::TOPIC_PREFIX;
use super::error::Join as Refusal;
use super::protocol::{MAX_NAME_BYTES, Payload, Push};
use super::replay;
use super::subscription::entries;
use crate::identity::is_api_key;

/// A join as the client asked for it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol has so many switches")]
pub(super) struct Asked {
    /// The topic without `realtime:`.
    pub name: String,
    /// Whether policies decide who is let in.
    pub is_private: bool,
    /// Whether broadcasts are acknowledged.
    pub wants_ack: bool,
    /// Whether its own broadcasts come back.
    pub hears_itself: bool,
    /// What was said before, to be said again.
    pub replay: Option<replay::Asked>,
    /// Whether to say when the log is streamed.
    pub awaits_log: bool,
    /// Whether it hears who is present.
    pub wants_presence: bool,
    /// Under which key it is present; `None` = one of the server's choice.
    pub presence_key: Option<String>,
    /// Entries of `postgres_changes`.
    pub bindings: Vec<Map<String, Value>>,
    /// Without a `config`: the topic itself is the binding, and events are named for what
    /// happened.
    pub is_legacy: bool,
    /// A person's token.
    pub token: Option<String>,
}

impl Asked {
    /// Reads a join.
    ///
    /// # Errors
    /// The topic has no name, or too long a one; the replay cannot be given.
    pub fn read(push: &Push) -> Result<Self, Refusal> {
        let name = push.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::NoName);
        }
        if push.topic.len() > MAX_NAME_BYTES {
            return Err(Refusal::LongName(MAX_NAME_BYTES));
        }
        let payload = json_object(push).unwrap_or_default();
        let config = payload.get("config").and_then(Value::as_object);
        let part = |name| config.and_then(|config| config.get(name)).and_then(Value::as_object);
        let option = |part: Option<&Map<String, Value>>, name| {
            flag(part.and_then(|options| options.get(name)))
        };
        let (broadcast, presence) = (part("broadcast"), part("presence"));
        let bindings = match config {
            Some(config) => config.get("postgres_changes").map(entries).unwrap_or_default(),
            None => vec![legacy_binding(name)],
        };
        let presence_key = presence.and_then(|presence| presence.get("key")?.as_str());
        let is_key = |key: &&str| (1..=MAX_NAME_BYTES).contains(&key.len());
        let is_private = option(config, "private");
        let replay = broadcast.and_then(|broadcast| broadcast.get("replay"));
        Ok(Self {
            name: name.to_owned(),
            is_private,
            replay: replay::Asked::read(replay, is_private)?,
            wants_ack: option(broadcast, "ack"),
            hears_itself: option(broadcast, "self"),
            awaits_log: option(broadcast, "replication_ready"),
            // Clients from before there was such a switch always want it.
            wants_presence: presence
                .is_some_and(|presence| presence.get("enabled").is_none_or(|it| flag(Some(it)))),
            presence_key: presence_key.filter(is_key).map(str::to_owned),
            bindings,
            is_legacy: config.is_none(),
            token: token_of(&payload),
        })
    }
}

/// `schema`, `schema:table` or `schema:table:filter`; `*` means all.
fn legacy_binding(name: &str) -> Map<String, Value> {
    let mut binding = Map::from_iter([("event".to_owned(), json!("*"))]);
    let parts = ["schema", "table", "filter"].into_iter().zip(name.splitn(3, ':'));
    binding.extend(parts.map(|(part, value)| (part.to_owned(), value.into())));
    binding
}

/// The payload of a push, when it is a JSON object.
pub fn json_object(push: &Push) -> Option<Map<String, Value>> {
    match &push.payload {
        Payload::Json(json) => serde_json::from_str(json.get()).ok(),
        Payload::Broadcast(_) => None,
    }
}

/// A person's token; project keys do not count.
pub fn token_of(payload: &Map<String, Value>) -> Option<String> {
    let token = |name| payload.get(name).and_then(Value::as_str);
    let token = token("user_token").or_else(|| token("access_token"))?.trim();
    (!token.is_empty() && !is_api_key(token)).then(|| token.to_owned())
}

/// Some clients send booleans as text.
fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Version, decode_text};
    use super::*;

    fn push(topic: &str, payload: &Value) -> Push {
        let text = json!(["1", "1", topic, "phx_join", payload]).to_string();
        decode_text(Version::V2, &text).expect("reads")
    }

    fn asked(payload: &Value) -> Asked {
        Asked::read(&push("realtime:a", payload)).expect("reads")
    }

    #[test]
    fn flags_may_be_text() {
        let found = asked(&json!({"config": {
            "private": "TRUE", "broadcast": {"ack": true, "self": "false", "replication_ready": 1},
        }}));
        assert!(found.is_private && found.wants_ack && !found.hears_itself && !found.awaits_log);
    }

    #[test]
    fn presence_is_wanted_where_it_is_switched_on_or_there_is_no_switch() {
        let wants = |presence: Value| asked(&json!({"config": {"presence": presence}}));
        assert!(wants(json!({"enabled": true})).wants_presence);
        assert!(!wants(json!({"key": "k", "enabled": false})).wants_presence);
        assert!(wants(json!({"key": ""})).wants_presence);
        assert!(
            !wants(json!(null)).wants_presence && !asked(&json!({"config": {}})).wants_presence
        );
        assert_eq!(wants(json!({"key": "k"})).presence_key.as_deref(), Some("k"));
        for odd in [json!(""), json!(7), json!("k".repeat(256))] {
            assert_eq!(wants(json!({"key": odd})).presence_key, None);
        }
    }

    #[test]
    fn without_a_config_the_topic_is_the_binding() {
        let binding = |topic: &str| {
            let mut asked = Asked::read(&push(topic, &json!({}))).expect("reads");
            assert!(asked.is_legacy);
            Value::Object(asked.bindings.remove(0))
        };
        assert_eq!(binding("realtime:*"), json!({"event": "*", "schema": "*"}));
        assert_eq!(
            binding("realtime:public:t:name=eq.a:b"),
            json!({"event": "*", "schema": "public", "table": "t", "filter": "name=eq.a:b"})
        );
        assert!(asked(&json!({"config": {}})).bindings.is_empty());
    }

    #[test]
    fn names_are_there_and_fit_a_binary_frame() {
        let read = |topic: &str| Asked::read(&push(topic, &json!({}))).map(|asked| asked.name);
        assert_eq!(read("realtime:"), Err(Refusal::NoName));
        let longest = "x".repeat(MAX_NAME_BYTES - TOPIC_PREFIX.len());
        assert_eq!(read(&format!("realtime:{longest}")).as_deref(), Ok(&*longest));
        assert!(matches!(read(&format!("realtime:{longest}x")), Err(Refusal::LongName(255))));
    }

    #[test]
    fn keys_are_no_tokens() {
        let token = |payload: Value| payload.as_object().and_then(token_of);
        assert_eq!(token(json!({"access_token": "a.b.c"})).as_deref(), Some("a.b.c"));
        assert_eq!(token(json!({"access_token": "sb_publishable_x"})), None);
        assert_eq!(token(json!({"access_token": null})), None);
        assert_eq!(token(json!({"access_token": "a", "user_token": "b"})).as_deref(), Some("b"));
    }

    /// Values that a join may hold anywhere, and ones that it may not.
    fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![Just("true".to_owned()), Just("*".to_owned()), "[a-z=.,:]{0,12}"]
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let name = proptest::sample::select(vec![
                "config",
                "broadcast",
                "presence",
                "postgres_changes",
                "private",
                "ack",
                "self",
                "key",
                "enabled",
                "event",
                "schema",
                "table",
                "filter",
                "access_token",
                "x",
            ]);
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((name, inner), 0..5).prop_map(|entries| {
                    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                }),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn any_join_is_read(payload in any_value(), config in any_value()) {
            let _ = Asked::read(&push("realtime:a:b:c", &payload));
            let found = asked(&json!({"config": config}));
            proptest::prop_assert_eq!(found.is_legacy, !config.is_object());
        }
    }
}
