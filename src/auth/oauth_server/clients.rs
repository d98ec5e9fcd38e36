//! /admin/oauth/clients: clients in the hands of whoever runs the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::metadata::{Asked, Metadata};
use crate::auth::bearer::Admin;
use crate::auth::page::Page;
use crate::auth::request::{Fields, Parameters};
use crate::auth::signup::AUTHENTICATED;
use crate::auth::store::oauth_client;
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// A client that was just given its secret, which is told this once.
pub(super) type Told = Map<String, Value>;

#[derive(Serialize)]
struct Clients {
    clients: Box<RawValue>,
    aud: &'static str,
}

/// The client a path names.
pub(in crate::auth) struct ClientId(Uuid);

impl FromRequestParts<Arc<Auth>> for ClientId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, auth).await;
        let id = id.map_err(|_| Error::NotFoundInvalid("client_id must be an UUID"))?;
        Ok(Self(id.0))
    }
}

pub(super) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    let page = Page::read(&parameters)?;
    let found = oauth_client::list(&auth.store, page).await?;
    let headers = page.headers("/admin/oauth/clients", &[], found.total);
    Ok((headers, Json(Clients { clients: found.documents, aud: AUTHENTICATED })))
}

pub(super) async fn read(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ClientId(id): ClientId,
) -> Result<Json<Box<RawValue>>, Error> {
    auth.store.transaction(async |tx: &Transaction| document(tx, id).await).await.map(Json)
}

pub(super) async fn create(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Fields(asked): Fields<Asked>,
) -> Result<(StatusCode, Json<Told>), Error> {
    let said = asked.whole().map_err(plainly)?;
    let work = async |tx: &Transaction| add(tx, &said, false).await;
    Ok((StatusCode::CREATED, Json(auth.store.transaction(work).await?)))
}

pub(super) async fn change(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ClientId(id): ClientId,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    let said = asked.partial().map_err(plainly)?;
    let work = async |tx: &Transaction| {
        let client = oauth_client::find(tx, id).await?.ok_or(Error::ClientNotFound)?;
        if said.auth_method.is_some() && said.is_public() != client.is_public() {
            return Err(Error::Invalid(
                "token_endpoint_auth_method does not fit the client, which is public or \
                 confidential for good",
            ));
        }
        oauth_client::change(tx, id, &said).await?;
        document(tx, id).await
    };
    auth.store.transaction(work).await.map(Json)
}

pub(super) async fn delete(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ClientId(id): ClientId,
) -> Result<StatusCode, Error> {
    let work = async |tx: &Transaction| Ok(oauth_client::remove(tx, id).await?);
    let was_there = auth.store.transaction(work).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::ClientNotFound) }
}

pub(super) async fn regenerate_secret(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ClientId(id): ClientId,
) -> Result<Json<Told>, Error> {
    let work = async |tx: &Transaction| {
        let client = oauth_client::find(tx, id).await?.ok_or(Error::ClientNotFound)?;
        if client.is_public() {
            return Err(Error::Invalid("A public client has no secret"));
        }
        let secret = refresh::secret();
        oauth_client::set_secret(tx, id, &refresh::hash(&secret)).await?;
        told(tx, id, Some(secret)).await
    };
    auth.store.transaction(work).await.map(Json)
}

/// Adds a client, and gives it with its secret, if it can keep one.
pub(super) async fn add(
    tx: &Transaction,
    said: &Metadata,
    is_dynamic: bool,
) -> Result<Told, Error> {
    let secret = (!said.is_public()).then(refresh::secret);
    let hash = secret.as_deref().map(refresh::hash);
    let id = oauth_client::add(tx, said, is_dynamic, hash.as_deref()).await?;
    told(tx, id, secret).await
}

async fn told(tx: &Transaction, id: Uuid, secret: Option<String>) -> Result<Told, Error> {
    let document = document(tx, id).await?;
    let mut told: Told =
        serde_json::from_str(document.get()).map_err(|error| Error::Broken(Box::new(error)))?;
    told.extend(secret.map(|secret| ("client_secret".to_owned(), secret.into())));
    Ok(told)
}

async fn document(tx: &Transaction, id: Uuid) -> Result<Box<RawValue>, Error> {
    oauth_client::document(tx, id).await?.ok_or(Error::ClientNotFound)
}

/// What is wrong with a client, as administrators are told it.
fn plainly(error: Error) -> Error {
    match error {
        Error::OAuthMetadata(why) | Error::OAuthRedirectUri(why) => Error::Invalid(why),
        error => error,
    }
}
