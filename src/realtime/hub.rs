//! Topic -> sockets: who is in which room, and the bounded queue of each socket.
//!
//! Sending never waits: a socket whose queue is full is closed with a code that says "come
//! back", so that one slow reader costs nobody else anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::Message as Frame;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::Close;
use super::protocol::{Broadcast, Version, broadcast};
use super::replay::Gate;

/// The sending end of one socket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    inner: Arc<OutboxInner>,
}

#[derive(Debug)]
struct OutboxInner {
    version: Version,
    frames: mpsc::Sender<Frame>,
    /// Bytes that wait; the writer takes them off.
    waiting_bytes: AtomicUsize,
    max_bytes: usize,
    closing: CancellationToken,
    /// Why; set before `closing` is cancelled, and read after.
    reason: Mutex<Option<Close>>,
}

/// The receiving end, for the task that writes to the socket.
#[derive(Debug)]
pub struct Inbox {
    frames: mpsc::Receiver<Frame>,
    inner: Arc<OutboxInner>,
}

impl Outbox {
    /// A queue of at most `max_frames` frames and `max_bytes` bytes.
    pub fn new(version: Version, max_frames: usize, max_bytes: usize) -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(max_frames.max(1));
        let inner = Arc::new(OutboxInner {
            version,
            frames: sender,
            waiting_bytes: AtomicUsize::new(0),
            max_bytes,
            closing: CancellationToken::new(),
            reason: Mutex::new(None),
        });
        (Self { inner: Arc::clone(&inner) }, Inbox { frames: receiver, inner })
    }

    /// The serializer of the socket.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Queues a frame, or closes the socket when the queue is full. A single frame larger than
    /// the whole queue still passes through an empty one.
    pub fn send(&self, frame: Frame) {
        let bytes = size_bytes(&frame);
        let waiting = self.inner.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_over = waiting > 0 && waiting + bytes > self.inner.max_bytes;
        if is_over || self.inner.frames.try_send(frame).is_err() {
            self.close(Close::Slow);
        }
    }

    /// Whether so little waits that more may be sent without haste.
    pub fn has_room(&self) -> bool {
        let frames = &self.inner.frames;
        2 * frames.capacity() >= frames.max_capacity()
            && 2 * self.inner.waiting_bytes.load(Ordering::Relaxed) <= self.inner.max_bytes
    }

    /// Whether the socket is to end.
    pub fn is_closed(&self) -> bool {
        self.inner.closing.is_cancelled() || self.inner.frames.is_closed()
    }

    /// Ends the socket; the first reason counts.
    pub fn close(&self, why: Close) {
        let mut reason = self.inner.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(why);
        drop(reason);
        self.inner.closing.cancel();
    }

    /// Ends the socket, whose peer has gone already.
    pub fn end(&self) {
        self.inner.closing.cancel();
    }

    /// Resolves when the socket is to end.
    pub async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Inbox {
    /// Waits for frames and moves them into `batch`; `Err` when the socket is to end.
    ///
    /// # Errors
    /// Why the socket is to end; `None` when its peer has gone.
    pub async fn receive(
        &mut self,
        batch: &mut Vec<Frame>,
        most: usize,
    ) -> Result<(), Option<Close>> {
        let held = batch.len();
        tokio::select! {
            biased;
            () = self.inner.closing.cancelled() => {
                Err(*self.inner.reason.lock().unwrap_or_else(PoisonError::into_inner))
            }
            count = self.frames.recv_many(batch, most) => {
                let bytes = batch[held..].iter().map(size_bytes).sum();
                self.inner.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                if count == 0 { Err(None) } else { Ok(()) }
            }
        }
    }

    /// Resolves when the socket is to end.
    pub async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }
}

fn size_bytes(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(_) => 0,
    }
}

/// A room: public and private channels of one name are apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Room {
    /// Full topic, `realtime:` included.
    pub topic: Arc<str>,
    /// Whether policies decide who is in it.
    pub is_private: bool,
}

/// Who is in which room.
#[derive(Debug, Default)]
pub struct Hub {
    /// Held for a look-up or a loop of `try_send`s, never across an await.
    rooms: Mutex<HashMap<Room, Vec<Member>>>,
}

/// A socket in a room.
#[derive(Debug)]
struct Member {
    outbox: Outbox,
    /// For those who asked for a replay: what messages of the log must pass.
    gate: Option<Arc<Gate>>,
}

impl Hub {
    /// Lets a socket into a room.
    pub fn enter(&self, room: &Room, socket: &Outbox) {
        self.let_in(room, Member { outbox: socket.clone(), gate: None });
    }

    /// Lets a socket into a room; messages of the log wait at the gate, which is shut.
    pub(super) fn enter_gated(&self, room: &Room, socket: &Outbox) -> Arc<Gate> {
        let gate = Gate::shut();
        self.let_in(room, Member { outbox: socket.clone(), gate: Some(Arc::clone(&gate)) });
        gate
    }

    fn let_in(&self, room: &Room, member: Member) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room.clone()).or_default().push(member);
    }

    /// Takes a socket out of a room.
    pub fn leave(&self, room: &Room, socket: &Outbox) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(members) = rooms.get_mut(room) {
            members.retain(|member| !member.outbox.is(socket));
            if members.is_empty() {
                rooms.remove(room);
            }
        }
    }

    /// Says something to everybody in a room; `except` hears nothing.
    pub fn say(&self, room: &Room, said: &Broadcast, except: Option<&Outbox>) {
        let id = said.id.as_ref();
        self.fan_out_once(room, id, except, |version| broadcast(version, &room.topic, said));
    }

    /// Sends to everybody in a room what `frame` makes for their serializer, made once each.
    pub fn fan_out(
        &self,
        room: &Room,
        except: Option<&Outbox>,
        frame: impl Fn(Version) -> Option<Frame>,
    ) {
        self.fan_out_once(room, None, except, frame);
    }

    /// As [`Hub::fan_out`]; what has an id passes gates.
    fn fan_out_once(
        &self,
        room: &Room,
        id: Option<&Arc<str>>,
        except: Option<&Outbox>,
        frame: impl Fn(Version) -> Option<Frame>,
    ) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = rooms.get(room) else { return };
        let (mut v1, mut v2) = (None, None);
        let is_meant = |member: &&Member| except.is_none_or(|except| !member.outbox.is(except));
        for Member { outbox, gate } in members.iter().filter(is_meant) {
            let version = outbox.version();
            let made = match version {
                Version::V1 => &mut v1,
                Version::V2 => &mut v2,
            };
            if let Some(frame) = made.get_or_insert_with(|| frame(version)) {
                match (id, gate) {
                    (Some(id), Some(gate)) => gate.pass(id, frame.clone(), outbox),
                    _ => outbox.send(frame.clone()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Frame {
        Frame::Text(content.into())
    }

    #[tokio::test]
    async fn full_queue_closes_the_socket_and_says_why() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 2, 1000);
        for _ in 0..3 {
            outbox.send(text("x"));
        }
        let mut batch = Vec::new();
        assert_eq!(inbox.receive(&mut batch, 10).await, Err(Some(Close::Slow)));
    }

    #[tokio::test]
    async fn waiting_bytes_are_bounded_but_one_large_frame_passes() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 10, 8);
        outbox.send(text("0123456789"));
        let mut batch = Vec::new();
        assert_eq!(inbox.receive(&mut batch, 10).await, Ok(()));
        outbox.send(text("01234"));
        outbox.send(text("56789"));
        assert_eq!(inbox.receive(&mut batch, 10).await, Err(Some(Close::Slow)));
    }

    #[tokio::test]
    async fn rooms_of_one_name_are_apart_and_senders_can_be_left_out() {
        let hub = Hub::default();
        let room = |is_private| Room { topic: "realtime:a".into(), is_private };
        let (ana, mut ana_inbox) = Outbox::new(Version::V1, 4, 1000);
        let (bo, mut bo_inbox) = Outbox::new(Version::V2, 4, 1000);
        let (cy, mut cy_inbox) = Outbox::new(Version::V2, 4, 1000);
        hub.enter(&room(false), &ana);
        hub.enter(&room(false), &bo);
        hub.enter(&room(true), &cy);
        let said = Broadcast { event: "hi".into(), is_json: true, data: "{}".into(), id: None };
        hub.say(&room(false), &said, Some(&ana));
        hub.say(&room(true), &said, None);
        hub.leave(&room(false), &bo);
        hub.say(&room(false), &said, Some(&ana));

        let mut batch = Vec::new();
        assert_eq!(bo_inbox.receive(&mut batch, 10).await, Ok(()));
        assert_eq!(cy_inbox.receive(&mut batch, 10).await, Ok(()));
        assert_eq!(batch.len(), 2);
        assert!(ana_inbox.frames.try_recv().is_err());
    }
}
