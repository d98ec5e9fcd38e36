//! Buckets.

use serde_json::Value;
use tokio_postgres::Row;

use super::super::{Error, Storage, caller::Caller};
use super::{document, only};

/// What uploads must know of a bucket.
#[derive(Debug, Clone)]
pub(in super::super) struct Bucket {
    pub id: String,
    pub file_size_limit: Option<u64>,
    pub allowed_mime_types: Option<Vec<String>>,
    /// How long a signed URL of it may work at most.
    pub max_signed_seconds: Option<i64>,
}

/// What a bucket is to be; what is not said stays as it is.
#[expect(clippy::option_option, reason = "not said, lifted, and set are three things")]
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Change {
    pub public: Option<bool>,
    /// Outer: whether it is said; inner: none lifts the limit.
    pub file_size_limit: Option<Option<u64>>,
    pub allowed_mime_types: Option<Option<Vec<String>>>,
    pub versioning_status: Option<String>,
}

/// Which buckets, and in which order.
#[derive(Debug, Clone)]
pub(in super::super) struct Page {
    pub search: Option<String>,
    /// Names a column; checked by whoever reads the request.
    pub column: &'static str,
    pub is_descending: bool,
    pub limit: Option<u32>,
    pub offset: u32,
}

/// Finds a bucket for the work of somebody who may not see it.
pub(in super::super) async fn find(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    id: &str,
) -> Result<Bucket, Error> {
    let rows = storage
        .pg
        .run(
            &caller.own(operation).read_only(),
            "select b.id, b.file_size_limit, b.allowed_mime_types, b.max_signed_seconds::bigint
               from storage.buckets b
              where b.id = $1::text",
            &[Some(id)],
        )
        .await?;
    only(rows).as_ref().map(bucket).transpose()?.ok_or(Error::NoSuchBucket)
}

fn bucket(row: &Row) -> Result<Bucket, Error> {
    let limit: Option<i64> = row.try_get("file_size_limit")?;
    Ok(Bucket {
        id: row.try_get("id")?,
        file_size_limit: limit.and_then(|limit| u64::try_from(limit).ok()),
        allowed_mime_types: row.try_get("allowed_mime_types")?,
        max_signed_seconds: row.try_get("max_signed_seconds")?,
    })
}

/// A bucket as the wire has it. Times are the API's own form.
const SHOWN: &str = "json_build_object(
    'id', b.id, 'name', b.name, 'owner', coalesce(b.owner::text, ''), 'public', b.public, 'type', b.type,
    'file_size_limit', b.file_size_limit, 'allowed_mime_types', b.allowed_mime_types,
    'created_at', storage.iso(b.created_at), 'updated_at', storage.iso(b.updated_at),
    'owner_id', coalesce(b.owner_id, ''), 'versioning_status', b.versioning_status)";

/// Makes a bucket as the caller.
pub(in super::super) async fn create(
    storage: &Storage,
    caller: &Caller,
    id: &str,
    name: &str,
    wanted: &Change,
) -> Result<(), Error> {
    let (owner, owner_uuid) = caller.owner();
    let owner_uuid = owner_uuid.map(|owner| owner.to_string());
    let public = wanted.public.unwrap_or_default().to_string();
    let limit = wanted.file_size_limit.flatten().map(|limit| limit.to_string());
    let types = wanted.allowed_mime_types.as_ref().and_then(Option::as_ref);
    let types = types.map(serde_json::to_string).transpose()?;
    let versioning = wanted.versioning_status.as_deref().unwrap_or("DISABLED");
    storage
        .pg
        .run(
            &caller.session("storage.bucket.create"),
            "insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit,
                                          allowed_mime_types, versioning_status)
             values ($1::text, $2::text, $3::uuid, $4::text, $5::boolean, $6::bigint,
                     (select array_agg(value) from jsonb_array_elements_text($7::jsonb) value), $8::text)",
            &[
                Some(id),
                Some(name),
                owner_uuid.as_deref(),
                owner,
                Some(&public),
                limit.as_deref(),
                types.as_deref(),
                Some(versioning),
            ],
        )
        .await
        .map_err(|error| Error::from(error).of_bucket())?;
    Ok(())
}

/// Changes a bucket as the caller; an error when they see none.
pub(in super::super) async fn update(
    storage: &Storage,
    caller: &Caller,
    id: &str,
    wanted: &Change,
) -> Result<(), Error> {
    let public = wanted.public.map(|public| public.to_string());
    let says_limit = wanted.file_size_limit.is_some().to_string();
    let limit = wanted.file_size_limit.flatten().map(|limit| limit.to_string());
    let says_types = wanted.allowed_mime_types.is_some().to_string();
    let types = wanted.allowed_mime_types.as_ref().and_then(Option::as_ref);
    let types = types.map(serde_json::to_string).transpose()?;
    let rows = storage
        .pg
        .run(
            &caller.session("storage.bucket.update"),
            "update storage.buckets b
                set public = coalesce($2::boolean, b.public),
                    file_size_limit = case when $3::boolean then $4::bigint else b.file_size_limit end,
                    allowed_mime_types = case
                      when $5::boolean
                      then (select array_agg(value) from jsonb_array_elements_text($6::jsonb) value)
                      else b.allowed_mime_types end,
                    versioning_status = coalesce($7::text, b.versioning_status)
              where b.id = $1::text
             returning b.id",
            &[
                Some(id),
                public.as_deref(),
                Some(&says_limit),
                limit.as_deref(),
                Some(&says_types),
                types.as_deref(),
                wanted.versioning_status.as_deref(),
            ],
        )
        .await?;
    only(rows).map(drop).ok_or(Error::NoSuchBucket)
}

/// A bucket that the caller sees, as the wire has it.
pub(in super::super) async fn read(
    storage: &Storage,
    caller: &Caller,
    id: &str,
) -> Result<Value, Error> {
    let sql =
        format!("select {SHOWN}::text as document from storage.buckets b where b.id = $1::text");
    let session = caller.session("storage.bucket.get").read_only();
    let rows = storage.pg.run(&session, &sql, &[Some(id)]).await?;
    document(&only(rows).ok_or(Error::NoSuchBucket)?, "document")
}

/// The buckets that the caller sees, as the wire has them.
pub(in super::super) async fn list(
    storage: &Storage,
    caller: &Caller,
    page: &Page,
) -> Result<Value, Error> {
    let direction = if page.is_descending { "desc" } else { "asc" };
    let column = page.column;
    let sql = format!(
        "select coalesce(json_agg(document), '[]')::text as documents
           from (select {SHOWN} as document
                   from storage.buckets b
                  where $1::text is null or strpos(lower(b.name), lower($1::text)) > 0
                  order by b.{column} {direction}, b.id
                  limit $2::bigint offset $3::bigint) page"
    );
    let (limit, offset) = (page.limit.map(|limit| limit.to_string()), page.offset.to_string());
    let session = caller.session("storage.bucket.list").read_only();
    let params = [page.search.as_deref(), limit.as_deref(), Some(offset.as_str())];
    document(
        &only(storage.pg.run(&session, &sql, &params).await?).ok_or(Error::NoSuchBucket)?,
        "documents",
    )
}

/// Deletes a bucket as the caller; one that is not empty stays.
pub(in super::super) async fn delete(
    storage: &Storage,
    caller: &Caller,
    id: &str,
) -> Result<(), Error> {
    let operation = "storage.bucket.delete";
    // Whether it may be seen at all comes first.
    read(storage, caller, id).await?;
    let sql = "select from storage.objects o where o.bucket_id = $1::text limit 1";
    let own = caller.own(operation).read_only();
    if !storage.pg.run(&own, sql, &[Some(id)]).await?.is_empty() {
        return Err(Error::BucketNotEmpty);
    }
    let deleted = storage
        .pg
        .run(
            &caller.session(operation),
            "delete from storage.buckets b where b.id = $1::text returning b.id",
            &[Some(id)],
        )
        .await;
    match deleted.map_err(Error::from) {
        Err(Error::Referenced) => Err(Error::BucketNotEmpty),
        deleted => only(deleted?).map(drop).ok_or(Error::NoSuchBucket),
    }
}

/// Deletes some of what is in a bucket, whoever owns it; gives how many rows that were.
pub(in super::super) async fn empty(
    storage: &Storage,
    caller: &Caller,
    id: &str,
    up_to: u32,
) -> Result<u64, Error> {
    let up_to = up_to.to_string();
    let rows = storage
        .pg
        .run(
            &caller.own("storage.bucket.empty"),
            "with gone as (
               delete from storage.objects
                where id in (select o.id from storage.objects o where o.bucket_id = $1::text limit $2::bigint)
               returning 1)
             select count(*) from gone",
            &[Some(id), Some(&up_to)],
        )
        .await?;
    let count: i64 = only(rows).map_or(Ok(0), |row| row.try_get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// How many objects and versions are in a bucket.
pub(in super::super) async fn count(
    storage: &Storage,
    caller: &Caller,
    id: &str,
) -> Result<i64, Error> {
    let rows = storage
        .pg
        .run(
            &caller.own("storage.bucket.empty").read_only(),
            "select count(*) from storage.objects o where o.bucket_id = $1::text",
            &[Some(id)],
        )
        .await?;
    Ok(only(rows).map_or(Ok(0), |row| row.try_get(0))?)
}

/// The rules of a bucket that the caller sees, if it has any.
pub(in super::super) async fn lifecycle(
    storage: &Storage,
    caller: &Caller,
    id: &str,
) -> Result<Option<Value>, Error> {
    let session = caller.session("storage.bucket.get_lifecycle").read_only();
    let sql = "select b.lifecycle::text as rules from storage.buckets b where b.id = $1::text";
    let row = only(storage.pg.run(&session, sql, &[Some(id)]).await?);
    let rules: Option<String> = row.ok_or(Error::NoSuchBucket)?.try_get("rules")?;
    Ok(rules.map(|rules| serde_json::from_str(&rules)).transpose()?)
}

/// Gives a bucket other rules, or none, as the caller.
pub(in super::super) async fn set_lifecycle(
    storage: &Storage,
    caller: &Caller,
    id: &str,
    rules: Option<&Value>,
) -> Result<(), Error> {
    let rules = rules.map(Value::to_string);
    let session = caller.session("storage.bucket.put_lifecycle");
    let sql =
        "update storage.buckets b set lifecycle = $2::jsonb where b.id = $1::text returning b.id";
    let rows = storage.pg.run(&session, sql, &[Some(id), rules.as_deref()]).await?;
    only(rows).map(drop).ok_or(Error::NoSuchBucket)
}
