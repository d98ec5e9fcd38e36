//! When everything must be read again: what changes who may see what and leaves no trace in the
//! log of this database.
//!
//! Memberships of roles and settings of roles are shared by all databases, and the event trigger
//! that announces everything else may be missing. So whoever is about to decide looks at a
//! fingerprint of all of it, once a second at most, and not at all while nothing is decided.

use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use crate::pg::Error;

/// For how long a fingerprint holds, and how late a revocation that the log does not tell may
/// be noticed.
pub const MAX_AGE: Duration = Duration::from_secs(1);

/// Who has nothing to deliver looks as early as this, so that fewer changes wait for it.
pub const EARLY_AGE: Duration = Duration::from_millis(500);

/// How long to wait before looking again whether a transaction has let go of its locks.
const END_WAIT: Duration = Duration::from_millis(1);

/// Row versions say that something was written without saying what.
const FINGERPRINT: &str = include_str!("signals.sql");

/// What was seen when Postgres was last looked at.
#[derive(Debug, Default)]
pub struct Signals {
    seen: Option<Seen>,
    /// The first transaction that had not begun at the first look.
    first: u64,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    fingerprint: String,
    /// Every transaction before this one had ended.
    ended_before: u64,
    /// Postgres's clock less ours, in microseconds.
    clock_ahead_us: i64,
}

impl Signals {
    /// Looks, if the last look is so old; gives whether anything is not as it was.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn refresh(&mut self, pool: &Pool, age: Duration) -> Result<bool, Error> {
        if self.seen.as_ref().is_some_and(|seen| seen.at.elapsed() < age) {
            return Ok(false);
        }
        let at = Instant::now();
        let client = pool.get().await?;
        let statement = client.prepare_cached(FINGERPRINT).await?;
        let row = client.query_one(&statement, &[]).await?;
        let number =
            |column| Ok::<u64, Error>(row.try_get::<_, String>(column)?.parse().unwrap_or(0));
        let (ended_before, next) = (number(1)?, number(2)?);
        let (fingerprint, clock_us): (String, i64) = (row.try_get(0)?, row.try_get(3)?);
        let changed = self.seen.as_ref().is_some_and(|seen| seen.fingerprint != fingerprint);
        if self.seen.is_none() {
            self.first = next;
        }
        self.seen =
            Some(Seen { at, fingerprint, ended_before, clock_ahead_us: clock_us - unix_us() });
        Ok(changed)
    }

    /// Whether all transactions before `xid`, and all that were running when this server first
    /// looked, are known to have ended: what they wrote before a table was told is not told.
    pub fn all_ended_before(&self, xid: Option<u64>) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.ended_before >= self.first.max(xid.unwrap_or(0)))
    }

    /// Whether a commit is older than [`MAX_AGE`], by Postgres's clock.
    pub fn is_late(&self, committed_at_us: i64) -> bool {
        let ahead = self.seen.as_ref().map_or(0, |seen| seen.clock_ahead_us);
        let age = unix_us().saturating_add(ahead).saturating_sub(committed_at_us);
        u64::try_from(age).is_ok_and(|age| Duration::from_micros(age) > MAX_AGE)
    }
}

/// Waits until a transaction that is committed has told everybody what it changed: it lets go
/// of its locks only after that.
///
/// # Errors
/// The database cannot be asked.
pub async fn wait_for_end(pool: &Pool, xid: u32) -> Result<(), Error> {
    let client = pool.get().await?;
    let statement = client
        .prepare_cached(
            "select exists (select from pg_catalog.pg_locks
                             where locktype = 'transactionid' and transactionid::text = $1)",
        )
        .await?;
    let xid = xid.to_string();
    while client.query_one(&statement, &[&xid]).await?.try_get(0)? {
        tokio::time::sleep(END_WAIT).await;
    }
    Ok(())
}

fn unix_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}
