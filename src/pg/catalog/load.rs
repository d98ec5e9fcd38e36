//! Asks the database for the catalog: three documents, read in one snapshot.

use deadpool_postgres::{Pool, Transaction};
use serde::de::DeserializeOwned;
use tokio_postgres::{Client, IsolationLevel};

use super::Catalog;
use super::description::{self, Description};
use super::relation::ForeignKey;
use crate::pg::Error;

/// Names come out qualified when nothing is on the path; a big schema takes its time.
const SETTINGS: &str = "set local search_path = ''; set local statement_timeout = '60s'";

/// A catalog that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database refused or is down.
    #[error(transparent)]
    Database(#[from] Error),
    /// The answer does not read as expected: a fault of this program.
    #[error("the catalog does not read: {0}")]
    Document(#[from] serde_json::Error),
}

impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What the served schemas hold now.
///
/// # Errors
/// See [`LoadError`].
pub async fn load(pool: &Pool, schemas: &[String]) -> Result<Catalog, LoadError> {
    let mut client = pool.get().await.map_err(Error::from)?;
    let snapshot = client
        .build_transaction()
        .read_only(true)
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await?;
    snapshot.batch_execute(SETTINGS).await?;
    let tables = document(&snapshot, include_str!("tables.sql"), schemas).await?;
    let keys: Vec<ForeignKey> = document(&snapshot, include_str!("relations.sql"), schemas).await?;
    let routines = document(&snapshot, include_str!("routines.sql"), schemas).await?;
    snapshot.commit().await?;
    Ok(Catalog::new(tables, &keys, routines))
}

/// What schemas hold in words and types, whoever may see it.
///
/// # Errors
/// See [`LoadError`].
pub async fn describe(client: &mut Client, schemas: &[String]) -> Result<Description, LoadError> {
    let snapshot = client.build_transaction().read_only(true).start().await?;
    snapshot.batch_execute(SETTINGS).await?;
    let row = snapshot.query_one(description::SQL, &[&schemas, &true]).await?;
    Ok(serde_json::from_str(row.try_get(0)?)?)
}

async fn document<T: DeserializeOwned>(
    snapshot: &Transaction<'_>,
    sql: &str,
    schemas: &[String],
) -> Result<T, LoadError> {
    let row = snapshot.query_one(sql, &[&schemas]).await?;
    Ok(serde_json::from_str(row.try_get(0)?)?)
}
