//! The OAuth 2.1 server: apps of others (clients) that people let act for them.
//!
//! Reading order: who the clients are (`metadata` of them, `redirect_uri`, `clients` in the hands
//! of an administrator, `register` by themselves), what one asks for (`scope`, `authorize`), what
//! a person says to it (`consent`, `grants`), what it gets for that (`credentials`, `token`,
//! `claims`, `userinfo`), and where all this is written (`discovery`).
//!
//! The semantics are those of OAuth 2.1, RFC 7591 (registration), 8414 (discovery), 8252 (apps on
//! a device), 8707 (resources), 9207 (issuer in answers), OpenID Connect Core, and GoTrue's for
//! what lies between. Where the server is off, none of its paths are there.

mod authorize;
mod claims;
mod clients;
mod consent;
mod credentials;
mod discovery;
mod grants;
mod metadata;
mod redirect_uri;
mod register;
mod scope;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::Auth;

pub(super) use discovery::router as discovery_router;
pub(super) use metadata::Metadata;

/// Everything of the server below `/auth/v1`.
pub(super) fn router() -> Router<Arc<Auth>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::document))
        .route("/.well-known/oauth-authorization-server", get(discovery::document))
        .route("/oauth/authorize", get(authorize::authorize))
        .route("/oauth/authorizations/{id}", get(consent::read))
        .route("/oauth/authorizations/{id}/consent", post(consent::decide))
        .route("/oauth/token", post(token::grant))
        .route("/oauth/userinfo", get(userinfo::read).post(userinfo::read))
        .route("/oauth/clients/register", post(register::register))
        .route("/user/oauth/grants", get(grants::list).delete(grants::revoke))
        .route("/admin/oauth/clients", get(clients::list).post(clients::create))
        .route(
            "/admin/oauth/clients/{id}",
            get(clients::read).put(clients::change).delete(clients::delete),
        )
        .route("/admin/oauth/clients/{id}/regenerate_secret", post(clients::regenerate_secret))
}
