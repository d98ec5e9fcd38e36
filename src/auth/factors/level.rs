//! How far a session is proven: raised by a second factor, and demanded where much is at stake.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::prover::Prover;
use crate::auth::session::Session;
use crate::auth::store::factor::{self, Factor};
use crate::auth::{Auth, Error, refresh, store};
use crate::config::FactorKind;
use crate::pg::Transaction;

impl Auth {
    /// Refuses to change how somebody signs in when they have a second factor that this session
    /// has not shown.
    pub(in crate::auth) async fn check_level(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        session_id: Option<Uuid>,
    ) -> Result<(), Error> {
        let known = factor::assurance(tx, user_id, session_id).await?;
        if known.is_enough { Ok(()) } else { Err(Error::LevelToChange) }
    }

    /// The session again, at the second level, with new tokens. All sessions of the person that
    /// are still at the first level end.
    pub(super) async fn raise(
        &self,
        tx: &Transaction,
        prover: &Prover,
        factor: &Factor,
    ) -> Result<Session, Error> {
        let (user_id, session_id) = (prover.user.id, prover.session_id);
        let method = method(factor.kind);
        let holder = factor::raise_session(tx, user_id, session_id, factor, method).await?;
        let holder = holder.ok_or(Error::SessionGone)?;
        factor::forget_unverified(tx, user_id, factor.kind).await?;
        let former = holder.active_hash.as_deref();
        let token = match (&holder.refresh_key, former) {
            (Some(key), Some(former)) => refresh::raised(&self.factor_key, key, former),
            _ => refresh::secret(),
        };
        factor::replace_tokens(tx, session_id, former, &refresh::hash(&token)).await?;
        let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
        self.session_at(tx, user, session_id, "aal2", token).await
    }
}

/// As claim `amr` names a proof.
fn method(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "totp",
        FactorKind::Phone => "mfa/phone",
        FactorKind::Webauthn => "mfa/webauthn",
        FactorKind::RecoveryCode => "mfa/recovery_code",
    }
}

/// Factors as the wire has them.
pub(super) fn documents(factors: Vec<Factor>) -> Vec<Box<RawValue>> {
    factors.into_iter().map(|factor| factor.document).collect()
}
