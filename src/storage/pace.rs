//! Bodies that come: never so slowly that somebody could sit here for ever, and read on for a
//! moment when they are refused, so that the answer is heard.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout};

use super::Error;

/// Longest silence in a body.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a body may be slow.
const GRACE: Duration = Duration::from_secs(60);

/// Bytes a second that a body must have brought, all in all, once the grace is over.
const LEAST_RATE: u64 = 4096;

/// How much of a refused body is read for the sake of whoever still sends it, and for how long.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);

/// The bytes of a body, as they come.
pub(super) fn paced(body: Body) -> impl Stream<Item = Result<Bytes, Error>> + Send + Unpin {
    let start = Instant::now();
    let pieces =
        stream::unfold((body.into_data_stream(), 0_u64), move |(mut body, mut seen)| async move {
            let piece = match timeout(SILENCE, body.next()).await {
                Err(_) => Err(Error::TooSlow),
                Ok(None) => return None,
                Ok(Some(Err(_))) => Err(Error::Form("the body ended too early".into())),
                Ok(Some(Ok(bytes))) => {
                    seen = seen.saturating_add(bytes.len() as u64);
                    let late = start.elapsed().saturating_sub(GRACE).as_secs();
                    if seen < late.saturating_mul(LEAST_RATE) {
                        Err(Error::TooSlow)
                    } else {
                        Ok(bytes)
                    }
                }
            };
            Some((piece, (body, seen)))
        });
    Box::pin(pieces)
}

/// Reads on for a moment and forgets it.
pub(super) async fn linger(mut body: impl Stream<Item = Result<Bytes, Error>> + Unpin) {
    let reading = async {
        let mut seen = 0_usize;
        while let Some(Ok(bytes)) = body.next().await {
            seen = seen.saturating_add(bytes.len());
            if seen > LINGER_BYTES {
                break;
            }
        }
    };
    // Whoever sends on after that hears nothing.
    let _ = timeout(LINGER, reading).await;
}
