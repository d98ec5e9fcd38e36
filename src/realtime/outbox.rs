//! The bounded queue of one socket.
//!
//! Sending never waits: a socket whose queue is full is closed with a code that says "come
//! back", so that one slow reader costs nobody else anything. Of changes that may be superseded,
//! a slow reader gets the latest of each row instead.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::error::Close;
use super::frame::Frames;
use super::latest::Subject;
use super::presence::Owner;
use super::protocol::Version;

/// How long the last frames before a close may take to leave.
const LAST_FRAMES_TIMEOUT: Duration = Duration::from_secs(2);

/// Places that an empty queue keeps for frames to come.
const KEPT_PLACES: usize = 32;

/// The sending end of one socket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    inner: Arc<OutboxInner>,
}

#[derive(Debug)]
struct OutboxInner {
    version: Version,
    max_frames: usize,
    max_bytes: usize,
    /// Held to put a frame in or to take those that wait.
    queue: Mutex<Queue>,
    /// Told when there is something for the writer to see to.
    filled: Notify,
    closing: CancellationToken,
    /// Why; set before `closing` is cancelled, and read after.
    reason: Mutex<Option<Close>>,
}

/// The receiving end, for the task that writes to the socket.
#[derive(Debug)]
pub struct Inbox {
    inner: Arc<OutboxInner>,
}

/// What waits, in the order in which it is sent.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// The number of the first; each that is put in gets the next.
    first: u64,
    /// How many frames were not superseded, and their bytes.
    frames: usize,
    bytes: usize,
    /// Places of what was superseded.
    left_over: usize,
    /// The number of the latest change of a row.
    latest: HashMap<Arc<Subject>, u64>,
}

#[derive(Debug)]
struct Waiting {
    /// `None` when a later one has superseded them.
    frames: Option<Frames>,
    subject: Option<Arc<Subject>>,
}

impl Outbox {
    /// A queue of at most `max_frames` frames and `max_bytes` bytes.
    pub fn new(version: Version, max_frames: usize, max_bytes: usize) -> (Self, Inbox) {
        let inner = Arc::new(OutboxInner {
            version,
            max_frames: max_frames.max(1),
            max_bytes,
            queue: Mutex::default(),
            filled: Notify::new(),
            closing: CancellationToken::new(),
            reason: Mutex::new(None),
        });
        (Self { inner: Arc::clone(&inner) }, Inbox { inner })
    }

    /// The serializer of the socket.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Queues frames, or closes the socket when the queue is full. What is larger than the whole
    /// queue still passes through an empty one.
    pub fn send(&self, frames: Frames) {
        self.put(frames, None);
    }

    /// As [`Outbox::send`]; but when much waits already, the frame takes the place of the one
    /// that waits as the latest of the same subject.
    pub fn send_latest(&self, frame: Frames, subject: Subject) {
        self.put(frame, Some(Arc::new(subject)));
    }

    fn put(&self, frames: Frames, subject: Option<Arc<Subject>>) {
        let mut queue = self.inner.queue();
        if let Some(subject) = &subject
            && !self.inner.has_room(&queue)
        {
            queue.supersede(subject, self.inner.max_frames);
        }
        let was_empty = queue.waiting.is_empty();
        let is_over = queue.frames > 0
            && (queue.frames + frames.count() > self.inner.max_frames
                || queue.bytes + frames.size_bytes() > self.inner.max_bytes);
        if is_over {
            drop(queue);
            self.close(Close::Slow);
            return;
        }
        queue.push(frames, subject);
        drop(queue);
        // Otherwise the writer has been told, and looks before it waits again.
        if was_empty {
            self.inner.filled.notify_one();
        }
    }

    /// Whether so little waits that more may be sent without haste.
    pub fn has_room(&self) -> bool {
        self.inner.has_room(&self.inner.queue())
    }

    /// How many frames wait, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        let queue = self.inner.queue();
        (queue.frames, queue.bytes)
    }

    /// Whether the socket is to end.
    pub fn is_closed(&self) -> bool {
        self.inner.closing.is_cancelled()
    }

    /// Ends the socket; the first reason counts.
    pub fn close(&self, why: Close) {
        let mut reason = self.inner.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(why);
        drop(reason);
        self.end();
    }

    /// Ends the socket, whose peer has gone already.
    pub fn end(&self) {
        self.inner.closing.cancel();
        self.inner.filled.notify_one();
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

impl OutboxInner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, queue: &Queue) -> bool {
        2 * queue.frames <= self.max_frames && 2 * queue.bytes <= self.max_bytes
    }
}

impl Queue {
    fn push(&mut self, frames: Frames, subject: Option<Arc<Subject>>) {
        self.frames += frames.count();
        self.bytes += frames.size_bytes();
        if let Some(subject) = &subject {
            let number = self.first + self.waiting.len() as u64;
            self.latest.insert(Arc::clone(subject), number);
        }
        self.waiting.push_back(Waiting { frames: Some(frames), subject });
    }

    /// Takes out the latest frame of a subject. Its place stays until so many are left over.
    fn supersede(&mut self, subject: &Arc<Subject>, most_places: usize) {
        let Some(number) = self.latest.remove(subject) else { return };
        let place = usize::try_from(number - self.first).ok();
        let waiting = place.and_then(|place| self.waiting.get_mut(place));
        if let Some(frames) = waiting.and_then(|waiting| waiting.frames.take()) {
            self.frames -= frames.count();
            self.bytes -= frames.size_bytes();
            self.left_over += 1;
        }
        if self.left_over > most_places {
            self.left_over = 0;
            self.waiting.retain(|waiting| waiting.frames.is_some());
            for (number, waiting) in (self.first..).zip(&self.waiting) {
                if let Some(subject) = &waiting.subject {
                    self.latest.insert(Arc::clone(subject), number);
                }
            }
        }
    }

    /// Moves frames into `batch`, up to so many pieces.
    fn take(&mut self, batch: &mut Vec<Frames>, most: usize) {
        batch.reserve(self.waiting.len().min(most));
        while batch.len() < most
            && let Some(Waiting { frames, subject }) = self.waiting.pop_front()
        {
            if let Some(subject) = subject
                && self.latest.get(&subject) == Some(&self.first)
            {
                self.latest.remove(&subject);
            }
            self.first += 1;
            match frames {
                Some(frames) => {
                    self.frames -= frames.count();
                    self.bytes -= frames.size_bytes();
                    batch.push(frames);
                }
                None => self.left_over -= 1,
            }
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(KEPT_PLACES);
            self.latest.shrink_to(0);
        }
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
        batch: &mut Vec<Frames>,
        most: usize,
    ) -> Result<(), Option<Close>> {
        let held = batch.len();
        loop {
            let ends = self.inner.closing.is_cancelled().then(|| self.reason());
            if ends.is_none_or(Self::takes_more) {
                self.inner.queue().take(batch, most);
            }
            match ends {
                _ if batch.len() > held => return Ok(()),
                Some(why) => return Err(why),
                None => self.inner.filled.notified().await,
            }
        }
    }

    /// Resolves when the socket is to end and waiting for its client makes no sense; gives why.
    pub async fn given_up(&self) -> Option<Close> {
        self.inner.closing.cancelled().await;
        let why = self.reason();
        if Self::takes_more(why) {
            tokio::time::sleep(LAST_FRAMES_TIMEOUT).await;
        }
        why
    }

    fn reason(&self) -> Option<Close> {
        *self.inner.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client of a socket that ends for this reason may still take frames: one that
    /// said goodbye takes the answer.
    fn takes_more(why: Option<Close>) -> bool {
        why != Some(Close::Slow)
    }
}

impl Drop for Inbox {
    /// Without a writer there is no socket.
    fn drop(&mut self) {
        self.inner.closing.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::super::latest::RowKey;
    use super::*;

    fn text(content: &str) -> Frames {
        Frames::text(content)
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

    fn subject(row: &str) -> Subject {
        let row = Arc::new(RowKey { table: 1, values: vec![row.to_owned()] });
        Subject { subscription: 1, ids: vec![1], row }
    }

    #[tokio::test]
    async fn slow_reader_gets_the_latest_of_each_row_in_order() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 8, 1000);
        outbox.send(text("before"));
        for step in 0..1000 {
            outbox.send_latest(text(&format!("a{step}")), subject("a"));
            outbox.send_latest(text(&format!("b{step}")), subject("b"));
        }
        assert!(outbox.inner.queue().waiting.len() <= 2 * 8 + 1, "what is superseded is bounded");
        outbox.send(text("after"));
        let mut batch = Vec::new();
        assert_eq!(inbox.receive(&mut batch, 100).await, Ok(()));
        let told = ["before", "a0", "b0", "a999", "b999", "after"].map(text);
        assert_eq!(batch, told, "steps that came before much waited are told");
        // Nothing is left of what it knew of the queue.
        let queue = outbox.inner.queue();
        assert_eq!((queue.frames, queue.bytes, queue.latest.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn changes_for_other_bindings_or_channels_supersede_nothing() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 4, 1000);
        for _ in 0..3 {
            outbox.send(text("x"));
        }
        outbox.send_latest(text("1"), subject("a"));
        outbox.send_latest(text("2"), subject("a"));
        assert!(!outbox.is_closed());
        outbox.send_latest(text("3"), Subject { ids: vec![1, 2], ..subject("a") });
        let mut batch = Vec::new();
        assert_eq!(inbox.receive(&mut batch, 10).await, Err(Some(Close::Slow)));
    }

    #[tokio::test]
    async fn reader_that_keeps_up_gets_every_step() {
        let (outbox, mut inbox) = Outbox::new(Version::V2, 8, 1000);
        for round in 0..100 {
            let steps = ["1", "2", "3"].map(text);
            for step in &steps {
                outbox.send_latest(step.clone(), subject("a"));
            }
            let mut batch = Vec::new();
            assert_eq!(inbox.receive(&mut batch, 10).await, Ok(()), "{round}");
            assert_eq!(batch, steps);
        }
    }
}
