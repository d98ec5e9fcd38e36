//! Sessions as the person sees them: the devices they are signed in with.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::raw;
use crate::pg::{self, Transaction};

/// The sessions of a person, the one used last first; `present` is the one they ask from.
pub(in crate::auth) async fn sessions_of(
    tx: &Transaction,
    person: Uuid,
    present: Option<Uuid>,
) -> Result<Box<RawValue>, pg::Error> {
    let sql = "select coalesce(json_agg(s order by s.last_used_at desc, s.id), '[]')::text
                 from auth.sessions_of($1, $2) s";
    let rows = tx.query(sql, &[&person, &present]).await?;
    let row = rows.first().expect("an aggregate gives one row");
    Ok(raw(row.try_get(0)?))
}

/// Ends one session of a person; says whether there was one.
pub(in crate::auth) async fn end_session(
    tx: &Transaction,
    person: Uuid,
    session: Uuid,
) -> Result<bool, pg::Error> {
    let rows = tx.query("select auth.end_session($1, $2)", &[&person, &session]).await?;
    Ok(rows.first().expect("a call gives one row").try_get(0)?)
}
