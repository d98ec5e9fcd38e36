//! Uploads in parts: what is to become of them, and which parts there are.

use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::super::caller::Caller;
use super::super::upload::Wish;
use super::super::{Error, Storage};
use super::{document, only};

/// An upload that goes on.
#[derive(Debug)]
pub(in super::super) struct Upload {
    pub id: Uuid,
    pub wish: Wish,
}

/// A part of one.
#[derive(Debug)]
pub(in super::super) struct Part {
    pub number: i32,
    /// Its bytes.
    pub version: Uuid,
    pub size: i64,
    /// Without quotes.
    pub etag: String,
    /// What was checked when it came: a header's name and value.
    pub checksum: Option<String>,
    /// As the API writes moments.
    pub created_at: String,
}

/// A part whose bytes are safe.
#[derive(Debug)]
pub(in super::super) struct NewPart<'a> {
    pub number: i32,
    pub version: Uuid,
    pub size: u64,
    pub etag: &'a str,
    pub checksum: Option<&'a str>,
}

/// Who completes an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Claim {
    Ours,
    /// Somebody else has.
    Done,
    /// Somebody else does just now.
    Busy,
    /// There is no such upload any more.
    Missing,
}

/// Which uploads.
#[derive(Debug)]
pub(in super::super) struct Page<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    /// Behind which name, and there behind which upload; empty for the first.
    pub key_marker: &'a str,
    pub id_marker: &'a str,
    pub limit: u32,
}

/// One of a list.
#[derive(Debug)]
pub(in super::super) struct Listed {
    pub id: String,
    pub key: String,
    /// As the API writes moments.
    pub created_at: String,
}

/// Notes an upload, and for how many seconds it may go on.
pub(in super::super) async fn open(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (id, seconds): (Uuid, u32),
    wish: &Wish,
) -> Result<(), Error> {
    let (id, life) = (id.to_string(), format!("{seconds} seconds"));
    let wish = serde_json::to_string(wish)?;
    let params = [Some(id.as_str()), Some(wish.as_str()), Some(life.as_str())];
    let sql = "insert into storage.s3_multipart_uploads (id, bucket_id, key, owner_id, wish, until)
               select $1::uuid, w ->> 'bucket', w ->> 'name', w ->> 'owner', w, now() + $3::interval
                 from (select $2::jsonb as w) told";
    storage.pg.run(&caller.own(operation), sql, &params).await?;
    Ok(())
}

/// An upload whose time is not over.
pub(in super::super) async fn find(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    id: Uuid,
) -> Result<Option<Upload>, Error> {
    let sql = "select u.wish::text as wish from storage.s3_multipart_uploads u
                where u.id = $1::uuid and u.until > now()";
    let session = caller.own(operation).read_only();
    let rows = storage.pg.run(&session, sql, &[Some(&id.to_string())]).await?;
    let Some(row) = only(rows) else { return Ok(None) };
    let wish: Value = document(&row, "wish")?;
    Ok(Some(Upload { id, wish: serde_json::from_value(wish)? }))
}

/// Notes bytes of a part to come in the ledger.
pub(in super::super) async fn open_part(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (version, seconds): (Uuid, u32),
) -> Result<(), Error> {
    let (version, life) = (version.to_string(), format!("{seconds} seconds"));
    let sql = "select storage.open_blob($1::uuid, $2::interval)::text";
    storage.pg.run(&caller.own(operation), sql, &[Some(&version), Some(&life)]).await?;
    Ok(())
}

/// Keeps a part in place of one of its number, as long as all parts together are within `limit`;
/// gives whether there still is such an upload.
pub(in super::super) async fn put_part(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (upload, limit): (Uuid, u64),
    part: &NewPart<'_>,
) -> Result<bool, Error> {
    let (upload, number) = (upload.to_string(), part.number.to_string());
    let (version, size) = (part.version.to_string(), part.size.to_string());
    let limit = limit.min(i64::MAX.unsigned_abs()).to_string();
    let params = [
        Some(upload.as_str()),
        Some(number.as_str()),
        Some(version.as_str()),
        Some(size.as_str()),
        Some(part.etag),
        part.checksum,
        Some(limit.as_str()),
    ];
    let sql =
        "select storage.put_part($1::uuid, $2::integer, $3::uuid, $4::bigint, $5::text, $6::text,
                                       $7::bigint) as is_kept";
    let row = only(storage.pg.run(&caller.own(operation), sql, &params).await?);
    Ok(row.map_or(Ok(false), |row| row.try_get("is_kept"))?)
}

/// The parts behind a number, in order; all of them where no limit is given.
pub(in super::super) async fn parts(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    upload: Uuid,
    (after, limit): (i32, Option<u32>),
) -> Result<Vec<Part>, Error> {
    let (upload, after) = (upload.to_string(), after.to_string());
    let limit = limit.map(|limit| limit.to_string());
    let sql = "select p.part_number, p.version, p.size, p.etag, p.checksum, storage.iso(p.created_at) as created_at
                 from storage.s3_multipart_uploads_parts p
                where p.upload_id = $1::uuid and p.part_number > $2::integer
                order by p.part_number
                limit $3::bigint";
    let session = caller.own(operation).read_only();
    let params = [Some(upload.as_str()), Some(after.as_str()), limit.as_deref()];
    storage.pg.run(&session, sql, &params).await?.iter().map(part).collect()
}

fn part(row: &Row) -> Result<Part, Error> {
    Ok(Part {
        number: row.try_get("part_number")?,
        version: row.try_get("version")?,
        size: row.try_get("size")?,
        etag: row.try_get("etag")?,
        checksum: row.try_get("checksum")?,
        created_at: row.try_get("created_at")?,
    })
}

/// Lets `version`, in which all parts are joined, be what an upload becomes; nobody else's may
/// then.
pub(in super::super) async fn claim(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    upload: Uuid,
    version: Uuid,
) -> Result<Claim, Error> {
    let (upload, version) = (upload.to_string(), version.to_string());
    let sql = "select storage.claim_upload($1::uuid, $2::uuid) as claim";
    let params = [Some(upload.as_str()), Some(version.as_str())];
    let row = only(storage.pg.run(&caller.own(operation), sql, &params).await?);
    let claim: Option<String> = row.map_or(Ok(None), |row| row.try_get("claim"))?;
    Ok(match claim.as_deref() {
        Some("ours") => Claim::Ours,
        Some("done") => Claim::Done,
        Some(_) => Claim::Busy,
        None => Claim::Missing,
    })
}

/// Forgets an upload and lets go of its parts.
pub(in super::super) async fn forget(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    upload: Uuid,
) -> Result<(), Error> {
    let sql = "delete from storage.s3_multipart_uploads where id = $1::uuid";
    storage.pg.run(&caller.own(operation), sql, &[Some(&upload.to_string())]).await?;
    Ok(())
}

/// The caller's own uploads to a bucket, by name; those of everybody for servers.
pub(in super::super) async fn list(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    page: &Page<'_>,
) -> Result<Vec<Listed>, Error> {
    let limit = page.limit.to_string();
    let everybody = caller.is_service().to_string();
    let sql = "select u.id::text, u.key, storage.iso(u.created_at) as created_at
                 from storage.s3_multipart_uploads u
                where u.bucket_id = $1::text and u.until > now() and starts_with(u.key, $2::text)
                  and (u.key collate \"C\" > $3::text or u.key = $3::text and u.id::text > $4::text and $4::text <> '')
                  and ($5::boolean or u.owner_id is not distinct from $6::text)
                order by u.key collate \"C\", u.id::text
                limit $7::bigint";
    let params = [
        Some(page.bucket),
        Some(page.prefix),
        Some(page.key_marker),
        Some(page.id_marker),
        Some(everybody.as_str()),
        caller.owner().0,
        Some(limit.as_str()),
    ];
    let rows = storage.pg.run(&caller.own(operation).read_only(), sql, &params).await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                id: row.try_get("id")?,
                key: row.try_get("key")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .collect()
}
