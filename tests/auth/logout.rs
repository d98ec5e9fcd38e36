//! POST /logout.

use super::{PASSWORD, get, house, log_out, refresh, sign_in};

const ANA: &str = "ana@example.com";

#[tokio::test]
async fn global_ends_every_session_of_this_person_only() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let this = sign_in(&server, ANA, PASSWORD).await?;
    let other = sign_in(&server, ANA, PASSWORD).await?;
    let bo = sign_in(&server, "bo@example.com", PASSWORD).await?;

    let reply = log_out(&server, "global", this.text("access_token")).await?;

    assert_eq!(reply.status, 204);
    let read = get(&server, "/user", this.text("access_token")).await?;
    assert_eq!(read.refusal(), (403, "session_not_found"));
    let refreshed = refresh(&server, other.text("refresh_token")).await?;
    assert_eq!(refreshed.refusal(), (400, "refresh_token_not_found"));
    assert_eq!(get(&server, "/user", bo.text("access_token")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn local_ends_this_session() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let this = sign_in(&server, ANA, PASSWORD).await?;
    let other = sign_in(&server, ANA, PASSWORD).await?;

    let reply = log_out(&server, "local", this.text("access_token")).await?;

    assert_eq!(reply.status, 204);
    assert_eq!(get(&server, "/user", this.text("access_token")).await?.status, 403);
    assert_eq!(get(&server, "/user", other.text("access_token")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn others_ends_all_but_this_session() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let this = sign_in(&server, ANA, PASSWORD).await?;
    let other = sign_in(&server, ANA, PASSWORD).await?;

    let reply = log_out(&server, "others", this.text("access_token")).await?;

    assert_eq!(reply.status, 204);
    assert_eq!(get(&server, "/user", this.text("access_token")).await?.status, 200);
    assert_eq!(get(&server, "/user", other.text("access_token")).await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn unknown_scope_ends_nothing() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let this = sign_in(&server, ANA, PASSWORD).await?;

    let reply = log_out(&server, "everything", this.text("access_token")).await?;

    assert_eq!(reply.refusal(), (400, "validation_failed"));
    assert_eq!(get(&server, "/user", this.text("access_token")).await?.status, 200);
    Ok(())
}
