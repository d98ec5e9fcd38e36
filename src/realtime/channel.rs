//! One joined topic on one socket: join, token, broadcast, leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::ws::Message as Frame;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{Binding as Refusal, Join, Token};
use super::hub::{Outbox, Room};
use super::protocol::{self, Broadcast, MAX_NAME_BYTES, Payload, Push, json_text};
use super::replay::{self, Replay};
use super::subscriber::{Subscriber, system};
use super::subscription::{self, Binding, Wanted, entries};
use super::{Realtime, TOPIC_PREFIX, store};
use crate::identity::Identity;
use crate::observe::Counted;

/// Largest payload of a broadcast, in bytes: the reference's 3,000 kB and its allowance for
/// what is around it.
pub(super) const MAX_BROADCAST_BYTES: usize = 3_000_500;

/// Most bindings of one channel: each is looked at for every change.
const MAX_BINDINGS: usize = 100;

/// Numbers of subscriptions, for this process.
static NEXT_SUBSCRIPTION: AtomicU64 = AtomicU64::new(1);

/// A joined topic.
pub(super) struct Channel {
    room: Room,
    /// What events of this join carry as their reference.
    join_ref: Option<String>,
    identity: Identity,
    token: String,
    wants_ack: bool,
    hears_itself: bool,
    /// What the policies said; asked when first needed.
    may_speak: Option<bool>,
    /// Number of the subscription, when it wants changes of the log.
    subscription: u64,
    wanted: Vec<Wanted>,
    /// What was accepted of it: all or nothing.
    bindings: Vec<Binding>,
    /// Counts it among the joined.
    _joined: Counted,
}

/// How a channel goes on after something was asked of it.
pub(super) enum Outcome {
    /// It stays.
    Stays,
    /// It ends, and the client may come back by itself.
    Ends,
    /// It ends for good.
    EndsForGood,
}

/// A join as the client asked for it.
struct Asked<'a> {
    name: &'a str,
    config: Map<String, Value>,
    bindings: Vec<Map<String, Value>>,
    token: Option<String>,
}

impl Channel {
    /// Joins, and answers the join.
    ///
    /// # Errors
    /// Why not; the caller replies.
    pub(super) async fn join(
        realtime: &Realtime,
        outbox: &Outbox,
        push: &Push,
        socket_token: &str,
    ) -> Result<Self, Join> {
        let asked = Asked::read(push)?;
        let token = asked.token.clone().unwrap_or_else(|| socket_token.to_owned());
        let identity = realtime.verify(&token)?;
        let is_private = flag(asked.config.get("private"));
        let room = Room { topic: push.topic.as_str().into(), is_private };
        if is_private {
            require_hearing(realtime, &identity, asked.name).await?;
        }
        let broadcast = asked.config.get("broadcast").and_then(Value::as_object);
        let replay =
            replay::Asked::read(broadcast.and_then(|options| options.get("replay")), is_private)?;
        let option = |name| flag(broadcast.and_then(|options| options.get(name)));
        let mut channel = Self {
            room,
            join_ref: push.join_ref.clone().or_else(|| push.reference.clone()),
            identity,
            token,
            wants_ack: option("ack"),
            hears_itself: option("self"),
            may_speak: None,
            subscription: NEXT_SUBSCRIPTION.fetch_add(1, Ordering::Relaxed),
            wanted: Vec::new(),
            bindings: Vec::new(),
            _joined: Counted::new(&realtime.metrics.channels),
        };
        // Before the answer: who is told that they are in hears what is said from then on.
        let join_ref = channel.join_ref.as_deref();
        let replay = Replay::enter(realtime, &channel.room, outbox, join_ref, replay).await?;
        let subscribed = channel.subscribe(realtime, outbox, push, asked.bindings, replay).await;
        if subscribed.is_err() {
            realtime.hub.leave(&channel.room, outbox);
        }
        subscribed.map(|()| channel)
    }

    /// Answers the join when the subscription is active. A refused binding leaves the channel
    /// joined without any, as the reference does.
    async fn subscribe(
        &mut self,
        realtime: &Realtime,
        outbox: &Outbox,
        push: &Push,
        list: Vec<Map<String, Value>>,
        mut replay: Replay,
    ) -> Result<(), Join> {
        let version = outbox.version();
        let wanted: Vec<_> = list.iter().cloned().map(Wanted::read).collect();
        let answered = list.into_iter().zip(&wanted).map(|(mut entry, wanted)| {
            entry.insert("id".into(), wanted.as_ref().map_or(0, Wanted::id).into());
            Value::Object(entry)
        });
        let answered = answered.collect();
        let wanted = match wanted.len() {
            0..=MAX_BINDINGS => wanted.into_iter().collect::<Result<Vec<_>, _>>(),
            _ => Err(Refusal::TooMany(MAX_BINDINGS)),
        };
        let accepted = match wanted {
            Ok(wanted) => {
                self.wanted = wanted;
                self.accept(realtime).await
            }
            Err(refusal) => Err(refusal),
        };
        let response = format!("{{\"postgres_changes\":{}}}", Value::Array(answered));
        let mut greeting = vec![protocol::reply(version, push, true, &response)];
        greeting.append(&mut replay.frames);
        let greet = |greeting: Vec<Frame>| greeting.into_iter().for_each(|it| outbox.send(it));
        match accepted {
            Ok(bindings) if bindings.is_empty() => greet(greeting),
            Ok(bindings) => {
                self.bindings = bindings;
                self.activate(realtime, outbox, greeting).await.ok_or(Join::Restarting)?;
            }
            Err(refusal) => {
                greet(greeting);
                self.refuse(outbox, &refusal);
            }
        }
        replay.finish(outbox);
        Ok(())
    }

    /// Has Postgres accept what is wanted, as the person of the token.
    async fn accept(&self, realtime: &Realtime) -> Result<Vec<Binding>, Refusal> {
        subscription::accept(&realtime.pg, &self.identity, &self.wanted).await
    }

    async fn activate(
        &self,
        realtime: &Realtime,
        outbox: &Outbox,
        greeting: Vec<Frame>,
    ) -> Option<()> {
        realtime.feed.subscribe(self.subscriber(outbox), greeting).await
    }

    fn subscriber(&self, outbox: &Outbox) -> Subscriber {
        Subscriber {
            id: self.subscription,
            topic: Arc::clone(&self.room.topic),
            outbox: outbox.clone(),
            identity: self.identity.clone(),
            bindings: self.bindings.clone(),
        }
    }

    fn refuse(&self, outbox: &Outbox, refusal: &Refusal) {
        system(&self.subscriber(outbox), "error", &refusal.message(), "");
    }

    /// When its token expires, in seconds since 1970.
    pub(super) fn expires_at(&self) -> Option<i64> {
        self.identity.expires_at
    }

    /// Whether a message with this reference is meant for this join.
    pub(super) fn is_join(&self, join_ref: Option<&str>) -> bool {
        join_ref.is_none_or(|join_ref| self.join_ref.as_deref() == Some(join_ref))
    }

    /// A fresh token: the same person with new rights, or somebody else.
    pub(super) async fn renew(
        &mut self,
        realtime: &Realtime,
        outbox: &Outbox,
        push: &Push,
    ) -> Outcome {
        let Some(token) = json_object(push).and_then(|payload| token_of(&payload)) else {
            return Outcome::Stays;
        };
        if token == self.token {
            return Outcome::Stays;
        }
        let identity = match realtime.verify(&token) {
            Ok(identity) => identity,
            Err(refused) => {
                self.say_system(outbox, &refused.text());
                let may_return = matches!(refused, Token::Expired(_));
                return if may_return { Outcome::Ends } else { Outcome::EndsForGood };
            }
        };
        if self.room.is_private
            && let Err(refused) = require_hearing(realtime, &identity, self.name()).await
        {
            let Join::Unauthorized(name) = refused else { return Outcome::Ends };
            self.say_system(
                outbox,
                &format!("You no longer have permission to read from this Channel topic: {name}"),
            );
            return Outcome::EndsForGood;
        }
        self.identity = identity;
        self.token = token;
        self.may_speak = None;
        if self.bindings.is_empty() {
            Outcome::Stays
        } else {
            self.renew_bindings(realtime, outbox).await
        }
    }

    /// A filter may look at a column that the new token may not select.
    async fn renew_bindings(&mut self, realtime: &Realtime, outbox: &Outbox) -> Outcome {
        match self.accept(realtime).await {
            Ok(bindings) => {
                self.bindings = bindings;
                match self.activate(realtime, outbox, Vec::new()).await {
                    Some(()) => Outcome::Stays,
                    None => Outcome::Ends,
                }
            }
            Err(Refusal::Unreachable) => Outcome::Ends,
            Err(refusal) => {
                realtime.feed.unsubscribe(self.subscription).await;
                self.bindings.clear();
                self.refuse(outbox, &refusal);
                Outcome::Stays
            }
        }
    }

    /// Its token has expired: says so. The client joins again with the token it has then.
    pub(super) fn expire(&self, outbox: &Outbox, now: i64) {
        let seconds = now - self.identity.expires_at.unwrap_or(now);
        self.say_system(outbox, &Token::Expired(seconds).text());
    }

    /// Says something to the others in the room.
    pub(super) async fn broadcast(&mut self, realtime: &Realtime, outbox: &Outbox, push: &Push) {
        let version = outbox.version();
        let size = match &push.payload {
            Payload::Json(json) => json.get().len(),
            Payload::Broadcast(said) => said.data.len(),
        };
        if size > MAX_BROADCAST_BYTES {
            if self.wants_ack {
                let response = r#"{"reason":"payload_size_exceeded"}"#;
                outbox.send(protocol::reply(version, push, false, response));
            }
            return;
        }
        if self.room.is_private && !self.may_speak(realtime).await {
            return;
        }
        realtime.metrics.broadcasts.inc();
        let except = (!self.hears_itself).then_some(outbox);
        match &push.payload {
            Payload::Broadcast(said) => realtime.hub.say(&self.room, said, except),
            Payload::Json(json) => self.pass_on(realtime, json, except),
        }
        if self.wants_ack {
            outbox.send(protocol::reply(version, push, true, "{}"));
        }
    }

    /// A text broadcast goes to both serializers as it came.
    fn pass_on(&self, realtime: &Realtime, payload: &RawValue, except: Option<&Outbox>) {
        realtime.hub.fan_out(&self.room, except, |version| {
            let topic = &self.room.topic;
            Some(protocol::push(version, None, None, topic, "broadcast", payload.get()))
        });
    }

    async fn may_speak(&mut self, realtime: &Realtime) -> bool {
        if let Some(may) = self.may_speak {
            return may;
        }
        match store::may_speak(&realtime.pg, &self.identity, self.name()).await {
            Ok(may) => *self.may_speak.insert(may),
            Err(error) => {
                tracing::warn!(%error, "a broadcast could not be decided and is dropped");
                false
            }
        }
    }

    /// Leaves the room and the log.
    pub(super) async fn leave(&self, realtime: &Realtime, outbox: &Outbox) {
        realtime.hub.leave(&self.room, outbox);
        if !self.bindings.is_empty() {
            realtime.feed.unsubscribe(self.subscription).await;
        }
    }

    /// `phx_close` or `phx_error`, with the reference by which the client knows its join.
    pub(super) fn end(&self, outbox: &Outbox, event: &str) {
        let join_ref = self.join_ref.as_deref();
        let topic = &self.room.topic;
        outbox.send(protocol::push(outbox.version(), join_ref, join_ref, topic, event, "{}"));
    }

    fn say_system(&self, outbox: &Outbox, message: &str) {
        let payload = format!(
            r#"{{"extension":"system","status":"error","message":{},"channel":{}}}"#,
            json_text(Some(message)),
            json_text(Some(self.name())),
        );
        let join_ref = self.join_ref.as_deref();
        let topic = &self.room.topic;
        outbox.send(protocol::push(outbox.version(), join_ref, None, topic, "system", &payload));
    }

    fn name(&self) -> &str {
        self.room.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default()
    }
}

impl<'a> Asked<'a> {
    fn read(push: &'a Push) -> Result<Self, Join> {
        let name = push.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default();
        if name.is_empty() {
            return Err(Join::NoName);
        }
        if push.topic.len() > MAX_NAME_BYTES {
            return Err(Join::LongName(MAX_NAME_BYTES));
        }
        let payload = json_object(push).unwrap_or_default();
        let config = payload.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
        let bindings = config.get("postgres_changes").map(entries).unwrap_or_default();
        Ok(Self { name, config, bindings, token: token_of(&payload) })
    }
}

async fn require_hearing(realtime: &Realtime, identity: &Identity, name: &str) -> Result<(), Join> {
    if store::may_hear(&realtime.pg, identity, name).await? {
        return Ok(());
    }
    Err(Join::Unauthorized(name.to_owned()))
}

fn json_object(push: &Push) -> Option<Map<String, Value>> {
    match &push.payload {
        Payload::Json(json) => serde_json::from_str(json.get()).ok(),
        Payload::Broadcast(Broadcast { .. }) => None,
    }
}

/// A person's token; keys that are no tokens do not count.
fn token_of(payload: &Map<String, Value>) -> Option<String> {
    let token = |name| payload.get(name).and_then(Value::as_str);
    let token = token("user_token").or_else(|| token("access_token"))?.trim();
    (!token.is_empty() && !token.starts_with("sb_")).then(|| token.to_owned())
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
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_may_be_text() {
        assert!(flag(Some(&json!(true))) && flag(Some(&json!("TRUE"))));
        assert!(!flag(Some(&json!("no"))) && !flag(Some(&json!(1))) && !flag(None));
    }

    #[test]
    fn keys_are_no_tokens() {
        let token = |payload: Value| payload.as_object().and_then(token_of);
        assert_eq!(token(json!({"access_token": "a.b.c"})).as_deref(), Some("a.b.c"));
        assert_eq!(token(json!({"access_token": "sb_publishable_x"})), None);
        assert_eq!(token(json!({"access_token": null})), None);
        assert_eq!(token(json!({"access_token": "a", "user_token": "b"})).as_deref(), Some("b"));
    }
}
