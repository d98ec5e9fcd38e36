//! GET /authorize and GET /user/identities/authorize: people leave for a provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::auth::bearer::Caller;
use crate::auth::mail::Reader;
use crate::auth::pkce::Challenge;
use crate::auth::request::Parameters;
use crate::auth::store::flow::{self, Departure};
use crate::auth::store::token::{self, Purpose};
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// Parameters that are for this server; all others are for the provider.
const OWN: [&str; 8] = [
    "provider",
    "redirect_to",
    "scopes",
    "code_challenge",
    "code_challenge_method",
    "skip_http_redirect",
    "invite_token",
    "apikey",
];

/// Longest URL that people are sent to, in bytes: browsers and servers cut longer ones.
const MAX_URL_BYTES: usize = 8 * 1024;

/// GET /authorize.
pub(in crate::auth) async fn authorize(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    reader: Reader,
) -> Result<Response, Error> {
    let url = auth.leave(&parameters, reader, None).await?;
    redirect(StatusCode::FOUND, &url)
}

/// GET /user/identities/authorize: the same, for one more identity of the caller.
pub(in crate::auth) async fn link(
    State(auth): State<Arc<Auth>>,
    Caller { user, .. }: Caller,
    parameters: Parameters,
    reader: Reader,
) -> Result<Response, Error> {
    auth.require_manual_linking()?;
    let url = auth.leave(&parameters, reader, Some(user.id)).await?;
    if parameters.get("skip_http_redirect") == Some("true") {
        return Ok(Json(json!({ "url": url })).into_response());
    }
    redirect(StatusCode::FOUND, &url)
}

/// An answer that leads on and that nobody keeps.
pub(in crate::auth) fn redirect(status: StatusCode, url: &str) -> Result<Response, Error> {
    let location = HeaderValue::from_str(url).map_err(|error| Error::Broken(Box::new(error)))?;
    let no_store = HeaderValue::from_static("no-store");
    Ok((status, [(LOCATION, location), (CACHE_CONTROL, no_store)]).into_response())
}

impl Auth {
    /// Where providers send people back to.
    pub(super) fn callback(&self) -> String {
        format!("{}/callback", self.issuer)
    }

    /// Refuses where people may not link identities by themselves.
    pub(super) fn require_manual_linking(&self) -> Result<(), Error> {
        let is_enabled = self.settings.providers.auth_manual_linking_enabled;
        if is_enabled { Ok(()) } else { Err(Error::ManualLinkingDisabled) }
    }

    /// Remembers who leaves, and says where to.
    async fn leave(
        &self,
        parameters: &Parameters,
        reader: Reader,
        target: Option<Uuid>,
    ) -> Result<String, Error> {
        let provider = self.provider(parameters.get("provider").unwrap_or_default()).await?;
        let method = parameters.get("code_challenge_method");
        let challenge = Challenge::read(parameters.get("code_challenge"), method)?;
        let invite_hash = parameters.get("invite_token").map(refresh::hash);
        let state = Uuid::new_v4();
        let scopes = parameters.get("scopes").unwrap_or_default();
        let more = parameters.iter().filter(|(name, _)| !OWN.contains(name));
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let callback = self.callback();
        let leave =
            self.providers.leave(&provider, &callback, &state.to_string(), scopes, more).await?;
        let url = String::from(leave.url);
        if url.len() > MAX_URL_BYTES {
            return Err(Error::Invalid("The parameters for the provider are too long"));
        }
        let departure = Departure {
            id: state,
            provider: provider.name.clone(),
            challenge,
            redirect_to: reader.redirect_to,
            nonce: leave.nonce,
            verifier: leave.verifier,
            target,
            invite_hash,
        };
        let work = async |tx: &Transaction| {
            if let Some(hash) = &departure.invite_hash {
                let invited = token::by_secret(tx, hash, &[Purpose::Confirmation]).await?;
                invited.filter(|token| self.is_fresh(token)).ok_or(Error::UserNotFound)?;
            }
            Ok(flow::depart(tx, &departure).await?)
        };
        self.store.transaction(work).await?;
        Ok(url)
    }
}
