//! The Auth dialect on the wire.

mod admin;
mod anonymous;
mod audit;
mod custom_providers;
mod devices;
mod directory;
mod errors;
mod factors;
mod guards;
mod hooks;
mod identities;
mod invariants;
mod keys;
mod leaving;
mod life;
mod limits;
mod logout;
mod mail;
mod notices;
mod oauth;
mod oauth_server;
mod passkeys;
mod phone_factors;
mod provider;
mod recovery_codes;
mod revoked;
mod saml;
mod saml_refusals;
mod secrets;
mod signup;
mod sso_providers;
mod test_codes;
mod token;
mod user;
mod web3;

use anyhow::Context;
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::{Database, Server};

/// Password of everybody these tests sign up, and of the cast.
const PASSWORD: &str = "walkie-demo";

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// Status and error code of the new shape.
    fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.text("code"))
    }

    fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn send(request: RequestBuilder) -> anyhow::Result<Reply> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await?;
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).with_context(|| format!("no JSON: {text}"))?,
    };
    Ok(Reply { status, headers, body })
}

/// A request as the stock client makes it: it asks for the new shape of errors.
fn request(server: &Server, method: Method, path: &str) -> RequestBuilder {
    server
        .request(method, &format!("/auth/v1{path}"))
        .header("x-supabase-api-version", "2024-01-01")
}

async fn get(server: &Server, path: &str, token: &str) -> anyhow::Result<Reply> {
    send(request(server, Method::GET, path).bearer_auth(token)).await
}

async fn post(server: &Server, path: &str, body: Value) -> anyhow::Result<Reply> {
    send(request(server, Method::POST, path).json(&body)).await
}

async fn post_as(server: &Server, path: &str, token: &str, body: Value) -> anyhow::Result<Reply> {
    send(request(server, Method::POST, path).bearer_auth(token).json(&body)).await
}

async fn put(server: &Server, path: &str, token: &str, body: Value) -> anyhow::Result<Reply> {
    send(request(server, Method::PUT, path).bearer_auth(token).json(&body)).await
}

async fn log_out(server: &Server, scope: &str, token: &str) -> anyhow::Result<Reply> {
    send(request(server, Method::POST, &format!("/logout?scope={scope}")).bearer_auth(token)).await
}

async fn sign_up(server: &Server, email: &str) -> anyhow::Result<Reply> {
    let reply = post(server, "/signup", json!({ "email": email, "password": PASSWORD })).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.body);
    Ok(reply)
}

async fn sign_in(server: &Server, email: &str, password: &str) -> anyhow::Result<Reply> {
    let body = json!({ "email": email, "password": password });
    post(server, "/token?grant_type=password", body).await
}

async fn refresh(server: &Server, token: &str) -> anyhow::Result<Reply> {
    post(server, "/token?grant_type=refresh_token", json!({ "refresh_token": token })).await
}

async fn house() -> (Database, Server) {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    (database, server)
}
