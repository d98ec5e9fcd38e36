//! GET and PUT /user.

use serde_json::json;

use super::{PASSWORD, get, house, put, refresh, sign_in, sign_up};

#[tokio::test]
async fn person_reads_their_own_account() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;

    let reply = get(&server, "/user", session.text("access_token")).await?;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, session.body["user"]);
    Ok(())
}

#[tokio::test]
async fn data_is_merged_and_null_removes() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    put(&server, "/user", token, json!({ "data": { "tint": "blue", "deep": { "a": null } } }))
        .await?;

    let data = json!({ "data": { "tint": null, "lang": "de" } });
    let reply = put(&server, "/user", token, data).await?;

    assert_eq!(reply.status, 200);
    let metadata = &reply.body["user_metadata"];
    assert_eq!(metadata["lang"], "de");
    assert!(metadata.get("tint").is_none());
    assert_eq!(metadata["deep"], json!({ "a": null }));
    Ok(())
}

#[tokio::test]
async fn metadata_that_no_token_can_carry_is_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");

    let reply = put(&server, "/user", token, json!({ "data": { "x": "x".repeat(8192) } })).await?;

    assert_eq!(reply.refusal(), (400, "validation_failed"));
    assert_eq!(get(&server, "/user", token).await?.body, session.body["user"]);
    Ok(())
}

#[tokio::test]
async fn new_password_ends_other_sessions_and_opens_from_now_on() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let other = sign_up(&server, "eve@example.com").await?;
    let this = sign_in(&server, "eve@example.com", PASSWORD).await?;

    let changed =
        put(&server, "/user", this.text("access_token"), json!({ "password": "a new one" }))
            .await?;

    assert_eq!(changed.status, 200);
    let others = get(&server, "/user", other.text("access_token")).await?;
    assert_eq!(others.refusal(), (403, "session_not_found"));
    assert_eq!(get(&server, "/user", this.text("access_token")).await?.status, 200);
    assert_eq!(refresh(&server, this.text("refresh_token")).await?.status, 200);
    assert_eq!(sign_in(&server, "eve@example.com", "a new one").await?.status, 200);
    let old = sign_in(&server, "eve@example.com", PASSWORD).await?;
    assert_eq!(old.refusal(), (400, "invalid_credentials"));
    Ok(())
}

#[tokio::test]
async fn new_password_must_be_new_and_strong() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");

    let same = put(&server, "/user", token, json!({ "password": PASSWORD })).await?;
    let weak = put(&server, "/user", token, json!({ "password": "" })).await?;

    assert_eq!(same.refusal(), (422, "same_password"));
    assert_eq!(weak.refusal(), (422, "weak_password"));
    Ok(())
}

#[tokio::test]
async fn new_address_counts_at_once_unless_it_is_taken() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");

    let taken = put(&server, "/user", token, json!({ "email": "Ana@example.com" })).await?;
    let free = put(&server, "/user", token, json!({ "email": "Evelyn@example.com" })).await?;

    assert_eq!(taken.refusal(), (422, "email_exists"));
    assert_eq!(free.body["email"], "evelyn@example.com");
    assert_eq!(free.body["identities"][0]["email"], "evelyn@example.com");
    assert_eq!(free.body["user_metadata"]["email"], "evelyn@example.com");
    assert_eq!(sign_in(&server, "evelyn@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn nobody_gives_themselves_rights() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");

    let metadata =
        put(&server, "/user", token, json!({ "app_metadata": { "admin": true } })).await?;
    let role = put(&server, "/user", token, json!({ "role": "service_role" })).await?;

    assert_eq!(metadata.refusal(), (403, "not_admin"));
    assert_eq!(role.refusal(), (403, "not_admin"));
    let user = get(&server, "/user", token).await?;
    assert_eq!(user.body["role"], "authenticated");
    Ok(())
}
