//! Connections that small reads share.
//!
//! A read that was quick before follows right behind those of others, where otherwise it would
//! wait for a connection of its own: Postgres and we wake up once for many of them. Each is still
//! a transaction of its own, sent whole before anything else can be: nobody inherits another's
//! role, and a reader who goes away leaves nothing behind.
//!
//! Whoever shares may wait for those before. So a read may take [`LIMIT_MS`] there and no longer;
//! one that did not make it, or was refused, is asked again on a connection of its own, whose
//! answer counts. One that is slow there too is not let in again for a while.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use futures_util::{future, poll};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::super::Error;
use super::super::pool::MAX_STATEMENTS;
use super::lease::Lease;
use super::{Session, Text, awaited, of_role, query, run_on};

/// How long a read may take on a shared connection; also as Postgres is told it, in milliseconds.
const LIMIT: Duration = Duration::from_millis(50);
const LIMIT_MS: &str = "50";

/// A read that took no longer may share.
const QUICK: Duration = Duration::from_millis(10);

/// How long one that did not make it keeps to connections of its own.
const PENALTY: Duration = Duration::from_secs(60);

/// Most reads on a shared connection that are not answered yet.
const MAX_WAITING: usize = 16;

/// Connections of the pool for each that is shared.
const POOL_PER_LANE: usize = 4;

/// Most shared connections.
const MAX_LANES: usize = 8;

/// Statements whose pace is known; beyond it all are forgotten at once.
const MAX_PACES: usize = 4096;

/// What hardly ever differs between reads is set for the whole connection, when it is opened; so
/// is the search path of the read that it is opened for. All else belongs to a read alone.
const COMMON: [(&str, &str); 2] = [("request.method", "GET"), ("request.cookies", "{}")];

/// The shared connections of a pool.
#[derive(Debug)]
pub(in super::super) struct Lanes {
    slots: Vec<Mutex<Slot>>,
    /// By statement and role; held for a look-up.
    paces: Mutex<HashMap<u64, Pace>>,
}

#[derive(Debug)]
enum Slot {
    Empty,
    Opening,
    Open(Arc<Lane>),
}

#[derive(Debug, Clone, Copy)]
enum Pace {
    Quick,
    SlowUntil(Instant),
}

#[derive(Debug)]
struct Lane {
    client: Option<Object>,
    /// Settings of the whole connection.
    common: Vec<(String, String)>,
    /// Transactions that the connection knows, or is being told (`None`); held for a look-up.
    known: Mutex<HashMap<u64, Option<Known>>>,
    waiting: AtomicUsize,
}

/// The statements of a transaction, as a connection knows them.
#[derive(Debug, Clone)]
struct Known {
    begin: Statement,
    settings: Statement,
    work: Statement,
    commit: Statement,
}

/// A transaction that a connection is to know, and as whom its work is parsed.
struct Lesson {
    transaction: u64,
    begin: &'static str,
    settings: String,
    values: Vec<String>,
    text: String,
}

/// A read that is not answered yet.
struct Waiting<'a>(&'a AtomicUsize);

impl Lanes {
    /// None is open before it is needed; small pools have none.
    pub(in super::super) fn of(pool_size: usize) -> Self {
        let count = (pool_size / POOL_PER_LANE).min(MAX_LANES);
        let slots = (0..count).map(|_| Mutex::new(Slot::Empty)).collect();
        Self { slots, paces: Mutex::default() }
    }

    /// Runs one statement that only reads, as [`run`](super::run) does.
    pub(in super::super) async fn read(
        self: &Arc<Self>,
        pool: &Pool,
        session: &Session<'_>,
        sql: &str,
        params: &[Text<'_>],
    ) -> Result<Vec<Row>, Error> {
        let is_plain = session.read_only && !session.undone && session.first.is_none();
        if !is_plain || self.slots.is_empty() {
            return super::run(pool, session, sql, params).await;
        }
        let mut hasher = DefaultHasher::new();
        (session.role, sql).hash(&mut hasher);
        let statement = hasher.finish();
        let pace = self.paces().get(&statement).copied();
        let mut has_overrun = false;
        if let Some(Pace::Quick) = pace
            && let Some(lane) = self.lane(pool, session)
            && let trimmed = lane.trimmed(session)
            && let Some(known) = lane.known(statement, &trimmed, sql)
        {
            match lane.ask(&known, &trimmed, params).await {
                Ok(rows) => return Ok(rows),
                Err(error) if error.sqlstate() == Some(SqlState::QUERY_CANCELED.code()) => {
                    self.note(statement, Pace::SlowUntil(Instant::now() + PENALTY));
                    has_overrun = true;
                }
                Err(_) => {}
            }
        }
        let mut lease = Lease::take(pool).await?;
        let began = Instant::now();
        let answers = run_on(&lease, session, &[(sql, params)]).await;
        lease.settled = answers.is_ok() || lease.rolled_back().await;
        let answers = answers?;
        let took = began.elapsed();
        let is_quick = match pace {
            None => took < QUICK,
            // It may have been the machine that was slow.
            Some(Pace::Quick) => has_overrun && took < LIMIT,
            Some(Pace::SlowUntil(end)) => end <= began && took < QUICK,
        };
        if is_quick {
            self.note(statement, Pace::Quick);
        }
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Closes connections that are as old, as soon as they have answered. Whoever needs one opens
    /// it anew.
    pub(in super::super) fn retire(&self, age: Duration) {
        for number in 0..self.slots.len() {
            let mut slot = self.slot(number);
            if matches!(&*slot, Slot::Open(lane) if lane.age() >= age) {
                *slot = Slot::Empty;
            }
        }
    }

    /// The one where fewest wait; `None` when they are all full or not open yet.
    fn lane(self: &Arc<Self>, pool: &Pool, session: &Session<'_>) -> Option<Arc<Lane>> {
        let open = (0..self.slots.len()).filter_map(|number| {
            let mut slot = self.slot(number);
            match &*slot {
                Slot::Open(lane) if lane.is_good() => Some(Arc::clone(lane)),
                Slot::Opening => None,
                Slot::Open(_) | Slot::Empty => {
                    *slot = Slot::Opening;
                    // A role's own path comes after that of the request.
                    let path = session.all_settings().find(|(name, _)| *name == "search_path");
                    let common = COMMON.into_iter().chain(path);
                    let common =
                        common.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                    tokio::spawn(Arc::clone(self).open(number, pool.clone(), common));
                    None
                }
            }
        });
        open.map(|lane| (lane.waiting.load(Ordering::Relaxed), lane))
            .filter(|(waiting, _)| *waiting < MAX_WAITING)
            .min_by_key(|(waiting, _)| *waiting)
            .map(|(_, lane)| lane)
    }

    async fn open(self: Arc<Self>, number: usize, pool: Pool, common: Vec<(String, String)>) {
        let lane = Lane::open(&pool, common).await;
        *self.slot(number) = lane.map_or(Slot::Empty, |lane| Slot::Open(Arc::new(lane)));
    }

    fn slot(&self, number: usize) -> MutexGuard<'_, Slot> {
        self.slots[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, statement: u64, pace: Pace) {
        let mut paces = self.paces();
        if paces.len() >= MAX_PACES {
            paces.clear();
        }
        paces.insert(statement, pace);
    }

    fn paces(&self) -> MutexGuard<'_, HashMap<u64, Pace>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Takes a connection, waiting for it as everybody does: sharing helps most where none is free.
    /// `None` when there is none in time, or it cannot be made ready.
    async fn open(pool: &Pool, common: Vec<(String, String)>) -> Option<Self> {
        let client = pool.get().await.ok()?;
        // From here on it is closed in the end, whatever happens.
        let mut lane = Self {
            client: Some(client),
            common: Vec::new(),
            known: Mutex::default(),
            waiting: AtomicUsize::new(0),
        };
        let client = lane.client.as_ref()?;
        let set = client.prepare_cached("select set_config($1, $2, false)").await.ok()?;
        client.query(&set, &[&"statement_timeout", &LIMIT_MS]).await.ok()?;
        // Where a connection that was given up is cancelled, a read may find no transaction.
        client.query(&set, &[&"default_transaction_read_only", &"on"]).await.ok()?;
        for (name, value) in &common {
            client.query(&set, &[name, value]).await.ok()?;
        }
        lane.common = common;
        Some(lane)
    }

    fn is_good(&self) -> bool {
        self.client.as_ref().is_some_and(|client| {
            !client.is_closed() && client.statement_cache.size() <= MAX_STATEMENTS
        })
    }

    fn age(&self) -> Duration {
        self.client.as_ref().map_or(Duration::MAX, |client| Object::metrics(client).age())
    }

    /// What the connection knows of a transaction; otherwise it is told, by a task of its own: a
    /// reader who goes away meanwhile would leave it behind in Postgres, where nobody found it.
    fn known(self: &Arc<Self>, statement: u64, session: &Session<'_>, sql: &str) -> Option<Known> {
        let mut hasher = DefaultHasher::new();
        (statement, session.begin()).hash(&mut hasher);
        for (name, _) in session.all_settings() {
            name.hash(&mut hasher);
        }
        let transaction = hasher.finish();
        match self.all_known().entry(transaction) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                unknown.insert(None);
                let values = session.settings_values();
                let lesson = Lesson {
                    transaction,
                    begin: session.begin(),
                    settings: session.settings_sql(),
                    values: values.into_iter().map(str::to_owned).collect(),
                    text: of_role(session.role, sql),
                };
                tokio::spawn(Arc::clone(self).learn(lesson));
                None
            }
        }
    }

    /// Has a transaction's work parsed as the role that asks it.
    async fn learn(self: Arc<Self>, lesson: Lesson) {
        match self.prepare(&lesson).await {
            Ok(known) => drop(self.all_known().insert(lesson.transaction, known)),
            Err(_) => drop(self.all_known().remove(&lesson.transaction)),
        }
    }

    async fn prepare(&self, lesson: &Lesson) -> Result<Option<Known>, Error> {
        let Some(client) = &self.client else { return Ok(None) };
        let begin = client.prepare_cached(lesson.begin).await?;
        let settings = client.prepare_cached(&lesson.settings).await?;
        let commit = client.prepare_cached("commit").await?;
        let work = Self::parse(client, lesson, [&begin, &settings, &commit]).await?;
        Ok(Some(Known { begin, settings, work, commit }))
    }

    /// The work as a statement, in a transaction of its own; `around` begins it, sets its settings
    /// and ends it.
    async fn parse(
        client: &Object,
        lesson: &Lesson,
        around: [&Statement; 3],
    ) -> Result<Statement, Error> {
        let [begin, settings, commit] = around;
        let values: Vec<&(dyn ToSql + Sync)> =
            lesson.values.iter().map(|value| value as _).collect();

        let mut begin = pin!(client.query(begin, &[]));
        let begun = poll!(begin.as_mut());
        let mut settings = pin!(client.query(settings, &values));
        let set = poll!(settings.as_mut());
        let mut prepare = pin!(client.prepare_cached(&lesson.text));
        let prepared = poll!(prepare.as_mut());
        let mut commit = pin!(client.query(commit, &[]));
        let ended = poll!(commit.as_mut());

        let (begun, set, prepared, ended) = future::join4(
            awaited(begun, begin),
            awaited(set, settings),
            awaited(prepared, prepare),
            awaited(ended, commit),
        )
        .await;
        begun?;
        set?;
        let work = prepared?;
        ended?;
        Ok(work)
    }

    /// Sends a transaction whole and awaits its answer.
    async fn ask(
        &self,
        known: &Known,
        session: &Session<'_>,
        params: &[Text<'_>],
    ) -> Result<Vec<Row>, Error> {
        let Some(client) = &self.client else { return Ok(Vec::new()) };
        let values = session.settings_values();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let _waiting = Waiting::among(&self.waiting);

        // The first poll sends. Nothing is waited for until all is sent: nobody comes between.
        let mut begin = pin!(client.query(&known.begin, &[]));
        let begun = poll!(begin.as_mut());
        let mut settings = pin!(client.query(&known.settings, &values));
        let set = poll!(settings.as_mut());
        let mut work = pin!(query(client, &known.work, params));
        let worked = poll!(work.as_mut());
        let mut commit = pin!(client.query(&known.commit, &[]));
        let ended = poll!(commit.as_mut());

        let (begun, set, rows, ended) = future::join4(
            awaited(begun, begin),
            awaited(set, settings),
            awaited(worked, work),
            awaited(ended, commit),
        )
        .await;
        begun?;
        set?;
        let rows = rows?;
        ended?;
        Ok(rows)
    }

    fn all_known(&self) -> MutexGuard<'_, HashMap<u64, Option<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without what is set already, and with our limit for that of a role.
    fn trimmed<'a>(&self, session: &Session<'a>) -> Session<'a> {
        let mut session = session.clone();
        let is_common = |(name, value): &(&str, &str)| {
            self.common.iter().any(|(known, set)| known == name && set == value)
        };
        session.own_settings.retain(|setting| !is_common(setting));
        session.settings.retain(|setting| !is_common(setting));
        for (name, value) in &mut session.own_settings {
            if *name == "statement_timeout" {
                *value = LIMIT_MS;
            }
        }
        session
    }
}

impl Drop for Lane {
    /// The connection has settings that nobody else wants.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl<'a> Waiting<'a> {
    fn among(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
