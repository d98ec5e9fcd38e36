//! One connection: read, write, heartbeat, close.
//!
//! The reader handles one frame after the other; the writer sends what waits in the outbox and
//! flushes once for all of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use prometheus_client::metrics::counter::Counter;

use super::channel::{Channel, Outcome};
use super::error::{Close, Join};
use super::hub::{Inbox, Outbox};
use super::protocol::{self, Payload, Push, Version, decode_binary, decode_text, json_text};
use super::{Realtime, TOPIC_PREFIX};
use crate::identity::unix_now;

/// Frames taken from the outbox at once.
const WRITE_BATCH: usize = 64;

/// How long a close frame may take to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection and what it has joined.
struct Socket {
    realtime: Arc<Realtime>,
    outbox: Outbox,
    /// The token of the URL: joins without their own use it.
    token: String,
    channels: HashMap<String, Channel>,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(ws: WebSocket, realtime: Arc<Realtime>, version: Version, token: String) {
    let settings = &realtime.settings;
    let (outbox, inbox) =
        Outbox::new(version, settings.realtime_queue_frames, settings.realtime_queue_bytes);
    let (sink, stream) = ws.split();
    let metrics = realtime.metrics.clone();
    let writer = tokio::spawn(write(sink, inbox, metrics.frames.clone()));
    let mut socket = Socket { realtime, outbox, token, channels: HashMap::new() };
    match socket.read(stream).await {
        Some(why) => socket.outbox.close(why),
        None => socket.outbox.end(),
    }
    for channel in socket.channels.values() {
        channel.leave(&socket.realtime, &socket.outbox).await;
    }
    drop(socket);
    // A writer that panicked has nothing left to tell.
    let closed = writer.await.ok().flatten();
    metrics.count_close(closed.map_or("gone", Close::name));
}

impl Socket {
    /// Handles frames until the connection ends; gives the reason to put into a close frame,
    /// when one is to be sent.
    async fn read(&mut self, mut stream: SplitStream<WebSocket>) -> Option<Close> {
        loop {
            let idle = self.realtime.settings.idle();
            let shutdown = self.realtime.shutdown.clone();
            let frame = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Some(Close::Restarting),
                () = self.outbox.closed() => return None,
                () = until(self.next_expiry()) => {
                    self.expire().await;
                    continue;
                }
                frame = tokio::time::timeout(idle, stream.next()) => frame,
            };
            match frame {
                Err(_) => return Some(Close::Idle),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return is_too_large(error).then_some(Close::TooLarge),
                Ok(Some(Ok(Frame::Text(text)))) => {
                    if let Ok(push) = decode_text(self.outbox.version(), &text) {
                        self.handle(push).await;
                    }
                }
                Ok(Some(Ok(Frame::Binary(bytes)))) => {
                    if self.outbox.version() == Version::V2
                        && let Ok(push) = decode_binary(&bytes)
                    {
                        self.handle(push).await;
                    }
                }
                // Reading on sends the answer to a ping or a goodbye; the stream then ends.
                Ok(Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_)))) => {}
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
            former.leave(&self.realtime, &self.outbox).await;
            former.end(&self.outbox, "phx_close");
        }
        let joined = if self.channels.len() >= self.realtime.settings.realtime_max_channels {
            Err(Join::TooManyChannels)
        } else {
            Channel::join(&self.realtime, &self.outbox, &push, &self.token).await
        };
        let outcome = joined.as_ref().map_or_else(Join::code, |_| "ok");
        self.realtime.metrics.count_join(outcome);
        match joined {
            Ok(channel) => {
                self.channels.insert(push.topic, channel);
            }
            Err(refused) => {
                let response = format!("{{\"reason\":{}}}", json_text(Some(&refused.reason())));
                self.reply(&push, false, &response);
            }
        }
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
        let left = self.channels.remove(&push.topic);
        if let Some(channel) = &left {
            channel.leave(&self.realtime, &self.outbox).await;
        }
        self.reply(push, true, "{}");
        if let Some(channel) = left {
            channel.end(&self.outbox, "phx_close");
        }
    }

    /// An event for a joined channel. Unknown ones are ignored.
    async fn pass(&mut self, push: Push) {
        let Some(channel) = self.channels.get_mut(&push.topic) else {
            self.reply(&push, false, r#"{"reason":"unmatched topic"}"#);
            return;
        };
        match push.event.as_str() {
            "access_token" => {
                let outcome = channel.renew(&self.realtime, &self.outbox, &push).await;
                self.settle(&push.topic, &outcome).await;
            }
            "broadcast" => channel.broadcast(&self.realtime, &self.outbox, &push).await,
            "presence" if matches!(push.payload, Payload::Json(_)) => {
                self.reply(&push, false, r#"{"reason":"Presence is not enabled"}"#);
            }
            _ => {}
        }
    }

    async fn settle(&mut self, topic: &str, outcome: &Outcome) {
        let event = match outcome {
            Outcome::Stays => return,
            Outcome::Ends => "phx_error",
            Outcome::EndsForGood => "phx_close",
        };
        if let Some(channel) = self.channels.remove(topic) {
            channel.leave(&self.realtime, &self.outbox).await;
            channel.end(&self.outbox, event);
        }
    }

    fn next_expiry(&self) -> Option<i64> {
        self.channels.values().filter_map(Channel::expires_at).min()
    }

    async fn expire(&mut self) {
        let now = unix_now();
        let expired: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.expires_at().is_some_and(|at| at <= now))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in expired {
            if let Some(channel) = self.channels.get(&topic) {
                channel.expire(&self.outbox, now);
            }
            self.settle(&topic, &Outcome::Ends).await;
        }
    }

    fn reply(&self, push: &Push, is_ok: bool, response: &str) {
        self.outbox.send(protocol::reply(self.outbox.version(), push, is_ok, response));
    }
}

/// Waits for a time in seconds since 1970; forever when there is none.
async fn until(at: Option<i64>) {
    let Some(at) = at else { return std::future::pending().await };
    let seconds = u64::try_from(at - unix_now()).unwrap_or(0);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn is_too_large(error: Error) -> bool {
    let error = error.into_inner();
    matches!(error.downcast_ref(), Some(tokio_tungstenite::tungstenite::Error::Capacity(_)))
}

/// Sends what waits, until the socket is to end or all who could send are gone; gives why the
/// server closed it, when it was the server.
async fn write(
    mut sink: SplitSink<WebSocket, Frame>,
    mut inbox: Inbox,
    delivered: Counter,
) -> Option<Close> {
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    let why = loop {
        batch.clear();
        if let Err(why) = inbox.receive(&mut batch, WRITE_BATCH).await {
            break why;
        }
        let count = batch.len();
        let sent = async {
            for frame in batch.drain(..) {
                sink.feed(frame).await?;
            }
            sink.flush().await
        };
        // A socket that takes nothing fills its queue and is closed while we wait here.
        let sent = tokio::select! {
            sent = sent => sent,
            () = inbox.closed() => continue,
        };
        if sent.is_err() {
            return None;
        }
        delivered.inc_by(count as u64);
    };
    let frame = why.map(|why| CloseFrame { code: why.code(), reason: why.text().into() });
    let goodbye = async {
        sink.send(Frame::Close(frame)).await?;
        sink.close().await
    };
    // The peer may be gone, or not listen; the connection is dropped either way.
    let _: Result<Result<(), Error>, _> = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    why
}
