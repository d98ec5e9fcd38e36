//! How much is too much.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{PASSWORD, Reply, request, send, sign_in};
use crate::support::{Database, Server};

const ANA: &str = "ana@example.com";

async fn sign_in_from(server: &Server, address: &str, email: &str) -> anyhow::Result<Reply> {
    let body = json!({ "email": email, "password": "wrong-password" });
    let asked = request(server, Method::POST, "/token?grant_type=password").json(&body);
    send(asked.header("x-forwarded-for", address)).await
}

async fn house() -> (Database, Server) {
    let database = Database::new().await;
    let flags = ["--auth-address-header", "x-forwarded-for"];
    let server = Server::start_with(&database, &flags).await;
    (database, server)
}

#[tokio::test]
async fn ten_sign_ins_a_minute_come_through_from_one_address_and_no_more() -> anyhow::Result<()> {
    // SEC-02
    let (_database, server) = house().await;
    let tries = (0..25).map(|number| {
        let email = format!("nobody-{number}@example.com");
        let server = &server;
        async move { sign_in_from(server, "203.0.113.7", &email).await }
    });
    let replies = join_all(tries).await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let (through, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 400);
    assert_eq!((through.len(), refused.len()), (10, 15));
    for reply in refused {
        assert_eq!(reply.refusal(), (429, "over_request_rate_limit"));
        assert_eq!(reply.text("message"), "Request rate limit reached");
        let seconds: u32 = reply.header("retry-after").parse()?;
        assert!((1..=6).contains(&seconds), "{seconds}");
    }
    let elsewhere = sign_in_from(&server, "203.0.113.8", ANA).await?;
    assert_eq!(elsewhere.refusal(), (400, "invalid_credentials"), "others are not affected");
    let claimed = sign_in_from(&server, "203.0.113.99, 203.0.113.7", ANA).await?;
    assert_eq!(claimed.status, 429, "what the caller puts before the proxy's word is no alias");
    Ok(())
}

#[tokio::test]
async fn guesses_at_one_account_are_counted_from_wherever_they_come() -> anyhow::Result<()> {
    let (database, server) = house().await;
    database.sql("update auth.rate_limits set burst = 3 where per = 'account'").await;
    for number in 1..=3 {
        let reply = sign_in_from(&server, &format!("203.0.113.{number}"), ANA).await?;
        assert_eq!(reply.status, 400);
    }
    let refused = sign_in_from(&server, "203.0.113.4", ANA).await?;
    assert_eq!(refused.refusal(), (429, "over_request_rate_limit"));
    let other = sign_in(&server, "bo@example.com", PASSWORD).await?;
    assert_eq!(other.status, 200, "another account is not affected");
    Ok(())
}

#[tokio::test]
async fn right_passwords_are_not_counted_against_the_account() -> anyhow::Result<()> {
    let (database, server) = house().await;
    database.sql("update auth.rate_limits set burst = 1 where per = 'account'").await;
    for _ in 0..3 {
        assert_eq!(sign_in(&server, ANA, PASSWORD).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn bucket_fills_again_and_is_forgotten_when_full() -> anyhow::Result<()> {
    let (database, _server) = house().await;
    let take = "select auth.take('a', 2, interval '1 hour', 2) is null";
    assert_eq!(database.value(take).await, "t");
    assert_eq!(database.value(take).await, "t");
    assert_eq!(database.value(take).await, "f");
    let wait = "select auth.take('a', 2, interval '1 hour', 2) between interval '29 min' and interval '30 min'";
    assert_eq!(database.value(wait).await, "t");
    database.sql("update auth.buckets set full_at = full_at - interval '30 min'").await;
    assert_eq!(database.value(take).await, "t", "one is there again");
    assert_eq!(database.value(take).await, "f");
    database.sql("update auth.buckets set full_at = now() - interval '1 s'").await;
    database.rows("select auth.sweep_buckets()").await;
    assert_eq!(database.value("select count(*) from auth.buckets").await, "0");
    Ok(())
}
