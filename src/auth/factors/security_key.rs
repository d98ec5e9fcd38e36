//! Security keys, and whatever else a browser offers, as a second factor (WebAuthn).
//!
//! A factor's first answer makes its key; all later ones use it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{
    PublicKeyCredential, RegisterPublicKeyCredential, SecurityKey, SecurityKeyAuthentication,
    SecurityKeyRegistration, WebauthnError,
};

use super::prover::Prover;
use crate::auth::store::factor::{Challenge, Factor};
use crate::auth::webauthn::RelyingParty;
use crate::auth::{Auth, Error};

/// For which domain a key is asked, and by which pages, as clients say.
#[derive(Deserialize)]
pub(super) struct Party {
    #[serde(rename = "rpId")]
    rp_id: Option<String>,
    #[serde(rename = "rpOrigins", default)]
    rp_origins: Vec<Url>,
}

/// What a browser answers.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    credential_response: Value,
}

/// What is remembered of a question until it is answered.
#[derive(Serialize, Deserialize)]
struct Ceremony {
    rp_id: String,
    origins: Vec<Url>,
    step: Step,
}

#[derive(Serialize, Deserialize)]
enum Step {
    Create(SecurityKeyRegistration),
    Request(SecurityKeyAuthentication),
}

/// A key, and the domain that it belongs to.
#[derive(Serialize, Deserialize)]
struct Kept {
    rp_id: String,
    key: SecurityKey,
}

impl Auth {
    /// What the browser is asked, and what is to be remembered.
    pub(super) fn ask_key(
        &self,
        prover: &Prover,
        found: &Factor,
        asked: Option<&Party>,
    ) -> Result<(Value, Value), Error> {
        let (webauthn, rp_id, origins) = party(&self.party, asked)?;
        let (kind, options, step) = if let Some(kept) = kept(found)? {
            if kept.rp_id != rp_id {
                return Err(Error::Invalid(
                    "This factor belongs to another domain (webauthn.rpId)",
                ));
            }
            let (mut options, state) =
                webauthn.start_securitykey_authentication(&[kept.key]).map_err(broken)?;
            options.public_key.hints = None;
            ("request", serde_json::to_value(options), Step::Request(state))
        } else {
            let account = prover.account();
            let started = webauthn.start_securitykey_registration(
                prover.user.id,
                &account,
                &account,
                None,
                None,
                None,
            );
            let (mut options, state) = started.map_err(broken)?;
            options.public_key.hints = None;
            ("create", serde_json::to_value(options), Step::Create(state))
        };
        let options = options.map_err(broken)?;
        let ceremony = serde_json::to_value(Ceremony { rp_id, origins, step }).map_err(broken)?;
        Ok((json!({ "type": kind, "credential_options": options }), ceremony))
    }

    /// The key to keep from now on; nothing when the answer is wrong.
    pub(super) fn check_key(
        &self,
        found: &Factor,
        question: &Challenge,
        answer: &Answer,
    ) -> Result<Option<Value>, Error> {
        let ceremony = question.ceremony.clone().unwrap_or_default();
        let Ceremony { rp_id, origins, step } = serde_json::from_value(ceremony).map_err(broken)?;
        let webauthn = self.party.with(&rp_id, &origins).map_err(broken)?;
        let response = &answer.credential_response;
        let key = match step {
            Step::Create(state) => {
                let Ok(made) = RegisterPublicKeyCredential::deserialize(response) else {
                    return Ok(None);
                };
                webauthn.finish_securitykey_registration(&made, &state)
            }
            Step::Request(state) => {
                let Ok(used) = PublicKeyCredential::deserialize(response) else {
                    return Ok(None);
                };
                let kept = kept(found)?.ok_or_else(|| broken("a factor lost its key"))?;
                answer_with(&webauthn, kept.key, &used, &state)
            }
        };
        match key {
            Ok(key) => serde_json::to_value(Kept { rp_id, key }).map(Some).map_err(broken),
            Err(why) => {
                tracing::debug!(%why, "a security key was refused");
                Ok(None)
            }
        }
    }
}

/// The key with its counter moved on. The counter is the one of now: another question may have
/// been answered since this one was put.
fn answer_with(
    webauthn: &Webauthn,
    mut key: SecurityKey,
    used: &PublicKeyCredential,
    state: &SecurityKeyAuthentication,
) -> Result<SecurityKey, WebauthnError> {
    let before = serde_json::to_value(&key)?;
    let result = webauthn.finish_securitykey_authentication(used, state)?;
    let is_same = key.update_credential(&result).is_some();
    let has_counter = result.counter() > 0;
    if !is_same || (has_counter && serde_json::to_value(&key)? == before) {
        return Err(WebauthnError::CredentialPossibleCompromise);
    }
    Ok(key)
}

/// For which domain and pages this question is: what the operator says counts, then the client.
fn party(own: &RelyingParty, asked: Option<&Party>) -> Result<(Webauthn, String, Vec<Url>), Error> {
    let asked_id = asked.and_then(|asked| asked.rp_id.as_deref()).filter(|id| !id.is_empty());
    let asked_origins = asked.map(|asked| asked.rp_origins.clone()).unwrap_or_default();
    match (&own.webauthn, asked_id) {
        (Some(webauthn), None) => Ok((webauthn.clone(), own.id.clone(), own.origins.clone())),
        (Some(webauthn), Some(id)) if own.is_chosen => {
            let knows =
                |origin: &Url| own.origins.iter().any(|own| own.origin() == origin.origin());
            if id != own.id || !asked_origins.iter().all(knows) {
                return Err(Error::Invalid(
                    "webauthn.rpId and webauthn.rpOrigins are not those of this server",
                ));
            }
            Ok((webauthn.clone(), own.id.clone(), own.origins.clone()))
        }
        (_, Some(id)) => {
            let webauthn = own.with(id, &asked_origins);
            let webauthn = webauthn.map_err(|_| {
                Error::Invalid("webauthn.rpOrigins must be pages below the domain webauthn.rpId")
            })?;
            Ok((webauthn, id.to_owned(), asked_origins))
        }
        (None, None) => Err(Error::Invalid("webauthn.rpId and webauthn.rpOrigins are required")),
    }
}

fn kept(found: &Factor) -> Result<Option<Kept>, Error> {
    found.credential.as_ref().map(Kept::deserialize).transpose().map_err(broken)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Broken(error.into())
}
