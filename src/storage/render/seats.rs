//! Who may render now: so many at once, on threads of their own, each for so long.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::picture::{self, Rendered};
use super::transformation::Transformation;
use crate::config::ImageSettings;
use crate::storage::Error;

/// How long somebody waits for a seat.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a picture may take. The thread is not stopped then, and keeps its seat until it is
/// done; the bound on pixels ends it.
const BUDGET: Duration = Duration::from_secs(30);

/// What pictures are made over with.
pub(in crate::storage) struct Renderer {
    seats: Arc<Semaphore>,
    /// Most bytes of a source.
    pub(super) max_bytes: u64,
    max_pixels: u64,
}

/// Leave to render one picture.
pub(super) struct Seat(OwnedSemaphorePermit);

impl Renderer {
    /// As the settings bound it; none where they turn it off.
    pub(in crate::storage) fn new(settings: &ImageSettings) -> Option<Self> {
        settings.storage_images.then(|| Self {
            seats: Arc::new(Semaphore::new(settings.storage_images_at_once.into())),
            max_bytes: settings.storage_image_file_size,
            max_pixels: settings.storage_image_pixels,
        })
    }

    /// Waits for a seat.
    ///
    /// # Errors
    /// All stay taken.
    pub(super) async fn seat(&self) -> Result<Seat, Error> {
        match timeout(PATIENCE, Arc::clone(&self.seats).acquire_owned()).await {
            Ok(Ok(seat)) => Ok(Seat(seat)),
            Ok(Err(_)) | Err(_) => Err(Error::TooManyRenderings),
        }
    }

    /// Makes a picture over.
    ///
    /// # Errors
    /// It is none, too large, or takes too long.
    pub(super) async fn render(
        &self,
        seat: Seat,
        source: Bytes,
        asked: Transformation,
    ) -> Result<Rendered, Error> {
        let max_pixels = self.max_pixels;
        let work = tokio::task::spawn_blocking(move || {
            let rendered = picture::render(&source, &asked, max_pixels);
            drop(seat.0);
            rendered
        });
        match timeout(BUDGET, work).await {
            Ok(Ok(Ok(rendered))) => Ok(rendered),
            Ok(Ok(Err(unfit))) => Err(Error::Invalid(unfit.to_string().into())),
            // A decoder that panics met bytes that nobody writes in good faith.
            Ok(Err(_)) => Err(Error::Invalid(picture::Unfit::Broken.to_string().into())),
            Err(_) => Err(Error::Invalid("The source image takes too long to process".into())),
        }
    }
}
