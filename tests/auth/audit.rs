//! GET /admin/audit: what was done to accounts.

use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, house, log_out, post, put, sign_in, sign_up};
use crate::support::Server;

const EVE: &str = "eve@example.com";

async fn audit(server: &Server, query: &str) -> anyhow::Result<Reply> {
    get(server, &format!("/admin/audit{query}"), &server.service_key()).await
}

fn actions(reply: &Reply) -> Vec<&str> {
    let entries = reply.body.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["payload"]["action"].as_str()).collect()
}

#[tokio::test]
async fn operator_reads_what_was_done_the_newest_first() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let eve = sign_up(&server, EVE).await?;
    let token = eve.text("access_token");
    put(&server, "/user", token, json!({ "password": "another password" })).await?;
    post(&server, "/recover", json!({ "email": EVE })).await?;
    log_out(&server, "global", token).await?;

    let told = audit(&server, "?query=author:eve").await?;

    let done = actions(&told);
    for action in
        ["user_signedup", "login", "user_updated_password", "user_recovery_requested", "logout"]
    {
        assert!(done.contains(&action), "{action}: {done:?}");
    }
    assert_eq!(done.first(), Some(&"logout"));
    let entry = &told.body[0];
    assert_eq!(entry["payload"]["actor_username"], EVE);
    assert_eq!(entry["payload"]["log_type"], "account");
    for field in ["id", "created_at", "ip_address"] {
        assert!(entry[field].is_string(), "{field}: {entry}");
    }
    Ok(())
}

#[tokio::test]
async fn entries_are_looked_for_and_come_in_pages() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    sign_in(&server, "ana@example.com", PASSWORD).await?;
    sign_in(&server, "bo@example.com", PASSWORD).await?;

    let told = audit(&server, "?page=1&per_page=1&query=action:LOGIN").await?;
    assert_eq!((actions(&told), told.header("x-total-count")), (vec!["login"], "2"));
    assert_eq!(
        told.header("link"),
        "</admin/audit?page=2&per_page=1&query=action%3ALOGIN>; rel=\"next\", \
         </admin/audit?page=2&per_page=1&query=action%3ALOGIN>; rel=\"last\""
    );
    assert_eq!(told.body[0]["payload"]["actor_username"], "bo@example.com");
    let of_accounts = audit(&server, "?query=type:account").await?;
    assert_eq!(of_accounts.header("x-total-count"), "2");
    assert_eq!(audit(&server, "?query=author:%25").await?.body, json!([]), "no wildcard");
    for query in ["?query=login", "?query=role:x", "?page=0"] {
        assert_eq!(audit(&server, query).await?.refusal(), (400, "validation_failed"), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_service_reads_it() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let told = get(&server, "/admin/audit", ana.text("access_token")).await?;
    assert_eq!((told.refusal(), &told.body["id"]), ((403, "not_admin"), &Value::Null));
    Ok(())
}
