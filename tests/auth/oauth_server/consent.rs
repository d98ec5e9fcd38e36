//! What people say to apps, and how they take it back.

use reqwest::Method;
use serde_json::{Value, json};

use super::{App, BO, HOME, House, Landing, refused};
use crate::auth::{Reply, get, request, send};
use crate::support::Person;

async fn revoke(house: &House, client_id: &str) -> anyhow::Result<Reply> {
    let path = format!("/user/oauth/grants?client_id={client_id}");
    send(request(&house.server, Method::DELETE, &path).bearer_auth(&house.ana)).await
}

async fn grants(house: &House) -> anyhow::Result<Value> {
    Ok(get(&house.server, "/user/oauth/grants", &house.ana).await?.body)
}

#[tokio::test]
async fn no_is_told_to_the_app() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let id = house.asked(&app, &[]).await?;

    let said = house.decide(&house.ana, &id, "deny").await?;

    let landing = Landing::read(said.text("redirect_url"));
    assert_eq!((landing.place.as_str(), landing.error()), (HOME, "access_denied"));
    assert_eq!(landing.query["state"], "a state");
    assert_eq!(grants(&house).await?, json!([]));
    let again = house.decide(&house.ana, &id, "approve").await?;
    assert_eq!(again.refusal(), (404, "oauth_authorization_not_found"), "it is decided");
    Ok(())
}

#[tokio::test]
async fn who_granted_as_much_before_is_not_asked_again() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({})).await?;
    house.enter(&app).await?;

    let id = house.asked(&app, &[("scope", "email")]).await?;
    let asked = house.look(&house.ana, &id).await?;
    let landing = Landing::read(asked.text("redirect_url"));
    assert_eq!(house.exchange(&app, &landing.query["code"], &[]).await?.status, 200);

    let id = house.asked(&app, &[("scope", "email phone")]).await?;
    let asked = house.look(&house.ana, &id).await?;
    assert_eq!(asked.text("scope"), "email phone", "{}", asked.body);
    house.decide(&house.ana, &id, "approve").await?;
    let granted = grants(&house).await?;
    assert_eq!(granted[0]["scopes"], json!(["openid", "email", "phone"]), "all of it stands");
    Ok(())
}

#[tokio::test]
async fn app_that_any_other_could_pose_as_is_asked_about_each_time() -> anyhow::Result<()> {
    let house = House::new().await?;
    let uris = json!([HOME, "http://127.0.0.1/callback", "com.example.app:/callback"]);
    let more = json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" });
    let app = house.app(more).await?;
    house.enter(&app).await?;
    for (home, is_asked) in [
        (HOME, false),
        ("http://127.0.0.1:5000/callback", true),
        ("com.example.app:/callback", true),
    ] {
        let there = App { home: home.to_owned(), ..app.clone() };
        let id = house.asked(&there, &[]).await?;
        let asked = house.look(&house.ana, &id).await?;
        assert_eq!(asked.body.get("client").is_some(), is_asked, "{home}: {}", asked.body);
    }
    Ok(())
}

#[tokio::test]
async fn request_belongs_to_the_first_who_looks() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let bo = house.person(BO).await?;
    let id = house.asked(&app, &[]).await?;
    assert_eq!(house.look(&house.ana, &id).await?.status, 200);
    for reply in [house.look(&bo, &id).await?, house.decide(&bo, &id, "approve").await?] {
        assert_eq!(reply.refusal(), (404, "oauth_authorization_not_found"));
    }
    assert_eq!(house.decide(&house.ana, &id, "approve").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn request_is_not_for_long_nor_for_everybody() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let id = house.asked(&app, &[]).await?;
    let maybe = house.decide(&house.ana, &id, "maybe").await?;
    assert_eq!(maybe.refusal(), (400, "validation_failed"));
    let stranger = house.look(&house.server.anon_key(), &id).await?;
    assert_eq!(stranger.refusal(), (403, "bad_jwt"));
    house.database.sql("update auth.oauth_authorizations set expires_at = now()").await;
    for id in [id.as_str(), "nonsense", "%00"] {
        let reply = house.look(&house.ana, id).await?;
        assert!(reply.status.is_client_error(), "{id}: {}", reply.body);
    }
    assert_eq!(house.decide(&house.ana, &id, "approve").await?.refusal().0, 404);
    Ok(())
}

#[tokio::test]
async fn grant_that_is_taken_back_ends_at_once_everywhere() -> anyhow::Result<()> {
    let house = House::new().await?;
    let (app, other) = (house.app(json!({})).await?, house.app(json!({})).await?);
    let given = house.enter(&app).await?;
    let kept = house.enter(&other).await?;
    let on_its_way = house.code(&app, &[]).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 200);
    let granted = grants(&house).await?;
    let of = |app: &App| json!({ "id": app.id, "name": "App", "uri": "", "logo_uri": "" });
    let clients: Vec<&Value> =
        granted.as_array().into_iter().flatten().map(|grant| &grant["client"]).collect();
    assert_eq!(clients, [&of(&app), &of(&other)], "the newest first");

    assert_eq!(revoke(&house, &app.id).await?.status, 204);

    assert_eq!(house.rest(given.text("access_token")).await, 401);
    assert_eq!(house.rest(kept.text("access_token")).await, 200, "the other app stays");
    assert_eq!(house.rest(&house.ana).await, 200);
    let again = house.refresh(&app, given.text("refresh_token")).await?;
    assert_eq!(refused(&again), (400, "invalid_grant"));
    assert_eq!(refused(&house.exchange(&app, &on_its_way, &[]).await?), (400, "invalid_grant"));
    assert_eq!(grants(&house).await?.as_array().map(Vec::len), Some(1));
    assert_eq!(revoke(&house, &app.id).await?.refusal(), (404, "oauth_consent_not_found"));
    assert_eq!(revoke(&house, "x").await?.refusal(), (400, "validation_failed"));
    let id = house.asked(&app, &[]).await?;
    assert!(house.look(&house.ana, &id).await?.body.get("client").is_some(), "Ana is asked again");
    Ok(())
}

#[tokio::test]
async fn who_has_a_second_factor_shows_it_to_let_an_app_in() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let id = house.asked(&app, &[]).await?;
    house
        .database
        .sql(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
             select gen_random_uuid(), id, 'totp', 'verified', now(), now() from auth.users where email like 'ana%'",
        )
        .await;
    let reply = house.decide(&house.ana, &id, "approve").await?;
    assert_eq!(reply.refusal(), (403, "insufficient_aal"));
    house.database.sql("update auth.sessions set aal = 'aal2'").await;
    assert_eq!(house.decide(&house.ana, &id, "approve").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn person_sees_apps_beside_their_devices() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({ "client_name": "Calendar" })).await?;
    let given = house.enter(&app).await?;
    let ana = Person { token: house.ana.clone() };

    let listed = house.server.rpc(&ana, "my_sessions", json!({})).await.body;

    assert_eq!(
        (&listed[0]["client_name"], &listed[1]["client_name"]),
        (&json!("Calendar"), &Value::Null)
    );
    let ended = house.server.rpc(&ana, "revoke_session", json!({ "id": listed[0]["id"] })).await;
    assert_eq!(ended.body, true);
    assert_eq!(house.rest(given.text("access_token")).await, 401);
    Ok(())
}
