//! /admin/users: accounts in the hands of whoever runs the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::IntoResponse;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bearer::Admin;
use super::page::Page;
use super::request::{Fields, Parameters};
use super::session::check_size;
use super::signup::{AUTHENTICATED, app_metadata, user_metadata};
use super::store::{self, Ending, NewUser, address};
use super::{Auth, Error, duration, email, password, phone};
use crate::pg::Transaction;

/// An account to make or to change; what is not given stays as it is.
#[derive(Deserialize)]
pub(super) struct Asked {
    id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    password_hash: Option<String>,
    email_confirm: Option<bool>,
    phone_confirm: Option<bool>,
    user_metadata: Option<Map<String, Value>>,
    app_metadata: Option<Map<String, Value>>,
    role: Option<String>,
    aud: Option<String>,
    ban_duration: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct AskedDelete {
    should_soft_delete: Option<bool>,
}

#[derive(Serialize)]
struct Listed {
    users: Box<RawValue>,
    aud: &'static str,
}

/// The account a path names.
pub(super) struct UserId(pub Uuid);

impl FromRequestParts<Arc<Auth>> for UserId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, auth).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Error::IdNotUuid)
    }
}

/// What becomes of a ban.
enum Ban {
    Lift,
    Seconds(f64),
}

pub(super) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    let page = Page::read(&parameters)?;
    let found = auth.store.list(page).await?;
    let headers = page.headers("/admin/users", &[], found.total);
    Ok((headers, Json(Listed { users: found.documents, aud: AUTHENTICATED })))
}

pub(super) async fn read(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    UserId(id): UserId,
) -> Result<Json<Box<RawValue>>, Error> {
    let user = auth.store.find(id).await?.ok_or(Error::UserNotFound)?;
    Ok(Json(user.document))
}

pub(super) async fn create(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    let id = asked.id()?.unwrap_or_else(Uuid::new_v4);
    let (email, phone) = (asked.email()?, asked.phone()?);
    if email.is_none() && phone.is_none() {
        return Err(Error::Invalid("Cannot create a user without either an email or phone"));
    }
    let (email, phone) = (email.as_deref(), phone.as_deref());
    let ban = asked.ban()?;
    if let Some(password) = &asked.password {
        password::check_length(password)?;
    }
    let hash = asked.hash(&auth).await?;
    let confirms_email = email.is_some() && asked.email_confirm == Some(true);
    let confirms_phone = phone.is_some() && asked.phone_confirm == Some(true);
    let data = asked.user_metadata.unwrap_or_default();

    let new = NewUser {
        id,
        email,
        phone,
        password_hash: hash.as_deref(),
        aud: given(asked.aud.as_deref()).unwrap_or(AUTHENTICATED),
        role: given(asked.role.as_deref()).unwrap_or(AUTHENTICATED),
        app_metadata: app_metadata(asked.app_metadata.unwrap_or_default(), email, phone),
        user_metadata: user_metadata(data, id, email, phone, false),
        identity: None,
    };
    let work = async |tx: &Transaction| {
        store::create(tx, &new).await?;
        if confirms_email {
            store::confirm(tx, id).await?;
        }
        if confirms_phone {
            address::confirm_phone(tx, id).await?;
        }
        set_ban(tx, id, ban).await?;
        document(tx, id).await
    };
    auth.store.transaction(work).await.map(Json)
}

pub(super) async fn change(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    UserId(id): UserId,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    let (email, phone) = (asked.email()?, asked.phone()?);
    let ban = asked.ban()?;
    if let Some(password) = &asked.password {
        auth.check_password(password).await?;
    }
    let hash = asked.hash(&auth).await?;

    let work = async |tx: &Transaction| {
        if store::find(tx, id).await?.is_none() {
            return Err(Error::UserNotFound);
        }
        if let Some(email) = email {
            store::set_email(tx, id, &email).await?;
        }
        if asked.email_confirm == Some(true) {
            store::confirm(tx, id).await?;
        }
        if let Some(phone) = phone {
            address::set_phone(tx, id, &phone).await?;
            address::confirm_phone(tx, id).await?;
        }
        if asked.phone_confirm == Some(true) {
            address::confirm_phone(tx, id).await?;
        }
        if let Some(hash) = hash {
            store::set_password(tx, id, &hash, Ending::All).await?;
        }
        if let Some(data) = asked.user_metadata {
            store::merge_user_metadata(tx, id, data).await?;
        }
        if let Some(data) = asked.app_metadata {
            store::merge_app_metadata(tx, id, data).await?;
        }
        let (role, aud) = (given(asked.role.as_deref()), given(asked.aud.as_deref()));
        if role.is_some() || aud.is_some() {
            store::set_role(tx, id, role, aud).await?;
        }
        set_ban(tx, id, ban).await?;
        document(tx, id).await
    };
    auth.store.transaction(work).await.map(Json)
}

pub(super) async fn delete(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    UserId(id): UserId,
    Fields(asked): Fields<AskedDelete>,
) -> Result<Json<Value>, Error> {
    let work = async |tx: &Transaction| {
        let was_there = if asked.should_soft_delete == Some(true) {
            store::mark_deleted(tx, id).await?
        } else {
            store::delete(tx, id).await?
        };
        if was_there { Ok(Json(json!({}))) } else { Err(Error::UserNotFound) }
    };
    auth.store.transaction(work).await
}

impl Asked {
    fn phone(&self) -> Result<Option<String>, Error> {
        given(self.phone.as_deref()).map(phone::normal).transpose()
    }

    fn id(&self) -> Result<Option<Uuid>, Error> {
        let id = given(self.id.as_deref()).map(Uuid::try_parse).transpose();
        id.map_err(|_| Error::Invalid("ID must conform to the uuid v4 format"))
    }

    fn email(&self) -> Result<Option<String>, Error> {
        given(self.email.as_deref()).map(email::normal).transpose()
    }

    fn ban(&self) -> Result<Option<Ban>, Error> {
        match given(self.ban_duration.as_deref()) {
            None => Ok(None),
            Some("none") => Ok(Some(Ban::Lift)),
            Some(text) => match duration::seconds(text) {
                Some(seconds) => Ok(Some(Ban::Seconds(seconds))),
                None => Err(Error::InvalidValue(format!(
                    "invalid format for ban duration: {text:?} (write it like 24h or 1h30m)"
                ))),
            },
        }
    }

    /// The hash to keep, when a password or a hash is given. Without one nobody signs in.
    async fn hash(&self, auth: &Auth) -> Result<Option<String>, Error> {
        let password = given(self.password.as_deref());
        match (password, given(self.password_hash.as_deref())) {
            (None, None) => Ok(None),
            (Some(password), None) => auth.passwords.hash(password.to_owned()).await.map(Some),
            (None, Some(hash)) if password::is_hash(hash) => Ok(Some(hash.to_owned())),
            (None, Some(_)) => Err(Error::Invalid(
                "Password hash must be bcrypt, argon2i or argon2id of bearable cost",
            )),
            (Some(_), Some(_)) => {
                Err(Error::Invalid("Only a password or a password hash should be provided"))
            }
        }
    }
}

async fn set_ban(tx: &Transaction, id: Uuid, ban: Option<Ban>) -> Result<(), Error> {
    match ban {
        None => Ok(()),
        Some(Ban::Lift) => Ok(store::ban(tx, id, None).await?),
        Some(Ban::Seconds(seconds)) => Ok(store::ban(tx, id, Some(seconds)).await?),
    }
}

/// What became of the account.
async fn document(tx: &Transaction, id: Uuid) -> Result<Box<RawValue>, Error> {
    let user = store::find(tx, id).await?.ok_or(Error::UserNotFound)?;
    check_size(&user.document)?;
    Ok(user.document)
}

/// Clients send empty text for what they leave out.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
