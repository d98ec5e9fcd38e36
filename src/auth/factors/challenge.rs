//! POST /factors/{id}/challenge: a second factor is asked.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::prover::{FactorId, Prover};
use super::security_key::Party;
use crate::auth::request::{Device, Fields};
use crate::auth::store::factor::{self, CHALLENGE_SECONDS, NewChallenge};
use crate::auth::{Auth, Error, phone};
use crate::config::FactorKind;
use crate::identity::unix_now;
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    webauthn: Option<Party>,
    channel: Option<String>,
}

pub(in crate::auth) async fn challenge(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    FactorId(factor_id): FactorId,
    device: Device,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        let found = factor::factor_of(tx, prover.user.id, factor_id).await?;
        let found = found.ok_or(Error::FactorNotFound)?;
        auth.may_verify(found.kind)?;
        let id = Uuid::new_v4();
        let mut answer = json!({
            "id": id,
            "type": factor::name(found.kind),
            "expires_at": unix_now() + CHALLENGE_SECONDS,
        });
        let mut ceremony = None;
        let mut code_hash = None;
        match found.kind {
            FactorKind::Totp => {}
            FactorKind::Phone => {
                phone::check_channel(asked.channel.as_deref())?;
                code_hash = Some(auth.ask_phone(tx, &prover, &found).await?);
            }
            FactorKind::Webauthn => {
                let (options, begun) = auth.ask_key(&prover, &found, asked.webauthn.as_ref())?;
                answer["webauthn"] = options;
                ceremony = Some(begun);
            }
            FactorKind::RecoveryCode => {
                return Err(Error::Invalid("Recovery codes are verified without a challenge"));
            }
        }
        let new = NewChallenge {
            id,
            factor_id,
            ip: address(&device),
            ceremony: ceremony.as_ref(),
            code_hash: code_hash.as_deref(),
        };
        factor::add_challenge(tx, &new).await?;
        Ok(Json(answer))
    };
    auth.store.transaction(work).await
}

impl Auth {
    /// Whether such factors count.
    pub(super) fn may_verify(&self, kind: FactorKind) -> Result<(), Error> {
        if self.settings.factors.auth_mfa_verify.contains(&kind) && self.can_ask(kind) {
            return Ok(());
        }
        Err(match kind {
            FactorKind::Totp => Error::TotpVerifyDisabled,
            FactorKind::Phone => Error::PhoneVerifyDisabled,
            FactorKind::Webauthn => Error::WebauthnVerifyDisabled,
            FactorKind::RecoveryCode => Error::RecoveryVerifyDisabled,
        })
    }
}

/// Where an answer must come from too.
pub(super) fn address(device: &Device) -> IpAddr {
    device.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
