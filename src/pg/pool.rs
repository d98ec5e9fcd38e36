//! Connections: how they are made, and the pool for requests.

use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::{Stream, StreamExt, stream};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Error;

/// Statements one connection remembers; beyond it the oldest habits are forgotten all at once.
const MAX_STATEMENTS: usize = 500;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a database URL and names the connection for `pg_stat_activity`.
///
/// # Errors
/// The URL does not parse.
pub fn config(url: &str, purpose: &str) -> Result<Config, tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    config.application_name(format!("walkie {purpose}"));
    config.connect_timeout(CONNECT_TIMEOUT);
    Ok(config)
}

/// A pool of at most `size` connections made with `config`.
pub fn pool(config: Config, size: usize, wait: Duration) -> Pool {
    let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if config.get_ssl_mode() == SslMode::Disable || is_local(&config) {
        Manager::from_config(config, NoTls, how)
    } else {
        Manager::from_config(config, tls(), how)
    };
    Pool::builder(manager)
        .max_size(size)
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

/// What a connection has to say besides answers; it works only while this is polled.
pub type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

/// One connection outside of any pool. It ends when the client is dropped.
///
/// # Errors
/// The server cannot be reached or refuses the login.
pub async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, mut messages) = open(config).await?;
    // The driver ends by itself with the client; what broke shows as the client's next error.
    tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
    Ok(client)
}

/// As [`connect`], for whoever wants to hear notifications and drives the connection for it.
///
/// # Errors
/// As [`connect`].
pub async fn open(config: &Config) -> Result<(Client, Messages), Error> {
    if config.get_ssl_mode() == SslMode::Disable || is_local(config) {
        let (client, mut connection) = config.connect(NoTls).await?;
        Ok((client, Box::pin(stream::poll_fn(move |cx| connection.poll_message(cx)))))
    } else {
        let (client, mut connection) = config.connect(tls()).await?;
        Ok((client, Box::pin(stream::poll_fn(move |cx| connection.poll_message(cx)))))
    }
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| matches!(host, tokio_postgres::config::Host::Unix(_)))
}

/// Certificates are checked against the public authorities.
fn tls() -> MakeRustlsConnect {
    let authorities = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers TLS 1.2 and 1.3")
        .with_root_certificates(authorities)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}
