//! /.well-known/…: where the parts of this server are and what it can, for clients that find out
//! by themselves (RFC 8414, OpenID Connect Discovery).

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::scope::Scope;
use crate::auth::Auth;

/// What stands at the root: an issuer with a path is looked for behind `/.well-known/...`.
const AT_ROOT: [&str; 2] = [
    "/.well-known/oauth-authorization-server/auth/v1",
    "/.well-known/openid-configuration/auth/v1",
];

pub(super) async fn document(State(auth): State<Arc<Auth>>) -> impl IntoResponse {
    answer(auth.discovery())
}

/// The same document at the root; nothing where the server is off.
pub(in crate::auth) fn router(auth: &Auth) -> Router {
    if !auth.has_oauth_server() {
        return Router::new();
    }
    let document = auth.discovery();
    AT_ROOT.into_iter().fold(Router::new(), |router, path| {
        let document = document.clone();
        router.route(path, get(async move || answer(document)))
    })
}

fn answer(document: Value) -> impl IntoResponse {
    ([(CACHE_CONTROL, "public, max-age=600")], Json(document))
}

impl Auth {
    /// Whether apps of others may act for people.
    pub(in crate::auth) fn has_oauth_server(&self) -> bool {
        self.settings.oauth_server.auth_oauth_server_enabled
    }

    fn discovery(&self) -> Value {
        let issuer = &self.issuer;
        let algorithm = self.keys.public_algorithm();
        let may = |scope: &Scope| *scope != Scope::OpenId || algorithm.is_some();
        let scopes: Vec<&str> = Scope::ALL.into_iter().filter(may).map(Scope::name).collect();
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/oauth/authorize"),
            "token_endpoint": format!("{issuer}/oauth/token"),
            "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithm.into_iter().collect::<Vec<_>>(),
            "token_endpoint_auth_methods_supported":
                ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "claims_supported": [
                "sub", "iss", "aud", "iat", "exp", "auth_time", "nonce", "at_hash", "email",
                "email_verified", "phone_number", "phone_number_verified", "name",
                "preferred_username", "picture",
            ],
        });
        if self.settings.oauth_server.auth_oauth_server_allow_dynamic_registration {
            document["registration_endpoint"] = json!(format!("{issuer}/oauth/clients/register"));
        }
        document
    }
}
