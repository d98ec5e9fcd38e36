//! Codes: for one client, once, and not for long.

use serde_json::json;

use super::{HOME, House, refused};

#[tokio::test]
async fn code_that_comes_a_second_time_ends_what_it_gave() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let code = house.code(&app, &[]).await?;
    let given = house.exchange(&app, &code, &[]).await?;
    assert_eq!(house.rest(given.text("access_token")).await, 200);

    let again = house.exchange(&app, &code, &[]).await?;

    assert_eq!(refused(&again), (400, "invalid_grant"));
    assert_eq!(house.rest(given.text("access_token")).await, 401);
    let reply = house.refresh(&app, given.text("refresh_token")).await?;
    assert_eq!(refused(&reply), (400, "invalid_grant"));
    Ok(())
}

#[tokio::test]
async fn of_many_who_use_a_code_at_once_none_keeps_anything() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let code = house.code(&app, &[]).await?;
    let rounds = (0..6).map(|_| house.exchange(&app, &code, &[]));
    let replies = futures_util::future::try_join_all(rounds).await?;
    let given = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(given, 1, "one of them was first");
    let left = "select count(*) from auth.sessions where oauth_client_id is not null";
    assert_eq!(house.database.value(left).await, "0");
    Ok(())
}

#[tokio::test]
async fn code_counts_for_who_asked_and_where_they_wanted_back() -> anyhow::Result<()> {
    let house = House::new().await?;
    let more = json!({ "redirect_uris": [HOME, "https://app.example/other"] });
    let app = house.app(more).await?;
    let code = house.code(&app, &[("resource", "https://api.example/")]).await?;
    for (other, error) in [
        (("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"), "invalid_grant"),
        (("code_verifier", super::CHALLENGE), "invalid_grant"),
        (("code_verifier", "short"), "invalid_grant"),
        (("code_verifier", ""), "invalid_request"),
        (("redirect_uri", "https://app.example/other"), "invalid_grant"),
        (("redirect_uri", ""), "invalid_request"),
        (("resource", "https://other.example/"), "invalid_target"),
        (("code", "another"), "invalid_grant"),
        (("code", ""), "invalid_request"),
    ] {
        let reply = house.exchange(&app, &code, &[other]).await?;
        assert_eq!(refused(&reply), (400, error), "{other:?}: {}", reply.body);
    }
    let named = [("resource", "https://api.example/")];
    assert_eq!(house.exchange(&app, &code, &named).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn code_does_not_count_for_long_nor_for_people_who_are_gone() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let late = house.code(&app, &[]).await?;
    house.database.sql("update auth.oauth_authorizations set expires_at = now()").await;
    assert_eq!(refused(&house.exchange(&app, &late, &[]).await?), (400, "invalid_grant"));

    let banned = house.code(&app, &[]).await?;
    house.database.sql("update auth.users set banned_until = now() + interval '1 hour'").await;
    assert_eq!(refused(&house.exchange(&app, &banned, &[]).await?), (400, "invalid_grant"));
    house.database.sql("update auth.users set banned_until = null").await;
    house.database.sql("update auth.users set deleted_at = now() where email like 'ana%'").await;
    assert_eq!(refused(&house.exchange(&app, &banned, &[]).await?), (400, "invalid_grant"));
    Ok(())
}

#[tokio::test]
async fn database_keeps_no_code() -> anyhow::Result<()> {
    let house = House::new().await?;
    let app = house.public_app().await?;
    let code = house.code(&app, &[]).await?;
    let sql = "select authorization_code || authorization_id from auth.oauth_authorizations";
    assert!(!house.database.value(sql).await.contains(&code));
    Ok(())
}
