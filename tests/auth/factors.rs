//! Second factors that are codes of an app: /factors.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, house, post_as, put, refresh, request, send, sign_in, sign_up};
use crate::support::{App, Database, Server};

/// Lets codes count that were used before.
pub const CODES_ARE_FRESH: &str = "update auth.mfa_factors set last_used_step = null";

/// The claims of an access token.
pub fn claims(token: &str) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(1).expect("three parts");
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("claims")
}

/// A new factor and the app that was told its secret.
pub async fn enroll(server: &Server, token: &str, name: &str) -> anyhow::Result<(String, App)> {
    let body = json!({ "factor_type": "totp", "friendly_name": name });
    let reply = post_as(server, "/factors", token, body).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.body);
    let secret = reply.body["totp"]["secret"].as_str().unwrap_or_default();
    Ok((reply.text("id").to_owned(), App::new(secret)))
}

/// Asks a factor and answers.
pub async fn answer(server: &Server, token: &str, id: &str, code: &str) -> anyhow::Result<Reply> {
    let asked = post_as(server, &format!("/factors/{id}/challenge"), token, json!({})).await?;
    anyhow::ensure!(asked.status == 200, "{}", asked.body);
    let body = json!({ "challenge_id": asked.text("id"), "code": code });
    post_as(server, &format!("/factors/{id}/verify"), token, body).await
}

/// Eve with an app: her session at the second level, her factor, and the app.
pub async fn eve(server: &Server) -> anyhow::Result<(Reply, String, App)> {
    let session = sign_up(server, "eve@example.com").await?;
    let (id, app) = enroll(server, session.text("access_token"), "phone").await?;
    let raised = answer(server, session.text("access_token"), &id, &app.code(0)).await?;
    anyhow::ensure!(raised.status == 200, "{}", raised.body);
    Ok((raised, id, app))
}

async fn unenroll(server: &Server, token: &str, id: &str) -> anyhow::Result<Reply> {
    send(request(server, Method::DELETE, &format!("/factors/{id}")).bearer_auth(token)).await
}

#[tokio::test]
async fn new_factor_comes_with_a_secret_and_its_picture() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let body = json!({ "factor_type": "totp", "friendly_name": "phone", "issuer": "Walkie" });

    let reply = post_as(&server, "/factors", session.text("access_token"), body).await?;

    assert_eq!(reply.status, 200);
    assert_eq!((reply.text("type"), reply.text("friendly_name")), ("totp", "phone"));
    let totp = &reply.body["totp"];
    let secret = totp["secret"].as_str().unwrap_or_default();
    let uri = totp["uri"].as_str().unwrap_or_default();
    assert!(uri.starts_with("otpauth://totp/Walkie:eve%40example.com?"), "{uri}");
    assert!(uri.contains(secret) && uri.contains("issuer=Walkie"), "{uri}");
    assert!(totp["qr_code"].as_str().is_some_and(|picture| picture.contains("<svg")));
    let kept = database.value("select secret from auth.mfa_factors").await;
    assert!(kept.starts_with("v1.") && !kept.contains(secret), "{kept}");
    let user = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(user.body["factors"][0]["status"], "unverified");
    assert_eq!(user.body["factors"][0]["secret"], Value::Null);
    Ok(())
}

// AUT-05
#[tokio::test]
async fn right_code_raises_the_session_and_ends_the_others() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let other = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let token = session.text("access_token");
    let (id, app) = enroll(&server, token, "phone").await?;
    let (left, _) = enroll(&server, token, "tablet").await?;

    let raised = answer(&server, token, &id, &app.code(0)).await?;

    assert_eq!(raised.status, 200);
    let (before, after) = (claims(token), claims(raised.text("access_token")));
    assert_eq!((&before["aal"], &after["aal"]), (&json!("aal1"), &json!("aal2")));
    assert_eq!(after["session_id"], before["session_id"]);
    assert_eq!(after["amr"][0]["method"], "totp");
    assert_eq!(after["amr"][1]["method"], "password");
    let factors = raised.body["user"]["factors"].as_array().expect("factors");
    assert_eq!((factors.len(), &factors[0]["status"]), (1, &json!("verified")));
    assert_ne!(factors[0]["id"], json!(left));
    let ended = get(&server, "/user", other.text("access_token")).await?;
    assert_eq!(ended.refusal(), (403, "session_not_found"));
    let refreshed = refresh(&server, raised.text("refresh_token")).await?;
    assert_eq!(claims(refreshed.text("access_token"))["aal"], "aal2");
    Ok(())
}

#[tokio::test]
async fn refresh_token_of_before_gives_the_present_one() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let (id, app) = enroll(&server, token, "phone").await?;
    let raised = answer(&server, token, &id, &app.code(0)).await?;

    let late = refresh(&server, session.text("refresh_token")).await?;
    let next = refresh(&server, raised.text("refresh_token")).await?;
    let later = refresh(&server, session.text("refresh_token")).await?;

    assert_eq!(late.text("refresh_token"), raised.text("refresh_token"));
    assert_eq!(later.text("refresh_token"), next.text("refresh_token"));
    Ok(())
}

// AUT-05
#[tokio::test]
async fn code_opens_once() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let (id, app) = enroll(&server, token, "phone").await?;
    let code = app.code(0);
    let first = answer(&server, token, &id, &code).await?;
    assert_eq!(first.status, 200);
    let token = first.text("access_token");

    let again = answer(&server, token, &id, &code).await?;
    let older = answer(&server, token, &id, &app.code(-1)).await?;
    database.sql(CODES_ARE_FRESH).await;
    let fresh = answer(&server, token, &id, &code).await?;

    assert_eq!(again.refusal(), (422, "mfa_verification_failed"));
    assert_eq!(older.refusal(), (422, "mfa_verification_failed"));
    assert_eq!(fresh.status, 200);
    Ok(())
}

#[tokio::test]
async fn factor_rests_after_ten_wrong_codes() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let (id, app) = enroll(&server, token, "phone").await?;
    let asked = post_as(&server, &format!("/factors/{id}/challenge"), token, json!({})).await?;
    let verify = async |code: String| {
        let body = json!({ "challenge_id": asked.text("id"), "code": code });
        post_as(&server, &format!("/factors/{id}/verify"), token, body).await
    };
    for _ in 0..10 {
        let wrong = verify(app.wrong_code()).await?;
        assert_eq!(wrong.refusal(), (422, "mfa_verification_failed"));
        assert_eq!(wrong.text("message"), "Invalid TOTP code entered");
    }

    let right = verify(app.code(0)).await?;
    database.sql("update auth.mfa_factors set locked_until = now()").await;
    let rested = verify(app.code(0)).await?;

    assert_eq!(right.refusal(), (429, "over_request_rate_limit"));
    assert_eq!(rested.status, 200);
    Ok(())
}

#[tokio::test]
async fn challenge_is_for_its_factor_its_time_and_one_answer() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let (id, app) = enroll(&server, token, "phone").await?;
    let (other, _) = enroll(&server, token, "tablet").await?;
    let ask =
        async || post_as(&server, &format!("/factors/{id}/challenge"), token, json!({})).await;
    let verify = async |factor: &str, challenge: &Reply| {
        let body = json!({ "challenge_id": challenge.text("id"), "code": app.code(0) });
        post_as(&server, &format!("/factors/{factor}/verify"), token, body).await
    };

    let asked = ask().await?;
    let expires_in =
        asked.body["expires_at"].as_i64().unwrap_or_default() - walkie::identity::unix_now();
    let strange = verify(&other, &asked).await?;
    database.sql("update auth.mfa_challenges set ip_address = '203.0.113.9'").await;
    let elsewhere = verify(&id, &asked).await?;
    let asked = ask().await?;
    database.sql("update auth.mfa_challenges set created_at = now() - interval '5 minutes'").await;
    let late = verify(&id, &asked).await?;
    let asked = ask().await?;
    let right = verify(&id, &asked).await?;
    let again = verify(&id, &asked).await?;

    assert!((290..=300).contains(&expires_in), "{expires_in}");
    assert_eq!(strange.refusal(), (404, "mfa_factor_not_found"));
    assert_eq!(elsewhere.refusal(), (422, "mfa_ip_address_mismatch"));
    assert_eq!(late.refusal(), (422, "mfa_challenge_expired"));
    assert_eq!(right.status, 200);
    assert_eq!(again.refusal(), (422, "mfa_challenge_expired"));
    Ok(())
}

#[tokio::test]
async fn first_level_changes_nothing_that_a_factor_guards() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, id, app) = eve(&server).await?;
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let token = low.text("access_token");

    let password = put(&server, "/user", token, json!({ "password": "another-one" })).await?;
    let email = put(&server, "/user", token, json!({ "email": "eva@example.com" })).await?;
    let data = put(&server, "/user", token, json!({ "data": { "theme": "dark" } })).await?;
    let body = json!({ "factor_type": "totp", "friendly_name": "tablet" });
    let more = post_as(&server, "/factors", token, body).await?;
    let less = unenroll(&server, token, &id).await?;
    let high =
        put(&server, "/user", raised.text("access_token"), json!({ "password": "another-one" }));
    let high = high.await?;
    let shown = answer(&server, raised.text("access_token"), &id, &app.code(1)).await?;

    assert_eq!(password.refusal(), (401, "insufficient_aal"));
    assert_eq!(email.refusal(), (401, "insufficient_aal"));
    assert_eq!(data.status, 200);
    assert_eq!(more.refusal(), (403, "insufficient_aal"));
    assert_eq!(less.refusal(), (422, "insufficient_aal"));
    assert_eq!(high.status, 200);
    assert_eq!(shown.status, 200);
    Ok(())
}

#[tokio::test]
async fn session_falls_back_when_its_factor_goes() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, id, _) = eve(&server).await?;

    let gone = unenroll(&server, raised.text("access_token"), &id).await?;
    let refreshed = refresh(&server, raised.text("refresh_token")).await?;

    assert_eq!((gone.status.as_u16(), gone.text("id")), (200, id.as_str()));
    let claims = claims(refreshed.text("access_token"));
    assert_eq!(claims["aal"], "aal1");
    assert_eq!(claims["amr"].as_array().map(Vec::len), Some(1));
    assert_eq!(refreshed.body["user"]["factors"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn names_kinds_and_numbers_of_factors_are_checked() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    enroll(&server, token, "phone").await?;
    let add = async |body: Value| post_as(&server, "/factors", token, body).await;

    let same = add(json!({ "factor_type": "totp", "friendly_name": "phone" })).await?;
    let unknown = add(json!({ "factor_type": "smoke signals" })).await?;
    let none = add(json!({})).await?;
    let phone = add(json!({ "factor_type": "phone", "phone": "49151234567" })).await?;
    for _ in 1..10 {
        enroll(&server, token, "").await?;
    }
    let many = add(json!({ "factor_type": "totp" })).await?;
    let strange = post_as(&server, "/factors/nonsense/challenge", token, json!({})).await?;

    assert_eq!(same.refusal(), (422, "mfa_factor_name_conflict"));
    assert_eq!(unknown.refusal(), (400, "validation_failed"));
    assert_eq!(none.refusal(), (400, "validation_failed"));
    assert_eq!(phone.refusal(), (422, "mfa_phone_enroll_not_enabled"));
    assert_eq!(many.refusal(), (422, "too_many_enrolled_mfa_factors"));
    assert_eq!(strange.refusal(), (404, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn factors_that_never_answered_make_room() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    enroll(&server, token, "phone").await?;
    database.sql("update auth.mfa_factors set created_at = now() - interval '6 minutes'").await;

    enroll(&server, token, "phone").await?;

    assert_eq!(database.value("select count(*)::text from auth.mfa_factors").await, "1");
    Ok(())
}

#[tokio::test]
async fn nobody_reaches_the_factors_of_others() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (_, id, _) = eve(&server).await?;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let token = ana.text("access_token");

    let asked = post_as(&server, &format!("/factors/{id}/challenge"), token, json!({})).await?;
    let removed = unenroll(&server, token, &id).await?;

    assert_eq!(asked.refusal(), (404, "mfa_factor_not_found"));
    assert_eq!(removed.refusal(), (404, "mfa_factor_not_found"));
    Ok(())
}

#[tokio::test]
async fn operator_sees_renames_and_removes_factors() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, id, _) = eve(&server).await?;
    let user = raised.body["user"]["id"].as_str().unwrap_or_default();
    let path = format!("/admin/users/{user}/factors");
    let key = server.service_key();

    let listed = get(&server, &path, &key).await?;
    let renamed =
        put(&server, &format!("{path}/{id}"), &key, json!({ "friendly_name": "old" })).await?;
    let own = get(&server, &path, raised.text("access_token")).await?;
    let delete = request(&server, Method::DELETE, &format!("{path}/{id}")).bearer_auth(&key);
    let removed = send(delete).await?;
    let refreshed = refresh(&server, raised.text("refresh_token")).await?;

    assert_eq!(listed.body[0]["id"], json!(id));
    assert_eq!(renamed.text("friendly_name"), "old");
    assert_eq!(own.refusal(), (403, "not_admin"));
    assert_eq!((removed.status.as_u16(), removed.text("id")), (200, id.as_str()));
    assert_eq!(claims(refreshed.text("access_token"))["aal"], "aal1");
    Ok(())
}

#[tokio::test]
async fn kinds_that_the_operator_left_out_are_not_offered() -> anyhow::Result<()> {
    let database = Database::new().await;
    let flags = ["--auth-mfa-enroll", "webauthn", "--auth-mfa-verify", "webauthn"];
    let server = Server::start_with(&database, &flags).await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");

    let totp = post_as(&server, "/factors", token, json!({ "factor_type": "totp" })).await?;
    let codes = post_as(&server, "/factors/recovery-codes", token, json!({})).await?;
    let code = json!({ "code": "0000000000000000" });
    let shown = post_as(&server, "/factors/recovery-codes/verify", token, code).await?;

    assert_eq!(totp.refusal(), (422, "mfa_totp_enroll_not_enabled"));
    assert_eq!(codes.refusal(), (422, "mfa_recovery_codes_enroll_not_enabled"));
    assert_eq!(shown.refusal(), (422, "mfa_recovery_codes_verify_not_enabled"));
    Ok(())
}
