//! A panic while a request is answered: the others go on, and this one is told in its dialect.

use std::any::Any;

use axum::Router;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

/// Answers requests that panic with what `answer` gives. `observe` logs where it was.
pub fn catch<R: IntoResponse + 'static>(
    router: Router,
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> Router {
    let answer = move |_: Box<dyn Any + Send>| -> Response { answer().into_response() };
    router.layer(CatchPanicLayer::custom(answer))
}
