//! Where the data is, and how many connections work on it.

use std::time::Duration;

use clap::Args;

use super::variable;

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// URL of the database, as the role the server works as (no superuser: `authenticator`)
    #[arg(long, env = "WALKIE_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// URL used only to install and migrate, as a role that may create roles and schemas
    /// [default: the database URL]
    #[arg(long, env = "WALKIE_MIGRATE_DATABASE_URL", hide_env_values = true)]
    pub migrate_database_url: Option<String>,
    /// Leave out the messaging product: an empty `public` for your own schema
    #[arg(long, env = "WALKIE_PLATFORM_ONLY")]
    pub platform_only: bool,
    /// Connections for requests.
    #[command(flatten)]
    pub pool: PoolSettings,
}

/// Connections for requests.
#[derive(Debug, Clone, Args)]
pub struct PoolSettings {
    /// Most connections used for requests
    #[arg(long, env = "WALKIE_POOL_SIZE", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub pool_size: u16,
    /// How long a request waits for a connection, in milliseconds
    #[arg(long, env = "WALKIE_POOL_WAIT_MS", default_value_t = 10_000)]
    pub pool_wait_ms: u64,
    /// Longest statement a request may run, in milliseconds (0 = the database's own setting)
    #[arg(long, env = "WALKIE_STATEMENT_TIMEOUT_MS", default_value_t = 8_000)]
    pub statement_timeout_ms: u64,
}

impl DatabaseSettings {
    /// The URL to install with.
    pub fn migrate_url(&self) -> &str {
        self.migrate_database_url.as_deref().unwrap_or(&self.database_url)
    }
}

impl PoolSettings {
    /// How long a request waits for a connection.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.pool_wait_ms)
    }
}

/// Where a database is as far as its URL does not say, as libpq finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseDefaults {
    /// `PGHOST`, else the folder of local sockets.
    pub host: String,
    /// `PGPORT`.
    pub port: Option<u16>,
    /// `PGUSER`, else the user's name on this machine.
    pub user: Option<String>,
    /// `PGPASSWORD`.
    pub password: Option<String>,
    /// `PGDATABASE`.
    pub database: Option<String>,
}

impl DatabaseDefaults {
    /// Reads them.
    pub fn from_env() -> Self {
        let port = variable("PGPORT").and_then(|port| port.parse().ok());
        Self {
            host: variable("PGHOST").unwrap_or_else(|| "/var/run/postgresql".to_owned()),
            port,
            user: variable("PGUSER").or_else(|| variable("USER")),
            password: variable("PGPASSWORD"),
            database: variable("PGDATABASE"),
        }
    }
}
