//! Uploads that come as a form: what is said about the file, and then the first file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use multer::Multipart;

use super::caller::Caller;
use super::store::bucket::Bucket;
use super::upload::{
    LIFE_SECONDS, Leave, MAX_METADATA_BYTES, Stored, Wish, begin, metadata, receive, seconds,
};
use super::{Error, Storage, mime};
use crate::blob::Etag;

/// Most bytes of a form that are read before any of them makes sense.
const MAX_AHEAD_BYTES: usize = 8 * 1024 * 1024;

/// Reads a form up to its file, whatever that field is called, and takes the file.
///
/// # Errors
/// The form does not read, or as [`begin`] and [`receive`].
pub(super) async fn take(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &Bucket,
    (mut wish, leave): (Wish, Leave),
    (boundary, body): (String, impl Stream<Item = Result<Bytes, Error>> + Send + Unpin),
) -> Result<Stored, Error> {
    let ahead = Arc::new(AtomicUsize::new(0));
    let mut form = Multipart::new(bounded(body, Arc::clone(&ahead)), boundary);
    while let Some(mut field) = form.next_field().await.map_err(illegible)? {
        ahead.store(0, Ordering::Relaxed);
        if field.file_name().is_none() {
            let name = field.name().unwrap_or_default().to_owned();
            let mut value = Vec::new();
            while let Some(bytes) = field.chunk().await.map_err(illegible)? {
                ahead.store(0, Ordering::Relaxed);
                value.extend_from_slice(&bytes);
                if value.len() > MAX_METADATA_BYTES {
                    return Err(Error::Form("a field of the form is too long".into()));
                }
            }
            note(&mut wish, &name, &String::from_utf8_lossy(&value))?;
            continue;
        }
        if wish.content_type == mime::UNKNOWN {
            let kind = field.content_type().map(|kind| kind.as_ref().to_owned());
            wish.content_type = mime::declared(kind.as_deref())?;
        }
        let reserved =
            begin(storage, caller, operation, bucket, (wish, leave), LIFE_SECONDS).await?;
        let bytes = field.map_err(illegible).inspect_ok(|_| ahead.store(0, Ordering::Relaxed));
        return receive(storage, caller, operation, reserved, (bytes, Etag::Brief)).await;
    }
    Err(Error::Form("the form holds no file".into()))
}

/// A body whose reader may run ahead of what it gives, but not for ever: `ahead` are the bytes it
/// took since it last gave something. Otherwise headers without an end would fill the memory.
pub(super) fn bounded(
    body: impl Stream<Item = Result<Bytes, Error>> + Send + Unpin,
    ahead: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    body.map(move |piece| {
        let bytes = piece?;
        let before = ahead.fetch_add(bytes.len(), Ordering::Relaxed);
        if before > MAX_AHEAD_BYTES {
            return Err(Error::Form("the form does not read".into()));
        }
        Ok(bytes)
    })
}

/// One field of a form.
pub(super) fn note(wish: &mut Wish, name: &str, value: &str) -> Result<(), Error> {
    match name {
        "cacheControl" if !value.is_empty() => {
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            let said = if is_number { format!("max-age={value}") } else { value.to_owned() };
            wish.cache_control = printable(&said)?;
        }
        "metadata" | "userMetadata" if !value.is_empty() => {
            wish.user_metadata = Some(metadata(value)?);
        }
        "contentType" => wish.content_type = mime::declared(Some(value))?,
        "contentEncoding" if !value.is_empty() => wish.content_encoding = Some(printable(value)?),
        "expiresIn" if !value.is_empty() => wish.expires_in = Some(seconds(value)?),
        _ => {}
    }
    Ok(())
}

/// What becomes a header of downloads.
fn printable(value: &str) -> Result<String, Error> {
    if value.len() <= 1024 && value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(value.to_owned());
    }
    Err(Error::Form("a field of the form holds what no header may".into()))
}

fn illegible(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::Form("the form ended too early".into()),
        },
        _ => Error::Form("the form does not read".into()),
    }
}
