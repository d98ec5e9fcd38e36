//! GET /oauth/authorize: a client sends somebody here to ask them for a grant, and they are led on
//! to the page of the site that asks.
//!
//! Until the client and where it wants people back are proven, what is wrong is told here and now;
//! afterwards it is told to the client, as OAuth has it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use url::Url;
use uuid::Uuid;

use super::redirect_uri;
use super::scope::{Scope, Scopes};
use crate::auth::link::with_query;
use crate::auth::oauth::redirect;
use crate::auth::pkce::Challenge;
use crate::auth::request::Parameters;
use crate::auth::store::authorization::{self, NewAuthorization};
use crate::auth::store::oauth_client::{self, Client};
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// Longest `state`, `nonce` and `resource`, in bytes.
const MAX_STATE_BYTES: usize = 2048;
const MAX_NONCE_BYTES: usize = 255;
const MAX_RESOURCE_BYTES: usize = 2048;

/// What is read of a request: none of it may be said twice.
const KNOWN: [&str; 11] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "resource",
    "prompt",
    "code_challenge",
    "code_challenge_method",
];

pub(super) async fn authorize(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<Response, Error> {
    let asked = Asked(&parameters);
    let client_id = asked.once("client_id")?.ok_or(Error::Invalid("client_id is required"))?;
    let to = asked.once("redirect_uri")?.ok_or(Error::Invalid("redirect_uri is required"))?;
    let client_id = Uuid::try_parse(client_id).map_err(|_| Error::ClientNotFound)?;
    let work = async |tx: &Transaction| {
        let client = oauth_client::find(tx, client_id).await?.ok_or(Error::ClientNotFound)?;
        if !client.redirect_uris.iter().any(|registered| redirect_uri::matches(registered, to)) {
            return Err(Error::Invalid("redirect_uri is none that the client was registered with"));
        }
        let page = auth.begin_authorization(tx, &asked, &client, to).await;
        // Whatever the request lacks is told to the client; what we lack is told here.
        match page {
            Err(error) if error.told().0.is_client_error() => Ok(auth.answer_client(
                to,
                asked.state(),
                &[("error", error.told().1), ("error_description", error.told().2)],
            )),
            page => page,
        }
    };
    redirect(StatusCode::FOUND, &auth.store.transaction(work).await?)
}

/// The parameters of a request.
struct Asked<'a>(&'a Parameters);

impl<'a> Asked<'a> {
    /// A parameter, which must not be said twice.
    fn once(&self, name: &str) -> Result<Option<&'a str>, Error> {
        if self.0.iter().filter(|(given, _)| *given == name).count() > 1 {
            return Err(Error::OAuthRequest("A parameter is given twice"));
        }
        Ok(self.0.get(name))
    }

    /// As above, of bounded length.
    fn bounded(&self, name: &str, most: usize) -> Result<Option<&'a str>, Error> {
        let text = self.once(name)?;
        if text.is_some_and(|text| text.len() > most || text.contains('\0')) {
            return Err(Error::OAuthRequest("A parameter is too long or no text"));
        }
        Ok(text)
    }

    /// What the client wants to hear again, whatever comes of it.
    fn state(&self) -> Option<&'a str> {
        self.bounded("state", MAX_STATE_BYTES).ok().flatten()
    }
}

impl Auth {
    /// Remembers what a client asks for, and gives the page that asks the person.
    async fn begin_authorization(
        &self,
        tx: &Transaction,
        asked: &Asked<'_>,
        client: &Client,
        redirect_uri: &str,
    ) -> Result<String, Error> {
        for name in KNOWN {
            asked.once(name)?;
        }
        let state = asked.bounded("state", MAX_STATE_BYTES)?;
        match asked.once("response_type")? {
            Some("code") => {}
            None => return Err(Error::OAuthRequest("response_type is required")),
            Some(_) => return Err(Error::OAuthResponseType("response_type must be code")),
        }
        if asked.once("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(Error::OAuthRequest("response_mode must be query"));
        }
        let challenge = challenge(asked)?;
        let scopes = self.scopes(asked.once("scope")?, client)?;
        let resource = asked.bounded("resource", MAX_RESOURCE_BYTES)?;
        if !resource.is_none_or(is_resource) {
            return Err(Error::OAuthTarget("resource must be an absolute URI without fragment"));
        }
        if asked.once("prompt")? == Some("none") {
            return Err(Error::OAuthInteraction("Only the site knows who is signed in"));
        }
        let id = refresh::secret();
        let new = NewAuthorization {
            id: &id,
            client_id: client.id,
            redirect_uri,
            scope: &scopes.to_string(),
            state,
            resource,
            nonce: asked.bounded("nonce", MAX_NONCE_BYTES)?,
            challenge: &challenge.value,
            lasts_seconds: self.settings.oauth_server.auth_oauth_server_code_seconds,
        };
        authorization::begin(tx, &new).await?;
        let site = self.redirects.site_url().trim_end_matches('/');
        let path = &self.settings.oauth_server.auth_oauth_server_authorization_path;
        Ok(with_query(&format!("{site}{path}"), &[("authorization_id", &id)]))
    }

    /// What a request asks for, if this client may and this server can.
    fn scopes(&self, text: Option<&str>, client: &Client) -> Result<Scopes, Error> {
        let unknown = Error::OAuthScope("scope can only hold openid, profile, email and phone");
        let scopes = Scopes::asked(text).ok_or(unknown)?;
        let may = client.scope.as_deref().and_then(Scopes::read);
        if may.is_some_and(|may| !may.cover(&scopes)) {
            return Err(Error::OAuthScope("The client was not registered for this scope"));
        }
        if scopes.has(Scope::OpenId) && self.keys.public_algorithm().is_none() {
            return Err(Error::OAuthScope(
                "openid needs a signing key with a public half, which this server has not",
            ));
        }
        Ok(scopes)
    }

    /// Where a client wants people back, with what it is told and by whom.
    pub(super) fn answer_client(
        &self,
        redirect_uri: &str,
        state: Option<&str>,
        told: &[(&str, &str)],
    ) -> String {
        let state = state.map(|state| ("state", state));
        let told = told.iter().copied().chain(state).chain([("iss", self.issuer.as_str())]);
        with_query(redirect_uri, &told.collect::<Vec<_>>())
    }
}

fn challenge(asked: &Asked<'_>) -> Result<Challenge, Error> {
    let (value, method) = (asked.once("code_challenge")?, asked.once("code_challenge_method")?);
    if method != Some("S256") {
        return Err(Error::OAuthRequest("code_challenge_method must be S256"));
    }
    let challenge = Challenge::read(value, method).map_err(|error| match error {
        Error::Invalid(why) => Error::OAuthRequest(why),
        error => error,
    })?;
    challenge.ok_or(Error::OAuthRequest("code_challenge is required"))
}

fn is_resource(text: &str) -> bool {
    !text.contains('#') && Url::parse(text).is_ok()
}
