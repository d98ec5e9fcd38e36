//! A clamd of the test's own, which speaks the real protocol.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What every scanner calls a virus, in two halves, so that this file is none.
pub const EICAR: [&str; 2] =
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Hangs up when it has seen everything.
    HangsUp,
    /// Hangs up in the middle of its answer.
    BreaksOff,
    /// Has no memory left.
    Fails,
    /// Says nothing, and stays.
    Hangs,
}

/// A clamd.
pub struct Clamd {
    pub port: u16,
    mood: Arc<Mutex<Mood>>,
    signatures: Arc<Mutex<u32>>,
    /// What it was shown.
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// As StreamMaxLength in its settings.
pub const MAX_STREAM_BYTES: usize = 1024 * 1024;

impl Clamd {
    pub async fn start() -> Self {
        Self::start_on(0, Mood::Well).await
    }

    pub async fn start_on(port: u16, mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let clamd = Self {
            port,
            mood: Arc::new(Mutex::new(mood)),
            signatures: Arc::new(Mutex::new(27_000)),
            seen: Arc::default(),
        };
        let (mood, signatures) = (Arc::clone(&clamd.mood), Arc::clone(&clamd.signatures));
        let seen = Arc::clone(&clamd.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mood = *mood.lock().expect("nobody panics with it");
                let signatures = *signatures.lock().expect("nobody panics with it");
                tokio::spawn(converse(stream, mood, signatures, Arc::clone(&seen)));
            }
        });
        clamd
    }

    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    pub fn feels(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics with it") = mood;
    }

    pub fn learns(&self) {
        *self.signatures.lock().expect("nobody panics with it") += 1;
    }
}

async fn converse(
    mut stream: TcpStream,
    mood: Mood,
    signatures: u32,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
) -> std::io::Result<()> {
    let mut command = Vec::new();
    loop {
        match stream.read_u8().await? {
            0 => break,
            byte => command.push(byte),
        }
    }
    let answer = match command.as_slice() {
        b"zVERSION" => format!("ClamAV 1.4.3/{signatures}/Sat Nov 21 09:00:00 2026\0"),
        b"zINSTREAM" => {
            let mut shown = Vec::new();
            loop {
                let length = usize::try_from(stream.read_u32().await?).expect("it fits");
                if length == 0 {
                    break;
                }
                if shown.len() + length > MAX_STREAM_BYTES {
                    return stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
                }
                let from = shown.len();
                shown.resize(from + length, 0);
                stream.read_exact(&mut shown[from..]).await?;
            }
            let is_virus = shown == EICAR.concat().as_bytes();
            seen.lock().expect("nobody panics with it").push(shown);
            match mood {
                Mood::HangsUp => return Ok(()),
                Mood::BreaksOff => "stream: OK".to_owned(),
                Mood::Fails => "stream: Can't allocate memory ERROR\0".to_owned(),
                Mood::Hangs => std::future::pending().await,
                Mood::Well if is_virus => "stream: Eicar-Test-Signature FOUND\0".to_owned(),
                Mood::Well => "stream: OK\0".to_owned(),
            }
        }
        _ => "UNKNOWN COMMAND\0".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await
}
