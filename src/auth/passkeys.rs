//! /passkeys: keys that a device or password manager holds, and that sign people in alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs_proto::ResidentKeyRequirement;

use super::admin::UserId;
use super::bearer::{Admin, Caller};
use super::factors::{Prover, friendly_name};
use super::request::{Device, Fields};
use super::session::Session;
use super::store::passkey::{self, Ceremony};
use super::store::{self, Proof, factor};
use super::webauthn::CEREMONY;
use super::{Auth, Error};
use crate::identity::unix_now;
use crate::pg::Transaction;

/// Most passkeys of a person.
const MAX_PASSKEYS: usize = 10;

#[derive(Deserialize)]
pub(super) struct Asked<T> {
    challenge_id: Option<Uuid>,
    credential: Option<T>,
}

#[derive(Deserialize)]
pub(super) struct AskedName {
    friendly_name: Option<String>,
}

/// What a browser is to be asked.
#[derive(Serialize)]
pub(super) struct Question<T> {
    challenge_id: Uuid,
    options: T,
    expires_at: i64,
}

/// The passkey that a path names.
pub(super) struct PasskeyId(Uuid);

impl FromRequestParts<Arc<Auth>> for PasskeyId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, auth).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Error::PasskeyIdNotUuid)
    }
}

/// POST /passkeys/registration/options
pub(super) async fn begin_registration(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
) -> Result<Json<Question<impl Serialize>>, Error> {
    let webauthn = auth.passkeys()?;
    prover.refuse_anonymous()?;
    prover.refuse_managed()?;
    if !prover.user.is_confirmed {
        return Err(Error::EmailNotConfirmed);
    }
    let user_id = prover.user.id;
    let work = async |tx: &Transaction| {
        auth.check_passkey_space(tx, &prover).await?;
        let known = passkey::credential_ids(tx, user_id).await?;
        let account = prover.account();
        let known = known.into_iter().collect();
        let started = webauthn.start_passkey_registration(user_id, &account, &account, Some(known));
        let (options, state) = started.map_err(broken)?;
        let mut options = options.public_key;
        // People sign in without saying who they are, so the device must remember it.
        if let Some(selection) = &mut options.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        let id = begin(tx, Ceremony::Registration(user_id), &state).await?;
        Ok(Json(Question { challenge_id: id, options, expires_at: expires_at() }))
    };
    auth.store.transaction(work).await
}

/// POST /passkeys/registration/verify
pub(super) async fn register(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    Fields(asked): Fields<Asked<Value>>,
) -> Result<Json<Box<RawValue>>, Error> {
    let webauthn = auth.passkeys()?;
    prover.refuse_anonymous()?;
    let user_id = prover.user.id;
    let made = read::<RegisterPublicKeyCredential>(asked.credential)?;
    let id = asked.challenge_id.unwrap_or_default();
    let work = async |tx: &Transaction| {
        auth.check_passkey_space(tx, &prover).await?;
        let state: PasskeyRegistration = take(tx, id, Ceremony::Registration(user_id)).await?;
        let key = webauthn.finish_passkey_registration(&made, &state).map_err(refused)?;
        let credential = serde_json::to_value(&key).map_err(broken)?;
        Ok(Json(passkey::add_passkey(tx, user_id, key.cred_id(), &credential).await?))
    };
    auth.store.transaction(work).await
}

/// POST /passkeys/authentication/options
pub(super) async fn begin_authentication(
    State(auth): State<Arc<Auth>>,
) -> Result<Json<Question<impl Serialize>>, Error> {
    let webauthn = auth.passkeys()?;
    let work = async |tx: &Transaction| {
        let (options, state) = webauthn.start_discoverable_authentication().map_err(broken)?;
        let id = begin(tx, Ceremony::Authentication, &state).await?;
        let options = options.public_key;
        Ok(Json(Question { challenge_id: id, options, expires_at: expires_at() }))
    };
    auth.store.transaction(work).await
}

/// POST /passkeys/authentication/verify
pub(super) async fn authenticate(
    State(auth): State<Arc<Auth>>,
    device: Device,
    Fields(asked): Fields<Asked<Value>>,
) -> Result<Json<Session>, Error> {
    let webauthn = auth.passkeys()?;
    let used = read::<PublicKeyCredential>(asked.credential)?;
    let id = asked.challenge_id.unwrap_or_default();
    let work = async |tx: &Transaction| {
        let state: DiscoverableAuthentication = take(tx, id, Ceremony::Authentication).await?;
        let (user_id, credential_id) =
            webauthn.identify_discoverable_authentication(&used).map_err(refused)?;
        let found = passkey::passkey_presented(tx, credential_id).await?;
        let found = found.filter(|found| found.user_id == user_id);
        let found = found.ok_or(Error::PasskeyNotFound)?;
        let mut key = Passkey::deserialize(&found.credential).map_err(broken)?;
        let result = webauthn
            .finish_discoverable_authentication_v2(&used, state, DiscoverableKey::from(&key))
            .map_err(refused)?;
        key.update_credential(&result);
        let credential = serde_json::to_value(&key).map_err(broken)?;
        passkey::note_passkey(tx, found.id, &credential).await?;
        auth.admit(tx, user_id, &device).await
    };
    auth.store.transaction(work).await.map(Json)
}

/// GET /passkeys
pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
) -> Result<Json<Box<RawValue>>, Error> {
    auth.passkeys()?;
    auth.store
        .transaction(async |tx| Ok(passkey::passkeys(tx, caller.user.id).await?))
        .await
        .map(Json)
}

/// PATCH /passkeys/{id}
pub(super) async fn rename(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    PasskeyId(id): PasskeyId,
    Fields(asked): Fields<AskedName>,
) -> Result<Json<Box<RawValue>>, Error> {
    auth.passkeys()?;
    let name = friendly_name(asked.friendly_name)?;
    if name.trim().is_empty() {
        return Err(Error::Invalid("friendly_name is required"));
    }
    let work = async |tx: &Transaction| {
        let renamed = passkey::rename_passkey(tx, caller.user.id, id, &name).await?;
        renamed.ok_or(Error::PasskeyNotFound)
    };
    auth.store.transaction(work).await.map(Json)
}

/// DELETE /passkeys/{id}
pub(super) async fn remove(
    State(auth): State<Arc<Auth>>,
    Caller { user, session_id }: Caller,
    PasskeyId(id): PasskeyId,
) -> Result<StatusCode, Error> {
    auth.passkeys()?;
    let work = async |tx: &Transaction| {
        let known = factor::assurance(tx, user.id, session_id).await?;
        if !known.is_enough {
            return Err(Error::LevelForPasskeys);
        }
        remove_of(tx, user.id, id).await
    };
    auth.store.transaction(work).await
}

/// GET /admin/users/{id}/passkeys
pub(super) async fn list_of(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    UserId(user_id): UserId,
) -> Result<Json<Box<RawValue>>, Error> {
    let work = async |tx: &Transaction| {
        store::find(tx, user_id).await?.ok_or(Error::UserNotFound)?;
        Ok(passkey::passkeys(tx, user_id).await?)
    };
    auth.store.transaction(work).await.map(Json)
}

/// DELETE /admin/users/{id}/passkeys/{passkey_id}
pub(super) async fn remove_by_admin(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Path((user_id, id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let user_id = Uuid::try_parse(&user_id).map_err(|_| Error::IdNotUuid)?;
    let id = Uuid::try_parse(&id).map_err(|_| Error::PasskeyIdNotUuid)?;
    let work = async |tx: &Transaction| {
        store::find(tx, user_id).await?.ok_or(Error::UserNotFound)?;
        remove_of(tx, user_id, id).await
    };
    auth.store.transaction(work).await
}

impl Auth {
    /// What checks passkeys, where they are offered.
    fn passkeys(&self) -> Result<&Webauthn, Error> {
        let is_on = self.settings.factors.auth_passkeys_enabled;
        self.party.webauthn.as_ref().filter(|_| is_on).ok_or(Error::PasskeysDisabled)
    }

    /// Whether people can sign in with passkeys.
    pub(super) fn has_passkeys(&self) -> bool {
        self.passkeys().is_ok()
    }

    /// Whether a passkey may be added, and by this session.
    async fn check_passkey_space(&self, tx: &Transaction, prover: &Prover) -> Result<(), Error> {
        let user_id = prover.user.id;
        factor::lock_person(tx, user_id).await?;
        let known = factor::assurance(tx, user_id, Some(prover.session_id)).await?;
        if !known.is_enough {
            return Err(Error::LevelForPasskeys);
        }
        if passkey::credential_ids(tx, user_id).await?.len() >= MAX_PASSKEYS {
            return Err(Error::TooManyPasskeys);
        }
        Ok(())
    }

    /// A session for whoever showed a passkey of this account.
    async fn admit(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        device: &Device,
    ) -> Result<Session, Error> {
        let user = store::find(tx, user_id).await?.ok_or(Error::PasskeyNotFound)?;
        if user.is_banned {
            return Err(Error::UserBanned);
        }
        if !user.is_confirmed {
            return Err(Error::EmailNotConfirmed);
        }
        let proof = Proof { method: "passkey", password_hash: None };
        self.sign_in(tx, user_id, &proof, device).await?.ok_or(Error::PasskeyNotFound)
    }
}

async fn remove_of(tx: &Transaction, user_id: Uuid, id: Uuid) -> Result<StatusCode, Error> {
    let was_there = passkey::remove_passkey(tx, user_id, id).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::PasskeyNotFound) }
}

async fn begin<T: Serialize>(tx: &Transaction, what: Ceremony, state: &T) -> Result<Uuid, Error> {
    let id = Uuid::new_v4();
    let state = serde_json::to_value(state).map_err(broken)?;
    passkey::begin_ceremony(tx, id, what, &state).await?;
    Ok(id)
}

async fn take<T: serde::de::DeserializeOwned>(
    tx: &Transaction,
    id: Uuid,
    what: Ceremony,
) -> Result<T, Error> {
    let begun = passkey::take_ceremony(tx, id, what).await?;
    let begun = begun.ok_or(Error::PasskeyChallengeNotFound)?;
    if begun.is_over {
        return Err(Error::PasskeyChallengeExpired);
    }
    serde_json::from_value(begun.state).map_err(broken)
}

fn expires_at() -> i64 {
    unix_now() + i64::try_from(CEREMONY.as_secs()).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(credential: Option<Value>) -> Result<T, Error> {
    let credential = credential.ok_or(Error::Invalid("credential is required"))?;
    serde_json::from_value(credential).map_err(|_| Error::PasskeyRefused)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refused(why: WebauthnError) -> Error {
    tracing::debug!(%why, "a passkey was refused");
    Error::PasskeyRefused
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Broken(error.into())
}
