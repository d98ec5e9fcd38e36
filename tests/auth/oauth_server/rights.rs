//! What an app may not do for a person, and what ends it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ANA, House};
use crate::auth::factors::{CODES_ARE_FRESH, answer, enroll};
use crate::auth::{PASSWORD, get, log_out, request, send, sign_in};
use crate::support::Person;

#[tokio::test]
async fn app_does_not_touch_the_account() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let given = house.enter(&app).await?;
    let (token, id) = (given.text("access_token"), house.asked(&app, &[]).await?);
    let authorization = format!("/oauth/authorizations/{id}");
    let consent = format!("{authorization}/consent");
    for (method, path, body) in [
        (Method::PUT, "/user", json!({ "password": "another password" })),
        (Method::PUT, "/user", json!({ "email": "eve@example.com" })),
        (Method::PUT, "/user", json!({ "data": { "name": "Eve" } })),
        (Method::DELETE, "/user", Value::Null),
        (Method::GET, "/reauthenticate", Value::Null),
        (Method::GET, "/user/sessions", Value::Null),
        (Method::POST, "/factors", json!({ "factor_type": "totp" })),
        (Method::GET, "/factors/recovery-codes", Value::Null),
        (Method::GET, "/passkeys", Value::Null),
        (Method::GET, "/user/oauth/grants", Value::Null),
        (Method::GET, &authorization, Value::Null),
        (Method::POST, &consent, json!({ "action": "approve" })),
    ] {
        let asked = request(&house.server, method.clone(), path).bearer_auth(token).json(&body);
        let reply = send(asked).await?;
        assert_eq!(reply.refusal(), (403, "no_authorization"), "{method} {path}: {}", reply.body);
    }
    assert_eq!(get(&house.server, "/user", token).await?.text("email"), ANA);
    Ok(())
}

#[tokio::test]
async fn app_does_not_do_so_by_functions_either() -> anyhow::Result<()> {
    let house = House::new().await?;
    let given = house.enter(&house.public_app().await?).await?;
    let app = Person { token: given.text("access_token").to_owned() };
    let own =
        house.server.rpc(&Person { token: house.ana.clone() }, "my_sessions", json!({})).await;
    let own = own.body.as_array().cloned().unwrap_or_default();
    assert_eq!(own.len(), 2, "Ana's and the app's");
    let anas = own.iter().find(|session| session["client_name"].is_null()).expect("Ana's");

    let seen = house.server.rpc(&app, "my_sessions", json!({})).await.body;
    assert_eq!((seen.as_array().map(Vec::len), &seen[0]["is_current"]), (Some(1), &json!(true)));
    let ended = house.server.rpc(&app, "revoke_session", json!({ "id": anas["id"] })).await;
    assert_eq!(ended.body, false);
    let left = house.server.rpc(&app, "delete_my_account", json!({})).await;
    assert_eq!(left.status, 403, "{}", left.text);
    assert_eq!(house.rest(&house.ana).await, 200);
    Ok(())
}

#[tokio::test]
async fn app_signs_out_itself_and_nobody_else() -> anyhow::Result<()> {
    let house = House::new().await?;
    let given = house.enter(&house.public_app().await?).await?;
    let token = given.text("access_token");
    assert_eq!(log_out(&house.server, "global", token).await?.status, 204);
    assert_eq!(house.rest(token).await, 401);
    assert_eq!(house.rest(&house.ana).await, 200);
    Ok(())
}

#[tokio::test]
async fn app_of_an_administrator_administers_nothing() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    house.database.sql("update auth.users set role = 'service_role' where email like 'ana%'").await;
    let own = sign_in(&house.server, ANA, PASSWORD).await?;
    let given = house.enter(&app).await?;
    let admin = get(&house.server, "/admin/users", own.text("access_token")).await?;
    assert_eq!(admin.status, 200, "the person may");
    let reply = get(&house.server, "/admin/users", given.text("access_token")).await?;
    assert_eq!(reply.refusal(), (403, "not_admin"));
    Ok(())
}

#[tokio::test]
async fn policies_tell_apps_from_people() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let token = house.enter(&app).await?.text("access_token").to_owned();
    house
        .database
        .sql(
            "create policy \"no apps\" on public.profiles as restrictive for select to authenticated
             using ((select auth.jwt() ->> 'client_id') is null)",
        )
        .await;
    let read = async |token: &str| {
        let who = Person { token: token.to_owned() };
        let answer = house.server.rest(&who, Method::GET, "profiles?limit=1").await;
        answer.body.as_array().map(Vec::len)
    };
    assert_eq!((read(&house.ana).await, read(&token).await), (Some(1), Some(0)));
    Ok(())
}

#[tokio::test]
async fn hook_changes_claims_but_not_whose_token_it_is() -> anyhow::Result<()> {
    let flags = ["--auth-hook-custom-access-token", "public.for_apps"];
    let mut house = House::with(&flags).await?;
    let app = house.public_app().await?;
    let make = |body: &str| {
        format!(
            "create or replace function public.for_apps(event jsonb) returns jsonb language sql as $$
               select {body} $$;
             grant execute on function public.for_apps(jsonb) to supabase_auth_admin"
        )
    };
    house.database.sql(&make("jsonb_set(event, '{claims,aud}', '\"https://api.example\"')")).await;
    house.ana = house.person(ANA).await?;
    let code = house.code(&app, &[("scope", "email")]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    let claims = super::claims(given.text("access_token"));
    assert_eq!(
        (&claims["aud"], &claims["client_id"]),
        (&json!("https://api.example"), &json!(app.id))
    );

    house.database.sql(&make("event #- '{claims,client_id}'")).await;
    let code = house.code(&app, &[("scope", "email")]).await?;
    let refused = house.exchange(&app, &code, &[]).await?;
    assert_eq!(refused.status, 500, "{}", refused.body);
    Ok(())
}

#[tokio::test]
async fn new_password_ends_apps_and_a_sign_in_does_not() -> anyhow::Result<()> {
    let house = House::with(&["--auth-single-session", "true"]).await?;
    let app = house.public_app().await?;
    let code = house.code(&app, &[("scope", "email")]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    assert_eq!(house.rest(&house.ana).await, 200, "an app is no other device");
    let ana = sign_in(&house.server, ANA, PASSWORD).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 200);

    let body = json!({ "password": "another password" });
    let changed = crate::auth::put(&house.server, "/user", ana.text("access_token"), body).await?;

    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(house.rest(given.text("access_token")).await, 401);
    Ok(())
}

#[tokio::test]
async fn new_factor_ends_apps_and_a_known_one_does_not() -> anyhow::Result<()> {
    let mut house = House::new().await?;
    let app = house.public_app().await?;
    let before = house.enter(&app).await?;
    let (id, codes) = enroll(&house.server, &house.ana, "phone").await?;
    let raised = answer(&house.server, &house.ana, &id, &codes.code(0)).await?;
    assert_eq!(house.rest(before.text("access_token")).await, 401);

    house.ana = raised.text("access_token").to_owned();
    let after = house.enter(&app).await?;
    assert_eq!(super::claims(after.text("access_token"))["aal"], "aal1");
    house.database.sql(CODES_ARE_FRESH).await;
    let again = house.person(ANA).await?;
    let raised = answer(&house.server, &again, &id, &codes.code(0)).await?;

    assert_eq!(raised.status, 200, "{}", raised.body);
    assert_eq!(house.rest(after.text("access_token")).await, 200);
    Ok(())
}
