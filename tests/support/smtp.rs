//! A mail server of the test's own: a real conversation, over TLS if it is told so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Certificate of `localhost`, signed by itself.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/localhost.crt");

/// How the way to it is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    Starttls,
    Implicit,
}

/// Before which of its answers it falls silent, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It knows whom the message is for.
    Recipient,
    /// It has taken the message.
    Message,
}

/// A mail server, which answers recipients as it is told.
pub struct Smtp {
    pub port: u16,
    desk: Arc<Desk>,
}

struct Desk {
    way: Way,
    /// For the next recipients, the last first; then all are welcome.
    answers: Mutex<Vec<&'static str>>,
    silence: Mutex<Option<Silence>>,
    is_silent: AtomicBool,
    /// Messages as they came.
    messages: Mutex<Vec<String>>,
    /// What was said to prove who is there.
    proofs: Mutex<Vec<String>>,
}

impl Smtp {
    /// `answers` are given to recipients one after the other; then all are welcome.
    pub async fn start(answers: &[&'static str]) -> Self {
        Self::open(Way::Plain, answers, None).await
    }

    /// Falls silent once.
    pub async fn start_silent(before: Silence) -> Self {
        Self::open(Way::Plain, &[], Some(before)).await
    }

    /// Wants an encrypted way, and a password on it.
    pub async fn start_on(way: Way) -> Self {
        Self::open(way, &[], None).await
    }

    async fn open(way: Way, answers: &[&'static str], silence: Option<Silence>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let desk = Arc::new(Desk {
            way,
            answers: Mutex::new(answers.iter().rev().copied().collect()),
            silence: Mutex::new(silence),
            is_silent: AtomicBool::new(false),
            messages: Mutex::default(),
            proofs: Mutex::default(),
        });
        let behind = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(meet(stream, Arc::clone(&behind)));
            }
        });
        Self { port, desk }
    }

    pub fn messages(&self) -> Vec<String> {
        self.desk.messages.lock().expect("nobody panics with it").clone()
    }

    /// What was said to prove who is there.
    pub fn proofs(&self) -> Vec<String> {
        self.desk.proofs.lock().expect("nobody panics with it").clone()
    }

    /// Whether somebody waits for it in vain.
    pub fn is_silent(&self) -> bool {
        self.desk.is_silent.load(Ordering::SeqCst)
    }
}

impl Desk {
    /// Waits for ever, if this is where.
    async fn pause(&self, before: Silence) {
        let is_here =
            self.silence.lock().expect("nobody panics with it").take_if(|at| *at == before);
        if is_here.is_some() {
            self.is_silent.store(true, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
    }
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../keys/localhost.crt"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../keys/localhost.pem"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("a certificate")], key.expect("a key"))
        .expect("they fit");
    TlsAcceptor::from(Arc::new(config))
}

async fn meet(mut stream: TcpStream, desk: Arc<Desk>) -> std::io::Result<()> {
    match desk.way {
        Way::Plain => {
            stream.write_all(b"220 ready\r\n").await?;
            converse(stream, &desk).await
        }
        Way::Implicit => {
            let mut stream = acceptor().accept(stream).await?;
            stream.write_all(b"220 ready\r\n").await?;
            converse(stream, &desk).await
        }
        Way::Starttls => {
            stream.write_all(b"220 ready\r\n").await?;
            let mut lines = BufReader::new(&mut stream).lines();
            while let Some(line) = lines.next_line().await? {
                let is_start = line.eq_ignore_ascii_case("STARTTLS");
                let answer: &[u8] = match line.get(..4).unwrap_or_default() {
                    _ if is_start => b"220 go on\r\n",
                    "EHLO" => b"250-house\r\n250 STARTTLS\r\n",
                    _ => b"530 encrypt first\r\n",
                };
                lines.get_mut().get_mut().write_all(answer).await?;
                if is_start {
                    break;
                }
            }
            converse(acceptor().accept(stream).await?, &desk).await
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite, desk: &Desk) -> std::io::Result<()> {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
            "EHLO" if desk.way != Way::Plain => "250-house\r\n250 AUTH PLAIN",
            "AUTH" => {
                desk.proofs.lock().expect("nobody panics with it").push(line);
                "235 welcome"
            }
            "MAIL" if desk.way != Way::Plain && desk.proofs.lock().expect("sound").is_empty() => {
                "530 who is there?"
            }
            "RCPT" => {
                desk.pause(Silence::Recipient).await;
                desk.answers.lock().expect("nobody panics with it").pop().unwrap_or("250 ok")
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    message.push_str(&line);
                    message.push('\n');
                }
                desk.messages.lock().expect("nobody panics with it").push(message);
                desk.pause(Silence::Message).await;
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writing.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
