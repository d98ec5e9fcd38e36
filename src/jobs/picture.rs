//! Pictures are looked at when they have come: how large they are; and where that is wished, what
//! cameras noted in them is taken out, and bytes without it take the place of the first.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::Failure;
use super::store::{self, Job};
use super::stripping::{self, Picture};
use crate::blob::{self, Blobs, Etag, WriteError, Written};
use crate::config::ImageSettings;
use crate::pg::Pg;

/// Kind of these jobs.
pub(super) const KIND: &str = "picture";

/// Who says that a picture cannot be given to others.
const ENGINE: &str = "pictures";

/// What a job says.
#[derive(Deserialize)]
struct Order {
    version: Uuid,
    /// Whether what is noted in it is taken out.
    is_bare: bool,
}

/// Looks at pictures.
pub(super) struct Studio {
    pg: Pg,
    blobs: Blobs,
    max_bytes: u64,
}

impl Studio {
    pub(super) fn new(pg: Pg, blobs: Blobs, settings: &ImageSettings) -> Self {
        Self { pg, blobs, max_bytes: settings.storage_image_file_size }
    }

    /// Looks at one picture, and writes down what was found.
    pub(super) async fn look(&self, job: &Job) -> Result<(), Failure> {
        let Order { version, is_bare } = serde_json::from_value(job.payload.clone())
            .map_err(|_| Failure::lasting("the payload names no picture"))?;
        let reading = match self.blobs.get(version, None).await {
            Ok(reading) => reading,
            // Deleted before anybody came to it.
            Err(blob::Error::Missing) => return Ok(()),
            Err(error) => return Err(passing(error)),
        };
        if reading.size > self.max_bytes {
            return self.refuse(version, is_bare, "too large to be stripped").await;
        }
        let mut bytes = BytesMut::new();
        let mut pieces = reading.bytes;
        while let Some(piece) = pieces.try_next().await.map_err(passing)? {
            bytes.extend_from_slice(&piece);
        }
        let bytes = bytes.freeze();
        let whole = bytes.clone();
        let found = spawn_blocking(move || stripping::strip(whole)).await.map_err(passing)?;
        let Some(Picture { width, height, bare }) = found else {
            return self.refuse(version, is_bare, "no picture that can be stripped").await;
        };
        let replacement =
            if is_bare && bare != bytes { Some(self.keep(bare).await?) } else { None };
        let size = (width, height);
        store::settle_picture(&self.pg, version, size, is_bare, replacement.as_ref())
            .await
            .map_err(passing)
    }

    /// What must be stripped and cannot be is given to nobody else.
    async fn refuse(&self, version: Uuid, is_bare: bool, why: &str) -> Result<(), Failure> {
        if !is_bare {
            return Ok(());
        }
        tracing::warn!(%version, why, "a picture is kept from others");
        store::record_verdict(&self.pg, version, ("failed", Some(why)), ENGINE)
            .await
            .map_err(passing)
    }

    /// Writes bytes that are in the ledger before they are anywhere.
    async fn keep(&self, bare: Bytes) -> Result<(Uuid, Written), Failure> {
        let replacement = Uuid::new_v4();
        store::open_blob(&self.pg, replacement).await.map_err(passing)?;
        let body = futures_util::stream::iter([Ok::<_, blob::Error>(bare)]);
        let written = self.blobs.put(replacement, body, u64::MAX, Etag::Brief).await;
        let written = written.map_err(|error: WriteError<blob::Error>| passing(error))?;
        Ok((replacement, written))
    }
}

fn passing(error: impl std::fmt::Display) -> Failure {
    Failure::passing(error.to_string())
}
