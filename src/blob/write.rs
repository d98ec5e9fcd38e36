//! Bytes in: from a stream, in bounded memory, measured on the way. While one part is digested and
//! written, the next one comes.

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, future, pin_mut, stream};
use md5::{Digest, Md5};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::Sha256;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::{Blobs, Error, location};

/// So many of the first bytes are kept to tell what they are.
pub const HEAD_BYTES: usize = 8192;

/// Letters of a tag that is no MD5: as many as one has.
const TAG_LETTERS: usize = 32;

/// Fewer bytes than these are digested at once, since another thread would take longer to ask.
const SMALL_BYTES: usize = 64 * 1024;

/// What is larger is told apart by a tag as S3 gives it to what came in parts of this size.
const MAX_WHOLE_BYTES: u64 = 5 * 1024 * 1024;

/// Which tag tells what is written apart from what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etag {
    /// The MD5 of all bytes: clients of S3 compare it.
    Md5,
    /// The MD5 of few bytes. Of more it would take longer than everything else about them, and
    /// nobody compares it: part of the SHA-256 and a number of parts, which no client takes for an
    /// MD5.
    Brief,
}

/// Why bytes were not written; nothing is left of them then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// There were more than were allowed.
    #[error("too many bytes")]
    TooLarge,
    /// Whoever sends them failed.
    #[error("the bytes did not come")]
    Source(E),
    /// The disk or the store failed.
    #[error(transparent)]
    Blob(#[from] Error),
}

/// Bytes that are safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// How many.
    pub size: u64,
    /// What tells them apart, without quotes; see [`Etag`].
    pub tag: String,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// The first of them, at most [`HEAD_BYTES`].
    pub head: Bytes,
}

/// The digests of all that has passed.
#[derive(Clone, Default)]
struct Digests {
    /// Nothing once it is not needed.
    md5: Option<Md5>,
    sha256: Sha256,
}

impl Digests {
    fn add(mut self, bytes: &[u8]) -> Self {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.sha256.update(bytes);
        self
    }
}

/// Bytes on their way to the disk or the store.
struct Passage<'a> {
    blobs: &'a Blobs,
    version: Uuid,
    etag: Etag,
    digests: Digests,
    /// How many bytes the digests are of, or soon will be.
    passed: u64,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The part that is being digested and written.
    under_way: Option<JoinHandle<Result<Digests, Error>>>,
}

impl Passage<'_> {
    /// Starts on a part when the one before it is done.
    async fn pass(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.settle().await?;
        let digests = self.digests_for(&bytes);
        let upload = if let Some(upload) = &mut self.upload {
            upload
        } else {
            let begun = self.blobs.store.put_multipart(&location(self.version)).await?;
            self.upload.insert(begun)
        };
        let writing = upload.put_part(PutPayload::from_bytes(bytes.clone()));
        self.under_way = Some(tokio::spawn(async move {
            let digesting = spawn_blocking(move || digests.add(&bytes));
            let (written, digests) = future::join(writing, digesting).await;
            written?;
            Ok(digests.map_err(std::io::Error::other)?)
        }));
        Ok(())
    }

    /// The digests for more bytes, with the MD5 only where it is still needed.
    fn digests_for(&mut self, more: &[u8]) -> Digests {
        let mut digests = std::mem::take(&mut self.digests);
        self.passed = self.passed.saturating_add(more.len() as u64);
        if self.etag == Etag::Brief && self.passed > MAX_WHOLE_BYTES {
            digests.md5 = None;
        }
        digests
    }

    /// Waits for the part under way.
    async fn settle(&mut self) -> Result<(), Error> {
        if let Some(under_way) = self.under_way.take() {
            self.digests = under_way.await.map_err(std::io::Error::other)??;
        }
        Ok(())
    }

    /// The rest comes, and then all is there.
    async fn end(&mut self, rest: Bytes) -> Result<(), Error> {
        if self.upload.is_some() {
            if !rest.is_empty() {
                self.pass(rest).await?;
            }
            self.settle().await?;
            if let Some(upload) = &mut self.upload {
                upload.complete().await?;
            }
            return Ok(());
        }
        let digests = self.digests_for(&rest);
        let payload = PutPayload::from_bytes(rest.clone());
        let place = location(self.version);
        let writing = self.blobs.store.put(&place, payload);
        let digesting = async {
            if rest.len() < SMALL_BYTES {
                return Ok(digests.add(&rest));
            }
            spawn_blocking(move || digests.add(&rest)).await
        };
        let (written, digests) = future::join(writing, digesting).await;
        written?;
        self.digests = digests.map_err(std::io::Error::other)?;
        Ok(())
    }
}

impl Blobs {
    /// Writes what comes, at most `limit` bytes. They appear when all are safe; on an error, or
    /// when the caller stops waiting, nothing is left but what [`Blobs::delete`] removes.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn put<E>(
        &self,
        version: Uuid,
        body: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
        etag: Etag,
    ) -> Result<Written, WriteError<E>> {
        pin_mut!(body);
        let mut passage = Passage {
            blobs: self,
            version,
            etag,
            digests: Digests { md5: Some(Md5::default()), ..Digests::default() },
            passed: 0,
            upload: None,
            under_way: None,
        };
        let (mut size, mut head, mut part) = (0_u64, BytesMut::new(), BytesMut::new());
        let outcome = loop {
            match body.next().await {
                Some(Ok(bytes)) => {
                    size = size.saturating_add(bytes.len() as u64);
                    if size > limit {
                        break Err(WriteError::TooLarge);
                    }
                    let lacking = HEAD_BYTES.saturating_sub(head.len()).min(bytes.len());
                    head.extend_from_slice(&bytes[..lacking]);
                    part.extend_from_slice(&bytes);
                }
                Some(Err(error)) => break Err(WriteError::Source(error)),
                None => break passage.end(part.freeze()).await.map_err(Into::into),
            }
            if part.len() >= self.part_bytes
                && let Err(error) = passage.pass(part.split().freeze()).await
            {
                break Err(error.into());
            }
        };
        if let Err(error) = outcome {
            // What cannot be removed now the sweep removes.
            let _ = passage.settle().await;
            if let Some(upload) = &mut passage.upload {
                let _ = upload.abort().await;
            }
            return Err(error);
        }
        let Digests { md5, sha256 } = passage.digests;
        let sha256 = hex::encode(sha256.finalize());
        let tag = match md5 {
            Some(md5) => hex::encode(md5.finalize()),
            None => format!("{}-{}", &sha256[..TAG_LETTERS], size.div_ceil(MAX_WHOLE_BYTES)),
        };
        Ok(Written { size, tag, sha256, head: head.freeze() })
    }

    /// Writes several pieces as one, in order, tagged in brief.
    ///
    /// # Errors
    /// A piece is missing, or as [`Blobs::put`].
    pub async fn join(
        &self,
        pieces: &[Uuid],
        whole: Uuid,
        limit: u64,
    ) -> Result<Written, WriteError<Error>> {
        self.put(whole, self.clone().in_order(pieces.to_vec()), limit, Etag::Brief).await
    }

    /// The bytes of several pieces, one after the other.
    fn in_order(self, pieces: Vec<Uuid>) -> BoxStream<'static, Result<Bytes, Error>> {
        let open = move |piece| {
            let blobs = self.clone();
            async move { Ok::<_, Error>(blobs.get(piece, None).await?.bytes) }
        };
        stream::iter(pieces).then(open).try_flatten().boxed()
    }
}
