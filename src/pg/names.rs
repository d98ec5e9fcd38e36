//! Every database name the binary itself relies on.

/// The role the server logs in with in production; it is no superuser.
pub const LOGIN_ROLE: &str = "authenticator";

/// Role that owns schema `auth`; the auth dialect works as it.
pub const AUTH_ROLE: &str = "supabase_auth_admin";

/// Role that owns schema `realtime`; probes of private channels start as it.
pub const REALTIME_ROLE: &str = "supabase_realtime_admin";

/// Role that owns schema `storage`; the ledger of bytes is its own.
pub const STORAGE_ROLE: &str = "supabase_storage_admin";

/// Roles a client's token may name without any set-up.
pub const API_ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];

/// Role of servers: no row policy binds it.
pub const SERVICE_ROLE: &str = "service_role";

/// Publication whose tables are streamed to subscribers.
pub const PUBLICATION: &str = "supabase_realtime";

/// Publication of tables that are loaded in bulk: if it exists, they are streamed beside all
/// others.
pub const BULK_PUBLICATION: &str = "supabase_realtime_bulk";

/// Prefix of the log's messages about changed policies, functions, grants and tables.
pub const SCHEMA_CHANGED: &str = "rt:ddl";

/// What SQL broadcasts without a row goes through: a channel of NOTIFY, and the prefix of
/// messages in the log.
pub const BRIDGE: &str = "walkie";

/// What is said on [`BRIDGE`] when jobs may be due.
pub const JOBS_DUE: &str = "jobs";

/// What is said on [`BRIDGE`] when bytes are let go of.
pub const BLOBS_DOOMED: &str = "storage";

/// Channel on which ended sessions, and people who are banned or deleted, are told.
pub const REVOKED_CHANNEL: &str = "walkie_revoked";

/// Publication of the broadcasts that SQL writes into realtime.messages.
pub const BROADCASTS: &str = "supabase_realtime_messages_publication";

/// Schema of the install ledgers.
pub const LEDGER_SCHEMA: &str = "walkie";

/// refinery's table for what Supabase clients expect.
pub const PLATFORM_LEDGER: &str = "walkie.platform_history";

/// refinery's table for the messaging product.
pub const PRODUCT_LEDGER: &str = "walkie.product_history";

/// Advisory lock that lets one installer work at a time.
pub const INSTALL_LOCK: i64 = 0x57_414c_4b49_4500;

/// Channel on which a changed schema is announced (PostgREST's name).
pub const RELOAD_CHANNEL: &str = "pgrst";

/// Publication of the tables that policies read, for nobody but the server.
pub const POLICIES_PUBLICATION: &str = "walkie_policies";
