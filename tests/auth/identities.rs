//! One more identity for an account, and one less; and id_tokens that apps bring themselves.

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::oauth::{House, VERIFIER, pkce};
use super::provider::{Fault, Key};
use super::{Reply, post, request, send, sign_up};

/// Leaves for one more identity, and gives where the app goes on.
async fn link(house: &House, provider: &str, token: &str) -> anyhow::Result<super::oauth::Landing> {
    let path = format!("/user/identities/authorize?{}&skip_http_redirect=true", pkce(provider));
    let reply = send(request(&house.server, Method::GET, &path).bearer_auth(token)).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.body);
    house.land(&house.meet(reply.text("url")).await?).await
}

async fn unlink(house: &House, id: &str, token: &str) -> anyhow::Result<Reply> {
    let path = format!("/user/identities/{id}");
    send(request(&house.server, Method::DELETE, &path).bearer_auth(token)).await
}

fn identity(user: &Value, provider: &str) -> String {
    let found = user["identities"].as_array().into_iter().flatten();
    let found = found.into_iter().find(|identity| identity["provider"] == provider);
    found.expect("an identity")["identity_id"].as_str().expect("an id").to_owned()
}

async fn by_id_token(house: &House, body: Value) -> anyhow::Result<Reply> {
    post(&house.server, "/token?grant_type=id_token", body).await
}

/// The refusal in OAuth's shape.
fn told(reply: &Reply) -> (u16, &str, &str) {
    (reply.status.as_u16(), reply.text("error"), reply.text("error_description"))
}

#[tokio::test]
async fn person_links_an_identity_and_unlinks_it() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = own.text("access_token");

    let landing = link(&house, "github", token).await?;
    let session = house.exchange(&landing.query["code"], VERIFIER).await?;

    let user = &session.body["user"];
    assert_eq!(user["id"], own.body["user"]["id"]);
    assert_eq!(user["email"], "nia@example.com");
    assert_eq!(user["app_metadata"]["providers"], json!(["email", "github"]));

    let gone = unlink(&house, &identity(user, "github"), token).await?;
    assert_eq!((gone.status.as_u16(), &gone.body), (200, &json!({})));
    let user = super::get(&house.server, "/user", token).await?.body;
    assert_eq!(user["app_metadata"]["providers"], json!(["email"]));
    let last = unlink(&house, &identity(&user, "email"), token).await?;
    assert_eq!(last.refusal(), (422, "single_identity_not_deletable"));
    Ok(())
}

#[tokio::test]
async fn identity_belongs_to_one_account() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = own.text("access_token");
    link(&house, "github", token).await?;
    let other = sign_up(&house.server, "moe@example.com").await?;

    let again = link(&house, "github", token).await?;
    let taken = link(&house, "github", other.text("access_token")).await?;

    let words = "Identity is already linked";
    assert_eq!(again.error(), ["server_error", "identity_already_exists", words]);
    let words = "Identity is already linked to another user";
    assert_eq!(taken.error(), ["server_error", "identity_already_exists", words]);
    Ok(())
}

#[tokio::test]
async fn unknown_identities_are_not_unlinked() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = own.text("access_token");
    link(&house, "github", token).await?;
    house.issuer.person(json!({ "email": "zoe@provider.example" }));
    let other = house.enter("keycloak").await?;
    let foreign = identity(&other.body["user"], "keycloak");

    let foreign = unlink(&house, &foreign, token).await?;
    let no_uuid = unlink(&house, "5", token).await?;

    assert_eq!(foreign.refusal(), (422, "identity_not_found"));
    assert_eq!(no_uuid.refusal(), (404, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn address_goes_with_the_identity_that_proved_it() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = own.text("access_token");
    link(&house, "github", token).await?;
    let user = super::get(&house.server, "/user", token).await?.body;
    let email = identity(&user, "email");
    let taken = sign_up(&house.server, "eve@provider.example").await?;

    let conflict = unlink(&house, &email, token).await?;
    assert_eq!(conflict.refusal(), (422, "email_conflict_identity_not_deletable"));

    let leave = format!(
        "delete from auth.users where id = '{}'",
        taken.body["user"]["id"].as_str().unwrap()
    );
    house.database.sql(&leave).await;
    assert_eq!(unlink(&house, &email, token).await?.status, 200);
    let user = super::get(&house.server, "/user", token).await?.body;
    assert_eq!(user["email"], "eve@provider.example");
    assert_eq!(user["app_metadata"], json!({ "provider": "github", "providers": ["github"] }));
    Ok(())
}

#[tokio::test]
async fn two_removals_at_once_leave_one_identity() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = own.text("access_token");
    link(&house, "github", token).await?;
    let user = super::get(&house.server, "/user", token).await?.body;
    let (email, github) = (identity(&user, "email"), identity(&user, "github"));

    let (one, two) =
        tokio::try_join!(unlink(&house, &email, token), unlink(&house, &github, token))?;

    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    Ok(())
}

#[tokio::test]
async fn nobody_links_where_the_operator_did_not_allow_it() -> anyhow::Result<()> {
    let (_database, server) = super::house().await;
    let own = sign_up(&server, "nia@example.com").await?;
    let token = own.text("access_token");

    let path = "/user/identities/authorize?provider=github";
    let linked = send(request(&server, Method::GET, path).bearer_auth(token)).await?;
    let path = format!("/user/identities/{}", identity(&own.body["user"], "email"));
    let unlinked = send(request(&server, Method::DELETE, &path).bearer_auth(token)).await?;
    let nobody = send(request(&server, Method::GET, "/user/identities/authorize")).await?;

    assert_eq!(linked.refusal(), (404, "manual_linking_disabled"));
    assert_eq!(unlinked.refusal(), (404, "manual_linking_disabled"));
    assert_eq!(nobody.refusal(), (401, "no_authorization"));
    Ok(())
}

#[tokio::test]
async fn app_signs_in_with_an_id_token() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    house.issuer.sign_with(Key::P256);
    let nonce = hex::encode(Sha256::digest("only the app knows"));
    let token =
        house.issuer.id_token(json!({ "nonce": nonce, "aud": "app", "hd": "provider.example" }));

    let body = json!({ "provider": "google", "id_token": token, "nonce": "only the app knows" });
    let session = by_id_token(&house, body).await?;

    assert_eq!(session.status, 200, "{}", session.body);
    let user = &session.body["user"];
    assert_eq!(user["app_metadata"]["provider"], "google");
    let data = &user["identities"][0]["identity_data"];
    assert_eq!(data["custom_claims"], json!({ "hd": "provider.example" }));
    let proof = "select authentication_method from auth.mfa_amr_claims";
    assert_eq!(house.database.value(proof).await, "oauth");
    Ok(())
}

#[tokio::test]
async fn id_tokens_that_do_not_fit_are_refused() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let hashed = hex::encode(Sha256::digest("right"));
    let plain = house.issuer.id_token(json!({}));
    let with_nonce = house.issuer.id_token(json!({ "nonce": hashed }));
    let for_token = house.issuer.id_token(json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }));
    let foreign = house.issuer.id_token(json!({ "aud": "somebody else" }));
    let google = |token: &str| json!({ "provider": "google", "id_token": token });
    let nonce = |token: &str, nonce: &str| json!({ "provider": "google", "id_token": token, "nonce": nonce });
    let both = "Passed nonce and nonce in id_token should either both exist or not.";
    for (body, name, words) in [
        (json!({}), "invalid request", "id_token required"),
        (
            json!({ "id_token": plain }),
            "invalid request",
            "provider or client_id and issuer required",
        ),
        (google("no token"), "invalid request", "Bad ID token"),
        (google(&foreign), "invalid request", "Unacceptable audience in id_token"),
        (google(&with_nonce), "invalid request", both),
        (nonce(&plain, "right"), "invalid request", both),
        (nonce(&with_nonce, "wrong"), "invalid nonce", "Nonces mismatch"),
        (
            json!({ "provider": "google", "id_token": for_token, "access_token": "another" }),
            "invalid request",
            "Bad ID token",
        ),
    ] {
        let reply = by_id_token(&house, body.clone()).await?;
        assert_eq!(told(&reply), (400, name, words), "{body}");
    }
    for fault in [Fault::Expired, Fault::Issuer, Fault::Signature, Fault::SharedSecret] {
        house.issuer.do_wrong(fault);
        let reply = by_id_token(&house, google(&house.issuer.id_token(json!({})))).await?;
        assert_eq!(told(&reply), (400, "invalid request", "Bad ID token"), "{fault:?}");
    }
    assert_eq!(by_id_token(&house, nonce(&with_nonce, "right")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn id_tokens_count_only_from_enabled_openid_providers() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let token = house.issuer.id_token(json!({}));

    let apple = by_id_token(&house, json!({ "provider": "apple", "id_token": token })).await?;
    let github = by_id_token(&house, json!({ "provider": "github", "id_token": token })).await?;

    assert_eq!(apple.refusal(), (400, "provider_disabled"));
    assert_eq!(github.refusal(), (400, "validation_failed"));
    Ok(())
}

#[tokio::test]
async fn person_links_by_an_id_token() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "nia@example.com").await?;
    let token = house.issuer.id_token(json!({}));
    let body = json!({ "provider": "google", "id_token": token, "link_identity": true });

    let nobody = by_id_token(&house, body.clone()).await?;
    let linked = send(
        request(&house.server, Method::POST, "/token?grant_type=id_token")
            .bearer_auth(own.text("access_token"))
            .json(&body),
    )
    .await?;

    assert_eq!(nobody.refusal(), (401, "no_authorization"));
    assert_eq!(linked.body["user"]["id"], own.body["user"]["id"], "{}", linked.body);
    assert_eq!(linked.body["user"]["app_metadata"]["providers"], json!(["email", "google"]));
    Ok(())
}
