//! What a client says in a channel: broadcasts, and that it is there.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::value::RawValue;

use super::channel::Channel;
use super::error::{Outcome, System};
use super::limits::Verdict;
use super::presence::{Call, Refusal};
use super::protocol::{self, MAX_NAME_BYTES, Payload, Push};
use super::rights::Standing;
use super::socket::Connection;
use super::{Realtime, store};

impl Channel {
    /// Says something to the others in the room.
    pub(super) async fn broadcast(&mut self, on: &Connection, push: &Push) -> Outcome {
        let version = on.outbox.version();
        let refuse = |reason: &str| {
            if self.asked.wants_ack {
                let response = format!(r#"{{"reason":"{reason}"}}"#);
                on.outbox.send(protocol::reply(version, push, false, &response));
            }
        };
        match self.messages.ask(Instant::now()) {
            Verdict::Done => {}
            verdict => {
                refuse("Too many messages per second");
                return self.tell_limit(on, verdict, &System::TooManyMessages);
            }
        }
        let size = match &push.payload {
            Payload::Json(json) => json.get().len(),
            Payload::Broadcast(said) => said.data.len(),
        };
        if size > on.realtime.settings.realtime_max_broadcast_bytes {
            refuse("payload_size_exceeded");
            return Outcome::Stays;
        }
        if let Payload::Json(json) = &push.payload
            && let Some(fault) = fault(json)
        {
            refuse(fault);
            return Outcome::Stays;
        }
        if self.room.is_private && !self.may_speak(on).await {
            return Outcome::Stays;
        }
        on.realtime.metrics.broadcasts.inc();
        let except = (!self.asked.hears_itself).then_some(&on.outbox);
        match &push.payload {
            Payload::Broadcast(said) => on.realtime.hub.say(&self.room, said, except),
            // A text broadcast goes to both serializers as it came.
            Payload::Json(json) => on.realtime.hub.fan_out(&self.room, except, |version| {
                let topic = &self.room.topic;
                Some(protocol::push(version, None, None, topic, "broadcast", json.get()))
            }),
        }
        if self.asked.wants_ack {
            on.outbox.send(protocol::reply(version, push, true, "{}"));
        }
        Outcome::Stays
    }

    /// Is present in the room, or is so no more.
    pub(super) async fn presence(
        &mut self,
        on: &Connection,
        push: &Push,
        payload: &RawValue,
    ) -> Outcome {
        let reply = |is_ok, response: &str| {
            on.outbox.send(protocol::reply(on.outbox.version(), push, is_ok, response));
        };
        match self.presence_calls.ask(Instant::now()) {
            Verdict::Done => {}
            verdict => {
                reply(false, r#"{"reason":"Client presence rate limit exceeded"}"#);
                return self.tell_limit(on, verdict, &System::TooManyPresenceCalls);
            }
        }
        let call = match Call::read(payload) {
            Ok(call) => call,
            Err(Refusal::NotAMap) => {
                reply(false, r#"{"reason":"Presence track payload must be a map"}"#);
                return Outcome::Stays;
            }
            Err(Refusal::Unknown) => {
                reply(false, "{}");
                return Outcome::Stays;
            }
        };
        if self.room.is_private && !self.may_be_present(on).await {
            reply(false, "{}");
            return Outcome::Stays;
        }
        let hub = &on.realtime.hub;
        let has_changed = match call {
            Call::Track(fields)
                if fields.len() > on.realtime.settings.realtime_max_presence_bytes =>
            {
                reply(false, r#"{"reason":"Track message size exceeded"}"#);
                return self.tell(on, &System::LargePresence);
            }
            Call::Track(fields) => {
                reply(true, "{}");
                self.asked.wants_presence = true;
                self.hear(on);
                self.set_present(true);
                hub.track(&self.room, &on.outbox, &self.presence_key, fields)
            }
            Call::Untrack => {
                reply(true, "{}");
                self.set_present(false);
                hub.untrack(&self.room, &on.outbox)
            }
        };
        if has_changed {
            on.realtime.metrics.presence.inc();
        }
        Outcome::Stays
    }

    async fn may_speak(&mut self, on: &Connection) -> bool {
        self.forget_void_rights();
        let may = match self.may_speak {
            Some(may) => Some(may),
            None => self.may_write(on, "broadcast").await,
        };
        self.may_speak = may;
        may.unwrap_or(false)
    }

    async fn may_be_present(&mut self, on: &Connection) -> bool {
        self.forget_void_rights();
        let may = match self.may_be_present {
            Some(may) => Some(may),
            None => self.may_write(on, "presence").await,
        };
        self.may_be_present = may;
        may.unwrap_or(false)
    }

    /// `None` when it could not be decided.
    async fn may_write(&self, on: &Connection, extension: &str) -> Option<bool> {
        let Realtime { pg, hub, .. } = &*on.realtime;
        let identity = &self.person.identity;
        let asker = store::Asker { identity, headers: &on.headers, name: self.name() };
        let ask = || store::may_write(pg, asker, extension);
        let asked = store::settled(&hub.told(), |(_, seen)| seen, ask).await;
        let asked =
            asked.inspect_err(|error| tracing::warn!(%error, "a push could not be decided"));
        asked.ok().map(|(may, _)| may)
    }

    /// What policies said before something changed does not count any more.
    fn forget_void_rights(&mut self) {
        if self.standing.as_ref().is_some_and(Standing::take_void) {
            (self.may_speak, self.may_be_present) = (None, None);
        }
    }

    fn set_present(&self, is_present: bool) {
        if let Some(standing) = &self.standing {
            standing.set_present(is_present);
        }
    }

    fn tell_limit(&self, on: &Connection, verdict: Verdict, what: &System) -> Outcome {
        match verdict {
            Verdict::Done | Verdict::Dropped => Outcome::Stays,
            Verdict::Told => self.tell(on, what),
            Verdict::Enough => {
                self.tell(on, what);
                Outcome::EndsForGood
            }
        }
    }
}

/// What is wrong with a broadcast in text, which goes to the others as it came. An event must fit
/// into a binary frame. Where it is no text the stock JavaScript client of everybody who hears it
/// throws outside of their code; where there are `ids` it looks for a change of a table.
fn fault(payload: &RawValue) -> Option<&'static str> {
    const MALFORMED: &str = "malformed_broadcast";
    let Ok(said) = serde_json::from_str::<HashMap<String, &RawValue>>(payload.get()) else {
        return Some(MALFORMED);
    };
    let event = said.get("event").map_or("null", |event| event.get());
    match serde_json::from_str::<Option<String>>(event) {
        Ok(event) if !said.contains_key("ids") => {
            event.is_some_and(|event| event.len() > MAX_NAME_BYTES).then_some("event_size_exceeded")
        }
        _ => Some(MALFORMED),
    }
}
