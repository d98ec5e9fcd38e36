//! POST /recover: a link for whoever has forgotten their password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::even::evenly;
use super::mail::{Letter, Reader};
use super::one_time::Outgoing;
use super::pkce::Challenge;
use super::request::Fields;
use super::store::address;
use super::store::token::Purpose;
use super::{Auth, Error, email};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// The answer is the same whether there is such an account or not, and takes as long.
pub(super) async fn recover(
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Value>, Error> {
    let email = asked.email.unwrap_or_default();
    if email.is_empty() {
        return Err(Error::Invalid("Password recovery requires an email"));
    }
    let email = email::normal(&email)?;
    let method = asked.code_challenge_method.as_deref();
    let challenge = Challenge::read(asked.code_challenge.as_deref(), method)?;
    let work = async |tx: &Transaction| {
        auth.take_turn(tx, &email, Purpose::Recovery).await?;
        let Some(user) = address::by_email(tx, &email).await? else { return Ok(()) };
        let flow = auth.begin_flow(tx, user.id, challenge.as_ref(), "recovery").await?;
        let token = auth.issue(tx, user.id, Purpose::Recovery, &email, flow).await?;
        let outgoing = Outgoing {
            letter: Letter::Recovery,
            link_type: "recovery",
            to: &email,
            token: Some(&token),
            more: &[],
        };
        auth.post(tx, &user.facts()?, &reader, &outgoing).await
    };
    evenly(auth.store.transaction(work)).await?;
    Ok(Json(json!({})))
}
