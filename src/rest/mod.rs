//! The REST dialect: HTTP in, one statement to Postgres, HTTP out.
//!
//! Reading order: `request` (with `query`, `payload`, `prefer`, `media`, `range`), `plan` (with
//! `keyset`), `statement`, `run` (with `lines`), `response` (with `etag`); `openapi` tells what is
//! served, `explorer` shows it to people; `error`, `token` and `sqlstate` say what goes wrong. All
//! but `run` are pure.

mod clock;
mod error;
mod etag;
mod explorer;
mod keyset;
mod lines;
mod media;
mod openapi;
mod payload;
mod plan;
mod prefer;
mod query;
mod range;
mod request;
mod response;
mod run;
mod sqlstate;
mod statement;
mod token;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use crate::config::{ErrorVerbosity, RestSettings};
use crate::http::{catch_panics, identity};
use crate::identity::{CacheCounts, Keys};
use crate::pg::{self, Pg};
use clock::Clock;
use error::Error;
use request::ApiRequest;

/// What the dialect needs. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    pg: Pg,
    /// Replaced whole when settings change; a request keeps those it began with.
    terms: Arc<ArcSwap<Terms>>,
    timeouts: Arc<AtomicU64>,
}

/// Whom the dialect serves, and how.
struct Terms {
    keys: Keys,
    settings: RestSettings,
}

/// As whom Postgres was asked and what, for logs. Goes with each answer.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The role, once it is known.
    pub role: Option<Arc<str>>,
    /// The statement, without its parameters.
    pub sql: Option<String>,
}

impl Rest {
    /// The dialect over this database.
    pub fn new(pg: Pg, keys: Keys, settings: &RestSettings) -> Self {
        let terms = Terms { keys, settings: settings.clone() };
        Self { pg, terms: Arc::new(ArcSwap::from_pointee(terms)), timeouts: Arc::default() }
    }

    /// Every path; which ones lead somewhere, the catalog knows.
    pub fn router(self) -> Router {
        let router = Router::new().route("/", any(serve)).fallback(serve).with_state(self);
        catch_panics(router, || Error::Broken.into_response(ErrorVerbosity::Verbose))
    }

    /// Answers one request, whose body may have so many bytes: the same without the layers of a
    /// router.
    pub async fn serve(&self, request: Request, max_body_bytes: usize) -> Response {
        let (http, body) = request.into_parts();
        let body = to_bytes(body, max_body_bytes).await.map_err(|_| Error::BodyTooLarge);
        let answer = AssertUnwindSafe(self.respond(http, body)).catch_unwind().await;
        answer.unwrap_or_else(|_| Error::Broken.into_response(ErrorVerbosity::Verbose))
    }

    /// Serves on other terms from now on; requests under way keep theirs.
    pub fn renew(&self, keys: Keys, settings: RestSettings) {
        self.terms.store(Arc::new(Terms { keys, settings }));
    }

    async fn respond(&self, http: Parts, body: Result<Bytes, Error>) -> Response {
        let terms = self.terms.load_full();
        let mut asked = Asked::default();
        let mut response = match answer(&self.pg, &terms, http, body, &mut asked).await {
            Ok(response) => response,
            Err(error) => {
                if let Error::Database { error: pg::Error::Busy, .. } = error {
                    self.timeouts.fetch_add(1, Ordering::Relaxed);
                }
                error.into_response(terms.settings.client_error_verbosity)
            }
        };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE
            && let Some(pause) = self.pg.next_try()
        {
            let seconds = pause.as_millis().div_ceil(1_000).max(1);
            let seconds = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(asked);
        response
    }

    /// How many requests found no connection in time.
    pub fn timeouts(&self) -> u64 {
        self.timeouts.load(Ordering::Relaxed)
    }

    /// How often verified tokens came again.
    pub fn token_counts(&self) -> CacheCounts {
        self.terms.load().keys.cache_counts()
    }
}

async fn serve(
    State(rest): State<Rest>,
    http: Parts,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    rest.respond(http, body.map_err(|_| Error::BodyTooLarge)).await
}

async fn answer(
    pg: &Pg,
    terms: &Terms,
    mut http: Parts,
    body: Result<Bytes, Error>,
    asked: &mut Asked,
) -> Result<Response, Error> {
    let Terms { keys, settings } = terms;
    let body = body?;
    let catalog = pg.catalog();
    if explorer::is_asked(&http, settings, &catalog) {
        return Ok(explorer::answer());
    }
    let mut clock = Clock::start(settings.server_timing);

    let identity = identity::caller(keys, &http.headers, http.uri.query()).await;
    let identity = identity.map_err(Error::Token)?;
    asked.role = Some(Arc::clone(&identity.role));
    clock.lap("jwt");
    let path = http.uri.path().to_owned();
    if openapi::is_asked(&http) {
        match &settings.root_spec {
            Some(function) if http.method != Method::OPTIONS => {
                http.uri = called_by_name(function)?;
            }
            _ => return openapi::answer(pg, settings, &identity, &http).await,
        }
    }
    let mut request = ApiRequest::read(&http, &body, settings)?;
    request.path = path;
    clock.lap("parse");
    let plan = plan::plan(&request, &catalog)?;
    let format = plan::negotiate(&request, &plan, &catalog, settings.plan_enabled)?;
    let statement = statement::render(&request, &plan, &format);
    clock.lap("plan");
    let answer = match statement {
        Some(statement) => {
            let estimate = statement::render_estimate(&request, &plan, &format);
            let work = run::Work {
                request: &request,
                plan: &plan,
                format: &format,
                statement: &statement,
                estimate: estimate.as_ref(),
            };
            let answer = run::run(pg, &catalog, settings, &identity, work).await;
            asked.sql = Some(statement.sql);
            answer?
        }
        None => run::Answer::default(),
    };
    clock.lap("transaction");
    let mut response = response::write(&request, &plan, &format, answer)?;
    if let Some(warning) = query::legacy::warning(&request.query) {
        error::insert(response.headers_mut(), header::WARNING, &warning);
    }
    clock.lap("response");
    clock.stamp(&mut response);
    Ok(response)
}

/// Where a function stands that tells what is served.
fn called_by_name(function: &str) -> Result<http::Uri, Error> {
    let name = function.rsplit('.').next().unwrap_or(function).trim_matches('"');
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("/rpc/{name}").parse().map_err(|_| Error::Root)
}
