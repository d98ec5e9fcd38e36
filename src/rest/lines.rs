//! Rows as lines of JSON, sent as they come. A chunk of them is held and one is on its way; then
//! Postgres waits for whoever reads. The transaction is open until the last row has been taken,
//! and is rolled back if that never happens.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_postgres::{Row, RowStream};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::pg::{self, Transaction};

/// From this size on a chunk is sent, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// How long a reader may take nothing while something is there.
const MAX_STALL: Duration = Duration::from_secs(30);

/// Rows under way: texts of JSON in a column `body`.
pub struct Lines {
    /// The first row, which came before the answer began; none when there are none.
    pub first: Option<Row>,
    /// The others.
    pub rows: Pin<Box<RowStream>>,
    /// Where they are read.
    pub transaction: Transaction,
    /// Held until they are sent.
    pub seat: OwnedSemaphorePermit,
}

/// Why rows end before their end.
#[derive(Debug)]
enum Cut {
    /// Postgres refused to go on, or was lost.
    Database(pg::Error),
    /// Nobody takes them.
    Left,
}

impl Lines {
    /// A body of these rows. It fails where they end before their end, so that nobody takes them
    /// for all there are.
    pub fn into_body(self) -> Body {
        let (out, mut chunks) = mpsc::channel(1);
        // Dropped with the body, and then the transaction with it.
        let task = AbortOnDropHandle::new(tokio::spawn(self.send(out).in_current_span()));
        let failure = stream::once(task).filter_map(async |end| {
            let is_whole = matches!(end, Ok(Ok(())));
            (!is_whole).then(|| Err(io::Error::other("the answer was cut off")))
        });
        Body::from_stream(stream::poll_fn(move |cx| chunks.poll_recv(cx)).map(Ok).chain(failure))
    }

    async fn send(mut self, out: mpsc::Sender<Bytes>) -> Result<(), Cut> {
        let end = match self.send_rows(&out).await {
            Ok(()) => self.transaction.commit().await.map_err(Cut::Database),
            cut => cut,
        };
        drop(self.seat);
        // What Postgres says in words may repeat the values of a row.
        end.inspect_err(|cut| match cut {
            Cut::Database(error) => {
                tracing::warn!(code = error.sqlstate(), "the database cut an answer off");
            }
            Cut::Left => tracing::warn!("an answer was cut off that nobody took"),
        })
    }

    async fn send_rows(&mut self, out: &mpsc::Sender<Bytes>) -> Result<(), Cut> {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        let mut row = self.first.take();
        while let Some(found) = row {
            add(&mut chunk, &found)?;
            if chunk.len() >= CHUNK_BYTES {
                flush(&mut chunk, out).await?;
            }
            row = if let Some(next) = self.rows.try_next().now_or_never() {
                next?
            } else {
                // Nobody shall wait for a row longer than it takes to come.
                flush(&mut chunk, out).await?;
                self.rows.try_next().await?
            };
        }
        flush(&mut chunk, out).await
    }
}

/// A row as one line. What breaks it stands between values, since texts have it escaped.
fn add(chunk: &mut BytesMut, row: &Row) -> Result<(), Cut> {
    let start = chunk.len();
    chunk.extend_from_slice(row.try_get::<_, &str>("body")?.as_bytes());
    for byte in chunk.iter_mut().skip(start).filter(|byte| matches!(**byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    chunk.extend_from_slice(b"\n");
    Ok(())
}

async fn flush(chunk: &mut BytesMut, out: &mpsc::Sender<Bytes>) -> Result<(), Cut> {
    if chunk.is_empty() {
        return Ok(());
    }
    match timeout(MAX_STALL, out.send(chunk.split().freeze())).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Cut::Left),
    }
}

impl From<tokio_postgres::Error> for Cut {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}
