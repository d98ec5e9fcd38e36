//! refinery, run inside the installer's transaction: it keeps the ledger and the order, we
//! execute, so that a failure in any later file undoes the migrations too.

use async_trait::async_trait;
use refinery::{Migration, Runner};
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::Client;

use super::manifest::{File, Part};
use super::{Error, Failure, execute};

/// Applies the migrations of `part` that its ledger lacks.
pub(super) async fn migrate(client: &Client, part: &Part) -> Result<(), Error> {
    let migrations = part
        .migrations
        .iter()
        .map(|file| Migration::unapplied(file.name.trim_end_matches(".sql"), file.text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::History(error.to_string()))?;
    let mut runner = Runner::new(&migrations);
    runner.set_migration_table_name(part.ledger);
    let mut open = OpenTransaction { client, failed: None };
    let outcome = runner.run_async(&mut open).await;
    match (outcome, open.failed) {
        (Ok(_), _) => Ok(()),
        (Err(_), Some((sql, failure))) => {
            Err(match part.migrations.iter().find(|file| file.text == sql) {
                Some(file) => failure.of(file),
                None => failure.of(&File { folder: "refinery", name: part.ledger, text: "" }),
            })
        }
        (Err(error), None) => Err(Error::History(format!("{}: {error}", part.ledger))),
    }
}

/// The installer's transaction, as refinery wants to see it. It is neither begun nor committed
/// here.
struct OpenTransaction<'a> {
    client: &'a Client,
    /// The text that failed, and why.
    failed: Option<(String, Failure)>,
}

#[async_trait]
impl AsyncTransaction for OpenTransaction<'_> {
    type Error = Refused;

    async fn execute<'b, T: Iterator<Item = &'b str> + Send>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            if let Err(failure) = execute(self.client, query).await {
                self.failed = Some((query.to_owned(), failure));
                return Err(Refused);
            }
            count += 1;
        }
        Ok(count)
    }
}

#[async_trait]
impl AsyncQuery<Vec<Migration>> for OpenTransaction<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Self::Error> {
        let rows = self.client.query(query, &[]).await.map_err(|_| Refused)?;
        rows.iter()
            .map(|row| {
                let applied_on: String = row.get(2);
                let checksum: String = row.get(3);
                Ok(Migration::applied(
                    row.get(0),
                    row.get(1),
                    OffsetDateTime::parse(&applied_on, &Rfc3339).map_err(|_| Refused)?,
                    checksum.parse().map_err(|_| Refused)?,
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for OpenTransaction<'_> {}

/// The ledger or a migration could not be read or run; the reason is kept beside.
#[derive(Debug, thiserror::Error)]
#[error("the migration ledger could not be read or written")]
struct Refused;
