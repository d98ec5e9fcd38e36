//! What each answer of the API bears, whatever it is: who serves, for which pages, which trace it
//! belongs to; and a line in the log.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::SERVER;
use http::{HeaderValue, StatusCode};

use super::access_log::Seen;
use super::{MAX_BODY_BYTES, Shared, cors};
use crate::rest::Asked;

/// The dialect's version that is spoken, and who speaks it.
const NAME: HeaderValue =
    HeaderValue::from_static(concat!("postgrest/16 walkie/", env!("CARGO_PKG_VERSION")));

/// The API with it: one handler, since each layer of a router costs a small read a hundredth.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let config = shared.config.load_full();
    let seen = Seen::of(&request);
    let trace = config
        .trace_header
        .as_ref()
        .and_then(|name| Some((name.clone(), request.headers().get(name)?.clone())));
    let mut response = match cors::allowed(request.headers(), &config.cors_origins) {
        Some(allowed) => {
            let (mut response, more) = if cors::is_preflight(request.method(), request.headers()) {
                let more = cors::preflight(request.headers());
                ((StatusCode::OK, Body::empty()).into_response(), more)
            } else {
                let response = shared.rest.serve(request, MAX_BODY_BYTES).await;
                let more = cors::exposed(response.headers());
                (response, more)
            };
            response.headers_mut().extend(allowed);
            response.headers_mut().extend(more);
            response
        }
        None => shared.rest.serve(request, MAX_BODY_BYTES).await,
    };
    if let Some((name, value)) = trace {
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().insert(SERVER, NAME);
    if config.log_level.logs(response.status()) {
        if config.logs_statements
            && let Some(sql) = response.extensions().get::<Asked>().and_then(|it| it.sql.as_deref())
        {
            tracing::info!("{sql}");
        }
        seen.log(&response);
    }
    response
}
