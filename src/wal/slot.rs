//! The replication slot: made when missing, made anew when Postgres gave it up.
//!
//! A slot is permanent: what is committed while nobody streams waits in it.

use pgwire_replication::ReplicationClient;
use pgwire_replication::client::QueryRow;

use super::error::Error;
use super::lsn::Lsn;

/// Sees to it that all publications exist: Postgres would tell only with the next change.
pub(super) async fn require(
    session: &mut ReplicationClient,
    publications: &[String],
) -> Result<(), Error> {
    let found = session.simple_query("select pubname from pg_catalog.pg_publication").await?;
    for name in publications {
        if !found.iter().any(|row| text(row, 0) == Some(name)) {
            return Err(Error::NoPublication(name.clone()));
        }
    }
    Ok(())
}

/// Sees to it that the slot exists, made `anew` if so asked; everything committed from the given
/// position on will be streamed.
pub(super) async fn ensure(
    session: &mut ReplicationClient,
    slot: &str,
    anew: bool,
) -> Result<Lsn, Error> {
    let found = session
        .simple_query(&format!(
            "select wal_status, confirmed_flush_lsn
               from pg_catalog.pg_replication_slots
              where slot_name = '{slot}'"
        ))
        .await?;
    match found.first().map(|row| (text(row, 0), text(row, 1))) {
        Some((status, _)) if anew || status == Some("lost") => {
            tracing::error!(slot, "the log that the slot needs cannot be read; making it anew");
            session.simple_query(&format!("DROP_REPLICATION_SLOT {slot}")).await?;
        }
        Some((_, from)) => {
            return Ok(from.and_then(|from| from.parse().ok()).unwrap_or_default());
        }
        None => tracing::info!(slot, "making the replication slot"),
    }
    // The replication grammar knows its words in capitals only.
    let made = session
        .simple_query(&format!(
            "CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput (SNAPSHOT 'nothing')"
        ))
        .await?;
    Ok(made.first().and_then(|row| text(row, 1)?.parse().ok()).unwrap_or_default())
}

fn text(row: &QueryRow, column: usize) -> Option<&str> {
    std::str::from_utf8(row.get(column)?.as_ref()?).ok()
}
