//! The REST dialect.

use clap::{Args, ValueEnum};

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
    /// Whether reads say where in the log they were made; a standby cannot.
    #[arg(skip = true)]
    pub places: bool,
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
