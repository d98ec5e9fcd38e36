//! POST /otp and /magiclink: a code or a link to sign in with, no password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::even::evenly;
use super::mail::{Letter, Reader};
use super::one_time::Outgoing;
use super::pkce::Challenge;
use super::request::{Device, Fields};
use super::signup::{self, Address};
use super::store::token::Purpose;
use super::store::{self, User};
use super::{Auth, Error, phone};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    phone: Option<String>,
    data: Option<Map<String, Value>>,
    create_user: Option<bool>,
    channel: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// A request that makes sense.
struct Wanted {
    address: Address,
    data: Map<String, Value>,
    may_create: bool,
    challenge: Option<Challenge>,
}

pub(super) async fn send(
    State(auth): State<Arc<Auth>>,
    device: Device,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    let wanted = asked.check(&auth)?;
    evenly(async {
        match send_now(&auth, &wanted, &device, &reader).await {
            // Somebody made the account at this moment.
            Err(Error::EmailExists | Error::PhoneExists) => {
                send_now(&auth, &wanted, &device, &reader).await
            }
            outcome => outcome,
        }
    })
    .await?;
    Ok(Json(json!({})))
}

async fn send_now(
    auth: &Auth,
    wanted: &Wanted,
    device: &Device,
    reader: &Reader,
) -> Result<(), Error> {
    let work = async |tx: &Transaction| {
        let address = &wanted.address;
        let user = match address.find(tx).await? {
            Some(user) => user,
            None if !wanted.may_create => return Err(Error::OtpDisabled),
            None if !auth.settings.auth_signup_enabled => return Err(Error::SignupDisabled),
            None => {
                let id = Uuid::new_v4();
                let new = address.account(id, None, wanted.data.clone(), false);
                auth.create(tx, &new, device).await?;
                store::find(tx, id).await?.ok_or(Error::UserNotFound)?
            }
        };
        super::session::check_size(&user.document)?;
        let challenge = wanted.challenge.as_ref();
        match address {
            Address::Email(email) if user.is_confirmed || auth.confirms_at_once(address) => {
                auth.take_turn(tx, email, Purpose::Recovery).await?;
                send_link(auth, tx, &user, email, challenge, reader).await
            }
            _ => {
                auth.take_turn(tx, address.text(), Purpose::Confirmation).await?;
                signup::send_confirmation(auth, tx, &user, address, challenge, reader).await
            }
        }
    };
    auth.store.transaction(work).await
}

async fn send_link(
    auth: &Auth,
    tx: &Transaction,
    user: &User,
    email: &str,
    challenge: Option<&Challenge>,
    reader: &Reader,
) -> Result<(), Error> {
    let flow = auth.begin_flow(tx, user.id, challenge, "magiclink").await?;
    let token = auth.issue(tx, user.id, Purpose::Recovery, email, flow).await?;
    let outgoing = Outgoing {
        letter: Letter::MagicLink,
        link_type: "magiclink",
        to: email,
        token: Some(&token),
        more: &[],
    };
    auth.post(tx, &user.facts()?, reader, &outgoing).await
}

impl Asked {
    fn check(self, auth: &Auth) -> Result<Wanted, Error> {
        let method = self.code_challenge_method.as_deref();
        let challenge = Challenge::read(self.code_challenge.as_deref(), method)?;
        phone::check_channel(self.channel.as_deref())?;
        let both = "Only an email address or phone number should be provided";
        let (email, phone) = (self.email.unwrap_or_default(), self.phone.unwrap_or_default());
        if email.is_empty() && phone.is_empty() {
            return Err(Error::Invalid("One of email or phone must be set"));
        }
        let address = Address::read(auth, &email, &phone, both)?;
        let may_create = self.create_user.unwrap_or(true);
        Ok(Wanted { address, data: self.data.unwrap_or_default(), may_create, challenge })
    }
}
