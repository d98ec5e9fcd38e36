//! Bodies as they come: frames are taken off, signatures and digests are checked, and only what is
//! whole ends well. No more is held than one piece.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http::HeaderMap;

use super::super::Error as StorageError;
use super::super::upload::text;
use super::access::Binding;
use super::checksum::{Checksum, Expected};
use super::chunked::{Decoder, Step};
use super::error::Error;
use super::refused::Refused;

/// Most bytes of a body that is XML: ten thousand parts with all that is told of them.
const MAX_XML_BYTES: usize = 4 * 1024 * 1024;

/// A body on its way, never too slow.
pub(super) type Paced = BoxStream<'static, Result<Bytes, StorageError>>;

/// A body that was not read yet.
pub(super) struct Incoming<'a> {
    body: &'a mut Paced,
    decoder: Option<Decoder>,
    expected: Expected,
    /// How many bytes are announced.
    pub size: Option<u64>,
    checked: Arc<OnceLock<Checksum>>,
}

impl<'a> Incoming<'a> {
    /// Reads what the headers say of it.
    ///
    /// # Errors
    /// They make no sense.
    pub(super) fn new(
        body: &'a mut Paced,
        binding: Binding,
        headers: &HeaderMap,
    ) -> Result<Self, Error> {
        let number = |name| -> Result<Option<u64>, Error> {
            let value = text(headers, name);
            value
                .map(|value| value.parse().map_err(|_| Error::Invalid("A length is no number.")))
                .transpose()
        };
        let (digest, decoder, size) = match binding {
            Binding::Unsigned => (None, None, number("content-length")?),
            Binding::Digest(digest) => (Some(digest), None, number("content-length")?),
            Binding::Chunked { signed, has_trailer } => {
                let size = number("x-amz-decoded-content-length")?.ok_or(Error::MissingLength)?;
                (None, Some(Decoder::new(signed, has_trailer, Some(size))), Some(size))
            }
        };
        let expected = Expected::read(headers, digest)?;
        Ok(Self { body, decoder, expected, size, checked: Arc::default() })
    }

    /// Where the checksum is found once the body was read to its end.
    pub(super) fn checksum(&self) -> Arc<OnceLock<Checksum>> {
        Arc::clone(&self.checked)
    }

    /// The bytes. What is wrong with them comes at the end, in place of it.
    pub(super) fn bytes(self) -> BoxStream<'a, Result<Bytes, Refused>> {
        let Self { body, decoder, expected, checked, .. } = self;
        let held = BytesMut::new();
        let reading = Reading { body, decoder, expected: Some(expected), held, checked };
        stream::try_unfold(reading, Reading::step).boxed()
    }

    /// All of it, where it is XML.
    ///
    /// # Errors
    /// It is too long, or not what was signed.
    pub(super) async fn xml(self) -> Result<Vec<u8>, Refused> {
        let mut bytes = self.bytes();
        let mut whole = Vec::new();
        while let Some(piece) = bytes.try_next().await? {
            if whole.len() + piece.len() > MAX_XML_BYTES {
                return Err(Error::BadXml.into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Reads it to its end, where nothing is expected.
    ///
    /// # Errors
    /// As [`Incoming::xml`].
    pub(super) async fn finish(self) -> Result<(), Refused> {
        self.xml().await.map(drop)
    }
}

struct Reading<'a> {
    body: &'a mut Paced,
    decoder: Option<Decoder>,
    /// None once the end was reached.
    expected: Option<Expected>,
    /// What came and was not decoded yet.
    held: BytesMut,
    checked: Arc<OnceLock<Checksum>>,
}

impl Reading<'_> {
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, Refused> {
        Ok(self.next().await?.map(|piece| (piece, self)))
    }

    /// The next piece; none at a good end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            let step = match &mut self.decoder {
                None => None,
                Some(decoder) => Some(decoder.next(&mut self.held)?),
            };
            let piece = match step {
                Some(Step::Data(piece)) => piece,
                step => match (self.body.next().await.transpose()?, step) {
                    (Some(piece), None) => piece,
                    (Some(piece), Some(_)) => {
                        self.held.extend_from_slice(&piece);
                        continue;
                    }
                    (None, Some(Step::More)) => return Err(Error::Incomplete.into()),
                    (None, _) => return self.end().map(|()| None),
                },
            };
            if let Some(expected) = &mut self.expected {
                expected.update(&piece);
            }
            return Ok(Some(piece));
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        let trailers = self.decoder.take().map(Decoder::into_trailers).unwrap_or_default();
        if let Some(expected) = self.expected.take()
            && let Some(checksum) = expected.finish(&trailers)?
        {
            // It is set here alone, at the one end there is.
            let _ = self.checked.set(checksum);
        }
        Ok(())
    }
}
