//! A pooled connection for as long as one transaction needs it, and what becomes of it.

use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::super::Error;

/// How long work that was left in the middle may take to come to its end by itself. Most does,
/// and its connection is as good as new; what takes longer is cancelled.
const GRACE: Duration = Duration::from_millis(100);

/// Ends what was begun, and counts what the connection has prepared.
const MEND: &str = "rollback; select count(*) from pg_catalog.pg_prepared_statements";

/// Statements that the driver prepares for itself, to ask for types.
const DRIVERS_OWN: usize = 3;

/// A pooled connection that goes back only when its transaction has ended, so that nobody ever
/// inherits an open transaction or a foreign role. Dropped before, as by a request whose client
/// went away, it keeps its place in the pool while it is mended, or is closed.
pub(super) struct Lease {
    client: Option<Object>,
    /// Whether the transaction has ended.
    pub(super) settled: bool,
    is_mended: bool,
}

impl Lease {
    /// Waits for a connection.
    pub(super) async fn take(pool: &Pool) -> Result<Self, Error> {
        Ok(Self { client: Some(pool.get().await?), settled: false, is_mended: false })
    }

    /// Ends the transaction; whether that could be done.
    pub(super) async fn rolled_back(&self) -> bool {
        self.batch_execute("rollback").await.is_ok()
    }

    /// Waits for what is under way and ends it. A statement that was being prepared is now
    /// Postgres' alone, and nobody would ever let go of it: then the connection is not clean.
    async fn is_clean(&self) -> bool {
        let Ok(messages) = self.simple_query(MEND).await else { return false };
        let prepared = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<usize>().ok(),
            _ => None,
        });
        prepared.is_some_and(|count| count <= self.statement_cache.size() + DRIVERS_OWN)
    }
}

impl Deref for Lease {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.client.as_ref().expect("only drop takes the client away")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(client) = self.client.take().filter(|_| !self.settled) else { return };
        match Handle::try_current() {
            Ok(runtime) if !self.is_mended && !client.is_closed() => {
                runtime.spawn(mend(Self { client: Some(client), settled: false, is_mended: true }));
            }
            // Closing cancels what runs.
            _ => drop(Object::take(client)),
        }
    }
}

async fn mend(mut lease: Lease) {
    lease.settled = timeout(GRACE, lease.is_clean()).await.unwrap_or(false);
}
