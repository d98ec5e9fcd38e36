//! The settings of PostgREST, from its three places: a file, the environment, the database.
//!
//! Reading order: `keys` (every setting there is), `file` (how files say them), `values` (which
//! place speaks), `database` (what the database says); here they get their types.

mod database;
mod file;
mod keys;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Uri};
use tracing::Level;

use crate::config::{
    ErrorVerbosity, OpenApiMode, RestSettings, TransactionEnd, postgrest_variables, variable,
    web_url,
};
use crate::identity::{KeyError, Keys, RolePath, RolePathError, TokenSettings};
use crate::pg::{self, Target};
use values::Values;

pub use file::FileError;
pub use values::example;

/// Schemas that are never served.
const SYSTEM_SCHEMAS: [&str; 2] = ["pg_catalog", "information_schema"];

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// The file of settings does not read.
    #[error("the config file does not read, {0}")]
    File(#[from] FileError),
    /// A setting that is no number, or too large a one.
    #[error("{0} must be a number")]
    Number(&'static str),
    /// A setting that is neither true nor false.
    #[error("{0} must be true or false")]
    Switch(&'static str),
    /// A setting that is none of its words.
    #[error("Invalid {0}. Check your configuration.")]
    Word(&'static str),
    /// Both servers on one port.
    #[error("admin-server-port cannot be the same as server-port")]
    SamePort,
    /// A file mode that is none.
    #[error("Invalid {0}: needs to be an octal between 600 and 777")]
    Mode(&'static str),
    /// A URL that is none.
    #[error("Malformed proxy uri, a correct example: https://example.com:8443/basePath")]
    ProxyUri,
    /// A URL that is none.
    #[error("jwt-jwks-url does not read: {0}")]
    JwksUrl(String),
    /// A header that is none.
    #[error("server-trace-header is no name of a header")]
    TraceHeader,
    /// A schema of the system.
    #[error("db-schemas does not allow schema: '{0}'")]
    SystemSchema(String),
    /// Where the role stands does not read.
    #[error(transparent)]
    RolePath(#[from] RolePathError),
    /// The secret is no good.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Where settings stand.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
}

/// The settings that count.
#[derive(Clone)]
pub struct Config {
    values: Values,
    /// The database, as a URL or in libpq's words.
    pub database_url: String,
    /// Connections for requests.
    pub pool: PoolLimits,
    /// What tokens must be.
    pub tokens: TokenSettings,
    /// What they are verified with.
    pub keys: Keys,
    /// Where somebody else publishes keys for tokens.
    pub jwks_url: Option<Uri>,
    /// What is served.
    pub rest: RestSettings,
    /// Where the API is served.
    pub server: Place,
    /// Where probes and metrics are served.
    pub admin: Option<Place>,
    /// Channel on which reloads are announced.
    pub channel: Option<String>,
    /// Whether a lost database is tried again.
    pub is_recovering: bool,
    /// Function that says settings.
    pub pre_config: Option<String>,
    /// Whether the database may say settings.
    pub asks_database: bool,
    /// Origins that browsers may call from; none said for any.
    pub cors_origins: Vec<String>,
    /// Header that answers repeat.
    pub trace_header: Option<HeaderName>,
    /// Which answers are logged.
    pub log_level: LogLevel,
    /// Whether their statements are logged too.
    pub logs_statements: bool,
}

/// Connections for requests.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// Most of them.
    pub size: u16,
    /// How long a request waits for one.
    pub wait: Duration,
    /// How long one may be idle.
    pub idle: Duration,
    /// How long one may live.
    pub lifetime: Duration,
}

/// Where something is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a port.
    Port {
        /// A host, or one of PostgREST's words for any.
        host: String,
        /// The port; 0 for any.
        port: u16,
        /// Whether other processes may listen there too.
        is_shared: bool,
    },
    /// On a socket of this machine.
    Socket {
        /// Its file.
        path: PathBuf,
        /// The file's mode.
        mode: u32,
    },
}

/// Which answers are logged: each level logs what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// None.
    Critical,
    /// Faults of the server.
    Error,
    /// Faults of requests.
    Warn,
    /// All.
    Info,
    /// All, and what the server does meanwhile.
    Debug,
}

impl LogLevel {
    /// Whether an answer with this status is logged.
    pub fn logs(self, status: http::StatusCode) -> bool {
        match self {
            Self::Critical => false,
            Self::Error => status.is_server_error(),
            Self::Warn => status.is_server_error() || status.is_client_error(),
            Self::Info | Self::Debug => true,
        }
    }

    /// How much is told of the server itself.
    pub fn tracing(self) -> Level {
        if self == Self::Debug { Level::DEBUG } else { Level::INFO }
    }
}

impl Sources {
    /// The settings that count; `database` holds those that the database says.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(&self, database: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let file = match &self.file {
            Some(path) => {
                let path = path.to_string_lossy();
                file::read(&content(&path)?, variable)?
            }
            None => BTreeMap::new(),
        };
        Config::new(Values::new(&file, &postgrest_variables(), database))
    }

    /// As [`Sources::read`], having asked the database where it may say settings.
    ///
    /// # Errors
    /// As [`Sources::read`]. When the database cannot be asked, the other places count alone,
    /// and it is told why.
    pub async fn ask(&self) -> Result<(Config, Option<pg::Error>), ConfigError> {
        let config = self.read(&BTreeMap::new())?;
        if !config.asks_database {
            return Ok((config, None));
        }
        let target = Target::new(&config.database_url, "settings").map_err(pg::Error::from);
        let said = match target {
            Ok(target) => database::settings(&target, config.pre_config.as_deref()).await,
            Err(error) => Err(error),
        };
        match said {
            Ok(said) => Ok((self.read(&said)?, None)),
            Err(error) => Ok((config, Some(error))),
        }
    }
}

impl Config {
    fn new(values: Values) -> Result<Self, ConfigError> {
        let seconds = |name| values.number(name).map(|it| Duration::from_secs(it.unwrap_or(0)));
        let text = |name| values.text(name).map(str::to_owned);
        let (server, admin) = places(&values)?;
        let schemas = values.list("db-schemas");
        if let Some(system) = schemas.iter().find(|name| SYSTEM_SCHEMAS.contains(&name.as_str())) {
            return Err(ConfigError::SystemSchema(system.clone()));
        }
        let trace_header = text("server-trace-header");
        let trace_header = trace_header.map(|name| HeaderName::from_bytes(name.as_bytes()));
        let levels = [
            ("crit", LogLevel::Critical),
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
        ];
        let verbosities =
            [("verbose", ErrorVerbosity::Verbose), ("minimal", ErrorVerbosity::Minimal)];
        let modes = [
            ("follow-privileges", OpenApiMode::FollowPrivileges),
            ("ignore-privileges", OpenApiMode::IgnorePrivileges),
            ("disabled", OpenApiMode::Disabled),
        ];
        let ends = [
            ("commit", TransactionEnd::Commit),
            ("commit-allow-override", TransactionEnd::CommitAllowOverride),
            ("rollback", TransactionEnd::Rollback),
            ("rollback-allow-override", TransactionEnd::RollbackAllowOverride),
        ];
        let anonymous_role = text("db-anon-role");
        let tokens = TokenSettings {
            secret: text("jwt-secret").map(|secret| referred(&secret)).transpose()?,
            secret_is_base64: values.switch("jwt-secret-is-base64")?,
            audience: text("jwt-aud"),
            role: RolePath::read(values.text("jwt-role-claim-key").unwrap_or("$.role"))?,
            anonymous_role: anonymous_role.clone(),
            remembered: values.number("jwt-cache-max-entries")?.unwrap_or(0),
        };
        let keys = Keys::verifying(&tokens)?;
        let jwks_url =
            values.text("jwt-jwks-url").map(|url| web_url(url).map_err(ConfigError::JwksUrl));
        let rest = RestSettings {
            schemas,
            extra_search_path: values.list("db-extra-search-path"),
            max_rows: values.number("db-max-rows")?,
            aggregates_enabled: values.switch("db-aggregates-enabled")?,
            legacy_target_names: values.switch("url-use-legacy-target-names")?,
            pre_request: text("db-pre-request"),
            tx_end: values.word("db-tx-end", &ends)?,
            hoisted_tx_settings: values.list("db-hoisted-tx-settings"),
            plan_enabled: values.switch("db-plan-enabled")?,
            openapi_mode: values.word("openapi-mode", &modes)?,
            openapi_security: values.switch("openapi-security-active")?,
            openapi_url: Some(match text("openapi-server-proxy-uri") {
                Some(url) => proxy_url(&url)?,
                None => server.url(),
            }),
            // PostgREST has no such page, and nothing follows the log.
            explorer: false,
            places: false,
            root_spec: text("db-root-spec"),
            anonymous_role,
            app_settings: values.app_settings.clone().into_iter().collect(),
            server_timing: values.switch("server-timing-enabled")?,
            client_error_verbosity: values.word("client-error-verbosity", &verbosities)?,
        };
        let is_heard = values.switch("db-channel-enabled")?;
        let channel = text("db-channel").filter(|_| is_heard);
        Ok(Self {
            database_url: referred(values.text("db-uri").unwrap_or("postgresql://"))?,
            pool: PoolLimits {
                size: values.number("db-pool")?.unwrap_or(1).max(1),
                wait: seconds("db-pool-acquisition-timeout")?,
                idle: seconds("db-pool-max-idletime")?,
                lifetime: seconds("db-pool-max-lifetime")?,
            },
            tokens,
            keys,
            jwks_url: jwks_url.transpose()?,
            rest,
            server,
            admin,
            channel,
            is_recovering: values.switch("db-pool-automatic-recovery")?,
            pre_config: text("db-pre-config"),
            asks_database: values.switch("db-config")?,
            cors_origins: values.list("server-cors-allowed-origins"),
            trace_header: trace_header.transpose().map_err(|_| ConfigError::TraceHeader)?,
            log_level: values.word("log-level", &levels)?,
            logs_statements: values.switch("log-query")?,
            values,
        })
    }

    /// All settings as a file would say them.
    pub fn file(&self) -> String {
        self.values.file()
    }

    /// Whether the path to the role is written in the language used before.
    pub fn has_dotted_role_path(&self) -> bool {
        self.values.text("jwt-role-claim-key").is_some_and(RolePath::is_dotted)
    }
}

fn places(values: &Values) -> Result<(Place, Option<Place>), ConfigError> {
    let host = values.text("server-host").unwrap_or("!4").to_owned();
    let port = values.number("server-port")?.unwrap_or(3000);
    let admin_port = values.number("admin-server-port")?;
    if admin_port.is_some_and(|admin| admin == port && port != 0) {
        return Err(ConfigError::SamePort);
    }
    let admin_host = values.text("admin-server-host").unwrap_or(&host).to_owned();
    let admin = match socket(values, "admin-server-unix-socket", "admin-server-unix-socket-mode")? {
        Some(socket) => Some(socket),
        None => admin_port.map(|port| Place::Port { host: admin_host, port, is_shared: false }),
    };
    let server = match socket(values, "server-unix-socket", "server-unix-socket-mode")? {
        Some(socket) => socket,
        None => Place::Port { host, port, is_shared: values.switch("server-reuseport")? },
    };
    Ok((server, admin))
}

fn socket(
    values: &Values,
    path: &'static str,
    mode: &'static str,
) -> Result<Option<Place>, ConfigError> {
    let digits = values.text(mode).unwrap_or("660");
    let mode = u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| (0o600..=0o777).contains(mode))
        .ok_or(ConfigError::Mode(mode))?;
    Ok(values.text(path).map(|path| Place::Socket { path: path.into(), mode }))
}

impl Place {
    /// URL under which it is reached, as far as settings tell.
    pub fn url(&self) -> String {
        match self {
            Self::Port { host, port, .. } => {
                format!("http://{}:{port}/", reachable(host, "0.0.0.0"))
            }
            Self::Socket { .. } => "http://localhost/".to_owned(),
        }
    }
}

/// A host to write into a URL; `any` for PostgREST's words for any.
pub fn reachable(host: &str, any: &str) -> String {
    match host {
        "*" | "*4" | "!4" | "*6" | "!6" => any.to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

fn proxy_url(text: &str) -> Result<String, ConfigError> {
    web_url(text).map(|_| text.to_owned()).map_err(|_| ConfigError::ProxyUri)
}

/// `@file` stands for what the file holds.
fn referred(text: &str) -> Result<String, ConfigError> {
    match text.strip_prefix('@') {
        Some(path) => Ok(content(path)?.trim_end_matches(['\n', '\r']).to_owned()),
        None => Ok(text.to_owned()),
    }
}

fn content(path: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let file = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Config::new(Values::new(&file, &BTreeMap::new(), &BTreeMap::new()))
            .map_err(|error| error.to_string())
    }

    fn refusal(name: &str, value: &str) -> String {
        config(&[(name, value)]).err().unwrap_or_else(|| panic!("{name} = {value} is taken"))
    }

    #[test]
    fn nothing_said_is_enough_to_start() {
        let config = config(&[]).expect("settings");
        let any = Place::Port { host: "!4".into(), port: 3000, is_shared: false };
        assert_eq!((config.server, config.admin), (any, None));
        assert_eq!(config.rest.openapi_url.as_deref(), Some("http://0.0.0.0:3000/"));
        assert_eq!(config.rest.anonymous_role, None);
        assert_eq!(config.channel.as_deref(), Some("pgrst"));
        assert_eq!(config.pool.wait, Duration::from_secs(10));
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        assert_eq!(refusal("db-pool", "many"), "db-pool must be a number");
        assert_eq!(refusal("log-query", "maybe"), "log-query must be true or false");
        assert_eq!(refusal("openapi-mode", "x"), "Invalid openapi-mode. Check your configuration.");
        assert_eq!(refusal("log-level", "x"), "Invalid log-level. Check your configuration.");
        let same = refusal("admin-server-port", "3000");
        assert_eq!(same, "admin-server-port cannot be the same as server-port");
        for mode in ["577", "1000", "rw"] {
            assert!(refusal("server-unix-socket-mode", mode).contains("octal"), "{mode}");
        }
        assert!(
            refusal("openapi-server-proxy-uri", "not a uri").starts_with("Malformed proxy uri")
        );
        assert!(refusal("db-schemas", "public, pg_catalog").contains("'pg_catalog'"));
        assert!(refusal("jwt-secret", "short").contains("at least 32"));
        assert!(refusal("jwt-jwks-url", "file:///keys").starts_with("jwt-jwks-url does not read"));
        assert!(refusal("jwt-role-claim-key", "role").contains("role-claim-key"));
        assert!(refusal("db-uri", "@/nowhere/at/all").starts_with("/nowhere/at/all"));
    }

    #[test]
    fn sockets_go_before_ports() {
        let config = config(&[
            ("server-unix-socket", "/run/a.sock"),
            ("server-unix-socket-mode", "777"),
            ("admin-server-port", "3001"),
            ("server-host", "127.0.0.1"),
            ("db-channel-enabled", "false"),
        ])
        .expect("settings");
        assert_eq!(config.server, Place::Socket { path: "/run/a.sock".into(), mode: 0o777 });
        let admin = Place::Port { host: "127.0.0.1".into(), port: 3001, is_shared: false };
        assert_eq!(config.admin, Some(admin));
        assert_eq!(config.channel, None);
    }

    #[test]
    fn level_chooses_what_is_logged() {
        let logged = |level: LogLevel| {
            [200, 404, 500]
                .map(|status| level.logs(http::StatusCode::from_u16(status).expect("one")))
        };
        assert_eq!(logged(LogLevel::Critical), [false, false, false]);
        assert_eq!(logged(LogLevel::Error), [false, false, true]);
        assert_eq!(logged(LogLevel::Warn), [false, true, true]);
        assert_eq!(logged(LogLevel::Info), [true, true, true]);
    }
}
