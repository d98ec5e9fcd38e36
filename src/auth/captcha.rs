//! Whether a person asks, where the operator wants to know: a service has shown them a riddle, and
//! says whether the token they bring was earned.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::bearer::is_admin;
use super::limits::{self, Origin};
use super::{Auth, Error};
use crate::config::CaptchaProvider;

/// Where a riddle must have been solved, as [`limits::endpoint`] names places.
const GUARDED: [&str; 9] = [
    "POST /signup",
    "POST /token password",
    "POST /token web3",
    "POST /otp",
    "POST /magiclink",
    "POST /recover",
    "POST /resend",
    "POST /sso",
    "POST /passkeys/authentication/options",
];

const NO_TOKEN: &str = "no captcha_token found";

/// The part of a body that this reads.
#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    gotrue_meta_security: Security,
}

#[derive(Default, Deserialize)]
struct Security {
    #[serde(default)]
    captcha_token: String,
}

/// What the service says.
#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(rename = "error-codes", default)]
    error_codes: Vec<String>,
}

/// Refuses whoever brings no token that the service has given out. Admins bring none.
pub(super) async fn ask(
    State(auth): State<Arc<Auth>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let Some(secret) = auth.settings.guards.auth_captcha_secret.as_deref() else {
        return Ok(next.run(request).await);
    };
    let is_guarded = limits::endpoint(&request).is_some_and(|at| GUARDED.contains(&at.as_str()));
    if !is_guarded || is_admin(request.headers(), &auth) {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let bytes = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(bytes) => bytes,
        Err(refused) => return Ok(refused.into_response()),
    };
    // What is no such object is refused by the endpoint in its own words, but not past the guard.
    let asked: Asked = serde_json::from_slice(&bytes).unwrap_or_default();
    let origin = parts.extensions.get::<Origin>().and_then(|origin| origin.address);
    let address = origin.map(|address| address.to_string());
    let token = asked.gotrue_meta_security.captcha_token;
    auth.check_riddle(secret, token.trim(), address.as_deref()).await?;
    Ok(next.run(Request::from_parts(parts, Body::from(bytes))).await)
}

impl Auth {
    async fn check_riddle(
        &self,
        secret: &str,
        token: &str,
        address: Option<&str>,
    ) -> Result<(), Error> {
        if token.is_empty() {
            return Err(refused(NO_TOKEN));
        }
        let guards = &self.settings.guards;
        let url = guards.auth_captcha_url.as_deref();
        let url = url.unwrap_or_else(|| address_of(guards.auth_captcha_provider));
        let said = [("secret", secret.trim()), ("response", token)];
        let from = address.map(|address| ("remoteip", address));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(said.into_iter().chain(from))
            .finish();
        let request = http::Request::post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes())
            .map_err(|error| Error::Broken(Box::new(error)))?;
        let failed = "captcha verification process failed";
        let answer = self.outbound().send(request).await;
        let answer =
            answer.map_err(|error| Error::ProviderFailed(failed, Some(Box::new(error))))?;
        let verdict: Verdict = serde_json::from_slice(answer.body())
            .map_err(|_| Error::ProviderFailed(failed, None))?;
        if verdict.success { Ok(()) } else { Err(refused(&verdict.error_codes.join(", "))) }
    }
}

fn refused(why: &str) -> Error {
    Error::CaptchaFailed(format!("captcha protection: request disallowed ({why})"))
}

fn address_of(provider: CaptchaProvider) -> &'static str {
    match provider {
        CaptchaProvider::Hcaptcha => "https://api.hcaptcha.com/siteverify",
        CaptchaProvider::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    }
}
