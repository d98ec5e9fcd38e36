//! Functions of the operator that are called in the midst of a request.

use serde_json::Value;

use crate::auth::Error;
use crate::pg::Transaction;

/// Calls a function of one `jsonb` that gives `jsonb` or nothing, in this transaction.
///
/// # Errors
/// What the function raises, and what it gives as `{"error": {"http_code", "message"}}`.
pub(in crate::auth) async fn call(
    tx: &Transaction,
    function: &str,
    payload: &Value,
) -> Result<(), Error> {
    let quoted: Vec<String> =
        function.split('.').map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let sql = format!("select to_jsonb({}($1::jsonb))", quoted.join("."));
    let row = tx.query_opt(&sql, &[payload]).await?;
    let given: Option<Value> =
        row.map_or(Ok(None), |row| row.try_get(0)).map_err(crate::pg::Error::from)?;
    match given.as_ref().and_then(|given| given.get("error")) {
        None | Some(Value::Null) => Ok(()),
        Some(error) => {
            let status = error["http_code"].as_u64().and_then(|code| u16::try_from(code).ok());
            let message = error["message"].as_str().unwrap_or("The hook refused");
            Err(Error::refused_by_hook(status, message))
        }
    }
}
