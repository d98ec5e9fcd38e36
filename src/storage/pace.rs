//! Bodies that come: never so slowly that somebody could sit here for ever, and read on for a
//! moment when they are refused, so that the answer is heard.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout};

use super::Error;

/// How slow a body may be.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Longest silence.
    silence: Duration,
    /// How long nothing else is asked.
    grace: Duration,
    /// Bytes a second that it must have brought, all in all, once the grace is over.
    least_rate: u64,
}

/// What is asked of all.
const USUAL: Pace =
    Pace { silence: Duration::from_secs(30), grace: Duration::from_secs(60), least_rate: 4096 };

/// How much of a refused body is read for the sake of whoever still sends it, and for how long.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);

/// The bytes of a body, as they come.
pub(super) fn paced(body: Body) -> impl Stream<Item = Result<Bytes, Error>> + Send + Unpin {
    at_pace(body, USUAL)
}

fn at_pace(body: Body, pace: Pace) -> impl Stream<Item = Result<Bytes, Error>> + Send + Unpin {
    let start = Instant::now();
    let pieces =
        stream::unfold((body.into_data_stream(), 0_u64), move |(mut body, mut seen)| async move {
            let piece = match timeout(pace.silence, body.next()).await {
                Err(_) => Err(Error::TooSlow),
                Ok(None) => return None,
                Ok(Some(Err(_))) => Err(Error::Form("the body ended too early".into())),
                Ok(Some(Ok(bytes))) => {
                    seen = seen.saturating_add(bytes.len() as u64);
                    let late = start.elapsed().saturating_sub(pace.grace).as_secs();
                    if seen < late.saturating_mul(pace.least_rate) {
                        Err(Error::TooSlow)
                    } else {
                        Ok(bytes)
                    }
                }
            };
            Some((piece, (body, seen)))
        });
    // A reader of forms asks again after the end.
    Box::pin(pieces).fuse()
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Pace =
        Pace { silence: Duration::from_millis(20), grace: Duration::ZERO, least_rate: u64::MAX };

    #[tokio::test]
    async fn a_silent_body_is_not_waited_for() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let first = at_pace(silent, SHORT).next().await;
        assert!(matches!(first, Some(Err(Error::TooSlow))));
    }

    #[tokio::test]
    async fn a_body_that_drips_is_not_waited_for_either() {
        let drip = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let body = Body::from_stream(drip);
        let pace = Pace { silence: Duration::from_secs(60), ..SHORT };
        let read = timeout(Duration::from_secs(10), async {
            let mut body = at_pace(body, pace);
            while let Some(Ok(_)) = body.next().await {}
        });
        assert!(read.await.is_ok(), "it was given up");
    }

    #[tokio::test]
    async fn a_body_in_time_is_read_whole() {
        let pieces: Vec<_> = at_pace(Body::from("hello"), USUAL).collect().await;
        assert!(matches!(pieces.as_slice(), [Ok(bytes)] if *bytes == "hello"));
    }
}
