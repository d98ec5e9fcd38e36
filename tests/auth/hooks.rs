//! Functions of the operator's own: claims, new accounts, passwords.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, factors, get, post, refresh, sign_in, sign_up};
use crate::support::{Database, Server};

const ANA: &str = "ana@example.com";

/// A server with this hook, whose function has this body.
async fn house(hook: &str, body: &str) -> (Database, Server) {
    let database = Database::new().await;
    database
        .sql(&format!(
            "create function public.hook(event jsonb) returns jsonb language plpgsql as $hook$
             {body}
             $hook$;
             revoke execute on function public.hook(jsonb) from public, anon, authenticated;
             grant execute on function public.hook(jsonb) to supabase_auth_admin"
        ))
        .await;
    let flag = format!("--auth-hook-{hook}");
    let server = Server::start_with(&database, &[&flag, "public.hook"]).await;
    (database, server)
}

fn claims(reply: &Reply) -> Value {
    let payload = reply.text("access_token").split('.').nth(1).expect("three parts");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn claims_of_every_token_are_as_the_hook_wants_them() -> anyhow::Result<()> {
    let body = r"begin
        return jsonb_set(event, '{claims,method}', event -> 'authentication_method');
    end";
    let (_database, server) = house("custom-access-token", body).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    assert_eq!(claims(&session)["method"], "password");
    let refreshed = refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(claims(&refreshed)["method"], "password");
    assert_eq!(get(&server, "/user", refreshed.text("access_token")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn claims_that_are_no_token_any_more_make_none() -> anyhow::Result<()> {
    let body = "begin return jsonb_set(event, '{claims,role}', 'null'); end";
    let (database, server) = house("custom-access-token", body).await;
    let reply = sign_in(&server, ANA, PASSWORD).await?;
    assert_eq!(reply.refusal(), (500, "unexpected_failure"));
    assert_eq!(reply.text("message"), "output claims do not conform to the expected schema");
    assert_eq!(database.value("select count(*) from auth.sessions").await, "0");
    Ok(())
}

#[tokio::test]
async fn hook_refuses_a_new_account_in_its_own_words() -> anyhow::Result<()> {
    let body = r#"begin
        if event -> 'user' ->> 'email' like '%@refused.example' then
            return '{"error": {"http_code": 403, "message": "Not from there"}}';
        end if;
        if event -> 'user' ->> 'email' like '%@raised.example' then
            raise sqlstate 'PT409' using message = 'Nor from here';
        end if;
        return '{}';
    end"#;
    let (database, server) = house("before-user-created", body).await;
    let sign = async |email: &str| {
        post(&server, "/signup", json!({ "email": email, "password": PASSWORD })).await
    };
    let refused = sign("x@refused.example").await?;
    assert_eq!((refused.status.as_u16(), refused.text("message")), (403, "Not from there"));
    let raised = sign("x@raised.example").await?;
    assert_eq!((raised.status.as_u16(), raised.text("message")), (409, "Nor from here"));
    let made = "select count(*) from auth.users where email like 'x@%'";
    assert_eq!(database.value(made).await, "0");
    sign_up(&server, "x@good.example").await?;
    assert_eq!(database.value(made).await, "1");
    Ok(())
}

#[tokio::test]
async fn hook_that_takes_too_long_is_cut_off() -> anyhow::Result<()> {
    let body = "begin perform pg_sleep(60); return '{}'; end";
    let (_database, server) = house("before-user-created", body).await;
    let reply = post(&server, "/signup", json!({ "email": "x@a.example", "password": PASSWORD }));
    assert_eq!(reply.await?.refusal(), (422, "hook_timeout"));
    Ok(())
}

#[tokio::test]
async fn hook_hears_of_passwords_and_refuses_them() -> anyhow::Result<()> {
    let body = r#"begin
        insert into public.tried values ((event ->> 'user_id')::uuid, (event ->> 'valid')::boolean);
        if (select count(*) from public.tried where not valid) > 1 then
            return '{"decision": "reject", "message": "Too often wrong", "should_logout_user": true}';
        end if;
        return '{"decision": "continue"}';
    end"#;
    let (database, server) = house("password-verification-attempt", body).await;
    database
        .sql(
            "create table public.tried (user_id uuid, valid boolean);
             grant all on public.tried to supabase_auth_admin",
        )
        .await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    assert_eq!(session.status, 200);
    assert_eq!(
        sign_in(&server, ANA, "wrong-1").await?.text("message"),
        "Invalid login credentials"
    );
    let refused = sign_in(&server, ANA, "wrong-2").await?;
    assert_eq!(refused.refusal(), (400, "invalid_credentials"));
    assert_eq!(refused.text("message"), "Too often wrong");
    let gone = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(gone.refusal(), (403, "session_not_found"));
    assert_eq!(sign_in(&server, ANA, PASSWORD).await?.text("message"), "Too often wrong");
    assert_eq!(database.value("select count(*) from public.tried").await, "4", "all were kept");
    Ok(())
}

#[tokio::test]
async fn domains_are_allowed_and_refused_by_rows() -> anyhow::Result<()> {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let sign = async |email: &str| {
        post(&server, "/signup", json!({ "email": email, "password": PASSWORD })).await
    };
    database.sql("insert into auth.email_domains values ('throwaway.example', false)").await;
    let refused = sign("a@mail.throwaway.example").await?;
    assert_eq!(refused.refusal(), (422, "email_address_invalid"));
    assert_eq!(sign("a@notthrowaway.example").await?.status, 200);
    database.sql("insert into auth.email_domains values ('work.example', true)").await;
    let refused = sign("a@home.example").await?;
    assert_eq!(refused.refusal(), (422, "email_address_not_authorized"));
    assert_eq!(sign("a@work.example").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn right_code_is_refused_in_the_words_of_the_hook_and_wrong_ones_count() -> anyhow::Result<()>
{
    let body = r#"begin
        return case when event ->> 'factor_type' = 'totp'
                    then '{"decision": "reject", "message": "Not today"}'::jsonb end;
    end"#;
    let (database, server) = house("mfa-verification-attempt", body).await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let (id, app) = factors::enroll(&server, token, "phone").await?;

    let right = factors::answer(&server, token, &id, &app.code(0)).await?;
    let wrong = factors::answer(&server, token, &id, &app.wrong_code()).await?;

    assert_eq!(right.refusal(), (403, "mfa_verification_rejected"));
    assert_eq!(right.text("message"), "Not today");
    assert_eq!(wrong.refusal(), (403, "mfa_verification_rejected"));
    assert_eq!(database.value("select failures::text from auth.mfa_factors").await, "1");
    assert_eq!(database.value("select aal::text from auth.sessions").await, "aal1");
    Ok(())
}
