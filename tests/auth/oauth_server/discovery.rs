//! Where clients find out what the server can; and that there is nothing where it is off.

use reqwest::Method;
use serde_json::{Value, json};

use super::{House, ISSUER};
use crate::auth::{house, request, send};
use crate::support::Answer;

#[tokio::test]
async fn clients_find_out_by_themselves() -> anyhow::Result<()> {
    let house = House::new().await?;
    let paths = [
        "/auth/v1/.well-known/openid-configuration",
        "/auth/v1/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/auth/v1",
        "/.well-known/openid-configuration/auth/v1",
    ];
    let mut documents = Vec::new();
    for path in paths {
        let answer = Answer::of(house.server.request(Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path}");
        documents.push(answer.body);
    }
    assert!(documents.iter().all(|document| *document == documents[0]), "they say the same");
    let document = &documents[0];
    for (name, value) in [
        ("issuer", json!(ISSUER)),
        ("authorization_endpoint", json!(format!("{ISSUER}/oauth/authorize"))),
        ("token_endpoint", json!(format!("{ISSUER}/oauth/token"))),
        ("jwks_uri", json!(format!("{ISSUER}/.well-known/jwks.json"))),
        ("registration_endpoint", json!(format!("{ISSUER}/oauth/clients/register"))),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("id_token_signing_alg_values_supported", json!(["ES256"])),
        ("scopes_supported", json!(["openid", "profile", "email", "phone"])),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn openid_is_offered_with_a_key_alone() -> anyhow::Result<()> {
    let house = House::with(&[]).await?;
    let path = "/auth/v1/.well-known/openid-configuration";
    let document = Answer::of(house.server.request(Method::GET, path)).await.body;
    assert_eq!(document["scopes_supported"], json!(["profile", "email", "phone"]));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!([]));
    Ok(())
}

#[tokio::test]
async fn where_it_is_off_there_is_nothing() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    for (method, path) in [
        (Method::GET, "/oauth/authorize?client_id=x"),
        (Method::POST, "/oauth/token"),
        (Method::GET, "/oauth/userinfo"),
        (Method::POST, "/oauth/clients/register"),
        (Method::GET, "/oauth/authorizations/x"),
        (Method::GET, "/user/oauth/grants"),
        (Method::GET, "/admin/oauth/clients"),
        (Method::GET, "/.well-known/openid-configuration"),
        (Method::GET, "/.well-known/oauth-authorization-server"),
    ] {
        let asked = request(&server, method, path).bearer_auth(server.service_key());
        assert_eq!(send(asked).await?.refusal(), (404, "feature_disabled"), "{path}");
    }
    let root = "/.well-known/oauth-authorization-server/auth/v1";
    let answer = Answer::of(server.request(Method::GET, root)).await;
    assert_eq!((answer.status.as_u16(), answer.body), (404, Value::Null));
    Ok(())
}
