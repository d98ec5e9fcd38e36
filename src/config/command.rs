//! The command line: what the binary can be asked to do, and with which settings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    AuthSettings, DatabaseSettings, EmbeddingSettings, HttpSettings, IdentitySettings,
    IssuerSettings, LimitSettings, LogSettings, MailSettings, PoolSettings, PostgresBinaries,
    PushSettings, RealtimeSettings, RestSettings, ScanSettings, StorageSettings,
};

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
    /// Mail.
    #[command(flatten)]
    pub mail: MailSettings,
    /// Web push.
    #[command(flatten)]
    pub push: PushSettings,
    /// Embeddings.
    #[command(flatten)]
    pub embedding: EmbeddingSettings,
    /// The Realtime dialect.
    #[command(flatten)]
    pub realtime: RealtimeSettings,
    /// The Storage dialect.
    #[command(flatten)]
    pub storage: StorageSettings,
    /// Looking for viruses.
    #[command(flatten)]
    pub scan: ScanSettings,
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
    /// Mail.
    #[command(flatten)]
    pub mail: MailSettings,
    /// Web push.
    #[command(flatten)]
    pub push: PushSettings,
    /// Embeddings.
    #[command(flatten)]
    pub embedding: EmbeddingSettings,
    /// The Realtime dialect.
    #[command(flatten)]
    pub realtime: RealtimeSettings,
    /// The Storage dialect.
    #[command(flatten)]
    pub storage: StorageSettings,
    /// Looking for viruses.
    #[command(flatten)]
    pub scan: ScanSettings,
}
