//! Verifies tokens: HS, RS, ES and EdDSA signatures.
//!
//! Times are checked here rather than by the library because dialects differ in what they
//! forgive and want to say how long ago a token expired.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{TokenData, Validation, decode};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::api_key::is_api_key;
use super::issuer::Known;
use super::key::Key;
use super::keys::Keys;
use super::{Error, Identity, Malformed};

/// Clocks may differ by this much, in seconds (PostgREST's allowance).
const SKEW_SECONDS: i64 = 30;

/// A token longer than this is refused before any work is done on it, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Claim `token_use` of id_tokens that this server signs: its keys sign what opens its doors too,
/// so these must say that they do not.
pub const ID_TOKEN: &str = "id_token";

/// So much of a key's name is repeated in errors, in characters.
const MAX_KID_LENGTH: usize = 64;

/// A token whose signature is right; whether now is its time is asked each time.
#[derive(Debug)]
pub(super) struct Verified {
    identity: Identity,
    /// Claim `sub`, where it is an account's id.
    person: Option<Uuid>,
    not_before: Option<i64>,
    issued_at: Option<i64>,
    is_for_us: bool,
    /// Of the issuer's keys when it was verified.
    generation: u64,
}

impl Keys {
    /// Waits, not for long, until the issuer's keys are fetched anew, where a token names one that
    /// is not known. Whoever verifies what strangers show calls this before.
    pub async fn learn(&self, token: &str) {
        let Some(issuer) = &self.issuer else { return };
        let Ok(TokenHeader { alg, kid: Some(kid) }) = header(token) else { return };
        let Ok(algorithm) = alg.parse() else { return };
        let is_known = |key: &Key| key.suits(algorithm, Some(&kid));
        if !self.verifying.iter().any(is_known) && !issuer.known().keys.iter().any(is_known) {
            issuer.renew().await;
        }
    }

    /// The identity a token or project key speaks for.
    ///
    /// # Errors
    /// See [`Error`]. A token without `role` speaks for strangers; one without `exp` never
    /// expires.
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

    /// As [`Keys::verify_strictly`], whether or not the session or person is still there: for
    /// whoever looks them up themselves and can say exactly what became of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_alone(&self, token: &str) -> Result<Identity, Error> {
        match self.project(token) {
            Some(identity) => identity,
            None => Ok(self.timely(token, unix_now(), 0)?.identity.clone()),
        }
    }

    fn verify_at(&self, token: &str, now: i64, skew: i64) -> Result<Identity, Error> {
        if let Some(identity) = self.project(token) {
            return identity;
        }
        let verified = self.timely(token, now, skew)?;
        let (session, person) = (verified.identity.session, verified.person);
        match self.revoked.refuses(session, person, verified.issued_at, now) {
            Some(why) => Err(Error::Revoked(why)),
            None => Ok(verified.identity.clone()),
        }
    }

    /// The identity of a project key; nothing when the text is no such key.
    fn project(&self, text: &str) -> Option<Result<Identity, Error>> {
        let projects = self.projects.as_ref().filter(|_| is_api_key(text))?;
        Some(projects.verify(text))
    }

    /// A token whose signature is right and whose time is now.
    fn timely(&self, token: &str, now: i64, skew: i64) -> Result<Arc<Verified>, Error> {
        let known = self.issuer.as_ref().map(|issuer| issuer.known());
        let generation = known.as_ref().map_or(0, |known| known.generation);
        let read = || {
            let (claims, is_named) = self.claims(token, known.as_deref().map(|known| &**known))?;
            self.identified(claims, is_named, generation)
        };
        let verified = match &self.verified {
            Some(cache) => {
                cache.get_or_make(token, |known| known.generation == generation, read)?
            }
            None => Arc::new(read()?),
        };
        let latest = now.saturating_add(SKEW_SECONDS);
        match verified.identity.expires_at {
            Some(expires_at) if expires_at.saturating_add(skew) <= now => {
                Err(Error::Expired(now.saturating_sub(expires_at)))
            }
            _ if verified.not_before.is_some_and(|at| at > latest) => Err(Error::NotYetValid),
            _ if verified.issued_at.is_some_and(|at| at > latest) => Err(Error::FromFuture),
            _ if !verified.is_for_us => Err(Error::Audience),
            _ => Ok(verified),
        }
    }

    /// The claims of a token that one of the keys has signed, and whether whoever signed it is
    /// whom they say.
    fn claims(
        &self,
        token: &str,
        known: Option<&Known>,
    ) -> Result<(Map<String, Value>, bool), Error> {
        use jsonwebtoken::errors::ErrorKind;
        let TokenHeader { alg, kid } = header(token)?;
        if self.verifying.is_empty() && self.issuer.is_none() {
            return Err(Error::NoSecret);
        }
        let name = || kid.as_ref().map(|kid| kid.chars().take(MAX_KID_LENGTH).collect());
        // A key for P-521 is none of ours, yet its algorithm is known.
        let algorithm = match alg.as_str() {
            "none" => return Err(Error::Unsigned),
            "ES512" => return Err(Error::NoKey(name())),
            "PS256" | "PS384" | "PS512" => return Err(Error::UnknownAlgorithm(name())),
            alg => alg.parse().map_err(|_| Error::UnknownAlgorithm(name()))?,
        };
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let theirs = known.map(|known| known.keys.as_slice()).unwrap_or_default();
        let keys = self.verifying.iter().map(|key| (key, None));
        let keys = keys.chain(theirs.iter().map(|key| (key, self.issuer.as_ref())));
        let mut suitable = keys.filter(|(key, _)| key.suits(algorithm, kid.as_deref())).peekable();
        if suitable.peek().is_none() {
            return Err(Error::NoKey(name()));
        }
        for (key, issuer) in suitable {
            match decode::<Map<String, Value>>(token, &key.decoding, &validation) {
                Ok(TokenData { claims, .. }) => {
                    let name = claims.get("iss").and_then(Value::as_str);
                    let is_named = issuer.is_none_or(|issuer| issuer.is_named(name));
                    return Ok((claims, is_named));
                }
                Err(error) if matches!(error.kind(), ErrorKind::Json(_) | ErrorKind::Utf8(_)) => {
                    return Err(Error::Malformed(Malformed::Claims));
                }
                Err(_) => {}
            }
        }
        Err(Error::Signature)
    }

    /// Reads the claims the server itself looks at; the rest is for policies.
    fn identified(
        &self,
        claims: Map<String, Value>,
        is_named: bool,
        generation: u64,
    ) -> Result<Verified, Error> {
        let expires_at = number(&claims, "exp")?;
        let (not_before, issued_at) = (number(&claims, "nbf")?, number(&claims, "iat")?);
        let is_for_us = self.is_for_us(&claims)? && is_named;
        let subject: Option<Arc<str>> = match text(&claims, "sub") {
            Err(_) if self.role.is_some() => None,
            subject => subject?.map(Into::into),
        };
        // Of other issuers the claim may be anything.
        let session = claims.get("session_id").and_then(Value::as_str);
        let session = session.and_then(|session| Uuid::try_parse(session).ok());
        let person = subject.as_deref().and_then(|subject| Uuid::try_parse(subject).ok());
        let mut claims = Value::Object(claims);
        let named = match &self.role {
            Some(path) => path.find(&claims),
            None => text(claims.as_object().expect("made of a map"), "role")?.map(str::to_owned),
        };
        let names_role = named.is_some();
        let role: Arc<str> = match named {
            Some(role) => role.into(),
            None => self.stranger()?.role,
        };
        claims["role"] = role.as_ref().into();
        let claims = claims.to_string().into();
        let identity = Identity { role, subject, claims, expires_at, session, names_role };
        Ok(Verified { identity, person, not_before, issued_at, is_for_us, generation })
    }

    /// A token for nobody in particular is for us; one that tells a client who somebody is, and
    /// lets nobody in, is not.
    fn is_for_us(&self, claims: &Map<String, Value>) -> Result<bool, Error> {
        if claims.get("token_use").is_some_and(|is_for| is_for == ID_TOKEN) {
            return Ok(false);
        }
        let is_ours = |name: &str| self.audience.as_deref().is_none_or(|audience| audience == name);
        match claims.get("aud") {
            None | Some(Value::Null) => Ok(true),
            Some(Value::String(name)) => Ok(is_ours(name)),
            Some(Value::Array(names)) => {
                let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
                let names = names.ok_or(Error::Claim("aud"))?;
                Ok(names.is_empty() || names.into_iter().any(is_ours))
            }
            Some(_) => Err(Error::Claim("aud")),
        }
    }
}

/// What the header says of the signature.
#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
}

fn header(token: &str) -> Result<TokenHeader, Error> {
    if token.is_empty() {
        return Err(Error::Malformed(Malformed::Empty));
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Error::Malformed(Malformed::Encoding));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, _, _] = parts.as_slice() else {
        return Err(Error::Malformed(Malformed::Parts(parts.len())));
    };
    let header =
        BASE64_URL_SAFE_NO_PAD.decode(header).map_err(|_| Error::Malformed(Malformed::Encoding))?;
    serde_json::from_slice(&header).map_err(|_| Error::Malformed(Malformed::Header))
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
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use serde_json::json;

    use super::super::{ANON, CacheCounts, RolePath, TokenSettings};
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn keys() -> Keys {
        Keys::new(SECRET)
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
        assert_eq!(verify(&json!([1])), Err(Error::Malformed(Malformed::Claims)));
        let malformed = |token: &str| match keys().verify(token) {
            Err(Error::Malformed(why)) => why,
            other => panic!("{token}: {other:?}"),
        };
        assert_eq!(malformed(""), Malformed::Empty);
        assert_eq!(malformed("not a token"), Malformed::Parts(1));
        assert_eq!(malformed("!.a.token"), Malformed::Encoding);
        assert_eq!(malformed("e30.a.token"), Malformed::Header);
        let foreign =
            Keys::new("another secret of thirty-two bytes").sign(&json!({})).expect("signs");
        assert_eq!(keys().verify(&foreign), Err(Error::Signature));
    }

    #[test]
    fn unsigned_tokens_are_refused() {
        // {"alg":"none"} . {"role":"service_role"} .
        let token = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
        assert_eq!(keys().verify(token), Err(Error::Unsigned));
    }

    #[test]
    fn missing_keys_are_named() {
        let token = |header: &str| format!("{}.e30.eA", BASE64_URL_SAFE_NO_PAD.encode(header));
        let refused = |header: &str| keys().verify(&token(header)).err();
        let named = Error::NoKey(Some("k1".into()));
        assert_eq!(refused(r#"{"alg":"ES256","kid":"k1"}"#), Some(named));
        assert_eq!(refused(r#"{"alg":"XS1"}"#), Some(Error::UnknownAlgorithm(None)));
        assert_eq!(refused(r#"{"alg":"HS256"}"#), Some(Error::Signature));
        assert_eq!(refused("[]"), Some(Error::Malformed(Malformed::Header)));
    }

    #[test]
    fn all_hmac_algorithms_are_accepted() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let token = encode(
                &Header::new(algorithm),
                &json!({"role": "r"}),
                &EncodingKey::from_secret(SECRET.as_bytes()),
            );
            assert!(keys().verify(&token.expect("signs")).is_ok(), "{algorithm:?}");
        }
    }

    #[test]
    fn session_is_read_where_it_is_one() {
        let session = |claim: Value| verify(&json!({"session_id": claim})).expect("valid").session;
        assert_eq!(session(json!(Uuid::nil().to_string())), Some(Uuid::nil()));
        assert_eq!((session(json!("sess_1")), session(json!(7))), (None, None));
    }
    /// As the drop-in verifies, with tokens signed by the same secret.
    fn settings() -> TokenSettings {
        TokenSettings {
            secret: Some(SECRET.into()),
            secret_is_base64: false,
            audience: None,
            role: RolePath::read("$.role").expect("a path"),
            anonymous_role: Some("web_anon".into()),
            remembered: 10,
        }
    }

    fn verify_by(settings: &TokenSettings, claims: &Value) -> Result<Identity, Error> {
        let token = keys().sign(claims).expect("signs");
        let keys = Keys::verifying(settings).expect("a good secret");
        let first = keys.verify_at(&token, NOW, SKEW_SECONDS);
        // Remembered or not, the answer is the same.
        assert_eq!(keys.verify_at(&token, NOW, SKEW_SECONDS), first);
        first
    }

    #[test]
    fn time_passes_for_remembered_tokens_too() {
        let token = keys().sign(&json!({"exp": NOW + 5, "nbf": NOW - 5})).expect("signs");
        let keys = keys();
        assert!(keys.verify_at(&token, NOW, 0).is_ok());
        assert_eq!(keys.verify_at(&token, NOW + 6, 0), Err(Error::Expired(1)));
        assert_eq!(keys.verify_at(&token, NOW - 36, 0), Err(Error::NotYetValid));
        assert_eq!(keys.cache_counts(), CacheCounts { requests: 3, hits: 2, evictions: 0 });
    }

    #[test]
    fn roles_may_stand_anywhere_and_strangers_have_theirs() {
        let role = |settings: &TokenSettings, claims: Value| {
            verify_by(settings, &claims).map(|identity| identity.role.to_string())
        };
        let mut settings = settings();
        assert_eq!(role(&settings, json!({"sub": 7})).as_deref(), Ok("web_anon"));
        settings.role = RolePath::read("$.app.roles[0]").expect("a path");
        let claims = json!({"role": "other", "app": {"roles": ["author"]}});
        let identity = verify_by(&settings, &claims).expect("valid");
        assert_eq!(&*identity.role, "author");
        assert!(identity.claims.contains(r#""role":"author""#), "{}", identity.claims);
        settings.anonymous_role = None;
        assert_eq!(role(&settings, json!({})), Err(Error::Anonymous));
        settings.secret = None;
        assert_eq!(role(&settings, json!({})), Err(Error::NoSecret));
    }

    #[test]
    fn tokens_for_others_are_refused() {
        let asked = |audience: Value| {
            let settings = TokenSettings { audience: Some("us".into()), ..settings() };
            verify_by(&settings, &json!({"aud": audience})).map(|_| ()).err()
        };
        for ours in [json!("us"), json!(["them", "us"]), json!([]), Value::Null] {
            assert_eq!(asked(ours), None);
        }
        assert_eq!(asked(json!("them")), Some(Error::Audience));
        assert_eq!(asked(json!(["them"])), Some(Error::Audience));
        assert_eq!(asked(json!(7)), Some(Error::Claim("aud")));
        assert_eq!(asked(json!([7])), Some(Error::Claim("aud")));
        assert_eq!(verify_by(&settings(), &json!({"aud": "them"})).err(), None);
    }

    #[test]
    fn future_tokens_are_refused() {
        assert_eq!(verify(&json!({"nbf": NOW + 31})), Err(Error::NotYetValid));
        assert_eq!(verify(&json!({"iat": NOW + 31})), Err(Error::FromFuture));
        assert!(verify(&json!({"iat": NOW + 30, "nbf": NOW + 30})).is_ok());
    }
    #[test]
    fn each_kind_of_key_verifies_what_it_signed() {
        macro_rules! pem {
            ($name:literal) => {
                include_bytes!(concat!("../../tests/keys/", $name, ".pem"))
            };
        }
        let read = "a key of its kind";
        let signers = [
            (Algorithm::RS256, "rsa", EncodingKey::from_rsa_pem(pem!("rsa")).expect(read)),
            (Algorithm::RS512, "rsa", EncodingKey::from_rsa_pem(pem!("rsa")).expect(read)),
            (Algorithm::ES256, "P-256", EncodingKey::from_ec_pem(pem!("p256")).expect(read)),
            (Algorithm::ES384, "P-384", EncodingKey::from_ec_pem(pem!("p384")).expect(read)),
            (Algorithm::EdDSA, "ed", EncodingKey::from_ed_pem(pem!("ed25519")).expect(read)),
        ];
        let set = include_str!("../../tests/keys/jwks.json");
        let keys = Keys::verifying(&TokenSettings { secret: Some(set.into()), ..settings() });
        let keys = keys.expect("a set of keys");
        for (algorithm, kid, signer) in signers {
            let verify = |kid: Option<&str>| {
                let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm) };
                let token = encode(&header, &json!({"role": "r"}), &signer).expect("signs");
                keys.verify(&token).map(|identity| identity.role.to_string())
            };
            assert_eq!(verify(Some(kid)).as_deref(), Ok("r"), "{algorithm:?}");
            assert_eq!(verify(None).as_deref(), Ok("r"), "{algorithm:?}");
            let other = Err(Error::NoKey(Some("other".into())));
            assert_eq!(verify(Some("other")), other, "{algorithm:?}");
        }
        // Whoever knows the public key may not sign with it as if it were a secret.
        let forged = EncodingKey::from_secret(set.as_bytes());
        let forged = encode(&Header::new(Algorithm::HS256), &json!({}), &forged).expect("signs");
        assert_eq!(keys.verify(&forged), Err(Error::NoKey(None)));
    }
}
