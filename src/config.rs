//! Every setting: its name, default and meaning. The only place that reads the environment.
//!
//! Each field is a flag and an environment variable at once, so `walkie serve --help` is the
//! complete list and the README's table is checked against it.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Subcommand, ValueEnum};
use http::Uri;
use sha2::{Digest, Sha256};
use url::Url;

/// The secret that the Supabase CLI documents for local use. `dev` uses it so that the
/// well-known local keys work; `serve` refuses it.
pub const DEVELOPMENT_JWT_SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

/// The project keys that the Supabase CLI prints for local use; `dev` knows them and `serve`
/// refuses them.
pub const DEVELOPMENT_API_KEYS: [&str; 2] =
    ["sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"];

/// Fewest characters of a project key behind its prefix.
const MIN_API_KEY_LENGTH: usize = 20;

/// The shortest secret HS256 is safe with, in bytes (RFC 7518, 3.2).
pub const MIN_JWT_SECRET_BYTES: usize = 32;

/// A messaging backend that is plain PostgreSQL plus one binary.
#[derive(Debug, clap::Parser)]
#[command(name = "walkie", version, max_term_width = 100)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a complete backend for development, with a PostgreSQL of its own in --data
    Dev(Box<Dev>),
    /// Serve the API from your own PostgreSQL (15 to 18)
    Serve(Box<Settings>),
    /// Serve the REST dialect alone from any database, with PostgREST's settings
    Rest(StandaloneArguments),
    /// Print the TypeScript type that supabase-js takes: what REST serves, table by table
    Types {
        /// The database.
        #[arg(long, env = "WALKIE_DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Schemas, separated by commas
        #[arg(long, env = "WALKIE_SCHEMAS", default_value = "public", value_delimiter = ',')]
        schemas: Vec<String>,
    },
    /// Bring the database to this version, then exit
    Migrate(DatabaseSettings),
    /// Print what a DBA should know: missing rights and settings, drift, with the SQL that mends it
    Check(DatabaseSettings),
    /// Print the whole SQL this binary installs, in order
    Schema {
        /// Only what Supabase clients rely on, without the messaging product
        #[arg(long)]
        platform_only: bool,
    },
    /// What row policies depend on, as the server understands them
    #[command(subcommand)]
    Policies(Policies),
    /// Print an anon and a service_role key signed with the secret, and new project keys
    Keys {
        /// Tokens.
        #[command(flatten)]
        identity: IdentitySettings,
        /// How long the keys are valid, in days
        #[arg(long, default_value_t = 3650)]
        valid_days: u32,
    },
}

/// What can be asked about row policies.
#[derive(Debug, Subcommand)]
pub enum Policies {
    /// Print what decides who hears of a change, and what keeps verdicts from being remembered
    Explain {
        /// The table, as in SQL [default: all published ones]
        table: Option<String>,
        /// The database.
        #[command(flatten)]
        database: Box<DatabaseSettings>,
    },
}

/// `walkie rest`: where settings stand, and what else can be asked than to serve.
#[derive(Debug, Clone, Default, Args)]
#[command(version)]
pub struct StandaloneArguments {
    /// File with settings, `key = value` a line; PGRST_ variables speak before it
    pub file: Option<PathBuf>,
    /// Print the settings that count, then exit
    #[arg(long, group = "instead")]
    pub dump_config: bool,
    /// Print what is known of the served schemas as JSON, then exit
    #[arg(long, group = "instead")]
    pub dump_schema: bool,
    /// Print a file with every setting, then exit
    #[arg(short, long, group = "instead")]
    pub example: bool,
    /// Ask a running server whether it is ready, then exit; it needs an admin server
    #[arg(long, group = "instead")]
    pub ready: bool,
}

/// `walkie dev`: what differs from `serve`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Port of the API, on loopback only
    #[arg(long, env = "WALKIE_PORT", default_value_t = 54321)]
    pub port: u16,
    /// Port of the development database, on loopback only (superuser postgres / postgres)
    #[arg(long, env = "WALKIE_DB_PORT", default_value_t = 54322)]
    pub db_port: u16,
    /// Folder that holds the development database
    #[arg(long, env = "WALKIE_DATA", default_value = ".walkie")]
    pub data: PathBuf,
    /// Leave out the messaging product: an empty `public` for your own schema
    #[arg(long, env = "WALKIE_PLATFORM_ONLY")]
    pub platform_only: bool,
    /// Leave out the demo people and conversations
    #[arg(long)]
    pub no_demo: bool,
    /// Programs of the private Postgres.
    #[command(flatten)]
    pub postgres: PostgresBinaries,
    /// Connections for requests.
    #[command(flatten)]
    pub pool: PoolSettings,
    /// What requests may ask and take.
    #[command(flatten)]
    pub limits: LimitSettings,
    /// The REST dialect.
    #[command(flatten)]
    pub rest: RestSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// The Auth dialect.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// The Realtime dialect.
    #[command(flatten)]
    pub realtime: RealtimeSettings,
}

/// Everything `walkie serve` can be told.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// The HTTP edge.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Tokens.
    #[command(flatten)]
    pub identity: IdentitySettings,
    /// Tokens of somebody else.
    #[command(flatten)]
    pub issuer: IssuerSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// The REST dialect.
    #[command(flatten)]
    pub rest: RestSettings,
    /// The Auth dialect.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// The Realtime dialect.
    #[command(flatten)]
    pub realtime: RealtimeSettings,
}

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

/// Where and how the server listens.
#[derive(Debug, Clone, Args)]
pub struct HttpSettings {
    /// Address to listen on
    #[arg(long, env = "WALKIE_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on
    #[arg(long, env = "WALKIE_PORT", default_value_t = 54321)]
    pub port: u16,
    /// URL under which clients reach the server; the issuer of its tokens
    /// [default: http://HOST:PORT]
    #[arg(long, env = "WALKIE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// What requests may ask and take.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// What requests may ask and take.
#[derive(Debug, Clone, Args)]
pub struct LimitSettings {
    /// Origins browsers may call from, separated by commas
    #[arg(long, env = "WALKIE_CORS_ORIGINS", default_value = "*", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Largest request body, in bytes
    #[arg(long, env = "WALKIE_MAX_BODY_BYTES", default_value_t = 10 * 1024 * 1024)]
    pub max_body_bytes: usize,
    /// Longest a request may take, in seconds
    #[arg(long, env = "WALKIE_REQUEST_TIMEOUT_SECONDS", default_value_t = 30)]
    pub request_timeout_seconds: u64,
    /// How long a shutdown waits for what does not end by itself, in seconds: for sockets that
    /// were told to close, and then for requests
    #[arg(long, env = "WALKIE_DRAIN_SECONDS", default_value_t = 10)]
    pub drain_seconds: u64,
}

/// How tokens are signed.
#[derive(Debug, Clone, Args)]
pub struct IdentitySettings {
    /// Secret that signs and verifies HS256 tokens, at least 32 bytes
    #[arg(long, env = "WALKIE_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
    /// Project keys that stand for a role without being tokens, separated by commas:
    /// sb_publishable_... for anon, sb_secret_... for service_role (walkie keys makes some)
    #[arg(
        long,
        env = "WALKIE_API_KEYS",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ApiKey::read(text)),
    )]
    pub api_keys: Vec<ApiKey>,
}

/// Whose tokens are accepted beside our own.
#[derive(Debug, Clone, Default, Args)]
pub struct IssuerSettings {
    /// URL of a set of JSON Web Keys (JWKS): REST and Realtime accept tokens that these sign too
    #[arg(long, env = "WALKIE_JWKS_URL", value_parser = web_url)]
    pub jwks_url: Option<Uri>,
    /// What claim iss of such tokens must be [default: anything]
    #[arg(long, env = "WALKIE_JWKS_ISSUER", requires = "jwks_url")]
    pub jwks_issuer: Option<String>,
}

/// A project key, of which only this is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// What it opens; none when the text is no key. Refused by [`IdentitySettings::weakness`],
    /// since the command line would repeat a secret that it refuses.
    pub kind: Option<ApiKeyKind>,
}

/// What a project key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyKind {
    /// What anybody may.
    Publishable,
    /// Everything.
    Secret,
}

impl ApiKeyKind {
    /// How such keys begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "sb_publishable_",
            Self::Secret => "sb_secret_",
        }
    }
}

impl ApiKey {
    /// Reads a key.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let is_kind = |kind: &ApiKeyKind| {
            text.strip_prefix(kind.prefix()).is_some_and(|rest| rest.len() >= MIN_API_KEY_LENGTH)
        };
        let kind = [ApiKeyKind::Publishable, ApiKeyKind::Secret].into_iter().find(is_kind);
        Self { digest: Sha256::digest(text).into(), kind }
    }
}

/// What is logged and how.
#[derive(Debug, Clone, Args)]
pub struct LogSettings {
    /// What to log, as a tracing filter (error, warn, info, debug, or per module)
    #[arg(long, env = "WALKIE_LOG", default_value = "info")]
    pub log: String,
    /// How to log
    #[arg(long, env = "WALKIE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Pretty,
    /// One JSON object a line
    Json,
}

/// What REST serves.
#[derive(Debug, Clone, Args)]
pub struct RestSettings {
    /// Schemas served by REST, separated by commas; the first is the default
    #[arg(long, env = "WALKIE_SCHEMAS", default_value = "public", value_delimiter = ',')]
    pub schemas: Vec<String>,
    /// Schemas searched after the served one, separated by commas
    #[arg(
        long,
        env = "WALKIE_EXTRA_SEARCH_PATH",
        default_value = "public,extensions",
        value_delimiter = ','
    )]
    pub extra_search_path: Vec<String>,
    /// Most rows that a read of REST answers, and each embed in it [default: no limit]
    #[arg(long, env = "WALKIE_MAX_ROWS", value_parser = clap::value_parser!(i64).range(1..))]
    pub max_rows: Option<i64>,
    /// Whether clients may ask REST for sums, averages, counts, maxima and minima of columns
    #[arg(long, env = "WALKIE_AGGREGATES_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub aggregates_enabled: bool,
    /// Whether parameters may call an aliased embed by its target's name.
    #[arg(skip = true)]
    pub legacy_target_names: bool,
    /// Function that runs before every request, as schema.name or name
    #[arg(long, env = "WALKIE_PRE_REQUEST")]
    pub pre_request: Option<String>,
    /// How the transaction of a request ends
    #[arg(long, env = "WALKIE_TX_END", value_enum, default_value_t = TransactionEnd::Commit)]
    pub tx_end: TransactionEnd,
    /// Settings of functions that count for the whole transaction, separated by commas
    #[arg(
        long,
        env = "WALKIE_HOISTED_TX_SETTINGS",
        default_value = "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation",
        value_delimiter = ','
    )]
    pub hoisted_tx_settings: Vec<String>,
    /// Whether clients may ask how Postgres would answer (application/vnd.pgrst.plan)
    #[arg(long, env = "WALKIE_PLAN_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub plan_enabled: bool,
    /// What the OpenAPI document at the root of REST shows
    #[arg(long, env = "WALKIE_OPENAPI_MODE", value_enum, default_value_t = OpenApiMode::FollowPrivileges)]
    pub openapi_mode: OpenApiMode,
    /// Whether that document says how to show a token.
    #[arg(skip)]
    pub openapi_security: bool,
    /// URL under which that document says the API is reached.
    #[arg(skip)]
    pub openapi_url: Option<String>,
    /// Function that gives another document instead.
    #[arg(skip)]
    pub root_spec: Option<String>,
    /// Whether a page for people shows what is served.
    #[arg(skip = true)]
    pub explorer: bool,
    /// Role of those who show no token, when they may come.
    #[arg(skip = Some("anon".into()))]
    pub anonymous_role: Option<String>,
    /// Whether answers tell how long each step took.
    #[arg(skip = true)]
    pub server_timing: bool,
    /// How much an error of REST says
    #[arg(long, env = "WALKIE_CLIENT_ERROR_VERBOSITY", value_enum, default_value_t = ErrorVerbosity::Verbose)]
    pub client_error_verbosity: ErrorVerbosity,
    /// Settings that every transaction finds: names that begin with `app.settings.`, and values.
    #[arg(skip)]
    pub app_settings: Vec<(String, String)>,
}

/// How the transaction of a request ends when nothing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransactionEnd {
    /// Its work stays.
    Commit,
    /// Its work stays, unless the client wants it undone.
    CommitAllowOverride,
    /// Its work is undone.
    Rollback,
    /// Its work is undone, unless the client wants it to stay.
    RollbackAllowOverride,
}

/// How much an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ErrorVerbosity {
    /// Code, message, details and hint.
    Verbose,
    /// Code and message.
    Minimal,
}

impl TransactionEnd {
    /// Whether the client has a say.
    pub fn may_be_chosen(self) -> bool {
        matches!(self, Self::CommitAllowOverride | Self::RollbackAllowOverride)
    }

    /// Whether the work is undone when the client says nothing.
    pub fn is_rollback(self) -> bool {
        matches!(self, Self::Rollback | Self::RollbackAllowOverride)
    }
}

#[cfg(test)]
impl Default for RestSettings {
    /// What the flags say when nobody gives any.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            rest: RestSettings,
        }
        <Flags as clap::Parser>::parse_from(["walkie"]).rest
    }
}

/// What the OpenAPI document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OpenApiMode {
    /// What the caller has any privilege on
    FollowPrivileges,
    /// Everything that is served
    IgnorePrivileges,
    /// There is no document
    Disabled,
}

impl RestSettings {
    /// Whether a role is that of strangers.
    pub fn is_anonymous(&self, role: &str) -> bool {
        self.anonymous_role.as_deref() == Some(role)
    }
}

/// How people sign in.
#[derive(Debug, Clone, Args)]
pub struct AuthSettings {
    /// Whether people may sign themselves up
    #[arg(long, env = "WALKIE_AUTH_SIGNUP_ENABLED", default_value_t = true, action = clap::ArgAction::Set)]
    pub auth_signup_enabled: bool,
    /// Shortest password, in characters
    #[arg(long, env = "WALKIE_AUTH_PASSWORD_MIN_LENGTH", default_value_t = 6)]
    pub auth_password_min_length: usize,
    /// How long an access token is valid, in seconds
    #[arg(long, env = "WALKIE_AUTH_TOKEN_SECONDS", default_value_t = 3600)]
    pub auth_token_seconds: u32,
    /// How long a refresh token that was just used may be used again, in seconds
    #[arg(long, env = "WALKIE_AUTH_REFRESH_REUSE_SECONDS", default_value_t = 10)]
    pub auth_refresh_reuse_seconds: u32,
}

/// How changes are streamed.
#[derive(Debug, Clone, Args)]
pub struct RealtimeSettings {
    /// Name of the logical replication slot; one per server and database
    #[arg(long, env = "WALKIE_REALTIME_SLOT", default_value = "walkie", value_parser = slot_name)]
    pub realtime_slot: String,
    /// How long changes are kept for subscribers that come back, in seconds
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_SECONDS", default_value_t = 600)]
    pub realtime_window_seconds: u64,
    /// Most memory for those changes, in bytes
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_BYTES", default_value_t = 64 * 1024 * 1024)]
    pub realtime_window_bytes: usize,
    /// Most log that the slot may hold back for them, in bytes
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_WAL_BYTES", default_value_t = 256 * 1024 * 1024)]
    pub realtime_window_wal_bytes: u64,
    /// Connections that ask Postgres who may see a change
    #[arg(long, env = "WALKIE_REALTIME_EVALUATORS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub realtime_evaluators: u16,
    /// Longest a policy may take for one person, in milliseconds
    #[arg(long, env = "WALKIE_REALTIME_POLICY_TIMEOUT_MS", default_value_t = 1_000)]
    pub realtime_policy_timeout_ms: u64,
    /// Who hears of deletions in tables with row policies, when the log has the key alone
    #[arg(long, env = "WALKIE_REALTIME_DELETE_EVENTS", value_enum, default_value_t = DeleteEvents::Compat)]
    pub realtime_delete_events: DeleteEvents,
    /// Keep verdicts that the log has made void: only to show that a test would notice
    #[arg(long, hide = true)]
    pub realtime_keep_void_verdicts: bool,
    /// Largest frame a client may send, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_FRAME_BYTES", default_value_t = 5_000_000)]
    pub realtime_max_frame_bytes: usize,
    /// Most broadcasts over HTTP a second, all callers together; ten seconds' worth at once
    #[arg(long, env = "WALKIE_REALTIME_HTTP_MESSAGES_PER_SECOND", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_http_messages_per_second: u32,
    /// How long broadcasts from SQL are kept for replay, in hours; whole days go at once
    #[arg(long, env = "WALKIE_REALTIME_MESSAGES_HOURS", default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub realtime_messages_hours: u32,
    /// Frames that may wait for one socket before it is closed and told to come back
    #[arg(long, env = "WALKIE_REALTIME_QUEUE_FRAMES", default_value_t = 512)]
    pub realtime_queue_frames: usize,
    /// Bytes that may wait for one socket before it is closed and told to come back
    #[arg(long, env = "WALKIE_REALTIME_QUEUE_BYTES", default_value_t = 1024 * 1024)]
    pub realtime_queue_bytes: usize,
    /// Most sockets at once
    #[arg(long, env = "WALKIE_REALTIME_MAX_CONNECTIONS", default_value_t = 20_000)]
    pub realtime_max_connections: usize,
    /// Whether only private channels may be joined
    #[arg(long, env = "WALKIE_REALTIME_PRIVATE_ONLY", default_value_t = false, action = clap::ArgAction::Set)]
    pub realtime_private_only: bool,
    /// Most channels on one socket
    #[arg(long, env = "WALKIE_REALTIME_MAX_CHANNELS", default_value_t = 100)]
    pub realtime_max_channels: usize,
    /// Over how long a shutdown spreads the closing of sockets, in seconds: clients that all come
    /// back at one moment are a burden for whoever takes them
    #[arg(long, env = "WALKIE_REALTIME_DRAIN_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub realtime_drain_seconds: u64,
    /// A socket that says nothing for so long is closed, in seconds
    #[arg(long, env = "WALKIE_REALTIME_IDLE_SECONDS", default_value_t = 60)]
    pub realtime_idle_seconds: u64,
    /// Joins a second, of all sockets together; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_JOINS_PER_SECOND", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_joins_per_second: u32,
    /// Joins a second of one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_JOINS_PER_SECOND", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_joins_per_second: u32,
    /// Broadcasts a second of one channel on one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_MESSAGES_PER_SECOND", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_messages_per_second: u32,
    /// Presence calls a second of one channel on one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_PRESENCE_PER_SECOND", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_presence_per_second: u32,
    /// Largest broadcast, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_BROADCAST_BYTES", default_value_t = 3_000_500)]
    pub realtime_max_broadcast_bytes: usize,
    /// Largest payload that one client may be present with, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_PRESENCE_BYTES", default_value_t = 16 * 1024)]
    pub realtime_max_presence_bytes: usize,
    /// How long the answer waits when a socket is refused, in milliseconds: clients that try
    /// again at once are slowed down
    #[arg(long, env = "WALKIE_REALTIME_REFUSAL_DELAY_MS", default_value_t = 200)]
    pub realtime_refusal_delay_ms: u64,
}

/// Who hears of a deleted row that no policy can be asked about (replica identity default).
/// With replica identity full the policies are asked about the whole row instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeleteEvents {
    /// The key goes to every subscriber of the table, as in Supabase
    Compat,
    /// Nobody
    Strict,
}

/// Where the programs of a private Postgres come from.
#[derive(Debug, Clone, Default, Args)]
pub struct PostgresBinaries {
    /// Folder with postgres and initdb [default: a managed copy, else the system's newest]
    #[arg(long, env = "WALKIE_PG_BIN")]
    pub pg_bin: Option<PathBuf>,
    /// Folder for the managed copy [default: the user's cache folder]
    #[arg(long, env = "WALKIE_CACHE")]
    pub cache: Option<PathBuf>,
}

impl PostgresBinaries {
    /// The same choice as the command line makes, for tests and benches, which have none.
    pub fn from_env() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self { pg_bin: path("WALKIE_PG_BIN"), cache: path("WALKIE_CACHE") }
    }

    /// The folder for the managed copy. Root's home is closed to the unprivileged user that
    /// Postgres then runs as, hence a place of the system.
    pub fn cache_folder(&self, is_root: bool) -> PathBuf {
        if let Some(folder) = &self.cache {
            return folder.clone();
        }
        if is_root {
            return PathBuf::from("/var/cache/walkie");
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(std::env::temp_dir);
        match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) => PathBuf::from(cache).join("walkie"),
            None if cfg!(target_os = "macos") => home.join("Library/Caches/walkie"),
            None => home.join(".cache/walkie"),
        }
    }
}

/// Reads a URL of something on the web.
///
/// # Errors
/// It is none; why.
pub fn web_url(text: &str) -> Result<Uri, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it begins with neither https:// nor http://".to_owned());
    }
    url.as_str().parse().map_err(|error: http::uri::InvalidUri| error.to_string())
}

/// What Postgres takes as the name of a slot.
fn slot_name(text: &str) -> Result<String, String> {
    let is_name = (1..=63).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_name {
        return Ok(text.to_owned());
    }
    Err("a slot's name has 1 to 63 of a-z, 0-9 and _".to_owned())
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

impl HttpSettings {
    /// URL under which clients reach the server, without a slash at its end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}:{}", self.host, self.port),
        }
    }
}

impl RealtimeSettings {
    /// How long changes are kept.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.realtime_window_seconds)
    }

    /// Longest a policy may take for one person.
    pub fn policy_timeout(&self) -> Duration {
        Duration::from_millis(self.realtime_policy_timeout_ms)
    }

    /// How long a refusal waits.
    pub fn refusal_delay(&self) -> Duration {
        Duration::from_millis(self.realtime_refusal_delay_ms)
    }

    /// Over how long a shutdown spreads the closing of sockets.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.realtime_drain_seconds)
    }

    /// How long a socket may be silent.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.realtime_idle_seconds)
    }
}

impl IdentitySettings {
    /// What is wrong with the secret for a server that others can reach, if anything.
    pub fn weakness(&self) -> Option<&'static str> {
        if self.jwt_secret == DEVELOPMENT_JWT_SECRET {
            return Some(
                "WALKIE_JWT_SECRET is the well-known development secret: anybody could sign \
                 tokens. Make your own: openssl rand -base64 48",
            );
        }
        if self.jwt_secret.len() < MIN_JWT_SECRET_BYTES {
            return Some(
                "WALKIE_JWT_SECRET is shorter than 32 bytes. Make your own: openssl rand -base64 48",
            );
        }
        if self.api_keys.iter().any(|key| key.kind.is_none()) {
            return Some(
                "WALKIE_API_KEYS holds something that is no project key. Make your own: walkie keys",
            );
        }
        let known = DEVELOPMENT_API_KEYS.map(ApiKey::read);
        self.api_keys.iter().any(|key| known.contains(key)).then_some(
            "WALKIE_API_KEYS holds a well-known development key. Make your own: walkie keys",
        )
    }
}

/// Environment variables that begin with `WALKIE_` and mean nothing: a misspelt setting must
/// not be silently ignored.
pub fn unknown_variables() -> Vec<String> {
    let known = variables();
    let mut unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("WALKIE_") && !known.contains(name))
        .collect();
    unknown.sort();
    unknown
}

/// PostgREST's settings in the environment, by name.
pub fn postgrest_variables() -> BTreeMap<String, String> {
    let is_setting = |(name, _): &(String, String)| name.starts_with("PGRST_");
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(is_setting)
        .collect()
}

/// A variable that a file of settings names.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
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

/// What glibc's allocator must be told to give freed memory back to the system.
pub const ALLOCATOR_SETTINGS: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "2")];

/// Whether the allocator was told anything, by us or by the operator.
pub fn allocator_is_told() -> bool {
    ALLOCATOR_SETTINGS.iter().any(|(name, _)| std::env::var_os(name).is_some())
}

/// Every environment variable some command reads.
pub fn variables() -> Vec<String> {
    let mut names: Vec<String> = CommandLine::command()
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn development_and_short_secrets_are_weak() {
        let with = |secret: &str, key: &str| {
            let api_keys = vec![ApiKey::read(key)];
            IdentitySettings { jwt_secret: secret.into(), api_keys }.weakness()
        };
        let (secret, key) = ("x".repeat(MIN_JWT_SECRET_BYTES), "sb_secret_of_twenty_characters");
        assert!(with(DEVELOPMENT_JWT_SECRET, key).is_some());
        assert!(with("short", key).is_some());
        for weak in ["sb_secret_short", "something_else_long_enough", DEVELOPMENT_API_KEYS[0]] {
            assert!(with(&secret, weak).is_some(), "{weak}");
        }
        assert!(with(&secret, key).is_none());
    }
}
