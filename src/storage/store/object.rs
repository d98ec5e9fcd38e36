//! Objects: how one is found, how a write is tried, and how it is kept.

use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::super::caller::Caller;
use super::super::{Error, Storage};
use super::only;
use crate::pg::{Leg, Session};

/// An object as downloads need it.
#[derive(Debug, Clone)]
pub(in super::super) struct Object {
    pub id: String,
    pub bucket_id: String,
    pub name: String,
    /// Its bytes; none for a row that never had any.
    pub version: Option<Uuid>,
    pub metadata: Value,
    pub user_metadata: Value,
    /// As the API writes moments.
    pub created_at: String,
    pub updated_at: String,
    pub archived_at: Option<String>,
    pub is_versioned: bool,
    pub sha256: Option<String>,
    pub sniffed_type: Option<String>,
}

impl Object {
    /// A text in what the server noted about it.
    pub(in super::super) fn noted(&self, name: &str) -> Option<&str> {
        self.metadata.get(name)?.as_str()
    }
}

/// As whom an object is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Sight {
    /// As the person, through policies.
    Person,
    /// Past all policies: of a public bucket, or because something signed says so.
    All,
}

/// What [`look`] found out.
pub(in super::super) struct Look {
    /// None: there is no such bucket.
    pub is_public: Option<bool>,
    pub object: Option<Object>,
}

/// What columns of an object are read.
const COLUMNS: &str = "o.id::text, o.bucket_id, o.name, o.version, coalesce(o.metadata, '{}')::text as metadata,
    coalesce(o.user_metadata, '{}')::text as user_metadata, storage.iso(o.created_at) as created_at,
    storage.iso(o.updated_at) as updated_at, storage.iso(o.archived_at) as archived_at, o.is_versioned, o.sha256,
    o.sniffed_type";

/// Looks for an object, or for one version of it, in a bucket.
pub(in super::super) async fn look(
    storage: &Storage,
    caller: &Caller,
    sight: Sight,
    operation: &'static str,
    (bucket, name, version): (&str, &str, Option<&str>),
) -> Result<Look, Error> {
    let sql = format!(
        "select storage.is_public($1::text) as is_public, {COLUMNS}
           from (select) here
           left join storage.objects o
             on o.bucket_id = $1::text and o.name = $2::text and not o.is_delete_marker
            and (o.expires_at is null or o.expires_at > now())
            and case when $3::text is null then o.archived_at is null else o.version = $3::text end"
    );
    let session = match sight {
        Sight::Person => caller.session(operation),
        Sight::All => caller.own(operation),
    };
    let params = [Some(bucket), Some(name), version];
    let rows = storage.pg.run(&session.read_only(), &sql, &params).await?;
    let row = only(rows).ok_or(Error::NoSuchBucket)?;
    let id: Option<String> = row.try_get("id")?;
    let object = id.map(|_| object(&row)).transpose()?;
    Ok(Look { is_public: row.try_get("is_public")?, object })
}

/// Looks for several objects as the caller.
pub(in super::super) async fn look_many(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    bucket: &str,
    names: &[String],
) -> Result<Vec<Object>, Error> {
    let sql = format!(
        "select {COLUMNS}
           from storage.objects o
          where o.bucket_id = $1::text and o.archived_at is null and not o.is_delete_marker
            and (o.expires_at is null or o.expires_at > now())
            and o.name = any (array(select jsonb_array_elements_text($2::jsonb)))"
    );
    let names = serde_json::to_string(names)?;
    let session = caller.session(operation).read_only();
    let rows = storage.pg.run(&session, &sql, &[Some(bucket), Some(&names)]).await?;
    rows.iter().map(object).collect()
}

fn object(row: &Row) -> Result<Object, Error> {
    let version: Option<String> = row.try_get("version")?;
    let json = |name| -> Result<Value, Error> {
        let text: String = row.try_get(name)?;
        Ok(serde_json::from_str(&text)?)
    };
    Ok(Object {
        id: row.try_get("id")?,
        bucket_id: row.try_get("bucket_id")?,
        name: row.try_get("name")?,
        version: version.and_then(|version| Uuid::try_parse(&version).ok()),
        metadata: json("metadata")?,
        user_metadata: json("user_metadata")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        archived_at: row.try_get("archived_at")?,
        is_versioned: row.try_get("is_versioned")?,
        sha256: row.try_get("sha256")?,
        sniffed_type: row.try_get("sniffed_type")?,
    })
}

/// What was kept.
#[derive(Debug, Clone)]
pub(in super::super) struct Kept {
    pub id: String,
}

/// As whom the steps of a write are done.
pub(in super::super) struct Hands<'a> {
    /// Whose right it must be.
    pub person: Session<'a>,
    /// Who keeps the ledger.
    pub own: Session<'a>,
    /// Who writes the row.
    pub service: Session<'a>,
}

/// Tries a write and undoes it.
pub(in super::super) async fn attempt(
    storage: &Storage,
    person: &Session<'_>,
    row: &Value,
    is_upsert: bool,
) -> Result<(), Error> {
    let (row, is_upsert) = (row.to_string(), is_upsert.to_string());
    storage.pg.run(person, TRY, &[Some(&row), Some(&is_upsert)]).await?;
    Ok(())
}

/// Tries a write as the person and undoes it; notes bytes to come in the ledger.
pub(in super::super) async fn reserve(
    storage: &Storage,
    hands: &Hands<'_>,
    row: &Value,
    is_upsert: bool,
    (version, seconds): (Uuid, u32),
) -> Result<(), Error> {
    let (row, is_upsert) = (row.to_string(), is_upsert.to_string());
    let (version, life) = (version.to_string(), format!("{seconds} seconds"));
    let trial = [Some(row.as_str()), Some(is_upsert.as_str())];
    let opening = [Some(version.as_str()), Some(life.as_str())];
    let sql = "select storage.open_blob($1::uuid, $2::interval)::text";
    let legs = [
        Leg { session: &hands.person, sql: TRY, params: &trial },
        Leg { session: &hands.own, sql, params: &opening },
    ];
    storage.pg.relay(&legs).await?;
    Ok(())
}

const TRY: &str = "select storage.try_write($1::jsonb, $2::boolean)::text";

/// Tries the write again, now that all is known of it, and makes the row and the ledger's entry
/// in the same transaction.
pub(in super::super) async fn keep(
    storage: &Storage,
    hands: &Hands<'_>,
    row: &Value,
    is_upsert: bool,
    (version, size, expires_in): (Uuid, u64, Option<u64>),
) -> Result<Kept, Error> {
    let (row, is_upsert) = (row.to_string(), is_upsert.to_string());
    let (version, size) = (version.to_string(), size.to_string());
    let expires_in = expires_in.map(|seconds| seconds.to_string());
    let trial = [Some(row.as_str()), Some(is_upsert.as_str())];
    let keeping = [Some(version.as_str()), Some(size.as_str())];
    let putting = [Some(row.as_str()), Some(is_upsert.as_str()), expires_in.as_deref()];
    let keep = "select storage.keep_blob($1::uuid, $2::bigint)::text";
    let put = "select o.id::text
                 from storage.put_object(storage.stamp_object($1::jsonb, $3::double precision), $2::boolean) o";
    let legs = [
        Leg { session: &hands.person, sql: TRY, params: &trial },
        Leg { session: &hands.own, sql: keep, params: &keeping },
        Leg { session: &hands.service, sql: put, params: &putting },
    ];
    let answers = storage.pg.relay(&legs).await?;
    let row = answers.into_iter().next_back().and_then(only).ok_or(Error::NoSuchBucket)?;
    Ok(Kept { id: row.try_get("id")? })
}
