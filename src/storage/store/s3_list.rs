//! Lists of objects in the order of their bytes, as S3 has them.

use super::super::caller::Caller;
use super::super::{Error, Storage};

/// What is asked of a list.
#[derive(Debug)]
pub(in super::super) struct Asked<'a> {
    pub bucket: &'a str,
    /// How names begin.
    pub prefix: &'a str,
    /// Behind which names are one entry; empty for none.
    pub delimiter: &'a str,
    /// Behind which entry; empty for the first.
    pub after: &'a str,
    pub limit: u32,
}

/// An object, or what several begin with.
#[derive(Debug)]
pub(in super::super) struct Entry {
    pub name: String,
    /// None for what several begin with.
    pub updated_at: Option<String>,
    pub etag: String,
    pub size: i64,
}

/// What the caller sees, at most `limit` of it.
pub(in super::super) async fn objects(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    asked: &Asked<'_>,
) -> Result<Vec<Entry>, Error> {
    let limit = asked.limit.to_string();
    // Whoever goes on behind a common prefix wants none of what it stands for.
    let within = asked.after.strip_prefix(asked.prefix).unwrap_or_default();
    let is_prefix = !asked.delimiter.is_empty() && within.ends_with(asked.delimiter);
    let last =
        if is_prefix { format!("{}\u{10ffff}", asked.after) } else { asked.after.to_owned() };
    let rows = storage
        .pg
        .run(
            &caller.session(operation).read_only(),
            "select l.name, storage.iso(l.updated_at) as updated_at,
                    coalesce(l.metadata ->> 'eTag', '') as etag,
                    coalesce((l.metadata ->> 'size')::bigint, 0) as size
               from storage.list_objects_with_delimiter($1::text, $2::text, $3::text, $4::integer, $5::text) l",
            &[
                Some(asked.bucket),
                Some(asked.prefix),
                Some(asked.delimiter),
                Some(&limit),
                Some(&last),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                name: row.try_get("name")?,
                updated_at: row.try_get("updated_at")?,
                etag: row.try_get("etag")?,
                size: row.try_get("size")?,
            })
        })
        .collect()
}
