//! POST /token: a session for a password, a refresh token, the code of a link, an id_token or a
//! signed text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::Deserialize;
use uuid::Uuid;

use super::bearer::caller;
use super::hooks::{Decision, Hook};
use super::mail::Reader;
use super::oauth::{self, AskedByIdToken};
use super::refresh::Outcome;
use super::request::{Device, FieldsOrForm, Parameters};
use super::session::Session;
use super::signup::Address;
use super::store::{Ending, Life, Proof, Refreshing};
use super::{Auth, Error, phone, refresh, store, web3};
use crate::http::identity::bearer;
use crate::pg::Transaction;

/// What the rules of limits call sign-in by password.
const PASSWORD_GRANT: &str = "POST /token password";

#[derive(Deserialize)]
pub(super) struct Asked {
    grant_type: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    auth_code: Option<String>,
    code_verifier: Option<String>,
    #[serde(flatten)]
    by_id_token: AskedByIdToken,
    #[serde(flatten)]
    by_wallet: web3::Asked,
}

pub(super) async fn grant(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    device: Device,
    reader: Reader,
    headers: HeaderMap,
    FieldsOrForm(asked): FieldsOrForm<Asked>,
) -> Result<Json<Session>, Error> {
    let grant_type = parameters.get("grant_type").or(asked.grant_type.as_deref());
    match grant_type.unwrap_or_default() {
        "password" => by_password(&auth, asked, &device).await.map(Json),
        "refresh_token" => {
            by_refresh_token(&auth, asked.refresh_token, &device, None).await.map(Json)
        }
        "pkce" => {
            let (code, verifier) = (asked.auth_code.as_deref(), asked.code_verifier.as_deref());
            auth.exchange(code, verifier, &device).await.map(Json)
        }
        "id_token" => {
            let asked = asked.by_id_token;
            let caller = match asked.link_identity {
                Some(true) => {
                    let token = bearer(&headers).ok_or(Error::NoBearer)?;
                    Some(caller(&auth, token).await?)
                }
                _ => None,
            };
            oauth::by_id_token(&auth, asked, caller, &device, &reader).await.map(Json)
        }
        "web3" => web3::by_wallet(&auth, asked.by_wallet, &device).await.map(Json),
        _ => Err(Error::UnsupportedGrant),
    }
}

async fn by_password(auth: &Auth, asked: Asked, device: &Device) -> Result<Session, Error> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let address = match (given(asked.email), given(asked.phone)) {
        (Some(email), None) => Address::Email(email.to_lowercase()),
        (None, Some(_)) if !auth.has_phones() => return Err(Error::PhoneDisabled),
        (None, Some(phone)) => Address::Phone(phone::normal(&phone)?),
        (None, None) => return Err(Error::Invalid("missing email or phone")),
        (Some(_), Some(_)) => {
            return Err(Error::Invalid(
                "Only an email address or phone number should be provided on login.",
            ));
        }
    };
    let password = asked.password.unwrap_or_default();
    auth.pass(PASSWORD_GRANT, None, Some(address.text())).await?;
    let session = match try_password(auth, &address, &password, device).await? {
        Some(session) => session,
        None => try_password(auth, &address, &password, device)
            .await?
            .ok_or(Error::InvalidCredentials)?,
    };
    Ok(session.with_weakness(auth.weakness(&password).await))
}

/// Nothing when the hash was replaced while the password was checked: by a new password, or by a
/// better hash of the same one, which a second try tells apart.
async fn try_password(
    auth: &Auth,
    address: &Address,
    password: &str,
    device: &Device,
) -> Result<Option<Session>, Error> {
    let user = match address {
        Address::Email(name) if !name.contains('@') && auth.has_hook(Hook::SignInName) => {
            auth.named(name).await?
        }
        Address::Email(email) => auth.store.find_by_email(email).await?,
        Address::Phone(phone) => auth.store.find_by_phone(phone).await?,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = auth.passwords.verify(password.to_owned(), hash.clone()).await?;
    if let Some(user) = &user {
        hear_of_password(auth, user.id, verdict.is_right).await?;
    }
    let (Some(user), Some(hash), true) = (user, hash, verdict.is_right) else {
        auth.store.count_failure(PASSWORD_GRANT, address.text()).await?;
        return Err(Error::InvalidCredentials);
    };
    if user.is_banned {
        return Err(Error::UserBanned);
    }
    if !user.is_confirmed {
        return Err(match address {
            Address::Email(_) => Error::EmailNotConfirmed,
            Address::Phone(_) => Error::PhoneNotConfirmed,
        });
    }
    let work = async |tx: &Transaction| {
        let proof = Proof { method: "password", password_hash: Some(&hash) };
        let session = auth.sign_in(tx, user.id, &proof, device).await?;
        if let (Some(_), Some(better_hash)) = (&session, &verdict.better_hash) {
            store::set_hash(tx, user.id, better_hash).await?;
        }
        Ok(session)
    };
    auth.store.transaction(work).await
}

/// Tells the operator's hook, which may refuse; what it writes is kept all the same.
async fn hear_of_password(auth: &Auth, user_id: Uuid, is_right: bool) -> Result<(), Error> {
    if !auth.has_hook(Hook::PasswordVerificationAttempt) {
        return Ok(());
    }
    let work = async |tx: &Transaction| {
        let decision = auth.password_tried(tx, user_id, is_right).await?;
        if let Decision::Reject { ends_sessions: true, .. } = decision {
            store::end_sessions(tx, user_id, Ending::All).await?;
        }
        Ok(decision)
    };
    match auth.store.transaction(work).await? {
        Decision::Continue => Ok(()),
        Decision::Reject { message, .. } => Err(Error::PasswordRefused(message)),
    }
}

/// The session again for its refresh token. Those of OAuth clients count for `client` alone, and
/// those of people only without one.
pub(super) async fn by_refresh_token(
    auth: &Auth,
    token: Option<String>,
    device: &Device,
    client: Option<Uuid>,
) -> Result<Session, Error> {
    let token = token.filter(|token| !token.is_empty()).ok_or(Error::RefreshTokenMissing)?;
    if !refresh::is_token(&token) {
        return Err(Error::Invalid("Refresh token is not valid"));
    }
    // The end of a session must be kept although the request fails, hence `Option`.
    let session =
        auth.store.transaction(async |tx| refreshed(auth, tx, &token, device, client).await);
    session.await?.ok_or(Error::RefreshTokenUsed)
}

/// Nothing when the token was used before and its whole session ended for it.
async fn refreshed(
    auth: &Auth,
    tx: &Transaction,
    token: &str,
    device: &Device,
    client: Option<Uuid>,
) -> Result<Option<Session>, Error> {
    let reuse_seconds = auth.settings.auth_refresh_reuse_seconds;
    let life = Life {
        in_all: auth.settings.auth_session_seconds,
        unused: auth.settings.auth_inactivity_seconds,
    };
    let now = store::present_token(tx, &refresh::hash(token), reuse_seconds, life).await?;
    let is_theirs = |now: &Refreshing| now.grant.as_ref().map(|grant| grant.client_id) == client;
    let now = now.filter(is_theirs).ok_or(Error::RefreshTokenUnknown)?;
    if now.user.is_banned {
        return Err(Error::UserBanned);
    }
    // Sessions of another server have no key; their tokens would not have matched either.
    let Some(key) = now.refresh_key.as_deref().filter(|_| !now.is_over) else {
        return Err(Error::SessionExpired);
    };
    let present = match now.presented.outcome() {
        Outcome::Rotate => {
            let next = refresh::successor(key, token);
            store::rotate_token(tx, &now, &refresh::hash(&next), device).await?;
            Some(next)
        }
        Outcome::Repeat(hash) => refresh::later_with_hash(&auth.factor_key, key, token, &hash),
        Outcome::Revoke => None,
    };
    let Some(present) = present else {
        store::revoke_tokens(tx, now.session_id).await?;
        return Ok(None);
    };
    auth.go_on(tx, now, present).await.map(Some)
}
