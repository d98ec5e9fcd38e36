//! What people are told of their second factors.

use crate::auth::mail::{Letter, Reader};
use crate::auth::one_time::Outgoing;
use crate::auth::store::User;
use crate::auth::store::factor;
use crate::auth::{Auth, Error};
use crate::config::FactorKind;
use crate::pg::Transaction;

impl Auth {
    /// Tells a person that a factor of theirs counts from now on, or no longer, if the operator
    /// wants people to be told.
    pub(super) async fn tell_of_factor(
        &self,
        tx: &Transaction,
        user: &User,
        letter: Letter,
        kind: FactorKind,
        reader: &Reader,
    ) -> Result<(), Error> {
        let facts = user.facts()?;
        let link_type = format!("{}_notification", letter.name());
        let link_type = link_type.as_str();
        let more = [("FactorType", factor::name(kind))];
        let outgoing = Outgoing { letter, link_type, to: &facts.email, token: None, more: &more };
        self.post(tx, &facts, reader, &outgoing).await
    }
}
