//! What Postgres says of a table, a row and a person: `realtime.explain` and what it needs.

use deadpool_postgres::Pool;
use serde_json::Value;

use super::step::Step;
use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg};
use crate::wal::Column;

use super::super::authorize::Table;
use super::super::logs::Log;

/// Longest that all of it may take, in milliseconds.
const TIMEOUT_MS: &str = "4000";

/// A table that is asked about.
pub(super) struct Target {
    pub(super) table: Table,
    /// The log that tells of it, if it is published.
    pub(super) log: Log,
    /// All its columns, as the log would name them.
    pub(super) columns: Vec<Column>,
    /// Whether the log has rows as they were before.
    pub(super) is_identity_full: bool,
}

/// Finds a table by its name.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn target(pg: &Pg, schema: &str, table: &str) -> Result<Option<Target>, Error> {
    let rows = pg
        .run(
            &own(),
            "select c.oid,
                    c.relreplident = 'f' as is_full,
                    a.attname,
                    a.atttypid,
                    c.relreplident = 'f' or exists (
                      select from pg_catalog.pg_index i
                       where i.indrelid = c.oid
                         and a.attnum = any (i.indkey)
                         and case c.relreplident when 'd' then i.indisprimary
                                                 when 'i' then i.indisreplident end) as is_identity
               from pg_catalog.pg_namespace n
               join pg_catalog.pg_class c on c.relnamespace = n.oid
               join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where n.nspname = $1
                and c.relname = $2
                and c.relkind <> 'i'
              order by a.attnum",
            &[Some(schema), Some(table)],
        )
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let columns = rows.iter().map(|row| Column {
        name: row.get("attname"),
        type_oid: row.get("atttypid"),
        is_identity: row.get("is_identity"),
    });
    let found = load(&pg.pool, first.get("oid")).await?;
    let is_identity_full = first.get("is_full");
    let columns = columns.collect();
    Ok(found.map(|(table, log)| Target { table, log, columns, is_identity_full }))
}

/// As the log has it that bindings of the table belong to.
async fn load(pool: &Pool, oid: u32) -> Result<Option<(Table, Log)>, Error> {
    let client = pool.get().await?;
    let main = Table::load(&client, oid, Log::Main).await?;
    if main.as_ref().is_some_and(|table| !table.is_published)
        && let Some(table) = Table::load(&client, oid, Log::Bulk).await?
        && table.is_published
    {
        return Ok(Some((table, Log::Bulk)));
    }
    Ok(main.map(|table| (table, Log::Main)))
}

/// The values of a row of a published table, in the order of its columns.
///
/// # Errors
/// A value of the key is none of its type (SQLSTATE 22...), or the database cannot be asked.
pub(super) async fn row(
    pg: &Pg,
    oid: u32,
    key: &Value,
) -> Result<Option<Vec<Option<String>>>, Error> {
    let (oid, key) = (oid.to_string(), key.to_string());
    let sql = "select realtime.row_values($1::text::oid, $2::text::jsonb)";
    let rows = pg.run(&own(), sql, &[Some(&oid), Some(&key)]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

/// The steps of `realtime.explain`, about a row (as text) if there is one.
///
/// # Errors
/// The database cannot be asked, or it took too long (SQLSTATE 57014).
pub(super) async fn explain(
    pg: &Pg,
    oid: u32,
    whom: &Identity,
    event: &str,
    row: Option<&str>,
) -> Result<Vec<Step>, Error> {
    let oid = oid.to_string();
    let sql = "select step, ok, says
                 from realtime.explain($1::text::oid::regclass, null, $2, $3::text::jsonb, $4, $5)";
    let params = [Some(&*oid), Some(&*whom.role), Some(&*whom.claims), Some(event), row];
    // Functions in policies find what they find for requests.
    let session = own().set("search_path", &pg.search_path);
    let rows = pg.run(&session, sql, &params).await?;
    let step = |row: &tokio_postgres::Row| {
        Step::new(row.get("step"), row.get("ok"), row.get::<_, String>("says"))
    };
    Ok(rows.iter().map(step).collect())
}

/// As the login role, which may become whomever is asked about.
fn own() -> Session<'static> {
    Session::own("none").read_only().set("statement_timeout", TIMEOUT_MS)
}
