//! GET, PUT and DELETE /user: the person's own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::bearer::Caller;
use super::request::Fields;
use super::session::check_size;
use super::store::{self, Ending, User};
use super::{Auth, Error, email};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
    app_metadata: Option<Value>,
    role: Option<Value>,
}

pub(super) async fn read(caller: Caller) -> Json<Box<RawValue>> {
    Json(caller.user.document)
}

pub(super) async fn change(
    State(auth): State<Arc<Auth>>,
    Caller { user, session_id }: Caller,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    if asked.app_metadata.is_some() || asked.role.is_some() {
        return Err(Error::AdminOnly("Updating app_metadata and role requires admin privileges"));
    }
    if asked.phone.is_some_and(|phone| !phone.is_empty()) {
        return Err(Error::PhoneDisabled);
    }
    let email = asked.email.filter(|email| !email.is_empty());
    let email = email.as_deref().map(email::normal).transpose()?;
    if asked.password.is_some() && email.is_none() && user.is_anonymous()? {
        return Err(Error::PasswordBeforeName);
    }
    let hash = match asked.password {
        Some(password) => Some(new_hash(&auth, &user, password).await?),
        None => None,
    };

    let work = async |tx: &Transaction| {
        if let Some(email) = email {
            store::set_email(tx, user.id, &email).await?;
            store::confirm(tx, user.id).await?;
        }
        if let Some(hash) = hash {
            store::set_password(tx, user.id, &hash, Ending::AllBut(session_id)).await?;
        }
        if let Some(data) = asked.data {
            store::merge_user_metadata(tx, user.id, data).await?;
        }
        let user = store::find(tx, user.id).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        Ok(Json(user.document))
    };
    auth.store.transaction(work).await
}

/// DELETE /user: for good, which needs a fresh proof.
pub(super) async fn leave(
    State(auth): State<Arc<Auth>>,
    Caller { user, session_id }: Caller,
) -> Result<StatusCode, Error> {
    let work = async |tx: &Transaction| Ok(store::leave(tx, user.id, session_id).await?);
    auth.store.transaction(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn new_hash(auth: &Auth, user: &User, password: String) -> Result<String, Error> {
    auth.passwords.check(&password)?;
    if auth.passwords.verify(password.clone(), user.password_hash.clone()).await?.is_right {
        return Err(Error::SamePassword);
    }
    auth.passwords.hash(password).await
}
