//! Who may call: the person or the admin that a bearer token speaks for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use uuid::Uuid;

use super::store::User;
use super::{Auth, Error};
use crate::http::identity::bearer;
use crate::identity::Identity;

/// Roles that may administer accounts.
const ADMIN_ROLES: [&str; 2] = ["service_role", "supabase_admin"];

/// A person with an account and, if the token names one, a living session.
pub(super) struct Caller {
    pub user: User,
    pub session_id: Option<Uuid>,
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

/// Whoever shows this token.
pub(super) async fn caller(auth: &Auth, token: &str) -> Result<Caller, Error> {
    let identity = auth.keys.verify_alone(token)?;
    let subject = identity.subject.as_deref().unwrap_or_default();
    if subject.is_empty() {
        return Err(Error::SubjectMissing);
    }
    let user_id = Uuid::try_parse(subject).map_err(|_| Error::SubjectNotUuid)?;
    let SessionClaim { session_id } =
        serde_json::from_str(&identity.claims).map_err(|_| Error::SessionGone)?;

    let found = auth.store.find_caller(user_id, session_id).await?;
    let (user, has_session) = found.ok_or(Error::CallerGone)?;
    if session_id.is_some() && !has_session {
        return Err(Error::SessionGone);
    }
    if user.is_banned {
        return Err(Error::CallerBanned);
    }
    Ok(Caller { user, session_id })
}

impl FromRequestParts<Arc<Auth>> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let role = identity(parts, auth)?.role;
        if ADMIN_ROLES.contains(&&*role) { Ok(Self) } else { Err(Error::NotAdmin) }
    }
}

/// Whether a request may administer accounts.
pub(super) fn is_admin(headers: &HeaderMap, auth: &Auth) -> bool {
    let identity = bearer(headers).and_then(|token| auth.keys.verify_strictly(token).ok());
    identity.is_some_and(|identity| ADMIN_ROLES.contains(&&*identity.role))
}

fn identity(parts: &Parts, auth: &Auth) -> Result<Identity, Error> {
    let token = bearer(&parts.headers).ok_or(Error::NoBearer)?;
    Ok(auth.keys.verify_strictly(token)?)
}
