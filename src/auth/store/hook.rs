//! Functions that operators write, and the rules for accounts that come and go.

use serde_json::Value;
use uuid::Uuid;

use crate::pg::{self, Transaction};

/// What a function that takes and gives jsonb answers within `limit`.
pub(in crate::auth) async fn call(
    tx: &Transaction,
    function: &str,
    payload: &Value,
    limit: &str,
) -> Result<Option<Value>, pg::Error> {
    let set =
        "select current_setting('statement_timeout'), set_config('statement_timeout', $1, true)";
    let rows = tx.query(set, &[&limit]).await?;
    let former: String = rows.first().expect("a select gives one row").try_get(0)?;
    let answer =
        tx.query_opt(&format!("select to_jsonb({function}($1::jsonb))"), &[payload]).await?;
    tx.query("select set_config('statement_timeout', $1, true)", &[&former]).await?;
    Ok(answer.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Deletes the account, if its session was proven lately and far enough.
///
/// # Errors
/// It was not.
pub(in crate::auth) async fn leave(
    tx: &Transaction,
    person: Uuid,
    session: Option<Uuid>,
) -> Result<(), pg::Error> {
    tx.query("select auth.leave($1, $2)", &[&person, &session]).await?;
    Ok(())
}

/// Whether the rules let this address have an account.
///
/// # Errors
/// The rule that refuses.
pub(in crate::auth) async fn check_sign_up(tx: &Transaction, email: &str) -> Result<(), pg::Error> {
    tx.query("select auth.check_sign_up($1)", &[&email]).await?;
    Ok(())
}
