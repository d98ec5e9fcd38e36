//! Clients: registered by the operator, or by themselves where that is let.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HOME, House, refused};
use crate::auth::{Reply, get, post, refresh, request, send};
use crate::support::{Database, Server};

async fn register(house: &House, body: Value) -> anyhow::Result<Reply> {
    post(&house.server, "/oauth/clients/register", body).await
}

#[tokio::test]
async fn operator_registers_reads_changes_and_removes_a_client() -> anyhow::Result<()> {
    let house = House::new().await?;
    let body = json!({
        "client_name": "App", "redirect_uris": [HOME], "client_uri": "https://app.example",
        "logo_uri": "https://app.example/logo.png", "scope": "openid email",
    });
    let made = house.admin(Method::POST, "", body).await?;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.text("client_secret").len() >= 32);
    for (field, value) in [
        ("client_type", json!("confidential")),
        ("registration_type", json!("manual")),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("scope", json!("openid email")),
    ] {
        assert_eq!(made.body[field], value, "{field}");
    }
    let path = format!("/{}", made.text("client_id"));
    let read = house.admin(Method::GET, &path, Value::Null).await?;
    assert_eq!(read.body.get("client_secret"), None);
    assert_eq!(read.body["client_uri"], "https://app.example");

    let body = json!({ "client_name": "Other", "logo_uri": "", "token_endpoint_auth_method": "client_secret_post" });
    let changed = house.admin(Method::PUT, &path, body).await?;
    assert_eq!((changed.status.as_u16(), changed.text("client_name")), (200, "Other"));
    assert_eq!(changed.text("token_endpoint_auth_method"), "client_secret_post");
    assert_eq!(
        (changed.body.get("logo_uri"), &changed.body["redirect_uris"]),
        (None, &json!([HOME]))
    );

    assert_eq!(house.admin(Method::DELETE, &path, Value::Null).await?.status, 204);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let gone = house.admin(method, &path, json!({})).await?;
        assert_eq!(gone.refusal(), (404, "oauth_client_not_found"));
    }
    let nonsense = house.admin(Method::GET, "/x", Value::Null).await?;
    assert_eq!(nonsense.refusal(), (404, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn clients_are_listed_in_pages() -> anyhow::Result<()> {
    let house = House::new().await?;
    for name in ["one", "two", "three"] {
        house.app(json!({ "client_name": name })).await?;
    }
    let listed = house.admin(Method::GET, "?page=1&per_page=2", Value::Null).await?;
    let names: Vec<&Value> = listed.body["clients"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|client| &client["client_name"])
        .collect();
    assert_eq!(names, ["three", "two"]);
    assert_eq!(listed.header("x-total-count"), "3");
    assert_eq!(
        listed.header("link"),
        "</admin/oauth/clients?page=2&per_page=2>; rel=\"next\", \
         </admin/oauth/clients?page=2&per_page=2>; rel=\"last\""
    );
    assert!(!listed.body.to_string().contains("secret_hash"));
    let wrong = house.admin(Method::GET, "?page=0", Value::Null).await?;
    assert_eq!(wrong.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn new_secret_takes_the_place_of_the_former() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({})).await?;
    let given = house.enter(&app).await?;
    let path = format!("/{}/regenerate_secret", app.id);
    let made = house.admin(Method::POST, &path, Value::Null).await?;
    let secret = made.body["client_secret"].as_str().map(str::to_owned);
    let token = given.text("refresh_token");
    assert_eq!(refused(&house.refresh(&app, token).await?), (401, "invalid_client"));
    let app = super::App { secret, ..app };
    assert_eq!(house.refresh(&app, token).await?.status, 200);

    let public = house.public_app().await?;
    let path = format!("/{}/regenerate_secret", public.id);
    let none = house.admin(Method::POST, &path, Value::Null).await?;
    assert_eq!(none.refusal(), (400, "validation_failed"));
    let body = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let turned = house.admin(Method::PUT, &format!("/{}", public.id), body).await?;
    assert_eq!(turned.refusal(), (400, "validation_failed"), "it has no secret to show");
    Ok(())
}

#[tokio::test]
async fn client_that_goes_takes_its_sessions_along() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({})).await?;
    let given = house.enter(&app).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 200);
    house.admin(Method::DELETE, &format!("/{}", app.id), Value::Null).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 401);
    let reply = house.refresh(&app, given.text("refresh_token")).await?;
    assert_eq!(refused(&reply), (401, "invalid_client"));
    let own = refresh(&house.server, given.text("refresh_token")).await?;
    assert_eq!(own.refusal(), (400, "refresh_token_not_found"));
    Ok(())
}

#[tokio::test]
async fn what_makes_no_client_is_refused() -> anyhow::Result<()> {
    let house = House::new().await?;
    for (field, value) in [
        ("client_name", json!("")),
        ("redirect_uris", json!([])),
        ("redirect_uris", json!(["http://app.example/"])),
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("grant_types", json!(["password"])),
        ("client_uri", json!("javascript:alert(1)")),
        ("scope", json!("everything")),
        ("client_type", json!("none")),
    ] {
        let mut body = json!({ "client_name": "App", "redirect_uris": [HOME] });
        body[field] = value;
        let reply = house.admin(Method::POST, "", body.clone()).await?;
        assert_eq!(reply.refusal(), (400, "validation_failed"), "{body}");
        let reply = register(&house, body.clone()).await?;
        let is_uri = field == "redirect_uris";
        let error = if is_uri { "invalid_redirect_uri" } else { "invalid_client_metadata" };
        assert_eq!(refused(&reply), (400, error), "{body}");
    }
    let reply = register(&house, json!({ "redirect_uris": 5 })).await?;
    assert_eq!(refused(&reply), (400, "invalid_client_metadata"));
    Ok(())
}

#[tokio::test]
async fn client_registers_itself_where_that_is_let() -> anyhow::Result<()> {
    let house = House::new().await?;
    let body = json!({
        "client_name": "Agent", "redirect_uris": ["http://localhost:3118/callback"],
        "token_endpoint_auth_method": "none", "software_id": "not heeded",
    });
    let made = register(&house, body.clone()).await?;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    assert_eq!(made.text("registration_type"), "dynamic");
    assert!(made.body["client_id_issued_at"].is_i64() && made.body.get("client_secret").is_none());
    let app = super::App {
        id: made.text("client_id").to_owned(),
        secret: None,
        home: "http://localhost:4000/callback".to_owned(),
    };
    assert_eq!(house.enter(&app).await?.text("scope"), "openid email");
    let body = json!({ "client_name": "Agent", "redirect_uris": [HOME] });
    let made = register(&house, body.clone()).await?;
    assert_eq!(made.body["client_secret_expires_at"], 0);

    let database = Database::new().await;
    let server = Server::start_with(&database, &["--auth-oauth-server-enabled", "true"]).await;
    let reply = post(&server, "/oauth/clients/register", body).await?;
    assert_eq!(reply.refusal(), (403, "oauth_dynamic_client_registration_disabled"));
    Ok(())
}

#[tokio::test]
async fn nobody_registers_without_end() -> anyhow::Result<()> {
    let house = House::with(&["--auth-address-header", "x-forwarded-for"]).await?;
    let body = json!({ "client_name": "Agent", "redirect_uris": [HOME] });
    let mut last = 0;
    for _ in 0..11 {
        let asked = request(&house.server, Method::POST, "/oauth/clients/register").json(&body);
        last = send(asked.header("x-forwarded-for", "203.0.113.7")).await?.status.as_u16();
    }
    assert_eq!(last, 429);
    house
        .database
        .sql("update auth.oauth_clients set created_at = now() - interval '31 days'")
        .await;
    register(&house, body).await?;
    let left = "select count(*) from auth.oauth_clients";
    assert_eq!(house.database.value(left).await, "1", "whom nobody let in is forgotten");
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_service_administers_clients() -> anyhow::Result<()> {
    let house = House::new().await?;
    let reply = get(&house.server, "/admin/oauth/clients", &house.ana).await?;
    assert_eq!(reply.refusal(), (403, "not_admin"));
    Ok(())
}
