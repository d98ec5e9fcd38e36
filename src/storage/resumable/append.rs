//! Bytes of an upload as they come: cut into pieces that are safe one by one, so that little is
//! lost when something breaks, and joined when all are there.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use uuid::Uuid;

use super::protocol::{Checksum, Fault};
use crate::blob::{Etag, Written};
use crate::storage::caller::Caller;
use crate::storage::store::resumable::{self, STEP};
use crate::storage::upload::{self, Content, Reserved};
use crate::storage::{Error, Storage};

/// After so many bytes a piece is made safe.
const PIECE_BYTES: u64 = 8 * 1024 * 1024;

/// A body, as it comes.
pub(super) type Incoming = BoxStream<'static, Result<Bytes, Error>>;

/// One request that brings bytes.
pub(super) struct Append<'a> {
    pub storage: &'a Storage,
    pub caller: &'a Caller,
    pub reserved: &'a Reserved,
    /// How many bytes there will be in all, if that is known.
    pub length: Option<u64>,
    /// Tells that somebody else wants to go on.
    pub asked: &'a CancellationToken,
}

/// Why a piece ends.
enum End {
    /// It is long enough.
    Full,
    /// The body is over.
    Done,
    /// Somebody else wants to go on.
    Asked,
    /// The connection broke, or brings too little.
    Broken(Error),
}

/// A body on its way into one piece. Its errors are for what must not be kept.
struct Cutter<'a> {
    body: &'a mut Incoming,
    asked: Pin<Box<WaitForCancellationFutureOwned>>,
    checksum: Option<&'a mut Checksum>,
    taken: u64,
    /// After how many bytes the piece ends.
    cut: u64,
    /// How many bytes there may be.
    most: u64,
    end: End,
}

impl Stream for Cutter<'_> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // At the very end one looks whether it is the end.
        if this.taken >= this.cut && this.taken < this.most {
            this.end = End::Full;
            return Poll::Ready(None);
        }
        let next = match this.body.poll_next_unpin(context) {
            Poll::Ready(next) => next,
            Poll::Pending if this.asked.as_mut().poll(context).is_ready() => {
                this.end = End::Asked;
                return Poll::Ready(None);
            }
            Poll::Pending => return Poll::Pending,
        };
        this.end = match next {
            Some(Ok(bytes)) => return Poll::Ready(Some(this.count(bytes))),
            Some(Err(error)) => End::Broken(error),
            None => End::Done,
        };
        Poll::Ready(None)
    }
}

impl Cutter<'_> {
    fn count(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        if self.taken > self.most {
            return Err(Fault::Overrun.into());
        }
        if let Some(checksum) = &mut self.checksum {
            checksum.add(&bytes);
        }
        Ok(bytes)
    }
}

impl Append<'_> {
    /// Takes a body that begins at `offset`; gives how many bytes are safe now. All of them: then
    /// the object is there.
    ///
    /// # Errors
    /// Whatever refuses it, or that the body broke off; what came before is safe even so, unless a
    /// checksum came with it.
    pub(super) async fn take(
        &self,
        offset: u64,
        mut checksum: Option<Checksum>,
        body: &mut Incoming,
    ) -> Result<u64, Error> {
        let mut at = offset;
        loop {
            let piece = Uuid::new_v4();
            resumable::open_piece(self.storage, self.caller, piece).boxed().await?;
            let most = self.length.unwrap_or(self.reserved.limit).saturating_sub(at);
            // What has a checksum is kept only when all of it is right.
            let cut = if checksum.is_some() { u64::MAX } else { PIECE_BYTES };
            let mut cutter = Cutter {
                body: &mut *body,
                asked: Box::pin(self.asked.clone().cancelled_owned()),
                checksum: checksum.as_mut(),
                taken: 0,
                cut,
                most,
                end: End::Done,
            };
            let written =
                self.storage.blobs.put(piece, &mut cutter, u64::MAX, Etag::Brief).boxed().await;
            let end = cutter.end;
            let settled = match written {
                Ok(written) => {
                    let sum = checksum.take().map_or(Ok(()), |sum| match end {
                        End::Done => sum.check().map_err(Error::Resumable),
                        _ => Err(Error::Resumable(Fault::Checksum)),
                    });
                    match sum {
                        Ok(()) => self.settle(at, piece, &written).boxed().await,
                        Err(error) => Err(error),
                    }
                }
                Err(error) => Err(error.into()),
            };
            match settled {
                Ok(Settled::Added(now)) => at = now,
                Ok(Settled::Unused(now)) => {
                    upload::give_up(self.storage, piece).await;
                    at = now;
                }
                Err(error) => {
                    upload::give_up(self.storage, piece).await;
                    return Err(error);
                }
            }
            match end {
                _ if self.length == Some(at) => return Ok(at),
                End::Full => {}
                End::Done => return Ok(at),
                End::Asked => return Err(Error::Locked),
                End::Broken(error) => return Err(error),
            }
        }
    }

    /// What becomes of a piece that is safe.
    async fn settle(&self, at: u64, piece: Uuid, written: &Written) -> Result<Settled, Error> {
        let now = at.saturating_add(written.size);
        if self.length == Some(now) {
            self.complete((piece, written)).await?;
            return Ok(Settled::Unused(now));
        }
        if written.size == 0 {
            return Ok(Settled::Unused(now));
        }
        let version = self.reserved.version;
        let added = (piece, written.size);
        resumable::add_piece(self.storage, self.caller, (version, at), added).await?;
        Ok(Settled::Added(now))
    }

    /// Makes the object. The last piece is not noted before that, so that nobody is told of an
    /// upload that is all there and no object.
    async fn complete(&self, (last, written): (Uuid, &Written)) -> Result<(), Error> {
        let Self { storage, caller, reserved, .. } = *self;
        let version = reserved.version;
        let mut pieces = resumable::pieces(storage, caller, version).await?;
        // What an attempt that was cut off has left.
        storage.blobs.delete(version).await?;
        let joined;
        let whole = if pieces.is_empty() {
            storage.blobs.copy(last, version).await?;
            written
        } else {
            if written.size > 0 {
                pieces.push(last);
            }
            joined = storage.blobs.join(&pieces, version, reserved.limit).boxed().await?;
            &joined
        };
        let content = Content::of(whole, None);
        match upload::try_keep(storage, caller, STEP, reserved, content).boxed().await {
            Ok(_) => Ok(()),
            Err(error) => {
                if !error.is_passing() {
                    upload::give_up(storage, version).await;
                }
                Err(error)
            }
        }
    }
}

/// Whether a piece has become a part of the upload, and how long that is now.
enum Settled {
    Added(u64),
    /// The object has the bytes, or there were none.
    Unused(u64),
}
