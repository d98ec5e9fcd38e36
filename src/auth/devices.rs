//! /user/sessions: where the person is signed in, and signing one of those devices out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::bearer::Caller;
use super::{Auth, Error, store};
use crate::pg::Transaction;

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    Caller { user, session_id }: Caller,
) -> Result<Json<Box<RawValue>>, Error> {
    let work = async |tx: &Transaction| Ok(store::sessions_of(tx, user.id, session_id).await?);
    auth.store.transaction(work).await.map(Json)
}

pub(super) async fn end(
    State(auth): State<Arc<Auth>>,
    Caller { user, .. }: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Error> {
    let session = Uuid::try_parse(&session).map_err(|_| Error::SessionIdNotUuid)?;
    let work = async |tx: &Transaction| Ok(store::end_session(tx, user.id, session).await?);
    let was_there = auth.store.transaction(work).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::SessionUnknown) }
}
