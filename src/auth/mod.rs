//! The Auth dialect (GoTrue): accounts, sessions and the tokens that prove them.
//!
//! Reading order: the endpoints (`signup`, `token`, `user`, `devices`, `logout`, `admin`, `settings`), who
//! may call them (`bearer`), what they make (`session`), the means of proof (`password`,
//! `refresh`), all SQL (`store`), what is read from a request (`request`, `email`, `duration`)
//! and every refusal (`error`).
//!
//! Not offered yet: anything that sends mail or texts, anonymous people, other providers, MFA.
//! Accounts are confirmed when they sign up.

mod admin;
mod anonymous;
mod bearer;
mod devices;
mod duration;
mod email;
mod error;
mod hooks;
mod limits;
mod logout;
mod password;
mod refresh;
mod request;
mod session;
mod settings;
mod signup;
mod store;
mod token;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};

use crate::config::AuthSettings;
use crate::http::catch_panics;
use crate::identity::Keys;
use crate::pg::Pg;

use error::Error;
use password::Passwords;
use store::Store;

/// What the Auth dialect works with.
pub struct Auth {
    store: Store,
    keys: Keys,
    settings: AuthSettings,
    /// Claim `iss` of the tokens.
    issuer: String,
    passwords: Passwords,
}

impl Auth {
    /// `public_url` is where clients reach the server, without a slash at its end.
    pub fn new(pg: Pg, keys: Keys, settings: &AuthSettings, public_url: &str) -> Self {
        Self {
            store: Store::new(pg, keys.revoked().clone(), settings.auth_token_seconds),
            keys,
            settings: settings.clone(),
            issuer: format!("{public_url}/auth/v1"),
            passwords: Passwords::new(
                settings.auth_password_min_length,
                &settings.auth_password_required_characters,
            ),
        }
    }

    /// Everything below `/auth/v1`.
    pub fn router(self) -> Router {
        let auth = Arc::new(self);
        let router = Router::new()
            .route("/health", get(settings::health))
            .route("/settings", get(settings::settings))
            .route("/.well-known/jwks.json", get(settings::keys))
            .route("/signup", post(signup::sign_up))
            .route("/token", post(token::grant))
            .route("/user", get(user::read).put(user::change).delete(user::leave))
            .route("/user/merge", post(anonymous::merge))
            .route("/user/sessions", get(devices::list))
            .route("/user/sessions/{id}", delete(devices::end))
            .route("/logout", post(logout::log_out))
            .route("/admin/users", get(admin::list).post(admin::create))
            .route("/admin/users/{id}", get(admin::read).put(admin::change).delete(admin::delete))
            .route_layer(from_fn_with_state(Arc::clone(&auth), limits::count))
            .fallback(async || Error::NoSuchPath)
            .method_not_allowed_fallback(async || Error::WrongMethod)
            .with_state(auth);
        catch_panics(router, || Error::Panicked)
            .layer(DefaultBodyLimit::max(request::MAX_BODY_BYTES))
            .layer(from_fn(error::answer))
    }
}
