//! POST /factors and DELETE /factors/{id}: second factors come and go.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::prover::{FactorId, Prover, friendly_name};
use super::totp::{self, Secret};
use crate::auth::mail::{Letter, Reader};
use crate::auth::request::Fields;
use crate::auth::store::factor::{self, Factor, NewFactor};
use crate::auth::{Auth, Error, phone};
use crate::config::FactorKind;
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    friendly_name: Option<String>,
    factor_type: Option<String>,
    issuer: Option<String>,
    phone: Option<String>,
}

pub(in crate::auth) async fn enroll(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    prover.refuse_anonymous()?;
    let friendly_name = friendly_name(asked.friendly_name)?;
    let kind = asked.factor_type.as_deref().and_then(factor::kind);
    let kind = kind
        .filter(|kind| *kind != FactorKind::RecoveryCode)
        .ok_or(Error::Invalid("factor_type needs to be totp, phone, or webauthn"))?;
    auth.may_enroll(kind)?;
    let id = Uuid::new_v4();
    let mut answer = json!({
        "id": id,
        "type": factor::name(kind),
        "friendly_name": friendly_name,
    });
    let mut secret = None;
    let mut number = None;
    match kind {
        FactorKind::Totp => {
            let fresh = Secret::random();
            let issuer = asked.issuer.filter(|issuer| !issuer.is_empty());
            let issuer = issuer.unwrap_or_else(|| auth.factor_issuer.clone());
            answer["totp"] = totp::card(&fresh, &issuer, &prover.account())?;
            secret = Some(auth.seal.seal(&totp::place(id), &fresh.text())?);
        }
        FactorKind::Phone => {
            let normal = phone::normal(asked.phone.as_deref().unwrap_or_default())?;
            answer["phone"] = json!(normal);
            number = Some(normal);
        }
        FactorKind::Webauthn | FactorKind::RecoveryCode => {}
    }
    let new = NewFactor {
        id,
        user_id: prover.user.id,
        kind,
        is_verified: false,
        friendly_name: &friendly_name,
        secret: secret.as_deref(),
        phone: number.as_deref(),
    };
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        if let Some(number) = &number {
            auth.clear_number(tx, &prover, number).await?;
        }
        auth.check_space(tx, &prover, &friendly_name).await?;
        Ok(factor::add_factor(tx, &new).await?)
    };
    auth.store.transaction(work).await?;
    Ok(Json(answer))
}

pub(in crate::auth) async fn unenroll(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    FactorId(id): FactorId,
    reader: Reader,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        let found = factor::factor_of(tx, prover.user.id, id).await?;
        auth.remove(tx, &prover, found.ok_or(Error::FactorNotFound)?, &reader).await
    };
    auth.store.transaction(work).await
}

/// Refuses a name that another factor of the person bears; any number may have none.
pub(super) fn check_name(factors: &[Factor], friendly_name: &str) -> Result<(), Error> {
    let is_taken = factors.iter().any(|factor| factor.friendly_name == friendly_name);
    if is_taken && !friendly_name.trim().is_empty() {
        return Err(Error::FactorNameTaken(format!(
            "A factor with the friendly name {friendly_name:?} for this user already exists"
        )));
    }
    Ok(())
}

impl Auth {
    /// Whether the operator lets people add such factors.
    pub(super) fn may_enroll(&self, kind: FactorKind) -> Result<(), Error> {
        if self.settings.factors.auth_mfa_enroll.contains(&kind) && self.can_ask(kind) {
            return Ok(());
        }
        Err(match kind {
            FactorKind::Totp => Error::TotpEnrollDisabled,
            FactorKind::Phone => Error::PhoneEnrollDisabled,
            FactorKind::Webauthn => Error::WebauthnEnrollDisabled,
            FactorKind::RecoveryCode => Error::RecoveryCodesDisabled,
        })
    }

    /// Whether there is a way to ask such a factor.
    pub(super) fn can_ask(&self, kind: FactorKind) -> bool {
        kind != FactorKind::Phone || self.has_phones()
    }

    /// Whether a factor of this name may be added, and by this session.
    async fn check_space(
        &self,
        tx: &Transaction,
        prover: &Prover,
        friendly_name: &str,
    ) -> Result<(), Error> {
        let user_id = prover.user.id;
        factor::forget_stale_factors(tx, user_id).await?;
        let factors = factor::factors(tx, user_id).await?;
        check_name(&factors, friendly_name)?;
        if factors.len() >= usize::from(self.settings.factors.auth_mfa_max_factors) {
            return Err(Error::TooManyFactors);
        }
        let known = factor::assurance(tx, user_id, Some(prover.session_id)).await?;
        if !known.is_enough {
            return Err(Error::LevelToEnroll);
        }
        Ok(())
    }

    /// Removes a factor, for which one that counts must have been shown.
    pub(super) async fn remove(
        &self,
        tx: &Transaction,
        prover: &Prover,
        found: Factor,
        reader: &Reader,
    ) -> Result<Json<Value>, Error> {
        let known = factor::assurance(tx, prover.user.id, Some(prover.session_id)).await?;
        if found.is_verified && !known.is_aal2 {
            return Err(Error::LevelToUnenroll);
        }
        factor::remove_factor(tx, found.id).await?;
        if found.is_verified {
            let letter = Letter::FactorUnenrolled;
            self.tell_of_factor(tx, &prover.user, letter, found.kind, reader).await?;
        }
        Ok(Json(json!({ "id": found.id })))
    }
}
