//! /user/oauth/grants: the clients that a person let in, and taking that back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::auth::bearer::Caller;
use crate::auth::request::Parameters;
use crate::auth::store::consent;
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
) -> Result<Json<Box<RawValue>>, Error> {
    Ok(Json(consent::list(&auth.store, caller.user.id).await?))
}

/// The client's sessions end with it, at once and on every API.
pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<StatusCode, Error> {
    let client_id = parameters.get("client_id").and_then(|id| Uuid::try_parse(id).ok());
    let client_id = client_id.ok_or(Error::Invalid("client_id must be an UUID"))?;
    let work = async |tx: &Transaction| Ok(consent::revoke(tx, caller.user.id, client_id).await?);
    let was_there = auth.store.transaction(work).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::ConsentNotFound) }
}
