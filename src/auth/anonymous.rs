//! People without a name: signed up with nothing, and later made part of an account of their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bearer::{Caller, caller};
use super::hooks::Hook;
use super::request::{Device, Fields};
use super::session::{Session, check_size};
use super::store::{self, Proof};
use super::{Auth, Error};
use crate::pg::Transaction;

/// What the rules of limits call sign-up without a name.
const ENDPOINT: &str = "POST /signup anonymous";

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Access token of the nameless account.
    token: Option<String>,
}

/// A session for somebody who says nothing of themselves but this.
pub(super) async fn sign_up(
    auth: &Auth,
    data: Map<String, Value>,
    device: &Device,
) -> Result<Session, Error> {
    if !auth.settings.auth_signup_enabled {
        return Err(Error::SignupDisabled);
    }
    if !auth.settings.auth_anonymous_enabled {
        return Err(Error::AnonymousDisabled);
    }
    auth.pass(ENDPOINT, device.network.as_deref(), None).await?;
    let id = Uuid::new_v4();
    let work = async |tx: &Transaction| {
        auth.admit_anonymous(tx, id, &data, device).await?;
        store::create_anonymous(tx, id, &Value::Object(data)).await?;
        let proof = Proof { method: "anonymous", password_hash: None };
        let session = auth.sign_in(tx, id, &proof, device).await?;
        let session = session.ok_or(Error::InvalidCredentials)?;
        session.check_size()?;
        Ok(session)
    };
    auth.store.transaction(work).await
}

/// POST /user/merge: what the nameless account has becomes the caller's, as the operator's hook
/// sees to; then that account is deleted.
pub(super) async fn merge(
    State(auth): State<Arc<Auth>>,
    Caller { user, .. }: Caller,
    Fields(Asked { token }): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    if !auth.has_hook(Hook::MergeUsers) {
        return Err(Error::NoSuchPath);
    }
    let token = token.ok_or(Error::Invalid("The token of an anonymous user is required"))?;
    let Caller { user: former, .. } = caller(&auth, &token).await?;
    if !former.is_anonymous()? || former.id == user.id {
        return Err(Error::Invalid("Only an anonymous user can be merged into another"));
    }
    let work = async |tx: &Transaction| {
        let payload = json!({ "from": former.id, "into": user.id });
        auth.ask(tx, Hook::MergeUsers, &payload).await?;
        store::delete(tx, former.id).await?;
        let user = store::find(tx, user.id).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        Ok(Json(user.document))
    };
    auth.store.transaction(work).await
}
