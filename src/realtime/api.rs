//! Broadcasts over HTTP, for those who have no socket, what watches the server and what explains
//! it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::error::Api as Error;
use super::protocol::{Broadcast, MAX_NAME_BYTES};
use super::rate::Exceeded;
use super::store::Asker;
use super::upgrade::kept;
use super::{Realtime, batch, explain, store};
use crate::http::catch_panics;
use crate::http::identity::{api_key, bearer};
use crate::identity::Identity;

/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 8_000_000;

/// The routes beside the socket's.
pub fn router(realtime: Arc<Realtime>) -> Router {
    let router = Router::new()
        .route("/ping", get(|| async { Json(json!({"message": "Success"})) }))
        .route("/tenants/{id}/health", get(health))
        .route(
            "/explain",
            post(explain::explain).layer(DefaultBodyLimit::max(explain::MAX_BODY_BYTES)),
        )
        .route("/broadcast", post(broadcast))
        .route("/broadcast/{topic}/events/{event}", post(broadcast_event))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(realtime);
    catch_panics(router, || Error::Broken)
}

/// POST /broadcast: any number of messages. Answers 202 when all are well-formed; those that the
/// caller may not send are dropped.
async fn broadcast(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let sent = async {
        let identity = caller(&realtime, &headers).await?;
        let body = body(request).await?;
        let messages = batch::read(&body, realtime.settings.realtime_max_broadcast_bytes)?;
        realtime.rate.count(messages.len()).map_err(exceeded)?;
        let mut may_speak = HashMap::new();
        for (room, _) in messages.iter().filter(|(room, _)| room.is_private) {
            if !may_speak.contains_key(room) {
                let asker =
                    Asker { identity: &identity, headers: &kept(&headers), name: room.name() };
                let may = store::may_write(&realtime.pg, asker, "broadcast").await;
                may_speak.insert(room.clone(), may?.0);
            }
        }
        for (room, said) in &messages {
            if !room.is_private || may_speak.get(room) == Some(&true) {
                realtime.hub.say(room, said, None);
            }
        }
        Ok(())
    };
    answer(&realtime, sent.await)
}

/// POST /broadcast/:topic/events/:event: one message, whose payload is the body: any JSON, or
/// bytes. Answers 202 when it was sent.
async fn broadcast_event(
    State(realtime): State<Arc<Realtime>>,
    Path((topic, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let sent = async {
        let identity = caller(&realtime, &headers).await?;
        let is_json = is_json(&headers)?;
        let data = body(request).await?;
        if is_json && serde_json::from_slice::<&RawValue>(&data).is_err() {
            return Err(Error::Malformed);
        }
        let mut wrong = Map::new();
        batch::note(&mut wrong, "topic", batch::name_fault(&topic, batch::MAX_TOPIC_BYTES));
        batch::note(&mut wrong, "event", batch::name_fault(&event, MAX_NAME_BYTES));
        batch::note(
            &mut wrong,
            "payload",
            batch::size_fault(data.len(), realtime.settings.realtime_max_broadcast_bytes),
        );
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong.into()));
        }
        realtime.rate.count(1).map_err(exceeded)?;
        let room = batch::room(&topic, is_private(query.as_deref()));
        if room.is_private {
            let asker = Asker { identity: &identity, headers: &kept(&headers), name: &topic };
            store::try_to_write(&realtime.pg, asker, "broadcast").await?;
        }
        realtime.hub.say(&room, &Broadcast { event, is_json, data, id: None }, None);
        Ok(())
    };
    answer(&realtime, sent.await)
}

/// GET /tenants/:id/health, for the service: whether the parts that channels need are there.
/// There is one tenant, whatever its name.
async fn health(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    if &*caller(&realtime, &headers).await?.role != "service_role" {
        return Err(Error::Forbidden);
    }
    let is_database_there = realtime.pg.pool.get().await.is_ok();
    let is_log_streamed = realtime.logs.is_connected();
    Ok(Json(json!({"data": {
        "healthy": is_database_there && is_log_streamed,
        "db_connected": is_database_there,
        "replication_connected": is_log_streamed,
        "connected_cluster": realtime.open.load(Ordering::Relaxed),
        "region": null,
        "node": realtime.settings.realtime_slot,
    }})))
}

/// Who is calling: the bearer token speaks first, then the project key.
pub(super) async fn caller(realtime: &Realtime, headers: &HeaderMap) -> Result<Identity, Error> {
    let token = bearer(headers).map(str::to_owned).or_else(|| api_key(headers, None));
    let identity = realtime.verify(&token.ok_or(Error::Unauthorized)?).await;
    identity.map_err(|_| Error::Unauthorized)
}

async fn body(request: Request) -> Result<Bytes, Error> {
    Bytes::from_request(request, &()).await.map_err(|_| Error::TooLarge(MAX_BODY_BYTES))
}

/// What a body without a header is, is not asked: it is JSON.
fn is_json(headers: &HeaderMap) -> Result<bool, Error> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(true) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match kind {
        _ if kind.eq_ignore_ascii_case("application/json") => Ok(true),
        _ if kind.eq_ignore_ascii_case("application/octet-stream") => Ok(false),
        _ => Err(Error::MediaType),
    }
}

fn is_private(query: Option<&str>) -> bool {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .any(|(name, value)| name == "private" && value == "true")
}

fn exceeded(exceeded: Exceeded) -> Error {
    match exceeded {
        Exceeded::All => Error::Rate,
        Exceeded::Batch => Error::Batch,
    }
}

fn answer(realtime: &Realtime, sent: Result<(), Error>) -> Response {
    let answer = match sent {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => error.into_response(),
    };
    (realtime.rate.headers(), answer).into_response()
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status(), Json(self.body())).into_response()
    }
}
