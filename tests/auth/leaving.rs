//! Deleting one's own account, and what is written down of accounts.

use reqwest::Method;
use serde_json::json;

use super::factors::eve;
use super::{PASSWORD, Reply, get, house, request, send, sign_in, sign_up};
use crate::support::{Person, Server};

const NEW: &str = "new@example.com";

async fn leave(server: &Server, token: &str) -> anyhow::Result<Reply> {
    send(request(server, Method::DELETE, "/user").bearer_auth(token)).await
}

#[tokio::test]
async fn person_who_has_just_signed_in_deletes_their_account() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, NEW).await?;
    assert_eq!(leave(&server, session.text("access_token")).await?.status, 204);
    let there = format!("select count(*) from auth.users where email = '{NEW}'");
    assert_eq!(database.value(&there).await, "0");
    let refused = get(&server, "/user", session.text("access_token")).await?;
    assert_eq!(refused.refusal(), (403, "user_not_found"));
    assert_eq!(sign_in(&server, NEW, PASSWORD).await?.refusal(), (400, "invalid_credentials"));
    Ok(())
}

#[tokio::test]
async fn old_session_does_not_delete_an_account() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, NEW).await?;
    database
        .sql("update auth.mfa_amr_claims set updated_at = updated_at - interval '16 minutes'")
        .await;
    let refused = leave(&server, session.text("access_token")).await?;
    assert_eq!(refused.refusal(), (400, "reauthentication_needed"));
    let person = Person { token: session.text("access_token").to_owned() };
    let refused = server.rpc(&person, "delete_my_account", json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["hint"]),
        (400, &json!("reauthentication_needed"))
    );

    let fresh = sign_in(&server, NEW, PASSWORD).await?;
    let person = Person { token: fresh.text("access_token").to_owned() };
    assert_eq!(server.rpc(&person, "delete_my_account", json!({})).await.status, 204);
    assert_eq!(get(&server, "/user", &person.token).await?.refusal(), (403, "user_not_found"));
    Ok(())
}

#[tokio::test]
async fn first_level_does_not_delete_an_account_that_a_factor_guards() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let (raised, _, _) = eve(&server).await?;
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let person = |session: &Reply| Person { token: session.text("access_token").to_owned() };

    let by_auth = leave(&server, low.text("access_token")).await?;
    let by_rest = server.rpc(&person(&low), "delete_my_account", json!({})).await;

    assert_eq!(by_auth.refusal(), (401, "insufficient_aal"));
    assert_eq!((by_rest.status.as_u16(), &by_rest.body["hint"]), (401, &json!("insufficient_aal")));
    let there = "select count(*) from auth.users where email = 'eve@example.com'";
    assert_eq!(database.value(there).await, "1");
    let by_rest = server.rpc(&person(&raised), "delete_my_account", json!({})).await;
    assert_eq!(by_rest.status, 204);
    assert_eq!(database.value(there).await, "0");
    Ok(())
}

#[tokio::test]
async fn what_happens_to_accounts_is_written_down() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let session = sign_up(&server, NEW).await?;
    leave(&server, session.text("access_token")).await?;
    let id = session.body["user"]["id"].as_str().unwrap_or_default();
    let written = format!(
        "select string_agg(distinct payload ->> 'action', ' ' order by payload ->> 'action')
           from auth.audit_log_entries where payload ->> 'actor_id' = '{id}'"
    );
    assert_eq!(database.value(&written).await, "login logout user_deleted user_signedup");
    Ok(())
}
