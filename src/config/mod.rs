//! Every setting: its name, default and meaning. The only place that reads the environment.
//!
//! Each field is a flag and an environment variable at once, so `walkie serve --help` is the
//! complete list and the README's table is checked against it. `command` says what there is to be
//! asked; the other files hold the settings, one noun each.

mod auth;
mod command;
mod database;
mod embedding;
mod environment;
mod factor;
mod function;
mod guard;
mod http;
mod identity;
mod issuer;
mod letters;
mod log;
mod mail;
mod oauth_server;
mod postgres;
mod provider;
mod push;
mod realtime;
mod rest;
mod scan;
mod single_sign_on;
mod storage;

pub use auth::{AuthSettings, HookSettings};
pub use command::{Command, CommandLine, Dev, Policies, Settings, StandaloneArguments};
pub use database::{DatabaseDefaults, DatabaseSettings, PoolSettings};
pub use embedding::EmbeddingSettings;
pub use environment::{postgrest_variables, unknown_variables, variable, variables};
pub use factor::{FactorKind, FactorSettings};
pub use function::FunctionName;
pub use guard::{CaptchaProvider, GuardSettings};
pub use http::{HttpSettings, LimitSettings};
pub use identity::{
    ApiKey, ApiKeyKind, DEVELOPMENT_API_KEYS, DEVELOPMENT_JWT_SECRET, IdentitySettings,
    MIN_JWT_SECRET_BYTES,
};
pub use issuer::{IssuerSettings, web_url};
pub use letters::LetterSettings;
pub use log::{LogFormat, LogSettings};
pub use mail::{MailSettings, SmtpTls};
pub use oauth_server::OAuthServerSettings;
pub use postgres::PostgresBinaries;
pub use provider::{Chain, ProviderSettings};
pub use push::PushSettings;
pub use realtime::{DeleteEvents, RealtimeSettings};
pub use rest::{ErrorVerbosity, OpenApiMode, RestSettings, TransactionEnd};
pub use scan::{ClamdAddress, ScanSettings};
pub use single_sign_on::SingleSignOnSettings;
pub use storage::{
    DEVELOPMENT_S3_KEYS, FrontSettings, ImageSettings, StorageSettings, StoreSettings,
};
