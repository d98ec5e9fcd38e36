//! What is sent to people, and what it opens: sign-up, codes, links, recovery, change of address.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, post, put, request, send, sign_in, sign_up};
use crate::support::{Answer, Database, Server, eventually};

/// A server where addresses must be confirmed and nothing is sent too often within a minute.
const STRICT: [&str; 3] = ["--inbox", "--auth-mailer-autoconfirm", "false"];

/// Where people of these tests are led.
const SITE: &str = "http://127.0.0.1:3000";

/// What PKCE calls verifier and challenge, from RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn strict(flags: &[&str]) -> (Database, Server) {
    let database = Database::new().await;
    let server = Server::start_with(&database, &[&STRICT, flags].concat()).await;
    (database, server)
}

/// A message as a person opens it.
pub struct Mail {
    pub subject: String,
    pub text: String,
}

impl Mail {
    /// The code in it.
    pub fn code(&self) -> String {
        let is_code =
            |word: &&str| word.len() >= 6 && word.bytes().all(|byte| byte.is_ascii_digit());
        self.text.split_whitespace().find(is_code).expect("a code").to_owned()
    }

    /// The path of its link below /auth/v1.
    pub fn link(&self) -> String {
        let path = self.text.split_whitespace().find_map(|word| word.split_once("/auth/v1"));
        path.expect("a link").1.to_owned()
    }

    pub fn secret(&self) -> String {
        let link = self.link();
        let (_, rest) = link.split_once("token=").expect("a secret");
        rest.split('&').next().unwrap_or_default().to_owned()
    }
}

/// The newest message to an address, once it has so many.
pub async fn mail(server: &Server, address: &str, count: usize) -> Mail {
    eventually(&format!("{count} messages to {address}"), || async {
        let path = format!("/inbox/api/v1/search?query=to:{address}");
        let found = Answer::of(server.request(Method::GET, &path)).await.body;
        if found["total"] != json!(count) {
            return None;
        }
        let id = found["messages"][0]["ID"].as_str()?.to_owned();
        let path = format!("/inbox/api/v1/message/{id}");
        let message = Answer::of(server.request(Method::GET, &path)).await.body;
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        Some(Mail { subject: text("Subject"), text: text("Text") })
    })
    .await
}

/// Follows a link and gives where it leads.
async fn follow(server: &Server, path: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let url = format!("{}/auth/v1{path}", server.url());
    let answer = client.expect("a client").get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let location = answer.headers().get("location").and_then(|to| to.to_str().ok());
    location.unwrap_or_default().to_owned()
}

async fn verify(server: &Server, kind: &str, email: &str, code: &str) -> anyhow::Result<Reply> {
    post(server, "/verify", json!({ "type": kind, "email": email, "token": code })).await
}

async fn admin(server: &Server, path: &str, body: Value) -> anyhow::Result<Reply> {
    let request = request(server, Method::POST, path).bearer_auth(server.service_key());
    send(request.json(&body)).await
}

// AUT-02
#[tokio::test]
async fn whoever_signs_up_comes_in_once_the_address_is_confirmed() -> anyhow::Result<()> {
    let (database, server) = strict(&[]).await;

    let reply = sign_up(&server, "eve@example.com").await?;

    assert!(reply.body.get("access_token").is_none());
    assert_eq!(reply.body["role"], "authenticated");
    assert!(reply.body["confirmation_sent_at"].is_string());
    assert!(reply.body.get("email_confirmed_at").is_none());
    let refused = sign_in(&server, "eve@example.com", PASSWORD).await?;
    assert_eq!(refused.refusal(), (400, "email_not_confirmed"));

    let mail = mail(&server, "eve@example.com", 1).await;
    assert_eq!(mail.subject, "Confirm your address");
    let kept = "select token_hash, code_hash from auth.one_time_tokens";
    let kept = database.rows(kept).await.concat();
    assert!(kept.iter().flatten().all(|kept| kept.len() == 64));
    assert!(!kept.contains(&Some(mail.secret())));

    let session = verify(&server, "signup", "eve@example.com", &mail.code()).await?;
    assert_eq!(session.status, 200, "{}", session.body);
    assert_eq!(session.body["user"]["user_metadata"]["email_verified"], true);
    assert_eq!(sign_in(&server, "eve@example.com", PASSWORD).await?.status, 200);
    let again = verify(&server, "signup", "eve@example.com", &mail.code()).await?;
    assert_eq!(again.refusal(), (403, "otp_expired"));
    Ok(())
}

#[tokio::test]
async fn taken_address_looks_like_a_new_one() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;

    let fresh = sign_up(&server, "eve@example.com").await?;
    let taken = sign_up(&server, "ana@example.com").await?;

    let names = |reply: &Reply| {
        let names = reply.body.as_object().map(|user| user.keys().cloned().collect::<Vec<_>>());
        let mut names = names.unwrap_or_default();
        names.sort();
        names
    };
    assert_eq!(names(&fresh), names(&taken));
    assert_ne!(taken.text("id"), "a0000000-0000-4000-8000-00000000000a");
    assert_eq!(taken.body["identities"], json!([]));
    assert_eq!(sign_in(&server, "ana@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn link_leads_to_the_app_with_a_session() -> anyhow::Result<()> {
    let (_database, server) = strict(&["--auth-redirect-urls", "myapp://*"]).await;
    post(&server, "/otp?redirect_to=myapp://inside", json!({ "email": "ana@example.com" })).await?;
    let mail = mail(&server, "ana@example.com", 1).await;
    assert_eq!(mail.subject, "Your link to sign in");

    let looked = request(&server, Method::HEAD, &mail.link()).send().await?;
    assert_eq!(looked.status(), 200);
    let target = follow(&server, &mail.link()).await;

    let fragment = target.strip_prefix("myapp://inside#").expect("the app");
    let values = url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect::<Vec<_>>();
    let value = |name: &str| {
        let found = values.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(value("type"), "magiclink");
    assert_eq!(value("token_type"), "bearer");
    let user = get(&server, "/user", &value("access_token")).await?;
    assert_eq!(user.text("email"), "ana@example.com");

    let again = follow(&server, &mail.link()).await;
    assert_eq!(
        again,
        "myapp://inside#error=access_denied&error_code=otp_expired\
         &error_description=Email+link+is+invalid+or+has+expired&sb="
    );
    Ok(())
}

#[tokio::test]
async fn links_lead_nowhere_that_is_not_allowed() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    let path = "/otp?redirect_to=https://evil.example/";
    post(&server, path, json!({ "email": "ana@example.com" })).await?;

    let target = follow(&server, &mail(&server, "ana@example.com", 1).await.link()).await;

    assert!(target.starts_with(&format!("{SITE}#access_token=")), "{target}");
    Ok(())
}

#[tokio::test]
async fn page_comes_first_where_mailboxes_follow_links() -> anyhow::Result<()> {
    let (_database, server) = strict(&["--auth-mailer-link-page", "true"]).await;
    post(&server, "/otp", json!({ "email": "ana@example.com" })).await?;
    let link = mail(&server, "ana@example.com", 1).await.link();

    for _ in 0..2 {
        let page = Answer::of(request(&server, Method::GET, &link)).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("/auth/v1/verify/link?token="));
    }

    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let pressed = link.replacen("/verify?", "/verify/link?", 1);
    let answer = client.post(format!("{}/auth/v1{pressed}", server.url())).send().await?;
    assert_eq!(answer.status(), 303);
    let target = answer.headers()["location"].to_str()?;
    assert!(target.contains("#access_token="), "{target}");
    Ok(())
}

#[tokio::test]
async fn code_of_a_link_is_worth_something_only_to_who_began() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    let asked = json!({ "email": "ana@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256" });
    post(&server, "/recover", asked).await?;
    let mail = mail(&server, "ana@example.com", 1).await;
    assert!(mail.secret().starts_with("pkce_"));
    let target = follow(&server, &mail.link()).await;
    let code = target.strip_prefix(&format!("{SITE}?code=")).expect("a code").to_owned();

    let grant = async |verifier: &str| {
        let body = json!({ "auth_code": code, "code_verifier": verifier });
        post(&server, "/token?grant_type=pkce", body).await
    };
    assert_eq!(grant("").await?.refusal(), (400, "validation_failed"));
    assert_eq!(grant(CHALLENGE).await?.refusal(), (400, "bad_code_verifier"));
    let session = grant(VERIFIER).await?;
    assert_eq!(session.body["user"]["email"], "ana@example.com");
    assert_eq!(grant(VERIFIER).await?.refusal(), (404, "flow_state_not_found"));
    Ok(())
}

// AUT-03
#[tokio::test]
async fn forgotten_password_is_replaced() -> anyhow::Result<()> {
    let (_database, server) = strict(&["--auth-mailer-notifications", "password_changed"]).await;
    let known = post(&server, "/recover", json!({ "email": "ana@example.com" })).await?;
    let unknown = post(&server, "/recover", json!({ "email": "nobody@example.com" })).await?;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    let code = mail(&server, "ana@example.com", 1).await.code();

    let session = verify(&server, "recovery", "ana@example.com", &code).await?;
    let token = session.text("access_token");
    let changed = put(&server, "/user", token, json!({ "password": "something new" })).await?;

    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(sign_in(&server, "ana@example.com", "something new").await?.status, 200);
    assert_eq!(mail(&server, "ana@example.com", 2).await.subject, "Your password was changed");
    Ok(())
}

// AUT-02, AUT-03
#[tokio::test]
async fn nothing_is_sent_too_often() -> anyhow::Result<()> {
    let (_database, server) = strict(&["--auth-mail-every-seconds", "60"]).await;
    for email in ["ana@example.com", "nobody@example.com"] {
        assert_eq!(post(&server, "/recover", json!({ "email": email })).await?.status, 200);

        let again = post(&server, "/recover", json!({ "email": email })).await?;

        assert_eq!(again.refusal(), (429, "over_email_send_rate_limit"));
        let seconds: u32 = again.header("retry-after").parse()?;
        assert!((1..=60).contains(&seconds));
        assert_eq!(
            again.text("message"),
            format!("For security purposes, you can only request this after {seconds} seconds.")
        );
    }
    Ok(())
}

#[tokio::test]
async fn guesses_void_the_code_and_not_the_link() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    post(&server, "/otp", json!({ "email": "ana@example.com" })).await?;
    let mail = mail(&server, "ana@example.com", 1).await;
    let wrong = if mail.code() == "000000" { "111111" } else { "000000" };
    for _ in 0..10 {
        let guess = verify(&server, "email", "ana@example.com", wrong).await?;
        assert_eq!(guess.refusal(), (403, "otp_expired"));
    }

    let late = verify(&server, "email", "ana@example.com", &mail.code()).await?;
    assert_eq!(late.refusal(), (403, "otp_expired"));
    let link =
        post(&server, "/verify", json!({ "type": "email", "token_hash": mail.secret() })).await?;
    assert_eq!(link.status, 200, "{}", link.body);
    Ok(())
}

#[tokio::test]
async fn old_code_and_old_link_are_refused() -> anyhow::Result<()> {
    let (database, server) = strict(&[]).await;
    post(&server, "/otp", json!({ "email": "ana@example.com" })).await?;
    let mail = mail(&server, "ana@example.com", 1).await;
    database
        .sql("update auth.one_time_tokens set created_at = created_at - interval '61 minutes'")
        .await;

    let code = verify(&server, "email", "ana@example.com", &mail.code()).await?;
    let link =
        post(&server, "/verify", json!({ "type": "email", "token_hash": mail.secret() })).await?;

    assert_eq!(code.text("message"), "Token has expired or is invalid");
    assert_eq!(link.text("message"), "Email link is invalid or has expired");
    Ok(())
}

#[tokio::test]
async fn both_addresses_agree_to_a_change() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let token = ana.text("access_token");

    let taken = put(&server, "/user", token, json!({ "email": "bo@example.com" })).await?;
    assert_eq!(taken.refusal(), (422, "email_exists"));
    let asked = put(&server, "/user", token, json!({ "email": "anna@example.com" })).await?;
    assert_eq!(asked.text("email"), "ana@example.com");
    assert_eq!(asked.text("new_email"), "anna@example.com");

    let first = mail(&server, "anna@example.com", 1).await.code();
    let half = verify(&server, "email_change", "anna@example.com", &first).await?;
    assert_eq!(half.text("code"), "200");
    assert_eq!(get(&server, "/user", token).await?.text("email"), "ana@example.com");
    let replayed = verify(&server, "email_change", "anna@example.com", &first).await?;
    assert_eq!(replayed.refusal(), (403, "otp_expired"));

    let second = mail(&server, "ana@example.com", 1).await.code();
    let done = verify(&server, "email_change", "ana@example.com", &second).await?;
    assert_eq!(done.body["user"]["email"], "anna@example.com");
    assert!(done.body["user"].get("new_email").is_none());
    assert_eq!(done.body["user"]["identities"][0]["email"], "anna@example.com");
    assert_eq!(sign_in(&server, "anna@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn old_sessions_need_a_code_for_a_new_password() -> anyhow::Result<()> {
    let (database, server) = strict(&["--auth-password-reauthentication", "true"]).await;
    let ana = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let token = ana.text("access_token");
    database.sql("update auth.sessions set created_at = now() - interval '25 hours'").await;
    let change = async |nonce: &str| {
        put(&server, "/user", token, json!({ "password": "something new", "nonce": nonce })).await
    };

    assert_eq!(change("").await?.refusal(), (400, "reauthentication_needed"));
    assert_eq!(get(&server, "/reauthenticate", token).await?.body, json!({}));
    let code = mail(&server, "ana@example.com", 1).await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(change(wrong).await?.refusal(), (422, "reauthentication_not_valid"));
    assert_eq!(change(&code).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn people_are_written_to_in_their_language() -> anyhow::Result<()> {
    let (database, server) = strict(&[]).await;
    let ask = async |email: &str, languages: &str| {
        let request = request(&server, Method::POST, "/recover");
        let request = request.header("accept-language", languages);
        send(request.json(&json!({ "email": email }))).await
    };

    ask("ana@example.com", "fr-CA,en;q=0.5").await?;
    assert_eq!(
        mail(&server, "ana@example.com", 1).await.subject,
        "Réinitialisez votre mot de passe"
    );
    let german =
        "update auth.users set raw_user_meta_data = raw_user_meta_data || '{\"locale\": \"de-AT\"}'
                   where email = 'bo@example.com'";
    database.sql(german).await;
    ask("bo@example.com", "fr").await?;
    assert_eq!(mail(&server, "bo@example.com", 1).await.subject, "Passwort zurücksetzen");
    Ok(())
}

#[tokio::test]
async fn codes_make_an_account_only_where_that_is_wanted() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;

    let refused =
        post(&server, "/otp", json!({ "email": "new@example.com", "create_user": false })).await?;
    assert_eq!(refused.refusal(), (422, "otp_disabled"));
    let asked = json!({ "email": "new@example.com", "data": { "display_name": "New" } });
    assert_eq!(post(&server, "/otp", asked).await?.body, json!({}));

    let code = mail(&server, "new@example.com", 1).await.code();
    let session = verify(&server, "email", "new@example.com", &code).await?;
    assert_eq!(session.body["user"]["user_metadata"]["display_name"], "New");
    Ok(())
}

#[tokio::test]
async fn confirmation_is_sent_again_to_whom_it_is_due() -> anyhow::Result<()> {
    let (_database, server) = strict(&["--auth-mail-every-seconds", "0"]).await;
    sign_up(&server, "eve@example.com").await?;
    mail(&server, "eve@example.com", 1).await;

    for email in ["eve@example.com", "ana@example.com", "nobody@example.com"] {
        let reply = post(&server, "/resend", json!({ "type": "signup", "email": email })).await?;
        assert_eq!((reply.status.as_u16(), reply.body), (200, json!({})));
    }

    let code = mail(&server, "eve@example.com", 2).await.code();
    assert_eq!(verify(&server, "signup", "eve@example.com", &code).await?.status, 200);
    let total = Answer::of(server.request(Method::GET, "/inbox/api/v1/messages")).await;
    assert_eq!(total.body["total"], 2);
    Ok(())
}

#[tokio::test]
async fn invited_people_choose_their_password() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    let ana = post(&server, "/invite", json!({ "email": "guest@example.com" })).await?;
    assert_eq!(ana.refusal(), (401, "no_authorization"));
    let taken = admin(&server, "/invite", json!({ "email": "ana@example.com" })).await?;
    assert_eq!(taken.refusal(), (422, "email_exists"));

    let invited = admin(&server, "/invite", json!({ "email": "guest@example.com" })).await?;
    assert!(invited.body["invited_at"].is_string());
    let mail = mail(&server, "guest@example.com", 1).await;
    assert_eq!(mail.subject, "You have been invited");
    let session =
        post(&server, "/verify", json!({ "type": "invite", "token_hash": mail.secret() })).await?;
    let token = session.text("access_token");
    assert_eq!(put(&server, "/user", token, json!({ "password": PASSWORD })).await?.status, 200);
    assert_eq!(sign_in(&server, "guest@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn service_makes_links_without_sending_them() -> anyhow::Result<()> {
    let (_database, server) = strict(&[]).await;
    let link = async |body: Value| admin(&server, "/admin/generate_link", body).await;

    let unknown = link(json!({ "type": "recovery", "email": "nobody@example.com" })).await?;
    assert_eq!(unknown.refusal(), (404, "user_not_found"));
    let magic = link(json!({ "type": "magiclink", "email": "ana@example.com" })).await?;
    assert_eq!(magic.text("email"), "ana@example.com");
    assert_eq!(magic.text("verification_type"), "magiclink");
    assert_eq!(magic.text("redirect_to"), SITE);
    assert!(magic.text("action_link").contains(magic.text("hashed_token")));
    let session = verify(&server, "magiclink", "ana@example.com", magic.text("email_otp")).await?;
    assert_eq!(session.status, 200, "{}", session.body);

    let fresh = link(json!({ "type": "magiclink", "email": "new@example.com" })).await?;
    assert_eq!(fresh.text("verification_type"), "signup");
    let body = json!({ "type": "signup", "token_hash": fresh.text("hashed_token") });
    assert_eq!(post(&server, "/verify", body).await?.status, 200);
    let bare = link(json!({ "type": "signup", "email": "newer@example.com" })).await?;
    assert_eq!(bare.refusal(), (400, "validation_failed"));

    let asked = json!({ "type": "email_change_new", "email": "bo@example.com", "new_email": "bob@example.com" });
    assert_eq!(link(asked).await?.text("verification_type"), "email_change_new");
    let total = Answer::of(server.request(Method::GET, "/inbox/api/v1/messages")).await;
    assert_eq!(total.body["total"], 0);
    Ok(())
}

#[tokio::test]
async fn texts_leave_by_the_function_of_the_operator() -> anyhow::Result<()> {
    let database = Database::new().await;
    database
        .sql(
            "create table public.texts (phone text, code text);
             create function public.send_text(event jsonb) returns jsonb
             language plpgsql security definer set search_path = '' as $$
             begin
               if event #>> '{sms,phone}' = '15550000' then
                 return '{\"error\": {\"http_code\": 422, \"message\": \"no such network\"}}';
               end if;
               insert into public.texts values (event #>> '{sms,phone}', event #>> '{sms,otp}');
               return '{}';
             end $$;
             revoke execute on function public.send_text from public, anon, authenticated;
             grant execute on function public.send_text to supabase_auth_admin;",
        )
        .await;
    let flags = ["--auth-hook-send-sms", "public.send_text"];
    let server = Server::start_with(&database, &flags).await;
    let code =
        async || database.value("select code from public.texts order by ctid desc limit 1").await;

    let refused = post(&server, "/otp", json!({ "phone": "+15550000" })).await?;
    assert_eq!((refused.status.as_u16(), refused.text("message")), (422, "no such network"));
    assert_eq!(post(&server, "/otp", json!({ "phone": "+1 555 2368" })).await?.body, json!({}));

    let body = json!({ "type": "sms", "phone": "+15552368", "token": code().await });
    let session = post(&server, "/verify", body).await?;
    assert_eq!(session.body["user"]["phone"], "15552368", "{}", session.body);
    assert!(session.body["user"]["phone_confirmed_at"].is_string());

    let token = session.text("access_token");
    put(&server, "/user", token, json!({ "password": PASSWORD })).await?;
    let body = json!({ "phone": "15552368", "password": PASSWORD });
    assert_eq!(post(&server, "/token?grant_type=password", body).await?.status, 200);

    put(&server, "/user", token, json!({ "phone": "+15552369" })).await?;
    let body = json!({ "type": "phone_change", "phone": "+15552369", "token": code().await });
    let changed = post(&server, "/verify", body).await?;
    assert_eq!(changed.body["user"]["phone"], "15552369", "{}", changed.body);
    Ok(())
}

#[tokio::test]
async fn operators_function_sends_mail_in_place_of_the_server() -> anyhow::Result<()> {
    let database = Database::new().await;
    database
        .sql(
            "create table public.letters (about jsonb);
             create function public.send_letter(event jsonb) returns void
             language sql security definer set search_path = '' as $$
               insert into public.letters values (event -> 'email_data');
             $$;
             revoke execute on function public.send_letter from public, anon, authenticated;
             grant execute on function public.send_letter to supabase_auth_admin;",
        )
        .await;
    let flags = [&STRICT[..], &["--auth-hook-send-email", "public.send_letter"]].concat();
    let server = Server::start_with(&database, &flags).await;

    post(&server, "/otp", json!({ "email": "ana@example.com" })).await?;

    let told: Value =
        serde_json::from_str(&database.value("select about from public.letters").await)?;
    assert_eq!(told["email_action_type"], "magiclink");
    assert_eq!(told["sending_to"], "ana@example.com");
    let code = told["token"].as_str().unwrap_or_default();
    assert_eq!(verify(&server, "email", "ana@example.com", code).await?.status, 200);
    assert_eq!(database.value("select count(*) from walkie.jobs").await, "0");
    Ok(())
}

#[tokio::test]
async fn time_tells_nothing_of_who_has_an_account() -> anyhow::Result<()> {
    let (database, server) = strict(&["--auth-mail-every-seconds", "0"]).await;
    assert_eq!(
        database.value("select count(*) from auth.users where email = 'ana@example.com'").await,
        "1"
    );
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..8 {
        for (email, times) in ["ana@example.com", "nobody@example.com"].iter().zip(&mut times) {
            let began = std::time::Instant::now();
            let reply = post(&server, "/recover", json!({ "email": email })).await?;
            assert_eq!(reply.status, 200);
            times.push(began.elapsed().as_millis());
        }
    }
    // Left to themselves both take a few milliseconds, the known address more of them.
    let [known, unknown] = times.map(|times| times.into_iter().min().unwrap_or_default());
    assert!(known >= 100 && unknown >= 100, "{known} ms and {unknown} ms");
    assert!(known.abs_diff(unknown) < 20, "{known} ms and {unknown} ms");
    Ok(())
}
