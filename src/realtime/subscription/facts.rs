//! What Postgres says of the tables and columns that bindings name.
//!
//! Many who join at once with the same wish ask once: what was found holds for a second, as
//! everything does that the log does not tell. A refusal is never kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::super::logs::Log;
use super::meaning::Column;
use crate::pg::session::Session;
use crate::pg::{Error, Pg};

const FACTS: &str = include_str!("facts.sql");

/// For how long something found is good.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Most findings kept; beyond it all are let go of.
const MAX_FOUND: usize = 1024;

/// A role and its question.
type Asked = (Arc<str>, String);

/// What was found lately, for whom.
#[derive(Debug)]
pub struct Facts {
    /// Whether there is a log of tables that are loaded in bulk.
    has_bulk: bool,
    /// By role and question. Held for a look or a note.
    found: Mutex<HashMap<Asked, Arc<Finding>>>,
}

#[derive(Debug)]
struct Finding {
    asked_at: Instant,
    facts: OnceCell<Arc<[Fact]>>,
}

/// What is so about a table, or about a column of it, that a binding names.
#[derive(Debug)]
pub(super) struct Fact {
    /// The number of the binding.
    pub(super) binding: usize,
    /// The log that tells of what it names; `None` when none does.
    pub(super) log: Option<Log>,
    /// The column, when one was asked about.
    pub(super) name: Option<String>,
    /// What it is; `None` when it is not there, or may not be selected.
    pub(super) column: Option<Arc<Column>>,
}

impl Facts {
    /// Nothing yet.
    pub fn new(has_bulk: bool) -> Self {
        Self { has_bulk, found: Mutex::default() }
    }

    /// Answers a question (see `facts.sql`) as the role of `session` sees it.
    ///
    /// # Errors
    /// Whatever Postgres refuses, or that it cannot be reached.
    pub(super) async fn ask(
        &self,
        pg: &Pg,
        session: &Session<'_>,
        role: &Arc<str>,
        question: String,
    ) -> Result<Arc<[Fact]>, Error> {
        let key = (Arc::clone(role), question);
        let finding = self.finding(&key);
        let ask = || async {
            let bulk = self.has_bulk.then_some(Log::Bulk.publication());
            let params = [Some(&*key.1), Some(Log::Main.publication()), bulk];
            let rows = pg.run(session, FACTS, &params).await?;
            Ok::<_, Error>(rows.iter().map(Fact::read).collect())
        };
        let facts = Arc::clone(finding.facts.get_or_try_init(ask).await?);
        if !facts.iter().all(Fact::is_good) {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.get(&key).is_some_and(|kept| Arc::ptr_eq(kept, &finding)) {
                found.remove(&key);
            }
        }
        Ok(facts)
    }

    fn finding(&self, key: &Asked) -> Arc<Finding> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(finding) = found.get(key).filter(|it| it.asked_at.elapsed() < MAX_AGE) {
            return Arc::clone(finding);
        }
        if found.len() >= MAX_FOUND {
            found.clear();
        }
        let finding = Arc::new(Finding { asked_at: Instant::now(), facts: OnceCell::new() });
        found.insert(key.clone(), Arc::clone(&finding));
        finding
    }
}

impl Fact {
    fn read(row: &tokio_postgres::Row) -> Self {
        Self {
            binding: usize::try_from(row.get::<_, i32>("binding")).unwrap_or_default(),
            log: row
                .get::<_, Option<bool>>("is_bulk")
                .map(|is_bulk| if is_bulk { Log::Bulk } else { Log::Main }),
            name: row.get("column_name"),
            column: Column::read(row).map(Arc::new),
        }
    }

    fn is_good(&self) -> bool {
        self.log.is_some() && (self.name.is_none() || self.column.is_some())
    }
}
