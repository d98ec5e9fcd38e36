//! May this identity see this row? Postgres decides; nothing here knows what a policy means.
//!
//! Reading order: `table` (columns and types), `policy` (what a role may see of a table),
//! `analysis` (what its policies depend on), `image` (a row as Postgres reads it), `audience`
//! (verdicts that still stand, pure), `touched` (whom a change concerns, pure), `inquiry` (what
//! must be asked for a batch of changes), `candidates` (who could be permitted at all), `verdict`
//! (the question), `settled` (when an answer counts), `complete` (when the log tells
//! enough), `definition` (is a table as it was?),
//! `signals` (when everything must be read again).
//!
//! The way of a batch: [`Authorizer::begin`] for each transaction takes back what it makes
//! void; [`Authorizer::see`] for each change gives what is remembered and notes what must be
//! asked; [`Authorizer::answer`] asks all of it, and remembers it.
//!
//! Why that is exact: verdicts are taken back in the order of the log, before any change of the
//! same transaction is decided. A new verdict counts only when its snapshot contains all that
//! the log has told; whatever else it contains is still to be told, and then takes it back.

pub mod analysis;
mod audience;
mod candidates;
mod complete;
mod definition;
mod image;
mod inquiry;
mod policy;
mod settled;
mod signals;
mod table;
mod touched;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use super::logs::Log;
use crate::identity::Identity;
use crate::observe::{AuthorizerMetrics, Share};
use crate::pg::Error;
use crate::wal::{Change, Relation};

pub(super) use audience::Subject;
pub use audience::{Audience, Freshness, Person, Viewer, Whom};
pub use complete::Complete;
pub(super) use definition::Definitions;
pub use image::Image;
pub use inquiry::{Asking, Inquiry, Seen, Sight};
pub use policy::{Lens, Policy, Rows, Wording};
pub(super) use settled::{Snapshot, Unsettled};
pub(super) use signals::{Signals, wait_for_end};
pub use table::{Column, Table};
pub(super) use touched::Touched;

use analysis::Analysis;
use touched::{concerned, void};
use verdict::Case;

/// How long somebody whose policy ran into the time limit is not asked about that table again:
/// at first, and at most. Each time-out in a row doubles it.
const TIMEOUT_REST: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// Transactions that may wait to be settled before Postgres is asked for a snapshot.
const MAX_UNSETTLED: usize = 4096;

/// A row image and those who want to see it.
#[derive(Debug)]
pub struct Request {
    /// Oid of the table.
    pub table: u32,
    /// How to ask.
    pub wording: Arc<Wording>,
    /// The row image.
    pub image: Arc<str>,
    /// Who asks; each person once.
    pub identities: Vec<Arc<Identity>>,
}

/// Whether one person may see one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Postgres's policies permit it.
    Permitted,
    /// They do not.
    Denied,
    /// They raised an error, which denies too; its SQLSTATE.
    Failed(String),
}

/// What a transaction of the log means for what is remembered.
#[derive(Debug, Default)]
pub struct Consequences<'a> {
    /// Tables whose shape, grants or policies may have changed.
    pub tables: &'a [u32],
    /// Tables that were emptied.
    pub emptied: &'a [u32],
    /// Whether anything else that policies stand on may have changed.
    pub schema: bool,
    /// Whether this is only its beginning.
    pub is_cut: bool,
    /// The transaction's id.
    pub xid: u32,
    /// The rows that changed.
    pub changes: &'a [Arc<Change>],
}

/// Asks Postgres who may see what, once per table, row key and viewer.
pub struct Authorizer {
    /// The log whose changes it decides.
    log: Log,
    pool: Pool,
    definitions: Definitions,
    tables: HashMap<u32, Arc<Table>>,
    /// What each role may see of a table; the SQLSTATE when it may not be put on.
    lenses: HashMap<(u32, Arc<str>), Result<Arc<Lens>, String>>,
    audiences: HashMap<(u32, Arc<str>), Audience>,
    /// Who ran into the time limit, on which table, until when they rest, and how long that is.
    resting: HashMap<(u32, Arc<Identity>), (Instant, Duration)>,
    unsettled: Unsettled,
    /// How many transactions the log has told.
    told: u64,
    signals: Signals,
    complete: Complete,
    /// The log tells all rows that policies read of transactions from this one on.
    complete_from: Option<u64>,
    /// How many times tables or everything was forgotten.
    forgotten: u64,
    metrics: AuthorizerMetrics,
    /// What it adds to what all authorizers remember.
    keys: Share,
    uncacheable_policies: Share,
    /// For the test that this matters: verdicts are never taken back.
    keeps_void_verdicts: bool,
}

/// What is remembered of who may see what, set apart.
pub struct Apart {
    audiences: HashMap<(u32, Arc<str>), Audience>,
    forgotten: u64,
}

impl Authorizer {
    /// An authorizer that asks over `pool`, whose connections bound how long a statement runs.
    pub fn new(
        log: Log,
        pool: Pool,
        complete: Complete,
        metrics: AuthorizerMetrics,
        keeps_void_verdicts: bool,
    ) -> Self {
        Self {
            log,
            pool,
            definitions: Definitions::default(),
            tables: HashMap::new(),
            lenses: HashMap::new(),
            audiences: HashMap::new(),
            resting: HashMap::new(),
            unsettled: Unsettled::default(),
            told: 0,
            signals: Signals::default(),
            complete,
            complete_from: None,
            forgotten: 0,
            keys: Share::new(&metrics.keys),
            uncacheable_policies: Share::new(&metrics.uncacheable_policies),
            metrics,
            keeps_void_verdicts,
        }
    }

    /// The log told a transaction: verdicts must see it from now on. Gives its number.
    ///
    /// # Errors
    /// Too many wait to be settled and Postgres cannot be asked for a snapshot.
    pub async fn told(&mut self, xid: u32) -> Result<u64, Error> {
        self.unsettled.told(xid);
        self.told += 1;
        if self.unsettled.len() > MAX_UNSETTLED {
            verdict::settle(&self.pool, &mut self.unsettled).await?;
        }
        Ok(self.told)
    }

    /// The log goes on elsewhere, and everything it told before has ended.
    pub fn start_anew(&mut self) {
        self.unsettled = Unsettled::default();
        self.forget_everything();
    }

    /// Whatever happened meanwhile is not known.
    pub fn forget_everything(&mut self) {
        self.forgotten += 1;
        self.definitions.forget_everything();
        self.tables.clear();
        self.lenses.clear();
        self.audiences.clear();
    }

    /// A table's shape, grants or policies changed: so may have what policies read of it.
    pub fn forget(&mut self, relation: u32) {
        self.forgotten += 1;
        self.definitions.forget(relation);
        self.tables.remove(&relation);
        let concerns = |table: u32, lens: &Lens| {
            table == relation
                || lens.analysis().is_some_and(|analysis| does_read(analysis, relation))
        };
        self.lenses.retain(|(table, _), lens| match lens {
            Ok(lens) => !concerns(*table, lens),
            Err(_) => *table != relation,
        });
        self.audiences.retain(|(table, _), audience| !concerns(*table, audience.lens()));
    }

    /// Before a batch: if what leaves no trace in the log was not looked at for a second, it
    /// is now.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        self.look(signals::MAX_AGE).await
    }

    /// After a batch: the same, somewhat early.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn refresh_early(&mut self) -> Result<(), Error> {
        self.look(signals::EARLY_AGE).await
    }

    async fn look(&mut self, age: Duration) -> Result<(), Error> {
        if self.signals.refresh(&self.pool, age).await? && !self.keeps_void_verdicts {
            self.forget_everything();
        }
        Ok(())
    }

    /// How much older than a second a commit is by Postgres's own clock, as a bound for the
    /// verdicts about it: who lost a right loses it within a second, however far behind we are.
    pub fn freshness(&self, committed_at_us: i64, asked_since: Option<u64>) -> Freshness {
        let max_age = self.signals.is_late(committed_at_us).then_some(signals::MAX_AGE);
        Freshness { asked_since, max_age }
    }

    /// Takes back what a transaction makes void, before any of its changes is decided.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn begin(&mut self, told: &Consequences<'_>) -> Result<(), Error> {
        if told.schema || told.is_cut || !told.tables.is_empty() {
            // Others may see the old definition until the transaction has let go of its locks.
            signals::wait_for_end(&self.pool, told.xid).await?;
        }
        for table in self.definitions.changed(&self.pool, told.tables).await? {
            self.forget(table);
        }
        // What is still to come of a transaction may change definitions too.
        if told.schema || told.is_cut {
            self.forget_everything();
        }
        if self.keeps_void_verdicts {
            return Ok(());
        }
        let audiences = &mut self.audiences;
        for audience in audiences.values_mut() {
            let lens = Arc::clone(audience.lens());
            let Some(analysis) = lens.analysis() else { continue };
            if told.emptied.iter().any(|table| does_read(analysis, *table)) {
                audience.forget_all();
                continue;
            }
            for change in told.changes {
                for read in concerned(analysis, change.relation.oid) {
                    let voided = void(audience, read, &analysis.columns, change);
                    self.metrics.invalidations.inc_by(voided);
                }
            }
        }
        Ok(())
    }

    /// Somebody follows a table, from now on.
    pub fn enter(&mut self, table: u32, person: Person, identity: &Arc<Identity>) {
        if let Some(audience) = self.audiences.get_mut(&(table, Arc::clone(&identity.role))) {
            audience.enter(person, identity);
        }
    }

    /// Somebody does not follow a table any more.
    pub fn leave(&mut self, table: u32, person: Person, identity: &Arc<Identity>) {
        let key = (table, Arc::clone(&identity.role));
        if let Some(audience) = self.audiences.get_mut(&key) {
            audience.leave(person);
            if audience.is_worn() {
                self.audiences.remove(&key);
            }
        }
    }

    /// What is known of a published table; `None` when it is gone or not published any more.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn table(&mut self, relation: &Relation) -> Result<Option<Arc<Table>>, Error> {
        let table = if let Some(table) = self.tables.get(&relation.oid) {
            Arc::clone(table)
        } else {
            self.definitions.note(&self.pool, std::iter::once(relation.oid)).await?;
            let client = self.pool.get().await?;
            let Some(table) = Table::load(&client, relation.oid, self.log).await? else {
                return Ok(None);
            };
            let table = Arc::new(table);
            self.tables.insert(relation.oid, Arc::clone(&table));
            table
        };
        Ok(Some(table).filter(|table| table.is_published))
    }

    /// Goes on with nothing remembered of who may see what, for changes that are not the
    /// newest: they are judged by what holds now.
    pub fn set_apart(&mut self) -> Apart {
        Apart { audiences: std::mem::take(&mut self.audiences), forgotten: self.forgotten }
    }

    /// Remembers again what was set apart, unless it may be void by now.
    pub fn put_back(&mut self, apart: Apart) {
        self.audiences = apart.audiences;
        if self.forgotten != apart.forgotten {
            self.audiences.clear();
        }
    }

    /// So many changes were decided, in so much time.
    pub fn count_decided(&self, changes: usize, took: Duration) {
        self.metrics.changes.inc_by(changes as u64);
        self.metrics.seconds.inc_by(took.as_secs_f64());
    }

    async fn lens(
        &mut self,
        table: &Table,
        role: &Arc<str>,
    ) -> Result<Result<Arc<Lens>, String>, Error> {
        let key = (table.oid, Arc::clone(role));
        if let Some(lens) = self.lenses.get(&key) {
            return Ok(lens.clone());
        }
        // What it reads must be noted before it is compiled, and only compiling tells what that is.
        let lens = loop {
            let reading = self.complete.read().await;
            let lens = Lens::compile(&self.pool, self.log, table, role).await;
            let lens = refused_apart(lens)?;
            let analysis = lens.as_ref().ok().and_then(Lens::analysis);
            self.complete_from = reading.end(analysis);
            let reads = analysis.map_or(&[][..], |analysis| &analysis.reads);
            if !self.definitions.note(&self.pool, reads.iter().map(|read| read.table)).await? {
                break lens.map(Arc::new);
            }
        };
        self.lenses.insert(key, lens.clone());
        Ok(lens)
    }

    /// Decides each request for each of its identities, in their order.
    ///
    /// # Errors
    /// The database cannot be reached: nothing is decided.
    async fn decide(&mut self, requests: &[Request]) -> Result<Vec<Vec<Decision>>, Error> {
        let mut decisions: Vec<Vec<Decision>> = requests
            .iter()
            .map(|request| vec![Decision::Denied; request.identities.len()])
            .collect();
        let mut asked: Vec<(Asked<'_>, usize, usize)> = Vec::new();
        for (number, request) in requests.iter().enumerate() {
            for (position, identity) in request.identities.iter().enumerate() {
                if self.rest_of(request.table, identity).is_some() {
                    decisions[number][position] = Decision::Failed(QUERY_CANCELED.to_owned());
                    continue;
                }
                let of = Asked { identity, table: request.table, wording: &request.wording };
                asked.push((of, number, position));
            }
        }
        if asked.is_empty() {
            return Ok(decisions);
        }
        // A person's cases side by side: their role and claims are put on once. Images of one
        // table that one person asks for are one case.
        asked.sort_by(|(one, ..), (next, ..)| one.key().cmp(&next.key()));
        let cases: Vec<_> =
            asked.chunk_by(|(one, ..), (next, ..)| one.key() == next.key()).collect();
        let questions: Vec<Case<'_>> = cases
            .iter()
            .map(|places| Case {
                identity: places[0].0.identity,
                wording: places[0].0.wording,
                rows: places.iter().map(|(_, number, _)| &*requests[*number].image).collect(),
            })
            .collect();
        let verdicts = verdict::ask(&self.pool, &mut self.unsettled, &questions).await?;
        let mut failures: HashMap<(u32, String), usize> = HashMap::new();
        for (places, verdicts) in cases.iter().zip(verdicts) {
            for ((asked, number, position), verdict) in places.iter().zip(verdicts) {
                let decision = self.decision(asked, verdict);
                if let Decision::Failed(sqlstate) = &decision {
                    *failures.entry((asked.table, sqlstate.clone())).or_default() += 1;
                }
                decisions[*number][*position] = decision;
            }
        }
        for ((table, sqlstate), count) in failures {
            tracing::warn!(table, sqlstate, count, "policies failed: these rows are withheld");
        }
        Ok(decisions)
    }

    /// How long somebody is not asked about a table any more, after policies ran into the time
    /// limit.
    pub fn rests(&self, table: u32, person: Person, role: &Arc<str>) -> Option<Duration> {
        let audience = self.audience(table, role)?;
        self.rest_of(table, &audience.identity(audience.viewer(person)?))
    }

    fn rest_of(&self, table: u32, identity: &Arc<Identity>) -> Option<Duration> {
        if self.resting.is_empty() {
            return None;
        }
        let (until, _) = self.resting.get(&(table, Arc::clone(identity)))?;
        until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    }

    fn decision(&mut self, asked: &Asked<'_>, verdict: verdict::Verdict) -> Decision {
        match verdict {
            Ok(true) => Decision::Permitted,
            Ok(false) => Decision::Denied,
            Err(error) => {
                let sqlstate = error.sqlstate().unwrap_or("XX000").to_owned();
                if sqlstate == QUERY_CANCELED {
                    self.rest(asked);
                }
                Decision::Failed(sqlstate)
            }
        }
    }

    fn rest(&mut self, asked: &Asked<'_>) {
        let now = Instant::now();
        // Who was not slow again for as long as they rested starts from the beginning.
        self.resting.retain(|_, (until, length)| *until + *length > now);
        let rest = (asked.table, Arc::clone(asked.identity));
        let (first, longest) = TIMEOUT_REST;
        let length = self.resting.get(&rest).map_or(first, |(_, last)| (*last * 2).min(longest));
        self.resting.insert(rest, (now + length, length));
    }
}

/// Whether policies look at the rows of a table.
fn does_read(analysis: &Analysis, table: u32) -> bool {
    analysis.reads.iter().any(|read| read.table == table)
}

/// A role that may not be put on concerns its bearer alone: the SQLSTATE. A database that is
/// going down or coming up refuses too, and is asked again.
///
/// # Errors
/// The database cannot be asked.
pub fn refused_apart<T>(outcome: Result<T, Error>) -> Result<Result<T, String>, Error> {
    match outcome {
        Err(error) if error.is_passing() => Err(error),
        Err(Error::Refused(error)) => Ok(Err(error.code().code().to_owned())),
        Err(error) => Err(error),
        Ok(found) => Ok(Ok(found)),
    }
}

/// SQLSTATE of a statement that ran into the time limit.
const QUERY_CANCELED: &str = "57014";

/// Whose question it is, about what, and in which words.
#[derive(Debug)]
struct Asked<'a> {
    identity: &'a Arc<Identity>,
    table: u32,
    wording: &'a Wording,
}

impl Asked<'_> {
    /// What makes two questions one.
    fn key(&self) -> (&str, &str, u32, &Wording) {
        (&self.identity.role, &self.identity.claims, self.table, self.wording)
    }
}
