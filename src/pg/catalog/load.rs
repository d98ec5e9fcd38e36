//! Asks the database for the catalog: a few documents, read in one snapshot.

use std::collections::HashMap;

use deadpool_postgres::{Pool, Transaction};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::{Client, IsolationLevel};

use super::description::{self, Description};
use super::relation::Computed;
use super::view::{DeclaredKey, PrimaryKey, View, Views};
use super::{Catalog, Table};
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
    let mut tables: Vec<Table> = document(&snapshot, include_str!("tables.sql"), schemas).await?;
    let relations: Relations = document(&snapshot, include_str!("relations.sql"), schemas).await?;
    let routines = document(&snapshot, include_str!("routines.sql"), schemas).await?;
    let producers = document(&snapshot, include_str!("producers.sql"), schemas).await?;
    let roles = snapshot.query_one(include_str!("roles.sql"), &[]).await?;
    let roles = serde_json::from_str(roles.try_get(0)?)?;
    snapshot.commit().await?;
    let views = Views::new(&relations.views);
    lend_primary_keys(&mut tables, views.primary_keys(&relations.primary_keys));
    let keys = views.keys(&relations.keys);
    let catalog = Catalog::new(tables, &keys, routines).with_computed(&relations.computed);
    Ok(catalog.with_producers(producers).with_roles(roles))
}

/// What leads from one table to another.
#[derive(Deserialize)]
struct Relations {
    keys: Vec<DeclaredKey>,
    primary_keys: Vec<PrimaryKey>,
    views: Vec<View>,
    computed: Vec<Computed>,
}

/// A view is told apart by the keys of the tables it shows.
fn lend_primary_keys(tables: &mut [Table], keys: Vec<(String, String, Vec<String>)>) {
    let mut keys: HashMap<(String, String), Vec<String>> =
        keys.into_iter().map(|(schema, view, key)| ((schema, view), key)).collect();
    for table in tables.iter_mut().filter(|table| table.is_view()) {
        if let Some(key) = keys.remove(&(table.schema.clone(), table.name.clone())) {
            table.unique_keys.push(key.clone());
            table.primary_key = key;
        }
    }
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
