//! GET, PUT and DELETE /user: the person's own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::bearer::{Caller, Represented};
use super::mail::{Letter, Reader};
use super::one_time::Outgoing;
use super::pkce::Challenge;
use super::request::Fields;
use super::session::check_size;
use super::signup::Address;
use super::store::{self, Ending, User};
use super::{Auth, Error, phone};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    nonce: Option<String>,
    data: Option<Map<String, Value>>,
    channel: Option<String>,
    app_metadata: Option<Value>,
    role: Option<Value>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// OAuth clients may read it too: their access tokens say most of it already.
pub(super) async fn read(represented: Represented) -> Json<Box<RawValue>> {
    Json(represented.caller.user.document)
}

pub(super) async fn change(
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Caller { user, session_id }: Caller,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    if asked.app_metadata.is_some() || asked.role.is_some() {
        return Err(Error::AdminOnly("Updating app_metadata and role requires admin privileges"));
    }
    phone::check_channel(asked.channel.as_deref())?;
    let method = asked.code_challenge_method.as_deref();
    let challenge = Challenge::read(asked.code_challenge.as_deref(), method)?;
    let address = |email: Option<String>, phone: Option<String>| {
        let (email, phone) = (email.unwrap_or_default(), phone.unwrap_or_default());
        let is_given = !email.is_empty() || !phone.is_empty();
        is_given.then(|| Address::read(&auth, &email, &phone, "")).transpose()
    };
    let wanted = [address(None, asked.phone)?, address(asked.email, None)?];
    let has_name = wanted.iter().any(Option::is_some);
    if asked.password.is_some() && !has_name && user.is_anonymous()? {
        return Err(Error::PasswordBeforeName);
    }
    if user.is_managed && (has_name || asked.password.is_some() || asked.nonce.is_some()) {
        return Err(Error::SsoManaged(
            "Updating email, phone, password of a SSO account only possible via SSO",
        ));
    }
    let hash = match asked.password {
        Some(password) => Some(new_hash(&auth, &user, password).await?),
        None => None,
    };

    let work = async |tx: &Transaction| {
        if has_name || hash.is_some() {
            auth.check_level(tx, user.id, session_id).await?;
        }
        if let Some(hash) = &hash {
            let nonce = asked.nonce.as_deref();
            if !auth.is_reauthenticated(tx, &user, session_id, nonce).await? {
                return Ok(None);
            }
            store::set_password(tx, user.id, hash, Ending::AllBut(session_id)).await?;
            tell_of_password(&auth, tx, &user, &reader).await?;
        }
        if let Some(data) = asked.data {
            store::merge_user_metadata(tx, user.id, data).await?;
        }
        for wanted in wanted.iter().flatten() {
            auth.begin_change(tx, &user, wanted, challenge.as_ref(), &reader).await?;
        }
        let user = store::find(tx, user.id).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        Ok(Some(Json(user.document)))
    };
    // A wrong guess must stay counted although the request fails, hence `Option`.
    auth.store.transaction(work).await?.ok_or(Error::ReauthenticationNotValid)
}

async fn tell_of_password(
    auth: &Auth,
    tx: &Transaction,
    user: &User,
    reader: &Reader,
) -> Result<(), Error> {
    let facts = user.facts()?;
    let outgoing = Outgoing {
        letter: Letter::PasswordChanged,
        link_type: "password_changed_notification",
        to: &facts.email,
        token: None,
        more: &[],
    };
    auth.post(tx, &facts, reader, &outgoing).await
}

/// DELETE /user: for good, which needs a fresh proof, and the second factor of who has one.
pub(super) async fn leave(
    State(auth): State<Arc<Auth>>,
    Caller { user, session_id }: Caller,
) -> Result<StatusCode, Error> {
    let work = async |tx: &Transaction| Ok(store::leave(tx, user.id, session_id).await?);
    auth.store.transaction(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn new_hash(auth: &Auth, user: &User, password: String) -> Result<String, Error> {
    auth.check_password(&password).await?;
    if auth.passwords.verify(password.clone(), user.password_hash.clone()).await?.is_right {
        return Err(Error::SamePassword);
    }
    auth.passwords.hash(password).await
}
