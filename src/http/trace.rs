//! One span a request: method, path without its query, and an id that the answer carries too.

use axum::Router;
use axum::body::Body;
use http::{HeaderName, Request};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id unless it brings one, and logs a line a response at level debug.
pub fn layers(router: Router) -> Router {
    let spans = TraceLayer::new_for_http()
        .make_span_with(request_span)
        .on_request(())
        .on_response(DefaultOnResponse::new().level(Level::DEBUG));
    router
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(spans)
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

/// The query string stays out: it may hold keys.
fn request_span(request: &Request<Body>) -> Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}
