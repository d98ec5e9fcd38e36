//! POST /factors/{id}/verify: a second factor answers, and its session rises.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::challenge::address;
use super::prover::{FactorId, Prover};
use super::security_key::Answer;
use super::totp::{Secret, place};
use crate::auth::hooks::Decision;
use crate::auth::mail::{Letter, Reader};
use crate::auth::request::{Device, Fields};
use crate::auth::session::Session;
use crate::auth::store::factor::{self, Challenge, Factor};
use crate::auth::{Auth, Error};
use crate::config::FactorKind;
use crate::identity::unix_now;
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    challenge_id: Option<Uuid>,
    code: Option<String>,
    webauthn: Option<Answer>,
}

/// Whether an answer is right, and with which key it was given.
enum Verdict {
    Wrong,
    Right(Option<Value>),
}

pub(in crate::auth) async fn verify(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    FactorId(factor_id): FactorId,
    device: Device,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Session>, Error> {
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        let found = factor::factor_of(tx, prover.user.id, factor_id).await?;
        let found = found.ok_or(Error::FactorNotFound)?;
        auth.may_verify(found.kind)?;
        if let Some(seconds) = found.rests_seconds {
            return Err(Error::FactorRests(seconds));
        }
        let challenge_id = asked.challenge_id.unwrap_or_default();
        let question = factor::challenge(tx, factor_id, challenge_id).await?;
        let question = question.ok_or(Error::ChallengeNotFound)?;
        if question.is_over {
            return Err(Error::ChallengeExpired(format!(
                "MFA challenge {challenge_id} has expired, verify against another challenge or \
                 create a new challenge."
            )));
        }
        if question.ip.to_canonical() != address(&device).to_canonical() {
            return Err(Error::ChallengeAddress);
        }
        let verdict = auth.judge(tx, &found, &question, &asked).await?;
        let is_right = matches!(verdict, Verdict::Right(_));
        let rejected = auth.rejected(tx, &prover, &found, is_right).await?;
        let Verdict::Right(key) = verdict else {
            factor::count_failure(tx, factor_id).await?;
            return Ok(Err(rejected.unwrap_or_else(|| wrong(found.kind))));
        };
        if let Some(rejected) = rejected {
            return Ok(Err(rejected));
        }
        factor::note_answer(tx, factor_id, Some(challenge_id), key.as_ref()).await?;
        if !found.is_verified {
            let letter = Letter::FactorEnrolled;
            auth.tell_of_factor(tx, &prover.user, letter, found.kind, &reader).await?;
        }
        auth.raise(tx, &prover, &found).await.map(Ok)
    };
    // A wrong answer must stay counted although the request fails, hence two results.
    auth.store.transaction(work).await?.map(Json)
}

impl Auth {
    /// Why the operator's hook refuses an attempt, which may have been a right one.
    pub(super) async fn rejected(
        &self,
        tx: &Transaction,
        prover: &Prover,
        found: &Factor,
        is_right: bool,
    ) -> Result<Option<Error>, Error> {
        let what = (prover.user.id, found.id, factor::name(found.kind));
        match self.factor_tried(tx, what, is_right).await? {
            Decision::Continue => Ok(None),
            Decision::Reject { message, .. } => Ok(Some(Error::FactorRejected(message))),
        }
    }

    async fn judge(
        &self,
        tx: &Transaction,
        found: &Factor,
        question: &Challenge,
        asked: &Asked,
    ) -> Result<Verdict, Error> {
        match found.kind {
            FactorKind::Totp => {
                let code = asked.code.as_deref().unwrap_or_default();
                let sealed = found.secret.as_deref().unwrap_or_default();
                let secret = Secret::read(&self.seal.open(&place(found.id), sealed)?)?;
                let now = u64::try_from(unix_now()).unwrap_or_default();
                Ok(match secret.step_of(code, now) {
                    Some(step) if factor::use_step(tx, found.id, step).await? => {
                        Verdict::Right(None)
                    }
                    _ => Verdict::Wrong,
                })
            }
            FactorKind::Webauthn => {
                let answer = asked.webauthn.as_ref();
                let answer =
                    answer.ok_or(Error::Invalid("webauthn.credential_response required"))?;
                let key = self.check_key(found, question, answer)?;
                Ok(key.map_or(Verdict::Wrong, |key| Verdict::Right(Some(key))))
            }
            FactorKind::Phone => {
                let code = asked.code.as_deref().unwrap_or_default();
                let is_right = self.is_phone_code(found, question, code);
                Ok(if is_right { Verdict::Right(None) } else { Verdict::Wrong })
            }
            FactorKind::RecoveryCode => {
                Err(Error::Invalid("Recovery codes are verified without a challenge"))
            }
        }
    }
}

fn wrong(kind: FactorKind) -> Error {
    match kind {
        FactorKind::Totp => Error::WrongTotp,
        FactorKind::Phone => Error::WrongPhoneCode,
        FactorKind::Webauthn => Error::WrongKey,
        FactorKind::RecoveryCode => Error::WrongRecoveryCode,
    }
}
