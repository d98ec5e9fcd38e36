//! POST /token.

use reqwest::Method;
use serde_json::json;

use super::{PASSWORD, get, house, post, refresh, request, send, sign_in, sign_up};

/// Makes every refresh token look as if it was last touched a minute ago.
const A_MINUTE_PASSES: &str =
    "update auth.refresh_tokens set updated_at = updated_at - interval '1 minute'";

#[tokio::test]
async fn right_password_opens_and_wrong_one_does_not() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    sign_up(&server, "eve@example.com").await?;

    let right = sign_in(&server, "Eve@example.com", PASSWORD).await?;
    let wrong = sign_in(&server, "eve@example.com", "walkie-Demo").await?;
    let nobody = sign_in(&server, "nobody@example.com", PASSWORD).await?;

    assert_eq!(right.status, 200);
    assert!(right.body["user"]["last_sign_in_at"].is_string());
    assert_eq!(wrong.refusal(), (400, "invalid_credentials"));
    assert_eq!(nobody.refusal(), wrong.refusal());
    assert_eq!(nobody.text("message"), wrong.text("message"));
    Ok(())
}

#[tokio::test]
async fn seeded_bcrypt_password_opens_and_becomes_argon2id() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let kept = "select left(encrypted_password, 9) from auth.users where email = 'ana@example.com'";
    assert_eq!(database.rows(kept).await, [[Some("$2a$10$wH".to_owned())]]);

    let first = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let second = sign_in(&server, "ana@example.com", PASSWORD).await?;

    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(database.rows(kept).await, [[Some("$argon2id".to_owned())]]);
    Ok(())
}

#[tokio::test]
async fn parallel_sign_ins_all_open_although_one_replaces_the_hash() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let (one, two, three) = tokio::try_join!(
        sign_in(&server, "ana@example.com", PASSWORD),
        sign_in(&server, "ana@example.com", PASSWORD),
        sign_in(&server, "ana@example.com", PASSWORD)
    )?;

    let statuses = [one.status.as_u16(), two.status.as_u16(), three.status.as_u16()];
    assert_eq!(statuses, [200, 200, 200]);
    Ok(())
}

#[tokio::test]
async fn form_is_understood() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let form = "grant_type=password&email=ana%40example.com&password=walkie-demo";

    let reply = send(
        request(&server, Method::POST, "/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
    )
    .await?;

    assert_eq!(reply.status, 200);
    Ok(())
}

#[tokio::test]
async fn banned_and_unconfirmed_do_not_get_in() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_in(&server, "ana@example.com", PASSWORD).await?;
    database
        .sql(
            "update auth.users set banned_until = now() + interval '1 day' where email = 'ana@example.com';
             update auth.users set email_confirmed_at = null where email = 'bo@example.com'",
        )
        .await;

    let banned = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let refreshed = refresh(&server, session.text("refresh_token")).await?;
    let read = get(&server, "/user", session.text("access_token")).await?;
    let unconfirmed = sign_in(&server, "bo@example.com", PASSWORD).await?;

    assert_eq!(banned.refusal(), (400, "user_banned"));
    assert_eq!(refreshed.refusal(), (400, "user_banned"));
    assert_eq!(read.refusal(), (403, "user_banned"));
    assert_eq!(unconfirmed.refusal(), (400, "email_not_confirmed"));
    Ok(())
}

#[tokio::test]
async fn weak_password_of_old_times_opens_with_a_warning() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let user = json!({ "email": "eve@example.com", "password": "tiny", "email_confirm": true });
    let made = send(
        request(&server, Method::POST, "/admin/users")
            .bearer_auth(server.service_key())
            .json(&user),
    )
    .await?;
    assert_eq!(made.status, 200);

    let reply = sign_in(&server, "eve@example.com", "tiny").await?;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["weak_password"]["reasons"], json!(["length"]));
    Ok(())
}

#[tokio::test]
async fn refresh_gives_new_tokens_of_the_same_session() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let first = sign_up(&server, "eve@example.com").await?;

    let second = refresh(&server, first.text("refresh_token")).await?;
    let third = refresh(&server, second.text("refresh_token")).await?;

    assert_eq!(third.status, 200);
    assert_ne!(second.text("refresh_token"), first.text("refresh_token"));
    assert_ne!(third.text("refresh_token"), second.text("refresh_token"));
    assert_eq!(get(&server, "/user", third.text("access_token")).await?.status, 200);
    let sessions = "select count(*) from auth.sessions";
    assert_eq!(database.rows(sessions).await, [[Some("1".to_owned())]]);
    Ok(())
}

#[tokio::test]
async fn lost_answer_is_given_again_however_late() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let first = sign_up(&server, "eve@example.com").await?;
    let second = refresh(&server, first.text("refresh_token")).await?;
    database.sql(A_MINUTE_PASSES).await;

    let again = refresh(&server, first.text("refresh_token")).await?;

    assert_eq!(again.status, 200);
    assert_eq!(again.text("refresh_token"), second.text("refresh_token"));
    Ok(())
}

#[tokio::test]
async fn tab_that_lags_behind_a_moment_is_told_the_present_token() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let first = sign_up(&server, "eve@example.com").await?;
    let second = refresh(&server, first.text("refresh_token")).await?;
    let third = refresh(&server, second.text("refresh_token")).await?;

    let lagging = refresh(&server, first.text("refresh_token")).await?;

    assert_eq!(lagging.status, 200);
    assert_eq!(lagging.text("refresh_token"), third.text("refresh_token"));
    Ok(())
}

#[tokio::test]
async fn old_token_ends_the_whole_family() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let first = sign_up(&server, "eve@example.com").await?;
    let second = refresh(&server, first.text("refresh_token")).await?;
    let third = refresh(&server, second.text("refresh_token")).await?;
    database.sql(A_MINUTE_PASSES).await;

    let stolen = refresh(&server, first.text("refresh_token")).await?;
    let present = refresh(&server, third.text("refresh_token")).await?;

    assert_eq!(stolen.refusal(), (400, "refresh_token_already_used"));
    assert_eq!(present.refusal(), (400, "refresh_token_already_used"));
    Ok(())
}

#[tokio::test]
async fn parallel_refreshes_agree_on_one_successor() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let first = sign_up(&server, "eve@example.com").await?;
    let token = first.text("refresh_token");

    let (one, two, three, four) = tokio::try_join!(
        refresh(&server, token),
        refresh(&server, token),
        refresh(&server, token),
        refresh(&server, token)
    )?;

    assert_eq!(one.status, 200);
    assert_eq!(one.text("refresh_token"), two.text("refresh_token"));
    assert_eq!(two.text("refresh_token"), three.text("refresh_token"));
    assert_eq!(three.text("refresh_token"), four.text("refresh_token"));
    let active = "select count(*) from auth.refresh_tokens where not revoked";
    assert_eq!(database.rows(active).await, [[Some("1".to_owned())]]);
    Ok(())
}

#[tokio::test]
async fn what_is_no_refresh_token_is_told_apart() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let missing = post(&server, "/token?grant_type=refresh_token", json!({})).await?;
    let short = refresh(&server, "short").await?;
    let unknown = refresh(&server, "abcdefghijklmnop").await?;

    assert_eq!(missing.status, 400);
    assert_eq!(missing.text("error"), "invalid_request");
    assert_eq!(short.refusal(), (400, "validation_failed"));
    assert_eq!(unknown.refusal(), (400, "refresh_token_not_found"));
    Ok(())
}

#[tokio::test]
async fn session_past_its_end_is_not_refreshed() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    database.sql("update auth.sessions set not_after = now()").await;

    let reply = refresh(&server, session.text("refresh_token")).await?;

    assert_eq!(reply.refusal(), (400, "session_expired"));
    Ok(())
}

#[tokio::test]
async fn other_grants_are_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let unknown = post(&server, "/token?grant_type=magic", json!({})).await?;
    let phone = json!({ "phone": "4912345", "password": PASSWORD });
    let phone = post(&server, "/token?grant_type=password", phone).await?;
    let nothing = post(&server, "/token?grant_type=password", json!({})).await?;

    assert_eq!(unknown.refusal(), (400, "invalid_credentials"));
    assert_eq!(unknown.text("message"), "unsupported_grant_type");
    assert_eq!(phone.refusal(), (400, "phone_provider_disabled"));
    assert_eq!(nothing.refusal(), (400, "validation_failed"));
    Ok(())
}
