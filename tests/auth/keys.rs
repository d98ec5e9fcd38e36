//! Keys whose public halves anybody may know.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use reqwest::Method;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};
use serde_json::{Value, json};
use walkie::identity::generate_key;

use super::{PASSWORD, get, refresh, sign_in};
use crate::support::{Database, Person, Server};

const ANA: &str = "ana@example.com";

fn first(set: &str) -> Value {
    serde_json::from_str::<Value>(set).expect("JSON")["keys"][0].clone()
}

/// The key of these tests for RS256, as JSON Web Key.
fn rsa_key(kid: &str) -> Value {
    let key = RsaPrivateKey::from_pkcs8_pem(include_str!("../keys/rsa.pem")).expect("a key");
    let part = |number: &BigUint| BASE64_URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    json!({
        "kty": "RSA", "kid": kid, "alg": "RS256", "key_ops": ["sign", "verify"],
        "n": part(key.n()), "e": part(key.e()), "d": part(key.d()),
        "p": part(&key.primes()[0]), "q": part(&key.primes()[1]),
    })
}

#[tokio::test]
async fn tokens_are_signed_by_rsa_and_it_takes_turns_with_other_keys() -> anyhow::Result<()> {
    let database = Database::new().await;
    let rsa = rsa_key("of RSA");
    let set = json!({ "keys": [rsa] }).to_string();
    let server = Server::start_with(&database, &["--jwt-keys", &set]).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    let token = session.text("access_token");
    let header = jsonwebtoken::decode_header(token)?;
    assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::RS256, Some("of RSA")));

    let shown = get(&server, "/.well-known/jwks.json", "").await?;
    let key = &shown.body["keys"][0];
    assert_eq!((&key["n"], &key["alg"]), (&rsa["n"], &json!("RS256")));
    assert!(["d", "p", "q", "dp", "dq", "qi"].iter().all(|half| key.get(half).is_none()), "{key}");
    let public: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone())?;
    let mut asked = jsonwebtoken::Validation::new(Algorithm::RS256);
    asked.set_audience(&["authenticated"]);
    jsonwebtoken::decode::<Value>(token, &jsonwebtoken::DecodingKey::from_jwk(&public)?, &asked)?;
    let ana = Person { token: token.to_owned() };
    assert_eq!(server.rest(&ana, Method::GET, "profiles?limit=1").await.status, 200);
    let (signed, _) = token.rsplit_once('.').expect("a signature");
    let forged = Person { token: format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode([7; 256])) };
    assert_eq!(server.rest(&forged, Method::GET, "profiles?limit=1").await.status, 401);
    server.stop().await;

    let mut retired = rsa;
    retired["key_ops"] = json!(["verify"]);
    for half in ["d", "p", "q"] {
        retired.as_object_mut().expect("a key").remove(half);
    }
    let next = generate_key();
    let both = json!({ "keys": [first(&next), retired] }).to_string();
    let server = Server::start_with(&database, &["--jwt-keys", &both]).await;
    assert_eq!(get(&server, "/user", token).await?.status, 200);
    let refreshed = refresh(&server, session.text("refresh_token")).await?;
    let header = jsonwebtoken::decode_header(refreshed.text("access_token"))?;
    assert_eq!(header.alg, Algorithm::ES256, "the next key signs now");
    Ok(())
}

#[tokio::test]
async fn tokens_are_signed_by_the_key_and_verified_by_its_public_half() -> anyhow::Result<()> {
    let database = Database::new().await;
    let set = generate_key();
    let server = Server::start_with(&database, &["--jwt-keys", &set]).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    let token = session.text("access_token");
    let header = jsonwebtoken::decode_header(token)?;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);

    let shown = get(&server, "/.well-known/jwks.json", "").await?;
    assert_eq!(shown.header("cache-control"), "public, max-age=600");
    let key = &shown.body["keys"][0];
    assert_eq!(key["kid"].as_str(), header.kid.as_deref());
    assert!(key.get("d").is_none(), "nobody sees the private half");
    let public: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone())?;
    let mut asked = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    asked.set_audience(&["authenticated"]);
    let decoding = jsonwebtoken::DecodingKey::from_jwk(&public)?;
    jsonwebtoken::decode::<Value>(token, &decoding, &asked)?;

    let ana = Person { token: token.to_owned() };
    assert_eq!(server.rest(&ana, Method::GET, "profiles?limit=1").await.status, 200);
    assert_eq!(get(&server, "/user", token).await?.status, 200);
    let service = Person { token: server.service_key() };
    let read = server.rest(&service, Method::GET, "profiles?limit=1").await;
    assert_eq!(read.status, 200, "keys signed with the secret go on");
    Ok(())
}

#[tokio::test]
async fn rotation_signs_nobody_out() -> anyhow::Result<()> {
    let database = Database::new().await;
    let (former, next) = (generate_key(), generate_key());
    let server = Server::start_with(&database, &["--jwt-keys", &former]).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    server.stop().await;

    let mut retired = first(&former);
    retired["key_ops"] = json!(["verify"]);
    let both = json!({"keys": [first(&next), retired]}).to_string();
    let server = Server::start_with(&database, &["--jwt-keys", &both]).await;
    assert_eq!(get(&server, "/user", session.text("access_token")).await?.status, 200);
    let refreshed = refresh(&server, session.text("refresh_token")).await?;
    let header = jsonwebtoken::decode_header(refreshed.text("access_token"))?;
    assert_eq!(header.kid.as_deref(), first(&next)["kid"].as_str(), "the next key signs now");
    server.stop().await;

    let server = Server::start_with(&database, &["--jwt-keys", &next]).await;
    let refused = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(refused.refusal(), (403, "bad_jwt"), "the former key is gone");
    assert_eq!(get(&server, "/user", refreshed.text("access_token")).await?.status, 200);
    Ok(())
}
