//! Verifies an id_token: who signed it, for whom, and for which sign-in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::documents::Documents;
use super::provider::Provider;
use crate::auth::Error;

/// A longer token is refused unread, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What providers may sign with; a shared secret proves nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The claims of an id_token that this provider signed for us.
pub(super) struct IdToken {
    pub claims: Map<String, Value>,
    algorithm: Algorithm,
}

/// Why an id_token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not read, is not signed by the provider, or its time is over.
    Bad,
    /// It is for somebody else.
    Audience,
}

impl Documents {
    /// Verifies an id_token of a provider.
    pub(super) async fn verify(
        &self,
        provider: &Provider,
        token: &str,
    ) -> Result<Result<IdToken, Refusal>, Error> {
        let Some(discovery) = self.discovery(provider).await? else {
            return Ok(Err(Refusal::Bad));
        };
        let Ok(header) = decode_header(token) else { return Ok(Err(Refusal::Bad)) };
        let keys = self.keys(&discovery.jwks_uri, header.kid.as_deref()).await?;
        Ok(verify(token, &keys, &discovery.issuer, &provider.client_ids))
    }
}

fn verify(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    client_ids: &[String],
) -> Result<IdToken, Refusal> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Refusal::Bad);
    }
    let header = decode_header(token).map_err(|_| Refusal::Bad)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Refusal::Bad);
    }
    let mut validation = Validation::new(header.alg);
    // Google has said its name without the scheme for years.
    let bare = issuer.strip_prefix("https://").unwrap_or(issuer);
    validation.set_issuer(&[issuer, bare]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let is_named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let claims = keys
        .keys
        .iter()
        .filter(is_named)
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .find_map(|key| decode::<Map<String, Value>>(token, &key, &validation).ok())
        .ok_or(Refusal::Bad)?
        .claims;
    if !is_for(&claims, client_ids) {
        return Err(Refusal::Audience);
    }
    Ok(IdToken { claims, algorithm: header.alg })
}

/// Whether one of the clients is meant, and the token was given out to one of them.
fn is_for(claims: &Map<String, Value>, client_ids: &[String]) -> bool {
    let is_ours = |id: &Value| client_ids.iter().any(|own| id.as_str() == Some(own.as_str()));
    let is_meant = match claims.get("aud") {
        Some(Value::Array(ids)) => {
            ids.iter().any(is_ours) && (ids.len() == 1 || claims.get("azp").is_some_and(is_ours))
        }
        Some(id) => is_ours(id),
        None => false,
    };
    is_meant && claims.get("azp").is_none_or(is_ours)
}

impl IdToken {
    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether the token was made for the sign-in that this nonce belongs to.
    pub(super) fn has_nonce(&self, nonce: &str) -> bool {
        let said = self.text("nonce").unwrap_or_default();
        said.as_bytes().ct_eq(nonce.as_bytes()).into()
    }

    /// Whether it came together with this access token, as far as it says.
    pub(super) fn goes_with(&self, access_token: &str) -> bool {
        let Some(said) = self.text("at_hash") else { return true };
        let digest = match self.algorithm {
            Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => {
                Sha384::digest(access_token).to_vec()
            }
            Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => {
                Sha512::digest(access_token).to_vec()
            }
            _ => Sha256::digest(access_token).to_vec(),
        };
        let half = BASE64_URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2]);
        half.as_bytes().ct_eq(said.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_for_us(claims: &Value) -> bool {
        let ids = ["web".to_owned(), "app".to_owned()];
        is_for(claims.as_object().unwrap(), &ids)
    }

    #[test]
    fn a_token_counts_for_whom_it_was_made() {
        for claims in [
            json!({ "aud": "web" }),
            json!({ "aud": ["app"] }),
            json!({ "aud": "web", "azp": "app" }),
            json!({ "aud": ["else", "web"], "azp": "web" }),
        ] {
            assert!(is_for_us(&claims), "{claims}");
        }
        for claims in [
            json!({}),
            json!({ "aud": "" }),
            json!({ "aud": "else" }),
            json!({ "aud": ["else"] }),
            json!({ "aud": ["else", "web"] }),
            json!({ "aud": "web", "azp": "else" }),
        ] {
            assert!(!is_for_us(&claims), "{claims}");
        }
    }

    #[test]
    fn at_hash_is_the_left_half_of_the_digest() {
        // The example of OpenID Connect Core, A.3.
        let claims = json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" });
        let token =
            IdToken { claims: claims.as_object().unwrap().clone(), algorithm: Algorithm::RS256 };
        assert!(token.goes_with("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"));
        assert!(!token.goes_with("another"));
    }
}
