//! What each answer of the API bears, whatever it is: who serves, for which pages, which trace it
//! belongs to; and a line in the log.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::SERVER;
use http::{HeaderValue, StatusCode};

use super::access_log::Seen;
use super::{Shared, cors};
use crate::rest::Asked;

/// The dialect's version that is spoken, and who speaks it.
const NAME: HeaderValue =
    HeaderValue::from_static(concat!("postgrest/16 walkie/", env!("CARGO_PKG_VERSION")));

/// Puts it around the API.
pub fn around(api: Router, shared: Arc<Shared>) -> Router {
    api.layer(from_fn_with_state(shared, dress))
}

async fn dress(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
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
                let response = next.run(request).await;
                let more = cors::exposed(response.headers());
                (response, more)
            };
            response.headers_mut().extend(allowed);
            response.headers_mut().extend(more);
            response
        }
        None => next.run(request).await,
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
