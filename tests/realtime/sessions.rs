//! Sign-ins that end take their channels with them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, Server};

async fn sign_in(server: &Server, name: &str) -> Person {
    let credentials = json!({"email": format!("{name}@example.com"), "password": "walkie-demo"});
    let request = server.request(Method::POST, "/auth/v1/token?grant_type=password");
    let answer = Answer::of(request.json(&credentials)).await;
    Person { token: answer.body["access_token"].as_str().expect("a token").to_owned() }
}

async fn log_out(server: &Server, who: &Person, scope: &str) {
    let request = server.request(Method::POST, &format!("/auth/v1/logout?scope={scope}"));
    assert_eq!(Answer::of(request.bearer_auth(&who.token)).await.status, 204);
}

fn binding() -> Value {
    json!([{"event": "*", "schema": "public", "table": "messages"}])
}

// AUT-07
#[tokio::test]
async fn sign_out_ends_the_channels_of_that_sign_in_alone() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (phone, laptop) = (sign_in(&server, "ana").await, sign_in(&server, "ana").await);
    let (mut on_phone, mut on_laptop) = (server.socket().await, server.socket().await);
    on_phone.subscribe("m", &phone, binding()).await;
    on_laptop.subscribe("m", &laptop, binding()).await;

    log_out(&server, &phone, "local").await;
    let system = on_phone.event("system").await;
    assert_eq!(
        (&system["status"], &system["message"]),
        (&json!("error"), &json!("The session has ended"))
    );
    assert_eq!(on_phone.next().await, json!(["j", "j", "realtime:m", "phx_close", {}]));
    assert_eq!(on_phone.close_code().await, 4501, "nothing else was on that socket");

    // The token itself would still be good for an hour.
    let mut again = server.socket().await;
    let (status, response) = again.join("m", &phone, binding()).await;
    assert_eq!(
        (&*status, &response["reason"]),
        ("error", &json!("InvalidJWTToken: The session has ended"))
    );
    assert!(on_laptop.is_alive().await);
    log_out(&server, &laptop, "global").await;
    assert_eq!(on_laptop.event("system").await["message"], "The session has ended");
    assert_eq!(on_laptop.close_code().await, 4501);
    server.settles("walkie_realtime_subscriptions", 0).await;
}

#[tokio::test]
async fn other_channels_of_the_socket_live_on() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let ana = sign_in(&server, "ana").await;
    let mut socket = server.socket().await;
    socket.join("mine", &ana, json!([])).await;
    socket.join("public", &Person { token: server.anon_key() }, json!([])).await;
    database.sql("delete from auth.sessions").await;
    assert_eq!(socket.event("system").await["channel"], "mine");
    assert_eq!(socket.next().await[3], "phx_close");
    assert_eq!(socket.ask("realtime:public", "phx_leave", json!({})).await.0, "ok");
    assert_eq!(socket.next().await[3], "phx_close", "it was still joined");
}

#[tokio::test]
async fn renewed_token_counts_for_its_own_sign_in() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (former, fresh) = (sign_in(&server, "ana").await, sign_in(&server, "ana").await);
    let mut socket = server.socket().await;
    socket.subscribe("m", &former, binding()).await;
    socket.push("realtime:m", "access_token", json!({"access_token": fresh.token})).await;
    assert_eq!(socket.event("system").await["status"], "ok");
    log_out(&server, &former, "local").await;
    // A token of an ended sign-in is refused, and the channel closed.
    socket.push("realtime:m", "access_token", json!({"access_token": former.token})).await;
    assert_eq!(socket.event("system").await["message"], "The session has ended");
    assert_eq!(socket.next().await[3], "phx_close");
    assert_eq!(socket.join("m", &fresh, binding()).await.0, "ok", "this one lives");
}

// AUT-07
#[tokio::test]
async fn ban_ends_the_channels_of_that_person_alone() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let (ana, bo) = (sign_in(&server, "ana").await, sign_in(&server, "bo").await);
    // A token that no session stands behind is the person's as well.
    let elsewhere = server.person("ana");
    let (mut on_phone, mut on_robot, mut on_other) =
        (server.socket().await, server.socket().await, server.socket().await);
    on_phone.subscribe("m", &ana, binding()).await;
    on_robot.subscribe("m", &elsewhere, binding()).await;
    on_other.subscribe("m", &bo, binding()).await;

    let banned = "update auth.users set banned_until = now() + interval '1 hour'
                   where email = 'ana@example.com'";
    database.sql(banned).await;
    assert_eq!(on_phone.close_code().await, 4501);
    assert_eq!(on_robot.close_code().await, 4501);
    assert!(on_other.is_alive().await);

    let (status, response) = server.socket().await.join("m", &elsewhere, binding()).await;
    let reason = json!("InvalidJWTToken: The session has ended");
    assert_eq!((&*status, &response["reason"]), ("error", &reason));
}
