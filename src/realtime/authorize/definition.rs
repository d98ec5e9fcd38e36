//! Whether tables are still defined as they were when something was learned about them.
//!
//! Postgres describes a table anew in the log when its shape, grants or policies change, but
//! also whenever it was analyzed or vacuumed: busy tables are, every minute.

use std::collections::HashMap;

use deadpool_postgres::Pool;

use crate::pg::Error;

const DEFINITIONS: &str = include_str!("definition.sql");

/// How tables were defined before anything was learned about them.
#[derive(Debug, Default)]
pub struct Definitions {
    noted: HashMap<u32, String>,
}

impl Definitions {
    /// Notes how these tables are defined, before anything is learned about them; gives whether
    /// some had not been noted yet.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn note(
        &mut self,
        pool: &Pool,
        tables: impl Iterator<Item = u32>,
    ) -> Result<bool, Error> {
        let new: Vec<u32> = tables.filter(|table| !self.noted.contains_key(table)).collect();
        if new.is_empty() {
            return Ok(false);
        }
        let mut found = read(pool, &new).await?;
        // A table that is gone has no definition; should it be asked for again, it is known.
        self.noted
            .extend(new.into_iter().map(|table| (table, found.remove(&table).unwrap_or_default())));
        Ok(true)
    }

    /// Which of these tables are not defined as was noted, or were not noted.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn changed(&self, pool: &Pool, tables: &[u32]) -> Result<Vec<u32>, Error> {
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        let now = read(pool, tables).await?;
        let is_changed =
            |table: &u32| now.get(table).is_none_or(|now| self.noted.get(table) != Some(now));
        Ok(tables.iter().copied().filter(is_changed).collect())
    }

    /// Something may have changed.
    pub fn forget(&mut self, table: u32) {
        self.noted.remove(&table);
    }

    /// Everything may have changed.
    pub fn forget_everything(&mut self) {
        self.noted.clear();
    }
}

async fn read(pool: &Pool, tables: &[u32]) -> Result<HashMap<u32, String>, Error> {
    let client = pool.get().await?;
    let statement = client.prepare_cached(DEFINITIONS).await?;
    let rows = client.query(&statement, &[&tables]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
