//! Tokens of somebody else, who publishes keys at a URL and changes them now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use walkie::identity::unix_now;

use super::library;
use super::standalone::plain_database;
use crate::support::{Answer, Database, Person, Server, Socket, Standalone, eventually};

/// Somebody who publishes keys, as a real server.
struct Issuer {
    url: String,
    published: Arc<Published>,
}

#[derive(Default)]
struct Published {
    /// Status and body of the next answers.
    answer: Mutex<(u16, String)>,
    asked: AtomicU64,
}

impl Issuer {
    async fn start(kids: &[&str]) -> Self {
        let published = Arc::new(Published::default());
        let app = Router::new().route("/keys", get(answer)).with_state(Arc::clone(&published));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        let issuer = Self { url, published };
        issuer.publish(kids);
        issuer
    }

    /// Publishes these keys from now on, and no others.
    fn publish(&self, kids: &[&str]) {
        let all: Value = serde_json::from_str(include_str!("../keys/jwks.json")).expect("keys");
        let keys = all["keys"].as_array().expect("keys").iter();
        let keys: Vec<&Value> =
            keys.filter(|key| kids.iter().any(|kid| key["kid"] == *kid)).collect();
        assert_eq!(keys.len(), kids.len());
        self.answer(200, &json!({ "keys": keys }).to_string());
    }

    /// Answers this from now on.
    fn answer(&self, status: u16, body: &str) {
        *self.published.answer.lock().unwrap_or_else(PoisonError::into_inner) =
            (status, body.to_owned());
    }

    fn asked(&self) -> u64 {
        self.published.asked.load(Ordering::Relaxed)
    }

    /// Waits until it was asked once more; tokens that name unknown keys make that happen.
    async fn is_asked_again(&self, server: &Server) {
        let before = self.asked();
        eventually("the keys are fetched again", || async {
            let answer = shown(server, &token(Some("unknown"), &claims())).await;
            assert_eq!(answer.status, 401);
            (self.asked() > before).then_some(())
        })
        .await;
    }
}

async fn answer(State(published): State<Arc<Published>>) -> (axum::http::StatusCode, String) {
    published.asked.fetch_add(1, Ordering::Relaxed);
    let (status, body) = published.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (axum::http::StatusCode::from_u16(status).expect("a status"), body)
}

fn claims() -> Value {
    json!({ "role": "authenticated", "sub": "u1", "iss": "them", "exp": unix_now() + 600 })
}

/// A token signed with the key of this name; one of an unknown name is signed with any.
fn token(kid: Option<&str>, claims: &Value) -> String {
    let (algorithm, key) = match kid {
        Some("P-256") => {
            (Algorithm::ES256, EncodingKey::from_ec_pem(include_bytes!("../keys/p256.pem")))
        }
        Some("ed") => {
            (Algorithm::EdDSA, EncodingKey::from_ed_pem(include_bytes!("../keys/ed25519.pem")))
        }
        _ => (Algorithm::RS256, EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem"))),
    };
    let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &key.expect("a key")).expect("signs")
}

async fn shown(server: &Server, token: &str) -> Answer {
    Answer::of(server.request(Method::GET, "/rest/v1/people?limit=1").bearer_auth(token)).await
}

async fn status(server: &Server, kid: &str) -> u16 {
    shown(server, &token(Some(kid), &claims())).await.status.as_u16()
}

/// A library whose server knows an issuer.
async fn library_of(issuer: &Issuer, flags: &[&str]) -> (Database, Server) {
    let (database, server) = library().await;
    database.sql("grant select on people to authenticated").await;
    server.stop().await;
    let flags = [&["--jwks-url", issuer.url.as_str()], flags].concat();
    let server = Server::start_with(&database, &flags).await;
    (database, server)
}

#[tokio::test]
async fn keys_are_learned_when_tokens_name_them_and_forgotten_when_they_are_gone()
-> anyhow::Result<()> {
    let issuer = Issuer::start(&["rsa"]).await;
    let (_database, server) = library_of(&issuer, &[]).await;
    let remembered = token(Some("rsa"), &claims());

    assert_eq!(shown(&server, &remembered).await.status, 200);
    assert_eq!(status(&server, "P-256").await, 401);
    let own = server.bearer(&json!({ "role": "authenticated" })).token;
    assert_eq!(shown(&server, &own).await.status, 200);

    issuer.publish(&["P-256"]);
    eventually("the new key is known", || async {
        (status(&server, "P-256").await == 200).then_some(())
    })
    .await;
    // What was verified with a key that is gone is not remembered.
    assert_eq!(shown(&server, &remembered).await.status, 401);
    assert_eq!(shown(&server, &own).await.status, 200);
    Ok(())
}

#[tokio::test]
async fn last_keys_stay_when_there_are_no_better_ones() -> anyhow::Result<()> {
    let issuer = Issuer::start(&["rsa"]).await;
    let (_database, server) = library_of(&issuer, &[]).await;
    assert_eq!(status(&server, "rsa").await, 200);

    let endless = format!(r#"{{"keys":[],"more":"{}"}}"#, "x".repeat(300_000));
    for (code, body) in [(503, "{}"), (200, "<html>"), (200, endless.as_str())] {
        issuer.answer(code, body);
        issuer.is_asked_again(&server).await;
        assert_eq!(status(&server, "rsa").await, 200, "{code}");
    }
    // A secret that everybody can read signs nothing.
    issuer.answer(200, r#"{"keys":[{"kty":"oct","kid":"o","k":"c2VjcmV0"}]}"#);
    issuer.is_asked_again(&server).await;
    let header = Header { kid: Some("o".into()), ..Header::new(Algorithm::HS256) };
    let forged = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(b"secret"))?;
    eventually("the old key is forgotten", || async {
        (status(&server, "rsa").await == 401).then_some(())
    })
    .await;
    assert_eq!(shown(&server, &forged).await.status, 401);
    Ok(())
}

#[tokio::test]
async fn many_unknown_keys_make_nobody_ask_often() -> anyhow::Result<()> {
    let issuer = Issuer::start(&["rsa"]).await;
    let (_database, server) = library_of(&issuer, &[]).await;
    assert_eq!(status(&server, "rsa").await, 200);
    let before = issuer.asked();

    let tokens: Vec<String> =
        (0..200).map(|n| token(Some(&format!("made up {n}")), &claims())).collect();
    let answers = futures_util::future::join_all(tokens.iter().map(|it| shown(&server, it))).await;

    assert!(answers.iter().all(|answer| answer.status == 401));
    let asked = issuer.asked() - before;
    // They come within moments, and between two times of asking five seconds pass.
    assert!(asked <= 2, "{asked} times");
    Ok(())
}

#[tokio::test]
async fn sockets_and_names_of_issuers_are_heeded() -> anyhow::Result<()> {
    let issuer = Issuer::start(&["ed"]).await;
    let (_database, server) = library_of(&issuer, &["--jwks-issuer", "them"]).await;
    let theirs = token(Some("ed"), &claims());
    let mut other = claims();
    other["iss"] = json!("somebody else");

    assert_eq!(shown(&server, &theirs).await.status, 200);
    let refused = shown(&server, &token(Some("ed"), &other)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (401, &json!("PGRST303")));

    let mut socket = Socket::open(server.url(), &theirs, "2.0.0").await;
    let joined = socket.join("place", &Person { token: theirs }, json!([])).await;
    assert_eq!(joined.0, "ok", "{}", joined.1);
    Ok(())
}

#[tokio::test]
async fn drop_in_takes_a_url_beside_a_secret_or_alone() -> anyhow::Result<()> {
    let issuer = Issuer::start(&["rsa"]).await;
    let database = plain_database().await;
    let settings = [("PGRST_JWT_JWKS_URL", issuer.url.as_str()), ("PGRST_JWT_SECRET", "")];
    let api = Standalone::start(&database, &settings).await;

    let who = api.request(Method::GET, "/rpc/who").bearer_auth(token(Some("rsa"), &claims()));
    let who = Answer::of(who).await;
    let own = Standalone::token(&json!({ "role": "authenticated" }));
    let own = Answer::of(api.request(Method::GET, "/rpc/who").bearer_auth(own)).await;

    assert_eq!((who.status.as_u16(), &who.body["role"]), (200, &json!("authenticated")));
    assert_eq!((own.status.as_u16(), &own.body["code"]), (401, &json!("PGRST301")));
    Ok(())
}
