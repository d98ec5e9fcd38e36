//! Files are looked at for viruses, by clamd.
//!
//! Its protocol: a command ends with a zero byte, and so does the answer. `INSTREAM` is followed by
//! pieces, each behind its length in four bytes; a length of zero ends them. Only a whole answer
//! that says so makes a file clean: whatever goes wrong before leaves it waiting.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, pin_mut};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use uuid::Uuid;

use super::Failure;
use super::store::{self, Job};
use crate::blob::{self, Blobs};
use crate::config::{ClamdAddress, ScanSettings};
use crate::pg::Pg;

/// Kind of these jobs.
pub(super) const KIND: &str = "scan";

/// The longest answer that is listened to.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Bytes in one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// What a scan job says.
#[derive(Deserialize)]
struct Order {
    version: Uuid,
}

/// What clamd found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    /// With the name of what it is.
    Infected(String),
    /// It cannot look at such a file, now or ever, for this reason.
    Failed(String),
}

impl Verdict {
    /// As `storage.scans` has it: the verdict, and what was found.
    pub(super) fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Clean => ("clean", None),
            Self::Infected(what) => ("infected", Some(what)),
            Self::Failed(why) => ("failed", Some(why)),
        }
    }
}

/// Asks clamd.
pub(super) struct Scanner {
    pg: Pg,
    blobs: Blobs,
    clamd: ClamdAddress,
    max_bytes: u64,
    time_limit: Duration,
}

/// A connection to clamd, by whichever way.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

impl Scanner {
    /// Nothing, when no clamd is set.
    pub(super) fn new(pg: Pg, blobs: Blobs, settings: &ScanSettings) -> Option<Self> {
        Some(Self {
            pg,
            blobs,
            clamd: settings.clamd.clone()?,
            max_bytes: settings.clamd_max_bytes,
            time_limit: Duration::from_secs(settings.clamd_timeout_seconds),
        })
    }

    /// Has one file looked at, and writes down what was found.
    pub(super) async fn scan(&self, job: &Job) -> Result<(), Failure> {
        let Order { version } = serde_json::from_value(job.payload.clone())
            .map_err(|_| Failure::lasting("the payload names no file"))?;
        match timeout(self.time_limit, self.look(version)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::passing("clamd took too long".into())),
        }
    }

    async fn look(&self, version: Uuid) -> Result<(), Failure> {
        // It names the signatures too: with newer ones, everything is looked at anew.
        let engine = self.ask("zVERSION\0").await?;
        let known = store::reuse_verdict(&self.pg, version, &engine).await;
        if known.map_err(|error| Failure::passing(error.to_string()))? {
            return Ok(());
        }
        let reading = match self.blobs.get(version, None).await {
            Ok(reading) => reading,
            // Deleted before anybody came to it.
            Err(blob::Error::Missing) => return Ok(()),
            Err(error) => return Err(Failure::passing(error.to_string())),
        };
        let verdict = if reading.size > self.max_bytes {
            Verdict::Failed("too large for the scanner".to_owned())
        } else {
            let line = self.connect().await?;
            judge(line, reading.bytes).await?
        };
        if let (what @ ("infected" | "failed"), signature) = verdict.columns() {
            tracing::warn!(%version, what, signature, "a file is kept from others");
        }
        let told = store::record_verdict(&self.pg, version, verdict.columns(), &engine).await;
        told.map_err(|error| Failure::passing(error.to_string()))
    }

    async fn ask(&self, command: &str) -> Result<String, Failure> {
        let mut line = self.connect().await?;
        line.write_all(command.as_bytes()).await.map_err(lost)?;
        answer(&mut line).await
    }

    async fn connect(&self) -> Result<Box<dyn Line>, Failure> {
        let unreached =
            |error: std::io::Error| Failure::passing(format!("clamd is not there: {error}"));
        Ok(match &self.clamd {
            ClamdAddress::Tcp(at) => Box::new(TcpStream::connect(at).await.map_err(unreached)?),
            ClamdAddress::Unix(at) => Box::new(UnixStream::connect(at).await.map_err(unreached)?),
        })
    }
}

/// Shows clamd all bytes and hears what it says of them.
async fn judge<E: std::fmt::Display>(
    line: impl AsyncRead + AsyncWrite,
    bytes: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Verdict, Failure> {
    let (mut hearing, mut telling) = tokio::io::split(line);
    let answered = answer(&mut hearing);
    pin_mut!(answered);
    let shown = tokio::select! {
        // It speaks before the end when it has seen enough or too much, and then hangs up.
        biased;
        answer = &mut answered => return verdict(&answer?),
        shown = show(&mut telling, bytes) => shown,
    };
    match shown {
        Ok(()) => verdict(&answered.await?),
        // What it said before it hung up may still be on its way.
        Err(Cut::Clamd(error)) => match answered.await {
            Ok(answer) => verdict(&answer),
            Err(_) => Err(lost(error)),
        },
        Err(Cut::Bytes(why)) => Err(Failure::passing(why)),
    }
}

/// Why not everything was shown.
enum Cut {
    Clamd(std::io::Error),
    Bytes(String),
}

async fn show<E: std::fmt::Display>(
    clamd: &mut (impl AsyncWrite + Unpin),
    bytes: impl Stream<Item = Result<Bytes, E>>,
) -> Result<(), Cut> {
    pin_mut!(bytes);
    clamd.write_all(b"zINSTREAM\0").await.map_err(Cut::Clamd)?;
    while let Some(some) = bytes.next().await {
        let some = some.map_err(|error| Cut::Bytes(error.to_string()))?;
        for piece in some.chunks(PIECE_BYTES) {
            let length = u32::try_from(piece.len()).expect("a piece is small");
            clamd.write_all(&length.to_be_bytes()).await.map_err(Cut::Clamd)?;
            clamd.write_all(piece).await.map_err(Cut::Clamd)?;
        }
    }
    clamd.write_all(&0u32.to_be_bytes()).await.map_err(Cut::Clamd)?;
    clamd.flush().await.map_err(Cut::Clamd)
}

/// A whole answer, without the zero byte at its end.
async fn answer(clamd: &mut (impl AsyncRead + Unpin)) -> Result<String, Failure> {
    let mut heard = Vec::new();
    let mut hearing = BufReader::new(clamd.take(MAX_ANSWER_BYTES));
    hearing.read_until(0, &mut heard).await.map_err(lost)?;
    match heard.split_last() {
        Some((0, words)) => Ok(String::from_utf8_lossy(words).into_owned()),
        _ => Err(Failure::passing("clamd hung up before it had answered".into())),
    }
}

fn verdict(answer: &str) -> Result<Verdict, Failure> {
    if answer == "stream: OK" {
        return Ok(Verdict::Clean);
    }
    if let Some(what) = answer.strip_prefix("stream: ").and_then(|said| said.strip_suffix(" FOUND"))
    {
        return Ok(Verdict::Infected(what.to_owned()));
    }
    if answer.contains("size limit exceeded") {
        return Ok(Verdict::Failed("too large for the scanner".to_owned()));
    }
    Err(Failure::passing(format!("clamd answered: {answer}")))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn lost(error: std::io::Error) -> Failure {
    Failure::passing(format!("clamd was lost: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_to_be_clean_is_clean() {
        let said = |answer| verdict(answer).map_err(|failure| failure.is_final);
        assert_eq!(said("stream: OK"), Ok(Verdict::Clean));
        let eicar = Verdict::Infected("Eicar-Test-Signature".to_owned());
        assert_eq!(said("stream: Eicar-Test-Signature FOUND"), Ok(eicar));
        let too_large = Verdict::Failed("too large for the scanner".to_owned());
        assert_eq!(said("INSTREAM size limit exceeded. ERROR"), Ok(too_large));
        for strange in
            ["", "OK", "stream: OK OK", "stream: Can't allocate memory ERROR", "UNKNOWN COMMAND"]
        {
            assert_eq!(said(strange), Err(false), "{strange}");
        }
    }
}
