//! The server's own keys as a set of JSON Web Keys: one signs, all verify. Rotation is to add a
//! key that only verifies, let it sign a while later, and take out the former when its last token
//! has expired.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::EncodePrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::{BigUint, RsaPrivateKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::KeyError;
use super::key::{self, Key};

/// Members of a key that anybody may know.
const PUBLIC: [&str; 8] = ["kty", "kid", "alg", "crv", "x", "y", "n", "e"];

/// A key that signs, and how its tokens name it.
#[derive(Clone)]
pub struct Signing {
    key: EncodingKey,
    header: Header,
}

/// What a set holds.
pub struct KeySet {
    /// The one that signs.
    pub signing: Signing,
    /// All of them.
    pub verifying: Vec<Key>,
    /// The public halves, as `jwks.json` shows them.
    pub public: Vec<Value>,
}

impl Signing {
    /// Signs with HS256, naming no key.
    pub fn secret(secret: &str) -> Self {
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { key, header: Header::new(Algorithm::HS256) }
    }

    /// The algorithm by name, unless it has no public half.
    pub fn public_algorithm(&self) -> Option<&'static str> {
        match self.header.alg {
            Algorithm::ES256 => Some("ES256"),
            Algorithm::RS256 => Some("RS256"),
            _ => None,
        }
    }

    /// A signed token for these claims.
    ///
    /// # Errors
    /// The claims cannot be written as JSON.
    pub fn sign(
        &self,
        claims: &impl serde::Serialize,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.key)
    }
}

/// Reads `{"keys": [...]}` or `[...]`: exactly one key's `key_ops` say `sign`, and each has a name.
///
/// # Errors
/// See [`KeyError`].
pub fn read(text: &str) -> Result<KeySet, KeyError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Set {
        Keys { keys: Vec<Map<String, Value>> },
        List(Vec<Map<String, Value>>),
    }
    let set = serde_json::from_str(text).map_err(|_| KeyError::Set)?;
    let (Set::Keys { keys } | Set::List(keys)) = set;
    if keys.iter().any(|key| member(key, "kid").is_none_or(str::is_empty)) {
        return Err(KeyError::Nameless);
    }
    let mut signing = keys.iter().filter(|key| signs(key));
    let (Some(key), None) = (signing.next(), signing.next()) else {
        return Err(KeyError::Signing);
    };
    let document = json!({ "keys": keys }).to_string();
    Ok(KeySet {
        signing: signing_key(key)?,
        verifying: key::read(&document, false)?,
        public: keys.iter().filter(|key| member(key, "kty") != Some("oct")).map(public).collect(),
    })
}

/// A new key for ES256 that signs, as a set to put into the settings.
pub fn generate() -> String {
    let key = loop {
        // All but one in 2^32 are keys of the curve.
        if let Ok(key) = p256::SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
            break key;
        }
    };
    let point = key.public_key().to_encoded_point(false);
    let encode = |bytes: Option<&[u8]>| BASE64_URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default());
    let (x, y) = (point.x(), point.y());
    json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "kid": uuid::Uuid::new_v4(),
        "key_ops": ["sign", "verify"],
        "x": encode(x.map(AsRef::as_ref)),
        "y": encode(y.map(AsRef::as_ref)),
        "d": encode(Some(key.to_bytes().as_slice())),
    }]})
    .to_string()
}

fn member<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

fn signs(key: &Map<String, Value>) -> bool {
    let operations = key.get("key_ops").and_then(Value::as_array);
    operations.is_some_and(|operations| operations.iter().any(|operation| operation == "sign"))
}

fn public(key: &Map<String, Value>) -> Value {
    let mut shown: Map<String, Value> = PUBLIC
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), key.get(name)?.clone())))
        .collect();
    shown.insert("use".into(), "sig".into());
    shown.insert("key_ops".into(), json!(["verify"]));
    Value::Object(shown)
}

fn signing_key(jwk: &Map<String, Value>) -> Result<Signing, KeyError> {
    let part = |name: &str| {
        let text = member(jwk, name).ok_or(KeyError::Jwk)?;
        BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| KeyError::Jwk)
    };
    let (key, algorithm) = match (member(jwk, "kty"), member(jwk, "crv")) {
        (Some("oct"), _) => (EncodingKey::from_secret(&part("k")?), Algorithm::HS256),
        (Some("EC"), Some("P-256")) => {
            let key = p256::SecretKey::from_slice(&part("d")?).map_err(|_| KeyError::Jwk)?;
            let der = key.to_pkcs8_der().map_err(|_| KeyError::Jwk)?;
            (EncodingKey::from_ec_der(der.as_bytes()), Algorithm::ES256)
        }
        (Some("RSA"), _) => {
            let number = |name: &str| part(name).map(|bytes| BigUint::from_bytes_be(&bytes));
            let primes = vec![number("p")?, number("q")?];
            let key =
                RsaPrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes);
            let der = key.map_err(|_| KeyError::Jwk)?.to_pkcs1_der().map_err(|_| KeyError::Jwk)?;
            (EncodingKey::from_rsa_der(der.as_bytes()), Algorithm::RS256)
        }
        _ => return Err(KeyError::Algorithm),
    };
    let is_meant = |alg: &str| alg.parse().is_ok_and(|alg: Algorithm| alg == algorithm);
    if member(jwk, "alg").is_some_and(|alg| !is_meant(alg)) {
        return Err(KeyError::Algorithm);
    }
    let kid = member(jwk, "kid").map(str::to_owned);
    Ok(Signing { key, header: Header { kid, ..Header::new(algorithm) } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Error, Keys};

    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn keys(set: &str) -> Keys {
        Keys::new(SECRET).with_set(read(set).unwrap_or_else(|error| panic!("{error}")))
    }

    fn first(set: &str) -> Value {
        serde_json::from_str::<Value>(set).expect("JSON")["keys"][0].clone()
    }

    #[test]
    fn new_key_signs_and_verifies_and_shows_its_public_half_alone() {
        let set = generate();
        let keys = keys(&set);
        let token = keys.sign(&json!({"role": "authenticated", "sub": "ana"})).expect("signs");
        let header = jsonwebtoken::decode_header(&token).expect("a header");
        assert_eq!(header.alg, Algorithm::ES256);
        assert_eq!(header.kid.as_deref(), first(&set)["kid"].as_str());
        assert_eq!(keys.verify(&token).map(|it| it.subject), Ok(Some("ana".into())));
        let public = keys.public();
        assert_eq!(public.len(), 1);
        assert!(public[0].get("d").is_none() && public[0]["x"].is_string());
    }

    #[test]
    fn former_keys_verify_until_they_are_taken_out() {
        let (former, next) = (generate(), generate());
        let old_token = keys(&former).sign(&json!({"role": "anon"})).expect("signs");
        let secret_token = Keys::new(SECRET).sign(&json!({"role": "anon"})).expect("signs");
        let mut retired = first(&former);
        retired["key_ops"] = json!(["verify"]);
        retired.as_object_mut().expect("an object").remove("d");
        let both = keys(&json!([first(&next), retired]).to_string());
        assert!(both.verify(&old_token).is_ok(), "it still verifies");
        assert!(both.verify(&secret_token).is_ok(), "and so does the secret");
        assert_eq!(both.public().len(), 2);
        assert!(matches!(keys(&next).verify(&old_token), Err(Error::NoKey(Some(_)))));
    }

    #[test]
    fn sets_name_each_key_and_have_one_that_signs() {
        let why = |set: Value| read(&set.to_string()).err();
        let good = first(&generate());
        let with = |name: &str, value: Value| {
            let mut key = good.clone();
            key[name] = value;
            key
        };
        assert_eq!(why(json!("x")), Some(KeyError::Set));
        assert_eq!(why(json!([])), Some(KeyError::Signing));
        assert_eq!(why(json!([good, good])), Some(KeyError::Signing));
        assert_eq!(why(json!([with("key_ops", json!(["verify"]))])), Some(KeyError::Signing));
        assert_eq!(why(json!([with("kid", json!(""))])), Some(KeyError::Nameless));
        assert_eq!(why(json!([with("d", json!("!"))])), Some(KeyError::Jwk));
        assert_eq!(why(json!([with("alg", json!("RS256"))])), Some(KeyError::Algorithm));
        assert_eq!(why(json!([with("crv", json!("P-521"))])), Some(KeyError::Algorithm));
    }
}
