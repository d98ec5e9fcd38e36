//! The REST dialect alone, as PostgREST serves it: its settings, at the root of a port, over any
//! database, in which nothing has to be installed.
//!
//! Reading order: `config` (what may be set), `listener` (where it is served), `edge` (what each
//! answer bears, with `cors` and `access_log`), `reload` (settings and catalog follow the
//! database), `admin` (probes and metrics), `ready` (asks another process for them).

mod access_log;
mod admin;
pub mod config;
mod cors;
mod edge;
mod listener;
mod ready;
mod reload;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::{DatabaseSettings, LogFormat, LogSettings, PoolSettings};
use crate::identity::Issuer;
use crate::observe;
use crate::pg::{self, Pg, Target, catalog, listen};
use crate::rest::Rest;
use config::{Config, ConfigError, Place, Sources};
use listener::{Bound, Reached};

pub use ready::ready;

/// Largest request body: what Postgres takes as one value, in bytes.
const MAX_BODY_BYTES: usize = 1 << 30;

/// How long a shutdown waits for requests.
const DRAIN: Duration = Duration::from_secs(30);

/// How often connections that are no more needed are looked for.
const RETIRE_EVERY: Duration = Duration::from_secs(1);

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The URL of the database does not read.
    #[error("db-uri does not read")]
    Url(#[from] tokio_postgres::Error),
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] pg::Error),
    /// The schema cannot be read.
    #[error("the schema cannot be read")]
    Catalog(#[from] catalog::LoadError),
    /// Nothing can be served there.
    #[error("{0} cannot be listened on")]
    Place(String, #[source] std::io::Error),
    /// A part of the server has ended.
    #[error("the server cannot go on")]
    Ended(#[source] std::io::Error),
    /// The log cannot be written.
    #[error("the log cannot be started")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// The database was lost, and nobody wants to try again.
    #[error("the database was lost")]
    Lost,
}

/// What the parts of the server share.
struct Shared {
    /// Replaced whole when settings change.
    config: ArcSwap<Config>,
    pg: Pg,
    rest: Rest,
    /// Somebody else whose tokens are accepted; of settings that change, this one stays.
    issuer: Option<Arc<Issuer>>,
    /// Where the API is reached from this machine.
    server: Reached,
    loads: Loads,
}

/// How the catalog was loaded.
#[derive(Default)]
struct Loads {
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// How long the last one took, in microseconds.
    last_micros: AtomicU64,
}

/// Serves until `shutdown`, then lets requests end.
///
/// # Errors
/// See [`Error`].
pub async fn run(sources: Sources, shutdown: CancellationToken) -> Result<(), Error> {
    let (config, unasked) = sources.ask().await?;
    let log = config.log_level.tracing().to_string().to_lowercase();
    observe::start(&LogSettings { log, log_format: LogFormat::Pretty })?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    if let Some(error) = unasked {
        tracing::warn!(%error, "the database was not asked for settings");
    }
    warn(&config);
    let pg = open(&config)?;
    let issuer = config.jwks_url.clone().map(|url| Issuer::new(url, None));
    let rest = Rest::new(pg.clone(), config.keys.clone().with_issuer(issuer.clone()), &config.rest);
    let server = bind(&config.server)?;
    let admin = config.admin.as_ref().map(bind).transpose()?;
    let (channel, channels) = watch::channel(config.channel.clone());
    let (tell, heard) = mpsc::channel(listen::MAX_WAITING);
    let target = Target::new(&config.database_url, "notifications")?.writable();
    let shared = Arc::new(Shared {
        pg,
        rest,
        issuer: issuer.clone(),
        server: server.reached(),
        loads: Loads::default(),
        config: ArcSwap::from_pointee(config),
    });
    let api = edge::router(Arc::clone(&shared));
    tracing::info!(place = %server, "the API is served");

    let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
    tasks.spawn(server.serve(api, shutdown.clone()));
    if let Some(admin) = admin {
        tracing::info!(place = %admin, "the admin server is served");
        tasks.spawn(admin.serve(admin::router(Arc::clone(&shared)), shutdown.clone()));
    }
    if let Some(issuer) = issuer {
        tasks.spawn(issuer.keep(shutdown.clone()).map(Ok));
    }
    let signals = reload::signals(tell.clone()).map_err(Error::Ended)?;
    let following = reload::follow(Arc::clone(&shared), sources, heard, channel);
    let listening = reload::listen(Arc::clone(&shared), target, channels, tell);
    let retiring = retire(shared);
    let parts: [BoxFuture<'static, Result<(), Error>>; 4] =
        [signals.boxed(), following.boxed(), listening.boxed(), retiring.boxed()];
    for part in parts {
        let part = shutdown.clone().run_until_cancelled_owned(part);
        tasks.spawn(part.map(|end| end.unwrap_or(Ok(()))));
    }
    let end = tokio::select! {
        // First, since a shutdown ends the tasks too.
        biased;
        () = shutdown.cancelled() => Ok(()),
        Some(end) = tasks.join_next() => match end {
            Ok(Ok(())) => Err(Error::Ended(std::io::Error::other("a part of it has ended"))),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(Error::Ended(std::io::Error::other(error))),
        },
    };
    shutdown.cancel();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    end
}

/// What a DBA should know of the settings.
fn warn(config: &Config) {
    if config.has_dotted_role_path() {
        tracing::warn!(
            "jwt-role-claim-key is written in a language that will be dropped; write a JSON Path"
        );
    }
    if config.rest.anonymous_role.is_none() {
        tracing::info!("without db-anon-role, requests need a token");
    }
}

fn open(config: &Config) -> Result<Pg, tokio_postgres::Error> {
    let settings = DatabaseSettings {
        database_url: config.database_url.clone(),
        migrate_database_url: None,
        platform_only: true,
        pool: PoolSettings {
            pool_size: config.pool.size,
            pool_wait_ms: u64::try_from(config.pool.wait.as_millis()).unwrap_or(u64::MAX),
            statement_timeout_ms: 0,
        },
    };
    let served = config.rest.schemas.get(..1).unwrap_or_default();
    Pg::new(&settings, &[served, &config.rest.extra_search_path].concat().join(","))
}

fn bind(place: &Place) -> Result<Bound, Error> {
    Bound::bind(place).map_err(|error| Error::Place(place.to_string(), error))
}

/// Closes idle and old connections.
async fn retire(shared: Arc<Shared>) -> Result<(), Error> {
    let mut ticks = interval(RETIRE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let limits = shared.config.load().pool;
        shared.pg.retire(limits.idle, limits.lifetime);
    }
}

/// The schema as it would be served, as JSON.
///
/// # Errors
/// The settings or the database cannot be used.
pub async fn dump_schema(sources: &Sources) -> Result<String, Error> {
    let (config, unasked) = sources.ask().await?;
    if let Some(error) = unasked {
        return Err(error.into());
    }
    let pg = open(&config)?;
    pg.reload(&config.rest.schemas).await?;
    Ok(admin::schema_cache(&pg))
}
