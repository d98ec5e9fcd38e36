//! Where bytes rest: the disk of this machine or an S3-compatible store. Knows no Postgres and
//! no HTTP.
//!
//! Bytes are named by the version they are, a uuid of the server's own; no name that somebody
//! chose ever becomes a path. What is written appears whole or not at all. Reading order: here the
//! store and how it is reached (`connection`), then `write` and `read`.

mod connection;
mod read;
mod write;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::stream::{BoxStream, StreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use crate::config::{StorageSettings, StoreSettings};

use connection::Connector;

pub use read::Reading;
pub use write::{Etag, HEAD_BYTES, WriteError, Written};

/// Bytes handed over to the disk at once.
const DISK_PART_BYTES: usize = 1024 * 1024;

/// What follows the name of a file on the disk: nothing when it is whole; what a copy and an
/// upload are called until then.
const STAGED: [&str; 3] = ["", "#0", "#1"];

/// Bytes of one part in a store: no store takes smaller ones, nor more than ten thousand.
const STORE_PART_BYTES: usize = 8 * 1024 * 1024;

/// What went wrong with the disk or the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk or the store refuses or cannot be reached.
    #[error("bytes cannot be reached")]
    Store(#[from] object_store::Error),
    /// A file cannot be read or written.
    #[error("a file cannot be used")]
    Disk(#[from] std::io::Error),
    /// There are no bytes of that name.
    #[error("there are no bytes of that name")]
    Missing,
}

/// The bytes of all versions. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where it is on this machine, unless it is somewhere else.
    disk: Option<Arc<LocalFileSystem>>,
    part_bytes: usize,
}

/// Bytes that were found, whoever they belong to.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Their name.
    pub version: Uuid,
    /// When they were written.
    pub written_at: SystemTime,
}

impl Blobs {
    /// Where the settings say.
    ///
    /// # Errors
    /// The folder cannot be made, or the store's settings do not read.
    pub fn open(settings: &StorageSettings) -> Result<Self, Error> {
        match &settings.store.storage_s3_bucket {
            Some(bucket) => Self::store(bucket, &settings.store),
            None => Self::disk(settings.folder()),
        }
    }

    /// A folder of this machine, made if it is missing. What is written is synced before it counts.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn disk(folder: PathBuf) -> Result<Self, Error> {
        // Nobody else on this machine is to read what policies guard.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let disk = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        let store = Arc::clone(&disk) as Arc<dyn ObjectStore>;
        Ok(Self { store, disk: Some(disk), part_bytes: DISK_PART_BYTES })
    }

    fn store(bucket: &str, settings: &StoreSettings) -> Result<Self, Error> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&settings.storage_s3_region)
            .with_http_connector(Connector)
            .with_client_options(ClientOptions::new().with_allow_http(true));
        if let Some(endpoint) = &settings.storage_s3_endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(id) = &settings.storage_s3_access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(secret) = &settings.storage_s3_secret_access_key {
            builder = builder.with_secret_access_key(secret);
        }
        Ok(Self { store: Arc::new(builder.build()?), disk: None, part_bytes: STORE_PART_BYTES })
    }

    /// Gives bytes a second name; on the disk both share one place.
    ///
    /// # Errors
    /// There are none, or the store refuses.
    pub async fn copy(&self, from: Uuid, to: Uuid) -> Result<(), Error> {
        self.store.copy(&location(from), &location(to)).await.map_err(missing)
    }

    /// Removes bytes, and what an upload that was cut off has left of them. That there are none is
    /// no error.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn delete(&self, version: Uuid) -> Result<(), Error> {
        if let Some(disk) = &self.disk {
            let whole = disk.path_to_filesystem(&location(version))?;
            for mark in STAGED {
                let mut path = whole.clone().into_os_string();
                path.push(mark);
                match tokio::fs::remove_file(path).await {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            return Ok(());
        }
        match self.store.delete(&location(version)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// All bytes there are, in no order.
    pub fn list(&self) -> BoxStream<'static, Result<Found, Error>> {
        let found = self.store.list(None).filter_map(async |listed| match listed {
            Ok(meta) => {
                let version = Uuid::try_parse(meta.location.filename()?).ok()?;
                Some(Ok(Found { version, written_at: meta.last_modified.into() }))
            }
            Err(error) => Some(Err(error.into())),
        });
        found.boxed()
    }
}

/// `ab/cd/abcd...`: no folder becomes too full.
fn location(version: Uuid) -> Path {
    let name = version.to_string();
    Path::from(format!("{}/{}/{name}", &name[..2], &name[2..4]))
}

fn missing(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::Missing,
        error => Error::Store(error),
    }
}
