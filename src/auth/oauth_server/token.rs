//! POST /oauth/token: what a client gets for a code, and again for a refresh token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};

use super::claims::IdToken;
use super::credentials::Credentials;
use super::scope::{Scope, Scopes};
use crate::auth::pkce::Challenge;
use crate::auth::request::{Device, FieldsOrForm};
use crate::auth::session::Tokens;
use crate::auth::store::authorization::{self, Granted};
use crate::auth::store::oauth_client::Client;
use crate::auth::store::{self, Ending, Grant, Proof};
use crate::auth::token::by_refresh_token;
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// As claim `amr` names a grant.
const METHOD: &str = "oauth_provider/authorization_code";

/// Lengths of a verifier that RFC 7636 allows.
const VERIFIER_BYTES: std::ops::RangeInclusive<usize> = 43..=128;

#[derive(Deserialize)]
pub(super) struct Asked {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    resource: Option<String>,
}

/// What a client gets.
#[derive(Serialize)]
struct Given {
    #[serde(flatten)]
    tokens: Tokens,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

pub(super) async fn grant(
    State(auth): State<Arc<Auth>>,
    device: Device,
    headers: HeaderMap,
    asked: Result<FieldsOrForm<Asked>, Error>,
) -> Result<impl IntoResponse, Error> {
    let FieldsOrForm(asked) = asked.map_err(in_words_of_oauth)?;
    let (id, secret) = (asked.client_id.as_deref(), asked.client_secret.as_deref());
    let shown = Credentials::read(&headers, id, secret)?;
    let given = match asked.grant_type.as_deref() {
        Some("authorization_code") => auth.by_code(&shown, &asked, &device).await,
        Some("refresh_token") => auth.by_refresh_token(&shown, asked, &device).await,
        None => Err(Error::OAuthRequest("grant_type is required")),
        Some(_) => {
            Err(Error::OAuthGrantType("grant_type must be authorization_code or refresh_token"))
        }
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(given.map_err(in_words_of_oauth)?)))
}

impl Auth {
    async fn by_code(
        &self,
        shown: &Credentials,
        asked: &Asked,
        device: &Device,
    ) -> Result<Given, Error> {
        let given = |text: &Option<String>, why| {
            text.clone().filter(|text| !text.is_empty()).ok_or(Error::OAuthRequest(why))
        };
        let code = given(&asked.code, "code is required")?;
        let redirect_uri = given(&asked.redirect_uri, "redirect_uri is required")?;
        let verifier = given(&asked.code_verifier, "code_verifier is required")?;
        let code_hash = refresh::hash(&code);
        let work = async |tx: &Transaction| {
            let client = shown.client(tx).await?;
            let granted = authorization::by_code(tx, &code_hash, client.id).await?;
            let granted = granted.ok_or(Error::InvalidGrant("The code is not known"))?;
            if granted.is_used {
                // Somebody has the code who should not: nobody keeps what it gave.
                if let Some(session) = granted.session_id {
                    let which = Ending::One(Some(session));
                    store::end_sessions(tx, granted.user_id, which).await?;
                }
                return Ok(None);
            }
            granted.check(&redirect_uri, &verifier, asked.resource.as_deref())?;
            self.give(tx, &client, granted, device).await.map(Some)
        };
        // The end of the session must be kept although the request fails, hence `Option`.
        let given = self.store.transaction(work).await?;
        given.ok_or(Error::InvalidGrant("The code was used before"))
    }

    /// A session in which the client acts for the person.
    async fn give(
        &self,
        tx: &Transaction,
        client: &Client,
        granted: Granted,
        device: &Device,
    ) -> Result<Given, Error> {
        let gone = || Error::InvalidGrant("The person has no account any more");
        let user = store::find(tx, granted.user_id).await?.ok_or_else(gone)?;
        if user.is_banned {
            return Err(Error::UserBanned);
        }
        let proof = Proof { method: METHOD, password_hash: None };
        let grant = Grant { client_id: client.id, scopes: granted.scope };
        let made = self.new_session(tx, user.id, &proof, device, Some(&grant), None).await?;
        let (session_id, session) = made.ok_or_else(gone)?;
        authorization::spend(tx, granted.id, session_id).await?;
        let scopes = Scopes::read(&grant.scopes).ok_or_else(unknown_scope)?;
        let tokens = session.tokens(client.may("refresh_token"));
        let id_token = if scopes.has(Scope::OpenId) {
            let facts = IdToken {
                user: &user,
                client_id: client.id,
                scopes: &scopes,
                nonce: granted.nonce.as_deref(),
                authenticated_at: granted.authenticated_at,
                access_token: &tokens.access_token,
            };
            Some(self.id_token(&facts)?)
        } else {
            None
        };
        Ok(Given { tokens, scope: grant.scopes, id_token })
    }

    async fn by_refresh_token(
        &self,
        shown: &Credentials,
        asked: Asked,
        device: &Device,
    ) -> Result<Given, Error> {
        let work = async |tx: &Transaction| shown.client(tx).await;
        let client = self.store.transaction(work).await?;
        if !client.may("refresh_token") {
            return Err(Error::OAuthClientMayNot("The client was not registered to refresh"));
        }
        let session = by_refresh_token(self, asked.refresh_token, device, Some(client.id)).await?;
        let scope = session.scopes().unwrap_or_default().to_owned();
        Ok(Given { tokens: session.tokens(true), scope, id_token: None })
    }
}

impl Granted {
    /// Whether this is the client that asked, going back where it said, in time.
    fn check(
        &self,
        redirect_uri: &str,
        verifier: &str,
        resource: Option<&str>,
    ) -> Result<(), Error> {
        let challenge = Challenge { value: self.challenge.clone(), method: "s256" };
        if self.is_over {
            return Err(Error::InvalidGrant("The code has expired"));
        }
        if self.redirect_uri != redirect_uri {
            return Err(Error::InvalidGrant("redirect_uri is not that of the request"));
        }
        if !VERIFIER_BYTES.contains(&verifier.len()) || !challenge.is_met_by(verifier) {
            return Err(Error::InvalidGrant("code_verifier does not meet the challenge"));
        }
        let is_other = |named| self.resource.as_deref() != Some(named);
        if resource.filter(|named| !named.is_empty()).is_some_and(is_other) {
            return Err(Error::OAuthTarget("resource is not that of the request"));
        }
        Ok(())
    }
}

fn unknown_scope() -> Error {
    Error::OAuthScope("The scope of the request is not known any more")
}

/// What this dialect refuses in its own words, in those of OAuth.
fn in_words_of_oauth(error: Error) -> Error {
    match error {
        Error::BadJson(_) => Error::OAuthRequest("The body is no form and no JSON object"),
        Error::RefreshTokenMissing => Error::OAuthRequest("refresh_token is required"),
        Error::RefreshTokenUnknown | Error::Invalid(_) => {
            Error::InvalidGrant("The refresh token is not known")
        }
        Error::RefreshTokenUsed => Error::InvalidGrant("The refresh token was used before"),
        Error::SessionExpired => Error::InvalidGrant("The session has ended"),
        Error::UserBanned => Error::InvalidGrant("The person is banned"),
        error => error,
    }
}
