//! /factors/recovery-codes.

use reqwest::Method;
use serde_json::{Value, json};

use super::factors::{claims, eve};
use super::{PASSWORD, Reply, get, house, post_as, refresh, request, send, sign_in, sign_up};
use crate::support::Server;

const PATH: &str = "/factors/recovery-codes";

async fn show(server: &Server, token: &str, code: &str) -> anyhow::Result<Reply> {
    post_as(server, &format!("{PATH}/verify"), token, json!({ "code": code })).await
}

fn codes(reply: &Reply) -> Vec<&str> {
    reply.body["codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn code_stands_in_for_the_factor_once() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let (raised, _, _) = eve(&server).await?;
    let body = json!({ "friendly_name": "on paper" });
    let made = post_as(&server, PATH, raised.text("access_token"), body).await?;
    assert_eq!(made.status, 200);
    let codes = codes(&made);
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let token = low.text("access_token");
    let written = format!("{} - {}", codes[0][..8].to_uppercase(), &codes[0][8..]);

    let shown = show(&server, token, &written).await?;
    let again = show(&server, shown.text("access_token"), codes[0]).await?;
    let status = get(&server, PATH, shown.text("access_token")).await?;

    assert_eq!((codes.len(), made.text("type")), (10, "recovery_code"));
    assert_eq!((made.text("friendly_name"), &made.body["total"]), ("on paper", &json!(10)));
    assert_eq!(shown.status, 200);
    let claims = claims(shown.text("access_token"));
    assert_eq!(
        (&claims["aal"], &claims["amr"][0]["method"]),
        (&json!("aal2"), &json!("mfa/recovery_code"))
    );
    assert_eq!(again.refusal(), (422, "mfa_verification_failed"));
    assert_eq!((&status.body["total"], &status.body["remaining"]), (&json!(10), &json!(9)));
    assert_eq!(status.text("id"), made.text("id"));
    let kept = format!(
        "select count(*)::text from auth.mfa_recovery_codes where code_hash like '%{}%'",
        codes[1]
    );
    assert_eq!(database.value(&kept).await, "0");
    Ok(())
}

#[tokio::test]
async fn codes_need_a_factor_that_was_shown() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "ivy@example.com").await?;
    let none = post_as(&server, PATH, session.text("access_token"), json!({})).await?;
    let unknown = get(&server, PATH, session.text("access_token")).await?;
    let (raised, _, _) = eve(&server).await?;
    let token = raised.text("access_token");
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;

    let unproven = post_as(&server, PATH, low.text("access_token"), json!({})).await?;
    let made = post_as(&server, PATH, token, json!({})).await?;
    let twice = post_as(&server, PATH, token, json!({})).await?;

    assert_eq!(none.refusal(), (403, "insufficient_aal"));
    assert_eq!(unknown.refusal(), (404, "mfa_factor_not_found"));
    assert_eq!(unproven.refusal(), (403, "insufficient_aal"));
    assert_eq!(made.status, 200);
    assert_eq!(twice.refusal(), (422, "mfa_verified_factor_exists"));
    Ok(())
}

#[tokio::test]
async fn new_codes_replace_the_old_ones() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, _, _) = eve(&server).await?;
    let token = raised.text("access_token");
    let old = post_as(&server, PATH, token, json!({})).await?;

    let fresh = post_as(&server, &format!("{PATH}/regenerate"), token, json!({})).await?;
    let before = show(&server, token, codes(&old)[0]).await?;
    let after = show(&server, token, codes(&fresh)[0]).await?;

    assert_eq!(fresh.text("id"), old.text("id"));
    assert_eq!(codes(&fresh).len(), 10);
    assert_eq!(before.refusal(), (422, "mfa_verification_failed"));
    assert_eq!(after.status, 200);
    Ok(())
}

#[tokio::test]
async fn guessing_is_locked_out() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, _, _) = eve(&server).await?;
    let token = raised.text("access_token");
    let made = post_as(&server, PATH, token, json!({})).await?;
    for _ in 0..10 {
        let wrong = show(&server, token, "0000000000000000").await?;
        assert_eq!(wrong.refusal(), (422, "mfa_verification_failed"));
    }

    let right = show(&server, token, codes(&made)[0]).await?;

    assert_eq!(right.refusal(), (429, "mfa_recovery_codes_locked"));
    Ok(())
}

#[tokio::test]
async fn codes_never_remain_alone() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let (raised, factor, _) = eve(&server).await?;
    let made = post_as(&server, PATH, raised.text("access_token"), json!({})).await?;
    let shown = show(&server, raised.text("access_token"), codes(&made)[0]).await?;
    let delete = request(&server, Method::DELETE, &format!("/factors/{factor}"));

    let removed = send(delete.bearer_auth(shown.text("access_token"))).await?;
    let refreshed = refresh(&server, shown.text("refresh_token")).await?;

    assert_eq!(removed.status, 200);
    assert_eq!(database.value("select count(*)::text from auth.mfa_factors").await, "0");
    assert_eq!(claims(refreshed.text("access_token"))["aal"], "aal1");
    Ok(())
}

#[tokio::test]
async fn removed_codes_open_nothing() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (raised, _, _) = eve(&server).await?;
    let token = raised.text("access_token");
    let made = post_as(&server, PATH, token, json!({})).await?;

    let removed = send(request(&server, Method::DELETE, PATH).bearer_auth(token)).await?;
    let shown = show(&server, token, codes(&made)[0]).await?;

    assert_eq!(removed.body, json!({ "id": made.text("id") }));
    assert_eq!(shown.refusal(), (404, "mfa_factor_not_found"));
    Ok(())
}
