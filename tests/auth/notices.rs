//! What people are told of their second factors, and what is written down of them.

use reqwest::Method;
use serde_json::json;

use super::factors::{answer, enroll};
use super::mail::mail;
use super::{Reply, post, post_as, request, send};
use crate::support::{App, Database, Server};

const EVE: &str = "eve@example.com";

const TOLD: &str = "mfa_factor_enrolled,mfa_factor_unenrolled";

/// Eve, who reads German, where people are told of their factors.
async fn eve(flags: &[&str]) -> anyhow::Result<(Database, Server, Reply)> {
    let database = Database::new().await;
    let server = Server::start_with(&database, &[&["--inbox"], flags].concat()).await;
    let body = json!({ "email": EVE, "password": super::PASSWORD, "data": { "locale": "de" } });
    let session = post(&server, "/signup", body).await?;
    anyhow::ensure!(session.status == 200, "{}", session.body);
    Ok((database, server, session))
}

async fn raise(server: &Server, session: &Reply) -> anyhow::Result<(Reply, String, App)> {
    let token = session.text("access_token");
    let (id, app) = enroll(server, token, "phone").await?;
    let raised = answer(server, token, &id, &app.code(0)).await?;
    anyhow::ensure!(raised.status == 200, "{}", raised.body);
    Ok((raised, id, app))
}

async fn delete(server: &Server, path: &str, token: &str) -> anyhow::Result<Reply> {
    send(request(server, Method::DELETE, path).bearer_auth(token)).await
}

/// What was written down of factors, in order.
async fn written(database: &Database) -> String {
    let lines = "select string_agg(concat_ws(' ', payload ->> 'action', payload #>> '{traits,factor_type}',
                                             payload #>> '{traits,valid}'), ', ' order by created_at)
                   from auth.audit_log_entries where payload ->> 'log_type' = 'factor'";
    database.value(lines).await
}

#[tokio::test]
async fn people_are_told_in_their_language_that_a_factor_came_or_went() -> anyhow::Result<()> {
    let (_database, server, session) = eve(&["--auth-mailer-notifications", TOLD]).await?;
    let (raised, id, _) = raise(&server, &session).await?;
    let came = mail(&server, EVE, 1).await;
    let token = raised.text("access_token");
    post_as(&server, "/factors/recovery-codes", token, json!({})).await?;
    let codes = mail(&server, EVE, 2).await;
    let path = format!("/factors/{id}");
    assert_eq!(delete(&server, &path, token).await?.status, 200);
    let went = mail(&server, EVE, 3).await;

    assert_eq!(came.subject, "Ein zweiter Faktor kam hinzu");
    assert!(came.text.contains("eve@example.com") && came.text.contains("(totp)"), "{}", came.text);
    assert!(codes.text.contains("(recovery_code)"), "{}", codes.text);
    assert_eq!(went.subject, "Ein zweiter Faktor wurde entfernt");
    Ok(())
}

#[tokio::test]
async fn people_are_told_when_the_operator_takes_their_factor() -> anyhow::Result<()> {
    let (_database, server, session) = eve(&["--auth-mailer-notifications", TOLD]).await?;
    let (raised, id, _) = raise(&server, &session).await?;
    mail(&server, EVE, 1).await;
    let user = raised.body["user"]["id"].as_str().unwrap_or_default();

    let path = format!("/admin/users/{user}/factors/{id}");
    assert_eq!(delete(&server, &path, &server.service_key()).await?.status, 200);

    assert_eq!(mail(&server, EVE, 2).await.subject, "Ein zweiter Faktor wurde entfernt");
    Ok(())
}

#[tokio::test]
async fn nobody_is_told_unless_the_operator_wants_it() -> anyhow::Result<()> {
    let (database, server, session) = eve(&[]).await?;
    let (raised, id, _) = raise(&server, &session).await?;
    delete(&server, &format!("/factors/{id}"), raised.text("access_token")).await?;
    assert_eq!(written(&database).await.split(", ").last(), Some("factor_unenrolled totp"));
    assert_eq!(database.value("select count(*) from walkie.jobs").await, "0");
    Ok(())
}

#[tokio::test]
async fn operators_function_hears_which_factor_it_was() -> anyhow::Result<()> {
    let database = Database::new().await;
    database
        .sql(
            "create table public.letters (about jsonb);
             create function public.send_letter(event jsonb) returns void
             language sql security definer set search_path = '' as $$
               insert into public.letters values (event -> 'email_data')
             $$;
             grant execute on function public.send_letter to supabase_auth_admin",
        )
        .await;
    let hook = ["--auth-hook-send-email", "public.send_letter"];
    let told = ["--auth-mailer-notifications", TOLD, "--auth-mailer-autoconfirm", "true"];
    let server = Server::start_with(&database, &[&hook[..], &told].concat()).await;
    let session = super::sign_up(&server, EVE).await?;

    raise(&server, &session).await?;

    let told = "select about ->> 'email_action_type' || ' ' || (about ->> 'factor_type')
                  from public.letters";
    assert_eq!(database.value(told).await, "mfa_factor_enrolled_notification totp");
    Ok(())
}

#[tokio::test]
async fn what_happens_to_factors_is_written_down() -> anyhow::Result<()> {
    let (database, server, session) = eve(&[]).await?;
    let (_, app) = enroll(&server, session.text("access_token"), "left alone").await?;
    drop(app);
    let (raised, id, app) = raise(&server, &session).await?;
    let token = raised.text("access_token");
    answer(&server, token, &id, &app.wrong_code()).await?;
    let made = post_as(&server, "/factors/recovery-codes", token, json!({})).await?;
    let code = json!({ "code": made.body["codes"][0] });
    let shown = post_as(&server, "/factors/recovery-codes/verify", token, code).await?;
    assert_eq!(shown.status, 200, "{}", shown.body);
    let wrong = json!({ "code": "0000000000000000" });
    post_as(&server, "/factors/recovery-codes/verify", token, wrong).await?;
    delete(&server, &format!("/factors/{id}"), shown.text("access_token")).await?;

    let lines = [
        "factor_in_progress totp",
        "factor_in_progress totp",
        "challenge_created totp",
        "verification_attempted totp true",
        "challenge_created totp",
        "verification_attempted totp false",
        "generate_recovery_codes recovery_code",
        "verification_attempted recovery_code true",
        "verification_attempted recovery_code false",
    ];
    // With its last companion the set of codes goes too.
    let both = ["recovery_codes_deleted recovery_code", "factor_unenrolled totp"];
    let written = written(&database).await;
    let (before, after) = written.split_at(lines.join(", ").len());
    assert_eq!(before, lines.join(", "));
    assert!(both.iter().all(|line| after.contains(line)), "{after}");
    assert_eq!(after.matches(", ").count(), 2, "{after}");
    let from = "select distinct ip_address from auth.audit_log_entries
                 where payload ->> 'action' = 'challenge_created'";
    assert_eq!(database.value(from).await, "127.0.0.1");
    Ok(())
}
