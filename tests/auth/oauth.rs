//! GET /authorize, /callback and grant_type=pkce: sign-in with a provider's word.

use std::collections::BTreeMap;

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};

use super::provider::{CLIENT, Fault, Issuer, Key, SECRET};
use super::{PASSWORD, Reply, get, post, request, send, sign_in, sign_up};
use crate::support::{Database, Server};

/// What PKCE calls verifier and challenge, from RFC 7636.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where the app is.
const SITE: &str = "http://127.0.0.1:3000";

/// Where servers are that were not told.
const PUBLIC: &str = "http://127.0.0.1:54321";

/// A server that trusts a provider, under several names.
pub struct House {
    pub database: Database,
    pub server: Server,
    pub issuer: Issuer,
}

impl House {
    pub async fn new(flags: &[&str]) -> Self {
        let database = Database::new().await;
        let issuer = Issuer::start().await;
        let url = issuer.url.as_str();
        let more = format!("{CLIENT},app");
        let trust = [
            "--auth-oidc-issuer",
            url,
            "--auth-oidc-client-ids",
            &more,
            "--auth-oidc-secret",
            SECRET,
            "--auth-google-issuer",
            url,
            "--auth-google-client-ids",
            &more,
            "--auth-google-secret",
            SECRET,
            "--auth-github-url",
            url,
            "--auth-github-client-id",
            CLIENT,
            "--auth-github-secret",
            SECRET,
            "--auth-manual-linking-enabled",
            "true",
        ];
        let server = Server::start_with(&database, &[&trust, flags].concat()).await;
        Self { database, server, issuer }
    }

    /// Signs in with a provider by PKCE, and gives the session.
    pub async fn enter(&self, provider: &str) -> anyhow::Result<Reply> {
        let back = self.go_round(&pkce(provider)).await?;
        let code = back.query.get("code").unwrap_or_else(|| panic!("no code: {back:?}"));
        self.exchange(code, VERIFIER).await
    }

    pub async fn exchange(&self, code: &str, verifier: &str) -> anyhow::Result<Reply> {
        let body = json!({ "auth_code": code, "code_verifier": verifier });
        post(&self.server, "/token?grant_type=pkce", body).await
    }

    /// Leaves for the provider and comes back; gives where the app goes on.
    pub async fn go_round(&self, query: &str) -> anyhow::Result<Landing> {
        let away = self.leave(query).await?;
        self.land(&self.meet(&away).await?).await
    }

    /// The URL at the provider that somebody is sent to.
    pub async fn leave(&self, query: &str) -> anyhow::Result<String> {
        follow(&format!("{}/auth/v1/authorize?{query}", self.server.url()), 302).await
    }

    /// Says yes at the provider, and gives the URL that leads back, at the port of this server.
    pub async fn meet(&self, away: &str) -> anyhow::Result<String> {
        Ok(follow(away, 303).await?.replace(PUBLIC, self.server.url()))
    }

    pub async fn land(&self, back: &str) -> anyhow::Result<Landing> {
        Ok(Landing::read(&follow(back, 302).await?))
    }
}

/// Where the app goes on, and with what.
#[derive(Debug)]
pub struct Landing {
    pub place: String,
    pub query: BTreeMap<String, String>,
    pub fragment: BTreeMap<String, String>,
}

impl Landing {
    fn read(url: &str) -> Self {
        let mut url = Url::parse(url).expect("a URL");
        let pairs = |text: Option<&str>| {
            let text = format!("http://x/?{}", text.unwrap_or_default());
            Url::parse(&text).expect("pairs").query_pairs().into_owned().collect()
        };
        let (query, fragment) = (pairs(url.query()), pairs(url.fragment()));
        url.set_query(None);
        url.set_fragment(None);
        Self { place: url.into(), query, fragment }
    }

    /// What went wrong, told twice alike.
    pub fn error(&self) -> [&str; 3] {
        let names = ["error", "error_code", "error_description"];
        let told = names.map(|name| self.query.get(name).map_or("", String::as_str));
        let again = names.map(|name| self.fragment.get(name).map_or("", String::as_str));
        assert_eq!(told, again, "{self:?}");
        assert!(!self.query.contains_key("code") && !self.fragment.contains_key("access_token"));
        told
    }
}

/// The query of a sign-in by PKCE.
pub fn pkce(provider: &str) -> String {
    format!("provider={provider}&code_challenge={CHALLENGE}&code_challenge_method=s256")
}

async fn follow(url: &str, status: u16) -> anyhow::Result<String> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let answer = client.get(url).send().await?;
    let (told, headers) = (answer.status(), answer.headers().clone());
    let body = answer.text().await?;
    anyhow::ensure!(told == status, "{told} instead of {status}: {body}");
    Ok(headers["location"].to_str()?.to_owned())
}

async fn state_is_gone(house: &House) -> bool {
    let text = "select count(*)::text from auth.flow_state where auth_code is null";
    house.database.value(text).await == "0"
}

// AUT-04
#[tokio::test]
async fn stranger_signs_in_with_openid_and_has_an_account() -> anyhow::Result<()> {
    let house = House::new(&[]).await;

    let session = house.enter("keycloak").await?;

    assert_eq!(session.status, 200, "{}", session.body);
    assert_eq!(session.text("provider_token"), "what Eve may do there");
    assert_eq!(session.text("provider_refresh_token"), "and for how long");
    let user = &session.body["user"];
    assert_eq!(user["email"], "eve@provider.example");
    assert!(user["email_confirmed_at"].is_string());
    assert_eq!(user["app_metadata"], json!({ "provider": "keycloak", "providers": ["keycloak"] }));
    assert_eq!(user["user_metadata"]["full_name"], "Eve");
    let identity = &user["identities"][0];
    assert_eq!((&identity["id"], &identity["provider"]), (&json!("7"), &json!("keycloak")));
    assert_eq!(identity["identity_data"]["iss"], house.issuer.url);
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(1));
    let read = get(&house.server, "/user", session.text("access_token")).await?;
    assert_eq!(&read.body, user);
    Ok(())
}

#[tokio::test]
async fn same_person_comes_back_to_the_same_account() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let first = house.enter("keycloak").await?;
    house.issuer.person(json!({ "name": "Evelyn", "email": "new@provider.example" }));
    house.issuer.sign_with(Key::P256);

    let again = house.enter("keycloak").await?;

    assert_eq!(again.body["user"]["id"], first.body["user"]["id"]);
    assert_eq!(again.body["user"]["user_metadata"]["name"], "Evelyn");
    assert_eq!(again.body["user"]["email"], "eve@provider.example");
    Ok(())
}

// AUT-04
#[tokio::test]
async fn github_tells_who_somebody_is_without_openid() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    house.issuer.emails(json!([
        { "email": "claimed@provider.example", "verified": false, "primary": false },
        { "email": "Eve@Provider.example", "verified": true, "primary": true },
    ]));

    let session = house.enter("github").await?;

    let user = &session.body["user"];
    assert_eq!(user["email"], "eve@provider.example", "{}", session.body);
    assert_eq!(user["identities"][0]["id"], "583231");
    let data = &user["identities"][0]["identity_data"];
    assert_eq!((&data["user_name"], &data["email_verified"]), (&json!("eve"), &json!(true)));
    Ok(())
}

#[tokio::test]
async fn somebody_leaves_with_all_that_proves_their_return() -> anyhow::Result<()> {
    let house = House::new(&[]).await;

    let away = house.leave("provider=google&scopes=calendar+email&access_type=offline&state=mine&client_id=x&response_mode=fragment&skip_http_redirect=true").await?;

    let url = Url::parse(&away)?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let all = |name: &str| {
        let found = pairs.iter().filter(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(url.path(), "/authorize");
    assert_eq!(all("client_id"), [CLIENT]);
    assert_eq!(all("response_type"), ["code"]);
    assert_eq!(all("redirect_uri"), [format!("{PUBLIC}/auth/v1/callback")]);
    assert_eq!(all("scope"), ["openid email profile calendar"]);
    assert_eq!(all("access_type"), ["offline"]);
    assert_eq!(all("code_challenge_method"), ["S256"]);
    assert_eq!(all("nonce").len(), 1);
    assert!(all("response_mode").is_empty() && all("skip_http_redirect").is_empty());
    let [state] = all("state")[..] else { panic!("{away}") };
    assert!(uuid::Uuid::try_parse(state).is_ok());
    Ok(())
}

#[tokio::test]
async fn without_a_challenge_the_session_stands_in_the_fragment() -> anyhow::Result<()> {
    let house = House::new(&["--auth-redirect-urls", "https://app.example/**"]).await;

    let landing =
        house.go_round("provider=keycloak&redirect_to=https://app.example/in?x=1").await?;

    assert_eq!(landing.place, "https://app.example/in");
    assert_eq!(landing.query, BTreeMap::from([("x".to_owned(), "1".to_owned())]));
    assert_eq!(landing.fragment["token_type"], "bearer");
    assert_eq!(landing.fragment["provider_token"], "what Eve may do there");
    assert!(landing.fragment.contains_key("refresh_token") && landing.fragment.contains_key("sb"));
    assert!(!landing.fragment.contains_key("type"));
    let user = get(&house.server, "/user", &landing.fragment["access_token"]).await?;
    assert_eq!(user.body["email"], "eve@provider.example");
    Ok(())
}

#[tokio::test]
async fn nobody_is_led_to_a_place_that_is_not_allowed() -> anyhow::Result<()> {
    let house = House::new(&[]).await;

    let query = format!("{}&redirect_to=https://evil.example/", pkce("keycloak"));
    let landing = house.go_round(&query).await?;

    assert_eq!(landing.place, format!("{SITE}/"));
    assert!(landing.query.contains_key("code"));
    Ok(())
}

#[tokio::test]
async fn unknown_and_disabled_providers_are_refused() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let ask = async |query: &str| {
        send(request(&house.server, Method::GET, &format!("/authorize?{query}"))).await
    };

    let disabled = ask("provider=apple").await?;
    let unknown = ask("provider=nobody").await?;
    let none = ask("").await?;
    let half = ask("provider=google&code_challenge_method=s256").await?;

    assert_eq!(disabled.refusal(), (400, "validation_failed"));
    assert_eq!(disabled.text("message"), "Unsupported provider: provider is not enabled");
    assert_eq!(unknown.text("message"), "Unsupported provider: Provider nobody could not be found");
    assert_eq!(none.refusal(), (400, "validation_failed"));
    assert_eq!(half.refusal(), (400, "validation_failed"));
    let settings = send(request(&house.server, Method::GET, "/settings")).await?;
    assert_eq!(settings.body["external"]["google"], true);
    assert_eq!(settings.body["external"]["apple"], false);
    Ok(())
}

#[tokio::test]
async fn state_that_nobody_left_with_leads_home_with_an_error() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let back = house.meet(&house.leave(&pkce("keycloak")).await?).await?;
    let (place, query) = back.split_once("state=").unwrap();
    let wrong = format!("{place}state={}", uuid::Uuid::new_v4());
    let none = format!("{}/auth/v1/callback?code=x", house.server.url());

    let wrong = Landing::read(&follow(&wrong, 303).await?);
    let none = Landing::read(&follow(&none, 303).await?);

    assert_eq!(wrong.place, format!("{SITE}/"));
    let words = "OAuth state not found or expired";
    assert_eq!(wrong.error(), ["invalid_request", "bad_oauth_state", words]);
    let words = "OAuth state parameter missing";
    assert_eq!(none.error(), ["invalid_request", "bad_oauth_callback", words]);
    // The right one is still good.
    assert!(house.land(&format!("{place}state={query}")).await?.query.contains_key("code"));
    Ok(())
}

// AUT-04
#[tokio::test]
async fn nobody_comes_back_twice() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let back = house.meet(&house.leave(&pkce("keycloak")).await?).await?;
    assert!(house.land(&back).await?.query.contains_key("code"));

    let again = Landing::read(&follow(&back, 303).await?);

    assert_eq!(again.error()[1], "bad_oauth_state");
    Ok(())
}

#[tokio::test]
async fn who_stays_away_too_long_starts_anew() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let back = house.meet(&house.leave(&pkce("keycloak")).await?).await?;
    let later = "update auth.flow_state set created_at = created_at - interval '601 seconds'";
    house.database.sql(later).await;

    let late = Landing::read(&follow(&back, 303).await?);

    let words = "OAuth state has expired";
    assert_eq!(late.error(), ["invalid_request", "bad_oauth_state", words]);
    Ok(())
}

#[tokio::test]
async fn provider_that_says_no_is_repeated() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    house.issuer.do_wrong(Fault::Denied);

    let landing = house.go_round(&pkce("keycloak")).await?;

    assert_eq!(landing.error(), ["access_denied", "", "Eve says no"]);
    assert!(state_is_gone(&house).await);
    Ok(())
}

#[tokio::test]
async fn id_tokens_of_another_sign_in_or_signer_count_for_nothing() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    for fault in [
        Fault::Nonce,
        Fault::Expired,
        Fault::Audience,
        Fault::Issuer,
        Fault::Signature,
        Fault::AccessTokenHash,
        Fault::SharedSecret,
    ] {
        house.issuer.do_wrong(fault);
        let landing = house.go_round(&pkce("keycloak")).await?;
        let words = "Error getting user profile from external provider";
        assert_eq!(landing.error(), ["server_error", "unexpected_failure", words], "{fault:?}");
    }
    let users = "select count(*)::text from auth.users where email like '%provider.example'";
    assert_eq!(house.database.value(users).await, "0");
    Ok(())
}

#[tokio::test]
async fn code_that_the_provider_does_not_know_is_no_sign_in() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let back = house.meet(&house.leave(&pkce("keycloak")).await?).await?;
    let mut url = Url::parse(&back)?;
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    url.set_query(Some(&format!("code=forged&state={state}")));

    let landing = house.land(url.as_str()).await?;

    let words = "Unable to exchange external code";
    assert_eq!(landing.error(), ["server_error", "unexpected_failure", words]);
    Ok(())
}

#[tokio::test]
async fn callback_is_posted_too() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let back = Url::parse(&house.meet(&house.leave(&pkce("keycloak")).await?).await?)?;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let form = back.query().unwrap_or_default().to_owned();

    let answer = client
        .post(format!("{}/auth/v1/callback", house.server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;

    assert_eq!(answer.status(), 302);
    let landing = Landing::read(answer.headers()["location"].to_str()?);
    assert!(landing.query.contains_key("code"), "{landing:?}");
    Ok(())
}

// AUT-04
#[tokio::test]
async fn code_is_good_once_and_only_with_its_verifier() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let code = house.go_round(&pkce("keycloak")).await?.query["code"].clone();

    let empty = house.exchange(&code, "").await?;
    let wrong = house.exchange(&code, "not what the challenge was made of, not at all").await?;
    let right = house.exchange(&code, VERIFIER).await?;
    let again = house.exchange(&code, VERIFIER).await?;

    assert_eq!(empty.refusal(), (400, "validation_failed"));
    assert_eq!(wrong.refusal(), (400, "bad_code_verifier"));
    assert_eq!(right.status, 200);
    assert_eq!(again.refusal(), (404, "flow_state_not_found"));
    Ok(())
}

#[tokio::test]
async fn code_is_good_for_five_minutes() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let code = house.go_round(&pkce("keycloak")).await?.query["code"].clone();
    let later = "update auth.flow_state set auth_code_issued_at = now() - interval '301 seconds'";
    house.database.sql(later).await;

    let late = house.exchange(&code, VERIFIER).await?;

    assert_eq!(late.refusal(), (422, "flow_state_expired"));
    Ok(())
}

#[tokio::test]
async fn tokens_of_the_provider_rest_sealed() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let code = house.go_round(&pkce("keycloak")).await?.query["code"].clone();

    let sql = "select provider_access_token || ' ' || provider_refresh_token || ' ' || auth_code
                 from auth.flow_state";
    let kept = house.database.value(sql).await;

    assert!(kept.starts_with("v1.") && kept.contains(" v1."), "{kept}");
    assert!(!kept.contains("Eve") && !kept.contains(&code));
    assert_eq!(
        house.exchange(&code, VERIFIER).await?.text("provider_token"),
        "what Eve may do there"
    );
    Ok(())
}

#[tokio::test]
async fn closed_house_lets_nobody_new_in() -> anyhow::Result<()> {
    let house = House::new(&["--auth-signup-enabled", "false"]).await;

    let landing = house.go_round(&pkce("keycloak")).await?;

    let words = "Signups not allowed for this instance";
    assert_eq!(landing.error(), ["access_denied", "signup_disabled", words]);
    Ok(())
}

#[tokio::test]
async fn banned_person_stays_out() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    house.enter("keycloak").await?;
    let ban = "update auth.users set banned_until = now() + interval '1 hour'";
    house.database.sql(ban).await;

    let landing = house.go_round(&pkce("keycloak")).await?;

    assert_eq!(landing.error(), ["access_denied", "user_banned", "User is banned"]);
    Ok(())
}

#[tokio::test]
async fn proven_address_leads_to_the_account_that_has_it() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let own = sign_up(&house.server, "eve@provider.example").await?;

    let session = house.enter("keycloak").await?;

    assert_eq!(session.body["user"]["id"], own.body["user"]["id"]);
    let providers = &session.body["user"]["app_metadata"]["providers"];
    assert_eq!(providers, &json!(["email", "keycloak"]));
    // It was proven before, so the password still opens it.
    assert_eq!(sign_in(&house.server, "eve@provider.example", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn claimed_address_leads_to_nobody_elses_account() -> anyhow::Result<()> {
    let house = House::new(&["--inbox", "--auth-mailer-autoconfirm", "false"]).await;
    let eve =
        json!({ "email": "eve@provider.example", "password": PASSWORD, "email_confirm": true });
    let made = super::send(
        request(&house.server, Method::POST, "/admin/users")
            .bearer_auth(house.server.service_key())
            .json(&eve),
    )
    .await?;
    assert_eq!(made.status, 200);
    house.issuer.person(json!({ "email_verified": false }));

    let landing = house.go_round(&pkce("keycloak")).await?;

    let [name, code, _] = landing.error();
    assert_eq!((name, code), ("server_error", "provider_email_needs_verification"));
    let owned =
        format!("select count(*)::text from auth.identities where user_id = '{}'", made.text("id"));
    assert_eq!(house.database.value(&owned).await, "1");
    Ok(())
}

#[tokio::test]
async fn claimed_address_is_confirmed_by_mail_first() -> anyhow::Result<()> {
    let house = House::new(&["--inbox", "--auth-mailer-autoconfirm", "false"]).await;
    house.issuer.person(json!({ "email_verified": false }));

    let landing = house.go_round(&pkce("keycloak")).await?;

    let words =
        "Unverified email with keycloak. A confirmation email has been sent to your keycloak email";
    assert_eq!(landing.error(), ["server_error", "provider_email_needs_verification", words]);
    let sent = "select to_address from (select payload ->> 'to' as to_address from walkie.jobs
                 union all select recipient from walkie.inbox) sent where to_address is not null";
    assert_eq!(house.database.value(sent).await, "eve@provider.example");
    let confirmed =
        "update auth.users set email_confirmed_at = now() where email = 'eve@provider.example'";
    house.database.sql(confirmed).await;
    assert_eq!(house.enter("keycloak").await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn who_took_an_address_in_advance_is_thrown_out() -> anyhow::Result<()> {
    let house = House::new(&["--inbox", "--auth-mailer-autoconfirm", "false"]).await;
    let claim = json!({
        "email": "eve@provider.example", "password": PASSWORD, "data": { "locale": "xx", "evil": true },
    });
    assert_eq!(post(&house.server, "/signup", claim).await?.status, 200);

    let session = house.enter("keycloak").await?;

    let user = &session.body["user"];
    assert!(user["email_confirmed_at"].is_string(), "{}", session.body);
    assert_eq!(user["app_metadata"]["providers"], json!(["keycloak"]));
    assert_eq!(user["user_metadata"].get("evil"), None);
    let old = sign_in(&house.server, "eve@provider.example", PASSWORD).await?;
    assert_eq!(old.refusal(), (400, "invalid_credentials"));
    Ok(())
}

#[tokio::test]
async fn many_first_sign_ins_at_once_make_one_account() -> anyhow::Result<()> {
    let house = House::new(&[]).await;
    let rounds = (0..8).map(|_| house.enter("keycloak"));

    let sessions = futures_util::future::try_join_all(rounds).await?;

    let mut ids: Vec<&Value> = sessions.iter().map(|session| &session.body["user"]["id"]).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(ids[0].is_string());
    Ok(())
}
