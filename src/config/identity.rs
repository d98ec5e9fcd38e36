//! What tokens are signed with, and the project keys beside them.

use clap::Args;
use sha2::{Digest, Sha256};

/// The secret that the Supabase CLI documents for local use. `dev` uses it so that the
/// well-known local keys work; `serve` refuses it.
pub const DEVELOPMENT_JWT_SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

/// The project keys that the Supabase CLI prints for local use; `dev` knows them and `serve`
/// refuses them.
pub const DEVELOPMENT_API_KEYS: [&str; 2] =
    ["sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"];

/// Fewest characters of a project key behind its prefix.
const MIN_API_KEY_LENGTH: usize = 20;

/// The shortest secret HS256 is safe with, in bytes (RFC 7518, 3.2).
pub const MIN_JWT_SECRET_BYTES: usize = 32;

/// How tokens are signed.
#[derive(Debug, Clone, Args)]
pub struct IdentitySettings {
    /// Secret that signs and verifies HS256 tokens, at least 32 bytes
    #[arg(long, env = "WALKIE_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
    /// JSON Web Keys, or a file with them: one whose key_ops say sign (ES256, RS256) makes tokens
    /// in place of the secret, all verify them, the secret too (walkie keys makes one)
    #[arg(long, env = "WALKIE_JWT_KEYS", hide_env_values = true)]
    pub jwt_keys: Option<String>,
    /// Project keys that stand for a role without being tokens, separated by commas:
    /// sb_publishable_... for anon, sb_secret_... for service_role (walkie keys makes some)
    #[arg(
        long,
        env = "WALKIE_API_KEYS",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ApiKey::read(text)),
    )]
    pub api_keys: Vec<ApiKey>,
}

/// A project key, of which only this is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// What it opens; none when the text is no key. Refused by [`IdentitySettings::weakness`],
    /// since the command line would repeat a secret that it refuses.
    pub kind: Option<ApiKeyKind>,
}

/// What a project key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyKind {
    /// What anybody may.
    Publishable,
    /// Everything.
    Secret,
}

impl ApiKeyKind {
    /// How such keys begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "sb_publishable_",
            Self::Secret => "sb_secret_",
        }
    }
}

impl ApiKey {
    /// Reads a key.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let is_kind = |kind: &ApiKeyKind| {
            text.strip_prefix(kind.prefix()).is_some_and(|rest| rest.len() >= MIN_API_KEY_LENGTH)
        };
        let kind = [ApiKeyKind::Publishable, ApiKeyKind::Secret].into_iter().find(is_kind);
        Self { digest: Sha256::digest(text).into(), kind }
    }
}

impl IdentitySettings {
    /// What is wrong with the secret for a server that others can reach, if anything.
    pub fn weakness(&self) -> Option<&'static str> {
        if self.jwt_secret == DEVELOPMENT_JWT_SECRET {
            return Some(
                "WALKIE_JWT_SECRET is the well-known development secret: anybody could sign \
                 tokens. Make your own: openssl rand -base64 48",
            );
        }
        if self.jwt_secret.len() < MIN_JWT_SECRET_BYTES {
            return Some(
                "WALKIE_JWT_SECRET is shorter than 32 bytes. Make your own: openssl rand -base64 48",
            );
        }
        if self.api_keys.iter().any(|key| key.kind.is_none()) {
            return Some(
                "WALKIE_API_KEYS holds something that is no project key. Make your own: walkie keys",
            );
        }
        let known = DEVELOPMENT_API_KEYS.map(ApiKey::read);
        self.api_keys.iter().any(|key| known.contains(key)).then_some(
            "WALKIE_API_KEYS holds a well-known development key. Make your own: walkie keys",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_and_short_secrets_are_weak() {
        let with = |secret: &str, key: &str| {
            let api_keys = vec![ApiKey::read(key)];
            IdentitySettings { jwt_secret: secret.into(), jwt_keys: None, api_keys }.weakness()
        };
        let (secret, key) = ("x".repeat(MIN_JWT_SECRET_BYTES), "sb_secret_of_twenty_characters");
        assert!(with(DEVELOPMENT_JWT_SECRET, key).is_some());
        assert!(with("short", key).is_some());
        for weak in ["sb_secret_short", "something_else_long_enough", DEVELOPMENT_API_KEYS[0]] {
            assert!(with(&secret, weak).is_some(), "{weak}");
        }
        assert!(with(&secret, key).is_none());
    }
}
