//! POST /token with grant_type=id_token: apps that asked the provider themselves.

use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::account::{Entry, Person};
use super::id_token::{IdToken, Refusal};
use super::profile::Profile;
use super::provider::{Kind, Provider};
use crate::auth::bearer::Caller;
use crate::auth::mail::Reader;
use crate::auth::request::Device;
use crate::auth::session::Session;
use crate::auth::store::Proof;
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

/// What the app has from the provider.
#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    provider: Option<String>,
    id_token: Option<String>,
    access_token: Option<String>,
    nonce: Option<String>,
    client_id: Option<String>,
    issuer: Option<String>,
    pub link_identity: Option<bool>,
}

/// A session for an id_token; of the caller, who gets one more identity, if there is a caller.
pub(in crate::auth) async fn by_id_token(
    auth: &Auth,
    asked: Asked,
    caller: Option<Caller>,
    device: &Device,
    reader: &Reader,
) -> Result<Session, Error> {
    if caller.is_some() {
        auth.require_manual_linking()?;
    }
    let token = given(asked.id_token.as_deref()).ok_or_else(|| refused("id_token required"))?;
    let provider = auth.provider_of(&asked).await?;
    let verified = auth.providers.documents.verify(&provider, token).await?;
    let verified = verified.map_err(|refusal| {
        refused(match refusal {
            Refusal::Bad => "Bad ID token",
            Refusal::Audience => "Unacceptable audience in id_token",
        })
    })?;
    check_nonce(&provider, &verified, given(asked.nonce.as_deref()))?;
    if given(asked.access_token.as_deref()).is_some_and(|token| !verified.goes_with(token)) {
        return Err(refused("Bad ID token"));
    }
    let profile = Profile::of_userinfo(&verified.claims, &provider.mapping, &provider.kept_claims)
        .ok_or_else(|| refused("Missing sub claim in id_token"))?;
    let person = Person { provider: &provider, profile: &profile };
    let target = caller.map(|caller| caller.user.id);
    let work = async |tx: &Transaction| {
        let entry = match target {
            Some(target) => auth.attach(tx, target, &person, reader).await?,
            None => auth.enter(tx, &person, device, reader).await?,
        };
        let user_id = match entry {
            Entry::Open(user_id) => user_id,
            Entry::Closed(error) => return Ok(Err(error)),
        };
        let proof = Proof { method: "oauth", password_hash: None };
        let session = auth.sign_in(tx, user_id, &proof, device).await?;
        Ok(Ok(session.ok_or(Error::CallerGone)?))
    };
    match auth.store.transaction(work).await {
        Err(Error::EmailExists | Error::IdentityExists(_)) if target.is_none() => {
            auth.store.transaction(work).await?
        }
        outcome => outcome?,
    }
}

impl Auth {
    async fn provider_of(&self, asked: &Asked) -> Result<Arc<Provider>, Error> {
        let issuer = given(asked.issuer.as_deref());
        let Some(name) = given(asked.provider.as_deref()) else {
            let (Some(issuer), Some(_)) = (issuer, given(asked.client_id.as_deref())) else {
                return Err(refused("provider or client_id and issuer required"));
            };
            let unknown =
                || Error::InvalidValue(format!("Custom OIDC provider {issuer:?} not allowed"));
            return self.providers.by_issuer(issuer).ok_or_else(unknown);
        };
        let provider = self.provider(name).await.map_err(|error| match error {
            Error::InvalidValue(_) => {
                Error::ProviderDisabled(format!("Provider {name:?} is not enabled"))
            }
            error => error,
        })?;
        if matches!(provider.kind, Kind::OpenId { .. }) {
            return Ok(provider);
        }
        Err(Error::InvalidValue(format!("Custom OIDC provider {name:?} not allowed")))
    }
}

/// The token must belong to the sign-in that the app began, if it was begun with a nonce.
fn check_nonce(provider: &Provider, token: &IdToken, nonce: Option<&str>) -> Result<(), Error> {
    if provider.skips_nonce() {
        return Ok(());
    }
    match (token.text("nonce"), nonce) {
        (None, None) => Ok(()),
        (Some(_), Some(nonce)) if token.has_nonce(&hex::encode(Sha256::digest(nonce))) => Ok(()),
        (Some(_), Some(_)) => Err(Error::IdTokenNonce),
        _ => Err(refused("Passed nonce and nonce in id_token should either both exist or not.")),
    }
}

fn refused(description: &'static str) -> Error {
    Error::IdToken(description)
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
