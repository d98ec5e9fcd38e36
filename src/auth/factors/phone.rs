//! A phone as a second factor: its codes leave by the operator's function for texts.

use subtle::ConstantTimeEq;

use super::prover::Prover;
use crate::auth::error::TooSoon;
use crate::auth::store::factor::{self, Challenge, Factor};
use crate::auth::store::token;
use crate::auth::{Auth, Error, refresh};
use crate::pg::Transaction;

/// What turns at sending such codes are kept under.
const PURPOSE: &str = "mfa";

impl Auth {
    /// Makes way for a factor with this number: one that never answered goes, one that counts
    /// stays.
    pub(super) async fn clear_number(
        &self,
        tx: &Transaction,
        prover: &Prover,
        number: &str,
    ) -> Result<(), Error> {
        for other in factor::factors(tx, prover.user.id).await? {
            match (other.phone.as_deref() == Some(number), other.is_verified) {
                (true, true) => return Err(Error::PhoneFactorExists),
                (true, false) => factor::remove_factor(tx, other.id).await?,
                (false, _) => {}
            }
        }
        Ok(())
    }

    /// Sends a code to the factor's number; gives its digest.
    pub(super) async fn ask_phone(
        &self,
        tx: &Transaction,
        prover: &Prover,
        found: &Factor,
    ) -> Result<String, Error> {
        let number = found.phone.as_deref().ok_or(Error::FactorNotFound)?;
        let every = self.settings.letters.auth_sms_every_seconds;
        let address = refresh::hash(number);
        if let Some(seconds) = token::take_turn(tx, &address, PURPOSE, every).await? {
            return Err(Error::SmsTooSoon(TooSoon::new(seconds)));
        }
        let code = self.code_for(number);
        self.text(tx, &prover.user, number, &code).await?;
        Ok(self.code_hash(found.id, number, &code))
    }

    /// Whether this is the code that was sent.
    pub(super) fn is_phone_code(&self, found: &Factor, question: &Challenge, code: &str) -> bool {
        let number = found.phone.as_deref().unwrap_or_default();
        let shown = self.code_hash(found.id, number, code);
        let kept = question.code_hash.as_deref().unwrap_or_default();
        shown.as_bytes().ct_eq(kept.as_bytes()).into()
    }
}
