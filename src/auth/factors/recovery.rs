//! /factors/recovery-codes: ten codes on paper that stand in for a lost factor, each once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::enroll::check_name;
use super::prover::{Prover, friendly_name};
use crate::auth::mail::{Letter, Reader};
use crate::auth::request::Fields;
use crate::auth::session::Session;
use crate::auth::store::factor::{self, Factor, NewFactor};
use crate::auth::store::recovery;
use crate::auth::{Auth, Error};
use crate::config::FactorKind;
use crate::pg::Transaction;

const CODES: usize = 10;

/// 80 bits: too many to try, so a plain hash keeps them safe.
const LETTERS: usize = 16;

/// Crockford's base32, which has no letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[derive(Deserialize)]
pub(in crate::auth) struct AskedSet {
    friendly_name: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::auth) struct AskedCode {
    code: Option<String>,
}

pub(in crate::auth) async fn status(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        let set = set_of(tx, &prover).await?.ok_or(Error::FactorNotFound)?;
        let codes = recovery::count_codes(tx, set.id).await?;
        Ok(Json(json!({
            "id": set.id,
            "type": factor::name(set.kind),
            "total": codes.total,
            "remaining": codes.remaining,
        })))
    };
    auth.store.transaction(work).await
}

pub(in crate::auth) async fn generate(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    reader: Reader,
    Fields(asked): Fields<AskedSet>,
) -> Result<Json<Value>, Error> {
    auth.may_enroll(FactorKind::RecoveryCode)?;
    let friendly_name = friendly_name(asked.friendly_name)?;
    let id = Uuid::new_v4();
    let new = NewFactor {
        id,
        user_id: prover.user.id,
        kind: FactorKind::RecoveryCode,
        is_verified: true,
        friendly_name: &friendly_name,
        secret: None,
        phone: None,
    };
    let work = async |tx: &Transaction| {
        begin(tx, &prover).await?;
        let factors = factor::factors(tx, prover.user.id).await?;
        let is_set = |factor: &Factor| factor.kind == FactorKind::RecoveryCode;
        if factors.iter().any(is_set) {
            return Err(Error::RecoveryCodesExist);
        }
        if !factors.iter().any(|factor| factor.is_verified) {
            return Err(Error::RecoveryCodesAlone);
        }
        check_name(&factors, &friendly_name)?;
        factor::add_factor(tx, &new).await?;
        let letter = Letter::FactorEnrolled;
        auth.tell_of_factor(tx, &prover.user, letter, new.kind, &reader).await?;
        give(tx, id, &friendly_name).await
    };
    auth.store.transaction(work).await
}

pub(in crate::auth) async fn regenerate(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
) -> Result<Json<Value>, Error> {
    auth.may_enroll(FactorKind::RecoveryCode)?;
    let work = async |tx: &Transaction| {
        begin(tx, &prover).await?;
        let set = set_of(tx, &prover).await?.ok_or(Error::FactorNotFound)?;
        give(tx, set.id, &set.friendly_name).await
    };
    auth.store.transaction(work).await
}

pub(in crate::auth) async fn verify(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    Fields(asked): Fields<AskedCode>,
) -> Result<Json<Session>, Error> {
    auth.may_verify(FactorKind::RecoveryCode)?;
    let code = normal(asked.code.as_deref().unwrap_or_default());
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        let set = set_of(tx, &prover).await?.ok_or(Error::FactorNotFound)?;
        if let Some(seconds) = set.rests_seconds {
            return Err(Error::RecoveryCodesRest(seconds));
        }
        let is_right = recovery::use_code(tx, set.id, &hash(set.id, &code)).await?;
        let rejected = auth.rejected(tx, &prover, &set, is_right).await?;
        if !is_right {
            factor::count_failure(tx, set.id).await?;
            return Ok(Err(rejected.unwrap_or(Error::WrongRecoveryCode)));
        }
        if let Some(rejected) = rejected {
            return Ok(Err(rejected));
        }
        factor::note_answer(tx, set.id, None, None).await?;
        auth.raise(tx, &prover, &set).await.map(Ok)
    };
    // A wrong code must stay counted although the request fails, hence two results.
    auth.store.transaction(work).await?.map(Json)
}

pub(in crate::auth) async fn unenroll(
    State(auth): State<Arc<Auth>>,
    prover: Prover,
    reader: Reader,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        factor::lock_person(tx, prover.user.id).await?;
        let set = set_of(tx, &prover).await?.ok_or(Error::FactorNotFound)?;
        auth.remove(tx, &prover, set, &reader).await
    };
    auth.store.transaction(work).await
}

/// Whoever makes codes must have shown a factor before.
async fn begin(tx: &Transaction, prover: &Prover) -> Result<(), Error> {
    factor::lock_person(tx, prover.user.id).await?;
    let known = factor::assurance(tx, prover.user.id, Some(prover.session_id)).await?;
    if known.is_aal2 { Ok(()) } else { Err(Error::LevelForRecoveryCodes) }
}

async fn set_of(tx: &Transaction, prover: &Prover) -> Result<Option<Factor>, Error> {
    let factors = factor::factors(tx, prover.user.id).await?;
    Ok(factors.into_iter().find(|factor| factor.kind == FactorKind::RecoveryCode))
}

/// New codes, which are told this once.
async fn give(tx: &Transaction, id: Uuid, friendly_name: &str) -> Result<Json<Value>, Error> {
    let codes: Vec<String> = (0..CODES).map(|_| random()).collect();
    let hashes: Vec<String> = codes.iter().map(|code| hash(id, code)).collect();
    recovery::replace_codes(tx, id, &hashes).await?;
    Ok(Json(json!({
        "id": id,
        "type": factor::name(FactorKind::RecoveryCode),
        "friendly_name": friendly_name,
        "total": CODES,
        "codes": codes,
    })))
}

fn random() -> String {
    let bytes: [u8; LETTERS] = rand::random();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// What the database keeps of a code.
fn hash(set: Uuid, code: &str) -> String {
    hex::encode(Sha256::digest(format!("{set}|{code}")))
}

/// A code as people may type it: in groups, in capitals, with O and I for what is no letter here.
fn normal(code: &str) -> String {
    let letters = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    letters
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_being_written_down() {
        let code = random();
        assert_eq!(code.len(), LETTERS);
        let (left, right) = code.split_at(8);
        assert_eq!(normal(&format!(" {}-{}\n", left.to_uppercase(), right)), code);
        assert_eq!(normal("OIl0"), "0110");
    }

    #[test]
    fn hashes_are_of_one_set() {
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(hash(one, "a"), hash(one, "a"));
        assert_ne!(hash(one, "a"), hash(other, "a"));
    }
}
