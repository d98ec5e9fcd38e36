//! One connection: read, write, heartbeat, close.
//!
//! The reader handles one frame after the other; the writer sends what waits in the outbox, all
//! of it at once.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hyper::upgrade::Upgraded;
use prometheus_client::metrics::counter::Counter;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::channel::{Channel, Former};
use super::error::{Close, Join, Outcome, System};
use super::frame::Frames;
use super::join::Asked;
use super::limits::Bucket;
use super::outbox::{Inbox, Outbox};
use super::protocol::{self, Payload, Push, Version, decode_binary, decode_text, json_text};
use super::wire::{self, Backend, Batch, Frontend};
use super::{Admitted, Realtime, TOPIC_PREFIX};
use crate::identity::unix_now;
use crate::observe::Counted;

/// Pieces taken from the outbox at once.
const WRITE_BATCH: usize = 64;

/// How long a close frame may take to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A later deadline is looked at again after so long, in seconds: sums must not overflow.
const LONGEST_WAIT_SECONDS: u64 = 3600;

/// What a channel needs of the socket that it is on.
pub(super) struct Connection {
    pub(super) realtime: Arc<Realtime>,
    pub(super) outbox: Outbox,
    /// The key of the URL: joins without a token use it.
    pub(super) token: String,
    /// The `x-` headers of the request, as JSON.
    pub(super) headers: Arc<str>,
    /// Tells that a channel's sign-in has ended, or that its rights were asked again.
    pub(super) wake: Arc<Notify>,
}

/// A connection and what it has joined.
struct Socket {
    on: Connection,
    channels: HashMap<String, Channel>,
    /// Of channels that ended while their client did not want that; no more than channels.
    former: HashMap<String, Former>,
    joins: Bucket,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(upgraded: Upgraded, realtime: Arc<Realtime>, admitted: Admitted) {
    let Admitted { version, token, headers, place: _place } = admitted;
    let settings = &realtime.settings;
    let (outbox, inbox) =
        Outbox::new(version, settings.realtime_queue_frames, settings.realtime_queue_bytes);
    let most_bytes = settings.realtime_max_frame_bytes;
    let (mut frontend, backend) = wire::split(upgraded, outbox.clone(), most_bytes).await;
    let metrics = realtime.metrics.clone();
    let _open = Counted::new(&metrics.sockets);
    let writer = tokio::spawn(write(backend, inbox, metrics.frames.clone()));
    let joins = Bucket::new(settings.realtime_client_joins_per_second);
    let headers = headers.into();
    let on = Connection { realtime, outbox, token, headers, wake: Arc::default() };
    let (channels, former) = (HashMap::new(), HashMap::new());
    let mut socket = Socket { on, channels, former, joins };
    match socket.read(&mut frontend).await {
        Some(why) => socket.on.outbox.close(why),
        None => socket.on.outbox.end(),
    }
    for channel in socket.channels.values() {
        channel.leave(&socket.on).await;
    }
    drop(socket);
    // A writer that panicked has nothing left to tell.
    let closed = writer.await.ok().flatten();
    metrics.count_close(closed.map_or("gone", Close::name));
}

impl Socket {
    /// Handles frames until the connection ends; gives the reason to put into a close frame,
    /// when one is to be sent.
    async fn read(&mut self, frontend: &mut Frontend) -> Option<Close> {
        let realtime = Arc::clone(&self.on.realtime);
        let idle = realtime.settings.idle();
        let mut told_to_go = pin!(told_to_go(&realtime));
        let mut heard_at = Instant::now();
        loop {
            let frame = tokio::select! {
                biased;
                () = &mut told_to_go => return Some(Close::Restarting),
                () = self.on.outbox.closed() => return None,
                () = until(self.next_deadline()) => {
                    Box::pin(self.meet_deadlines()).await;
                    continue;
                }
                () = self.on.wake.notified() => {
                    let is_signed_out = self.channels.values().any(Channel::is_signed_out);
                    Box::pin(self.meet_deadlines()).await;
                    Box::pin(self.heed_rights()).await;
                    // Nothing is left of the sign-in that this socket was for.
                    if is_signed_out && self.channels.is_empty() {
                        return Some(Close::SessionEnded);
                    }
                    continue;
                }
                () = realtime.logs.connected(), if self.awaits_log() => {
                    self.tell_log();
                    continue;
                }
                frame = tokio::time::timeout_at((heard_at + idle).into(), frontend.next()) => frame,
            };
            heard_at = Instant::now();
            match frame {
                Err(_) => return Some(Close::Idle),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return is_too_large(&error).then_some(Close::TooLarge),
                Ok(Some(Ok(Message::Text(text)))) => {
                    if let Ok(push) = decode_text(self.on.outbox.version(), &text) {
                        // Apart: an idle socket would hold room for the longest answer.
                        Box::pin(self.handle(push)).await;
                    }
                }
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    if self.on.outbox.version() == Version::V2
                        && let Ok(push) = decode_binary(&bytes)
                    {
                        Box::pin(self.handle(push)).await;
                    }
                }
                // Reading on queues the answer to a ping or a goodbye; the stream then ends.
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    async fn handle(&mut self, push: Push) {
        match (push.topic.as_str(), push.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(&push, true, "{}"),
            (topic, "phx_join") if topic.starts_with(TOPIC_PREFIX) => self.join(push).await,
            (_, "phx_leave") => self.leave(&push).await,
            _ => self.pass(push).await,
        }
    }

    async fn join(&mut self, push: Push) {
        if let Some(former) = self.channels.remove(&push.topic) {
            former.leave(&self.on).await;
            former.end(&self.on, "phx_close");
            self.remember(&push.topic, former);
        }
        let joined = match self.check(&push) {
            Ok(asked) => Channel::join(&self.on, &push, asked, self.former.get(&push.topic)).await,
            Err(refused) => Err(refused),
        };
        let outcome = joined.as_ref().map_or_else(Join::code, |_| "ok");
        self.on.realtime.metrics.count_join(outcome);
        match joined {
            Ok(channel) => {
                self.former.remove(&push.topic);
                self.channels.insert(push.topic, channel);
            }
            Err(refused) => {
                let response = format!("{{\"reason\":{}}}", json_text(Some(&refused.reason())));
                self.reply(&push, false, &response);
                if refused == Join::TooManyJoins {
                    self.on.outbox.close(Close::TooManyJoins);
                }
            }
        }
    }

    /// What can be checked before anybody is asked, in the reference's order.
    fn check(&mut self, push: &Push) -> Result<Asked, Join> {
        let Realtime { settings, shutdown, joins, .. } = &*self.on.realtime;
        let asked = Asked::read(push)?;
        if shutdown.is_cancelled() {
            return Err(Join::Restarting);
        }
        if settings.realtime_private_only && !asked.is_private {
            return Err(Join::PrivateOnly);
        }
        let now = Instant::now();
        let is_within =
            self.joins.take(now) && joins.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if !is_within {
            return Err(Join::TooManyJoins);
        }
        if self.channels.len() >= settings.realtime_max_channels {
            return Err(Join::TooManyChannels);
        }
        Ok(asked)
    }

    /// A leave with the reference of a former join is ignored.
    async fn leave(&mut self, push: &Push) {
        let is_stale = self
            .channels
            .get(&push.topic)
            .is_some_and(|channel| !channel.is_join(push.join_ref.as_deref()));
        if is_stale {
            return;
        }
        self.former.remove(&push.topic);
        let left = self.channels.remove(&push.topic);
        if let Some(channel) = &left {
            channel.leave(&self.on).await;
        }
        self.reply(push, true, "{}");
        if let Some(channel) = left {
            channel.end(&self.on, "phx_close");
        }
    }

    /// An event for a joined channel. Unknown ones are ignored.
    async fn pass(&mut self, push: Push) {
        let Some(channel) = self.channels.get_mut(&push.topic) else {
            self.reply(&push, false, r#"{"reason":"unmatched topic"}"#);
            return;
        };
        let outcome = match (push.event.as_str(), &push.payload) {
            ("access_token", _) => channel.renew(&self.on, &push).await,
            ("broadcast", _) => channel.broadcast(&self.on, &push).await,
            ("presence", Payload::Json(call)) => channel.presence(&self.on, &push, call).await,
            _ => Outcome::Stays,
        };
        self.settle(&push.topic, outcome).await;
    }

    async fn settle(&mut self, topic: &str, outcome: Outcome) {
        let event = match outcome {
            Outcome::Stays => return,
            Outcome::Ends => "phx_error",
            Outcome::EndsForGood => "phx_close",
        };
        if let Some(channel) = self.channels.remove(topic) {
            channel.leave(&self.on).await;
            channel.end(&self.on, event);
            if outcome == Outcome::Ends {
                self.remember(topic, channel);
            }
        }
    }

    fn remember(&mut self, topic: &str, channel: Channel) {
        let most = self.on.realtime.settings.realtime_max_channels;
        if self.former.len() < most
            && let Some(former) = channel.into_former()
        {
            self.former.insert(topic.to_owned(), former);
        }
    }

    /// When some channel's token expires, or its client has waited long enough for the log.
    fn next_deadline(&self) -> Option<Instant> {
        let (now, unix_now) = (Instant::now(), unix_now());
        let expiry = self.channels.values().filter_map(Channel::expires_at).min();
        let expiry = expiry.map(|at| {
            let seconds = u64::try_from(at.saturating_sub(unix_now)).unwrap_or(0);
            now + Duration::from_secs(seconds.min(LONGEST_WAIT_SECONDS))
        });
        expiry.into_iter().chain(self.channels.values().filter_map(|it| it.awaits_log)).min()
    }

    async fn meet_deadlines(&mut self) {
        let now = Instant::now();
        let over = |channel: &Channel| {
            let is_late = channel.awaits_log.is_some_and(|at| at <= now);
            channel.is_over().or_else(|| is_late.then_some(System::NoLog))
        };
        let over: Vec<(String, System)> = self
            .channels
            .iter()
            .filter_map(|(topic, channel)| Some((topic.clone(), over(channel)?)))
            .collect();
        for (topic, why) in over {
            let outcome = self.channels.get(&topic).map(|channel| channel.tell(&self.on, &why));
            self.settle(&topic, outcome.unwrap_or(Outcome::Stays)).await;
        }
    }

    /// Some channel's rights were asked again.
    async fn heed_rights(&mut self) {
        let on = &self.on;
        let heeded = self.channels.iter_mut().map(|(topic, it)| (topic.clone(), it.heed(on)));
        for (topic, outcome) in heeded.collect::<Vec<_>>() {
            self.settle(&topic, outcome).await;
        }
    }

    fn awaits_log(&self) -> bool {
        self.channels.values().any(|channel| channel.awaits_log.is_some())
    }

    fn tell_log(&mut self) {
        for channel in self.channels.values_mut() {
            if channel.awaits_log.take().is_some() {
                channel.say_system(&self.on, "ok", "Replication connection established");
            }
        }
    }

    fn reply(&self, push: &Push, is_ok: bool, response: &str) {
        self.on.outbox.send(protocol::reply(self.on.outbox.version(), push, is_ok, response));
    }
}

/// Resolves at some moment of a shutdown, each socket's its own: those who come back come one
/// after the other.
async fn told_to_go(realtime: &Realtime) {
    realtime.shutdown.cancelled().await;
    tokio::time::sleep(realtime.settings.drain().mul_f64(rand::random())).await;
}

/// Waits for a time; forever when there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Capacity(_))
}

/// Sends what waits, until the socket is to end or all who could send are gone; gives why the
/// server closed it, when it was the server.
async fn write(mut backend: Backend, mut inbox: Inbox, delivered: Counter) -> Option<Close> {
    let (why, mut rest) = loop {
        // Of no size while nothing is to be sent.
        let mut frames = Vec::new();
        if let Err(why) = inbox.receive(&mut frames, WRITE_BATCH).await {
            break (why, Batch::default());
        }
        let goodbye = frames.iter().position(Frames::is_close);
        if let Some(goodbye) = goodbye {
            frames.truncate(goodbye + 1);
        }
        let count: usize = frames.iter().map(Frames::count).sum();
        let mut batch = Batch::of(frames);
        // A socket that takes nothing fills its queue and is closed while we wait here.
        let sent = tokio::select! {
            biased;
            sent = backend.write_all_buf(&mut batch) => sent,
            why = inbox.given_up() => break (why, batch),
        };
        if sent.is_err() {
            return None;
        }
        delivered.inc_by(count as u64);
        if goodbye.is_some() {
            break (None, Batch::default());
        }
    };
    let frame = why.map(|why| CloseFrame { code: why.code().into(), reason: why.text().into() });
    let goodbye = async {
        // Half a frame cannot be taken back.
        rest.cut();
        backend.write_all_buf(&mut rest).await?;
        if let Some(frame) = frame {
            backend.write_all_buf(&mut Frames::close(Some(frame)).into_bytes()).await?;
        }
        backend.shutdown().await
    };
    // The peer may be gone, or not listen; the connection is dropped either way.
    let _: Result<io::Result<()>, _> = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    why
}
