//! Project keys that are no tokens: `sb_publishable_...` and `sb_secret_...`.

use std::sync::Arc;

use serde_json::json;
use subtle::{Choice, ConstantTimeEq};

use super::{ANON, Error, Identity, SERVICE_ROLE};
use crate::config::{ApiKey, ApiKeyKind};

/// How all of them begin.
const PREFIX: &str = "sb_";

/// Whether a text is meant as a project key rather than as a token.
pub fn is_api_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The project keys of this server.
#[derive(Clone, Default)]
pub(super) struct ApiKeys(Arc<[ApiKey]>);

impl ApiKeys {
    pub(super) fn new(keys: &[ApiKey]) -> Self {
        Self(keys.into())
    }

    /// The identity a key stands for. How long it takes does not depend on which it is.
    ///
    /// # Errors
    /// It is none of ours.
    pub(super) fn verify(&self, text: &str) -> Result<Identity, Error> {
        let asked = ApiKey::read(text);
        let mut is_known = Choice::from(0);
        for key in &*self.0 {
            is_known |= key.digest.ct_eq(&asked.digest);
        }
        match asked.kind.filter(|_| is_known.into()) {
            Some(ApiKeyKind::Publishable) => Ok(identity(ANON)),
            Some(ApiKeyKind::Secret) => Ok(identity(SERVICE_ROLE)),
            None => Err(Error::ApiKey),
        }
    }
}

fn identity(role: &str) -> Identity {
    Identity {
        role: role.into(),
        subject: None,
        claims: json!({ "role": role }).to_string().into(),
        expires_at: None,
        session: None,
        names_role: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_for_roles() {
        let publishable = "sb_publishable_0123456789abcdefghij";
        let secret = "sb_secret_0123456789abcdefghij";
        let keys = ApiKeys::new(&[ApiKey::read(publishable), ApiKey::read(secret)]);
        let role = |text: &str| keys.verify(text).map(|identity| identity.role.to_string());
        assert_eq!(role(publishable).as_deref(), Ok(ANON));
        assert_eq!(role(secret).as_deref(), Ok(SERVICE_ROLE));
        for unknown in ["sb_", "sb_secret_", "sb_secret_0123456789abcdefghik", "sb_other_x"] {
            assert_eq!(role(unknown), Err(Error::ApiKey), "{unknown}");
        }
        assert_eq!(ApiKeys::default().verify(secret), Err(Error::ApiKey));
    }
}
