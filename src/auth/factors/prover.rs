//! Whoever shows a second factor, and which one a path names.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::bearer::Caller;
use crate::auth::store::User;
use crate::auth::{Auth, Error};

/// Longest name that people give to a factor or a passkey, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A person with a session, which is what a second factor raises.
pub(in crate::auth) struct Prover {
    pub user: User,
    pub session_id: Uuid,
    pub name: Name,
}

/// What is known of a person that others may read.
#[derive(Deserialize)]
pub(in crate::auth) struct Name {
    email: String,
    phone: String,
    pub is_anonymous: bool,
}

/// The factor that a path names.
pub(in crate::auth) struct FactorId(pub Uuid);

impl FromRequestParts<Arc<Auth>> for Prover {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let Caller { user, session_id } = Caller::from_request_parts(parts, auth).await?;
        let session_id = session_id.ok_or(Error::SessionGone)?;
        let name = serde_json::from_str(user.document.get())
            .map_err(|error| Error::Broken(Box::new(error)))?;
        Ok(Self { user, session_id, name })
    }
}

impl FromRequestParts<Arc<Auth>> for FactorId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, auth).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Error::FactorIdNotUuid)
    }
}

impl Prover {
    /// Refuses people without a name, who have nothing to protect yet.
    pub(in crate::auth) fn refuse_anonymous(&self) -> Result<(), Error> {
        if self.name.is_anonymous { Err(Error::AnonymousCaller) } else { Ok(()) }
    }

    /// Refuses people whose company signs them in.
    pub(in crate::auth) fn refuse_managed(&self) -> Result<(), Error> {
        if self.user.is_managed {
            return Err(Error::SsoManaged(
                "Accounts of single sign-on have no passkeys of their own",
            ));
        }
        Ok(())
    }

    /// What devices show of the account.
    pub(in crate::auth) fn account(&self) -> String {
        let names = [&self.name.email, &self.name.phone];
        let name = names.into_iter().find(|name| !name.is_empty());
        name.cloned().unwrap_or_else(|| self.user.id.to_string())
    }
}

/// A name as it is kept: nothing given is an empty one.
pub(in crate::auth) fn friendly_name(given: Option<String>) -> Result<String, Error> {
    let name = given.unwrap_or_default();
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::Invalid("friendly_name is longer than 255 bytes"));
    }
    Ok(name)
}
