//! Who may call: the person or the admin that a bearer token speaks for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::store::{Found, Grant, User};
use super::{Auth, Error};
use crate::http::identity::bearer;
use crate::identity::Identity;

/// Roles that may administer accounts.
const ADMIN_ROLES: [&str; 2] = ["service_role", "supabase_admin"];

/// A person with an account and, if the token names one, a living session of their own: an OAuth
/// client that acts for somebody does not pass, unless an endpoint takes [`Represented`].
pub(super) struct Caller {
    pub user: User,
    pub session_id: Option<Uuid>,
}

/// A person, or an OAuth client that acts for them.
pub(super) struct Represented {
    pub caller: Caller,
    /// None when the person calls.
    pub grant: Option<Grant>,
}

/// Somebody who may administer accounts.
pub(super) struct Admin;

#[derive(Deserialize)]
struct SessionClaim {
    session_id: Option<Uuid>,
}

impl FromRequestParts<Arc<Auth>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let token = bearer(&parts.headers).ok_or(Error::NoBearer)?;
        caller(auth, token).await
    }
}

impl FromRequestParts<Arc<Auth>> for Represented {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let token = bearer(&parts.headers).ok_or(Error::NoBearer)?;
        represented(auth, token).await
    }
}

/// Whoever shows this token.
///
/// # Errors
/// An OAuth client shows it, or it counts no longer.
pub(super) async fn caller(auth: &Auth, token: &str) -> Result<Caller, Error> {
    let Represented { caller, grant } = represented(auth, token).await?;
    if grant.is_some() { Err(Error::ClientCaller) } else { Ok(caller) }
}

async fn represented(auth: &Auth, token: &str) -> Result<Represented, Error> {
    let identity = auth.keys.verify_alone(token)?;
    let subject = identity.subject.as_deref().unwrap_or_default();
    if subject.is_empty() {
        return Err(Error::SubjectMissing);
    }
    let user_id = Uuid::try_parse(subject).map_err(|_| Error::SubjectNotUuid)?;
    let SessionClaim { session_id } =
        serde_json::from_str(&identity.claims).map_err(|_| Error::SessionGone)?;

    let found = auth.store.find_caller(user_id, session_id).await?;
    let Found { user, has_session, grant } = found.ok_or(Error::CallerGone)?;
    if session_id.is_some() && !has_session {
        return Err(Error::SessionGone);
    }
    if user.is_banned {
        return Err(Error::CallerBanned);
    }
    Ok(Represented { caller: Caller { user, session_id }, grant })
}

impl FromRequestParts<Arc<Auth>> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let token = bearer(&parts.headers).ok_or(Error::NoBearer)?;
        let identity = auth.keys.verify_strictly(token)?;
        if administers(&identity) { Ok(Self) } else { Err(Error::NotAdmin) }
    }
}

/// Whether a request may administer accounts.
pub(super) fn is_admin(headers: &HeaderMap, auth: &Auth) -> bool {
    let identity = bearer(headers).and_then(|token| auth.keys.verify_strictly(token).ok());
    identity.is_some_and(|identity| administers(&identity))
}

/// Whoever has such a role; an OAuth client never, be it the client of somebody who has.
fn administers(identity: &Identity) -> bool {
    #[derive(Deserialize)]
    struct ClientClaim {
        client_id: Option<Value>,
    }
    let is_of_client = || {
        let read = serde_json::from_str(&identity.claims);
        read.map_or(true, |ClientClaim { client_id }| client_id.is_some())
    };
    ADMIN_ROLES.contains(&&*identity.role) && !is_of_client()
}
