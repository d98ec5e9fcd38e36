//! Passkeys, and security keys as a second factor.

use reqwest::Method;
use serde_json::{Value, json};

use super::factors::{claims, eve};
use super::{PASSWORD, Reply, get, house, post, post_as, request, send, sign_in, sign_up};
use crate::support::{Database, Device, Server};

const ORIGIN: &str = "https://app.example.com";

async fn site() -> (Database, Server) {
    let database = Database::new().await;
    let flags = ["--auth-webauthn-rp-id", "example.com", "--auth-webauthn-rp-origins", ORIGIN];
    let server = Server::start_with(&database, &flags).await;
    (database, server)
}

/// A person with a passkey on this device.
async fn register(server: &Server, token: &str, device: &mut Device) -> anyhow::Result<Reply> {
    let asked = post_as(server, "/passkeys/registration/options", token, json!({})).await?;
    anyhow::ensure!(asked.status == 200, "{}", asked.body);
    let credential = device.create(&asked.body["options"]);
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
    post_as(server, "/passkeys/registration/verify", token, body).await
}

async fn ask(server: &Server) -> anyhow::Result<Reply> {
    post(server, "/passkeys/authentication/options", json!({})).await
}

async fn show(server: &Server, asked: &Reply, credential: Value) -> anyhow::Result<Reply> {
    let body = json!({ "challenge_id": asked.text("challenge_id"), "credential": credential });
    post(server, "/passkeys/authentication/verify", body).await
}

#[tokio::test]
async fn passkey_signs_in_without_a_name() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let mut device = Device::new(ORIGIN);
    let made = register(&server, session.text("access_token"), &mut device).await?;

    let asked = ask(&server).await?;
    let signed_in = show(&server, &asked, device.get(&asked.body["options"])).await?;

    assert_eq!(made.status, 200);
    assert!(made.body["created_at"].is_string() && made.body.get("friendly_name").is_none());
    assert_eq!(asked.body["options"]["rpId"], "example.com");
    assert_eq!(signed_in.status, 200);
    assert_eq!(signed_in.body["user"]["email"], "eve@example.com");
    let claims = claims(signed_in.text("access_token"));
    assert_eq!((&claims["aal"], &claims["amr"][0]["method"]), (&json!("aal1"), &json!("passkey")));
    let settings = get(&server, "/settings", &server.anon_key()).await?;
    assert_eq!(settings.body["passkeys_enabled"], true);
    Ok(())
}

#[tokio::test]
async fn device_is_asked_to_remember_who_and_to_check_it() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let mut device = Device::new(ORIGIN);
    register(&server, token, &mut device).await?;

    let asked = post_as(&server, "/passkeys/registration/options", token, json!({})).await?;

    let options = &asked.body["options"];
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["user"]["name"], "eve@example.com");
    assert_eq!(options["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let expires_in =
        asked.body["expires_at"].as_i64().unwrap_or_default() - walkie::identity::unix_now();
    assert!((290..=300).contains(&expires_in), "{expires_in}");
    Ok(())
}

#[tokio::test]
async fn ceremony_is_done_once_and_in_time() -> anyhow::Result<()> {
    let (database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let mut device = Device::new(ORIGIN);
    register(&server, session.text("access_token"), &mut device).await?;
    let asked = ask(&server).await?;
    let credential = device.get(&asked.body["options"]);

    let first = show(&server, &asked, credential.clone()).await?;
    let again = show(&server, &asked, credential).await?;
    let asked = ask(&server).await?;
    database.sql("update auth.webauthn_challenges set expires_at = now()").await;
    let late = show(&server, &asked, device.get(&asked.body["options"])).await?;

    assert_eq!(first.status, 200);
    assert_eq!(again.refusal(), (400, "webauthn_challenge_not_found"));
    assert_eq!(late.refusal(), (400, "webauthn_challenge_expired"));
    Ok(())
}

#[tokio::test]
async fn strange_pages_devices_and_copies_are_refused() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let mut device = Device::new(ORIGIN);
    register(&server, token, &mut device).await?;
    let mut copy = device.copy();
    let attempt = async |device: &mut Device| {
        let asked = ask(&server).await?;
        show(&server, &asked, device.get(&asked.body["options"])).await
    };

    let phished =
        register(&server, token, &mut Device::new("https://app.example.com.evil.net")).await?;
    let mut careless = Device::new(ORIGIN);
    careless.verifies = false;
    let careless = register(&server, token, &mut careless).await?;
    let twice = register(&server, token, &mut device).await?;
    let mut unknown = Device::new(ORIGIN);
    unknown.create(&json!({ "user": { "id": "AAAA" }, "rp": { "id": "example.com" } }));
    let unknown = attempt(&mut unknown).await?;
    let own = attempt(&mut device).await?;
    let copied = attempt(&mut copy).await?;

    assert_eq!(phished.refusal(), (400, "webauthn_verification_failed"));
    assert_eq!(careless.refusal(), (400, "webauthn_verification_failed"));
    assert_eq!(twice.status, 400);
    assert_eq!(unknown.status, 400);
    assert_eq!(own.status, 200);
    assert_eq!(copied.refusal(), (400, "webauthn_verification_failed"));
    Ok(())
}

#[tokio::test]
async fn passkey_of_another_account_is_known() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let eve = sign_up(&server, "eve@example.com").await?;
    let ivy = sign_up(&server, "ivy@example.com").await?;
    let mut device = Device::new(ORIGIN);
    register(&server, eve.text("access_token"), &mut device).await?;

    let taken = register(&server, ivy.text("access_token"), &mut device).await?;

    assert_eq!(taken.refusal(), (422, "webauthn_credential_exists"));
    Ok(())
}

#[tokio::test]
async fn people_name_and_remove_their_passkeys() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let mut device = Device::new(ORIGIN);
    let made = register(&server, token, &mut device).await?;
    let path = format!("/passkeys/{}", made.text("id"));
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let patch = |token: &str| {
        let body = json!({ "friendly_name": "laptop" });
        request(&server, Method::PATCH, &path).bearer_auth(token).json(&body)
    };
    let delete = |token: &str| request(&server, Method::DELETE, &path).bearer_auth(token);

    let strange = send(patch(ana.text("access_token"))).await?;
    let renamed = send(patch(token)).await?;
    let listed = get(&server, "/passkeys", token).await?;
    let stranger = send(delete(ana.text("access_token"))).await?;
    let removed = send(delete(token)).await?;
    let asked = ask(&server).await?;
    let gone = show(&server, &asked, device.get(&asked.body["options"])).await?;

    assert_eq!(strange.refusal(), (404, "webauthn_credential_not_found"));
    assert_eq!(renamed.text("friendly_name"), "laptop");
    assert_eq!(listed.body, json!([renamed.body]));
    assert_eq!(stranger.refusal(), (404, "webauthn_credential_not_found"));
    assert_eq!(removed.status, 204);
    assert_eq!(gone.refusal(), (404, "webauthn_credential_not_found"));
    Ok(())
}

#[tokio::test]
async fn operator_sees_and_removes_passkeys() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let made = register(&server, session.text("access_token"), &mut Device::new(ORIGIN)).await?;
    let user = session.body["user"]["id"].as_str().unwrap_or_default();
    let path = format!("/admin/users/{user}/passkeys");
    let key = server.service_key();
    let one = format!("{path}/{}", made.text("id"));

    let listed = get(&server, &path, &key).await?;
    let own = get(&server, &path, session.text("access_token")).await?;
    let removed = send(request(&server, Method::DELETE, &one).bearer_auth(&key)).await?;
    let again = send(request(&server, Method::DELETE, &one).bearer_auth(&key)).await?;

    assert_eq!(listed.body[0]["id"], made.body["id"]);
    assert_eq!(own.refusal(), (403, "not_admin"));
    assert_eq!(removed.status, 204);
    assert_eq!(again.refusal(), (404, "webauthn_credential_not_found"));
    Ok(())
}

#[tokio::test]
async fn banned_people_and_first_levels_get_no_passkey() -> anyhow::Result<()> {
    let (database, server) = site().await;
    let session = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let mut device = Device::new(ORIGIN);
    register(&server, session.text("access_token"), &mut device).await?;
    eve(&server).await?;
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let path = "/passkeys/registration/options";

    let unproven = post_as(&server, path, low.text("access_token"), json!({})).await?;
    database
        .sql("update auth.users set banned_until = 'infinity' where email = 'ana@example.com'")
        .await;
    let asked = ask(&server).await?;
    let banned = show(&server, &asked, device.get(&asked.body["options"])).await?;

    assert_eq!(unproven.refusal(), (403, "insufficient_aal"));
    assert_eq!(banned.refusal(), (400, "user_banned"));
    Ok(())
}

#[tokio::test]
async fn house_without_a_domain_has_no_passkeys() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;

    let asked = ask(&server).await?;
    let listed = get(&server, "/passkeys", session.text("access_token")).await?;

    assert_eq!(asked.refusal(), (404, "passkey_disabled"));
    assert_eq!(listed.refusal(), (404, "passkey_disabled"));
    Ok(())
}

/// The question to a security key, for a page that says where it is.
async fn ask_key(server: &Server, token: &str, factor: &str) -> anyhow::Result<Reply> {
    let body = json!({ "webauthn": { "rpId": "example.com", "rpOrigins": [ORIGIN] } });
    post_as(server, &format!("/factors/{factor}/challenge"), token, body).await
}

async fn answer_key(
    server: &Server,
    (token, factor): (&str, &str),
    asked: &Reply,
    credential: Value,
) -> anyhow::Result<Reply> {
    let kind = &asked.body["webauthn"]["type"];
    let body = json!({
        "challenge_id": asked.text("id"),
        "webauthn": { "type": kind, "rpId": "example.com", "rpOrigins": [ORIGIN],
                      "credential_response": credential },
    });
    post_as(server, &format!("/factors/{factor}/verify"), token, body).await
}

#[tokio::test]
async fn security_key_is_a_second_factor() -> anyhow::Result<()> {
    // No domain of the server's own: the page names one.
    let (_database, server) = house().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let body = json!({ "factor_type": "webauthn", "friendly_name": "key" });
    let factor = post_as(&server, "/factors", token, body).await?;
    let mut device = Device::new(ORIGIN);
    device.verifies = false;
    let id = factor.text("id");

    let asked = ask_key(&server, token, id).await?;
    let create = &asked.body["webauthn"];
    let made = device.create(&create["credential_options"]["publicKey"]);
    let raised = answer_key(&server, (token, id), &asked, made).await?;
    let low = sign_in(&server, "eve@example.com", PASSWORD).await?;
    let token = low.text("access_token");
    let asked = ask_key(&server, token, id).await?;
    let get = &asked.body["webauthn"];
    let strange = Device::new(ORIGIN).get(&get["credential_options"]["publicKey"]);
    let strange = answer_key(&server, (token, id), &asked, strange).await?;
    let used = device.get(&get["credential_options"]["publicKey"]);
    let again = answer_key(&server, (token, id), &asked, used).await?;

    assert_eq!(
        (asked.text("type"), &create["type"], &get["type"]),
        ("webauthn", &json!("create"), &json!("request"))
    );
    assert_eq!(claims(raised.text("access_token"))["amr"][0]["method"], "mfa/webauthn");
    assert_eq!(strange.refusal(), (422, "mfa_verification_failed"));
    assert_eq!(again.status, 200);
    assert_eq!(claims(again.text("access_token"))["aal"], "aal2");
    Ok(())
}

#[tokio::test]
async fn security_key_is_asked_for_the_servers_own_domain() -> anyhow::Result<()> {
    let (_database, server) = site().await;
    let session = sign_up(&server, "eve@example.com").await?;
    let token = session.text("access_token");
    let factor = post_as(&server, "/factors", token, json!({ "factor_type": "webauthn" })).await?;
    let path = format!("/factors/{}/challenge", factor.text("id"));
    let ask = async |id: &str, origin: &str| {
        let party = json!({ "webauthn": { "rpId": id, "rpOrigins": [origin] } });
        post_as(&server, &path, token, party).await
    };

    let own = ask("example.com", ORIGIN).await?;
    let unsaid = post_as(&server, &path, token, json!({})).await?;
    let strange = ask("evil.net", "https://evil.net").await?;
    let page = ask("example.com", "https://evil.example.com").await?;

    assert_eq!(own.status, 200);
    assert_eq!(
        unsaid.body["webauthn"]["credential_options"]["publicKey"]["rp"]["id"],
        "example.com"
    );
    assert_eq!(strange.refusal(), (400, "validation_failed"));
    assert_eq!(page.refusal(), (400, "validation_failed"));
    Ok(())
}
