//! Who is asking: a database role, a subject and the claims that policies read.
//!
//! `keys` are what a server signs and verifies with, `jwt` makes an identity of a token, `api_key`
//! of a project key; `key` reads the keys that tokens are verified with, `key_set` the server's
//! own, `issuer` fetches those of somebody else, `role_path` finds the role among the claims,
//! `cache` remembers verified tokens, `revoked` knows those that count no more; `error` says why
//! one was refused.

mod api_key;
mod cache;
mod error;
mod issuer;
mod jwt;
mod key;
mod key_set;
mod keys;
mod revoked;
mod role_path;

use std::sync::Arc;

use uuid::Uuid;

pub use api_key::is_api_key;
pub use cache::CacheCounts;
pub use error::{Error, Malformed};
pub use issuer::Issuer;
pub use jwt::{ID_TOKEN, unix_now};
pub use key::KeyError;
pub use key_set::{KeySet, generate as generate_key, read as read_key_set};
pub use keys::{Keys, TokenSettings};
pub use revoked::{Revocation, Revoked};
pub use role_path::{RolePath, RolePathError};

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
    /// Whether the token named the role, rather than falling back to the one for strangers.
    pub names_role: bool,
}

impl Identity {
    /// Nobody in particular.
    pub fn anon() -> Self {
        Self::stranger(ANON)
    }

    /// Somebody without a token, who works as this role.
    pub fn stranger(role: &str) -> Self {
        Self {
            role: role.into(),
            subject: None,
            claims: serde_json::json!({ "role": role }).to_string().into(),
            expires_at: None,
            session: None,
            names_role: false,
        }
    }
}

/// Keys from the configured secret, and the set of keys beside it if there is one.
///
/// # Errors
/// The set does not read.
pub fn keys(settings: &config::IdentitySettings) -> Result<Keys, KeyError> {
    let keys = Keys::new(&settings.jwt_secret).with_api_keys(&settings.api_keys);
    let Some(set) = settings.jwt_keys.as_deref() else { return Ok(keys) };
    let text = if set.trim_start().starts_with(['{', '[']) {
        set.to_owned()
    } else {
        std::fs::read_to_string(set).map_err(|_| KeyError::File)?
    };
    Ok(keys.with_set(key_set::read(&text)?))
}
