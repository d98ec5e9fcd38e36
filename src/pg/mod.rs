//! Everything about speaking to Postgres. Knows no HTTP.
//!
//! Reading order: `names` (what the binary relies on), `pool` (with `dial`), `session` (the one
//! door as a user), `error`, `catalog` (what tables, relations and routines exist), `listen` (told
//! when that changed, and what is notified to others), `revocations` (told whose tokens count no
//! more), `seal` (what rows keep and the database cannot read), `install` (makes the database right).

pub mod catalog;
mod dial;
mod error;
pub mod install;
pub mod listen;
pub mod names;
pub mod pool;
pub mod revocations;
mod seal;
pub mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool_postgres::Pool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use catalog::Catalog;
pub use error::Error;
pub use pool::Target;
pub use seal::{Seal, Unopened};
pub use session::{Leg, Session, Text, Transaction};

use crate::config::DatabaseSettings;
use session::lanes::Lanes;

/// Handle on the database: the pool for requests and what is known of the schema. Cheap to
/// clone.
#[derive(Clone)]
pub struct Pg {
    /// Connections for requests.
    pub pool: Pool,
    /// Those among them that small reads share.
    lanes: Arc<Lanes>,
    /// Where requests look for what they name without a schema.
    pub search_path: Arc<str>,
    catalog: Arc<ArcSwap<Catalog>>,
    /// For half of the connections.
    seats: Arc<Semaphore>,
    /// Milliseconds until the database is tried again; 0 while it can be reached.
    next_try: Arc<AtomicU64>,
}

impl Pg {
    /// A handle that connects when first used, with an empty catalog.
    ///
    /// # Errors
    /// The database URL does not parse.
    pub fn new(
        settings: &DatabaseSettings,
        search_path: &str,
    ) -> Result<Self, tokio_postgres::Error> {
        let target = Target::new(&settings.database_url, "requests")?;
        let target = match settings.pool.statement_timeout_ms {
            0 => target,
            limit => target.with_options(&format!("-c statement_timeout={limit}")),
        };
        let pool = pool::pool(target, settings.pool.pool_size.into(), settings.pool.wait());
        let seats = Arc::new(Semaphore::new(usize::from(settings.pool.pool_size / 2).max(1)));
        Ok(Self {
            pool,
            lanes: Arc::new(Lanes::of(settings.pool.pool_size.into())),
            search_path: search_path.into(),
            catalog: Arc::default(),
            seats,
            next_try: Arc::default(),
        })
    }

    /// What the schema looked like when it was last loaded.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// How long until the database is tried again, while it cannot be reached.
    pub fn next_try(&self) -> Option<Duration> {
        let pause = self.next_try.load(Ordering::Relaxed);
        (pause > 0).then(|| Duration::from_millis(pause))
    }

    /// Remembers when the database is tried again.
    pub fn set_next_try(&self, pause: Option<Duration>) {
        let pause = pause.map_or(0, |pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        self.next_try.store(pause, Ordering::Relaxed);
    }

    /// Closes connections that were not used for `idle` or are older than `lifetime`, apart from
    /// those in use.
    pub fn retire(&self, idle: Duration, lifetime: Duration) {
        self.pool.retain(|_, metrics| metrics.last_used() < idle && metrics.age() < lifetime);
        self.lanes.retire(idle.min(lifetime));
    }

    /// Loads the catalog anew. When that fails, the last one stays.
    ///
    /// # Errors
    /// See [`catalog::LoadError`].
    pub async fn reload(&self, schemas: &[String]) -> Result<(), catalog::LoadError> {
        let catalog = catalog::load(&self.pool, schemas).await?;
        self.catalog.store(Arc::new(catalog));
        // Parsed statements keep the types that their parameters had before.
        self.pool.manager().statement_caches.clear();
        self.lanes.retire(Duration::ZERO);
        Ok(())
    }

    /// A seat for a transaction that waits for its reader. There is one for every two connections,
    /// so that slow readers leave some to others; it is waited for as for a connection.
    ///
    /// # Errors
    /// None became free in time.
    pub async fn seat(&self) -> Result<OwnedSemaphorePermit, Error> {
        let wait = self.pool.timeouts().wait.unwrap_or_default();
        let seat = timeout(wait, Arc::clone(&self.seats).acquire_owned()).await;
        seat.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)
    }

    /// Runs one statement as `session` says; see [`session::run`].
    ///
    /// # Errors
    /// Whatever Postgres refuses, or that it cannot be reached.
    pub async fn run(
        &self,
        session: &Session<'_>,
        sql: &str,
        params: &[Text<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        session::run(&self.pool, session, sql, params).await
    }

    /// As [`Pg::run`], for a statement that only reads and whose session belongs to a request: when
    /// it was quick before, it shares a connection with others.
    ///
    /// # Errors
    /// As [`Pg::run`].
    pub async fn read(
        &self,
        session: &Session<'_>,
        sql: &str,
        params: &[Text<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.lanes.read(&self.pool, session, sql, params).await
    }

    /// Runs several statements, sent together; see [`session::run_all`].
    ///
    /// # Errors
    /// Whatever Postgres refuses, or that it cannot be reached.
    pub async fn run_all(
        &self,
        session: &Session<'_>,
        work: &[(&str, &[Text<'_>])],
    ) -> Result<Vec<Vec<tokio_postgres::Row>>, Error> {
        session::run_all(&self.pool, session, work).await
    }

    /// Runs several statements, each as somebody of its own; see [`session::relay`].
    ///
    /// # Errors
    /// Whatever Postgres refuses, or that it cannot be reached.
    pub async fn relay(&self, legs: &[Leg<'_>]) -> Result<Vec<Vec<tokio_postgres::Row>>, Error> {
        session::relay(&self.pool, legs).await
    }

    /// Begins a transaction of several statements.
    ///
    /// # Errors
    /// The role may not be put on, or Postgres cannot be reached.
    pub async fn begin(&self, session: &Session<'_>) -> Result<Transaction, Error> {
        Transaction::begin(&self.pool, session).await
    }
}
