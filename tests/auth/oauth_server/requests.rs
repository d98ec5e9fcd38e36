//! GET /oauth/authorize: what is told here, what is told to the client, and what leads on.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::{App, HOME, House, ISSUER, PAGE};
use crate::auth::oauth::CHALLENGE;

/// So many requests are made up.
const CASES: u32 = 120;

#[tokio::test]
async fn until_the_client_is_known_what_is_wrong_is_told_here() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    for (other, status) in [
        (("client_id", ""), 400),
        (("client_id", "app"), 404),
        (("client_id", "c0000000-0000-4000-8000-00000000000c"), 404),
        (("redirect_uri", ""), 400),
        (("redirect_uri", "https://app.example/callback/"), 400),
        (("redirect_uri", "https://app.example/callback?a=1"), 400),
        (("redirect_uri", "https://evil.example/callback"), 400),
        (("redirect_uri", "javascript:alert(1)"), 400),
    ] {
        let answer = house.ask(&app, &[other]).await?;
        assert_eq!((answer.status, answer.location.as_deref()), (status, None), "{other:?}");
        assert!(answer.body.is_object());
    }
    let twice = [("client_id", app.id.as_str()), ("client_id", app.id.as_str())];
    assert_eq!(house.ask_with(&twice).await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn afterwards_the_client_is_told() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let (long, huge) = ("x".repeat(300), "x".repeat(3000));
    for (other, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("scope", "openid admin"), "invalid_scope"),
        (("resource", "somewhere"), "invalid_target"),
        (("resource", "https://api.example/#a"), "invalid_target"),
        (("prompt", "none"), "interaction_required"),
        (("nonce", long.as_str()), "invalid_request"),
    ] {
        let landing = house.ask(&app, &[other]).await?.landing();
        assert_eq!((landing.place.as_str(), landing.error()), (HOME, error), "{other:?}");
        assert_eq!((&*landing.query["state"], &*landing.query["iss"]), ("a state", ISSUER));
        assert!(!landing.query["error_description"].is_empty());
    }
    let landing = house.ask(&app, &[("state", &huge)]).await?.landing();
    assert_eq!((landing.error(), landing.query.get("state")), ("invalid_request", None));
    let twice = [
        ("client_id", app.id.as_str()),
        ("redirect_uri", HOME),
        ("scope", "openid"),
        ("scope", "email"),
    ];
    assert_eq!(house.ask_with(&twice).await?.landing().error(), "invalid_request");
    Ok(())
}

#[tokio::test]
async fn apps_of_a_device_take_any_port_of_it() -> anyhow::Result<()> {
    let house = House::new().await?;
    let uris = json!(["http://127.0.0.1/callback", "com.example.app:/callback"]);
    let more = json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" });
    let app = house.app(more).await?;
    let local = App { home: "http://127.0.0.1:51234/callback".into(), ..app.clone() };
    let own = App { home: "com.example.app:/callback".into(), ..app };
    for app in [local, own] {
        let code = house.code(&app, &[]).await?;
        assert_eq!(house.exchange(&app, &code, &[]).await?.status, 200, "{}", app.home);
    }
    Ok(())
}

#[tokio::test]
async fn client_asks_for_what_it_was_registered_for() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.app(json!({ "scope": "email" })).await?;
    assert_eq!(house.ask(&app, &[]).await?.landing().error(), "invalid_scope");
    assert_eq!(house.ask(&app, &[("scope", "email")]).await?.landing().place, PAGE);
    Ok(())
}

#[tokio::test]
async fn openid_needs_a_key_that_others_can_verify() -> anyhow::Result<()> {
    let house = House::with(&[]).await?;
    let app = house.public_app().await?;
    assert_eq!(house.ask(&app, &[]).await?.landing().error(), "invalid_scope");
    let code = house.code(&app, &[("scope", "email profile")]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    assert_eq!((given.status.as_u16(), given.text("scope")), (200, "profile email"));
    Ok(())
}

#[tokio::test]
async fn page_is_where_the_operator_says() -> anyhow::Result<()> {
    let flags = [
        "--auth-site-url",
        "https://app.example/",
        "--auth-oauth-server-authorization-path",
        "/let-in?lang=de",
    ];
    let house = House::with(&flags).await?;
    let app = house.public_app().await?;
    let landing = house.ask(&app, &[("scope", "email")]).await?.landing();
    assert_eq!(
        (landing.place.as_str(), &*landing.query["lang"]),
        ("https://app.example/let-in", "de")
    );
    assert!(landing.query.contains_key("authorization_id"));
    Ok(())
}

#[tokio::test]
async fn whatever_is_asked_is_answered() -> anyhow::Result<()> {
    let house = House::new().await?;
    house.database.sql("delete from auth.rate_limits").await;
    let app = house.public_app().await?;
    let name = prop_oneof![
        Just("client_id".to_owned()),
        Just("redirect_uri".to_owned()),
        Just("scope".to_owned()),
        Just("state".to_owned()),
        Just("nonce".to_owned()),
        Just("resource".to_owned()),
        Just("prompt".to_owned()),
        Just("response_type".to_owned()),
        Just("code_challenge".to_owned()),
        Just("code_challenge_method".to_owned()),
        ".{0,8}",
    ];
    let value = prop_oneof![
        Just(app.id.clone()),
        Just(HOME.to_owned()),
        Just("code".to_owned()),
        Just("S256".to_owned()),
        Just(CHALLENGE.to_owned()),
        Just("openid".to_owned()),
        "\\PC{0,40}",
        "[\\x00-\\x7f]{0,40}",
        ".{0,40}",
    ];
    let queries = proptest::collection::vec((name, value), 0..8);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let mut made = Vec::new();
    for round in 0..CASES {
        let query = queries.new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        // Every other request gets past the client.
        let proven = [("client_id", app.id.as_str()), ("redirect_uri", HOME)];
        let given = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let begin = if round % 2 == 0 { &proven[..] } else { &[] };
        let pairs: Vec<_> = begin.iter().copied().chain(given).collect();
        let answer = house.ask_with(&pairs).await?;
        assert!(answer.status < 500, "{pairs:?}: {answer:?}");
        made.push(answer.status);
    }
    assert!(made.contains(&302) && made.contains(&400), "{made:?}");
    Ok(())
}
