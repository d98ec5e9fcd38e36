//! /oauth/authorizations/{id}: what a client asks of somebody, as the site's page shows it, and
//! what they say to it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::redirect_uri;
use super::scope::Scopes;
use crate::auth::bearer::Caller;
use crate::auth::request::Fields;
use crate::auth::store::authorization::{self, Pending};
use crate::auth::store::consent;
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// What somebody says.
#[derive(Deserialize)]
pub(super) struct Asked {
    action: Option<String>,
}

/// What is asked; or where to go on, when the person granted as much before.
pub(super) async fn read(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        let asked = hold(tx, &id, &caller).await?;
        let former = former(tx, &asked, &caller).await?;
        if may_go_on(&asked, former.as_ref())? {
            return auth.approve(tx, &asked, &caller).await;
        }
        let client = &asked.client;
        Ok(json!({
            "authorization_id": id,
            "redirect_uri": redirect_uri::bare(&asked.redirect_uri),
            "client": {
                "id": client.id,
                "name": client.name,
                "uri": client.uri.as_deref().unwrap_or_default(),
                "logo_uri": client.logo_uri.as_deref().unwrap_or_default(),
            },
            "user": { "id": caller.user.id, "email": caller.user.facts()?.email },
            "scope": asked.scope,
        }))
    };
    auth.store.transaction(work).await.map(Json)
}

/// POST …/consent: where to go on after a yes or a no.
pub(super) async fn decide(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    Path(id): Path<String>,
    Fields(said): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    let is_yes = match said.action.as_deref() {
        Some("approve") => true,
        Some("deny") => false,
        _ => return Err(Error::Invalid("action must be approve or deny")),
    };
    let work = async |tx: &Transaction| {
        let asked = hold(tx, &id, &caller).await?;
        if is_yes { auth.approve(tx, &asked, &caller).await } else { auth.deny(tx, &asked).await }
    };
    auth.store.transaction(work).await.map(Json)
}

impl Auth {
    /// Grants what a client asks for, and gives where to go on with its code. Whoever has a second
    /// factor must have shown it: a client stays, whatever becomes of the password.
    async fn approve(
        &self,
        tx: &Transaction,
        asked: &Pending,
        caller: &Caller,
    ) -> Result<Value, Error> {
        let level = self.check_level(tx, caller.user.id, caller.session_id).await;
        level.map_err(|error| match error {
            Error::LevelToChange => Error::LevelToConsent,
            error => error,
        })?;
        let scopes = scopes(&asked.scope)?;
        let scopes = match former(tx, asked, caller).await? {
            Some(former) => former.with(&scopes),
            None => scopes,
        };
        consent::give(tx, caller.user.id, asked.client.id, &scopes.to_string()).await?;
        let code = refresh::secret();
        let seconds = self.settings.oauth_server.auth_oauth_server_code_seconds;
        let hash = refresh::hash(&code);
        authorization::approve(tx, asked.id, &hash, caller.session_id, seconds).await?;
        Ok(self.lead_on(asked, &[("code", &code)]))
    }

    async fn deny(&self, tx: &Transaction, asked: &Pending) -> Result<Value, Error> {
        authorization::deny(tx, asked.id).await?;
        let error = Error::OAuthDenied("The person denied the request");
        let (_, code, message) = error.told();
        Ok(self.lead_on(asked, &[("error", code), ("error_description", message)]))
    }

    fn lead_on(&self, asked: &Pending, told: &[(&str, &str)]) -> Value {
        let url = self.answer_client(&asked.redirect_uri, asked.state.as_deref(), told);
        json!({ "redirect_url": url })
    }
}

async fn hold(tx: &Transaction, id: &str, caller: &Caller) -> Result<Pending, Error> {
    let found = authorization::hold(tx, id, caller.user.id).await?;
    found.ok_or(Error::AuthorizationNotFound)
}

/// What the person granted this client before.
async fn former(
    tx: &Transaction,
    asked: &Pending,
    caller: &Caller,
) -> Result<Option<Scopes>, Error> {
    let kept = consent::scopes(tx, caller.user.id, asked.client.id).await?;
    Ok(kept.as_deref().and_then(Scopes::read))
}

/// Whether nothing is left to ask: as much was granted before, and it must be the same client,
/// by its secret or by where it lives. Any app of the device could else pose as it (RFC 8252, 8.6).
fn may_go_on(asked: &Pending, former: Option<&Scopes>) -> Result<bool, Error> {
    let is_proven =
        !asked.client.is_public() || redirect_uri::proves_the_client(&asked.redirect_uri);
    let scopes = scopes(&asked.scope)?;
    Ok(is_proven && former.is_some_and(|former| former.cover(&scopes)))
}

/// Scopes as they were written down.
fn scopes(text: &str) -> Result<Scopes, Error> {
    Scopes::read(text).ok_or(Error::OAuthScope("The scope of the request is not known any more"))
}
