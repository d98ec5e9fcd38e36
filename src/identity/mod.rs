//! Who is asking: a database role, a subject and the claims that policies read.
//!
//! `jwt` makes an identity of a token; `error` says why a token was refused.

mod error;
mod jwt;

use std::sync::Arc;

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
            names_role: false,
        }
    }
}

/// Keys from the configured secret.
pub fn keys(settings: &config::IdentitySettings) -> Keys {
    Keys::new(&settings.jwt_secret)
}
