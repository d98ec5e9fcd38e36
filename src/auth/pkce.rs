//! PKCE: a sign-in that comes back as a code, worth something only to the client that began it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::request::Device;
use super::session::Session;
use super::store::Proof;
use super::store::flow::{self, NewFlow};
use super::{Auth, Error, refresh, store};
use crate::pg::Transaction;

/// How long a code is good for, in seconds.
const CODE_SECONDS: f64 = 300.0;

/// Lengths of a challenge that RFC 7636 allows.
const CHALLENGE_BYTES: std::ops::RangeInclusive<usize> = 43..=128;

/// What the client that began proves itself with in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub value: String,
    /// `s256` or `plain`.
    pub method: &'static str,
}

impl Challenge {
    /// The challenge of a request, if it gives one. Clients send empty text for none.
    pub(super) fn read(value: Option<&str>, method: Option<&str>) -> Result<Option<Self>, Error> {
        let given = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (value, method) = (given(value), given(method).to_ascii_lowercase());
        if value.is_empty() != method.is_empty() {
            return Err(Error::Invalid(
                "PKCE flow requires code_challenge_method and code_challenge",
            ));
        }
        if value.is_empty() {
            return Ok(None);
        }
        if !CHALLENGE_BYTES.contains(&value.len()) {
            return Err(Error::Invalid("code challenge has to be between 43 and 128 characters"));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !value.bytes().all(is_plain) {
            return Err(Error::Invalid(
                "code challenge can only contain alphanumeric characters, hyphens, periods, \
                 underscores and tildes",
            ));
        }
        let method = match method.as_str() {
            "s256" => "s256",
            "plain" => "plain",
            _ => return Err(Error::Invalid("invalid code challenge method")),
        };
        Ok(Some(Self { value, method }))
    }

    /// Whether this is what was challenged.
    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        let shown = match self.method {
            "s256" => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            _ => verifier.to_owned(),
        };
        shown.as_bytes().ct_eq(self.value.as_bytes()).into()
    }
}

impl Auth {
    /// Remembers who began a sign-in by mail, when that shall come back as a code.
    pub(super) async fn begin_flow(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        challenge: Option<&Challenge>,
        method: &str,
    ) -> Result<Option<Uuid>, Error> {
        let Some(challenge) = challenge else { return Ok(None) };
        let id = Uuid::new_v4();
        let new = NewFlow { id, user_id, challenge, provider: "email", method };
        flow::begin(tx, &new).await?;
        Ok(Some(id))
    }

    /// Gives the code that a proven flow comes back with; nothing when the flow is gone.
    pub(super) async fn issue_code(
        &self,
        tx: &Transaction,
        flow_id: Uuid,
    ) -> Result<Option<String>, Error> {
        let code = Uuid::new_v4().to_string();
        let is_there = flow::set_code(tx, flow_id, &refresh::hash(&code)).await?;
        Ok(is_there.then_some(code))
    }

    /// The session for a code and what proves that this client began: once.
    pub(super) async fn exchange(
        &self,
        code: Option<&str>,
        verifier: Option<&str>,
        device: &Device,
    ) -> Result<Session, Error> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let (Some(code), Some(verifier)) = (given(code), given(verifier)) else {
            return Err(Error::Invalid(
                "invalid request: both auth code and code verifier should be non-empty",
            ));
        };
        let code_hash = refresh::hash(&code);
        let work = async |tx: &Transaction| {
            let flow = flow::take(tx, &code_hash).await?;
            let flow = flow.ok_or(Error::FlowNotFound)?;
            if flow.age_seconds > CODE_SECONDS {
                return Err(Error::FlowExpired);
            }
            if !flow.challenge.is_some_and(|challenge| challenge.is_met_by(&verifier)) {
                return Err(Error::BadCodeVerifier);
            }
            let user_id = flow.user_id.ok_or(Error::FlowNotFound)?;
            let user = store::find(tx, user_id).await?.ok_or(Error::FlowNotFound)?;
            if user.is_banned {
                return Err(Error::CallerBanned);
            }
            let proof = Proof { method: &flow.method, password_hash: None };
            let end = flow.session_end;
            let session = self.sign_in_until(tx, user_id, &proof, device, end).await?;
            let session = session.ok_or(Error::FlowNotFound)?;
            let open = |sealed: String| self.seal.open(&code_hash, &sealed);
            let token = flow.provider_token.map(open).transpose()?;
            let refresh_token = flow.provider_refresh_token.map(open).transpose()?;
            Ok(session.with_provider_tokens(token, refresh_token))
        };
        self.store.transaction(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn challenge_and_method_come_together() {
        assert_eq!(Challenge::read(None, Some("")).unwrap(), None);
        assert!(Challenge::read(Some(CHALLENGE), Some("S256")).unwrap().is_some());
        for (value, method) in [
            (Some(CHALLENGE), None),
            (None, Some("s256")),
            (Some(CHALLENGE), Some("md5")),
            (Some("short"), Some("plain")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw cM"), Some("plain")),
        ] {
            assert!(Challenge::read(value, method).is_err());
        }
    }

    #[test]
    fn only_the_verifier_meets_its_challenge() {
        let hashed = Challenge::read(Some(CHALLENGE), Some("s256")).unwrap().unwrap();
        assert!(hashed.is_met_by(VERIFIER) && !hashed.is_met_by(CHALLENGE));
        let plain = Challenge::read(Some(VERIFIER), Some("plain")).unwrap().unwrap();
        assert!(plain.is_met_by(VERIFIER) && !plain.is_met_by(CHALLENGE));
    }
}
