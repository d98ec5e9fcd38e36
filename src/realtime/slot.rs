//! The slot, looked at now and then: Postgres gives one up that holds back more log than
//! `max_slot_wal_keep_size`, and then everybody has missed something.
//!
//! What the window keeps is fitted to that setting. What it cannot help, a reader that is far
//! behind or a transaction that stays open for long, is logged. A slot that nobody will read again
//! is dropped.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::logs::Log;
use crate::pg::{Error, Pg};

/// How often Postgres is asked.
const INTERVAL: Duration = Duration::from_secs(10);

/// What Postgres says of a slot, in bytes; the limit even when there is no such slot.
const LOOK: &str = "
    select keep.bytes,
           slot.wal_status,
           slot.safe_wal_size,
           pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), slot.restart_lsn)::bigint
      from (select nullif(setting::bigint, -1) * 1024 * 1024 as bytes
              from pg_catalog.pg_settings
             where name = 'max_slot_wal_keep_size') keep
      left join pg_catalog.pg_replication_slots slot on slot.slot_name = $1";

/// Drops a slot of ours whose publication is gone, unless somebody reads it.
const DROP: &str = "
    select pg_catalog.pg_drop_replication_slot(slot.slot_name)
      from pg_catalog.pg_replication_slots slot
     where slot.slot_name = $1
       and slot.slot_type = 'logical'
       and slot.database = current_database()
       and not slot.active
       and not exists (select from pg_catalog.pg_publication where pubname = $2)";

/// Looks at the slot.
pub struct SlotWatch {
    pg: Pg,
    slot: String,
    /// How much log the slot may hold back, in bytes.
    limit: watch::Sender<u64>,
    was_in_danger: bool,
}

impl SlotWatch {
    /// A watch on `slot`, and where it says how much log the slot may hold back, in bytes.
    pub fn new(pg: Pg, slot: &str) -> (Self, watch::Receiver<u64>) {
        let (limit, told) = watch::channel(u64::MAX);
        let slot = slot.to_owned();
        (Self { pg, slot, limit, was_in_danger: false }, told)
    }

    /// Looks until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = interval.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the slot cannot be looked at");
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let client = self.pg.pool.get().await?;
        let statement = client.prepare_cached(LOOK).await?;
        let row = client.query_one(&statement, &[&self.slot]).await?;
        let (limit, safe): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(2)?);
        let (status, held): (Option<String>, Option<i64>) = (row.try_get(1)?, row.try_get(3)?);
        self.limit.send_replace(limit.and_then(|bytes| bytes.try_into().ok()).unwrap_or(u64::MAX));
        let is_lost = status.as_deref() == Some("lost");
        let is_close = limit.zip(safe).is_some_and(|(limit, safe)| safe < limit / 4);
        let is_in_danger = is_lost || is_close;
        if is_in_danger && !self.was_in_danger {
            let (slot, status) = (&self.slot, status.unwrap_or_default());
            tracing::warn!(
                slot,
                status,
                held_bytes = held,
                safe_bytes = safe,
                limit_bytes = limit,
                "Postgres is about to give the slot up: subscribers would miss changes; look for \
                 a transaction that is open for long, or raise max_slot_wal_keep_size",
            );
        }
        self.was_in_danger = is_in_danger;
        Ok(())
    }
}

/// Whether the tables of a log are published.
///
/// # Errors
/// The database cannot be asked.
pub async fn is_published(pg: &Pg, log: Log) -> Result<bool, Error> {
    let client = pg.pool.get().await?;
    let sql = "select exists (select from pg_catalog.pg_publication where pubname = $1)";
    Ok(client.query_one(sql, &[&log.publication()]).await?.try_get(0)?)
}

/// Drops the slot of a log that is not published any more, until `shutdown`: a server that still
/// reads it may be on its way out. It would hold back log for nobody.
pub async fn retire(pg: Pg, log: Log, slot: String, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        match drop_slot(&pg, log, &slot).await {
            Ok(false) => {}
            Ok(true) => {
                let publication = log.publication();
                tracing::info!(slot, publication, "dropped a slot whose publication is gone");
            }
            Err(error) => {
                tracing::warn!(%error, slot, "it is not known whether the slot is needed");
            }
        }
    }
}

async fn drop_slot(pg: &Pg, log: Log, slot: &str) -> Result<bool, Error> {
    let client = pg.pool.get().await?;
    let statement = client.prepare_cached(DROP).await?;
    Ok(client.query_opt(&statement, &[&slot, &log.publication()]).await?.is_some())
}
