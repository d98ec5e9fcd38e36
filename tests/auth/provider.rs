//! Providers that these tests run themselves: an OpenID Connect issuer with real keys, and a
//! GitHub. Both stand in one small server, which does what it is told wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use walkie::identity::unix_now;

pub const CLIENT: &str = "web";
pub const SECRET: &str = "the secret of the client";

/// What the issuer does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Nonce,
    Expired,
    Audience,
    Issuer,
    Signature,
    AccessTokenHash,
    SharedSecret,
    /// The person says no.
    Denied,
}

/// How the issuer signs.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    Rsa,
    P256,
}

/// A code that was given out.
struct Grant {
    nonce: Option<String>,
    challenge: Option<String>,
    redirect_uri: String,
}

struct Desk {
    url: String,
    person: Value,
    emails: Value,
    key: Key,
    fault: Option<Fault>,
    grants: HashMap<String, Grant>,
}

/// A running provider.
pub struct Issuer {
    pub url: String,
    desk: Arc<Mutex<Desk>>,
    task: JoinHandle<()>,
}

impl Issuer {
    /// Starts; Eve is at the desk, with an address that is verified.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let desk = Arc::new(Mutex::new(Desk {
            url: url.clone(),
            person: json!({
                "sub": "7", "email": "eve@provider.example", "email_verified": true,
                "name": "Eve", "picture": "https://provider.example/eve.png",
            }),
            emails: json!([{ "email": "eve@provider.example", "verified": true, "primary": true }]),
            key: Key::Rsa,
            fault: None,
            grants: HashMap::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/login/oauth/authorize", get(authorize))
            .route("/token", post(token))
            .route("/login/oauth/access_token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/api/v3/user", get(github_user))
            .route("/api/v3/user/emails", get(github_emails))
            .with_state(Arc::clone(&desk));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the provider serves");
        });
        Self { url, desk, task }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of the person at the desk.
    pub fn person(&self, claims: Value) {
        let mut desk = self.desk();
        let Value::Object(claims) = claims else { panic!("no claims: {claims}") };
        for (name, value) in claims {
            desk.person[name] = value;
        }
    }

    /// The addresses GitHub tells.
    pub fn emails(&self, emails: Value) {
        self.desk().emails = emails;
    }

    pub fn sign_with(&self, key: Key) {
        self.desk().key = key;
    }

    pub fn do_wrong(&self, fault: Fault) {
        self.desk().fault = Some(fault);
    }

    /// An id_token for the person at the desk, with these claims besides.
    pub fn id_token(&self, claims: Value) -> String {
        self.desk().id_token(claims)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Desk {
    fn id_token(&self, more: Value) -> String {
        let now = unix_now();
        let mut claims = self.person.clone();
        let usual = json!({ "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300 });
        for each in [usual, more] {
            let Value::Object(each) = each else { panic!("no claims: {each}") };
            for (name, value) in each {
                claims[name] = value;
            }
        }
        match self.fault {
            Some(Fault::Nonce) => claims["nonce"] = json!("another"),
            Some(Fault::Expired) => claims["exp"] = json!(now - 300),
            Some(Fault::Audience) => claims["aud"] = json!("somebody else"),
            Some(Fault::Issuer) => claims["iss"] = json!("https://elsewhere.example"),
            Some(Fault::AccessTokenHash) => claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
            _ => {}
        }
        let signed = self.sign(&claims);
        if self.fault == Some(Fault::Signature) {
            claims["sub"] = json!("somebody else");
            let other = self.sign(&claims);
            let (body, _) = other.rsplit_once('.').expect("a token");
            let (_, signature) = signed.rsplit_once('.').expect("a token");
            return format!("{body}.{signature}");
        }
        signed
    }

    fn sign(&self, claims: &Value) -> String {
        if self.fault == Some(Fault::SharedSecret) {
            // The old trick: what is public as a key is used as a secret.
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some("rsa".to_owned());
            let key = EncodingKey::from_secret(include_bytes!("../keys/rsa.pem"));
            return encode(&header, claims, &key).expect("it signs");
        }
        let (algorithm, kid) = match self.key {
            Key::Rsa => (Algorithm::RS256, "rsa"),
            Key::P256 => (Algorithm::ES256, "P-256"),
        };
        let key = match self.key {
            Key::Rsa => EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")),
            Key::P256 => EncodingKey::from_ec_pem(include_bytes!("../keys/p256.pem")),
        };
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        encode(&header, claims, &key.expect("a key")).expect("it signs")
    }
}

type Shared = State<Arc<Mutex<Desk>>>;
type Pairs = HashMap<String, String>;

fn held(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn discovery(State(desk): Shared) -> Json<Value> {
    let url = held(&desk).url.clone();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    }))
}

async fn keys() -> Json<Value> {
    Json(serde_json::from_str(include_str!("../keys/jwks.json")).expect("keys"))
}

/// The person is asked, and sent back with a code or a refusal.
async fn authorize(State(desk): Shared, Query(asked): Query<Pairs>) -> Response {
    let mut desk = held(&desk);
    let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
    if text("client_id") != CLIENT || text("response_type") != "code" {
        return (StatusCode::BAD_REQUEST, "no such client").into_response();
    }
    let (back, state) = (text("redirect_uri"), text("state"));
    if desk.fault == Some(Fault::Denied) {
        let to = format!("{back}?error=access_denied&error_description=Eve+says+no&state={state}");
        return Redirect::to(&to).into_response();
    }
    let code = uuid::Uuid::new_v4().to_string();
    let is_s256 = text("code_challenge_method") == "S256";
    let grant = Grant {
        nonce: asked.get("nonce").cloned(),
        challenge: asked.get("code_challenge").filter(|_| is_s256).cloned(),
        redirect_uri: back.clone(),
    };
    desk.grants.insert(code.clone(), grant);
    Redirect::to(&format!("{back}?code={code}&state={state}")).into_response()
}

/// A code is good once, for the client that it was given to.
async fn token(State(desk): Shared, headers: HeaderMap, form: String) -> Response {
    let mut desk = held(&desk);
    let asked: Pairs = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let refuse =
        |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    let text = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let expected = BASE64_STANDARD.encode(format!("{CLIENT}:{}", SECRET.replace(' ', "+")));
    let shown = headers.get("authorization").and_then(|shown| shown.to_str().ok());
    let is_client = shown == Some(&format!("Basic {expected}"))
        || (text("client_id") == CLIENT && text("client_secret") == SECRET);
    if !is_client {
        return refuse("invalid_client");
    }
    let Some(grant) = desk.grants.remove(text("code")) else { return refuse("invalid_grant") };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
    if grant.challenge.is_some_and(|wanted| wanted != challenge)
        || grant.redirect_uri != text("redirect_uri")
    {
        return refuse("invalid_grant");
    }
    let access_token = "what Eve may do there";
    let digest = Sha256::digest(access_token);
    let at_hash = BASE64_URL_SAFE_NO_PAD.encode(&digest[..16]);
    let id_token = desk.id_token(json!({ "nonce": grant.nonce, "at_hash": at_hash }));
    Json(json!({
        "access_token": access_token,
        "refresh_token": "and for how long",
        "token_type": "Bearer",
        "expires_in": 3600,
        "id_token": id_token,
    }))
    .into_response()
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|shown| shown == "Bearer what Eve may do there")
}

async fn userinfo(State(desk): Shared, headers: HeaderMap) -> Response {
    if !has_token(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(held(&desk).person.clone()).into_response()
}

async fn github_user(State(desk): Shared, headers: HeaderMap) -> Response {
    if !has_token(&headers) || !headers.contains_key("user-agent") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let desk = held(&desk);
    Json(json!({
        "id": 583_231, "login": "eve", "name": desk.person["name"], "email": null,
        "avatar_url": desk.person["picture"],
    }))
    .into_response()
}

async fn github_emails(State(desk): Shared, headers: HeaderMap) -> Response {
    if !has_token(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(held(&desk).emails.clone()).into_response()
}
