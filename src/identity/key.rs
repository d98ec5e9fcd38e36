//! Keys that tokens are verified with: a secret, a JSON Web Key, or a set of them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::config::MIN_JWT_SECRET_BYTES;

/// A secret that is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It could be guessed.
    #[error("The JWT secret must be at least 32 characters long.")]
    Short,
    /// It should be base64.
    #[error("The JWT secret is not valid base64.")]
    Base64,
    /// A set of keys is no JSON of that form.
    #[error("The JWT keys are no JSON Web Key Set.")]
    Set,
    /// The file with the set cannot be read.
    #[error("The file with the JWT keys cannot be read.")]
    File,
    /// A key of the set has no `kid`.
    #[error("Each of the JWT keys needs a kid.")]
    Nameless,
    /// None or several keys of the set sign.
    #[error("Exactly one of the JWT keys must have \"sign\" among its key_ops.")]
    Signing,
    /// The key that signs is of a kind that cannot.
    #[error("The JWT key that signs must be one for ES256, RS256 or HS256.")]
    Algorithm,
    /// A JSON Web Key lacks a part, or a part does not read.
    #[error("The JWT secret holds a JSON Web Key that does not read.")]
    Jwk,
}

/// One key.
#[derive(Clone)]
pub struct Key {
    pub decoding: DecodingKey,
    /// Algorithms it is for.
    algorithms: Vec<Algorithm>,
    name: Name,
}

/// How tokens choose a key.
#[derive(Clone)]
enum Name {
    /// Whatever key the token names.
    Any,
    /// Tokens that name this key, or none.
    Kid(Option<String>),
}

const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: [Algorithm; 3] = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];

impl Key {
    /// A secret for every token, whatever key it names.
    pub fn of_text(secret: &str) -> Self {
        Self {
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            algorithms: HMAC.into(),
            name: Name::Any,
        }
    }

    /// Whether a token with this algorithm that names this key may be signed by it.
    pub fn suits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let is_named = match &self.name {
            Name::Any => true,
            Name::Kid(own) => kid.is_none() || kid == own.as_deref(),
        };
        is_named && self.algorithms.contains(&algorithm)
    }
}

/// Reads keys as `jwt-secret` takes them: a set of JSON Web Keys, one of them, or a secret.
///
/// # Errors
/// See [`KeyError`].
pub fn read(secret: &str, is_base64: bool) -> Result<Vec<Key>, KeyError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Jwk>,
    }
    if let Ok(Set { keys }) = serde_json::from_str(secret) {
        return keys.iter().map(Jwk::key).filter_map(Result::transpose).collect();
    }
    if let Ok(jwk) = serde_json::from_str::<Jwk>(secret) {
        return Ok(jwk.key()?.into_iter().collect());
    }
    let octets = if is_base64 {
        // The url-safe alphabet is as good.
        let standard = secret.replace('_', "/").replace('-', "+").replace('.', "=");
        BASE64_STANDARD.decode(standard).map_err(|_| KeyError::Base64)?
    } else {
        secret.as_bytes().to_vec()
    };
    if octets.len() < MIN_JWT_SECRET_BYTES {
        return Err(KeyError::Short);
    }
    let decoding = DecodingKey::from_secret(&octets);
    Ok(vec![Key { decoding, algorithms: HMAC.into(), name: Name::Kid(None) }])
}

/// Most keys of a published set.
const MAX_PUBLISHED: usize = 100;

/// Reads a set of JSON Web Keys that anybody can read. Secrets are none there, and whatever does
/// not read is left out: issuers publish keys for others too.
///
/// # Errors
/// It is no set, or too large a one.
pub fn read_published(set: &[u8]) -> Result<Vec<Key>, KeyError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let Set { keys } = serde_json::from_slice(set).map_err(|_| KeyError::Jwk)?;
    if keys.len() > MAX_PUBLISHED {
        return Err(KeyError::Jwk);
    }
    let keys = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Ok(keys.filter(|key| key.kty != "oct").filter_map(|key| key.key().ok()?).collect())
}

/// A JSON Web Key (RFC 7517), as far as signatures go.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// None where it is for something else than signatures we know.
    fn key(&self) -> Result<Option<Key>, KeyError> {
        if self.purpose.as_deref() == Some("enc") {
            return Ok(None);
        }
        let part = |part: &'_ Option<String>| part.clone().ok_or(KeyError::Jwk);
        let (decoding, algorithms) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) => {
                let octets = base64::prelude::BASE64_URL_SAFE_NO_PAD
                    .decode(part(&self.k)?.trim_end_matches('='))
                    .map_err(|_| KeyError::Jwk)?;
                (Ok(DecodingKey::from_secret(&octets)), HMAC.to_vec())
            }
            ("RSA", _) => {
                (DecodingKey::from_rsa_components(&part(&self.n)?, &part(&self.e)?), RSA.to_vec())
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let algorithm = if curve == "P-256" { Algorithm::ES256 } else { Algorithm::ES384 };
                let key = DecodingKey::from_ec_components(&part(&self.x)?, &part(&self.y)?);
                (key, vec![algorithm])
            }
            ("OKP", Some("Ed25519")) => {
                (DecodingKey::from_ed_components(&part(&self.x)?), vec![Algorithm::EdDSA])
            }
            _ => return Ok(None),
        };
        let is_asked = |algorithm: &Algorithm| match &self.alg {
            Some(asked) => asked.parse().is_ok_and(|asked: Algorithm| asked == *algorithm),
            None => true,
        };
        Ok(Some(Key {
            decoding: decoding.map_err(|_| KeyError::Jwk)?,
            algorithms: algorithms.into_iter().filter(is_asked).collect(),
            name: Name::Kid(self.kid.clone()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suits(secret: &str, algorithm: Algorithm, kid: Option<&str>) -> Vec<bool> {
        let keys = read(secret, false).unwrap_or_else(|error| panic!("{error}"));
        keys.iter().map(|key| key.suits(algorithm, kid)).collect()
    }

    #[test]
    fn secrets_are_texts_or_base64_and_never_short() {
        let secret = "a secret of at least thirty-two bytes";
        assert_eq!(suits(secret, Algorithm::HS512, None), [true]);
        assert_eq!(suits(secret, Algorithm::HS512, Some("k")), [false]);
        assert_eq!(suits(secret, Algorithm::RS256, None), [false]);
        assert_eq!(read("short", false).err(), Some(KeyError::Short));
        assert_eq!(read("c2hvcnQ=", true).err(), Some(KeyError::Short));
        assert_eq!(
            read("no base64, surely, but it is long enough", true).err(),
            Some(KeyError::Base64)
        );
        assert!(read(&BASE64_STANDARD.encode(secret), true).is_ok());
    }

    #[test]
    fn published_secrets_are_none_and_strange_keys_are_left_out() {
        let set = br#"{"keys":[
            {"kty":"oct","kid":"a","k":"c2VjcmV0"},
            {"kty":"RSA","kid":"b"},
            {"kid":7},
            {"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]}"#;
        let keys = read_published(set).expect("a set");
        assert_eq!(keys.len(), 1);
        assert!(keys[0].suits(Algorithm::RS256, Some("r")));
        assert!(read_published(br#"{"keys":[]}"#).expect("a set").is_empty());
        let many = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(MAX_PUBLISHED));
        for text in ["", "[]", r#"{"keys":{}}"#, &many] {
            assert_eq!(read_published(text.as_bytes()).err(), Some(KeyError::Jwk), "{text}");
        }
    }

    #[test]
    fn names_and_purposes_choose_among_a_set() {
        let set = r#"{"keys":[
            {"kty":"oct","kid":"a","k":"c2VjcmV0","alg":"HS256"},
            {"kty":"oct","kid":"b","k":"c2VjcmV0"},
            {"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},
            {"kty":"unknown"}]}"#;
        assert_eq!(suits(set, Algorithm::HS256, None), [true, true, false]);
        assert_eq!(suits(set, Algorithm::HS384, None), [false, true, false]);
        assert_eq!(suits(set, Algorithm::HS256, Some("b")), [false, true, false]);
        assert_eq!(suits(set, Algorithm::RS256, Some("r")), [false, false, true]);
        assert_eq!(read(r#"{"kty":"oct"}"#, false).err(), Some(KeyError::Jwk));
    }
}
