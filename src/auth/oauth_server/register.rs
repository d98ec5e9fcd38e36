//! POST /oauth/clients/register: a client registers itself (RFC 7591), where the operator lets
//! it. It cannot change itself afterwards (RFC 7592): it registers anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::clients::{Told, add};
use super::metadata::Asked;
use crate::auth::request::Fields;
use crate::auth::store::oauth_client;
use crate::auth::{Auth, Error};
use crate::identity::unix_now;
use crate::pg::Transaction;

type Registered = (StatusCode, [(http::HeaderName, &'static str); 1], Json<Told>);

pub(super) async fn register(
    State(auth): State<Arc<Auth>>,
    asked: Result<Fields<Asked>, Error>,
) -> Result<Registered, Error> {
    if !auth.settings.oauth_server.auth_oauth_server_allow_dynamic_registration {
        return Err(Error::RegistrationDisabled);
    }
    let Fields(asked) = asked.map_err(|error| match error {
        Error::BadJson(_) => Error::OAuthMetadata("The body is no JSON object of a client"),
        error => error,
    })?;
    let said = asked.whole()?;
    let work = async |tx: &Transaction| {
        oauth_client::forget_unused(tx).await?;
        let mut told = add(tx, &said, true).await?;
        told.insert("client_id_issued_at".to_owned(), unix_now().into());
        if told.contains_key("client_secret") {
            told.insert("client_secret_expires_at".to_owned(), json!(0));
        }
        Ok(told)
    };
    let told = auth.store.transaction(work).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(told)))
}
