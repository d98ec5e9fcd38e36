//! The edge shared by all dialects. Knows no Postgres.
//!
//! Layers in the order a request meets them: `trace` (id, span, timing), limits, `cors`; then
//! each dialect asks `identity` who is calling, and catches its `panics`. The other way round,
//! `outbound` asks other servers.

mod cors;
pub mod identity;
mod outbound;
mod panics;
mod trace;

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

pub use outbound::{Outbound, OutboundError};
pub use panics::catch as catch_panics;
pub use trace::layers as trace;

use crate::config::LimitSettings;

/// Puts the shared layers around the dialects that answer requests one by one.
pub fn layers(router: Router, settings: &LimitSettings) -> Router {
    let router = router
        .layer(axum::extract::DefaultBodyLimit::max(settings.max_body_bytes))
        .layer(RequestBodyLimitLayer::new(settings.max_body_bytes))
        .layer(TimeoutLayer::with_status_code(
            http::StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(settings.request_timeout_seconds),
        ));
    open_layers(router, settings)
}

/// The same for a dialect whose bodies may be long and take long, and which bounds them itself.
pub fn open_layers(router: Router, settings: &LimitSettings) -> Router {
    let inner = router.clone();
    let router = router
        .layer(cors::layer(&settings.cors_origins))
        .layer(from_fn_with_state(inner, cors::pass_other_options));
    trace(router)
}
