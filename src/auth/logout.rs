//! POST /logout: ends sessions of the person.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::bearer::{Caller, Represented};
use super::request::Parameters;
use super::store::{self, Ending};
use super::{Auth, Error};
use crate::pg::Transaction;

pub(super) async fn log_out(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    Represented { caller: Caller { user, session_id }, grant }: Represented,
) -> Result<StatusCode, Error> {
    let which = match parameters.get("scope") {
        // An OAuth client ends its own session, whatever it asks for.
        _ if grant.is_some() => Ending::One(session_id),
        None | Some("global") => Ending::All,
        Some("local") => Ending::One(session_id),
        Some("others") => Ending::AllBut(session_id),
        Some(scope) => {
            return Err(Error::InvalidValue(format!("Unsupported logout scope {scope:?}")));
        }
    };
    let work = async |tx: &Transaction| Ok(store::end_sessions(tx, user.id, which).await?);
    auth.store.transaction(work).await?;
    Ok(StatusCode::NO_CONTENT)
}
