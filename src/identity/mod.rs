//! Who is asking: a database role, a subject and the claims that policies read.
//!
//! `jwt` makes an identity of a token, `api_key` of a project key; `error` says why one was
//! refused.

mod api_key;
mod error;
mod jwt;

use std::sync::Arc;

use uuid::Uuid;

pub use api_key::is_api_key;
pub use error::Error;
pub use jwt::{Keys, unix_now};

use crate::config;

/// The role of whoever shows no token.
pub const ANON: &str = "anon";

/// The role that no policy binds.
pub const SERVICE_ROLE: &str = "service_role";

/// Someone a verified token speaks for. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Database role the work runs as.
    pub role: Arc<str>,
    /// Claim `sub`, when the token has one.
    pub subject: Option<Arc<str>>,
    /// All claims, as the JSON text that `request.jwt.claims` holds.
    pub claims: Arc<str>,
    /// Claim `exp`, in seconds since 1970.
    pub expires_at: Option<i64>,
    /// Claim `session_id`: the sign-in it came from. When that is ended, so are they.
    pub session: Option<Uuid>,
    /// Whether the token named the role, rather than falling back to `anon`.
    pub names_role: bool,
}

impl Identity {
    /// Nobody in particular.
    pub fn anon() -> Self {
        Self {
            role: ANON.into(),
            subject: None,
            claims: format!(r#"{{"role":"{ANON}"}}"#).into(),
            expires_at: None,
            session: None,
            names_role: false,
        }
    }
}

/// Keys from the configured secret.
pub fn keys(settings: &config::IdentitySettings) -> Keys {
    Keys::new(&settings.jwt_secret).with_api_keys(&settings.api_keys)
}
