//! Connections: how they are made, and the pool for requests.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
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

/// One connection outside of any pool. It ends when the client is dropped.
///
/// # Errors
/// The server cannot be reached or refuses the login.
pub async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, driver): (Client, std::pin::Pin<Box<dyn Future<Output = _> + Send>>) =
        if config.get_ssl_mode() == SslMode::Disable || is_local(config) {
            let (client, connection) = config.connect(NoTls).await?;
            (client, Box::pin(connection))
        } else {
            let (client, connection) = config.connect(tls()).await?;
            (client, Box::pin(connection))
        };
    // The driver ends by itself with the client; what broke shows as the client's next error.
    tokio::spawn(async move {
        let _: Result<(), tokio_postgres::Error> = driver.await;
    });
    Ok(client)
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
