//! From the request to tokens, and what they are worth.

use reqwest::Method;
use serde_json::json;

use super::{App, HOME, House, ISSUER, Landing, claims, refused};
use crate::auth::{get, refresh, request, send};

const ANA_ID: &str = "a0000000-0000-4000-8000-00000000000a";

#[tokio::test]
async fn person_lets_an_app_in_that_keeps_no_secret() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    assert_eq!(app.secret, None);

    let id = house.asked(&app, &[("nonce", "a nonce")]).await?;
    let asked = house.look(&house.ana, &id).await?;
    assert_eq!(
        asked.body,
        json!({
            "authorization_id": id,
            "redirect_uri": HOME,
            "client": { "id": app.id, "name": "App", "uri": "", "logo_uri": "" },
            "user": { "id": ANA_ID, "email": "ana@example.com" },
            "scope": "openid email",
        })
    );
    let said = house.decide(&house.ana, &id, "approve").await?;
    let landing = Landing::read(said.text("redirect_url"));
    assert_eq!((landing.place.as_str(), &*landing.query["state"]), (HOME, "a state"));
    assert_eq!(landing.query["iss"], ISSUER);

    let given = house.exchange(&app, &landing.query["code"], &[]).await?;
    assert_eq!(given.status, 200, "{}", given.body);
    assert_eq!(given.header("cache-control"), "no-store");
    assert_eq!((given.text("token_type"), given.text("scope")), ("bearer", "openid email"));
    assert_eq!(given.body["expires_in"], 3600);
    let access = claims(given.text("access_token"));
    assert_eq!((&access["sub"], &access["aud"]), (&json!(ANA_ID), &json!("authenticated")));
    assert_eq!((&access["client_id"], &access["scope"]), (&json!(app.id), &json!("openid email")));
    assert_eq!((&access["role"], &access["aal"]), (&json!("authenticated"), &json!("aal1")));
    assert_eq!(access["amr"][0]["method"], "oauth_provider/authorization_code");
    let told = claims(given.text("id_token"));
    assert_eq!((&told["aud"], &told["nonce"]), (&json!(app.id), &json!("a nonce")));
    assert_eq!((&told["iss"], &told["sub"]), (&json!(ISSUER), &json!(ANA_ID)));
    assert_eq!(
        (&told["email"], &told["email_verified"]),
        (&json!("ana@example.com"), &json!(true))
    );
    assert!(told["auth_time"].is_i64() && told.get("role").is_none());
    assert_eq!(house.rest(given.text("access_token")).await, 200);
    Ok(())
}

#[tokio::test]
async fn app_that_keeps_a_secret_shows_it_in_a_header_or_in_the_body() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({})).await?;
    let secret = app.secret.clone().expect("a secret");
    assert_eq!(house.exchange(&app, &house.code(&app, &[]).await?, &[]).await?.status, 200);

    let body = json!({
        "grant_type": "authorization_code", "code": house.code(&app, &[]).await?,
        "redirect_uri": HOME, "code_verifier": super::VERIFIER,
    });
    let asked = request(&house.server, Method::POST, "/oauth/token").json(&body);
    let given = send(asked.basic_auth(&app.id, Some(&secret))).await?;

    assert_eq!(given.status, 200, "{}", given.body);
    assert_eq!(house.database.value("select count(*) from auth.oauth_clients where client_secret_hash ~ '^[0-9a-f]{64}$'").await, "1");
    Ok(())
}

#[tokio::test]
async fn app_that_is_not_who_it_says_gets_nothing() -> anyhow::Result<()> {
    let house = House::new().await?;
    let (app, other) = (house.app(json!({})).await?, house.app(json!({})).await?);
    let code = house.code(&app, &[]).await?;
    let with =
        |id: &App, secret: Option<&str>| App { secret: secret.map(str::to_owned), ..id.clone() };
    let nobody = App { id: "c0000000-0000-4000-8000-00000000000c".into(), ..app.clone() };
    for wrong in
        [with(&app, None), with(&app, Some("guess")), with(&app, other.secret.as_deref()), nobody]
    {
        let reply = house.exchange(&wrong, &code, &[]).await?;
        assert_eq!(refused(&reply), (401, "invalid_client"), "{}", reply.body);
        assert!(reply.header("www-authenticate").starts_with("Basic"));
    }
    let foreign = house.exchange(&other, &code, &[]).await?;
    assert_eq!(refused(&foreign), (400, "invalid_grant"));
    assert_eq!(house.exchange(&app, &code, &[]).await?.status, 200, "none of that spent the code");
    Ok(())
}

#[tokio::test]
async fn session_is_refreshed_by_its_app_alone() -> anyhow::Result<()> {
    let house = House::new().await?;
    let (app, other) = (house.public_app().await?, house.public_app().await?);
    let first = house.enter(&app).await?;
    let token = first.text("refresh_token");

    assert_eq!(refused(&house.refresh(&other, token).await?), (400, "invalid_grant"));
    let own = refresh(&house.server, token).await?;
    assert_eq!(own.refusal(), (400, "refresh_token_not_found"));
    let second = house.refresh(&app, token).await?;

    assert_eq!((second.status.as_u16(), second.text("scope")), (200, "openid email"));
    assert_eq!(second.body.get("id_token"), None);
    let (before, after) = (claims(first.text("access_token")), claims(second.text("access_token")));
    for claim in ["sub", "session_id", "client_id", "scope"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
    let third = house.refresh(&app, second.text("refresh_token")).await?;
    assert_eq!(third.status, 200, "{}", third.body);
    house
        .database
        .sql("update auth.refresh_tokens set updated_at = now() - interval '1 hour'")
        .await;
    assert_eq!(refused(&house.refresh(&app, token).await?), (400, "invalid_grant"));
    let after = house.refresh(&app, third.text("refresh_token")).await?;
    assert_eq!(refused(&after), (400, "invalid_grant"), "an old token ends the session");
    Ok(())
}

#[tokio::test]
async fn refresh_token_of_a_person_is_none_of_an_app() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let own = crate::auth::sign_in(&house.server, super::ANA, crate::auth::PASSWORD).await?;
    let reply = house.refresh(&app, own.text("refresh_token")).await?;
    assert_eq!(refused(&reply), (400, "invalid_grant"));
    assert_eq!(refresh(&house.server, own.text("refresh_token")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn app_that_may_not_refresh_is_given_nothing_to_refresh_with() -> anyhow::Result<()> {
    let house = House::new().await?;
    let more = json!({ "grant_types": ["authorization_code"] });
    let app = house.app(more).await?;
    let given = house.enter(&app).await?;
    assert_eq!(given.body.get("refresh_token"), None);
    let reply = house.refresh(&app, "some token of a person").await?;
    assert_eq!(refused(&reply), (400, "unauthorized_client"));
    Ok(())
}

#[tokio::test]
async fn scopes_say_what_an_app_learns() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let code = house.code(&app, &[("scope", "")]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    assert_eq!((given.text("scope"), given.body.get("id_token")), ("email", None));

    let told = get(&house.server, "/oauth/userinfo", given.text("access_token")).await?;
    let email = json!({ "sub": ANA_ID, "email": "ana@example.com", "email_verified": true });
    assert_eq!(told.body, email);
    let code = house.code(&app, &[("scope", "openid")]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    let posted = request(&house.server, Method::POST, "/oauth/userinfo");
    let told = send(posted.bearer_auth(given.text("access_token"))).await?;
    assert_eq!(told.body, json!({ "sub": ANA_ID }));
    Ok(())
}

#[tokio::test]
async fn userinfo_is_for_tokens_that_count() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let given = house.enter(&app).await?;
    let id_token = given.text("id_token").to_owned();
    house.database.sql("delete from auth.sessions where oauth_client_id is not null").await;
    for token in [given.text("access_token"), &id_token, "nonsense"] {
        let reply = get(&house.server, "/oauth/userinfo", token).await?;
        assert_eq!(refused(&reply), (401, "invalid_token"), "{}", reply.body);
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    Ok(())
}

#[tokio::test]
async fn id_token_opens_nothing() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let given = house.enter(&app).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 200);
    assert_eq!(house.rest(given.text("id_token")).await, 401);
    let reply = get(&house.server, "/user", given.text("id_token")).await?;
    assert_eq!(reply.refusal(), (403, "bad_jwt"));
    Ok(())
}

#[tokio::test]
async fn token_endpoint_speaks_as_oauth_does() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "password")][..], "unsupported_grant_type"),
        (&[("grant_type", "authorization_code")][..], "invalid_request"),
        (&[("grant_type", "refresh_token")][..], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "x")][..], "invalid_grant"),
    ] {
        let reply = house.take(&app, fields).await?;
        assert_eq!(refused(&reply), (400, error), "{fields:?}");
    }
    let asked = request(&house.server, Method::POST, "/oauth/token").body("{");
    assert_eq!(refused(&send(asked).await?), (400, "invalid_request"));
    let asked = request(&house.server, Method::POST, "/oauth/token");
    assert_eq!(refused(&send(asked).await?), (401, "invalid_client"));
    Ok(())
}
