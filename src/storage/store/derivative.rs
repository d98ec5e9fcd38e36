//! Derivatives: what was once made out of a version, kept until that version goes.

use serde_json::json;
use uuid::Uuid;

use super::super::caller::Caller;
use super::super::{Error, Storage};
use super::object::Object;
use super::only;
use crate::blob::Written;

/// How long one may take to be written, in seconds.
const LIFE_SECONDS: u32 = 600;

/// Finds what was made out of an object; as an object, so that it is answered like one.
pub(in super::super) async fn find(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    object: &Object,
    transformation: &str,
) -> Result<Option<Object>, Error> {
    let Some(source) = object.version.map(|version| version.to_string()) else { return Ok(None) };
    let rows = storage
        .pg
        .run(
            &caller.own(operation).read_only(),
            "select d.version, d.mimetype, d.etag, d.size
               from storage.derivatives d
              where d.source = $1::uuid and d.transformation = $2::text",
            &[Some(&source), Some(transformation)],
        )
        .await?;
    let Some(row) = only(rows) else { return Ok(None) };
    let mut metadata = object.metadata.clone();
    let (mimetype, etag): (String, String) = (row.try_get("mimetype")?, row.try_get("etag")?);
    metadata["mimetype"] = mimetype.into();
    metadata["eTag"] = etag.into();
    metadata["size"] = json!(row.try_get::<_, i64>("size")?);
    if let Some(noted) = metadata.as_object_mut() {
        noted.remove("contentEncoding");
    }
    Ok(Some(Object { version: Some(row.try_get("version")?), metadata, ..object.clone() }))
}

/// Notes bytes to come in the ledger.
pub(in super::super) async fn open(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    version: Uuid,
) -> Result<(), Error> {
    let (version, life) = (version.to_string(), format!("{LIFE_SECONDS} seconds"));
    let sql = "select storage.open_blob($1::uuid, $2::interval)::text";
    storage.pg.run(&caller.own(operation), sql, &[Some(&version), Some(&life)]).await?;
    Ok(())
}

/// Keeps what was made out of `source`, unless somebody was quicker or the source is gone.
pub(in super::super) async fn keep(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    (source, transformation): (Uuid, &str),
    (version, mimetype, written): (Uuid, &str, &Written),
) -> Result<(), Error> {
    let (source, version) = (source.to_string(), version.to_string());
    let (size, etag) = (written.size.to_string(), format!("\"{}\"", written.tag));
    let sql = "select storage.add_derivative(
                 $1::uuid, $2::text, $3::uuid, $4::bigint, $5::text, $6::text)::text";
    let params = [&source, transformation, &version, &size, mimetype, &etag].map(Some);
    storage.pg.run(&caller.own(operation), sql, &params).await?;
    Ok(())
}
