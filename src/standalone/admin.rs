//! The admin server: whether the API lives and is ready, what it counts, what it knows of the
//! schema. For those who run it; no token is asked for.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use deadpool_postgres::{PoolError, TimeoutType, Timeouts};
use http::{StatusCode, header};
use tokio::time::timeout;

use super::Shared;
use crate::pg::Pg;

/// How long a probe waits for what it asks.
const PATIENCE: Duration = Duration::from_secs(1);

/// Its routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/schema_cache", get(show_schema_cache))
        .with_state(shared)
}

/// 200 while the API takes connections, else 500.
async fn live(State(shared): State<Arc<Shared>>) -> StatusCode {
    if lives(&shared).await { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

/// 200 while requests can be answered, 503 while they cannot, 500 while nobody could ask.
async fn ready(State(shared): State<Arc<Shared>>) -> StatusCode {
    if !lives(&shared).await {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let is_ready = shared.pg.catalog().is_loaded()
        && shared.pg.next_try().is_none()
        && reaches_database(&shared.pg).await;
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn lives(shared: &Shared) -> bool {
    timeout(PATIENCE, shared.server.answers()).await.unwrap_or(false)
}

/// A pool whose connections are all in use reaches the database too.
async fn reaches_database(pg: &Pg) -> bool {
    let limits = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: None };
    match pg.pool.timeout_get(&limits).await {
        Ok(_) | Err(PoolError::Timeout(TimeoutType::Wait)) => true,
        Err(_) => false,
    }
}

async fn show_schema_cache(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let kind = "application/json; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], schema_cache(&shared.pg))
}

/// What is known of the schema, as JSON.
pub fn schema_cache(pg: &Pg) -> String {
    pg.catalog().dump().to_string()
}

/// What is counted, in Prometheus' text format.
async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let loads = &shared.loads;
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let last = Duration::from_micros(count(&loads.last_micros)).as_secs_f64();
    let pool = shared.pg.pool.status();
    let tokens = shared.rest.token_counts();
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, meaning: &str, samples: &[(&str, String)]| {
        let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    put(
        "pgrst_schema_cache_query_time_seconds",
        "gauge",
        "The query time in seconds of the last schema cache load",
        &[("", last.to_string())],
    );
    put(
        "pgrst_schema_cache_loads_total",
        "counter",
        "The total number of times the schema cache was loaded",
        &[
            ("{status=\"SUCCESS\"}", count(&loads.succeeded).to_string()),
            ("{status=\"FAIL\"}", count(&loads.failed).to_string()),
        ],
    );
    let one = |value: String| [("", value)];
    for (name, kind, meaning, value) in [
        (
            "pgrst_db_pool_timeouts_total",
            "counter",
            "The total number of pool connection timeouts",
            shared.rest.timeouts(),
        ),
        (
            "pgrst_db_pool_available",
            "gauge",
            "Available connections in the pool",
            pool.available as u64,
        ),
        (
            "pgrst_db_pool_waiting",
            "gauge",
            "Requests waiting to acquire a pool connection",
            pool.waiting as u64,
        ),
        ("pgrst_db_pool_max", "gauge", "Max pool connections", pool.max_size as u64),
        (
            "pgrst_jwt_cache_requests_total",
            "counter",
            "The total number of JWT cache lookups",
            tokens.requests,
        ),
        (
            "pgrst_jwt_cache_hits_total",
            "counter",
            "The total number of JWT cache hits",
            tokens.hits,
        ),
        (
            "pgrst_jwt_cache_evictions_total",
            "counter",
            "The total number of JWT cache evictions",
            tokens.evictions,
        ),
    ] {
        put(name, kind, meaning, &one(value.to_string()));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
