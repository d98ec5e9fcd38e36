//! Bytes out: all or a part of them, as a stream.

use std::io::SeekFrom;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetResultPayload, ObjectStoreExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::{Blobs, Error, location, missing};

/// Bytes read from the disk at once.
const READ_BYTES: usize = 256 * 1024;

/// Bytes that are being read. They stay readable until the end, even if they are removed.
pub struct Reading {
    /// How many there are in all, beyond the range too.
    pub size: u64,
    /// Those asked for.
    pub bytes: BoxStream<'static, Result<Bytes, Error>>,
}

impl Blobs {
    /// How many bytes there are.
    ///
    /// # Errors
    /// There are none, or the store refuses.
    pub async fn size(&self, version: Uuid) -> Result<u64, Error> {
        Ok(self.store.head(&location(version)).await.map_err(missing)?.size)
    }

    /// Opens all bytes, or those of a range, which must lie within them.
    ///
    /// # Errors
    /// There are none, or the store refuses.
    pub async fn get(&self, version: Uuid, range: Option<Range<u64>>) -> Result<Reading, Error> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let found = self.store.get_opts(&location(version), options).await.map_err(missing)?;
        let (size, range) = (found.meta.size, found.range.clone());
        let bytes = match found.payload {
            GetResultPayload::Stream(bytes) => bytes.map_err(Error::from).boxed(),
            GetResultPayload::File(file, _) => {
                let mut file = tokio::fs::File::from_std(file);
                file.seek(SeekFrom::Start(range.start)).await?;
                let part = file.take(range.end.saturating_sub(range.start));
                ReaderStream::with_capacity(part, READ_BYTES).map_err(Error::from).boxed()
            }
        };
        Ok(Reading { size, bytes })
    }
}
