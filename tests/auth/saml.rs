//! POST /sso, /sso/saml/acs and /sso/saml/metadata: people whose company's directory signs them in.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use walkie::identity::unix_now;

use super::directory::{Directory, SELF, Signer, Signs, Word, bytes_of_pem, public_key};
use super::factors::claims;
use super::oauth::{CHALLENGE, Landing, SITE, VERIFIER};
use super::{Reply, get, post, put, refresh, request, send};
use crate::support::{Database, Server};

/// The key that this server signs with.
pub const KEY: &str = include_str!("../keys/saml.pem");

/// A server that a directory may sign people in to.
pub struct House {
    pub database: Database,
    pub server: Server,
    pub directory: Directory,
    /// As the directory knows it.
    pub certificate: Vec<u8>,
    /// The provider that stands for the directory.
    pub id: String,
}

impl House {
    pub async fn new(flags: &[&str]) -> anyhow::Result<Self> {
        let database = Database::new().await;
        let directory = Directory::start().await;
        let own = [
            "--auth-saml-enabled",
            "true",
            "--auth-saml-private-key",
            KEY,
            "--auth-private-hosts",
            "127.0.0.1",
        ];
        let server = Server::start_with(&database, &[&own, flags].concat()).await;
        let metadata = server.request(Method::GET, "/auth/v1/sso/saml/metadata").send().await?;
        let certificate = certificates(&metadata.text().await?).remove(0);
        let mut house = Self { database, server, directory, certificate, id: String::new() };
        let made = house.admin(Method::POST, "", house.wanted()).await?;
        anyhow::ensure!(made.status == 201, "{}", made.body);
        made.text("id").clone_into(&mut house.id);
        Ok(house)
    }

    /// The directory as an admin makes it known.
    pub fn wanted(&self) -> Value {
        json!({
            "type": "saml", "metadata_url": format!("{}/metadata", self.directory.url),
            "domains": ["company.example"],
            "attribute_mapping": { "keys": {
                "name": { "name": "displayName" },
                "groups": { "name": "groups", "array": true },
                "team": { "names": ["team", "department"], "default": "none" },
            } },
        })
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Reply> {
        let path = format!("/admin/sso/providers{path}");
        let asked = request(&self.server, method, &path).json(&body);
        send(asked.bearer_auth(self.server.service_key())).await
    }

    /// Where somebody is sent who asks for this.
    pub async fn leave(&self, asked: Value) -> anyhow::Result<String> {
        let mut asked = asked;
        asked["skip_http_redirect"] = json!(true);
        let reply = post(&self.server, "/sso", asked).await?;
        anyhow::ensure!(reply.status == 200, "{}", reply.body);
        Ok(reply.text("url").to_owned())
    }

    /// What the directory says of whoever was sent to it, and what they take back.
    pub async fn word(&self) -> anyhow::Result<(Word, String)> {
        let url = self.leave(json!({ "domain": "company.example" })).await?;
        self.directory.asked(&url, &self.certificate)
    }

    /// Comes with a message, and gives where the app goes on.
    pub async fn bring(&self, xml: &str, relay_state: &str) -> anyhow::Result<Landing> {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("SAMLResponse", &BASE64_STANDARD.encode(xml))
            .append_pair("RelayState", relay_state)
            .finish();
        let answer = client
            .post(format!("{}/auth/v1/sso/saml/acs", self.server.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        anyhow::ensure!(status == 303, "{status}: {}", answer.text().await?);
        Ok(Landing::read(headers["location"].to_str()?))
    }

    /// Comes unasked with what the directory says.
    pub async fn come(&self, word: &Word) -> anyhow::Result<Landing> {
        self.bring(&word.xml(&self.directory.signer), "").await
    }

    /// Comes unasked, and gives the person's own view of the account.
    pub async fn enter(&self, word: &Word) -> anyhow::Result<(Reply, String)> {
        let landing = self.come(word).await?;
        let token = landing.fragment.get("access_token");
        let token = token.ok_or_else(|| anyhow::anyhow!("nobody came in: {landing:?}"))?.clone();
        Ok((get(&self.server, "/user", &token).await?, token))
    }

    /// Asserts that a word opens nothing, and says why not.
    pub async fn refused(&self, word: &Word) -> anyhow::Result<String> {
        let landing = self.come(word).await?;
        let [_, code, why] = landing.error();
        Ok(format!("{code}: {why}"))
    }
}

/// The certificates in metadata.
fn certificates(metadata: &str) -> Vec<Vec<u8>> {
    let document = uppsala::parse(metadata).expect("XML");
    let found = document.get_elements_by_tag_name("X509Certificate");
    found.into_iter().map(|id| bytes_of_pem(&document.text_content_deep(id))).collect()
}

#[tokio::test]
async fn person_signs_in_with_the_directory_of_their_company() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let (word, relay_state) = house.word().await?;

    let landing = house.bring(&word.xml(&house.directory.signer), &relay_state).await?;

    assert_eq!(landing.place, format!("{SITE}/"));
    let token = landing.fragment["access_token"].clone();
    let user = get(&house.server, "/user", &token).await?.body;
    let provider = format!("sso:{}", house.id);
    assert_eq!(user["email"], "eve@company.example");
    assert!(user["email_confirmed_at"].is_string(), "{user}");
    assert_eq!(user["app_metadata"], json!({ "provider": provider, "providers": [provider] }));
    let data = json!({
        "name": "Eve", "custom_claims": { "groups": ["staff", "sales"], "team": "none" },
        "iss": house.directory.entity_id(), "sub": "eve-7", "provider_id": "eve-7",
        "email": "eve@company.example", "email_verified": true, "phone_verified": false,
    });
    assert_eq!(user["identities"][0]["identity_data"], data);
    let proofs = &claims(&token)["amr"];
    assert_eq!(proofs[0]["method"], "sso/saml");
    assert_eq!(proofs[0]["provider"], house.id);
    let kept = "select is_sso_user::text from auth.users where email = 'eve@company.example'";
    assert_eq!(house.database.value(kept).await, "true");
    let again = refresh(&house.server, &landing.fragment["refresh_token"]).await?;
    assert_eq!(claims(again.text("access_token"))["amr"][0]["provider"], house.id);
    Ok(())
}

#[tokio::test]
async fn client_with_a_challenge_gets_a_code() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let asked = json!({
        "provider_id": house.id, "redirect_to": format!("{SITE}/welcome"),
        "code_challenge": CHALLENGE, "code_challenge_method": "s256",
    });
    let url = house.leave(asked).await?;
    let (word, relay_state) = house.directory.asked(&url, &house.certificate)?;
    let end = unix_now() + 1800;
    let word = Word { session_end: Some(end), ..word };

    let landing = house.bring(&word.xml(&house.directory.signer), &relay_state).await?;

    assert_eq!(landing.place, format!("{SITE}/welcome"));
    let code = &landing.query["code"];
    let exchange = |verifier: &str| {
        let body = json!({ "auth_code": code, "code_verifier": verifier });
        post(&house.server, "/token?grant_type=pkce", body)
    };
    let wrong = exchange("not what the challenge was made of, not at all").await?;
    assert_eq!(wrong.refusal(), (400, "bad_code_verifier"));
    let session = exchange(VERIFIER).await?;
    assert_eq!(session.status, 200, "{}", session.body);
    let told = claims(session.text("access_token"));
    assert_eq!(told["amr"][0]["method"], "sso/saml");
    // The directory ends the session, so no token outlives it.
    assert_eq!(told["exp"], end);
    let ends = "select extract(epoch from not_after)::bigint::text from auth.sessions";
    assert_eq!(house.database.value(ends).await, end.to_string());
    Ok(())
}

#[tokio::test]
async fn browser_is_led_to_the_directory() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let url = format!("{}/auth/v1/sso", house.server.url());

    let answer = client.post(url).json(&json!({ "provider_id": house.id })).send().await?;

    assert_eq!(answer.status(), 303);
    let location = answer.headers()["location"].to_str()?;
    assert!(location.starts_with(&format!("{}/sso?SAMLRequest=", house.directory.url)));
    Ok(())
}

#[tokio::test]
async fn directory_may_speak_first() -> anyhow::Result<()> {
    let flags = ["--auth-redirect-urls", "https://app.example/**"];
    let house = House::new(&flags).await?;
    for (relay_state, place) in [
        ("", format!("{SITE}/")),
        ("https://app.example/start", "https://app.example/start".to_owned()),
        ("https://evil.example/", format!("{SITE}/")),
        ("javascript:alert(1)", format!("{SITE}/")),
    ] {
        let xml = house.directory.word().xml(&house.directory.signer);
        let landing = house.bring(&xml, relay_state).await?;
        assert_eq!(landing.place, place, "{relay_state}");
        assert!(landing.fragment.contains_key("access_token"), "{landing:?}");
    }
    Ok(())
}

#[tokio::test]
async fn same_person_has_the_same_account_and_it_follows_the_directory() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let (first, _) = house.enter(&house.directory.word()).await?;
    let mut word = house.directory.word();
    word.attributes = vec![("mail", vec!["Eva@Company.example"]), ("department", vec!["dev"])];

    let (second, _) = house.enter(&word).await?;

    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(second.text("email"), "eva@company.example");
    let data = &second.body["identities"][0]["identity_data"];
    assert_eq!(data["custom_claims"], json!({ "team": "dev" }));
    Ok(())
}

#[tokio::test]
async fn address_leads_to_no_other_account() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let own = super::sign_up(&house.server, "eve@company.example").await?;

    let (managed, _) = house.enter(&house.directory.word()).await?;

    assert_ne!(managed.body["id"], own.body["user"]["id"]);
    let reply = super::sign_in(&house.server, "eve@company.example", super::PASSWORD).await?;
    assert_eq!(reply.body["user"]["id"], own.body["user"]["id"]);
    Ok(())
}

#[tokio::test]
async fn name_and_address_are_found_where_directories_tell_them() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let mut word = Word { name: "ann@company.example".into(), ..house.directory.word() };
    word.name_format = email.to_owned();
    word.attributes.clear();
    let (user, _) = house.enter(&word).await?;
    assert_eq!(user.text("email"), "ann@company.example");

    let mut word = Word { name: "passing".into(), ..house.directory.word() };
    word.name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient".to_owned();
    assert!(house.refused(&word).await?.starts_with("saml_assertion_no_user_id"));
    word.id = "_other".to_owned();
    word.attributes.push(("urn:oasis:names:tc:SAML:attribute:subject-id", vec!["bob@company"]));
    let (user, _) = house.enter(&word).await?;
    assert_eq!(user.body["identities"][0]["id"], "bob@company");

    let mut word = house.directory.word();
    word.attributes.clear();
    assert!(house.refused(&word).await?.starts_with("saml_assertion_no_email"));
    Ok(())
}

#[tokio::test]
async fn response_may_be_signed_as_a_whole_or_twice() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    for signs in [Signs::Response, Signs::Both] {
        house.enter(&Word { signs, ..house.directory.word() }).await?;
    }
    Ok(())
}

// What is signed is the canonical form; on the way there it may look otherwise.
#[tokio::test]
async fn message_may_be_written_otherwise_than_it_was_signed() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
        let word = Word { signs, has_types: true, ..house.directory.word() };
        let xml = word.xml(&house.directory.signer);
        let xml = xml
            .replace(" Version=\"2.0\">", "\n\tVersion = '2.0' >")
            .replace("></ds:DigestMethod>", "/>")
            .replace("></samlp:StatusCode>", " />")
            .replace(">Eve<", "><![CDATA[Eve]]><")
            .replace("<saml:Subject>", "<saml:Subject xmlns:unused=\"urn:x\">")
            .replace(">staff<", ">&#115;taff<");
        let landing = house.bring(&format!("<?xml version=\"1.0\"?>\n{xml}\n"), "").await?;
        assert!(landing.fragment.contains_key("access_token"), "{signs:?}: {landing:?}");
    }
    Ok(())
}

#[tokio::test]
async fn elliptic_keys_sign_too() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let metadata = house.directory.metadata(include_str!("../keys/p256.crt"));
    let path = format!("/{}", house.id);
    let changed = house.admin(Method::PUT, &path, json!({ "metadata_xml": metadata })).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let word = house.directory.word();

    let landing = house.bring(&word.xml(&Signer::p256()), "").await?;
    assert!(landing.fragment.contains_key("access_token"), "{landing:?}");
    let word = house.directory.word();
    let landing = house.bring(&word.xml(&Signer::rsa()), "").await?;
    assert_eq!(landing.error()[1], "validation_failed");
    Ok(())
}

#[tokio::test]
async fn directory_that_is_switched_off_signs_nobody_in() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let path = format!("/{}", house.id);
    house.admin(Method::PUT, &path, json!({ "disabled": true })).await?;

    let asked = post(&house.server, "/sso", json!({ "domain": "company.example" })).await?;
    assert_eq!(asked.refusal(), (404, "sso_provider_not_found"));
    assert!(house.refused(&house.directory.word()).await?.starts_with("saml_idp_not_found"));
    Ok(())
}

#[tokio::test]
async fn banned_person_and_newcomers_of_a_closed_house_stay_out() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    house.enter(&house.directory.word()).await?;
    house.database.sql("update auth.users set banned_until = now() + interval '1 hour'").await;
    let landing = house.come(&house.directory.word()).await?;
    assert_eq!(landing.error(), ["access_denied", "user_banned", "User is banned"]);

    let closed = House::new(&["--auth-signup-enabled", "false"]).await?;
    let landing = closed.come(&closed.directory.word()).await?;
    assert_eq!(landing.error()[..2], ["access_denied", "signup_disabled"]);
    Ok(())
}

#[tokio::test]
async fn company_keeps_address_and_proofs_of_its_people() -> anyhow::Result<()> {
    let flags = [
        "--auth-webauthn-rp-id",
        "localhost",
        "--auth-webauthn-rp-origins",
        "http://localhost:3000",
    ];
    let house = House::new(&flags).await?;
    let (_, token) = house.enter(&house.directory.word()).await?;

    for body in [
        json!({ "email": "eve@elsewhere.example" }),
        json!({ "password": "a password of her own" }),
        json!({ "phone": "+15552368" }),
    ] {
        let reply = put(&house.server, "/user", &token, body.clone()).await?;
        let refused = reply.status == 422 && reply.text("code") == "user_sso_managed";
        assert!(refused || body.get("phone").is_some(), "{}", reply.body);
        assert_ne!(reply.status, 200);
    }
    let data = put(&house.server, "/user", &token, json!({ "data": { "colour": "red" } })).await?;
    assert_eq!(data.status, 200);
    let path = "/passkeys/registration/options";
    let passkey = super::post_as(&house.server, path, &token, json!({})).await?;
    assert_eq!(passkey.refusal(), (422, "user_sso_managed"));
    Ok(())
}

#[tokio::test]
async fn metadata_tell_who_we_are() -> anyhow::Result<()> {
    let next = include_str!("../keys/rsa.pem");
    let house = House::new(&["--auth-saml-private-key-next", next]).await?;

    let path = "/auth/v1/sso/saml/metadata?download=true";
    let answer = house.server.request(Method::GET, path).send().await?;

    assert_eq!(answer.headers()["content-type"], "application/xml");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=600");
    let attached = answer.headers()["content-disposition"].to_str()?;
    assert_eq!(attached, "attachment; filename=\"metadata.xml\"");
    let text = answer.text().await?;
    assert_eq!(certificates(&text).len(), 2);
    assert!(text.contains(&format!("entityID=\"{SELF}/metadata\"")), "{text}");
    assert!(text.contains(&format!("Location=\"{SELF}/acs\"")), "{text}");
    let settings = send(request(&house.server, Method::GET, "/settings")).await?;
    assert_eq!(settings.body["saml_enabled"], true);
    assert_eq!(settings.body["saml_private_key_next_configured"], true);
    Ok(())
}

#[tokio::test]
async fn house_without_saml_offers_none_of_it() -> anyhow::Result<()> {
    let (_database, server) = super::house().await;
    let sso = post(&server, "/sso", json!({ "domain": "company.example" })).await?;
    let acs = post(&server, "/sso/saml/acs", json!({})).await?;
    let metadata = send(request(&server, Method::GET, "/sso/saml/metadata")).await?;
    assert_eq!(sso.text("message"), "SAML 2.0 is disabled");
    for reply in [sso, acs, metadata] {
        assert_eq!(reply.refusal(), (404, "saml_provider_disabled"));
    }
    Ok(())
}

#[tokio::test]
async fn old_metadata_are_fetched_anew() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    house.directory.publish(Some(house.directory.metadata(include_str!("../keys/p256.crt"))));
    let word = house.directory.word();
    let early = house.bring(&word.xml(&Signer::p256()), "").await?;
    assert_eq!(early.error()[1], "validation_failed");

    let old = "update auth.saml_providers set updated_at = now() - interval '25 hours'";
    house.database.sql(old).await;
    let landing = house.bring(&word.xml(&Signer::p256()), "").await?;
    assert!(landing.fragment.contains_key("access_token"), "{landing:?}");

    // When they cannot be fetched, the old ones count.
    house.database.sql(old).await;
    house.database.sql("update auth.saml_providers set metadata_tried_at = null").await;
    house.directory.publish(None);
    let word = house.directory.word();
    let landing = house.bring(&word.xml(&Signer::p256()), "").await?;
    assert!(landing.fragment.contains_key("access_token"), "{landing:?}");
    Ok(())
}

/// An assertion that nobody but this server can read, in canonical form.
fn sealed(assertion: &str, certificate: &[u8]) -> String {
    use aes_gcm::aead::{Aead, KeyInit};
    use rsa::pkcs1::DecodeRsaPublicKey;
    let (key, nonce): ([u8; 32], [u8; 12]) = (rand::random(), rand::random());
    let cipher = aes_gcm::Aes256Gcm::new_from_slice(&key).expect("a key");
    let kept = cipher.encrypt(&nonce.into(), assertion.as_bytes()).expect("it seals");
    let kept = BASE64_STANDARD.encode([&nonce, kept.as_slice()].concat());
    let public = rsa::RsaPublicKey::from_pkcs1_der(&public_key(certificate)).expect("a key");
    let padding = rsa::Oaep::new::<sha1_of_rsa::Sha1>();
    let wrapped = public.encrypt(&mut rsa::rand_core::OsRng, padding, &key).expect("it seals");
    let wrapped = BASE64_STANDARD.encode(wrapped);
    let value =
        |text: &str| format!("<e:CipherData><e:CipherValue>{text}</e:CipherValue></e:CipherData>");
    let (wrapped, kept) = (value(&wrapped), value(&kept));
    format!(
        "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
         <e:EncryptedData xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\"><e:EncryptionMethod \
         Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"></e:EncryptionMethod>\
         <ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><e:EncryptedKey>\
         <e:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\">\
         </e:EncryptionMethod>{wrapped}</e:EncryptedKey></ds:KeyInfo>{kept}</e:EncryptedData>\
         </saml:EncryptedAssertion>"
    )
}

#[tokio::test]
async fn encrypted_words_count_in_a_signed_message() -> anyhow::Result<()> {
    let flags = ["--auth-saml-allow-encrypted-assertions", "true"];
    let house = House::new(&flags).await?;
    let signer = &house.directory.signer;
    let message = |word: &Word| word.around(&sealed(&word.assertion(), &house.certificate));

    let word = house.directory.word();
    let landing = house.bring(&word.signed(&message(&word), "_response", signer), "").await?;
    assert!(landing.fragment.contains_key("access_token"), "{landing:?}");

    // Signed inside alone, where only the key of this server looks.
    let word = house.directory.word();
    let inside = word.signed(&word.assertion(), &word.id, signer);
    let inside = word.around(&sealed(&inside, &house.certificate));
    let landing = house.bring(&inside, "").await?;
    assert!(landing.error()[2].contains("there is none"), "{landing:?}");
    // A forgery inside of what is signed.
    let forged = word.signed(&word.assertion(), &word.id, &Signer::other());
    let forged = word.around(&sealed(&forged, &house.certificate));
    let landing = house.bring(&word.signed(&forged, "_response", signer), "").await?;
    assert!(landing.error()[2].contains("no key of the provider"), "{landing:?}");
    // For somebody else's key.
    let other = bytes_of_pem(include_str!("../keys/rsa.crt"));
    let other = word.around(&sealed(&word.assertion(), &other));
    let landing = house.bring(&word.signed(&other, "_response", signer), "").await?;
    assert!(landing.error()[2].contains("cannot be opened"), "{landing:?}");

    let off = House::new(&[]).await?;
    let word = off.directory.word();
    let xml = word.around(&sealed(&word.assertion(), &off.certificate));
    let landing = off.bring(&word.signed(&xml, "_response", &off.directory.signer), "").await?;
    assert!(landing.error()[2].contains("does not take encrypted"), "{landing:?}");
    Ok(())
}
