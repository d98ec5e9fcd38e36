//! /admin/users/{id}/factors: the second factors of others, for whoever runs the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::request::Parts;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::level::documents;
use super::prover::friendly_name;
use crate::auth::admin::UserId;
use crate::auth::bearer::Admin;
use crate::auth::mail::{Letter, Reader};
use crate::auth::request::Fields;
use crate::auth::store::factor::{self, Factor};
use crate::auth::store::{self, User};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    friendly_name: Option<String>,
}

/// The account and the factor that a path names.
pub(in crate::auth) struct Ids {
    user: Uuid,
    factor: Uuid,
}

impl FromRequestParts<Arc<Auth>> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let ids = Path::<(String, String)>::from_request_parts(parts, auth).await;
        let Path((user, factor)) = ids.map_err(|_| Error::NoSuchPath)?;
        Ok(Self {
            user: Uuid::try_parse(&user).map_err(|_| Error::IdNotUuid)?,
            factor: Uuid::try_parse(&factor).map_err(|_| Error::FactorIdNotUuid)?,
        })
    }
}

pub(in crate::auth) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    UserId(user_id): UserId,
) -> Result<Json<Vec<Box<RawValue>>>, Error> {
    let work = async |tx: &Transaction| {
        store::find(tx, user_id).await?.ok_or(Error::UserNotFound)?;
        Ok(Json(documents(factor::factors(tx, user_id).await?)))
    };
    auth.store.transaction(work).await
}

pub(in crate::auth) async fn change(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ids: Ids,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    let name = asked.friendly_name.map(|name| friendly_name(Some(name))).transpose()?;
    let work = async |tx: &Transaction| {
        find(tx, &ids).await?;
        factor::change_factor(tx, ids.factor, name.as_deref()).await?;
        let (_, changed) = find(tx, &ids).await?;
        Ok(Json(changed.document))
    };
    auth.store.transaction(work).await
}

pub(in crate::auth) async fn remove(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ids: Ids,
    reader: Reader,
) -> Result<Json<Box<RawValue>>, Error> {
    let work = async |tx: &Transaction| {
        let (user, found) = find(tx, &ids).await?;
        factor::remove_factor(tx, ids.factor).await?;
        if found.is_verified {
            let letter = Letter::FactorUnenrolled;
            auth.tell_of_factor(tx, &user, letter, found.kind, &reader).await?;
        }
        Ok(Json(found.document))
    };
    auth.store.transaction(work).await
}

/// The factor and its person, locked.
async fn find(tx: &Transaction, ids: &Ids) -> Result<(User, Factor), Error> {
    factor::lock_person(tx, ids.user).await?;
    let user = store::find(tx, ids.user).await?.ok_or(Error::UserNotFound)?;
    let found = factor::factor_of(tx, ids.user, ids.factor).await?;
    Ok((user, found.ok_or(Error::FactorNotFound)?))
}
