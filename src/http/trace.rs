//! One span a request: method, path without its query, and an id that the answer carries too.

use axum::Router;
use axum::body::Body;
use http::{HeaderName, Request};
use tower::util::MapRequestLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnFailure, DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that a request may bring.
const MAX_ID_LENGTH: usize = 128;

/// Gives each request an id unless it brings one, logs a line a response at level debug, and one
/// at level error where the server is to blame.
pub fn layers(router: Router) -> Router {
    let spans = TraceLayer::new_for_http()
        .make_span_with(request_span)
        .on_request(())
        .on_response(DefaultOnResponse::new().level(Level::DEBUG))
        .on_failure(DefaultOnFailure::new().level(Level::ERROR));
    router
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(spans)
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(MapRequestLayer::new(without_strange_id))
}

/// An id of others goes into the log: it may be no text of any size and shape.
fn without_strange_id(mut request: Request<Body>) -> Request<Body> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let is_strange = request.headers().get(REQUEST_ID).is_some_and(|id| {
        !(1..=MAX_ID_LENGTH).contains(&id.len()) || !id.as_bytes().iter().all(is_plain)
    });
    if is_strange {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// At level error, so that no filter leaves a line without it. The query string stays out: it
/// may hold keys.
fn request_span(request: &Request<Body>) -> Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::error_span!("request", id, method = %request.method(), path = request.uri().path())
}
