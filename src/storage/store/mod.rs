//! All SQL of this slice, one file a noun. What decides is the database: statements run as the
//! person where policies speak, and as the owner of the schema where they do not.

pub(super) mod bucket;
pub(super) mod change;
pub(super) mod derivative;
pub(super) mod list;
pub(super) mod multipart;
pub(super) mod object;
pub(super) mod resumable;
pub(super) mod s3_list;
pub(super) mod upkeep;

use serde_json::Value;
use tokio_postgres::Row;

use super::Error;

/// A document that Postgres wrote, under a name of the row.
fn document(row: &Row, name: &str) -> Result<Value, Error> {
    let text: &str = row.try_get(name)?;
    Ok(serde_json::from_str(text)?)
}

/// The only row.
fn only(rows: Vec<Row>) -> Option<Row> {
    rows.into_iter().next()
}
