//! The OAuth 2.1 server: apps of others that people let act for them.

mod clients;
mod codes;
mod consent;
mod discovery;
mod requests;
mod rights;
mod standard;
mod tokens;

use std::collections::BTreeMap;

use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use walkie::identity::generate_key;

use super::factors::claims;
use super::oauth::{CHALLENGE, VERIFIER};
use super::{PASSWORD, Reply, request, send, sign_in};
use crate::support::{Database, Server};

const ANA: &str = "ana@example.com";
const BO: &str = "bo@example.com";

/// Where the apps of these tests live.
const HOME: &str = "https://app.example/callback";

/// Where the server says it is.
const ISSUER: &str = "http://127.0.0.1:54321/auth/v1";

/// The page that asks people.
const PAGE: &str = "http://127.0.0.1:3000/oauth/consent";

/// A server that lets apps act for people, and Ana, who is signed in.
struct House {
    database: Database,
    server: Server,
    ana: String,
}

/// An app of somebody else.
#[derive(Clone)]
struct App {
    id: String,
    /// None when it cannot keep one.
    secret: Option<String>,
    home: String,
}

impl House {
    async fn new() -> anyhow::Result<Self> {
        Self::with(&["--jwt-keys", &generate_key()]).await
    }

    async fn with(flags: &[&str]) -> anyhow::Result<Self> {
        let database = Database::new().await;
        let on = [
            "--auth-oauth-server-enabled",
            "true",
            "--auth-oauth-server-allow-dynamic-registration",
            "true",
        ];
        let server = Server::start_with(&database, &[&on, flags].concat()).await;
        let ana = sign_in(&server, ANA, PASSWORD).await?.text("access_token").to_owned();
        Ok(Self { database, server, ana })
    }

    /// Somebody else who is signed in.
    async fn person(&self, email: &str) -> anyhow::Result<String> {
        Ok(sign_in(&self.server, email, PASSWORD).await?.text("access_token").to_owned())
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Reply> {
        let asked = request(&self.server, method, &format!("/admin/oauth/clients{path}"));
        send(asked.bearer_auth(self.server.service_key()).json(&body)).await
    }

    /// An app that the operator registers, at home at [`HOME`] unless told otherwise.
    async fn app(&self, more: Value) -> anyhow::Result<App> {
        let mut body = json!({ "client_name": "App", "redirect_uris": [HOME] });
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(more);
        let made = self.admin(Method::POST, "", body).await?;
        anyhow::ensure!(made.status == 201, "{}", made.body);
        Ok(App {
            id: made.text("client_id").to_owned(),
            secret: made.body["client_secret"].as_str().map(str::to_owned),
            home: made.body["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
        })
    }

    async fn public_app(&self) -> anyhow::Result<App> {
        self.app(json!({ "token_endpoint_auth_method": "none" })).await
    }

    /// Sends somebody to ask them, with other parameters than usual; what is empty is left out.
    async fn ask(&self, app: &App, other: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let usual = [
            ("response_type", "code"),
            ("client_id", &app.id),
            ("redirect_uri", &app.home),
            ("state", "a state"),
            ("scope", "openid email"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let mut pairs: BTreeMap<&str, &str> = usual.into_iter().collect();
        pairs.extend(other.iter().copied());
        pairs.retain(|_, value| !value.is_empty());
        self.ask_with(&pairs.into_iter().collect::<Vec<_>>()).await
    }

    async fn ask_with(&self, pairs: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let mut url = Url::parse(&format!("{}/auth/v1/oauth/authorize", self.server.url()))?;
        url.query_pairs_mut().extend_pairs(pairs);
        Answer::of(url).await
    }

    /// The request by which the page asks Ana.
    async fn asked(&self, app: &App, other: &[(&str, &str)]) -> anyhow::Result<String> {
        let answer = self.ask(app, other).await?;
        let landing = answer.landing();
        anyhow::ensure!(landing.place == PAGE, "{landing:?}");
        Ok(landing.query["authorization_id"].clone())
    }

    async fn look(&self, token: &str, id: &str) -> anyhow::Result<Reply> {
        super::get(&self.server, &format!("/oauth/authorizations/{id}"), token).await
    }

    async fn decide(&self, token: &str, id: &str, action: &str) -> anyhow::Result<Reply> {
        let path = format!("/oauth/authorizations/{id}/consent");
        super::post_as(&self.server, &path, token, json!({ "action": action })).await
    }

    /// The code that Ana's yes gives.
    async fn code(&self, app: &App, other: &[(&str, &str)]) -> anyhow::Result<String> {
        let id = self.asked(app, other).await?;
        let said = self.decide(&self.ana, &id, "approve").await?;
        let landing = Landing::read(said.text("redirect_url"));
        let code = landing.query.get("code");
        Ok(code.unwrap_or_else(|| panic!("no code: {} {landing:?}", said.body)).clone())
    }

    /// Asks for tokens, with other fields than usual; what is empty is left out.
    async fn take(&self, app: &App, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
        let mut form: BTreeMap<&str, &str> = BTreeMap::from([("client_id", app.id.as_str())]);
        form.extend(app.secret.as_deref().map(|secret| ("client_secret", secret)));
        form.extend(fields.iter().copied());
        form.retain(|_, value| !value.is_empty());
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let asked = request(&self.server, Method::POST, "/oauth/token").body(form);
        send(asked.header("content-type", "application/x-www-form-urlencoded")).await
    }

    async fn exchange(
        &self,
        app: &App,
        code: &str,
        other: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.home),
            ("code_verifier", VERIFIER),
        ];
        self.take(app, &[&usual, other].concat()).await
    }

    async fn refresh(&self, app: &App, token: &str) -> anyhow::Result<Reply> {
        self.take(app, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// What an app gets that Ana lets in.
    async fn enter(&self, app: &App) -> anyhow::Result<Reply> {
        let given = self.exchange(app, &self.code(app, &[]).await?, &[]).await?;
        anyhow::ensure!(given.status == 200, "{}", given.body);
        Ok(given)
    }

    /// How REST answers a token.
    async fn rest(&self, token: &str) -> u16 {
        let who = crate::support::Person { token: token.to_owned() };
        self.server.rest(&who, Method::GET, "profiles?limit=1").await.status.as_u16()
    }
}

/// What came of a request: somebody is led on, or told here.
#[derive(Debug)]
struct Answer {
    status: u16,
    location: Option<String>,
    body: Value,
}

impl Answer {
    async fn of(url: Url) -> anyhow::Result<Self> {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let answer = client.get(url).send().await?;
        let location = answer.headers().get("location").map(|url| url.to_str().map(str::to_owned));
        Ok(Self {
            status: answer.status().as_u16(),
            location: location.transpose()?,
            body: serde_json::from_str(&answer.text().await?).unwrap_or_default(),
        })
    }

    /// Where somebody is led.
    fn landing(&self) -> Landing {
        Landing::read(self.location.as_deref().unwrap_or_else(|| panic!("not led on: {self:?}")))
    }
}

/// Where somebody goes on, and with what.
#[derive(Debug)]
struct Landing {
    place: String,
    query: BTreeMap<String, String>,
}

impl Landing {
    fn read(url: &str) -> Self {
        let (place, _) = url.split_once('?').unwrap_or((url, ""));
        let read = Url::parse(url).unwrap_or_else(|_| panic!("no URL: {url}"));
        Self { place: place.to_owned(), query: read.query_pairs().into_owned().collect() }
    }

    fn error(&self) -> &str {
        self.query.get("error").map_or("", String::as_str)
    }
}

/// Status and error of OAuth's shape.
fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.text("error"))
}
