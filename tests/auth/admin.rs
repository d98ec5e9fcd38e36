//! /admin/users.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, house, put, request, send, sign_in};
use crate::support::Server;

const ANA: &str = "/admin/users/a0000000-0000-4000-8000-00000000000a";
const NOBODY: &str = "/admin/users/e0000000-0000-4000-8000-00000000000e";

async fn create(server: &Server, user: Value) -> anyhow::Result<Reply> {
    let request = request(server, Method::POST, "/admin/users");
    send(request.bearer_auth(server.service_key()).json(&user)).await
}

async fn delete(server: &Server, path: &str, body: Value) -> anyhow::Result<Reply> {
    let request = request(server, Method::DELETE, path);
    send(request.bearer_auth(server.service_key()).json(&body)).await
}

#[tokio::test]
async fn only_the_service_key_opens_the_door() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;

    let service = get(&server, "/admin/users", &server.service_key()).await?;
    let person = get(&server, "/admin/users", ana.text("access_token")).await?;
    let anon = get(&server, "/admin/users", &server.anon_key()).await?;
    let nobody = send(request(&server, Method::GET, "/admin/users")).await?;

    assert_eq!(service.status, 200);
    assert_eq!(person.refusal(), (403, "not_admin"));
    assert_eq!(anon.refusal(), (403, "not_admin"));
    assert_eq!(nobody.refusal(), (401, "no_authorization"));
    Ok(())
}

#[tokio::test]
async fn created_user_signs_in_once_confirmed() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let user = json!({
        "id": "e0000000-0000-4000-8000-00000000000e",
        "email": "Eve@example.com",
        "password": PASSWORD,
        "email_confirm": true,
        "user_metadata": { "display_name": "Eve" },
        "app_metadata": { "plan": "gold" },
    });

    let made = create(&server, user).await?;

    assert_eq!(made.status, 200);
    assert_eq!(made.text("id"), "e0000000-0000-4000-8000-00000000000e");
    assert_eq!(made.body["app_metadata"]["plan"], "gold");
    assert_eq!(made.body["app_metadata"]["provider"], "email");
    assert_eq!(made.body["user_metadata"]["display_name"], "Eve");
    assert_eq!(sign_in(&server, "eve@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn imported_hash_opens_with_its_password() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let hash = "$2a$10$wHoLu6lD5s.wMbHE8q4yBOMZ7KnjqzfnG1lxA51OS6LOEH.mLR68e";
    let user = json!({ "email": "eve@example.com", "password_hash": hash, "email_confirm": true });

    let made = create(&server, user).await?;
    let strange =
        create(&server, json!({ "email": "x@example.com", "password_hash": "md5" })).await?;

    assert_eq!(made.status, 200);
    assert_eq!(sign_in(&server, "eve@example.com", PASSWORD).await?.status, 200);
    assert_eq!(strange.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn impossible_user_is_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let taken = create(&server, json!({ "email": "ana@example.com" })).await?;
    let id = json!({ "email": "x@example.com", "id": "a0000000-0000-4000-8000-00000000000a" });
    let id_taken = create(&server, id).await?;
    let no_id = create(&server, json!({ "email": "x@example.com", "id": "seven" })).await?;
    let nameless = create(&server, json!({})).await?;
    let phone = create(&server, json!({ "phone": "call me" })).await?;
    let ban = create(&server, json!({ "email": "x@example.com", "ban_duration": "long" })).await?;

    assert_eq!(taken.refusal(), (422, "email_exists"));
    assert_eq!(id_taken.refusal(), (422, "user_already_exists"));
    assert_eq!(no_id.refusal(), (400, "validation_failed"));
    assert_eq!(nameless.refusal(), (400, "validation_failed"));
    assert_eq!(phone.refusal(), (400, "validation_failed"));
    assert_eq!(ban.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn list_comes_in_pages() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let key = server.service_key();

    let first = get(&server, "/admin/users?page=1&per_page=3", &key).await?;
    let second = get(&server, "/admin/users?page=2&per_page=3", &key).await?;
    let all = get(&server, "/admin/users?page=&per_page=", &key).await?;
    let bad = get(&server, "/admin/users?page=0", &key).await?;

    assert_eq!(first.body["users"].as_array().map(Vec::len), Some(3));
    assert_eq!(first.header("x-total-count"), "4");
    assert_eq!(
        first.header("link"),
        "</admin/users?page=2&per_page=3>; rel=\"next\", </admin/users?page=2&per_page=3>; rel=\"last\""
    );
    assert_eq!(second.body["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(second.header("link"), "</admin/users?page=2&per_page=3>; rel=\"last\"");
    assert_eq!(all.body["users"].as_array().map(Vec::len), Some(4));
    assert_eq!(all.text("aud"), "authenticated");
    assert_eq!(bad.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn update_merges_and_a_new_password_ends_every_session() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let change = json!({
        "password": "a new one",
        "email": "anna@example.com",
        "app_metadata": { "plan": "gold" },
        "user_metadata": { "lang": "de" },
        "role": "moderator",
    });

    let changed = put(&server, ANA, &server.service_key(), change).await?;

    assert_eq!(changed.status, 200);
    assert_eq!(changed.text("email"), "anna@example.com");
    assert_eq!(changed.text("role"), "moderator");
    assert_eq!(changed.body["app_metadata"]["plan"], "gold");
    assert_eq!(changed.body["app_metadata"]["provider"], "email");
    assert_eq!(changed.body["user_metadata"]["display_name"], "Ana");
    let read = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(read.refusal(), (403, "session_not_found"));
    assert_eq!(sign_in(&server, "anna@example.com", "a new one").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn ban_is_set_and_lifted() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let key = server.service_key();

    let banned = put(&server, ANA, &key, json!({ "ban_duration": "876000h" })).await?;
    assert!(banned.body["banned_until"].is_string());
    let kept_out = sign_in(&server, "ana@example.com", PASSWORD).await?;
    assert_eq!(kept_out.refusal(), (400, "user_banned"));

    let lifted = put(&server, ANA, &key, json!({ "ban_duration": "none" })).await?;
    assert!(lifted.body.get("banned_until").is_none());
    assert_eq!(sign_in(&server, "ana@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn deleted_user_is_gone_and_their_token_with_them() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let user = json!({ "email": "eve@example.com", "password": PASSWORD, "email_confirm": true });
    let made = create(&server, user).await?;
    let session = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let path = format!("/admin/users/{}", made.text("id"));

    let deleted = delete(&server, &path, json!({ "should_soft_delete": false })).await?;

    assert_eq!(deleted.status, 200);
    assert_eq!(deleted.body, json!({}));
    let read = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(read.refusal(), (403, "user_not_found"));
    let again = get(&server, &path, &server.service_key()).await?;
    assert_eq!(again.refusal(), (404, "user_not_found"));
    Ok(())
}

#[tokio::test]
async fn softly_deleted_user_is_a_shell_and_the_address_is_free() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_in(&server, "ana@example.com", PASSWORD).await?;

    let deleted = delete(&server, ANA, json!({ "should_soft_delete": true })).await?;
    let again = delete(&server, ANA, json!({ "should_soft_delete": true })).await?;

    assert_eq!((deleted.status.as_u16(), again.status.as_u16()), (200, 200));
    let shell = get(&server, ANA, &server.service_key()).await?;
    assert!(shell.body["deleted_at"].is_string());
    assert_eq!(shell.body["user_metadata"], json!({}));
    assert!(!shell.body.to_string().contains("ana@example.com"));
    let read = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(read.refusal(), (403, "user_not_found"));
    let made = create(&server, json!({ "email": "ana@example.com" })).await?;
    assert_eq!(made.status, 200);
    Ok(())
}

#[tokio::test]
async fn unknown_and_impossible_ids_are_not_found() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let key = server.service_key();

    let unknown = get(&server, NOBODY, &key).await?;
    let changed = put(&server, NOBODY, &key, json!({})).await?;
    let deleted = delete(&server, NOBODY, json!({})).await?;
    let impossible = get(&server, "/admin/users/seven", &key).await?;

    assert_eq!(unknown.refusal(), (404, "user_not_found"));
    assert_eq!(changed.refusal(), (404, "user_not_found"));
    assert_eq!(deleted.refusal(), (404, "user_not_found"));
    assert_eq!(impossible.refusal(), (404, "validation_failed"));
    Ok(())
}
