//! POST /signup.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{PASSWORD, house, post, sign_in, sign_up};

// TEN-01
#[tokio::test]
async fn signup_answers_a_session_and_makes_a_profile() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let asked = json!({ "email": "Eve@Example.com", "password": PASSWORD, "data": { "display_name": "Eve" } });

    let reply = post(&server, "/signup", asked).await?;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.text("token_type"), "bearer");
    assert_eq!(reply.body["expires_in"], 3600);
    let user = &reply.body["user"];
    assert_eq!(user["email"], "eve@example.com");
    assert_eq!(user["role"], "authenticated");
    assert_eq!(user["app_metadata"], json!({ "provider": "email", "providers": ["email"] }));
    assert_eq!(user["user_metadata"]["display_name"], "Eve");
    assert_eq!(user["identities"][0]["provider"], "email");
    assert!(user["email_confirmed_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(user.get("encrypted_password").is_none());
    let profile = "select p.display_name
                     from public.profiles p join auth.users u using (id)
                    where u.email = 'eve@example.com'";
    assert_eq!(database.rows(profile).await, [[Some("Eve".to_owned())]]);
    Ok(())
}

#[tokio::test]
async fn access_token_carries_the_claims_clients_read() -> anyhow::Result<()> {
    let (_database, server) = house().await;

    let reply = sign_up(&server, "eve@example.com").await?;

    let payload = reply.text("access_token").split('.').nth(1).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    assert!(claims["iss"].as_str().is_some_and(|issuer| issuer.ends_with("/auth/v1")));
    assert_eq!(claims["sub"], reply.body["user"]["id"]);
    assert_eq!(claims["aud"], "authenticated");
    assert_eq!(claims["role"], "authenticated");
    assert_eq!(claims["email"], "eve@example.com");
    assert_eq!(claims["phone"], "");
    assert_eq!(claims["aal"], "aal1");
    assert_eq!(claims["amr"][0]["method"], "password");
    assert_eq!(claims["is_anonymous"], false);
    assert_eq!(claims["exp"], reply.body["expires_at"]);
    assert!(claims["session_id"].is_string());
    Ok(())
}

#[tokio::test]
async fn only_hashes_are_kept() -> anyhow::Result<()> {
    let (database, server) = house().await;

    let reply = sign_up(&server, "eve@example.com").await?;

    let kept = "select u.encrypted_password, t.token
                  from auth.users u join auth.refresh_tokens t on t.user_id = u.id::text
                 where u.email = 'eve@example.com'";
    let rows = database.rows(kept).await;
    let text = |column: usize| rows[0][column].clone().unwrap_or_default();
    assert!(text(0).starts_with("$argon2id$"));
    assert_eq!(text(1).len(), 64);
    assert_ne!(text(1), reply.text("refresh_token"));
    Ok(())
}

#[tokio::test]
async fn taken_address_is_refused_whatever_its_case() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    sign_up(&server, "eve@example.com").await?;

    let asked = json!({ "email": "EVE@example.com", "password": "another one" });
    let reply = post(&server, "/signup", asked).await?;

    assert_eq!(reply.refusal(), (422, "user_already_exists"));
    Ok(())
}

#[tokio::test]
async fn of_two_who_ask_at_once_for_an_address_one_gets_it() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let asked = || json!({ "email": "eve@example.com", "password": PASSWORD });

    let (one, other) =
        tokio::try_join!(post(&server, "/signup", asked()), post(&server, "/signup", asked()))?;

    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    Ok(())
}

#[tokio::test]
async fn refused_signup_names_the_reason() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let signup = async |asked: Value| post(&server, "/signup", asked).await;
    let email = "eve@example.com";

    let weak = signup(json!({ "email": email, "password": "short" })).await?;
    assert_eq!(weak.refusal(), (422, "weak_password"));
    assert_eq!(weak.body["weak_password"]["reasons"], json!(["length"]));

    let long = signup(json!({ "email": email, "password": "x".repeat(73) })).await?;
    assert_eq!(long.refusal(), (400, "validation_failed"));

    let empty = signup(json!({ "email": email })).await?;
    assert_eq!(empty.refusal(), (400, "validation_failed"));

    let address = signup(json!({ "email": "eve", "password": PASSWORD })).await?;
    assert_eq!(address.refusal(), (400, "validation_failed"));

    let anonymous = signup(json!({ "data": {} })).await?;
    assert_eq!(anonymous.refusal(), (422, "anonymous_provider_disabled"));

    let phone = signup(json!({ "phone": "4912345", "password": PASSWORD })).await?;
    assert_eq!(phone.refusal(), (400, "phone_provider_disabled"));

    let both = json!({ "email": email, "phone": "4912345", "password": PASSWORD });
    assert_eq!(signup(both).await?.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn trigger_that_raises_is_told_in_its_own_words_and_undoes_the_signup() -> anyhow::Result<()>
{
    let (database, server) = house().await;
    database
        .sql(
            "create function public.only_friends() returns trigger language plpgsql as $$
             begin
               raise exception 'Friends only.' using hint = 'Ask for an invitation.';
             end $$;
             create trigger only_friends after insert on auth.users
             for each row execute function public.only_friends();",
        )
        .await;
    let asked = json!({ "email": "eve@example.com", "password": PASSWORD });

    let reply = post(&server, "/signup", asked).await?;

    assert_eq!(reply.refusal(), (422, "unexpected_failure"));
    assert_eq!(reply.text("message"), "Friends only.");
    assert_eq!(reply.text("hint"), "Ask for an invitation.");
    let signed_in = sign_in(&server, "eve@example.com", PASSWORD).await?;
    assert_eq!(signed_in.refusal(), (400, "invalid_credentials"));
    Ok(())
}

#[tokio::test]
async fn trigger_chooses_the_status() -> anyhow::Result<()> {
    let (database, server) = house().await;
    database
        .sql(
            "create function public.too_late() returns trigger language plpgsql as $$
             begin
               raise sqlstate 'PT410' using message = 'The party is over.';
             end $$;
             create trigger too_late before update of email_confirmed_at on auth.users
             for each row execute function public.too_late();",
        )
        .await;
    let asked = json!({ "email": "eve@example.com", "password": PASSWORD });

    let reply = post(&server, "/signup", asked).await?;

    assert_eq!(reply.refusal(), (410, "unexpected_failure"));
    assert_eq!(reply.text("message"), "The party is over.");
    Ok(())
}
