//! Signs tokens (HS256) and verifies them (HS256, HS384, HS512).
//!
//! Times are checked here rather than by the library because dialects differ in what they
//! forgive and want to say how long ago a token expired.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::api_key::{ApiKeys, is_api_key};
use super::{ANON, Error, Identity};
use crate::config::ApiKey;

/// Clocks may differ by this much, in seconds (PostgREST's allowance).
const SKEW_SECONDS: i64 = 30;

/// A token longer than this is refused before any work is done on it, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// So much of a key's name is repeated in errors, in characters.
const MAX_KID_LENGTH: usize = 64;

/// The keys of this server.
#[derive(Clone)]
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    projects: ApiKeys,
}

impl Keys {
    /// Keys from a text secret.
    pub fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            projects: ApiKeys::default(),
        }
    }

    /// The same, accepting project keys beside tokens.
    #[must_use]
    pub fn with_api_keys(self, keys: &[ApiKey]) -> Self {
        Self { projects: ApiKeys::new(keys), ..self }
    }

    /// A signed token for these claims.
    ///
    /// # Errors
    /// The claims cannot be written as JSON.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
    }

    /// The identity a token or project key speaks for.
    ///
    /// # Errors
    /// See [`Error`]. A token without `role` speaks for `anon`; one without `exp` never expires.
    pub fn verify(&self, token: &str) -> Result<Identity, Error> {
        self.verify_at(token, unix_now(), SKEW_SECONDS)
    }

    /// As [`Keys::verify`], but without any grace after `exp`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_strictly(&self, token: &str) -> Result<Identity, Error> {
        self.verify_at(token, unix_now(), 0)
    }

    fn verify_at(&self, token: &str, now: i64, skew: i64) -> Result<Identity, Error> {
        if is_api_key(token) {
            return self.projects.verify(token);
        }
        let claims = self.read(token)?;
        for name in ["nbf", "iat"] {
            if number(&claims, name)?.is_some_and(|at| at > now.saturating_add(SKEW_SECONDS)) {
                return Err(Error::NotYetValid);
            }
        }
        match number(&claims, "exp")? {
            Some(expires_at) if expires_at.saturating_add(skew) <= now => {
                Err(Error::Expired(now.saturating_sub(expires_at)))
            }
            expires_at => identity_of(claims, expires_at),
        }
    }

    fn read(&self, token: &str) -> Result<Map<String, Value>, Error> {
        use jsonwebtoken::errors::ErrorKind;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed);
        }
        decode::<Map<String, Value>>(token, &self.decoding, &self.validation)
            .map(|token| token.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => Error::Signature,
                _ => why_unreadable(token),
            })
    }
}

/// Whether a token that the library did not read is broken, or signed in a way we have no key
/// for.
fn why_unreadable(token: &str) -> Error {
    #[derive(Deserialize)]
    struct TokenHeader {
        alg: String,
        kid: Option<String>,
    }
    let header = token.split('.').next().unwrap_or_default();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    match serde_json::from_slice::<TokenHeader>(&header) {
        Ok(TokenHeader { alg, kid }) if !["HS256", "HS384", "HS512"].contains(&&*alg) => {
            Error::NoKey(kid.map(|kid| kid.chars().take(MAX_KID_LENGTH).collect()))
        }
        _ => Error::Malformed,
    }
}

/// Reads the claims the server itself looks at; the rest is for policies.
fn identity_of(mut claims: Map<String, Value>, expires_at: Option<i64>) -> Result<Identity, Error> {
    let role = text(&claims, "role")?;
    let names_role = role.is_some();
    let role: Arc<str> = role.unwrap_or(ANON).into();
    let subject = text(&claims, "sub")?.map(Into::into);
    // Of other issuers the claim may be anything.
    let session = claims.get("session_id").and_then(Value::as_str);
    let session = session.and_then(|session| Uuid::try_parse(session).ok());
    claims.entry("role").or_insert_with(|| role.as_ref().into());
    Ok(Identity {
        role,
        subject,
        expires_at,
        session,
        names_role,
        claims: Value::Object(claims).to_string().into(),
    })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Error> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Claim(name)),
    }
}

/// Whole seconds; fractions are cut off.
fn number(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, Error> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        Some(Value::Number(number)) => {
            Ok(number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)))
        }
        Some(_) => Err(Error::Claim(name)),
    }
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn keys() -> Keys {
        Keys::new("a secret of at least thirty-two bytes")
    }

    fn verify(claims: &Value) -> Result<Identity, Error> {
        keys().verify_at(&keys().sign(claims).expect("signs"), NOW, SKEW_SECONDS)
    }

    #[test]
    fn claims_become_role_subject_and_expiry() {
        let identity =
            verify(&json!({"role": "authenticated", "sub": "u1", "exp": NOW + 60})).expect("valid");
        assert_eq!(&*identity.role, "authenticated");
        assert_eq!(identity.subject.as_deref(), Some("u1"));
        assert_eq!(identity.expires_at, Some(NOW + 60));
    }

    #[test]
    fn token_without_role_speaks_for_anon() {
        let identity = verify(&json!({"sub": "u1"})).expect("valid");
        assert_eq!(&*identity.role, ANON);
        assert_eq!(&*identity.claims, r#"{"sub":"u1","role":"anon"}"#);
    }

    #[test]
    fn expiry_forgives_half_a_minute_unless_strict() {
        let token = keys().sign(&json!({"exp": NOW - 10})).expect("signs");
        assert!(keys().verify_at(&token, NOW, SKEW_SECONDS).is_ok());
        assert_eq!(keys().verify_at(&token, NOW, 0), Err(Error::Expired(10)));
        assert_eq!(verify(&json!({"exp": NOW - 31})), Err(Error::Expired(31)));
    }

    #[test]
    fn wrong_types_and_strange_tokens_are_refused() {
        assert_eq!(verify(&json!({"role": 7})), Err(Error::Claim("role")));
        assert_eq!(verify(&json!({"exp": "soon"})), Err(Error::Claim("exp")));
        assert_eq!(verify(&json!([1])), Err(Error::Malformed));
        assert_eq!(keys().verify("not.a.token"), Err(Error::Malformed));
        let foreign =
            Keys::new("another secret of thirty-two bytes").sign(&json!({})).expect("signs");
        assert_eq!(keys().verify(&foreign), Err(Error::Signature));
    }

    #[test]
    fn unsigned_tokens_are_refused() {
        // {"alg":"none"} . {"role":"service_role"} .
        let token = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
        assert_eq!(keys().verify(token), Err(Error::NoKey(None)));
    }

    #[test]
    fn missing_keys_are_named() {
        let token = |header: &str| format!("{}.e30.eA", BASE64_URL_SAFE_NO_PAD.encode(header));
        let refused = |header: &str| keys().verify(&token(header)).err();
        let named = Error::NoKey(Some("k1".into()));
        assert_eq!(refused(r#"{"alg":"ES256","kid":"k1"}"#), Some(named));
        assert_eq!(refused(r#"{"alg":"XS1"}"#), Some(Error::NoKey(None)));
        assert_eq!(refused(r#"{"alg":"HS256"}"#), Some(Error::Signature));
        assert_eq!(refused("[]"), Some(Error::Malformed));
    }

    #[test]
    fn all_hmac_algorithms_are_accepted() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let token = encode(&Header::new(algorithm), &json!({"role": "r"}), &keys().encoding);
            assert!(keys().verify(&token.expect("signs")).is_ok(), "{algorithm:?}");
        }
    }

    #[test]
    fn session_is_read_where_it_is_one() {
        let session = |claim: Value| verify(&json!({"session_id": claim})).expect("valid").session;
        assert_eq!(session(json!(Uuid::nil().to_string())), Some(Uuid::nil()));
        assert_eq!((session(json!("sess_1")), session(json!(7))), (None, None));
    }
}
