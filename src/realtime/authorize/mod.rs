//! May this identity see this row? Postgres decides; nothing here knows what a policy means.
//!
//! Reading order: `table` (columns and types), `policy` (what a role may see of a table),
//! `image` (a row as Postgres reads it), `verdict` (the question), `settled` (when an answer
//! counts). The door is [`Authorizer::decide`]: images and who asks for them in, who may see
//! them out. Tiers that remember verdicts belong behind this door, before `verdict`.

pub mod analysis;
mod image;
mod policy;
mod settled;
mod table;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use crate::identity::Identity;
use crate::pg::Error;
use crate::wal::{Relation, Tuple};

pub use image::Image;
pub use policy::{Lens, Rows};
pub use table::{Column, Table};

use settled::Unsettled;
use verdict::Case;

/// A change of role memberships or settings leaves no trace in the log, and one of a table only
/// with its next row; what was read or compiled is so again after this long.
const LENS_AGE: Duration = Duration::from_secs(1);

/// How long somebody whose policy ran into the time limit is not asked about that table again.
const TIMEOUT_REST: Duration = Duration::from_secs(10);

/// Transactions that may wait to be settled before Postgres is asked for a snapshot.
const MAX_UNSETTLED: usize = 4096;

/// A row image and those who want to see it.
#[derive(Debug)]
pub struct Request {
    /// The table.
    pub table: Arc<Table>,
    /// The row.
    pub image: Image,
    /// Whether it is the row before its change: what it lacks cannot be looked up any more.
    pub is_past: bool,
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

/// Asks Postgres who may see what, once per table, image and distinct identity.
pub struct Authorizer {
    pool: Pool,
    tables: HashMap<u32, (Instant, Arc<Table>)>,
    lenses: HashMap<(u32, Arc<str>), (Instant, Arc<Lens>)>,
    /// Who ran into the time limit, on which table, and until when they rest.
    resting: HashMap<(u32, Arc<Identity>), Instant>,
    unsettled: Unsettled,
}

impl Authorizer {
    /// An authorizer that asks over `pool`, whose connections bound how long a statement runs.
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            tables: HashMap::new(),
            lenses: HashMap::new(),
            resting: HashMap::new(),
            unsettled: Unsettled::default(),
        }
    }

    /// The log told a transaction: verdicts must see it from now on.
    ///
    /// # Errors
    /// Too many wait to be settled and Postgres cannot be asked for a snapshot.
    pub async fn told(&mut self, xid: u32) -> Result<(), Error> {
        self.unsettled.told(xid);
        if self.unsettled.len() > MAX_UNSETTLED {
            verdict::settle(&self.pool, &mut self.unsettled).await?;
        }
        Ok(())
    }

    /// A table's shape, grants or policies changed.
    pub fn forget(&mut self, relation: u32) {
        self.tables.remove(&relation);
        self.lenses.retain(|(table, _), _| *table != relation);
    }

    /// What is known of a table; `None` when it is gone.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn table(&mut self, relation: &Relation) -> Result<Option<Arc<Table>>, Error> {
        if let Some((read_at, table)) = self.tables.get(&relation.oid)
            && read_at.elapsed() < LENS_AGE
        {
            return Ok(Some(Arc::clone(table)));
        }
        let client = self.pool.get().await?;
        let Some(table) = Table::load(&client, relation.oid).await? else { return Ok(None) };
        let table = Arc::new(table);
        self.tables.insert(relation.oid, (Instant::now(), Arc::clone(&table)));
        Ok(Some(table))
    }

    /// What the role of `identity` may see of a table.
    ///
    /// # Errors
    /// The role may not be put on, or the database cannot be asked.
    pub async fn lens(&mut self, table: &Table, identity: &Identity) -> Result<Arc<Lens>, Error> {
        let key = (table.oid, Arc::clone(&identity.role));
        if let Some((compiled_at, lens)) = self.lenses.get(&key)
            && compiled_at.elapsed() < LENS_AGE
        {
            return Ok(Arc::clone(lens));
        }
        let lens = Arc::new(Lens::compile(&self.pool, table, identity).await?);
        self.lenses.insert(key, (Instant::now(), Arc::clone(&lens)));
        Ok(lens)
    }

    /// Decides each request for each of its identities, in their order.
    ///
    /// # Errors
    /// The database cannot be reached: nothing is decided.
    pub async fn decide(&mut self, requests: &[Request]) -> Result<Vec<Vec<Decision>>, Error> {
        let mut decisions: Vec<Vec<Decision>> = requests
            .iter()
            .map(|request| vec![Decision::Denied; request.identities.len()])
            .collect();
        // Images of one table that one person asks for are one case.
        let mut cases: HashMap<Asked, Vec<(usize, usize)>> = HashMap::new();
        for (number, request) in requests.iter().enumerate() {
            for (position, identity) in request.identities.iter().enumerate() {
                match self.shortcut(request, identity).await? {
                    Short::Decided(decision) => decisions[number][position] = decision,
                    Short::Ask(sql) => {
                        let asked =
                            Asked { table: request.table.oid, identity: Arc::clone(identity), sql };
                        cases.entry(asked).or_default().push((number, position));
                    }
                }
            }
        }
        if cases.is_empty() {
            return Ok(decisions);
        }
        let mut cases: Vec<_> = cases.into_iter().collect();
        // A person's cases side by side: their role and claims are put on once.
        cases.sort_by(|(a, _), (b, _)| Arc::as_ptr(&a.identity).cmp(&Arc::as_ptr(&b.identity)));
        let questions: Vec<Case<'_>> = cases
            .iter()
            .map(|(asked, places)| Case {
                identity: &asked.identity,
                sql: &asked.sql,
                rows: places
                    .iter()
                    .map(|(number, _)| requests[*number].image.literal.as_str())
                    .collect(),
            })
            .collect();
        let verdicts = verdict::ask(&self.pool, &mut self.unsettled, &questions).await?;
        for ((asked, places), verdicts) in cases.iter().zip(verdicts) {
            for ((number, position), verdict) in places.iter().zip(verdicts) {
                decisions[*number][*position] = self.decision(asked, verdict);
            }
        }
        Ok(decisions)
    }

    /// What needs no question.
    async fn shortcut(
        &mut self,
        request: &Request,
        identity: &Arc<Identity>,
    ) -> Result<Short, Error> {
        let lens = match refused_apart(self.lens(&request.table, identity).await)? {
            Ok(lens) => lens,
            Err(sqlstate) => return Ok(Short::Decided(Decision::Failed(sqlstate))),
        };
        let rest = (request.table.oid, Arc::clone(identity));
        match self.resting.get(&rest) {
            Some(until) if *until > Instant::now() => {
                return Ok(Short::Decided(Decision::Failed(QUERY_CANCELED.to_owned())));
            }
            Some(_) => drop(self.resting.remove(&rest)),
            None => {}
        }
        Ok(match &lens.rows {
            Rows::All => Short::Decided(Decision::Permitted),
            Rows::None => Short::Decided(Decision::Denied),
            Rows::Where(policy) => {
                let misses_something = policy
                    .reads
                    .iter()
                    .zip(&request.image.missing)
                    .any(|(is_read, is_missing)| *is_read && *is_missing);
                match (misses_something, request.is_past) {
                    (false, _) => Short::Ask(policy.by_image.as_str().into()),
                    (true, false) => Short::Ask(policy.by_key.as_str().into()),
                    (true, true) => Short::Decided(Decision::Denied),
                }
            }
        })
    }

    fn decision(&mut self, asked: &Asked, verdict: verdict::Verdict) -> Decision {
        match verdict {
            Ok(true) => Decision::Permitted,
            Ok(false) => Decision::Denied,
            Err(error) => {
                let sqlstate = error.sqlstate().unwrap_or("XX000").to_owned();
                tracing::warn!(table = asked.table, %error, "a policy failed for one identity");
                if sqlstate == QUERY_CANCELED {
                    let now = Instant::now();
                    self.resting.retain(|_, until| *until > now);
                    let rest = (asked.table, Arc::clone(&asked.identity));
                    self.resting.insert(rest, now + TIMEOUT_REST);
                }
                Decision::Failed(sqlstate)
            }
        }
    }
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

/// What makes two questions one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    table: u32,
    identity: Arc<Identity>,
    sql: Arc<str>,
}

enum Short {
    Decided(Decision),
    Ask(Arc<str>),
}

/// A row image made of a change's values.
pub fn image(table: &Table, relation: &Relation, values: &Tuple) -> Image {
    Image::new(table, &relation.columns, values)
}
