//! The two ends of a WebSocket: one task reads frames, another writes what was framed before.
//!
//! The library that reads also answers pings and goodbyes. What it writes joins the queue of the
//! socket: nothing overtakes half a frame, and who asks without reading is bounded as anybody
//! else.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::frame::Frames;
use super::outbox::Outbox;

/// Memory that an idle connection holds for reading, in bytes: the library's default of
/// 128 KiB is meant for few connections.
const READ_BUFFER_BYTES: usize = 2048;

/// Where frames of a client come from.
pub(super) type Frontend = WebSocketStream<Answering>;

/// Where bytes for a client go.
pub(super) type Backend = WriteHalf<TokioIo<Upgraded>>;

/// Both ends of a connection whose frames have at most so many bytes.
pub(super) async fn split(
    upgraded: Upgraded,
    outbox: Outbox,
    most_bytes: usize,
) -> (Frontend, Backend) {
    let (read, write) = tokio::io::split(TokioIo::new(upgraded));
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(most_bytes))
        .max_frame_size(Some(most_bytes));
    let answering = Answering { read, outbox };
    (WebSocketStream::from_raw_socket(answering, Role::Server, Some(config)).await, write)
}

/// Reads from the connection; what is written goes into the socket's queue.
#[derive(Debug)]
pub(super) struct Answering {
    read: ReadHalf<TokioIo<Upgraded>>,
    outbox: Outbox,
}

impl AsyncRead for Answering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(context, buffer)
    }
}

impl AsyncWrite for Answering {
    /// The library writes whole frames.
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        frame: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outbox.send(Frames::whole(frame));
        Poll::Ready(Ok(frame.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What leaves in as few system calls as possible.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: VecDeque<Bytes>,
    /// Whether some of the first piece has left.
    is_begun: bool,
}

impl Batch {
    /// One after the other.
    pub(super) fn of(frames: Vec<Frames>) -> Self {
        Self { pieces: frames.into_iter().map(Frames::into_bytes).collect(), is_begun: false }
    }

    /// Gives up what has not begun to leave.
    pub(super) fn cut(&mut self) {
        self.pieces.truncate(usize::from(self.is_begun));
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn has_remaining(&self) -> bool {
        !self.pieces.is_empty()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        slices.len().min(self.pieces.len())
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                self.is_begun |= count > 0;
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
            self.is_begun = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_gives_each_byte_once_however_much_is_taken() {
        let texts = ["a", "bc", "", "def"].map(Frames::text);
        let whole: Vec<u8> = texts.iter().flat_map(|text| text.clone().into_bytes()).collect();
        for step in 1..=whole.len() {
            let mut batch = Batch::of(texts.to_vec());
            let mut given: Vec<u8> = Vec::new();
            while batch.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let count = batch.chunks_vectored(&mut slices);
                let ahead: Vec<u8> = slices[..count].iter().flat_map(|it| it.to_vec()).collect();
                let taken = step.min(ahead.len());
                given.extend(&ahead[..taken]);
                batch.advance(taken);
            }
            assert_eq!(given, whole, "{step}");
            assert_eq!(batch.remaining(), 0);
        }
    }

    #[test]
    fn what_has_begun_is_finished() {
        let mut batch = Batch::of(vec![Frames::text("abc"), Frames::text("def")]);
        batch.advance(2);
        batch.cut();
        assert_eq!(batch.chunk(), b"abc");
        batch.advance(3);
        assert!(!batch.has_remaining());
        let mut batch = Batch::of(vec![Frames::text("abc"), Frames::text("def")]);
        batch.advance(5);
        batch.cut();
        assert!(!batch.has_remaining(), "nothing of the second has left");
    }
}
