//! The sessions of a person: GET and DELETE /user/sessions, and the same over REST.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, house, request, send, sign_in};
use crate::support::{Person, Server};

const ANA: &str = "ana@example.com";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Signs in with another device.
async fn sign_in_with(server: &Server, agent: &str) -> anyhow::Result<Reply> {
    let body = json!({ "email": ANA, "password": PASSWORD });
    let asked = request(server, Method::POST, "/token?grant_type=password").json(&body);
    send(asked.header("user-agent", agent)).await
}

async fn end(server: &Server, id: &str, token: &str) -> anyhow::Result<Reply> {
    let asked = request(server, Method::DELETE, &format!("/user/sessions/{id}"));
    send(asked.bearer_auth(token)).await
}

fn present(sessions: &Value) -> Vec<bool> {
    let sessions = sessions.as_array().expect("a list").iter();
    sessions.map(|session| session["is_current"] == true).collect()
}

// AUT-06
#[tokio::test]
async fn person_sees_each_device_and_signs_one_out() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let phone = sign_in_with(&server, FIREFOX).await?;
    let laptop = sign_in(&server, ANA, PASSWORD).await?;
    sign_in(&server, "bo@example.com", PASSWORD).await?;

    let listed = get(&server, "/user/sessions", laptop.text("access_token")).await?;
    assert_eq!(present(&listed.body), [true, false], "the newest first, and nobody else's");
    let other = &listed.body[1];
    assert_eq!(other["device"], "Firefox on Linux");
    assert_eq!((&other["address"], &other["aal"]), (&json!("this machine"), &json!("aal1")));
    assert!(other["created_at"].is_string() && other["last_used_at"].is_string());

    let id = other["id"].as_str().unwrap_or_default();
    assert_eq!(end(&server, id, laptop.text("access_token")).await?.status, 204);
    let refused = get(&server, "/user", phone.text("access_token")).await?;
    assert_eq!(refused.refusal(), (403, "session_not_found"));
    let again = end(&server, id, laptop.text("access_token")).await?;
    assert_eq!(again.refusal(), (404, "session_not_found"));
    let nonsense = end(&server, "x", laptop.text("access_token")).await?;
    assert_eq!(nonsense.refusal(), (404, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let ana = sign_in(&server, ANA, PASSWORD).await?;
    let bo = sign_in(&server, "bo@example.com", PASSWORD).await?;
    let id = database.value("select id from auth.sessions order by created_at limit 1").await;

    let reply = end(&server, &id, bo.text("access_token")).await?;
    assert_eq!(reply.refusal(), (404, "session_not_found"));
    let bo = Person { token: bo.text("access_token").to_owned() };
    let reply = server.rpc(&bo, "revoke_session", json!({ "id": id })).await;
    assert_eq!((reply.status.as_u16(), reply.body), (200, json!(false)));
    assert_eq!(get(&server, "/user", ana.text("access_token")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn functions_do_the_same_over_rest() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let phone = sign_in_with(&server, FIREFOX).await?;
    let laptop = sign_in(&server, ANA, PASSWORD).await?;
    let laptop = Person { token: laptop.text("access_token").to_owned() };

    let listed = server.rpc(&laptop, "my_sessions", json!({})).await;
    assert_eq!(present(&listed.body), [true, false]);
    let ended = server.rpc(&laptop, "revoke_session", json!({ "id": listed.body[1]["id"] })).await;
    assert_eq!((ended.status.as_u16(), ended.body), (200, json!(true)));
    let refused = get(&server, "/user", phone.text("access_token")).await?;
    assert_eq!(refused.refusal(), (403, "session_not_found"));

    let stranger = Person { token: server.anon_key() };
    assert_eq!(server.rpc(&stranger, "my_sessions", json!({})).await.status, 401);
    Ok(())
}
