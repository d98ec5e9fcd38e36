//! Buckets: how much was asked lately.

use super::Store;
use crate::pg::{self, Transaction};

impl Store {
    /// Counts a request; gives 0, or how many seconds to wait. It counts whatever becomes of the
    /// request, so it is a transaction of its own.
    pub(in crate::auth) async fn pass(
        &self,
        endpoint: &str,
        address: Option<&str>,
        account: Option<&str>,
    ) -> Result<u32, pg::Error> {
        let sql = "select auth.pass($1, $2, $3)";
        let rows = self.write(sql, &[Some(endpoint), address, account]).await?;
        let seconds: i32 = rows.first().expect("a call gives one row").try_get(0)?;
        Ok(u32::try_from(seconds).unwrap_or_default())
    }

    /// Counts a failed proof against an account.
    pub(in crate::auth) async fn count_failure(
        &self,
        endpoint: &str,
        account: &str,
    ) -> Result<(), pg::Error> {
        self.write("select auth.count_failure($1, $2)", &[Some(endpoint), Some(account)]).await?;
        Ok(())
    }
}

/// Whether a signed text is used for the first time, of this digest, in the twenty minutes that it
/// can count at most.
pub(in crate::auth) async fn is_first_use(
    tx: &Transaction,
    digest: &str,
) -> Result<bool, pg::Error> {
    let sql = "select auth.take('web3 ' || $1, 1, interval '20 minutes', 1) is null as is_first";
    let row = tx.query_opt(sql, &[&digest]).await?;
    row.expect("a call gives one row").try_get("is_first").map_err(Into::into)
}
