//! Many cheap clients: raw sockets on a thread of their own that count frames and look at few of
//! them, so that the machine is left to the server.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::ready;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

/// One in so many events is read as a whole and checked.
const SAMPLE: u64 = 997;

/// Bytes read at once, by all sockets of the thread one after the other.
const READ_BYTES: usize = 256 * 1024;

/// Sockets that are opened side by side, unless they come at a pace.
const OPENING: usize = 64;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// How a socket begins.
#[derive(Clone)]
pub struct Way {
    /// Host and port.
    pub address: String,
    /// Path and query of the upgrade.
    pub path: String,
    /// What it sends first, and the event that says it is in.
    pub join: Option<(String, &'static str)>,
}

/// Something that a socket says again and again.
#[derive(Clone)]
pub struct Talk {
    pub every: Duration,
    pub say: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What all sockets of a crowd received: frames that the server pushed, by their event.
pub struct Tally {
    pub kinds: Vec<Kind>,
    pub closed: AtomicU64,
    /// Sampled events that were not what they should be.
    pub faulty: AtomicU64,
}

/// Frames of one event.
pub struct Kind {
    event: &'static str,
    is_right: fn(&Value) -> bool,
    count: AtomicU64,
    /// How old they were, when they say when they were sent.
    pub ages: Ages,
    are_stamped: bool,
}

/// Microseconds, counted in sixteenths of powers of two.
pub struct Ages(Vec<AtomicU64>);

/// A crowd; its sockets are closed when it is dropped.
pub struct Crowd {
    orders: mpsc::UnboundedSender<Order>,
    pub tally: Arc<Tally>,
}

struct Order {
    ways: Vec<(Way, Vec<Talk>)>,
    /// How many begin a second; `None` = as fast as they come in.
    pace: Option<f64>,
    done: oneshot::Sender<anyhow::Result<Vec<Duration>>>,
}

/// One raw WebSocket.
pub struct Raw {
    stream: TcpStream,
    partial: Vec<u8>,
}

impl Tally {
    /// Counts these events; a sample of each must be right.
    pub fn of(kinds: &[(&'static str, fn(&Value) -> bool)]) -> Arc<Self> {
        Self::new(kinds, false)
    }

    /// As [`Tally::of`], and looks into each for when it was sent.
    pub fn stamped(kinds: &[(&'static str, fn(&Value) -> bool)]) -> Arc<Self> {
        Self::new(kinds, true)
    }

    fn new(kinds: &[(&'static str, fn(&Value) -> bool)], are_stamped: bool) -> Arc<Self> {
        let kinds = kinds.iter().map(|(event, is_right)| Kind {
            event,
            is_right: *is_right,
            count: AtomicU64::new(0),
            ages: Ages::default(),
            are_stamped,
        });
        Arc::new(Self {
            kinds: kinds.collect(),
            closed: AtomicU64::new(0),
            faulty: AtomicU64::new(0),
        })
    }

    /// How many events of a kind came.
    pub fn count(&self, kind: usize) -> u64 {
        self.kinds[kind].count.load(Ordering::Relaxed)
    }

    /// Waits until so many have come.
    pub async fn reach(&self, kind: usize, count: u64) -> anyhow::Result<()> {
        let mut last = (self.count(kind), Instant::now());
        while self.count(kind) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = self.count(kind);
            if now > last.0 {
                last = (now, Instant::now());
            }
            let closed = self.closed.load(Ordering::Relaxed);
            ensure!(closed == 0, "{closed} sockets were closed");
            ensure!(last.1.elapsed() < Duration::from_secs(60), "only {now} of {count} came");
        }
        Ok(())
    }

    /// Notes all frames that are whole; gives how many bytes they are.
    fn note_all(&self, bytes: &[u8]) -> usize {
        let mut done = 0;
        while let Some((payload, length)) = next_frame(&bytes[done..]) {
            self.note(payload);
            done += length;
        }
        done
    }

    fn note(&self, payload: &[u8]) {
        let Some(event) = event_of(payload) else { return };
        let Some(kind) = self.kinds.iter().find(|kind| event == kind.event.as_bytes()) else {
            return;
        };
        let before = kind.count.fetch_add(1, Ordering::Relaxed);
        if before % SAMPLE == 0 {
            let is_right =
                serde_json::from_slice(payload).is_ok_and(|frame| (kind.is_right)(&frame));
            self.faulty.fetch_add(u64::from(!is_right), Ordering::Relaxed);
        }
        if kind.are_stamped {
            kind.ages.note(payload);
        }
    }
}

/// The event of `[null,null,"topic","event",..`.
fn event_of(payload: &[u8]) -> Option<&[u8]> {
    let after_topic = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'"');
    let rest = payload.strip_prefix(br#"[null,null,""#)?;
    let rest = rest[after_topic(rest)?..].strip_prefix(br#"",""#)?;
    Some(&rest[..after_topic(rest)?])
}

/// What tells in an event when it was sent.
pub fn stamp() -> String {
    format!("at={:016}", unix_us())
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("before the year 500,000")
}

impl Default for Ages {
    fn default() -> Self {
        Self((0..40 * 16).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Ages {
    fn note(&self, payload: &[u8]) {
        let at = payload.windows(3).rposition(|window| window == b"at=");
        let digits = at.and_then(|at| payload.get(at + 3..at + 19));
        let sent = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        if let Some(sent) = sent {
            self.add(Duration::from_micros(unix_us().saturating_sub(sent)));
        }
    }

    /// One more.
    pub fn add(&self, age: Duration) {
        let us = u64::try_from(age.as_micros()).unwrap_or(u64::MAX).max(16);
        let power = us.ilog2();
        let sixteenth = (us >> (power - 4)) & 15;
        let bucket = (u64::from(power) * 16 + sixteenth) as usize;
        self.0[bucket.min(self.0.len() - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// So many of a thousand were at most this old.
    pub fn at(&self, thousandths: u64) -> Duration {
        let total: u64 = self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let mut left = (total * thousandths).div_ceil(1000);
        for (bucket, count) in (0_u64..).zip(&self.0) {
            let count = count.load(Ordering::Relaxed);
            if count >= left && left > 0 {
                return Duration::from_micros(
                    (16 + bucket % 16 + 1) << (bucket / 16).saturating_sub(4),
                );
            }
            left = left.saturating_sub(count);
        }
        Duration::ZERO
    }

    /// Begins to count anew.
    pub fn clear(&self) {
        self.0.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

impl Crowd {
    /// Nobody yet.
    pub fn gather(tally: Arc<Tally>) -> Self {
        let (orders, mut received) = mpsc::unbounded_channel::<Order>();
        let counted = Arc::clone(&tally);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                while let Some(order) = received.recv().await {
                    let opened = open(order.ways, order.pace, &counted).await;
                    // Whoever asked may have given up.
                    let _ = order.done.send(opened);
                }
            });
        });
        Self { orders, tally }
    }

    /// That nobody was closed, and whatever was looked at was right.
    pub fn check(&self) -> anyhow::Result<()> {
        let Tally { closed, faulty, .. } = &*self.tally;
        let (closed, faulty) = (closed.load(Ordering::Relaxed), faulty.load(Ordering::Relaxed));
        ensure!(closed == 0 && faulty == 0, "{closed} sockets closed, {faulty} wrong events");
        Ok(())
    }

    /// Opens sockets that stay; gives how long each took to be in.
    pub async fn open(
        &self,
        ways: Vec<(Way, Vec<Talk>)>,
        pace: Option<f64>,
    ) -> anyhow::Result<Vec<Duration>> {
        let (done, opened) = oneshot::channel();
        self.orders.send(Order { ways, pace, done }).ok().context("the crowd is gone")?;
        opened.await?
    }
}

async fn open(
    ways: Vec<(Way, Vec<Talk>)>,
    pace: Option<f64>,
    tally: &Arc<Tally>,
) -> anyhow::Result<Vec<Duration>> {
    let begin = Instant::now();
    let open = |(number, (way, talks)): (u32, (Way, Vec<Talk>))| async move {
        let mut due = Instant::now();
        if let Some(pace) = pace {
            due = begin + Duration::from_secs_f64(f64::from(number) / pace);
            tokio::time::sleep_until(due.into()).await;
        }
        let raw = Raw::open(&way).await?;
        let took = due.elapsed();
        tokio::spawn(raw.follow(talks, Arc::clone(tally)));
        anyhow::Ok(took)
    };
    let side_by_side = if pace.is_some() { ways.len() } else { OPENING };
    stream::iter((0..).zip(ways)).map(open).buffer_unordered(side_by_side).try_collect().await
}

impl Raw {
    /// Opens a socket, and joins.
    pub async fn open(way: &Way) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(&way.address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            way.path, way.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let end = loop {
            ensure!(stream.read_buf(&mut answer).await? > 0, "closed: {}", show(&answer));
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(answer.starts_with(b"HTTP/1.1 101 "), "refused: {}", show(&answer));
        let mut raw = Self { stream, partial: answer.split_off(end) };
        if let Some((join, until)) = &way.join {
            raw.send(join).await?;
            raw.wait_for(until).await?;
        }
        Ok(raw)
    }

    async fn wait_for(&mut self, event: &str) -> anyhow::Result<()> {
        loop {
            while let Some((frame, length)) = next_frame(&self.partial) {
                let frame: Value = serde_json::from_slice(frame)?;
                self.partial.drain(..length);
                if frame[3] == event {
                    ensure!(frame[4]["status"] == "ok", "refused: {frame}");
                    return Ok(());
                }
            }
            if self.stream.read_buf(&mut self.partial).await? == 0 {
                bail!("closed instead of {event}");
            }
        }
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        let length = text.len();
        // Final, text; masked, as a client must, with a key that changes nothing.
        let mut frame = vec![0x81];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length), _) if length < 126 => frame.push(0x80 | length),
            (_, Ok(length)) => {
                frame.push(0x80 | 0x7e);
                frame.extend(length.to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Throws away what has come.
    pub fn discard(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.try_read(&mut buffer) {
                Ok(0) => bail!("closed"),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts what comes, and talks, until the end.
    async fn follow(mut self, talks: Vec<Talk>, tally: Arc<Tally>) {
        let now = Instant::now();
        // Not all at once.
        let first = |talk: &Talk| now + talk.every.mul_f64(rand::random());
        let mut due: Vec<(Instant, Talk)> =
            talks.into_iter().map(|talk| (first(&talk), talk)).collect();
        loop {
            let next = due.iter().map(|(at, _)| *at).min();
            let next = next.unwrap_or(now + Duration::from_secs(86_400));
            if next <= Instant::now() {
                for (at, talk) in &mut due {
                    if *at <= Instant::now() {
                        *at += talk.every;
                        if self.send(&(talk.say)()).await.is_err() {
                            break;
                        }
                    }
                }
                continue;
            }
            match timeout_at(next.into(), self.read(&tally)).await {
                Err(_) | Ok(Ok(true)) => {}
                Ok(Ok(false) | Err(_)) => break,
            }
        }
        tally.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads once; gives whether the other end is still there.
    async fn read(&mut self, tally: &Tally) -> std::io::Result<bool> {
        let Self { stream, partial } = self;
        poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut read = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
                let bytes = read.filled();
                let is_there = !bytes.is_empty();
                if partial.is_empty() {
                    partial.extend(&bytes[tally.note_all(bytes)..]);
                } else {
                    partial.extend(bytes);
                    let done = tally.note_all(partial);
                    partial.drain(..done);
                }
                Ok(is_there).into()
            })
        })
        .await
    }
}

/// The payload of the first frame, and how long it is as a whole.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    Some((bytes.get(start..start + length)?, start + length))
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned()
}
