//! GET /reauthenticate: a code that proves that it is still the same person.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bearer::Caller;
use super::mail::{Letter, Reader};
use super::one_time::{Facts, Outgoing};
use super::store::token::{self, Purpose};
use super::store::{User, address};
use super::{Auth, Error};
use crate::pg::Transaction;

/// For how long a session is proof enough, in seconds.
const RECENT_SECONDS: f64 = 86_400.0;

pub(super) async fn send(
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Caller { user, .. }: Caller,
) -> Result<Json<Value>, Error> {
    let facts = user.facts()?;
    let to = address_of(&facts).ok_or(Error::Unprocessable(
        "Reauthentication requires the user to have an email or a phone number",
    ))?;
    if to == facts.email && facts.email_confirmed_at.is_none() {
        return Err(Error::Unprocessable("Please verify your email first."));
    }
    if to == facts.phone && facts.phone_confirmed_at.is_none() {
        return Err(Error::Unprocessable("Please verify your phone first."));
    }
    let work = async |tx: &Transaction| {
        auth.take_turn(tx, to, Purpose::Reauthentication).await?;
        let token = auth.issue(tx, user.id, Purpose::Reauthentication, to, None).await?;
        if to == facts.phone {
            return auth.text(tx, &user, to, &token.code).await;
        }
        let outgoing = Outgoing {
            letter: Letter::Reauthentication,
            link_type: "reauthentication",
            to,
            token: Some(&token),
            more: &[],
        };
        auth.post(tx, &facts, &reader, &outgoing).await
    };
    auth.store.transaction(work).await?;
    Ok(Json(json!({})))
}

impl Auth {
    /// Whether somebody may choose a new password now: their session is recent, or they show the
    /// code that was sent. Gives whether; a wrong guess must stay counted.
    pub(super) async fn is_reauthenticated(
        &self,
        tx: &Transaction,
        user: &User,
        session_id: Option<Uuid>,
        nonce: Option<&str>,
    ) -> Result<bool, Error> {
        if !self.settings.letters.auth_password_reauthentication
            || address::session_age(tx, session_id).await? < RECENT_SECONDS
        {
            return Ok(true);
        }
        let nonce = nonce.filter(|nonce| !nonce.is_empty()).ok_or(Error::ReauthenticationNeeded)?;
        let facts = user.facts()?;
        let to = address_of(&facts).unwrap_or_default();
        let found = self.token_of_code(tx, to, nonce, &[Purpose::Reauthentication]).await?;
        let Some(found) = found.filter(|token| token.user_id == user.id) else {
            return Ok(false);
        };
        token::spend(tx, &found).await?;
        Ok(true)
    }
}

fn address_of(facts: &Facts) -> Option<&str> {
    [facts.email.as_str(), facts.phone.as_str()].into_iter().find(|address| !address.is_empty())
}
