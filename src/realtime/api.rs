//! Broadcasts over HTTP, for those who have no socket, and what watches the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::channel::MAX_BROADCAST_BYTES;
use super::error::Api as Error;
use super::hub::Room;
use super::protocol::{Broadcast, MAX_NAME_BYTES};
use super::rate::Exceeded;
use super::{Realtime, TOPIC_PREFIX, store};
use crate::http::identity::{api_key, bearer};
use crate::identity::Identity;
use crate::pg;

/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 8_000_000;

/// Longest name of a channel, in bytes: the topic of a frame is longer by its prefix.
const MAX_TOPIC_BYTES: usize = MAX_NAME_BYTES - TOPIC_PREFIX.len();

const BLANK: &str = "can't be blank";
const INVALID: &str = "is invalid";

/// The routes beside the socket's.
pub fn router(realtime: Arc<Realtime>) -> Router {
    Router::new()
        .route("/ping", get(|| async { Json(json!({"message": "Success"})) }))
        .route("/tenants/{id}/health", get(health))
        .route("/broadcast", post(broadcast))
        .route("/broadcast/{topic}/events/{event}", post(broadcast_event))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(realtime)
}

/// POST /broadcast: any number of messages. Answers 202 when all are well-formed; those that the
/// caller may not send are dropped.
async fn broadcast(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let sent = async {
        let identity = caller(&realtime, &headers)?;
        let body = body(request).await?;
        let messages = read_batch(&body)?;
        realtime.rate.count(messages.len()).map_err(exceeded)?;
        let mut may_speak = HashMap::new();
        for (room, _) in messages.iter().filter(|(room, _)| room.is_private) {
            if !may_speak.contains_key(room) {
                let may = store::may_speak(&realtime.pg, &identity, name(room)).await;
                may_speak.insert(room.clone(), may.map_err(unavailable)?);
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
        let identity = caller(&realtime, &headers)?;
        let is_json = is_json(&headers)?;
        let data = body(request).await?;
        if is_json && serde_json::from_slice::<&RawValue>(&data).is_err() {
            return Err(Error::Malformed);
        }
        let mut wrong = Map::new();
        note(&mut wrong, "topic", name_fault(&topic, MAX_TOPIC_BYTES));
        note(&mut wrong, "event", name_fault(&event, MAX_NAME_BYTES));
        note(&mut wrong, "payload", size_fault(data.len()));
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong.into()));
        }
        realtime.rate.count(1).map_err(exceeded)?;
        let room = room(&topic, is_private(query.as_deref()));
        if room.is_private {
            store::try_to_speak(&realtime.pg, &identity, &topic).await.map_err(refused)?;
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
    if &*caller(&realtime, &headers)?.role != "service_role" {
        return Err(Error::Forbidden);
    }
    let is_database_there = realtime.pg.pool.get().await.is_ok();
    let is_log_streamed = realtime.feed.is_connected();
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
fn caller(realtime: &Realtime, headers: &HeaderMap) -> Result<Identity, Error> {
    let token = bearer(headers).map(str::to_owned).or_else(|| api_key(headers, None));
    realtime.verify(&token.ok_or(Error::Unauthorized)?).map_err(|_| Error::Unauthorized)
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

fn room(name: &str, is_private: bool) -> Room {
    Room { topic: format!("{TOPIC_PREFIX}{name}").into(), is_private }
}

fn name(room: &Room) -> &str {
    room.topic.strip_prefix(TOPIC_PREFIX).unwrap_or_default()
}

/// The messages of a batch, and where each is to be heard.
fn read_batch(body: &[u8]) -> Result<Vec<(Room, Broadcast)>, Error> {
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
    }
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(|_| Error::Malformed)?;
    let fault = |text| Error::Invalid(json!({"messages": [text]}));
    let messages = batch.messages.ok_or_else(|| fault(BLANK))?;
    let messages: Vec<&RawValue> =
        serde_json::from_str(messages.get()).map_err(|_| fault(INVALID))?;
    let read: Vec<_> = messages.iter().map(|message| read_message(message)).collect();
    if read.iter().all(Result::is_ok) {
        return Ok(read.into_iter().flatten().collect());
    }
    let faults: Vec<_> = read.into_iter().map(|read| read.err().unwrap_or_default()).collect();
    Err(Error::Invalid(json!({"messages": faults})))
}

/// A message of a batch; what is wrong with each of its fields.
fn read_message(message: &RawValue) -> Result<(Room, Broadcast), Map<String, Value>> {
    #[derive(Default, Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
        #[serde(borrow)]
        event: Option<&'a RawValue>,
        #[serde(borrow)]
        payload: Option<&'a RawValue>,
        #[serde(borrow)]
        private: Option<&'a RawValue>,
    }
    let message: Message<'_> = serde_json::from_str(message.get()).unwrap_or_default();
    let topic = text(message.topic, MAX_TOPIC_BYTES);
    let event = text(message.event, MAX_NAME_BYTES);
    let payload = message.payload.map_or("", RawValue::get);
    let is_private = flag(message.private);
    match (topic, event, payload_fault(payload), is_private) {
        (Ok(topic), Ok(event), None, Ok(is_private)) => {
            let data = Bytes::copy_from_slice(payload.as_bytes());
            Ok((room(&topic, is_private), Broadcast { event, is_json: true, data, id: None }))
        }
        (topic, event, payload, is_private) => {
            let mut wrong = Map::new();
            note(&mut wrong, "topic", topic.err());
            note(&mut wrong, "event", event.err());
            note(&mut wrong, "payload", payload);
            note(&mut wrong, "private", is_private.err());
            Err(wrong)
        }
    }
}

/// Writes down what is wrong with a field, if anything.
fn note(wrong: &mut Map<String, Value>, field: &str, fault: Option<String>) {
    if let Some(fault) = fault {
        wrong.insert(field.to_owned(), json!([fault]));
    }
}

fn text(value: Option<&RawValue>, most_bytes: usize) -> Result<String, String> {
    let text: String =
        serde_json::from_str(value.ok_or(BLANK)?.get()).map_err(|_| INVALID.to_owned())?;
    match name_fault(&text, most_bytes) {
        Some(fault) => Err(fault),
        None => Ok(text),
    }
}

fn flag(value: Option<&RawValue>) -> Result<bool, String> {
    match value.map(RawValue::get) {
        None | Some("false" | "\"false\"") => Ok(false),
        Some("true" | "\"true\"") => Ok(true),
        Some(_) => Err(INVALID.to_owned()),
    }
}

fn name_fault(name: &str, most_bytes: usize) -> Option<String> {
    if name.trim().is_empty() {
        return Some(BLANK.to_owned());
    }
    (name.len() > most_bytes).then(|| format!("should be at most {most_bytes} byte(s)"))
}

/// In a batch a payload is an object.
fn payload_fault(json: &str) -> Option<String> {
    match json.bytes().next() {
        None => Some(BLANK.to_owned()),
        Some(b'{') => size_fault(json.len()),
        Some(_) => Some(INVALID.to_owned()),
    }
}

fn size_fault(bytes: usize) -> Option<String> {
    (bytes > MAX_BROADCAST_BYTES).then(|| "Payload size exceeds tenant limit".to_owned())
}

fn exceeded(exceeded: Exceeded) -> Error {
    match exceeded {
        Exceeded::All => Error::Rate,
        Exceeded::Batch => Error::Batch,
    }
}

fn unavailable(error: pg::Error) -> Error {
    tracing::warn!(%error, "broadcasts could not be decided");
    Error::Unavailable
}

/// Why a policy did not let a message pass.
fn refused(error: pg::Error) -> Error {
    match error.sqlstate() {
        Some("42501") => Error::Forbidden,
        Some("57014") => Error::Canceled,
        // A row for which there is no partition breaks the table's own bounds.
        Some("23514") => Error::NoPartition,
        Some(code) => {
            tracing::info!(code, "a policy on realtime.messages failed");
            Error::Policy
        }
        None => unavailable(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &Value) -> Value {
        match read_batch(body.to_string().as_bytes()) {
            Err(Error::Invalid(faults)) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_fault_of_a_batch_is_named() {
        assert_eq!(faults(&json!({})), json!({"messages": ["can't be blank"]}));
        assert_eq!(faults(&json!({"messages": {}})), json!({"messages": ["is invalid"]}));
        let well = json!({"topic": "t", "event": "e", "payload": {}});
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        let large = "x".repeat(MAX_BROADCAST_BYTES);
        let messages = json!([
            well, {"topic": "t"}, 7,
            {"topic": 1, "event": " ", "payload": [], "private": 1},
            {"topic": long, "event": long, "payload": {"a": large}},
        ]);
        assert_eq!(
            faults(&json!({"messages": messages}))["messages"],
            json!([
                {},
                {"event": [BLANK], "payload": [BLANK]},
                {"topic": [BLANK], "event": [BLANK], "payload": [BLANK]},
                {"topic": [INVALID], "event": [BLANK], "payload": [INVALID], "private": [INVALID]},
                {"topic": ["should be at most 246 byte(s)"], "event": ["should be at most 255 byte(s)"],
                 "payload": ["Payload size exceeds tenant limit"]},
            ])
        );
    }

    #[test]
    fn payloads_pass_as_they_are() {
        let body = br#"{"messages": [{"topic": "t", "event": "e", "private": "true", "payload": {"n": 1.00}}]}"#;
        let mut batch = read_batch(body).expect("well-formed");
        let (room, said) = batch.pop().expect("a message");
        assert_eq!((&*room.topic, room.is_private), ("realtime:t", true));
        assert_eq!(&said.data[..], br#"{"n": 1.00}"#);
    }
}
