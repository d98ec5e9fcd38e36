//! The only place that joins slices: build, route, spawn, shut down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use deadpool_postgres::Pool;
use futures_util::FutureExt;
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{self, Auth};
use crate::blob::Blobs;
use crate::config::{IssuerSettings, RestSettings, Settings};
use crate::identity::{Issuer, Keys, SERVICE_ROLE};
use crate::jobs::{self, Jobs, Links, Reach};
use crate::observe::{Metrics, POOLS, PoolState};
use crate::pg::install::{self, Finding};
use crate::pg::revocations::Ear;
use crate::pg::{Pg, Seal, Target, catalog, listen, names, pool};
use crate::realtime::authorize::Complete;
use crate::realtime::feed::{Feed, Handle};
use crate::realtime::logs::{Log, Logs};
use crate::realtime::partitions::Partitions;
use crate::realtime::slot::{self, SlotWatch};
use crate::realtime::{self, Realtime};
use crate::rest::Rest;
use crate::storage::{Storage, Sweep};
use crate::wal::Source;
use crate::{blob, http as edge, identity};

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be brought to this version.
    #[error("the database is not at this version and could not be brought to it")]
    Install(#[from] install::Error),
    /// The database or the login role lacks something; each lack names what mends it.
    #[error("the database is not ready for the server:{}", list(.0))]
    Requirements(Vec<Finding>),
    /// The database cannot be asked.
    #[error("the database cannot be used")]
    Database(#[from] crate::pg::Error),
    /// The schema cannot be read.
    #[error("the schema cannot be read")]
    Catalog(#[from] catalog::LoadError),
    /// The keys for tokens do not read.
    #[error("the keys for tokens cannot be used: {0}")]
    Keys(#[from] identity::KeyError),
    /// A database URL does not parse.
    #[error("the database URL is wrong")]
    Url(#[from] tokio_postgres::Error),
    /// A setting of Auth does not read.
    #[error("the settings of Auth are wrong")]
    Auth(#[from] auth::SetupError),
    /// A setting of what leaves the house does not read.
    #[error("the settings of mail, push or embeddings are wrong")]
    Jobs(#[from] jobs::SetupError),
    /// Mail would be shown to whoever asks.
    #[error(
        "--inbox shows all mail to everybody, so it needs a host and a public URL of this machine alone"
    )]
    OpenInbox,
    /// The place for files cannot be used.
    #[error("the place for files cannot be used")]
    Blobs(#[from] blob::Error),
    /// The listener or another part of the server failed.
    #[error("the server cannot go on")]
    Listen(#[from] std::io::Error),
}

fn list(findings: &[Finding]) -> String {
    let lines = findings
        .iter()
        .map(|found| format!("\n  {}: {}\n    {}", found.subject, found.finding, found.remedy));
    lines.collect()
}

/// Brings the database to this version, if it is not there already.
///
/// # Errors
/// No connection, or a file fails.
pub async fn migrate(url: &str, platform_only: bool) -> Result<bool, Error> {
    let client = pool::connect(&Target::new(url, "install")?).await?;
    Ok(install::install(&client, platform_only).await?)
}

/// Checks that the database has what the server needs.
///
/// # Errors
/// What it lacks.
pub async fn require(url: &str) -> Result<(), Error> {
    let client = pool::connect(&Target::new(url, "check")?).await?;
    let lacks = install::requirements(&client).await?;
    if lacks.is_empty() { Ok(()) } else { Err(Error::Requirements(lacks)) }
}

/// Serves on `listener` until `shutdown`; then closes the sockets one after the other, lets
/// requests end, and leaves the slot in order.
///
/// # Errors
/// The database lacks something, or the listener fails.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    if settings.mail.is_kept() && !settings.http.is_local() {
        return Err(Error::OpenInbox);
    }
    require(&settings.database.database_url).await?;
    let pg = Pg::new(&settings.database, &search_path(&settings))?;
    pg.reload(&settings.rest.schemas).await?;
    let partitions = Partitions::new(pg.clone(), settings.realtime.realtime_messages_hours);
    partitions.keep().await;

    let metrics = Arc::new(Metrics::default());
    let complete = Complete::default();
    let main = Reader::new(&settings, Log::Main, &pg, &complete, &metrics)?;
    let bulk = slot::is_published(&pg, Log::Bulk)
        .await?
        .then(|| Reader::new(&settings, Log::Bulk, &pg, &complete, &metrics))
        .transpose()?;
    let mut pools = vec![pg.pool.clone(), main.evaluators.clone()];
    pools.extend(bulk.as_ref().map(|reader| reader.evaluators.clone()));
    let logs = Logs::new(main.asked.clone(), bulk.as_ref().map(|reader| reader.asked.clone()));
    let own = identity::keys(&settings.identity)?;
    let target = Target::new(&settings.database.database_url, "revocations")?;
    let ear = Ear::open(target, own.revoked().clone()).await?;
    let sockets = TaskTracker::new();
    let IssuerSettings { jwks_url, jwks_issuer } = settings.issuer.clone();
    let issuer = jwks_url.map(|url| Issuer::new(url, jwks_issuer));
    let keys = identity::keys(&settings.identity)?
        .with_revoked(own.revoked().clone())
        .with_issuer(issuer.clone());
    let realtime = Realtime::new(
        keys.clone(),
        pg.clone(),
        logs.clone(),
        settings.realtime.clone(),
        metrics.realtime.clone(),
        shutdown.clone(),
        sockets.clone(),
    );
    let watched = Watched {
        keys: keys.clone(),
        metrics: Arc::clone(&metrics),
        pools,
        realtime: Arc::clone(&realtime),
    };
    let readiness = Readiness { pg: pg.clone(), logs, shutdown: shutdown.clone() };
    let jobs_due = Arc::new(Notify::new());
    let blobs = Blobs::open(&settings.storage)?;
    let blobs_doomed = Arc::new(Notify::new());
    let sweep = Sweep::new(pg.clone(), blobs.clone(), Arc::clone(&blobs_doomed));
    let reach = Reach {
        mail: &settings.mail,
        links: Links {
            site: settings.auth.letters.auth_site_url.trim_end_matches('/').to_owned(),
            server: settings.http.public_url(),
        },
        push: &settings.push,
        embedding: &settings.embedding,
        scan: &settings.scan,
        images: &settings.storage.images,
        media_url: settings.storage.media_url().unwrap_or_else(|| settings.http.public_url()),
    };
    let (jobs_wake, job_metrics) = (Arc::clone(&jobs_due), metrics.jobs.clone());
    let sealing = &settings.auth.providers.auth_sealing_secrets;
    let seal = Seal::new(sealing, &settings.identity.jwt_secret);
    let jobs = Jobs::new(pg.clone(), blobs.clone(), seal.clone(), reach, jobs_wake, job_metrics)?;
    let storage = Storage::new(pg.clone(), keys.clone(), blobs, &settings.storage);
    let storage = edge::open_layers(storage.router(), &settings.http.limits);
    let app = router(&settings, &pg, (&keys, own), seal, &realtime)?
        .nest("/storage/v1", storage)
        .merge(Router::new().route("/ready", get(ready)).with_state(Arc::new(readiness)))
        .merge(Router::new().route("/metrics", get(measure)).with_state(Arc::new(watched)))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|stream| {
        // Frames are small and must not wait for each other.
        let _ = stream.set_nodelay(true);
    });
    let schemas = settings.rest.schemas.clone();
    let target = Target::new(&settings.database.database_url, "notifications")?;

    // What sockets need goes on until the last one is closed.
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    tasks.spawn(serving.into_future());
    if bulk.is_none() {
        let slot = settings.realtime.bulk_slot();
        tasks.spawn(slot::retire(pg.clone(), Log::Bulk, slot, stop.clone()).map(Ok));
    }
    let evaluators = main.evaluators.clone();
    for Reader { feed, slot, .. } in std::iter::once(main).chain(bulk) {
        tasks.spawn(feed.run(stop.clone()).map(Ok));
        tasks.spawn(slot.run(stop.clone()).map(Ok));
    }
    tasks.spawn(partitions.run(stop.clone()).map(Ok));
    tasks.spawn(ear.keep(stop.clone()).map(Ok));
    if let Some(issuer) = issuer {
        tasks.spawn(issuer.keep(stop.clone()).map(Ok));
    }
    let bridged = Arc::clone(&realtime);
    tasks.spawn(Arc::clone(&realtime).watch_sessions(stop.clone()).map(Ok));
    tasks.spawn(realtime.watch_rights(evaluators, stop.clone()).map(Ok));
    tasks.spawn(jobs.run(stop.clone()).map(Ok));
    tasks.spawn(sweep.run(stop.clone()).map(Ok));
    let hearer = Box::new(move |payload: &str| match payload {
        names::JOBS_DUE => jobs_due.notify_one(),
        names::BLOBS_DOOMED => blobs_doomed.notify_one(),
        payload => bridged.hear(payload),
    });
    tasks.spawn(listen::run(pg, target, schemas, hearer, stop.clone()).map(Ok));
    let ended = tokio::select! {
        // First, since a shutdown ends the tasks too.
        biased;
        () = shutdown.cancelled() => None,
        ended = tasks.join_next() => ended,
    };
    tracing::info!("going down: sockets are told to come back, requests may end");
    shutdown.cancel();
    sockets.close();
    // Until the last socket is closed others are still answered: whoever balances the load has
    // time to see that this server is not ready any more.
    let drain = Duration::from_secs(settings.http.limits.drain_seconds);
    let closing = settings.realtime.drain().saturating_add(drain);
    if tokio::time::timeout(closing, sockets.wait()).await.is_err() {
        tracing::warn!("some sockets did not close in time and are cut off");
    }
    stop.cancel();
    let ending = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, ending).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    match ended {
        None => Ok(()),
        // No task ends by itself but by a fault; whoever supervises starts the server anew.
        Some(ended) => {
            ended.map_err(std::io::Error::other)??;
            Err(std::io::Error::other("a part of the server has ended").into())
        }
    }
}

/// What reads a log.
struct Reader {
    /// Large: the start holds two of them.
    feed: Box<Feed>,
    /// Asks the feed.
    asked: Handle,
    slot: SlotWatch,
    /// For the questions of its authorizer: they are many at once, and another log is not to wait
    /// for them.
    evaluators: Pool,
}

impl Reader {
    fn new(
        settings: &Settings,
        log: Log,
        pg: &Pg,
        complete: &Complete,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let evaluators = authorizer_pool(settings)?;
        let name = log.slot(&settings.realtime);
        let (slot, limit) = SlotWatch::new(pg.clone(), &name);
        let target = Target::new(&settings.database.database_url, "log")?;
        let source = Source::new(&target, &name, log.publications());
        let (feed, asked) = Feed::new(
            log,
            source,
            limit,
            evaluators.clone(),
            complete,
            &settings.realtime,
            metrics,
        );
        Ok(Self { feed: Box::new(feed), asked, slot, evaluators })
    }
}

/// Connections of the authorizer: functions in policies find what they find for requests, and
/// no statement runs longer than a policy may, nor waits for a lock until it looks as if it did.
fn authorizer_pool(settings: &Settings) -> Result<Pool, Error> {
    let limit = settings.realtime.realtime_policy_timeout_ms;
    let search_path = search_path(settings);
    let target =
        Target::new(&settings.database.database_url, "authorizer")?.with_options(&format!(
            "-c statement_timeout={limit} -c lock_timeout={} -c plan_cache_mode=force_generic_plan \
         -c search_path={search_path}",
            limit / 2,
        ));
    let size = usize::from(settings.realtime.realtime_evaluators);
    Ok(pool::pool(target, size, settings.database.pool.wait()))
}

/// Where requests look for what they name without a schema.
fn search_path(settings: &Settings) -> String {
    let served = settings.rest.schemas.get(..1).unwrap_or_default();
    [served, &settings.rest.extra_search_path].concat().join(",")
}

/// The routes of the dialects. Auth knows its own tokens alone: accounts of others are not here.
fn router(
    settings: &Settings,
    pg: &Pg,
    (keys, own): (&Keys, Keys),
    seal: Seal,
    realtime: &Arc<Realtime>,
) -> Result<Router, Error> {
    let public_url = settings.http.public_url();
    let auth = Auth::new(
        pg.clone(),
        own,
        &settings.auth,
        &settings.mail,
        seal,
        &settings.identity.jwt_secret,
        &public_url,
    )?;
    let rest = RestSettings {
        openapi_url: Some(format!("{public_url}/rest/v1/")),
        ..settings.rest.clone()
    };
    let rest = Rest::new(pg.clone(), keys.clone(), &rest);
    let unsubscribe = settings.mail.mail_unsubscribe_function.clone();
    let requests = Router::new()
        .merge(auth.well_known_router())
        .merge(jobs::unsubscribe_router(pg.clone(), unsubscribe))
        .nest("/auth/v1", auth.router())
        .nest("/rest/v1/", rest.router())
        .nest("/realtime/v1/api", realtime::api_router(Arc::clone(realtime)));
    // Sockets outlive every time limit, and probes are not worth a line in the log.
    let inbox = if settings.mail.is_kept() {
        edge::trace(jobs::inbox_router(pg.clone()))
    } else {
        Router::new()
    };
    Ok(edge::layers(requests, &settings.http.limits)
        .nest("/realtime/v1", edge::trace(realtime::router(Arc::clone(realtime))))
        .merge(inbox)
        .route("/health", get(|| async { "ok" })))
}

/// What must work before traffic is sent here.
struct Readiness {
    pg: Pg,
    logs: Logs,
    shutdown: CancellationToken,
}

/// GET /ready: 200 when requests can be answered and the logs are streamed, else 503 and why.
async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, &'static str) {
    if readiness.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is going down");
    }
    if !readiness.logs.is_connected() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log is not streamed yet");
    }
    if !readiness.pg.catalog().is_loaded() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the schema is not loaded yet");
    }
    match readiness.pg.pool.get().await {
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached"),
    }
}

/// What is counted, and the keys of those who may know.
struct Watched {
    keys: Keys,
    metrics: Arc<Metrics>,
    /// As [`POOLS`] names them, as many as there are.
    pools: Vec<Pool>,
    realtime: Arc<Realtime>,
}

fn state(pool: &Pool) -> PoolState {
    let status = pool.status();
    PoolState {
        limit: status.max_size,
        open: status.size,
        in_use: status.size.saturating_sub(status.available),
        waiting: status.waiting,
    }
}

/// GET /metrics: OpenMetrics text, for `service_role` alone.
async fn measure(
    State(watched): State<Arc<Watched>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let caller = edge::identity::caller(&watched.keys, &headers, query.as_deref()).await;
    if !caller.is_ok_and(|caller| &*caller.role == SERVICE_ROLE) {
        let refusal = serde_json::json!({ "message": "metrics are for the service_role key" });
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    for (name, pool) in POOLS.into_iter().zip(&watched.pools) {
        watched.metrics.pools.set(name, state(pool));
    }
    watched.realtime.measure().await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], watched.metrics.text()).into_response()
}
