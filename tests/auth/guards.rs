//! Riddles that machines cannot solve, and passwords that everybody knows.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, RawForm, State};
use axum::http::StatusCode;
use axum::routing::{get, post as takes_post};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{PASSWORD, Reply, post, put, request, send, sign_in, sign_up};
use crate::support::{Database, Server};

/// A captcha service that knows one token, and a list of leaked passwords.
struct Services {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Services {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/siteverify", takes_post(judge))
            .route("/range/{digits}", get(leaked))
            .with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the services serve");
        });
        Self { url, asked, task }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Asked = State<Arc<Mutex<Vec<String>>>>;

async fn judge(State(asked): Asked, RawForm(form): RawForm) -> (StatusCode, String) {
    let form = String::from_utf8_lossy(&form).into_owned();
    let said = if !form.contains("secret=riddle") {
        json!({ "success": false, "error-codes": ["invalid-input-secret"] })
    } else if form.contains("response=earned") {
        json!({ "success": true })
    } else {
        json!({ "success": false, "error-codes": ["invalid-input-response", "expired"] })
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(form);
    (StatusCode::OK, said.to_string())
}

/// All digits but the first five of the SHA-1 of `correct horse`, among others.
async fn leaked(State(asked): Asked, Path(digits): Path<String>) -> (StatusCode, String) {
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(digits.clone());
    let hash = hex::encode_upper(sha1::Sha1::digest("correct horse"));
    let (told, kept) = hash.split_at(5);
    let mut lines = vec!["0018A45C4D1DEF81644B54AB7F969B88D65:3".to_owned()];
    if told == digits {
        lines.push(format!("{kept}:42"));
    }
    (StatusCode::OK, lines.join("\r\n"))
}

async fn riddled() -> (Database, Services, Server) {
    let (database, services) = (Database::new().await, Services::start().await);
    let url = format!("{}/siteverify", services.url);
    let flags = ["--auth-captcha-secret", "riddle", "--auth-captcha-url", &url];
    let server = Server::start_with(&database, &flags).await;
    (database, services, server)
}

fn with_token(mut body: Value, token: &str) -> Value {
    body["gotrue_meta_security"] = json!({ "captcha_token": token });
    body
}

fn credentials() -> Value {
    json!({ "email": "ana@example.com", "password": PASSWORD })
}

#[tokio::test]
async fn only_earned_tokens_open_the_doors() -> anyhow::Result<()> {
    let (_database, services, server) = riddled().await;
    for path in ["/signup", "/token?grant_type=password", "/token?grant_type=", "/otp", "/recover"]
    {
        let reply = post(&server, path, credentials()).await?;
        assert_eq!(reply.refusal(), (400, "captcha_failed"), "{path}");
        let words = "captcha protection: request disallowed (no captcha_token found)";
        assert_eq!(reply.text("message"), words);
        let reply = post(&server, path, with_token(credentials(), "forged")).await?;
        assert_eq!(reply.refusal(), (400, "captcha_failed"), "{path}");
        let words = "captcha protection: request disallowed (invalid-input-response, expired)";
        assert_eq!(reply.text("message"), words);
    }
    let path = "/token?grant_type=password";
    let session = post(&server, path, with_token(credentials(), " earned ")).await?;
    assert_eq!(session.status, 200, "{}", session.body);
    let forms = services.asked();
    assert!(forms.iter().any(|form| form.contains("response=earned")), "{forms:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_was_let_in_and_admins_solve_no_riddles() -> anyhow::Result<()> {
    let (_database, services, server) = riddled().await;
    let path = "/token?grant_type=password";
    let session = post(&server, path, with_token(credentials(), "earned")).await?;
    let refreshed = super::refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let admin = request(&server, Method::POST, path).bearer_auth(server.service_key());
    let reply: Reply = send(admin.json(&credentials())).await?;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(services.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn silent_service_lets_nobody_in() -> anyhow::Result<()> {
    let database = Database::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/siteverify", listener.local_addr()?);
    drop(listener);
    let flags = ["--auth-captcha-secret", "riddle", "--auth-captcha-url", &url];
    let server = Server::start_with(&database, &flags).await;
    let path = "/token?grant_type=password";
    let reply = post(&server, path, with_token(credentials(), "earned")).await?;
    assert_eq!(reply.refusal(), (500, "unexpected_failure"));
    assert_eq!(reply.text("message"), "captcha verification process failed");
    Ok(())
}

#[tokio::test]
async fn leaked_passwords_are_weak_and_do_not_leave_the_house() -> anyhow::Result<()> {
    let (database, services) = (Database::new().await, Services::start().await);
    let url = format!("{}/range/", services.url);
    let server = Server::start_with(&database, &["--auth-leaked-passwords-url", &url]).await;
    let body = json!({ "email": "eve@example.com", "password": "correct horse" });
    let reply = post(&server, "/signup", body).await?;
    assert_eq!(reply.refusal(), (422, "weak_password"));
    assert_eq!(reply.body["weak_password"]["reasons"], json!(["pwned"]));
    let session = sign_up(&server, "eve@example.com").await?;
    let body = json!({ "password": "correct horse" });
    let reply = put(&server, "/user", session.text("access_token"), body).await?;
    assert_eq!(reply.refusal(), (422, "weak_password"));
    assert!(services.asked().iter().all(|digits| digits.len() == 5), "{:?}", services.asked());
    assert_eq!(sign_in(&server, "eve@example.com", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn leaked_password_of_old_times_opens_with_a_warning() -> anyhow::Result<()> {
    let (database, services) = (Database::new().await, Services::start().await);
    let url = format!("{}/range/", services.url);
    let server = Server::start_with(&database, &["--auth-leaked-passwords-url", &url]).await;
    let user =
        json!({ "email": "eve@example.com", "password": "correct horse", "email_confirm": true });
    let made = request(&server, Method::POST, "/admin/users").bearer_auth(server.service_key());
    assert_eq!(send(made.json(&user)).await?.status, 200);

    let warned = sign_in(&server, "eve@example.com", "correct horse").await?;
    let unknown = sign_in(&server, "ana@example.com", PASSWORD).await?;
    let asked = services.asked().len();
    let wrong = sign_in(&server, "eve@example.com", "a wrong horse").await?;

    assert_eq!(warned.status, 200);
    assert_eq!(warned.body["weak_password"]["reasons"], json!(["pwned"]));
    assert_eq!((unknown.status.as_u16(), unknown.body.get("weak_password")), (200, None));
    assert_eq!(wrong.refusal(), (400, "invalid_credentials"));
    assert_eq!(services.asked().len(), asked, "only right passwords are looked up");
    Ok(())
}

#[tokio::test]
async fn silent_list_lets_passwords_pass_unless_told_otherwise() -> anyhow::Result<()> {
    let database = Database::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/range", listener.local_addr()?);
    drop(listener);
    let open = Server::start_with(&database, &["--auth-leaked-passwords-url", &url]).await;
    assert_eq!(sign_up(&open, "eve@example.com").await?.status, 200);
    open.stop().await;
    let flags =
        ["--auth-leaked-passwords-url", &url, "--auth-leaked-passwords-fail-closed", "true"];
    let closed = Server::start_with(&database, &flags).await;
    let body = json!({ "email": "fay@example.com", "password": PASSWORD });
    let reply = post(&closed, "/signup", body).await?;
    assert_eq!(reply.refusal(), (500, "unexpected_failure"));
    Ok(())
}
