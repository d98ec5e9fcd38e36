//! The keys of a server: what signs, what verifies, and what is asked of tokens beside.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::api_key::ApiKeys;
use super::cache::{Cache, CacheCounts};
use super::issuer::Issuer;
use super::jwt::Verified;
use super::key::{self, Key};
use super::key_set::{KeySet, Signing};
use super::{Error, Identity, KeyError, Revoked, RolePath};
use crate::config::ApiKey;

/// Verified tokens that are remembered, where nothing else is said.
const REMEMBERED: usize = 1_000;

/// The keys of this server and what it asks of tokens. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    signing: Option<Signing>,
    /// Public halves of the server's own keys.
    public: Arc<[Value]>,
    pub(super) verifying: Arc<[Key]>,
    /// Somebody else who signs tokens.
    pub(super) issuer: Option<Arc<Issuer>>,
    /// None where only tokens count.
    pub(super) projects: Option<ApiKeys>,
    pub(super) audience: Option<Arc<str>>,
    /// Where the role stands; none: in `role`, and claims must be of their proper types.
    pub(super) role: Option<RolePath>,
    /// Whoever shows no token; none where one must be shown.
    stranger: Option<Identity>,
    pub(super) verified: Option<Arc<Cache<Verified>>>,
    pub(super) revoked: Revoked,
}

/// What tokens must be where keys only verify.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// A text, a JSON Web Key or a set of them; without any, every token is refused.
    pub secret: Option<String>,
    /// Whether a text is base64.
    pub secret_is_base64: bool,
    /// Whom tokens that name an audience must be for.
    pub audience: Option<String>,
    /// Where the role stands among the claims.
    pub role: RolePath,
    /// Role of those who show no token or one without a role; without any, they are refused.
    pub anonymous_role: Option<String>,
    /// How many verified tokens are remembered; 0 for none.
    pub remembered: usize,
}

impl Keys {
    /// Keys from a text secret; who shows no token is `anon`.
    pub fn new(secret: &str) -> Self {
        Self {
            signing: Some(Signing::secret(secret)),
            public: [].into(),
            verifying: [Key::of_text(secret)].into(),
            issuer: None,
            projects: Some(ApiKeys::default()),
            audience: None,
            role: None,
            stranger: Some(Identity::anon()),
            verified: Some(Arc::new(Cache::new(REMEMBERED))),
            revoked: Revoked::default(),
        }
    }

    /// The same, accepting project keys beside tokens.
    #[must_use]
    pub fn with_api_keys(self, keys: &[ApiKey]) -> Self {
        Self { projects: Some(ApiKeys::new(keys)), ..self }
    }

    /// The same, signing with a key of the set and verifying with all of it beside the secret.
    #[must_use]
    pub fn with_set(self, set: KeySet) -> Self {
        let verifying: Vec<Key> = self.verifying.iter().cloned().chain(set.verifying).collect();
        let (signing, public) = (Some(set.signing), set.public.into());
        Self { signing, public, verifying: verifying.into(), ..self }
    }

    /// Public halves of the server's own keys, as JSON Web Keys.
    pub fn public(&self) -> &[Value] {
        &self.public
    }

    /// Keys that verify as PostgREST does, and sign nothing.
    ///
    /// # Errors
    /// The secret is no good.
    pub fn verifying(settings: &TokenSettings) -> Result<Self, KeyError> {
        let keys = match &settings.secret {
            Some(secret) => key::read(secret, settings.secret_is_base64)?,
            None => Vec::new(),
        };
        let remembered = settings.remembered;
        Ok(Self {
            signing: None,
            public: [].into(),
            verifying: keys.into(),
            issuer: None,
            projects: None,
            audience: settings.audience.as_deref().map(Into::into),
            role: Some(settings.role.clone()),
            stranger: settings.anonymous_role.as_deref().map(Identity::stranger),
            verified: (remembered > 0).then(|| Arc::new(Cache::new(remembered))),
            revoked: Revoked::default(),
        })
    }

    /// The sessions and people whose tokens are refused; shared by all clones.
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// The same, refusing what this set knows.
    #[must_use]
    pub fn with_revoked(self, revoked: Revoked) -> Self {
        Self { revoked, ..self }
    }

    /// The same, accepting tokens that this issuer signed.
    #[must_use]
    pub fn with_issuer(self, issuer: Option<Arc<Issuer>>) -> Self {
        Self { issuer, ..self }
    }

    /// Whether project keys are taken beside tokens.
    pub fn takes_api_keys(&self) -> bool {
        self.projects.is_some()
    }

    /// Somebody without a token.
    ///
    /// # Errors
    /// Nobody may come without one.
    pub fn stranger(&self) -> Result<Identity, Error> {
        self.stranger.clone().ok_or(Error::Anonymous)
    }

    /// How often verified tokens came again.
    pub fn cache_counts(&self) -> CacheCounts {
        self.verified.as_ref().map(|cache| cache.counts()).unwrap_or_default()
    }

    /// The algorithm that tokens are signed with, where others can verify them with a public key.
    pub fn public_algorithm(&self) -> Option<&'static str> {
        self.signing.as_ref().and_then(Signing::public_algorithm)
    }

    /// A signed token for these claims.
    ///
    /// # Errors
    /// The claims cannot be written as JSON, or these keys only verify.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        use jsonwebtoken::errors::ErrorKind;
        let signing = self.signing.as_ref().ok_or(ErrorKind::InvalidKeyFormat)?;
        signing.sign(claims)
    }
}
