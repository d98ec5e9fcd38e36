//! Every setting there is: PostgREST's names, defaults and meanings.

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in files.
    pub name: &'static str,
    /// Names it had before.
    pub aliases: &'static [&'static str],
    /// What its value is.
    pub kind: Kind,
    /// Its value where nothing is said; empty for none.
    pub default: &'static str,
    /// Whether the database may say it.
    pub is_in_database: bool,
    /// What it means.
    pub meaning: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number, none where empty.
    Number,
    /// True or false.
    Switch,
}

impl Key {
    /// `PGRST_DB_URI` of `db-uri`.
    pub fn variable(name: &str) -> String {
        format!("PGRST_{}", name.replace('-', "_").to_uppercase())
    }

    /// `pgrst.db_schemas` of `db-schemas`.
    pub fn database_name(&self) -> String {
        format!("pgrst.{}", self.name.replace('-', "_"))
    }
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    is_in_database: bool,
    meaning: &'static str,
) -> Key {
    Key { name, aliases: &[], kind, default, is_in_database, meaning }
}

const fn also(aliases: &'static [&'static str], key: Key) -> Key {
    Key { aliases, ..key }
}

use Kind::{Number, Switch, Text};

/// All of them, by name.
pub const KEYS: &[Key] = &[
    key("admin-server-host", Text, "", false, "Host of the admin server; that of the API if empty"),
    key("admin-server-port", Number, "", false, "Port of the admin server; there is none if empty"),
    key(
        "admin-server-unix-socket",
        Text,
        "",
        false,
        "Socket of the admin server, instead of a port",
    ),
    key("admin-server-unix-socket-mode", Text, "660", false, "File mode of that socket"),
    key(
        "client-error-verbosity",
        Text,
        "verbose",
        true,
        "verbose, or minimal: code and message alone",
    ),
    key("db-aggregates-enabled", Switch, "false", true, "Whether requests may aggregate"),
    key(
        "db-anon-role",
        Text,
        "",
        true,
        "Role of those who show no token; they are refused if empty",
    ),
    key("db-channel", Text, "pgrst", false, "Channel on which reloads are announced"),
    key("db-channel-enabled", Switch, "true", false, "Whether that channel is listened to"),
    key("db-config", Switch, "true", false, "Whether the database may say settings"),
    key("db-extra-search-path", Text, "public", true, "Schemas searched after the served one"),
    key(
        "db-hoisted-tx-settings",
        Text,
        "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation",
        true,
        "Settings of functions that count for their whole transaction",
    ),
    also(&["max-rows"], key("db-max-rows", Number, "", true, "Most rows of an answer")),
    key("db-plan-enabled", Switch, "false", true, "Whether execution plans may be asked for"),
    key("db-pool", Number, "10", false, "Most connections for requests"),
    key("db-pool-acquisition-timeout", Number, "10", false, "Seconds a request waits for one"),
    key(
        "db-pool-automatic-recovery",
        Switch,
        "true",
        false,
        "Whether a lost database is tried again",
    ),
    also(
        &["db-pool-timeout"],
        key("db-pool-max-idletime", Number, "30", false, "Seconds until an idle connection closes"),
    ),
    key("db-pool-max-lifetime", Number, "1800", false, "Seconds until any connection closes"),
    key("db-pre-config", Text, "", false, "Function that says settings by set_config"),
    also(
        &["pre-request"],
        key("db-pre-request", Text, "", true, "Function called before each request"),
    ),
    key("db-prepared-statements", Switch, "true", true, "Whether connections remember statements"),
    also(
        &["root-spec"],
        key("db-root-spec", Text, "", true, "Function that answers the root instead of OpenAPI"),
    ),
    also(
        &["db-schema"],
        key("db-schemas", Text, "public", true, "Schemas served; the first is the default"),
    ),
    key(
        "db-tx-end",
        Text,
        "commit",
        true,
        "How transactions end: commit, commit-allow-override, rollback, rollback-allow-override",
    ),
    key(
        "db-uri",
        Text,
        "postgresql://",
        false,
        "The database; what it leaves open, libpq's variables say",
    ),
    key("jwt-aud", Text, "", true, "Audience that tokens naming one must name"),
    key("jwt-cache-max-entries", Number, "1000", true, "Verified tokens that are remembered"),
    key(
        "jwt-jwks-url",
        Text,
        "",
        false,
        "URL of a set of keys, for tokens they sign; read at start",
    ),
    also(
        &["role-claim-key"],
        key("jwt-role-claim-key", Text, "$.role", true, "JSON Path of the role among the claims"),
    ),
    key("jwt-secret", Text, "", true, "Secret, JSON Web Key or set of them; or @file"),
    also(
        &["secret-is-base64"],
        key("jwt-secret-is-base64", Switch, "false", true, "Whether the secret is base64"),
    ),
    key(
        "log-level",
        Text,
        "error",
        false,
        "crit, error, warn, info or debug: which answers are logged",
    ),
    key("log-query", Switch, "false", false, "Whether their statements are logged too"),
    key(
        "openapi-mode",
        Text,
        "follow-privileges",
        true,
        "follow-privileges, ignore-privileges or disabled",
    ),
    key(
        "openapi-security-active",
        Switch,
        "false",
        true,
        "Whether OpenAPI tells how to show a token",
    ),
    key(
        "openapi-server-proxy-uri",
        Text,
        "",
        true,
        "URL that OpenAPI tells; the server's own if empty",
    ),
    key(
        "server-cors-allowed-origins",
        Text,
        "",
        true,
        "Origins browsers may call from; any if empty",
    ),
    key("server-host", Text, "!4", false, "Address to listen on: *, *4, !4, *6, !6 or a host"),
    key("server-port", Number, "3000", false, "Port to listen on; 0 for any"),
    key("server-reuseport", Switch, "false", false, "Whether other processes may listen on it too"),
    key(
        "server-timing-enabled",
        Switch,
        "false",
        true,
        "Whether answers tell how long each step took",
    ),
    key("server-trace-header", Text, "", true, "Header that answers repeat"),
    key("server-unix-socket", Text, "", false, "Socket to listen on, instead of a port"),
    key("server-unix-socket-mode", Text, "660", false, "File mode of that socket"),
    key(
        "url-use-legacy-target-names",
        Switch,
        "true",
        true,
        "Whether embedded tables with an alias may be filtered by their own name",
    ),
];
