//! Bytes in: from a stream, in bounded memory, measured on the way.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, pin_mut, stream};
use md5::{Digest, Md5};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::Sha256;
use uuid::Uuid;

use super::{Blobs, Error, location};

/// So many of the first bytes are kept to tell what they are.
pub const HEAD_BYTES: usize = 8192;

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
    /// Their MD5, in hex.
    pub md5: String,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// The first of them, at most [`HEAD_BYTES`].
    pub head: Bytes,
}

/// What is known of bytes that pass.
struct Measure {
    size: u64,
    limit: u64,
    md5: Md5,
    sha256: Sha256,
    head: BytesMut,
}

impl Measure {
    fn new(limit: u64) -> Self {
        Self { size: 0, limit, md5: Md5::new(), sha256: Sha256::new(), head: BytesMut::new() }
    }

    /// Whether they are still not too many.
    fn add(&mut self, bytes: &[u8]) -> bool {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return false;
        }
        self.md5.update(bytes);
        self.sha256.update(bytes);
        let lacking = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..lacking]);
        true
    }

    fn written(self) -> Written {
        Written {
            size: self.size,
            md5: hex::encode(self.md5.finalize()),
            sha256: hex::encode(self.sha256.finalize()),
            head: self.head.freeze(),
        }
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
    ) -> Result<Written, WriteError<E>> {
        pin_mut!(body);
        let mut measure = Measure::new(limit);
        let mut part = BytesMut::new();
        let mut upload: Option<Box<dyn MultipartUpload>> = None;
        let outcome = loop {
            match body.next().await {
                Some(Ok(bytes)) => {
                    if !measure.add(&bytes) {
                        break Err(WriteError::TooLarge);
                    }
                    part.extend_from_slice(&bytes);
                }
                Some(Err(error)) => break Err(WriteError::Source(error)),
                None => break Ok(()),
            }
            if part.len() >= self.part_bytes
                && let Err(error) = self.pass_on(version, &mut upload, &mut part).await
            {
                break Err(error.into());
            }
        };
        let finished = match (outcome, &mut upload) {
            (Ok(()), None) => self.put_whole(version, part.freeze()).await.map_err(Into::into),
            (Ok(()), Some(parts)) => finish(parts, part.freeze()).await.map_err(Into::into),
            (Err(error), _) => Err(error),
        };
        if finished.is_err()
            && let Some(parts) = &mut upload
        {
            // What cannot be removed now the sweep removes.
            let _ = parts.abort().await;
        }
        finished.map(|()| measure.written())
    }

    /// Writes several pieces as one, in order.
    ///
    /// # Errors
    /// A piece is missing, or as [`Blobs::put`].
    pub async fn join(
        &self,
        pieces: &[Uuid],
        whole: Uuid,
        limit: u64,
    ) -> Result<Written, WriteError<Error>> {
        let bytes = stream::iter(pieces.iter().copied())
            .then(async |piece| Ok::<_, Error>(self.get(piece, None).await?.bytes))
            .try_flatten();
        self.put(whole, bytes, limit).await
    }

    async fn put_whole(&self, version: Uuid, bytes: Bytes) -> Result<(), Error> {
        self.store.put(&location(version), PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    async fn pass_on(
        &self,
        version: Uuid,
        upload: &mut Option<Box<dyn MultipartUpload>>,
        part: &mut BytesMut,
    ) -> Result<(), Error> {
        let parts = match upload {
            Some(parts) => parts,
            None => upload.insert(self.store.put_multipart(&location(version)).await?),
        };
        let bytes = part.split().freeze();
        Ok(parts.put_part(PutPayload::from_bytes(bytes)).await?)
    }
}

async fn finish(parts: &mut Box<dyn MultipartUpload>, rest: Bytes) -> Result<(), Error> {
    if !rest.is_empty() {
        parts.put_part(PutPayload::from_bytes(rest)).await?;
    }
    parts.complete().await?;
    Ok(())
}
