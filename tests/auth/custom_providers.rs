//! /admin/custom-providers: providers that are added while the server runs.

use reqwest::Method;
use serde_json::{Value, json};

use super::oauth::{House, pkce};
use super::provider::{CLIENT, SECRET};
use super::{Reply, request, send};

/// A server that may ask the provider of these tests, and knows none by its settings.
async fn house() -> House {
    House::new(&["--auth-private-hosts", "127.0.0.1"]).await
}

async fn admin(house: &House, method: Method, path: &str, body: Value) -> anyhow::Result<Reply> {
    let path = format!("/admin/custom-providers{path}");
    send(request(&house.server, method, &path).bearer_auth(house.server.service_key()).json(&body))
        .await
}

fn openid(house: &House) -> Value {
    json!({
        "provider_type": "oidc", "identifier": "custom:acme", "name": "Acme",
        "client_id": CLIENT, "client_secret": SECRET, "issuer": house.issuer.url,
        "scopes": ["email"], "custom_claims_allowlist": ["groups"],
    })
}

fn oauth(house: &House) -> Value {
    let url = &house.issuer.url;
    json!({
        "provider_type": "oauth2", "identifier": "custom:forge", "name": "Forge",
        "client_id": CLIENT, "client_secret": SECRET,
        "authorization_url": format!("{url}/authorize"), "token_url": format!("{url}/token"),
        "userinfo_url": format!("{url}/userinfo"), "attribute_mapping": { "user_name": "name" },
    })
}

#[tokio::test]
async fn people_sign_in_with_a_provider_that_was_just_added() -> anyhow::Result<()> {
    let house = house().await;
    house.issuer.person(json!({ "groups": ["staff"] }));
    let made = admin(&house, Method::POST, "", openid(&house)).await?;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["scopes"], json!(["openid", "email"]));
    assert_eq!(made.body.get("client_secret"), None);

    let session = house.enter("custom:acme").await?;

    let data = &session.body["user"]["identities"][0]["identity_data"];
    assert_eq!(data["custom_claims"], json!({ "groups": ["staff"] }), "{}", session.body);
    assert_eq!(session.body["user"]["app_metadata"]["provider"], "custom:acme");
    Ok(())
}

#[tokio::test]
async fn provider_without_openid_is_asked_who_somebody_is() -> anyhow::Result<()> {
    let house = house().await;
    assert_eq!(admin(&house, Method::POST, "", oauth(&house)).await?.status, 201);

    let session = house.enter("custom:forge").await?;

    let data = &session.body["user"]["identities"][0]["identity_data"];
    assert_eq!(data["user_name"], "Eve", "{}", session.body);
    assert_eq!(session.body["user"]["email"], "eve@provider.example");
    Ok(())
}

#[tokio::test]
async fn person_without_an_address_comes_in_where_none_is_needed() -> anyhow::Result<()> {
    let house = house().await;
    house.issuer.person(json!({ "email": null }));
    assert_eq!(admin(&house, Method::POST, "", oauth(&house)).await?.status, 201);
    let landing = house.go_round(&pkce("custom:forge")).await?;
    let words = "Error getting user email from external provider";
    assert_eq!(landing.error(), ["server_error", "unexpected_failure", words]);

    let optional = json!({ "email_optional": true });
    admin(&house, Method::PUT, "/custom:forge", optional).await?;
    let first = house.enter("custom:forge").await?;
    let again = house.enter("custom:forge").await?;

    assert_eq!(first.body["user"]["email"], "", "{}", first.body);
    assert_eq!(first.body["user"]["id"], again.body["user"]["id"]);
    Ok(())
}

#[tokio::test]
async fn secret_rests_sealed_and_never_leaves() -> anyhow::Result<()> {
    let house = house().await;
    admin(&house, Method::POST, "", openid(&house)).await?;
    let sql = "select client_secret from auth.custom_oauth_providers";
    let kept = house.database.value(sql).await;
    assert!(kept.starts_with("v1.") && !kept.contains(SECRET));

    let read = admin(&house, Method::GET, "/custom:acme", Value::Null).await?;
    let listed = admin(&house, Method::GET, "?type=oidc", Value::Null).await?;

    assert_eq!(read.body.get("client_secret"), None);
    assert_eq!(listed.body["providers"], json!([read.body]));
    assert!(!listed.body.to_string().contains(&kept));
    Ok(())
}

#[tokio::test]
async fn provider_is_changed_field_by_field_switched_off_and_removed() -> anyhow::Result<()> {
    let house = house().await;
    admin(&house, Method::POST, "", openid(&house)).await?;

    let changed = json!({ "name": "Acme Inc.", "enabled": false });
    let changed = admin(&house, Method::PUT, "/custom:acme", changed).await?;

    assert_eq!((changed.status.as_u16(), changed.text("name")), (200, "Acme Inc."));
    assert_eq!(changed.body["scopes"], json!(["openid", "email"]));
    let path = format!("/authorize?{}", pkce("custom:acme"));
    let off = send(request(&house.server, Method::GET, &path)).await?;
    assert_eq!(off.text("message"), "Unsupported provider: provider is not enabled");

    let gone = admin(&house, Method::DELETE, "/custom:acme", Value::Null).await?;
    assert_eq!(gone.status, 204);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let gone = admin(&house, method, "/custom:acme", json!({})).await?;
        assert_eq!(gone.refusal(), (404, "custom_provider_not_found"));
    }
    Ok(())
}

#[tokio::test]
async fn what_makes_no_provider_is_refused() -> anyhow::Result<()> {
    let house = house().await;
    assert_eq!(admin(&house, Method::POST, "", openid(&house)).await?.status, 201);
    let taken = admin(&house, Method::POST, "", openid(&house)).await?;
    assert_eq!(taken.refusal(), (400, "conflict"));
    for (field, value) in [
        ("provider_type", json!("saml")),
        ("identifier", json!("")),
        ("identifier", json!("acme")),
        ("identifier", json!("custom:A/B")),
        ("name", json!("")),
        ("client_id", json!("")),
        ("client_secret", json!("")),
        ("issuer", json!("")),
        ("issuer", json!("http://169.254.169.254/")),
        ("issuer", json!("https://10.0.0.1/")),
        ("discovery_url", json!("file:///etc/passwd")),
        ("authorization_params", json!({ "state": "mine" })),
        ("authorization_params", json!({ "prompt": 5 })),
        ("attribute_mapping", json!({ "role": "groups" })),
        ("name", json!("x".repeat(3000))),
    ] {
        let mut body = openid(&house);
        body["identifier"] = json!("custom:other");
        body[field] = value;
        let reply = admin(&house, Method::POST, "", body.clone()).await?;
        assert_eq!(reply.refusal(), (400, "validation_failed"), "{body}");
    }
    for path in ["?type=saml", "/acme"] {
        let reply = admin(&house, Method::GET, path, Value::Null).await?;
        assert_eq!(reply.refusal(), (400, "validation_failed"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_service_adds_providers() -> anyhow::Result<()> {
    let house = house().await;
    let eve = house.enter("keycloak").await?;

    let path = "/admin/custom-providers";
    let asked = request(&house.server, Method::POST, path).json(&openid(&house));
    let reply = send(asked.bearer_auth(eve.text("access_token"))).await?;

    assert_eq!(reply.refusal(), (403, "not_admin"));
    Ok(())
}
