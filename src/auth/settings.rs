//! What anybody may know of this server: health, settings, public keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use serde_json::{Map, Value, json};

use super::Auth;
use super::sso::Party;

/// Other ways to sign in that clients ask about.
const PROVIDERS: [&str; 25] = [
    "anonymous_users",
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "zoom",
];

/// Whether clients know a provider of this name.
pub(super) fn is_provider(name: &str) -> bool {
    PROVIDERS.contains(&name) && !["anonymous_users", "phone"].contains(&name)
}

pub(super) async fn health() -> Json<Value> {
    Json(json!({
        "version": concat!("walkie ", env!("CARGO_PKG_VERSION")),
        "name": "GoTrue",
        "description": "Walkie, speaking GoTrue's dialect",
    }))
}

pub(super) async fn settings(State(auth): State<Arc<Auth>>) -> Json<Value> {
    let mut external: Map<String, Value> =
        PROVIDERS.iter().map(|provider| ((*provider).to_owned(), false.into())).collect();
    external.insert("email".into(), true.into());
    external.extend(auth.providers.names().map(|name| (name.to_owned(), true.into())));
    external.insert("phone".into(), auth.has_phones().into());
    let is_anonymous_enabled = auth.settings.auth_anonymous_enabled;
    external.insert("anonymous_users".into(), is_anonymous_enabled.into());
    Json(json!({
        "external": external,
        "disable_signup": !auth.settings.auth_signup_enabled,
        "mailer_autoconfirm": auth.autoconfirm,
        "phone_autoconfirm": false,
        "sms_provider": "",
        "saml_enabled": auth.party_of_saml.is_some(),
        "saml_private_key_next_configured":
            auth.party_of_saml.as_ref().is_some_and(Party::has_next_key),
        "passkeys_enabled": auth.has_passkeys(),
    }))
}

/// HS256 has no public half to show.
pub(super) async fn keys(State(auth): State<Arc<Auth>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "public, max-age=600")], Json(json!({ "keys": auth.keys.public() })))
}
