//! Recovery codes: hashes of those that are left.

use uuid::Uuid;

use crate::pg::{self, Transaction};

/// How many codes there were, and how many are left.
pub(in crate::auth) struct Codes {
    pub total: i64,
    pub remaining: i64,
}

/// Puts these codes in the place of all former ones.
pub(in crate::auth) async fn replace_codes(
    tx: &Transaction,
    factor_id: Uuid,
    hashes: &[String],
) -> Result<(), pg::Error> {
    tx.query("delete from auth.mfa_recovery_codes where factor_id = $1", &[&factor_id]).await?;
    tx.query(
        "insert into auth.mfa_recovery_codes (factor_id, code_hash)
         select $1, hash from unnest($2::text[]) hash",
        &[&factor_id, &hashes],
    )
    .await?;
    tx.query(
        "update auth.mfa_factors
            set failures = 0, locked_until = null, updated_at = now()
          where id = $1",
        &[&factor_id],
    )
    .await?;
    Ok(())
}

/// Counts the codes of a set.
pub(in crate::auth) async fn count_codes(
    tx: &Transaction,
    factor_id: Uuid,
) -> Result<Codes, pg::Error> {
    let row = tx
        .query_opt(
            "select count(*) as total, count(*) filter (where used_at is null) as remaining
               from auth.mfa_recovery_codes
              where factor_id = $1",
            &[&factor_id],
        )
        .await?;
    let row = row.expect("an aggregate gives one row");
    Ok(Codes { total: row.try_get("total")?, remaining: row.try_get("remaining")? })
}

/// Uses a code up. Says no when there is none of this hash that is left.
pub(in crate::auth) async fn use_code(
    tx: &Transaction,
    factor_id: Uuid,
    hash: &str,
) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.mfa_recovery_codes
                set used_at = now()
              where factor_id = $1 and code_hash = $2 and used_at is null
             returning id",
            &[&factor_id, &hash],
        )
        .await?;
    Ok(row.is_some())
}
