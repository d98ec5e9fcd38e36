//! Another address or number for an account, once it is proven.

use super::mail::{Letter, Reader};
use super::one_time::Outgoing;
use super::pkce::Challenge;
use super::signup::Address;
use super::store::token::Purpose;
use super::store::{self, User, address};
use super::{Auth, Error};
use crate::pg::Transaction;

impl Auth {
    /// Begins to give the account another address or number; where nothing needs to be confirmed,
    /// it has it at once. What it has already is no change.
    pub(super) async fn begin_change(
        &self,
        tx: &Transaction,
        user: &User,
        wanted: &Address,
        challenge: Option<&Challenge>,
        reader: &Reader,
    ) -> Result<(), Error> {
        let facts = user.facts()?;
        if wanted.text() == facts.email || wanted.text() == facts.phone {
            return Ok(());
        }
        if wanted.find(tx).await?.is_some() {
            return Err(match wanted {
                Address::Email(_) => Error::EmailExists,
                Address::Phone(_) => Error::PhoneExists,
            });
        }
        match wanted {
            Address::Email(email) if self.confirms_at_once(wanted) => {
                store::set_email(tx, user.id, email).await?;
                Ok(address::end_email_change(tx, user.id).await?)
            }
            Address::Email(email) => {
                self.take_turn(tx, email, Purpose::EmailChangeNew).await?;
                address::want_email(tx, user.id, email).await?;
                send_email_change(self, tx, user, email, challenge, reader).await
            }
            Address::Phone(phone) => {
                self.take_turn(tx, phone, Purpose::PhoneChange).await?;
                address::want_phone(tx, user.id, phone).await?;
                send_phone_change(self, tx, user, phone).await
            }
        }
    }
}

/// Writes to the new address, and to the old one too where both must agree.
pub(super) async fn send_email_change(
    auth: &Auth,
    tx: &Transaction,
    user: &User,
    new_email: &str,
    challenge: Option<&Challenge>,
    reader: &Reader,
) -> Result<(), Error> {
    let mut facts = user.facts()?;
    facts.new_email = Some(new_email.to_owned());
    let old_email = facts.email.clone();
    let mut ways = vec![(Purpose::EmailChangeNew, new_email)];
    if auth.settings.letters.auth_mailer_secure_email_change && !old_email.is_empty() {
        ways.push((Purpose::EmailChangeCurrent, &old_email));
    }
    for (purpose, to) in ways {
        let flow = auth.begin_flow(tx, user.id, challenge, "email_change").await?;
        let token = auth.issue(tx, user.id, purpose, to, flow).await?;
        let outgoing = Outgoing {
            letter: Letter::EmailChange,
            link_type: "email_change",
            to,
            token: Some(&token),
            more: &[],
        };
        auth.post(tx, &facts, reader, &outgoing).await?;
    }
    Ok(())
}

/// Texts the new number.
pub(super) async fn send_phone_change(
    auth: &Auth,
    tx: &Transaction,
    user: &User,
    new_phone: &str,
) -> Result<(), Error> {
    let token = auth.issue(tx, user.id, Purpose::PhoneChange, new_phone, None).await?;
    auth.text(tx, user, new_phone, &token.code).await
}
