//! POST /verify: a code, or the secret of a link, for a session.
//!
//! GET /verify, the link itself, is in `link`; what a token does is here for both.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::mail::{Letter, Reader};
use super::one_time::{Facts, Outgoing};
use super::request::{Device, FieldsOrForm};
use super::session::Session;
use super::store::token::{self, Purpose, Token};
use super::store::{self, Proof, address};
use super::{Auth, Error, email, phone, refresh};
use crate::pg::Transaction;

/// What is said to the first of two addresses that agree to a change.
pub(super) const HALF_DONE: &str =
    "Confirmation link accepted. Please proceed to confirm link sent to the other email";

pub(super) const BAD_CODE: Error = Error::OtpExpired("Token has expired or is invalid");
pub(super) const BAD_LINK: Error = Error::OtpExpired("Email link is invalid or has expired");

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    token: Option<String>,
    token_hash: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

/// What somebody shows.
enum Shown {
    /// The secret of a link.
    Secret(String),
    /// A code, and where it was sent.
    Code { address: String, code: String },
}

/// What a token was good for.
pub(super) enum Proven {
    Session(Box<Session>),
    /// The code of the flow that began it.
    Code(String),
    /// One of two addresses agreed.
    Half,
}

pub(super) async fn verify(
    State(auth): State<Arc<Auth>>,
    device: Device,
    reader: Reader,
    FieldsOrForm(asked): FieldsOrForm<Asked>,
) -> Result<Response, Error> {
    let purposes = purposes(asked.kind.as_deref())?;
    let shown = asked.shown()?;
    let refusal = match shown {
        Shown::Secret(_) => BAD_LINK,
        Shown::Code { .. } => BAD_CODE,
    };
    let work = async |tx: &Transaction| {
        let found = match &shown {
            Shown::Secret(secret) => auth.token_of_link(tx, secret, purposes).await?,
            Shown::Code { address, code } => {
                auth.token_of_code(tx, address, code, purposes).await?
            }
        };
        // A wrong guess must stay counted although the request fails, hence `Option`.
        let Some(found) = found else { return Ok(None) };
        let flowless = Token { flow_id: None, ..found };
        auth.prove(tx, &flowless, &device, &reader).await.map(Some)
    };
    match auth.store.transaction(work).await?.ok_or(refusal)? {
        Proven::Session(session) => Ok(Json(session).into_response()),
        Proven::Half => Ok(Json(json!({ "msg": HALF_DONE, "code": "200" })).into_response()),
        Proven::Code(_) => Err(Error::FlowNotFound),
    }
}

impl Asked {
    fn shown(self) -> Result<Shown, Error> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (email, phone) = (given(self.email), given(self.phone));
        match (given(self.token), given(self.token_hash)) {
            (None, Some(secret)) if email.is_none() && phone.is_none() => Ok(Shown::Secret(secret)),
            (None, Some(_)) => {
                Err(Error::Invalid("Only the token_hash and type should be provided"))
            }
            (Some(code), None) => match (email, phone) {
                (Some(email), None) => Ok(Shown::Code { address: email::normal(&email)?, code }),
                (None, Some(phone)) => Ok(Shown::Code { address: phone::normal(&phone)?, code }),
                _ => Err(Error::Invalid(
                    "Only an email address or phone number should be provided on verify",
                )),
            },
            (Some(_), Some(_)) => {
                Err(Error::Invalid("Verify requires either a token or a token hash"))
            }
            (None, None) => Err(Error::Invalid("Verify requires a token or a token hash")),
        }
    }
}

/// What a token of this type may be for.
pub(super) fn purposes(kind: Option<&str>) -> Result<&'static [Purpose], Error> {
    Ok(match kind.unwrap_or_default() {
        "" => return Err(Error::Invalid("Verify requires a verification type")),
        "email" => &[Purpose::Confirmation, Purpose::Recovery],
        "signup" | "invite" | "sms" => &[Purpose::Confirmation],
        "recovery" | "magiclink" => &[Purpose::Recovery],
        "email_change" => &[Purpose::EmailChangeNew, Purpose::EmailChangeCurrent],
        "phone_change" => &[Purpose::PhoneChange],
        _ => return Err(Error::Invalid("Unsupported verification type")),
    })
}

impl Auth {
    /// The living token of a link; it is the caller's to spend.
    pub(super) async fn token_of_link(
        &self,
        tx: &Transaction,
        secret: &str,
        purposes: &[Purpose],
    ) -> Result<Option<Token>, Error> {
        let found = token::by_secret(tx, &refresh::hash(secret), purposes).await?;
        Ok(found.filter(|token| self.is_fresh(token)))
    }

    /// The living token of a code; wrong guesses are counted.
    pub(super) async fn token_of_code(
        &self,
        tx: &Transaction,
        address: &str,
        code: &str,
        purposes: &[Purpose],
    ) -> Result<Option<Token>, Error> {
        let tokens = token::by_address(tx, address, purposes).await?;
        let is_right = |token: &Token| self.is_fresh(token) && self.is_code_of(token, code);
        let found = tokens.iter().position(is_right);
        if found.is_none() {
            for token in &tokens {
                token::count_guess(tx, token.id).await?;
            }
        }
        Ok(found.and_then(|place| tokens.into_iter().nth(place)))
    }

    /// Does what a token is for, and spends it.
    pub(super) async fn prove(
        &self,
        tx: &Transaction,
        token: &Token,
        device: &Device,
        reader: &Reader,
    ) -> Result<Proven, Error> {
        token::spend(tx, token).await?;
        let user = store::find(tx, token.user_id).await?.ok_or(BAD_LINK)?;
        if user.is_banned {
            return Err(Error::CallerBanned);
        }
        let facts = user.facts()?;
        let is_half = match token.purpose {
            Purpose::Confirmation | Purpose::Recovery => {
                confirm(tx, token, &facts).await?;
                false
            }
            Purpose::EmailChangeNew | Purpose::EmailChangeCurrent => {
                !self.change_email(tx, token, &facts, reader).await?
            }
            Purpose::PhoneChange => {
                self.change_phone(tx, token, &facts, reader).await?;
                false
            }
            // It opens a change of password, not a session.
            Purpose::Reauthentication => return Err(BAD_CODE),
        };
        if is_half {
            return Ok(Proven::Half);
        }
        if let Some(flow_id) = token.flow_id {
            let code = self.issue_code(tx, flow_id).await?.ok_or(BAD_LINK)?;
            return Ok(Proven::Code(code));
        }
        let proof = Proof { method: "otp", password_hash: None };
        let session = self.sign_in(tx, token.user_id, &proof, device).await?;
        Ok(Proven::Session(Box::new(session.ok_or(BAD_LINK)?)))
    }

    /// Says whether the change is done, or waits for the other address.
    async fn change_email(
        &self,
        tx: &Transaction,
        token: &Token,
        facts: &Facts,
        reader: &Reader,
    ) -> Result<bool, Error> {
        let new_email = facts.new_email.as_deref().filter(|email| !email.is_empty());
        let new_email = new_email.ok_or(BAD_LINK)?;
        let needs_both =
            self.settings.letters.auth_mailer_secure_email_change && !facts.email.is_empty();
        if needs_both && address::agree_to_change(tx, token.user_id).await? {
            return Ok(false);
        }
        store::set_email(tx, token.user_id, new_email).await?;
        address::end_email_change(tx, token.user_id).await?;
        let both = [Purpose::EmailChangeNew, Purpose::EmailChangeCurrent];
        token::void(tx, token.user_id, &both).await?;
        let changed = Facts { email: new_email.to_owned(), ..facts.clone() };
        let outgoing = Outgoing {
            letter: Letter::EmailChanged,
            link_type: "email_changed_notification",
            to: &facts.email,
            token: None,
            more: &[("OldEmail", &facts.email)],
        };
        self.post(tx, &changed, reader, &outgoing).await?;
        Ok(true)
    }

    async fn change_phone(
        &self,
        tx: &Transaction,
        token: &Token,
        facts: &Facts,
        reader: &Reader,
    ) -> Result<(), Error> {
        if facts.new_phone.as_deref() != Some(&token.relates_to) {
            return Err(BAD_CODE);
        }
        address::set_phone(tx, token.user_id, &token.relates_to).await?;
        address::confirm_phone(tx, token.user_id).await?;
        let changed = Facts { phone: token.relates_to.clone(), ..facts.clone() };
        let outgoing = Outgoing {
            letter: Letter::PhoneChanged,
            link_type: "phone_changed_notification",
            to: &facts.email,
            token: None,
            more: &[("OldPhone", &facts.phone)],
        };
        self.post(tx, &changed, reader, &outgoing).await
    }
}

/// Confirms what the token was sent to, if the account still has it.
async fn confirm(tx: &Transaction, token: &Token, facts: &Facts) -> Result<(), Error> {
    if token.relates_to == facts.email {
        Ok(store::confirm(tx, token.user_id).await?)
    } else if token.relates_to == facts.phone {
        Ok(address::confirm_phone(tx, token.user_id).await?)
    } else {
        Err(BAD_LINK)
    }
}
