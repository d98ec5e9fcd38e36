//! Resumable uploads: how far they are, and the pieces they are made of.

use tokio_postgres::Row;
use uuid::Uuid;

use super::super::caller::Caller;
use super::super::upload::Wish;
use super::super::{Error, Storage};
use super::only;

/// An upload under way.
#[derive(Debug, Clone)]
pub(in super::super) struct Upload {
    /// The name of the bytes it is going to have.
    pub version: Uuid,
    pub wish: Wish,
    /// Upload-Metadata as it was sent.
    pub said: Option<String>,
    /// How many bytes there will be, once that is known.
    pub length: Option<u64>,
    /// How many are safe.
    pub received: u64,
    /// When it ends unless more comes, in seconds since 1970.
    pub until: u64,
    /// Whether it has ended so.
    pub is_over: bool,
}

/// Notes an upload whose version is in the ledger already; gives when it ends.
pub(in super::super) async fn create(
    storage: &Storage,
    caller: &Caller,
    (version, wish): (Uuid, &Wish),
    (length, said): (Option<u64>, Option<&str>),
) -> Result<u64, Error> {
    let (version, length) = (version.to_string(), length.map(|length| length.to_string()));
    let document = serde_json::to_string(wish)?;
    let rows = storage
        .pg
        .run(
            &caller.own("storage.tus.upload.create"),
            "with made as (
               insert into storage.resumable_uploads (version, bucket_id, owner_id, wish, length, said)
               values ($1::uuid, $2::text, $3::text, $4::jsonb, $5::bigint, $6::text)
               returning version)
             select extract(epoch from b.until)::bigint as until
               from made join storage.blobs b using (version)",
            &[
                Some(&version),
                Some(&wish.bucket),
                wish.owner.as_deref(),
                Some(&document),
                length.as_deref(),
                said,
            ],
        )
        .await?;
    until(&only(rows).ok_or(Error::NoSuchKey)?)
}

fn until(row: &Row) -> Result<u64, Error> {
    let until: i64 = row.try_get("until")?;
    Ok(u64::try_from(until).unwrap_or_default())
}

/// Finds an upload under way.
pub(in super::super) async fn find(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    version: Uuid,
) -> Result<Option<Upload>, Error> {
    let rows = storage
        .pg
        .run(
            &caller.own(operation).read_only(),
            "select u.wish::text as wish, u.said, u.length, u.received,
                    extract(epoch from b.until)::bigint as until, b.until <= now() as is_over
               from storage.resumable_uploads u
               join storage.blobs b using (version)
              where u.version = $1::uuid and b.state = 'writing'",
            &[Some(&version.to_string())],
        )
        .await?;
    let Some(row) = only(rows) else { return Ok(None) };
    let (length, received): (Option<i64>, i64) = (row.try_get("length")?, row.try_get("received")?);
    let wish: &str = row.try_get("wish")?;
    Ok(Some(Upload {
        version,
        wish: serde_json::from_str(wish)?,
        said: row.try_get("said")?,
        length: length.and_then(|length| u64::try_from(length).ok()),
        received: u64::try_from(received).unwrap_or_default(),
        until: until(&row)?,
        is_over: row.try_get("is_over")?,
    }))
}

/// How long an upload was that has become an object, if its version is still there.
pub(in super::super) async fn finished(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    version: Uuid,
) -> Result<Option<u64>, Error> {
    let rows = storage
        .pg
        .run(
            &caller.own(operation).read_only(),
            "select b.size
               from storage.blobs b
              where b.version = $1::uuid and b.state = 'kept'
                and exists (select from storage.objects o where o.version = $1::text)",
            &[Some(&version.to_string())],
        )
        .await?;
    let size: Option<i64> = only(rows).map(|row| row.try_get("size")).transpose()?;
    Ok(size.and_then(|size| u64::try_from(size).ok()))
}

/// Notes how many bytes there will be, where that was not said at the beginning.
pub(in super::super) async fn set_length(
    storage: &Storage,
    caller: &Caller,
    version: Uuid,
    length: u64,
) -> Result<(), Error> {
    storage
        .pg
        .run(
            &caller.own(STEP),
            "update storage.resumable_uploads u set length = $2::bigint where u.version = $1::uuid",
            &[Some(&version.to_string()), Some(&length.to_string())],
        )
        .await?;
    Ok(())
}

/// The operation of a PATCH.
pub(in super::super) const STEP: &str = "storage.tus.upload.part";

/// Notes bytes to come in the ledger.
pub(in super::super) async fn open_piece(
    storage: &Storage,
    caller: &Caller,
    piece: Uuid,
) -> Result<(), Error> {
    let life = format!("{} seconds", storage.resumable_expiry);
    let sql = "select storage.open_blob($1::uuid, $2::interval)::text";
    storage.pg.run(&caller.own(STEP), sql, &[Some(&piece.to_string()), Some(&life)]).await?;
    Ok(())
}

/// Adds a piece that is safe, and lets the upload live on.
pub(in super::super) async fn add_piece(
    storage: &Storage,
    caller: &Caller,
    (upload, starts_at): (Uuid, u64),
    (piece, size): (Uuid, u64),
) -> Result<(), Error> {
    let (upload, starts_at) = (upload.to_string(), starts_at.to_string());
    let (piece, size) = (piece.to_string(), size.to_string());
    let life = format!("{} seconds", storage.resumable_expiry);
    let sql =
        "select storage.add_piece($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::interval)::text";
    let params = [&upload, &starts_at, &piece, &size, &life].map(|it| Some(it.as_str()));
    storage.pg.run(&caller.own(STEP), sql, &params).await?;
    Ok(())
}

/// The pieces of an upload, in order.
pub(in super::super) async fn pieces(
    storage: &Storage,
    caller: &Caller,
    upload: Uuid,
) -> Result<Vec<Uuid>, Error> {
    let rows = storage
        .pg
        .run(
            &caller.own(STEP).read_only(),
            "select p.version from storage.resumable_pieces p where p.upload = $1::uuid order by p.starts_at",
            &[Some(&upload.to_string())],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("version")?)).collect()
}
