//! Asks a running server whether it is ready, for supervisors that can only start programs.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::config::{Place, reachable};

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Enough for a status line.
const MAX_ANSWER_BYTES: u64 = 1_024;

/// The URL asked, and whether it answered 200.
///
/// # Errors
/// Nothing answers there.
pub async fn ready(admin: &Place) -> std::io::Result<(String, bool)> {
    let url = match admin {
        Place::Port { host, port, .. } => {
            format!("http://{}:{port}/ready", reachable(host, "localhost"))
        }
        Place::Socket { path, .. } => format!("http+unix://{}/ready", path.display()),
    };
    let status = match admin {
        Place::Port { host, port, .. } => {
            let host = reachable(host, "localhost");
            let stream = TcpStream::connect((host.trim_matches(['[', ']']), *port)).await?;
            timeout(PATIENCE, ask(stream)).await??
        }
        Place::Socket { path, .. } => timeout(PATIENCE, ask_at(path)).await??,
    };
    Ok((url, status.contains(" 200 ")))
}

async fn ask_at(path: &Path) -> std::io::Result<String> {
    ask(UnixStream::connect(path).await?).await
}

/// The status line.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<String> {
    stream
        .write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
