//! Which web pages may call.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{HeaderValue, Method};
use tower::ServiceExt;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

/// How long browsers may remember the answer.
const MAX_AGE: Duration = Duration::from_secs(86_400);

/// Response headers that clients read.
const EXPOSED: [&str; 29] = [
    "content-range",
    "content-location",
    "content-profile",
    "content-type",
    "content-length",
    "location",
    "range-unit",
    "preference-applied",
    "link",
    "etag",
    "x-total-count",
    "x-supabase-api-version",
    "x-request-id",
    "walkie-place",
    "accept-ranges",
    "content-disposition",
    "last-modified",
    "retry-after",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-defer-length",
    "upload-expires",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "x-transformations",
];

/// `*`, or the listed origins with credentials.
pub fn layer(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(EXPOSED.map(http::HeaderName::from_static)))
        .max_age(MAX_AGE);
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let listed: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    layer.allow_origin(listed).allow_credentials(true)
}

/// The layer answers every OPTIONS itself; those that are no preflight belong to a dialect.
pub async fn pass_other_options(
    State(inner): State<Router>,
    request: Request,
    next: Next,
) -> Response {
    let is_preflight = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && !is_preflight {
        return inner.oneshot(request).await.into_response();
    }
    next.run(request).await
}
