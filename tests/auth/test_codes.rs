//! Numbers of nobody, for those who test an app.

use serde_json::json;

use super::factors::claims;
use super::{Reply, get, post, post_as, sign_up};
use crate::support::{Database, Server};

const NUMBER: &str = "15552368";

const FLAGS: [&str; 2] = ["--auth-sms-test-otp", "15552368=424242,15552369=434343"];

async fn show(server: &Server, code: &str) -> anyhow::Result<Reply> {
    post(server, "/verify", json!({ "type": "sms", "phone": NUMBER, "token": code })).await
}

#[tokio::test]
async fn number_of_nobody_signs_in_with_its_code_and_no_text_is_sent() -> anyhow::Result<()> {
    let database = Database::new().await;
    let server = Server::start_with(&database, &FLAGS).await;
    let asked = post(&server, "/otp", json!({ "phone": NUMBER })).await?;
    assert_eq!(asked.status, 200, "{}", asked.body);

    assert_eq!(show(&server, "123456").await?.refusal(), (403, "otp_expired"));
    let session = show(&server, "424242").await?;
    assert_eq!(session.status, 200, "{}", session.body);
    assert_eq!(session.body["user"]["phone"], NUMBER);
    assert_eq!(show(&server, "424242").await?.refusal(), (403, "otp_expired"), "it counts once");

    let other = post(&server, "/otp", json!({ "phone": "15552300" })).await?;
    assert_eq!(other.refusal(), (400, "phone_provider_disabled"), "nobody can text the others");
    Ok(())
}

#[tokio::test]
async fn number_of_nobody_is_a_second_factor_too() -> anyhow::Result<()> {
    let database = Database::new().await;
    let server = Server::start_with(&database, &FLAGS).await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let body = json!({ "factor_type": "phone", "phone": NUMBER });
    let factor = post_as(&server, "/factors", token, body).await?;
    let id = factor.text("id");
    let asked = post_as(&server, &format!("/factors/{id}/challenge"), token, json!({})).await?;

    let body = json!({ "challenge_id": asked.text("id"), "code": "424242" });
    let raised = post_as(&server, &format!("/factors/{id}/verify"), token, body).await?;

    assert_eq!(raised.status, 200, "{}", raised.body);
    assert_eq!(claims(raised.text("access_token"))["aal"], "aal2");
    Ok(())
}

#[tokio::test]
async fn codes_of_nobody_end_when_the_operator_said() -> anyhow::Result<()> {
    let database = Database::new().await;
    let until = ["--auth-sms-test-otp-valid-until", "2020-01-31T00:00:00Z"];
    let server = Server::start_with(&database, &[&FLAGS[..], &until].concat()).await;
    let settings = get(&server, "/settings", &server.anon_key()).await?;
    assert_eq!(settings.body["external"]["phone"], true);

    let asked = post(&server, "/otp", json!({ "phone": NUMBER })).await?;

    assert_eq!(asked.refusal(), (400, "phone_provider_disabled"));
    Ok(())
}
