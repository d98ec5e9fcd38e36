//! The ledger of bytes, and what is due to go.

use uuid::Uuid;

use super::super::Error;
use super::only;
use crate::pg::{Leg, Pg, Session, names};

/// A session of nobody in particular.
fn own() -> Session<'static> {
    Session::own(names::STORAGE_ROLE).set("storage.allow_delete_query", "true")
}

/// Lets go of objects, versions and uploads in parts whose time is over, and of bytes that were never finished in
/// theirs; gives how many.
pub(in super::super) async fn expire(pg: &Pg, up_to: u32) -> Result<i32, Error> {
    let up_to = up_to.to_string();
    let expire =
        "select storage.expire_objects($1::integer) + storage.expire_versions($1::integer)";
    let left_behind = "select storage.expire_uploads() + storage.doom_left_behind()";
    let (own, service) = (own(), Session::own(names::SERVICE_ROLE));
    let legs = [
        Leg { session: &service, sql: expire, params: &[Some(&up_to)] },
        Leg { session: &own, sql: left_behind, params: &[] },
    ];
    let mut gone = 0_i32;
    for rows in pg.relay(&legs).await? {
        let count: i32 = only(rows).map_or(Ok(0), |row| row.try_get(0))?;
        gone = gone.saturating_add(count);
    }
    Ok(gone)
}

/// Gives up bytes that nobody is going to have; the sweep removes them.
pub(in super::super) async fn give_up(pg: &Pg, version: Uuid) -> Result<(), Error> {
    let sql = "select storage.give_up_blob($1::uuid)::text";
    pg.run(&own(), sql, &[Some(&version.to_string())]).await?;
    Ok(())
}

/// Bytes to be removed, for some seconds already, so that whoever was just told of them can still
/// open them.
pub(in super::super) async fn doomed(
    pg: &Pg,
    up_to: u32,
    grace_seconds: u64,
) -> Result<Vec<Uuid>, Error> {
    let (up_to, grace) = (up_to.to_string(), format!("{grace_seconds} seconds"));
    let sql = "select b.version
                 from storage.blobs b
                where b.state = 'doomed' and b.since <= clock_timestamp() - $2::interval
                order by b.since
                limit $1::bigint";
    let rows = pg.run(&own(), sql, &[Some(&up_to), Some(&grace)]).await?;
    Ok(rows.iter().map(|row| row.try_get("version")).collect::<Result<_, _>>()?)
}

/// Forgets bytes that are removed.
pub(in super::super) async fn forget(pg: &Pg, versions: &[Uuid]) -> Result<(), Error> {
    let versions = serde_json::to_string(versions)?;
    let sql = "delete from storage.blobs b
                where b.state = 'doomed'
                  and b.version = any (array(select jsonb_array_elements_text($1::jsonb))::uuid[])";
    pg.run(&own(), sql, &[Some(&versions)]).await?;
    Ok(())
}

/// Those of these bytes that the ledger does not know. A database that knows none at all is more
/// likely the wrong one, and says nothing.
pub(in super::super) async fn unknown(pg: &Pg, versions: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let versions = serde_json::to_string(versions)?;
    let sql = "select found::uuid as version
                 from jsonb_array_elements_text($1::jsonb) found
                where exists (select from storage.blobs)
                  and not exists (select from storage.blobs b where b.version = found::uuid)";
    let rows = pg.run(&own().read_only(), sql, &[Some(&versions)]).await?;
    Ok(rows.iter().map(|row| row.try_get("version")).collect::<Result<_, _>>()?)
}
