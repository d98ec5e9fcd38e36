//! POST /resend: what was sent already, once more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{send_email_change, send_phone_change};
use super::even::evenly;
use super::mail::Reader;
use super::pkce::Challenge;
use super::request::Fields;
use super::signup::{self, Address};
use super::store::token::Purpose;
use super::{Auth, Error};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// The answer is the same whether there was anything to send, and takes as long.
pub(super) async fn resend(
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    let kind = asked.kind.unwrap_or_default();
    let (email, phone) = (asked.email.unwrap_or_default(), asked.phone.unwrap_or_default());
    let is_mail = match kind.as_str() {
        "signup" | "email_change" => true,
        "sms" | "phone_change" => false,
        "" => return Err(Error::Invalid("Type provided requires an email address or a phone")),
        _ => {
            return Err(Error::Invalid(
                "Missing one of these types: signup, email_change, sms, phone_change",
            ));
        }
    };
    if email.is_empty() && is_mail {
        return Err(Error::Invalid("Type provided requires an email address"));
    }
    if phone.is_empty() && !is_mail {
        return Err(Error::Invalid("Type provided requires a phone number"));
    }
    let both = "Only an email address or phone number should be provided.";
    let address = Address::read(&auth, &email, &phone, both)?;
    let method = asked.code_challenge_method.as_deref();
    let challenge = Challenge::read(asked.code_challenge.as_deref(), method)?;
    let challenge = challenge.as_ref();
    let work = async |tx: &Transaction| {
        let user = address.find(tx).await?;
        let purpose = match kind.as_str() {
            "signup" | "sms" => Purpose::Confirmation,
            "email_change" => Purpose::EmailChangeNew,
            _ => Purpose::PhoneChange,
        };
        auth.take_turn(tx, address.text(), purpose).await?;
        let Some(user) = user else { return Ok(()) };
        let facts = user.facts()?;
        match purpose {
            Purpose::Confirmation => {
                let is_proven = match address {
                    Address::Email(_) => facts.email_confirmed_at.is_some(),
                    // A number is proven anew at each sign-in.
                    Address::Phone(_) => false,
                };
                if is_proven {
                    return Ok(());
                }
                signup::send_confirmation(&auth, tx, &user, &address, challenge, &reader).await
            }
            Purpose::EmailChangeNew => match facts.new_email.as_deref() {
                Some(new_email) => {
                    send_email_change(&auth, tx, &user, new_email, challenge, &reader).await
                }
                None => Ok(()),
            },
            _ => match facts.new_phone.as_deref() {
                Some(new_phone) => send_phone_change(&auth, tx, &user, new_phone).await,
                None => Ok(()),
            },
        }
    };
    evenly(auth.store.transaction(work)).await?;
    Ok(Json(json!({})))
}
