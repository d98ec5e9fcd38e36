//! POST /invite and /admin/generate_link: links that the service asks for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bearer::Admin;
use super::mail::{Letter, Reader};
use super::one_time::{OneTime, Outgoing};
use super::request::Fields;
use super::signup::Address;
use super::store::token::Purpose;
use super::store::{self, User, address};
use super::{Auth, Error, email};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct AskedInvite {
    email: Option<String>,
    data: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct AskedLink {
    #[serde(rename = "type")]
    kind: Option<String>,
    email: Option<String>,
    new_email: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
    redirect_to: Option<String>,
}

/// POST /invite.
pub(super) async fn invite(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Fields(asked): Fields<AskedInvite>,
) -> Result<Json<Box<RawValue>>, Error> {
    let email = email::normal(&asked.email.unwrap_or_default())?;
    let work = async |tx: &Transaction| {
        let user = invited(tx, &email, asked.data).await?;
        let token = auth.issue(tx, user.id, Purpose::Confirmation, &email, None).await?;
        let outgoing = Outgoing {
            letter: Letter::Invite,
            link_type: "invite",
            to: &email,
            token: Some(&token),
            more: &[],
        };
        auth.post(tx, &user.facts()?, &reader, &outgoing).await?;
        let user = store::find(tx, user.id).await?.ok_or(Error::UserNotFound)?;
        super::session::check_size(&user.document)?;
        Ok(Json(user.document))
    };
    auth.store.transaction(work).await
}

/// POST /admin/generate_link: the link itself, which is not sent.
pub(super) async fn generate_link(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Fields(asked): Fields<AskedLink>,
) -> Result<Json<Value>, Error> {
    let email = email::normal(&asked.email.unwrap_or_default())?;
    let redirect_to = match asked.redirect_to.as_deref() {
        Some(url) => auth.redirects.choose([url].into_iter()),
        None => reader.redirect_to.clone(),
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let new_email = given(asked.new_email).as_deref().map(email::normal).transpose()?;
    let hash = match given(asked.password) {
        Some(password) => {
            auth.check_password(&password).await?;
            Some(auth.passwords.hash(password).await?)
        }
        None => None,
    };
    let kind = asked.kind.unwrap_or_default();
    let data = asked.data;
    let work = async |tx: &Transaction| {
        let found = address::by_email(tx, &email).await?;
        let (user, kind, token) = match kind.as_str() {
            "magiclink" if found.is_none() => {
                let user = signed_up(tx, &email, found, hash.as_deref(), data).await?;
                confirmation(&auth, tx, user, &email, "signup").await?
            }
            "magiclink" | "recovery" => {
                let user = found.ok_or(Error::UserNotFound)?;
                let token = auth.issue(tx, user.id, Purpose::Recovery, &email, None).await?;
                (user, kind.as_str(), token)
            }
            "invite" => {
                let user = invited(tx, &email, data).await?;
                confirmation(&auth, tx, user, &email, "invite").await?
            }
            "signup" => {
                if found.is_none() && hash.is_none() {
                    return Err(Error::Invalid("Signup requires a valid password"));
                }
                let user = signed_up(tx, &email, found, hash.as_deref(), data).await?;
                confirmation(&auth, tx, user, &email, "signup").await?
            }
            "email_change_current" | "email_change_new" => {
                let user = found.ok_or(Error::UserNotFound)?;
                let new_email =
                    new_email.as_deref().ok_or(Error::Invalid("An email address is required"))?;
                if address::by_email(tx, new_email).await?.is_some() {
                    return Err(Error::EmailExists);
                }
                if user.facts()?.new_email.as_deref() != Some(new_email) {
                    address::want_email(tx, user.id, new_email).await?;
                }
                let (purpose, to) = match kind.as_str() {
                    "email_change_new" => (Purpose::EmailChangeNew, new_email),
                    _ => (Purpose::EmailChangeCurrent, email.as_str()),
                };
                let token = auth.issue(tx, user.id, purpose, to, None).await?;
                (user, kind.as_str(), token)
            }
            _ => {
                return Err(Error::InvalidValue(format!(
                    "Invalid email action link type requested: {kind}"
                )));
            }
        };
        let user = store::find(tx, user.id).await?.ok_or(Error::UserNotFound)?;
        super::session::check_size(&user.document)?;
        let link_type = if kind.starts_with("email_change") { "email_change" } else { kind };
        let mut told: Map<String, Value> = serde_json::from_str(user.document.get())
            .map_err(|error| Error::Broken(Box::new(error)))?;
        let link = auth.link(&token.secret, link_type, &redirect_to);
        told.insert("action_link".into(), json!(link));
        told.insert("email_otp".into(), json!(token.code));
        told.insert("hashed_token".into(), json!(token.secret));
        told.insert("verification_type".into(), json!(kind));
        told.insert("redirect_to".into(), json!(redirect_to));
        Ok(Json(Value::Object(told)))
    };
    auth.store.transaction(work).await
}

async fn confirmation(
    auth: &Auth,
    tx: &Transaction,
    user: User,
    email: &str,
    kind: &'static str,
) -> Result<(User, &'static str, OneTime), Error> {
    let token = auth.issue(tx, user.id, Purpose::Confirmation, email, None).await?;
    Ok((user, kind, token))
}

/// The account to invite: a new one, or one that is not confirmed yet.
async fn invited(
    tx: &Transaction,
    email: &str,
    data: Option<Map<String, Value>>,
) -> Result<User, Error> {
    let found = address::by_email(tx, email).await?;
    let user = signed_up(tx, email, found, None, data).await?;
    address::invite(tx, user.id).await?;
    Ok(user)
}

/// A new account, or the one that is not confirmed yet with what is newly said of it.
async fn signed_up(
    tx: &Transaction,
    email: &str,
    found: Option<User>,
    password_hash: Option<&str>,
    data: Option<Map<String, Value>>,
) -> Result<User, Error> {
    match found {
        Some(user) if user.is_confirmed => Err(Error::EmailExists),
        Some(user) => {
            if let Some(data) = data {
                store::merge_user_metadata(tx, user.id, data).await?;
            }
            Ok(user)
        }
        None => {
            let address = Address::Email(email.to_owned());
            let (id, data) = (Uuid::new_v4(), data.unwrap_or_default());
            // Who runs the service is not bound by the rules of sign-up.
            store::create(tx, &address.account(id, password_hash, data, false)).await?;
            store::find(tx, id).await?.ok_or(Error::UserNotFound)
        }
    }
}
