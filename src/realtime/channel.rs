//! One joined topic on one socket: join, subscribe, leave, and what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Realtime;
use super::error::{Binding as Refusal, Join, Outcome, System};
use super::feed::Greeting;
use super::frame::Frames;
use super::hub::{Hears, Room};
use super::join::Asked;
use super::limits::Limit;
use super::logs::Log;
use super::protocol::{self, Push, json_text};
use super::renewal::{Person, rights};
use super::replay::Replay;
use super::rights::Standing;
use super::socket::Connection;
use super::subscriber::{Sent, Subscriber, system};
use super::subscription::{self, Binding, Wanted};
use crate::observe::Counted;

/// Most bindings of one channel: each is looked at for every change.
const MAX_BINDINGS: usize = 100;

/// How long a client that asked waits to be told that the log is streamed.
const LOG_TIMEOUT: Duration = Duration::from_secs(60);

/// Numbers of subscriptions, for this process.
static NEXT_SUBSCRIPTION: AtomicU64 = AtomicU64::new(1);

/// A joined topic.
pub(super) struct Channel {
    pub(super) room: Room,
    /// What events of this join carry as their reference.
    join_ref: Option<Arc<str>>,
    pub(super) person: Person,
    pub(super) token: String,
    /// Its switches; the lists are used up.
    pub(super) asked: Asked,
    pub(super) presence_key: String,
    /// What the policies let it hear.
    pub(super) may_hear: Hears,
    /// When it is private: where it stands among those whose rights are asked again.
    pub(super) standing: Option<Standing>,
    /// What they said of writing; asked when first needed.
    pub(super) may_speak: Option<bool>,
    pub(super) may_be_present: Option<bool>,
    pub(super) messages: Limit,
    pub(super) presence_calls: Limit,
    /// Until when the log must be streamed, when the client waits for that.
    pub(super) awaits_log: Option<Instant>,
    /// Number of the subscription, when it wants changes of the log.
    pub(super) subscription: u64,
    wanted: Vec<Wanted>,
    /// The log to which what was accepted belongs.
    pub(super) log: Log,
    /// What was accepted of it: all or nothing.
    pub(super) bindings: Vec<Binding>,
    sent: Arc<Sent>,
    /// Counts it among the joined.
    _joined: Counted,
}

/// What a channel that has ended was sent, for a client that joins again with the same words: it
/// names the place that it began with, as stock clients do.
pub(super) struct Former {
    bindings: Vec<Map<String, Value>>,
    sent: Arc<Sent>,
}

impl Channel {
    /// Joins, and answers the join. `former` was joined on the same socket before.
    ///
    /// # Errors
    /// Why not; the caller replies.
    pub(super) async fn join(
        on: &Connection,
        push: &Push,
        mut asked: Asked,
        former: Option<&Former>,
    ) -> Result<Self, Join> {
        let (realtime, settings) = (&*on.realtime, &on.realtime.settings);
        let token = asked.token.take().unwrap_or_else(|| on.token.clone());
        let person = Person::admit(on, &token).await?;
        let room = Room { topic: push.topic.as_str().into(), is_private: asked.is_private };
        let (may_hear, standing) = rights(on, &person.identity, &room).await?;
        let list = std::mem::take(&mut asked.bindings);
        let former = former.filter(|former| former.bindings == list);
        let mut channel = Self {
            room,
            join_ref: push.join_ref.as_deref().or(push.reference.as_deref()).map(Into::into),
            person,
            token,
            presence_key: asked.presence_key.take().unwrap_or_else(|| Uuid::new_v4().to_string()),
            may_hear,
            standing,
            may_speak: None,
            may_be_present: None,
            messages: Limit::new(settings.realtime_client_messages_per_second),
            presence_calls: Limit::new(settings.realtime_client_presence_per_second),
            awaits_log: asked.awaits_log.then(|| Instant::now() + LOG_TIMEOUT),
            subscription: NEXT_SUBSCRIPTION.fetch_add(1, Ordering::Relaxed),
            asked,
            wanted: Vec::new(),
            log: Log::Main,
            bindings: Vec::new(),
            sent: former.map(|former| Arc::clone(&former.sent)).unwrap_or_default(),
            _joined: Counted::new(&realtime.metrics.channels),
        };
        // Before the answer: who is told that they are in hears what is said from then on.
        let join_ref = channel.join_ref.as_deref();
        let (hears, replay) = (channel.hears(), channel.asked.replay);
        let entered = Replay::enter(on, &channel.room, hears, join_ref, replay).await?;
        let subscribed = channel.subscribe(on, push, list, entered).await;
        if subscribed.is_err() {
            channel.leave(on).await;
        }
        subscribed.map(|()| channel)
    }

    /// Answers the join when the subscription is active. A refused binding leaves the channel
    /// joined without any, as the reference does.
    async fn subscribe(
        &mut self,
        on: &Connection,
        push: &Push,
        list: Vec<Map<String, Value>>,
        (mut replay, presence): (Replay, Option<String>),
    ) -> Result<(), Join> {
        let wanted: Vec<_> = list.iter().cloned().map(Wanted::read).collect();
        let answered = list.into_iter().zip(&wanted).filter(|_| !self.asked.is_legacy);
        let answered = answered.map(|(mut entry, wanted)| {
            entry.insert("id".into(), wanted.as_ref().map_or(0, Wanted::id).into());
            Value::Object(entry)
        });
        let answered = answered.collect::<Value>();
        let response = format!("{{\"postgres_changes\":{answered}}}");
        let wanted = match wanted.len() {
            0..=MAX_BINDINGS => wanted.into_iter().collect::<Result<Vec<_>, _>>(),
            _ => Err(Refusal::TooMany(MAX_BINDINGS)),
        };
        let accepted = match wanted {
            Ok(wanted) => {
                self.wanted = wanted;
                self.accept(on).await
            }
            Err(refusal) => Err(refusal),
        };
        let version = on.outbox.version();
        let mut rest = std::mem::take(&mut replay.frames);
        rest.extend(presence.map(|state| self.push(on, "presence_state", &state)));
        match accepted {
            Ok((log, bindings)) if !bindings.is_empty() => {
                (self.log, self.bindings) = (log, bindings);
                let push = push.clone();
                let greeting = Box::new(move |from| {
                    let response =
                        format!("{{\"postgres_changes\":{answered},\"lsn\":\"{from}\"}}");
                    let reply = protocol::reply(version, &push, true, &response);
                    std::iter::once(reply).chain(rest).collect()
                });
                self.activate(on, greeting).await.ok_or(Join::Restarting)?;
            }
            // Whoever is told so comes back, which may help; joined without what they want they
            // would wait in vain.
            Err(Refusal::Unreachable) => return Err(Join::Unreachable),
            accepted => {
                on.outbox.send(protocol::reply(version, push, true, &response));
                for frame in rest {
                    on.outbox.send(frame);
                }
                // Without a config, a topic that names no table is a channel like any other.
                if let Err(refusal) = accepted
                    && !(self.asked.is_legacy && matches!(refusal, Refusal::NoTable(_)))
                {
                    self.refuse(on, &refusal);
                }
            }
        }
        replay.finish(&on.outbox);
        Ok(())
    }

    /// Has Postgres accept what is wanted, as the person of the token.
    pub(super) async fn accept(&self, on: &Connection) -> Result<(Log, Vec<Binding>), Refusal> {
        let Realtime { pg, facts, .. } = &*on.realtime;
        subscription::accept(pg, facts, &self.person.identity, &self.wanted).await
    }

    pub(super) async fn activate(&self, on: &Connection, greeting: Greeting) -> Option<()> {
        on.realtime.logs.of(self.log).subscribe(self.subscriber(on), greeting).await
    }

    fn subscriber(&self, on: &Connection) -> Subscriber {
        Subscriber {
            id: self.subscription,
            topic: Arc::clone(&self.room.topic),
            join_ref: self.join_ref.clone(),
            outbox: on.outbox.clone(),
            identity: self.person.identity.clone(),
            is_legacy: self.asked.is_legacy,
            bindings: self.bindings.clone(),
            sent: Arc::clone(&self.sent),
        }
    }

    /// What is to be known should the client join again; `None` when it named no place.
    pub(super) fn into_former(self) -> Option<Former> {
        let is_resumed = self.wanted.iter().any(|wanted| wanted.after.is_some());
        let bindings = self.wanted.into_iter().map(Wanted::into_entry).collect();
        is_resumed.then_some(Former { bindings, sent: self.sent })
    }

    pub(super) fn refuse(&self, on: &Connection, refusal: &Refusal) {
        system(&self.subscriber(on), "error", &refusal.message(), "");
    }

    /// Whether a message with this reference is meant for this join.
    pub(super) fn is_join(&self, join_ref: Option<&str>) -> bool {
        join_ref.is_none_or(|join_ref| self.join_ref.as_deref() == Some(join_ref))
    }

    /// Hears from now on what it wants and may.
    pub(super) fn hear(&self, on: &Connection) {
        if let Some(state) = on.realtime.hub.hear(&self.room, &on.outbox, self.hears()) {
            on.outbox.send(self.push(on, "presence_state", &state));
        }
    }

    fn hears(&self) -> Hears {
        Hears { presence: self.may_hear.presence && self.asked.wants_presence, ..self.may_hear }
    }

    /// Leaves the room and the log.
    pub(super) async fn leave(&self, on: &Connection) {
        let Realtime { hub, logs, metrics, .. } = &*on.realtime;
        if hub.leave(&self.room, &on.outbox) {
            metrics.presence.inc();
        }
        if !self.bindings.is_empty() {
            logs.of(self.log).unsubscribe(self.subscription).await;
        }
    }

    /// `phx_close` or `phx_error`, with the reference by which the client knows its join.
    pub(super) fn end(&self, on: &Connection, event: &str) {
        let join_ref = self.join_ref.as_deref();
        let (version, topic) = (on.outbox.version(), &self.room.topic);
        on.outbox.send(protocol::push(version, join_ref, join_ref, topic, event, "{}"));
    }

    /// Tells what is wrong, and gives what becomes of the channel.
    pub(super) fn tell(&self, on: &Connection, what: &System) -> Outcome {
        self.say_system(on, "error", &what.message());
        what.outcome()
    }

    /// A `system` message of extension `system`.
    pub(super) fn say_system(&self, on: &Connection, status: &str, message: &str) {
        let payload = format!(
            r#"{{"extension":"system","status":"{status}","message":{},"channel":{}}}"#,
            json_text(Some(message)),
            json_text(Some(self.name())),
        );
        on.outbox.send(self.push(on, "system", &payload));
    }

    fn push(&self, on: &Connection, event: &str, payload: &str) -> Frames {
        let join_ref = self.join_ref.as_deref();
        protocol::push(on.outbox.version(), join_ref, None, &self.room.topic, event, payload)
    }

    pub(super) fn name(&self) -> &str {
        self.room.name()
    }
}
