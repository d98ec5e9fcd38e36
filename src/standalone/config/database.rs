//! Settings that the database says: for the login role (`alter role .. set pgrst.db_schemas`),
//! or by a function that calls `set_config`.

use std::collections::BTreeMap;

use super::keys::KEYS;
use crate::pg::{self, Target, pool};

/// What the database says, by the database's names. A new connection is made, since a login
/// fixes what is set for its role; nothing but the role's own rights is used.
///
/// # Errors
/// The database cannot be reached, or the function fails.
pub async fn settings(
    target: &Target,
    pre_config: Option<&str>,
) -> Result<BTreeMap<String, String>, pg::Error> {
    let names: Vec<String> =
        KEYS.iter().filter(|key| key.is_in_database).map(super::keys::Key::database_name).collect();
    let mut client = pool::connect(target).await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    if let Some(function) = pre_config {
        let parts: Vec<String> = function.split('.').map(quoted).collect();
        transaction.batch_execute(&format!("select {}()", parts.join("."))).await?;
    }
    let rows = transaction
        .query(
            "select name, current_setting(name, true) from unnest($1::text[]) name
             where coalesce(current_setting(name, true), '') <> ''",
            &[&names],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// A name as SQL; one that is quoted already stays as it is.
fn quoted(name: &str) -> String {
    let bare = name.trim().trim_matches('"');
    format!("\"{}\"", bare.replace('"', "\"\""))
}
