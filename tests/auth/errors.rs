//! How refusals are told.

use reqwest::Method;
use serde_json::json;

use super::{PASSWORD, get, house, post, request, send, sign_in};

#[tokio::test]
async fn new_shape_echoes_the_version() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let reply = sign_in(&server, "nobody@example.com", PASSWORD).await?;

    assert_eq!(
        reply.body,
        json!({ "code": "invalid_credentials", "message": "Invalid login credentials" })
    );
    assert_eq!(reply.header("x-supabase-api-version"), "2024-01-01");
    assert_eq!(reply.header("x-sb-error-code"), "invalid_credentials");
    Ok(())
}

#[tokio::test]
async fn old_shape_is_for_those_who_name_no_version() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let body = json!({ "email": "nobody@example.com", "password": PASSWORD });

    let request = server.request(Method::POST, "/auth/v1/token?grant_type=password");
    let reply = send(request.json(&body)).await?;

    assert_eq!(
        reply.body,
        json!({ "code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials" })
    );
    assert_eq!(reply.header("x-supabase-api-version"), "");
    assert_eq!(reply.header("x-sb-error-code"), "invalid_credentials");
    Ok(())
}

#[tokio::test]
async fn body_that_is_no_json_or_too_large_is_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let broken = send(request(&server, Method::POST, "/signup").body("{\"email\":")).await?;
    let list = post(&server, "/signup", json!(["eve@example.com", PASSWORD])).await?;
    let typed = post(&server, "/signup", json!({ "email": 5 })).await?;
    let large = post(&server, "/signup", json!({ "data": { "x": "x".repeat(1 << 20) } })).await?;
    let zero =
        json!({ "email": "eve@example.com", "password": PASSWORD, "data": { "x": "\u{0}" } });
    let zero = post(&server, "/signup", zero).await?;

    assert_eq!(broken.refusal(), (400, "bad_json"));
    assert_eq!(list.refusal(), (400, "bad_json"));
    assert_eq!(typed.refusal(), (400, "bad_json"));
    assert_eq!(large.refusal(), (413, "request_entity_too_large"));
    assert_eq!(zero.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn bearer_is_checked_in_order() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let token = ana.text("access_token");
    assert_eq!(get(&server, "/user", token).await?.status, 200);

    let none = send(request(&server, Method::GET, "/user")).await?;
    let garbage = get(&server, "/user", "no.token.atall").await?;
    let anon = get(&server, "/user", &server.anon_key()).await?;
    database.sql("delete from auth.sessions").await;
    let signed_out = get(&server, "/user", token).await?;
    database.sql("update auth.users set deleted_at = now()").await;
    let gone = get(&server, "/user", token).await?;

    assert_eq!(none.refusal(), (401, "no_authorization"));
    assert_eq!(garbage.refusal(), (403, "bad_jwt"));
    assert_eq!(anon.refusal(), (403, "bad_jwt"));
    assert_eq!(signed_out.refusal(), (403, "session_not_found"));
    assert_eq!(gone.refusal(), (403, "user_not_found"));
    Ok(())
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_dialect() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let path = post(&server, "/no/such/path", json!({})).await?;
    let method = send(request(&server, Method::DELETE, "/signup")).await?;

    assert_eq!(path.refusal(), (404, "feature_disabled"));
    assert_eq!(method.refusal(), (405, "feature_disabled"));
    assert_eq!(method.header("allow"), "POST");
    Ok(())
}

#[tokio::test]
async fn anybody_may_read_health_settings_and_keys() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let read = async |path: &str| send(request(&server, Method::GET, path)).await;

    let health = read("/health").await?;
    let settings = read("/settings").await?;
    let keys = read("/.well-known/jwks.json").await?;

    assert_eq!(health.text("name"), "GoTrue");
    assert_eq!(settings.body["external"]["email"], true);
    assert_eq!(settings.body["external"]["phone"], false);
    assert_eq!(settings.body["disable_signup"], false);
    assert_eq!(keys.body, json!({ "keys": [] }));
    assert_eq!(keys.header("cache-control"), "public, max-age=600");
    Ok(())
}

#[tokio::test]
async fn fault_of_the_set_up_is_told_by_an_id_only() -> anyhow::Result<()> {
    let (database, server) = house().await;
    database.sql("revoke select on auth.users from supabase_auth_admin").await;

    let reply = sign_in(&server, "ana@example.com", PASSWORD).await?;

    assert_eq!(reply.refusal(), (500, "unexpected_failure"));
    assert_eq!(reply.text("error_id"), reply.header("x-request-id"));
    assert!(!reply.body.to_string().contains("permission"));
    Ok(())
}
