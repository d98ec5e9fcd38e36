//! GET and POST /callback: people come back from a provider, and are led on to the app.
//!
//! Whatever went wrong, they are led on too: the app says it better than a page of JSON.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::account::{Entry, Person};
use super::authorize::redirect;
use super::exchange::{Answer, Return};
use super::provider::Provider;
use crate::auth::link::{pairs, with_fragment, with_query};
use crate::auth::mail::Reader;
use crate::auth::pkce::Challenge;
use crate::auth::request::{Device, FieldsOrForm, Parameters};
use crate::auth::store::Proof;
use crate::auth::store::flow::{self, Arrival, Departure};
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// How long somebody may be away, in seconds: twice what a code is good for, since providers ask
/// for second factors.
const AWAY_SECONDS: f64 = 600.0;

/// Longest words of a provider that are passed on, in characters.
const MAX_WORDS: usize = 300;

/// What somebody comes back with.
#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Somebody who came back, and what the provider says of them.
struct Came {
    departure: Departure,
    provider: Arc<Provider>,
    answer: Answer,
}

/// GET /callback.
pub(in crate::auth) async fn come_back(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    device: Device,
    reader: Reader,
) -> Result<Response, Error> {
    let text = |name: &str| parameters.get(name).map(str::to_owned);
    let asked = Asked {
        state: text("state"),
        code: text("code"),
        error: text("error"),
        error_description: text("error_description"),
    };
    lead_on(&auth, asked, &device, reader).await
}

/// POST /callback: some providers let the browser post a form.
pub(in crate::auth) async fn come_back_by_form(
    State(auth): State<Arc<Auth>>,
    device: Device,
    reader: Reader,
    FieldsOrForm(asked): FieldsOrForm<Asked>,
) -> Result<Response, Error> {
    lead_on(&auth, asked, &device, reader).await
}

async fn lead_on(
    auth: &Auth,
    asked: Asked,
    device: &Device,
    reader: Reader,
) -> Result<Response, Error> {
    let departure = match auth.departure(asked.state.as_deref()).await {
        Ok(departure) => departure,
        Err(error) => {
            return redirect(StatusCode::SEE_OTHER, &told(auth.redirects.site_url(), &error));
        }
    };
    let reader = Reader { redirect_to: departure.redirect_to.clone(), ..reader };
    let url = match auth.arrive(departure, asked, device, &reader).await {
        Ok(url) => url,
        Err(error) => told(&reader.redirect_to, &error),
    };
    redirect(StatusCode::FOUND, &url)
}

impl Auth {
    /// Who left with this state; nobody comes back twice.
    async fn departure(&self, state: Option<&str>) -> Result<Departure, Error> {
        let missing = Error::BadOAuthCallback("OAuth state parameter missing");
        let state = state.filter(|state| !state.is_empty()).ok_or(missing)?;
        let unknown = || Error::BadOAuthState("OAuth state not found or expired");
        let id = Uuid::try_parse(state).map_err(|_| unknown())?;
        let take = async |tx: &Transaction| Ok(flow::return_from(tx, id).await?);
        let (departure, age_seconds) = self.store.transaction(take).await?.ok_or_else(unknown)?;
        if age_seconds > AWAY_SECONDS {
            return Err(Error::BadOAuthState("OAuth state has expired"));
        }
        Ok(departure)
    }

    /// Where the app goes on for whoever came back.
    async fn arrive(
        &self,
        departure: Departure,
        asked: Asked,
        device: &Device,
        reader: &Reader,
    ) -> Result<String, Error> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(name) = given(asked.error) {
            return Err(provider_said(&name, &asked.error_description.unwrap_or_default()));
        }
        let missing =
            Error::BadOAuthCallback("OAuth callback with missing authorization code missing");
        let code = given(asked.code).ok_or(missing)?;
        let provider = self.provider(&departure.provider).await?;
        let back = Return {
            code: &code,
            nonce: departure.nonce.as_deref(),
            verifier: departure.verifier.clone(),
        };
        let callback = self.callback();
        let answer = self.providers.answer(&provider, &callback, back).await?;
        let came = Came { departure, provider, answer };
        match self.settle(&came, device, reader).await {
            // Somebody made the same account or identity at this moment; now there is one to find.
            Err(Error::EmailExists | Error::IdentityExists(_))
                if came.departure.target.is_none() =>
            {
                self.settle(&came, device, reader).await
            }
            outcome => outcome,
        }
    }

    async fn settle(&self, came: &Came, device: &Device, reader: &Reader) -> Result<String, Error> {
        let work = async |tx: &Transaction| self.settle_in(tx, came, device, reader).await;
        self.store.transaction(work).await?
    }

    /// Where the app goes on. A refusal inside of success keeps what was written, such as the mail
    /// that confirms the address.
    async fn settle_in(
        &self,
        tx: &Transaction,
        came: &Came,
        device: &Device,
        reader: &Reader,
    ) -> Result<Result<String, Error>, Error> {
        let departure = &came.departure;
        let person = Person { provider: &came.provider, profile: &came.answer.profile };
        let entry = match (departure.target, &departure.invite_hash) {
            (Some(target), _) => self.attach(tx, target, &person, reader).await?,
            (None, Some(hash)) => self.accept(tx, hash, &person).await?,
            (None, None) => self.enter(tx, &person, device, reader).await?,
        };
        let user_id = match entry {
            Entry::Open(user_id) => user_id,
            Entry::Closed(error) => return Ok(Err(error)),
        };
        let to = &reader.redirect_to;
        if let Some(challenge) = &departure.challenge {
            let code = self.leave_code(tx, user_id, came, challenge).await?;
            return Ok(Ok(with_query(to, &[("code", &code)])));
        }
        let tokens = (came.answer.token.clone(), came.answer.refresh_token.clone());
        let proof = Proof { method: "oauth", password_hash: None };
        let session = self.sign_in(tx, user_id, &proof, device).await?;
        let session = session.ok_or(Error::CallerGone)?;
        let session = session.with_provider_tokens(Some(tokens.0), tokens.1);
        Ok(Ok(with_fragment(to, &session.fragment(None))))
    }

    /// A code for the client that began, beside the provider's tokens, which are sealed.
    async fn leave_code(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        came: &Came,
        challenge: &Challenge,
    ) -> Result<String, Error> {
        let code = Uuid::new_v4().to_string();
        let code_hash = refresh::hash(&code);
        let refresh_token = match &came.answer.refresh_token {
            Some(token) => Some(self.seal.seal(&code_hash, token)?),
            None => None,
        };
        let arrival = Arrival {
            user_id,
            provider: &came.departure.provider,
            challenge,
            code_hash: &code_hash,
            token: self.seal.seal(&code_hash, &came.answer.token)?,
            refresh_token,
        };
        flow::arrive(tx, &arrival).await?;
        Ok(code)
    }
}

/// A refusal in the words of the provider, as far as those are fit for a URL.
fn provider_said(name: &str, description: &str) -> Error {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "_-.".contains(*letter);
    Error::ProviderSaid {
        name: name.chars().filter(is_plain).take(MAX_WORDS).collect(),
        description: description
            .chars()
            .filter(|letter| !letter.is_control())
            .take(MAX_WORDS)
            .collect(),
    }
}

/// The app's URL with what went wrong, in both places where clients look.
pub(in crate::auth) fn told(url: &str, error: &Error) -> String {
    error.log();
    let (status, code, message) = error.told();
    let name = match (error, status) {
        (Error::ProviderSaid { name, .. }, _) => name,
        (Error::SignupDisabled | Error::CallerBanned, _) | (_, StatusCode::FORBIDDEN) => {
            "access_denied"
        }
        (_, StatusCode::BAD_REQUEST) => "invalid_request",
        (_, StatusCode::UNAUTHORIZED) => "unauthorized_client",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "temporarily_unavailable",
        _ => "server_error",
    };
    let said = [("error", name), ("error_code", code), ("error_description", message)];
    let said: Vec<_> = said.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    with_fragment(&with_query(url, &said), &pairs(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_in_query_and_fragment() {
        assert_eq!(
            told("https://app.example/?a=1", &Error::BadOAuthState("gone")),
            "https://app.example/?a=1&error=invalid_request&error_code=bad_oauth_state\
             &error_description=gone#error=invalid_request&error_code=bad_oauth_state\
             &error_description=gone&sb="
        );
        let said = provider_said("access_denied\r\n", "No\u{0} way");
        assert_eq!(
            told("https://app.example", &said),
            "https://app.example?error=access_denied&error_description=No+way\
             #error=access_denied&error_description=No+way&sb="
        );
    }
}
