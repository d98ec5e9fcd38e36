//! Postgres compares values for filters: one statement an operation, for all who ask it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use serde_json::Value;
use tokio_postgres::error::SqlState;

use super::predicate::{Compared, Comparison, Operation};
use crate::pg::Error;
use crate::pg::session::{self, Session};

/// How long a filter that ran into the time limit is not asked again.
const TIMEOUT_REST: Duration = Duration::from_secs(10);

/// Filters of one operation that may run into the time limit for one batch of changes.
const MAX_TIMEOUTS: usize = 2;

/// Lets Postgres compare values for filters.
pub struct Comparer {
    pool: Pool,
    /// Filters that ran into the time limit, and until when they rest.
    resting: HashMap<(Arc<Operation>, String), Instant>,
}

impl Comparer {
    /// One that asks over `pool`, whose connections bound how long a statement runs.
    pub fn new(pool: Pool) -> Self {
        Self { pool, resting: HashMap::new() }
    }

    /// Has all of `compared` answered; one statement an operation. What Postgres cannot compare
    /// (the type was changed, a pattern takes too long) stays unknown, and nobody waits for it.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn compare(&mut self, compared: &mut Compared) -> Result<(), Error> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let mut by_operation: HashMap<Arc<Operation>, Vec<Comparison>> = HashMap::new();
        for comparison in compared.keys() {
            let filter = (Arc::clone(&comparison.operation), comparison.right.clone());
            if self.resting.is_empty() || !self.resting.contains_key(&filter) {
                by_operation.entry(filter.0).or_default().push(comparison.clone());
            }
        }
        for (operation, comparisons) in by_operation {
            let mut timeouts = 0;
            let mut waiting = vec![comparisons];
            while let Some(asked) = waiting.pop() {
                if timeouts == MAX_TIMEOUTS {
                    break;
                }
                match self.ask(&operation, &asked).await {
                    Ok(answers) => compared.extend(asked.into_iter().zip(answers)),
                    Err(error) if error.sqlstate() == Some(SqlState::QUERY_CANCELED.code()) => {
                        waiting.extend(self.by_filter(&operation, asked, &mut timeouts));
                    }
                    Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
                        waiting.extend(halves(&operation, asked, &error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn ask(
        &self,
        operation: &Operation,
        asked: &[Comparison],
    ) -> Result<Vec<Option<bool>>, Error> {
        let sql = format!(
            "select array_agg({} order by n)
               from rows from (json_array_elements_text($1::json), json_array_elements_text($2::json))
                    with ordinality as t (l, r, n)",
            operation.sql
        );
        let side = |of: fn(&Comparison) -> &str| {
            Value::Array(asked.iter().map(|one| Value::from(of(one))).collect()).to_string()
        };
        let (left, right) = (side(|asked| &asked.left), side(|asked| &asked.right));
        // Accepted under the same: what an extension brings is named in full.
        let session = Session::own(&operation.role).read_only().set("search_path", "");
        let rows = session::run(&self.pool, &session, &sql, &[Some(&left), Some(&right)]).await?;
        let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
        Ok(row.try_get(0)?)
    }

    /// After a time-out: each filter alone; one that is alone already rests.
    fn by_filter(
        &mut self,
        operation: &Arc<Operation>,
        asked: Vec<Comparison>,
        timeouts: &mut usize,
    ) -> Vec<Vec<Comparison>> {
        let mut filters: HashMap<String, Vec<Comparison>> = HashMap::new();
        for comparison in asked {
            filters.entry(comparison.right.clone()).or_default().push(comparison);
        }
        if filters.len() > 1 {
            return filters.into_values().collect();
        }
        *timeouts += 1;
        for filter in filters.into_keys() {
            tracing::warn!(operation = operation.sql, "a filter takes too long, and rests");
            self.resting.insert((Arc::clone(operation), filter), Instant::now() + TIMEOUT_REST);
        }
        Vec::new()
    }
}

/// After an error: what caused it is found by asking less.
fn halves(
    operation: &Operation,
    mut asked: Vec<Comparison>,
    error: &Error,
) -> Vec<Vec<Comparison>> {
    if asked.len() > 1 {
        let half = asked.split_off(asked.len() / 2);
        return vec![asked, half];
    }
    tracing::warn!(%error, operation = operation.sql, "a filter cannot be compared");
    Vec::new()
}
