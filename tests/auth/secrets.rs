//! What the database keeps of secrets: nothing that opens anything. SEC-08

use reqwest::Method;
use serde_json::json;

use super::factors::{answer, enroll};
use super::oauth::{House, VERIFIER, pkce};
use super::provider::{CLIENT, SECRET};
use super::{PASSWORD, Reply, get, post, post_as, put, refresh, request, send, sign_in};
use crate::support::{Database, Smtp, eventually};

const EVE: &str = "eve@example.com";

/// Another password, and another client's secret: no words that stand anywhere by chance.
const NEXT_PASSWORD: &str = "a-quieter-owl-of-1871";
const CLIENT_SECRET: &str = "what-only-the-forge-knows";

/// What PKCE makes of the verifier, from RFC 7636.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Texts that leave; the operator's own table.
const TEXTS: &str = "
    create table public.texts (code text);
    create function public.send_text(event jsonb) returns jsonb
    language plpgsql security definer set search_path = '' as $$
    begin
      insert into public.texts values (event #>> '{sms,otp}');
      return '{}';
    end
    $$;
    grant execute on function public.send_text to supabase_auth_admin";

/// Everything that Eve was ever handed, by what it is.
struct Journey {
    house: House,
    smtp: Smtp,
    letters: usize,
    secrets: Vec<(&'static str, String)>,
}

impl Journey {
    async fn begin() -> Self {
        let smtp = Smtp::start(&[]).await;
        let port = smtp.port.to_string();
        let mail = ["--smtp-host", "127.0.0.1", "--smtp-port", &port, "--smtp-tls", "none"];
        let texts = ["--auth-hook-send-sms", "public.send_text", "--auth-sms-every-seconds", "0"];
        // Ten digits do not stand in a time or a count by chance.
        let codes = ["--auth-otp-digits", "10", "--auth-mail-every-seconds", "0"];
        let trust = ["--auth-private-hosts", "127.0.0.1"];
        let house = House::new(&[&mail[..], &texts, &codes, &trust].concat()).await;
        house.database.sql(TEXTS).await;
        Self { house, smtp, letters: 0, secrets: Vec::new() }
    }

    fn keep(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 10, "{what} is missing: {secret}");
        self.secrets.push((what, secret.to_owned()));
    }

    fn keep_session(&mut self, session: &Reply) {
        self.keep("access token", session.text("access_token"));
        self.keep("refresh token", session.text("refresh_token"));
    }

    /// The code and the link's secret in the next letter.
    async fn letter(&mut self) -> (String, String) {
        self.letters += 1;
        let text = eventually("a letter leaves", || async {
            self.smtp.messages().get(self.letters - 1).cloned()
        })
        .await;
        let text = text.replace("=\n", "").replace("=3D", "=");
        let is_code = |word: &&str| word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit());
        let code = text.split_whitespace().find(is_code).unwrap_or_default().to_owned();
        let behind = text.split_once("token=").map_or("", |(_, behind)| behind);
        let secret = behind.split('&').next().unwrap_or_default().to_owned();
        if !code.is_empty() {
            self.keep("code in mail", &code);
        }
        if !secret.is_empty() {
            self.keep("secret of a link", &secret);
        }
        (code, secret)
    }

    /// Signs up and adds everything that proves her.
    async fn settle(&mut self) -> anyhow::Result<Reply> {
        let body = json!({ "email": EVE, "password": PASSWORD });
        assert_eq!(post(&self.house.server, "/signup", body).await?.status, 200);
        let (code, _) = self.letter().await;
        let body = json!({ "type": "signup", "email": EVE, "token": code });
        let session = post(&self.house.server, "/verify", body).await?;
        self.keep_session(&session);
        let session = refresh(&self.house.server, session.text("refresh_token")).await?;
        self.keep_session(&session);

        let token = session.text("access_token");
        let (id, app) = enroll(&self.house.server, token, "phone").await?;
        let raised = answer(&self.house.server, token, &id, &app.code(0)).await?;
        self.keep_session(&raised);
        let token = raised.text("access_token");
        let body = json!({ "factor_type": "totp", "friendly_name": "left alone" });
        let alone = post_as(&self.house.server, "/factors", token, body).await?;
        self.keep("secret of an app", alone.body["totp"]["secret"].as_str().unwrap_or_default());
        let made = post_as(&self.house.server, "/factors/recovery-codes", token, json!({})).await?;
        for code in made.body["codes"].as_array().expect("codes") {
            self.keep("recovery code", code.as_str().unwrap_or_default());
        }
        Ok(raised)
    }

    /// Changes her password and asks for codes that she never uses.
    async fn go_on(&mut self, session: &Reply) -> anyhow::Result<()> {
        let token = session.text("access_token");
        let body = json!({ "password": NEXT_PASSWORD });
        assert_eq!(put(&self.house.server, "/user", token, body).await?.status, 200);
        self.keep("password", NEXT_PASSWORD);
        self.keep("former password", PASSWORD);
        let body = json!({ "phone": "15552368" });
        assert_eq!(put(&self.house.server, "/user", token, body).await?.status, 200);
        let text = self.house.database.value("select code from public.texts").await;
        self.keep("code in a text", &text);
        assert_eq!(get(&self.house.server, "/reauthenticate", token).await?.status, 200);
        self.letter().await;
        let body = json!({
            "email": EVE, "code_challenge": CHALLENGE, "code_challenge_method": "s256",
        });
        assert_eq!(post(&self.house.server, "/recover", body).await?.status, 200);
        self.letter().await;
        Ok(())
    }

    /// Signs in with a provider, up to the code that the app gets.
    async fn visit(&mut self) -> anyhow::Result<String> {
        let url = &self.house.issuer.url;
        let body = json!({
            "provider_type": "oauth2", "identifier": "custom:forge", "name": "Forge",
            "client_id": CLIENT, "client_secret": CLIENT_SECRET,
            "authorization_url": format!("{url}/authorize"), "token_url": format!("{url}/token"),
            "userinfo_url": format!("{url}/userinfo"),
        });
        let ask = request(&self.house.server, Method::POST, "/admin/custom-providers");
        let made = send(ask.bearer_auth(self.house.server.service_key()).json(&body)).await?;
        assert_eq!(made.status, 201, "{}", made.body);
        self.keep("secret of a provider's client", CLIENT_SECRET);
        self.keep("secret of a client by settings", SECRET);
        let back = self.house.go_round(&pkce("google")).await?;
        let code = back.query.get("code").expect("a code").clone();
        self.keep("code of a sign-in", &code);
        self.keep("token of a provider", "what Eve may do there");
        self.keep("refresh token of a provider", "and for how long");
        Ok(code)
    }

    /// Lets a browser of hers be woken.
    async fn be_woken(&mut self) {
        let endpoint = "https://push.example/where-only-her-browser-listens";
        let (key, secret) = ("B".repeat(60) + &"y".repeat(27), "what-only-she-unseals1");
        self.house
            .database
            .sql(&format!(
                "select walkie.subscribe_push(u.id, '{{\"endpoint\": \"{endpoint}\",
                     \"keys\": {{\"p256dh\": \"{key}\", \"auth\": \"{secret}\"}}}}', 'a browser')
                   from auth.users u where u.email = '{EVE}'"
            ))
            .await;
        self.keep("where a browser is woken", endpoint);
        self.keep("key of a browser", &key);
        self.keep("secret of a browser", secret);
    }

    /// No row of any table holds any of it.
    async fn nothing_is_kept(&self) {
        eventually("all jobs are done", || async {
            let waiting = "select from walkie.jobs where state <> 'done'";
            self.house.database.rows(waiting).await.is_empty().then_some(())
        })
        .await;
        let rows = rows(&self.house.database).await;
        assert!(rows.iter().any(|row| row.contains(EVE)), "there is something to see");
        for (what, secret) in &self.secrets {
            let hex = hex::encode(secret);
            let kept = rows.iter().find(|row| row.contains(secret) || row.contains(&hex));
            assert!(kept.is_none(), "{what} {secret} is kept: {kept:?}");
        }
    }
}

/// Every row of every table, as a dump of the database has them.
async fn rows(database: &Database) -> Vec<String> {
    let tables = "select format('%I.%I', n.nspname, c.relname)
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)'
                     and c.oid <> 'public.texts'::regclass";
    let mut all = Vec::new();
    for table in database.rows(tables).await.into_iter().flatten().flatten() {
        let rows = database.rows(&format!("select t::text from {table} t")).await;
        all.extend(rows.into_iter().flatten().flatten().map(|row| format!("{table} {row}")));
    }
    all
}

#[tokio::test]
async fn dump_of_the_database_opens_nothing() -> anyhow::Result<()> {
    let mut journey = Journey::begin().await;
    let session = journey.settle().await?;
    journey.go_on(&session).await?;
    let code = journey.visit().await?;
    journey.be_woken().await;
    journey.nothing_is_kept().await;

    let entered = journey.house.exchange(&code, VERIFIER).await?;
    assert_eq!(entered.text("provider_token"), "what Eve may do there");
    assert_eq!(entered.text("provider_refresh_token"), "and for how long");
    journey.keep_session(&entered);
    let again = sign_in(&journey.house.server, EVE, NEXT_PASSWORD).await?;
    journey.keep_session(&again);
    let kinds: std::collections::BTreeSet<_> =
        journey.secrets.iter().map(|(what, _)| *what).collect();
    assert_eq!(kinds.len(), 17, "{kinds:?}");
    journey.nothing_is_kept().await;
    Ok(())
}

#[tokio::test]
async fn secrets_that_must_be_given_back_are_sealed() -> anyhow::Result<()> {
    let mut journey = Journey::begin().await;
    journey.settle().await?;
    journey.visit().await?;
    let sealed = "select string_agg(left(secret, 3), ' ') from (
                    select secret from auth.mfa_factors where factor_type = 'totp'
                    union all select client_secret from auth.custom_oauth_providers
                    union all select provider_access_token from auth.flow_state
                     where provider_access_token is not null) all_of_them";
    assert_eq!(journey.house.database.value(sealed).await, "v1. v1. v1. v1.");
    Ok(())
}
