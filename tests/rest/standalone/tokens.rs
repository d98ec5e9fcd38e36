//! Whom the dialect serves when it stands alone.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use walkie::identity::unix_now;

use super::{api, header};
use crate::support::{Answer, SECRET, Standalone};

async fn shown(api: &Standalone, authorization: &str) -> Answer {
    Answer::of(api.request(Method::GET, "/rpc/who").header("authorization", authorization)).await
}

#[tokio::test]
async fn refused_tokens_are_told_why() -> anyhow::Result<()> {
    let (_database, api) = api(&[("PGRST_JWT_AUD", "us")]).await;
    let signed = |claims: Value| format!("Bearer {}", Standalone::token(&claims));
    let headed = |header: &str| format!("Bearer {}.e30.eA", BASE64_URL_SAFE_NO_PAD.encode(header));
    let now = unix_now();
    let number = |claim: &str| format!("The JWT '{claim}' claim must be a number");
    let no_key = "No suitable key or wrong key type";
    let suitable = json!("No suitable key was found to decode the JWT");

    for (authorization, code, message, details) in [
        (
            "Bearer ".to_owned(),
            "PGRST301",
            "Empty JWT is sent in Authorization header",
            Value::Null,
        ),
        ("Bearer x".to_owned(), "PGRST301", "Expected 3 parts in JWT; got 1", Value::Null),
        ("bearer a.b".to_owned(), "PGRST301", "Expected 3 parts in JWT; got 2", Value::Null),
        ("Bearer !.b.c".to_owned(), "PGRST301", "JWT cryptographic operation failed", Value::Null),
        (headed("{}"), "PGRST301", "JWT couldn't be decoded", Value::Null),
        (headed(r#"{"alg":"RS256"}"#), "PGRST301", no_key, suitable.clone()),
        (headed(r#"{"alg":"HS256","kid":"k"}"#), "PGRST301", no_key, suitable),
        (
            headed(r#"{"alg":"HS256"}"#),
            "PGRST301",
            no_key,
            json!("None of the keys was able to decode the JWT"),
        ),
        (
            headed(r#"{"alg":"none"}"#),
            "PGRST301",
            "Wrong or unsupported encoding algorithm",
            json!("JWT is unsecured but expected 'alg' was not 'none'"),
        ),
        (signed(json!({ "exp": now - 31 })), "PGRST303", "JWT expired", Value::Null),
        (signed(json!({ "nbf": now + 60 })), "PGRST303", "JWT not yet valid", Value::Null),
        (signed(json!({ "iat": now + 60 })), "PGRST303", "JWT issued at future", Value::Null),
        (signed(json!({ "aud": "them" })), "PGRST303", "JWT not in audience", Value::Null),
        (signed(json!({ "exp": "x" })), "PGRST303", number("exp").as_str(), Value::Null),
        (signed(json!({ "iat": [] })), "PGRST303", number("iat").as_str(), Value::Null),
        (
            signed(json!({ "aud": 7 })),
            "PGRST303",
            "The JWT 'aud' claim must be a string or an array of strings",
            Value::Null,
        ),
        (signed(json!([1])), "PGRST303", "Parsing claims failed", Value::Null),
    ] {
        let answer = shown(&api, &authorization).await;
        let expected =
            json!({ "code": code, "message": message, "details": details, "hint": null });
        assert_eq!((answer.status.as_u16(), &answer.body), (401, &expected), "{authorization}");
        assert_eq!(
            header(&answer, "www-authenticate"),
            format!("Bearer error=\"invalid_token\", error_description=\"{message}\""),
        );
        assert_eq!(header(&answer, "proxy-status"), format!("PostgREST; error={code}"));
    }
    Ok(())
}

#[tokio::test]
async fn tokens_choose_the_role_and_strangers_have_theirs() -> anyhow::Result<()> {
    let (_database, api) = api(&[("PGRST_JWT_AUD", "us")]).await;
    let role = async |authorization: &str| shown(&api, authorization).await.body["role"].clone();
    let signed = |claims: Value| format!("bearer {}", Standalone::token(&claims));

    assert_eq!(api.get("/rpc/who").await.body["claims"], json!({ "role": "anon" }));
    assert_eq!(role("Basic YTpi").await, "anon");
    assert_eq!(role(&signed(json!({}))).await, "anon");
    let ana =
        json!({ "role": "authenticated", "sub": 7, "aud": ["x", "us"], "exp": unix_now() - 5 });
    // Twice: the second time the token is remembered.
    assert_eq!(role(&signed(ana.clone())).await, "authenticated");
    assert_eq!(shown(&api, &signed(ana.clone())).await.body["claims"], ana);
    let metrics = api.admin("metrics").await.text;
    assert!(metrics.contains("\npgrst_jwt_cache_hits_total 1\n"), "{metrics}");
    let unknown = shown(&api, &signed(json!({ "role": "nobody_at_all" }))).await;
    assert_eq!(unknown.status, 401, "{}", unknown.text);
    Ok(())
}

#[tokio::test]
async fn strangers_are_asked_to_sign_in_where_they_may_not() -> anyhow::Result<()> {
    let (_database, api) = api(&[]).await;
    let ana = format!("Bearer {}", Standalone::token(&json!({ "role": "authenticated" })));

    let stranger = api.get("/secrets").await;
    let inserting = api.request(Method::POST, "/secrets").header("authorization", &ana);
    let ana = Answer::of(inserting.json(&json!({ "id": 1 }))).await;

    assert_eq!((stranger.status.as_u16(), &stranger.body["code"]), (401, &json!("42501")));
    assert_eq!(header(&stranger, "www-authenticate"), "Bearer");
    assert_eq!((ana.status.as_u16(), &ana.body["code"]), (403, &json!("42501")));
    Ok(())
}

#[tokio::test]
async fn without_a_secret_or_a_role_for_strangers_somebody_is_missing() -> anyhow::Result<()> {
    let (_database, api) = api(&[("PGRST_JWT_SECRET", ""), ("PGRST_DB_ANON_ROLE", "")]).await;

    let stranger = api.get("/items").await;
    let signed = format!("Bearer {}", Standalone::token(&json!({ "role": "anon" })));
    let bearer = shown(&api, &signed).await;

    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.body["code"], "PGRST302");
    assert_eq!(stranger.body["message"], "Anonymous access is disabled");
    assert_eq!(header(&stranger, "www-authenticate"), "Bearer");
    assert_eq!((bearer.status.as_u16(), &bearer.body["code"]), (500, &json!("PGRST300")));
    assert_eq!(bearer.body["message"], "Server lacks JWT secret");
    Ok(())
}

#[tokio::test]
async fn secrets_may_be_base64_in_a_file_and_roles_anywhere() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{}\n", BASE64_STANDARD.encode(SECRET)))?;
    let (_database, api) = api(&[
        ("PGRST_JWT_SECRET", &format!("@{}", file.display())),
        ("PGRST_JWT_SECRET_IS_BASE64", "true"),
        ("PGRST_JWT_ROLE_CLAIM_KEY", "$.app.roles[?search(@, '^auth')]"),
        ("PGRST_APP_SETTINGS_COLOR", "blue"),
    ])
    .await;

    let claims = json!({ "app": { "roles": ["other", "authenticated"] } });
    let answer = shown(&api, &format!("Bearer {}", Standalone::token(&claims))).await;

    assert_eq!(answer.body["role"], "authenticated");
    assert_eq!(answer.body["claims"]["role"], "authenticated");
    assert_eq!(answer.body["setting"], "blue");
    Ok(())
}
