//! Connections: where to, how they are made, and the pool for requests.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::{Stream, StreamExt, stream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Error;
use super::dial::Dial;
use crate::config::DatabaseDefaults;

/// Statements one connection remembers; beyond it all are forgotten at once.
pub(super) const MAX_STATEMENTS: usize = 500;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a database is and how to get there.
#[derive(Debug, Clone)]
pub struct Target {
    /// Everything the URL says, and a name for `pg_stat_activity`.
    pub config: Config,
    /// Whether the server's certificate and name are checked, as `sslmode=verify-full` asks.
    /// `prefer` and `require` encrypt without checking, as in libpq.
    pub is_verified: bool,
}

impl Target {
    /// Reads a database URL; `purpose` goes into `application_name`. What the URL leaves open is
    /// found as libpq finds it.
    ///
    /// # Errors
    /// The URL does not parse.
    pub fn new(url: &str, purpose: &str) -> Result<Self, tokio_postgres::Error> {
        // The library knows no verify-full; what it does for require is the same on the wire.
        let is_verified = url.contains("sslmode=verify-full");
        let mut config: Config = url.replace("sslmode=verify-full", "sslmode=require").parse()?;
        complete(&mut config, DatabaseDefaults::from_env());
        config.application_name(format!("walkie {purpose}"));
        config.connect_timeout(CONNECT_TIMEOUT);
        Ok(Self { config, is_verified })
    }

    /// The same with more settings for its sessions, as `postgres -c` takes them.
    #[must_use]
    pub fn with_options(mut self, options: &str) -> Self {
        let given = self.config.get_options().unwrap_or_default();
        self.config.options(format!("{given} {options}"));
        self
    }

    /// The same, passing over servers that only read.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        self
    }

    fn tls(&self) -> Option<MakeRustlsConnect> {
        let is_local = self.config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        if is_local || self.config.get_ssl_mode() == SslMode::Disable {
            return None;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring offers TLS 1.2 and 1.3");
        let config = if self.is_verified {
            let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            config.with_root_certificates(authorities)
        } else {
            config.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        };
        Some(MakeRustlsConnect::new(config.with_no_client_auth()))
    }
}

fn complete(config: &mut Config, defaults: DatabaseDefaults) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(defaults.host);
    }
    if let Some(port) = defaults.port.filter(|_| config.get_ports().is_empty()) {
        config.port(port);
    }
    if let Some(user) = defaults.user.filter(|_| config.get_user().is_none()) {
        config.user(user);
    }
    if let Some(password) = defaults.password.filter(|_| config.get_password().is_none()) {
        config.password(password);
    }
    if let Some(database) = defaults.database.filter(|_| config.get_dbname().is_none()) {
        config.dbname(database);
    }
}

/// A pool of at most `size` connections. The one used last is taken first, so that surplus ones
/// stay idle.
pub fn pool(target: Target, size: usize, wait: Duration) -> Pool {
    let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match target.tls() {
        Some(tls) => Manager::from_connect(target.config, Dial(tls), how),
        None => Manager::from_connect(target.config, Dial(NoTls), how),
    };
    Pool::builder(manager)
        .max_size(size)
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(wait), create: Some(CONNECT_TIMEOUT), recycle: None })
        .pre_recycle(Hook::sync_fn(|client, _| {
            if client.is_closed() {
                return Err(HookError::message("closed"));
            }
            if client.statement_cache.size() > MAX_STATEMENTS {
                client.statement_cache.clear();
            }
            Ok(())
        }))
        .build()
        .expect("a pool with a runtime and a size always builds")
}

/// What a connection hears besides answers; drives the connection.
pub type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

/// One connection outside of any pool. It ends when the client is dropped.
///
/// # Errors
/// The server cannot be reached or refuses the login.
pub async fn connect(target: &Target) -> Result<Client, Error> {
    let (client, mut messages) = open(target).await?;
    // The driver ends by itself with the client; what broke shows as the client's next error.
    tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
    Ok(client)
}

/// As [`connect`], for whoever wants to hear notifications and drives the connection for it.
///
/// # Errors
/// As [`connect`].
pub async fn open(target: &Target) -> Result<(Client, Messages), Error> {
    if let Some(tls) = target.tls() {
        let (client, mut connection) = target.config.connect(tls).await?;
        Ok((client, Box::pin(stream::poll_fn(move |cx| connection.poll_message(cx)))))
    } else {
        let (client, mut connection) = target.config.connect(NoTls).await?;
        Ok((client, Box::pin(stream::poll_fn(move |cx| connection.poll_message(cx)))))
    }
}

/// Takes any certificate: the connection is encrypted, but the peer is not proven.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
