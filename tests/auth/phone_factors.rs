//! Second factors that are codes on a phone.

use serde_json::json;

use super::factors::claims;
use super::{house, post_as, sign_up};
use crate::support::{Database, Server};

/// A server whose texts a table takes.
async fn texting() -> (Database, Server) {
    let database = Database::new().await;
    database
        .sql(
            "create table public.texts (id bigserial, phone text, code text);
             create function public.send_text(event jsonb) returns jsonb language plpgsql
             security definer set search_path = '' as $hook$
             begin
               insert into public.texts (phone, code)
               values (event #>> '{sms,phone}', event #>> '{sms,otp}');
               return '{}';
             end
             $hook$;
             grant execute on function public.send_text(jsonb) to supabase_auth_admin",
        )
        .await;
    let flags = ["--auth-hook-send-sms", "public.send_text", "--auth-sms-every-seconds", "0"];
    let server = Server::start_with(&database, &flags).await;
    (database, server)
}

#[tokio::test]
async fn code_of_a_phone_raises_the_session() -> anyhow::Result<()> {
    let (database, server) = texting().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let body = json!({ "factor_type": "phone", "friendly_name": "mine", "phone": "+1 555 2368" });
    let factor = post_as(&server, "/factors", token, body).await?;
    assert_eq!((factor.status.as_u16(), factor.text("type")), (200, "phone"), "{}", factor.body);
    assert_eq!((factor.text("phone"), factor.text("friendly_name")), ("15552368", "mine"));
    let id = factor.text("id");

    let asked = post_as(&server, &format!("/factors/{id}/challenge"), token, json!({})).await?;
    assert_eq!((asked.status.as_u16(), asked.text("type")), (200, "phone"), "{}", asked.body);
    let last = "select phone || ' ' || code from public.texts order by id desc limit 1";
    let sent = database.value(last).await;
    let (phone, code) = sent.split_once(' ').expect("number and code");
    assert_eq!(phone, "15552368");
    let kept = database.value("select otp_code from auth.mfa_challenges").await;
    assert!(!kept.contains(code), "codes are not kept as they are");

    let answer = async |code: &str| {
        let body = json!({ "challenge_id": asked.text("id"), "code": code });
        post_as(&server, &format!("/factors/{id}/verify"), token, body).await
    };
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let refused = answer(wrong).await?;
    assert_eq!(refused.refusal(), (422, "mfa_verification_failed"));
    assert_eq!(refused.text("message"), "Invalid MFA Phone code entered");
    let raised = answer(code).await?;
    assert_eq!(raised.status, 200, "{}", raised.body);
    let claims = claims(raised.text("access_token"));
    assert_eq!(
        (&claims["aal"], &claims["amr"][0]["method"]),
        (&json!("aal2"), &json!("mfa/phone"))
    );
    assert_eq!(raised.body["user"]["factors"][0]["phone"], "15552368");
    assert_eq!(answer(code).await?.refusal().1, "mfa_challenge_expired", "a code counts once");
    Ok(())
}

#[tokio::test]
async fn number_is_a_factor_once() -> anyhow::Result<()> {
    let (database, server) = texting().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let body =
        |name: &str| json!({ "factor_type": "phone", "friendly_name": name, "phone": "15552368" });
    let first = post_as(&server, "/factors", token, body("a")).await?;
    let second = post_as(&server, "/factors", token, body("b")).await?;
    assert_eq!(second.status, 200, "one that never answered makes way: {}", second.body);
    assert_ne!(first.text("id"), second.text("id"));
    database.sql("update auth.mfa_factors set status = 'verified'").await;
    let third = post_as(&server, "/factors", token, body("c")).await?;
    assert_eq!(third.refusal(), (422, "mfa_verified_factor_exists"));
    let body = json!({ "factor_type": "phone", "phone": "no number" });
    assert_eq!(post_as(&server, "/factors", token, body).await?.refusal().1, "validation_failed");
    Ok(())
}

#[tokio::test]
async fn without_texts_there_are_no_phones() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let body = json!({ "factor_type": "phone", "phone": "+15552368" });
    let reply = post_as(&server, "/factors", session.text("access_token"), body).await?;
    assert_eq!(reply.refusal(), (422, "mfa_phone_enroll_not_enabled"));
    Ok(())
}

#[tokio::test]
async fn codes_do_not_follow_each_other_too_soon() -> anyhow::Result<()> {
    let (database, server) = texting().await;
    server.stop().await;
    let flags = ["--auth-hook-send-sms", "public.send_text", "--auth-sms-every-seconds", "60"];
    let server = Server::start_with(&database, &flags).await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let body = json!({ "factor_type": "phone", "phone": "+15552368" });
    let factor = post_as(&server, "/factors", token, body).await?;
    let path = format!("/factors/{}/challenge", factor.text("id"));
    assert_eq!(post_as(&server, &path, token, json!({})).await?.status, 200);
    let refused = post_as(&server, &path, token, json!({})).await?;
    assert_eq!(refused.refusal(), (429, "over_sms_send_rate_limit"));
    assert!(!refused.header("retry-after").is_empty());
    Ok(())
}
