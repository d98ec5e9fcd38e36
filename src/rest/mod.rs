//! The REST dialect: HTTP in, one statement to Postgres, HTTP out.
//!
//! Reading order: `request` (with `query`, `payload`, `prefer`, `media`, `range`), `plan`,
//! `statement`, `run`, `response`; `error` and `sqlstate` say what goes wrong. All but `run` are
//! pure.

mod clock;
mod error;
mod media;
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

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use axum::routing::any;
use http::header;
use http::request::Parts;

use crate::config::RestSettings;
use crate::http::{catch_panics, identity};
use crate::identity::Keys;
use crate::pg::Pg;
use clock::Clock;
use error::Error;
use request::ApiRequest;

/// What the dialect needs. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    pg: Pg,
    keys: Arc<Keys>,
    settings: Arc<RestSettings>,
}

impl Rest {
    /// The dialect over this database.
    pub fn new(pg: Pg, keys: Keys, settings: &RestSettings) -> Self {
        Self { pg, keys: Arc::new(keys), settings: Arc::new(settings.clone()) }
    }

    /// Every path; which ones lead somewhere, the catalog knows.
    pub fn router(self) -> Router {
        let verbosity = self.settings.client_error_verbosity;
        let router = Router::new().route("/", any(serve)).fallback(serve).with_state(self);
        catch_panics(router, move || Error::Broken.into_response(verbosity))
    }
}

async fn serve(
    State(rest): State<Rest>,
    http: Parts,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let verbosity = rest.settings.client_error_verbosity;
    answer(&rest, &http, body).await.unwrap_or_else(|error| error.into_response(verbosity))
}

async fn answer(
    rest: &Rest,
    http: &Parts,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let body = body.map_err(|_| Error::BodyTooLarge)?;
    let catalog = rest.pg.catalog();
    let mut clock = Clock::start();

    let identity =
        identity::caller(&rest.keys, &http.headers, http.uri.query()).map_err(Error::Token)?;
    clock.lap("jwt");
    let request = ApiRequest::read(http, &body, &rest.settings)?;
    clock.lap("parse");
    let plan = plan::plan(&request, &catalog)?;
    let format = plan::negotiate(&request, &plan, &catalog, rest.settings.plan_enabled)?;
    let statement = statement::render(&request, &plan, &format);
    clock.lap("plan");
    let answer = match &statement {
        Some(statement) => {
            let estimate = statement::render_estimate(&request, &plan, &format);
            let work = run::Work {
                request: &request,
                plan: &plan,
                format: &format,
                statement,
                estimate: estimate.as_ref(),
            };
            run::run(&rest.pg, &catalog, &rest.settings, &identity, work).await?
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
