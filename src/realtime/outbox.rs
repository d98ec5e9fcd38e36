//! The bounded queue of one socket.
//!
//! Sending never waits: a socket whose queue is full is closed with a code that says "come
//! back", so that one slow reader costs nobody else anything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::Message as Frame;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::Close;
use super::presence::Owner;
use super::protocol::Version;

/// How long the last frames before a close may take to leave.
const LAST_FRAMES_TIMEOUT: Duration = Duration::from_secs(2);

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

    /// How many frames wait, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        let frames = &self.inner.frames;
        let count = frames.max_capacity().saturating_sub(frames.capacity());
        (count, self.inner.waiting_bytes.load(Ordering::Relaxed))
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

    /// Whether both are of one socket.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// As which owner its presence is kept: no other while it lives.
    pub(super) fn owner(&self) -> Owner {
        Arc::as_ptr(&self.inner) as usize
    }
}

impl Inbox {
    /// Waits for frames and moves them into `batch`; `Err` when the socket is to end. What
    /// was queued before that is still given, unless the client was too slow for it.
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
                let why = self.reason();
                while Self::takes_more(why) && batch.len() < most && let Ok(frame) = self.frames.try_recv() {
                    batch.push(frame);
                }
                if batch.len() == held { Err(why) } else { Ok(()) }
            }
            count = self.frames.recv_many(batch, most) => {
                let bytes = batch[held..].iter().map(size_bytes).sum();
                self.inner.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                if count == 0 { Err(None) } else { Ok(()) }
            }
        }
    }

    /// Resolves when the socket is to end and waiting for its client makes no sense.
    pub async fn given_up(&self) {
        self.inner.closing.cancelled().await;
        if Self::takes_more(self.reason()) {
            tokio::time::sleep(LAST_FRAMES_TIMEOUT).await;
        }
    }

    fn reason(&self) -> Option<Close> {
        *self.inner.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client of a socket that ends for this reason may still take frames.
    fn takes_more(why: Option<Close>) -> bool {
        why.is_some_and(|why| why != Close::Slow)
    }
}

fn size_bytes(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(_) => 0,
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
    async fn last_frames_leave_before_the_close() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 10, 1000);
        outbox.send(text("last"));
        outbox.close(Close::Restarting);
        let mut batch = Vec::new();
        assert_eq!(inbox.receive(&mut batch, 10).await, Ok(()));
        assert_eq!(std::mem::take(&mut batch), [text("last")]);
        assert_eq!(inbox.receive(&mut batch, 10).await, Err(Some(Close::Restarting)));
    }
}
