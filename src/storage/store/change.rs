//! Objects that are there already: moved, copied, deleted.

use serde_json::Value;

use super::super::caller::Caller;
use super::super::{Error, Storage};
use super::{document, only};
use crate::pg::Leg;

/// A row as the wire has it.
const SHOWN: &str = "json_build_object(
    'name', o.name, 'bucket_id', o.bucket_id, 'owner', coalesce(o.owner::text, ''),
    'owner_id', coalesce(o.owner_id, ''), 'version', o.version, 'id', o.id,
    'updated_at', storage.iso(o.updated_at), 'created_at', storage.iso(o.created_at),
    'last_accessed_at', storage.iso(o.last_accessed_at), 'metadata', o.metadata,
    'user_metadata', o.user_metadata)";

/// Where something is.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Spot<'a> {
    pub bucket: &'a str,
    pub name: &'a str,
}

/// Moves an object as the caller; gives its id, or nothing where they see none.
pub(in super::super) async fn relocate(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (from, to): (Spot<'_>, Spot<'_>),
) -> Result<Option<String>, Error> {
    let (service, person) = (caller.service(operation), caller.session(operation));
    let there = [Some(to.bucket), Some(to.name)];
    let both = [Some(from.bucket), Some(from.name), Some(to.bucket), Some(to.name)];
    let clear = "select storage.clear_gone($1::text, $2::text)::text";
    let relocate = "update storage.objects o
            set bucket_id = $3::text, name = $4::text
          where o.bucket_id = $1::text and o.name = $2::text and o.archived_at is null
            and not o.is_delete_marker and (o.expires_at is null or o.expires_at > now())
         returning o.id::text";
    let legs = [
        Leg { session: &service, sql: clear, params: &there },
        Leg { session: &person, sql: relocate, params: &both },
    ];
    let answers = storage.pg.relay(&legs).await.map_err(taken)?;
    let row = answers.into_iter().next_back().and_then(only);
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Moves all that is in a folder as the caller; gives how many objects that were.
pub(in super::super) async fn relocate_folder(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (from, to): (Spot<'_>, Spot<'_>),
) -> Result<i64, Error> {
    let rows = storage
        .pg
        .run(
            &caller.session(operation),
            "with moved as (
               update storage.objects o
                  set bucket_id = $3::text, name = $4::text || substr(o.name, length($2::text) + 1)
                where o.bucket_id = $1::text and o.archived_at is null and not o.is_delete_marker
                  and (o.expires_at is null or o.expires_at > now())
                  and o.name collate \"C\" >= $2::text || '/' and o.name collate \"C\" < $2::text || '0'
               returning 1)
             select count(*) from moved",
            &[Some(from.bucket), Some(from.name), Some(to.bucket), Some(to.name)],
        )
        .await
        .map_err(taken)?;
    Ok(only(rows).map_or(Ok(0), |row| row.try_get(0))?)
}

/// A name that is taken is a resource here, rather than a key.
fn taken(error: crate::pg::Error) -> Error {
    match Error::from(error) {
        Error::KeyExists => Error::ResourceExists,
        error => error,
    }
}

/// A row by its id, as the wire has it.
pub(in super::super) async fn shown(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    id: &str,
) -> Result<Value, Error> {
    let sql =
        format!("select {SHOWN}::text as document from storage.objects o where o.id = $1::uuid");
    let session = caller.own(operation).read_only();
    let row = only(storage.pg.run(&session, &sql, &[Some(id)]).await?);
    document(&row.ok_or(Error::NoSuchKey)?, "document")
}

/// What is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Doomed {
    pub name: String,
    /// One version for good, rather than what is current.
    pub version: Option<String>,
}

/// Deletes objects as the caller; gives the rows of those they could delete.
pub(in super::super) async fn delete(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &str,
    doomed: &[Doomed],
) -> Result<Vec<Value>, Error> {
    let names = serde_json::to_string(&doomed.iter().map(|it| &it.name).collect::<Vec<_>>())?;
    let versions = serde_json::to_string(&doomed.iter().map(|it| &it.version).collect::<Vec<_>>())?;
    let keeps = "select 1 from storage.buckets b where b.id = $1::text and b.versioning_status <> 'DISABLED'";
    let own = caller.own(operation);
    let is_plain = doomed.iter().all(|it| it.version.is_none())
        && storage.pg.run(&own, keeps, &[Some(bucket)]).await?.is_empty();
    if is_plain {
        let sql = format!(
            "with gone as (
               delete from storage.objects o
                where o.bucket_id = $1::text and o.archived_at is null and not o.is_delete_marker
                  and (o.expires_at is null or o.expires_at > now())
                  and o.name = any (array(select jsonb_array_elements_text($2::jsonb)))
               returning o.*)
             select coalesce(json_agg({SHOWN}), '[]')::text as documents from gone o"
        );
        let rows =
            storage.pg.run(&caller.session(operation), &sql, &[Some(bucket), Some(&names)]).await?;
        return documents(only(rows).as_ref());
    }
    let tx = storage.pg.begin(&caller.session(operation)).await?;
    let may = tx
        .query_text(
            "select may::text as id
               from storage.try_delete($1::text, array(select jsonb_array_elements_text($2::jsonb)),
                                       array(select jsonb_array_elements_text($3::jsonb))) may",
            &[Some(bucket), Some(&names), Some(&versions)],
        )
        .await?;
    let ids = may.iter().map(|row| row.try_get("id")).collect::<Result<Vec<String>, _>>()?;
    let ids = serde_json::to_string(&ids)?;
    tx.become_person(&caller.service(operation)).await?;
    let sql = format!(
        "select coalesce(json_agg({SHOWN}), '[]')::text as documents
           from storage.objects o
          where o.id = any (array(select jsonb_array_elements_text($1::jsonb))::uuid[])"
    );
    let shown = documents(tx.query_text(&sql, &[Some(&ids)]).await?.first())?;
    tx.query_text(
        "select case when asked.version is null
                     then storage.delete_current(o.id)::text
                     else storage.delete_version(o.id)::text end
           from storage.objects o
           join (select jsonb_array_elements_text($3::jsonb) as name, jsonb_array_elements_text($4::jsonb) as version) asked
             on o.name = asked.name
            and case when asked.version is null then o.archived_at is null else o.version = asked.version end
          where o.bucket_id = $1::text and o.id = any (array(select jsonb_array_elements_text($2::jsonb))::uuid[])",
        &[Some(bucket), Some(&ids), Some(&names), Some(&versions)],
    )
    .await?;
    tx.commit().await?;
    Ok(shown)
}

/// Names of what is in folders, or is of that name itself, as far as the caller sees it.
pub(in super::super) async fn within(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &str,
    folders: &[String],
    up_to: usize,
) -> Result<Vec<Doomed>, Error> {
    let (folders, up_to) = (serde_json::to_string(folders)?, up_to.to_string());
    let rows = storage
        .pg
        .run(
            &caller.session(operation).read_only(),
            "select distinct o.name
               from jsonb_array_elements_text($2::jsonb) folder
               join storage.objects o
                 on o.bucket_id = $1::text and o.archived_at is null and not o.is_delete_marker
                and (o.expires_at is null or o.expires_at > now())
                and (o.name = folder
                     or o.name collate \"C\" >= folder || '/' and o.name collate \"C\" < folder || '0')
              limit $3::bigint",
            &[Some(bucket), Some(&folders), Some(&up_to)],
        )
        .await?;
    let names = rows.iter().map(|row| Ok(Doomed { name: row.try_get("name")?, version: None }));
    names.collect()
}

fn documents(row: Option<&tokio_postgres::Row>) -> Result<Vec<Value>, Error> {
    match row.map(|row| document(row, "documents")).transpose()? {
        Some(Value::Array(documents)) => Ok(documents),
        _ => Ok(Vec::new()),
    }
}

/// Commands that no policy lets the caller's role do on a table of the schema at all.
pub(in super::super) async fn missing_policies(
    storage: &Storage,
    caller: &Caller,
    table: &'static str,
    needed: &[&str],
) -> Result<Vec<String>, Error> {
    let needed = format!("{{{}}}", needed.join(","));
    let rows = storage
        .pg
        .run(
            &caller.own("storage.explain").read_only(),
            "select storage.missing_policies($1::regclass, $2::text, $3::text[]) as missing",
            &[Some(table), Some(&caller.identity.role), Some(&needed)],
        )
        .await?;
    Ok(only(rows).map_or(Ok(Vec::new()), |row| row.try_get("missing"))?)
}
