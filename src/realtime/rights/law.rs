//! What the policies of private channels depend on, for one role, and whom a transaction of the
//! log can therefore concern.

use deadpool_postgres::Pool;

use super::Told;
use crate::pg::Error;
use crate::realtime::authorize::analysis::{Analysis, Purpose, analyse, explain};
use crate::realtime::authorize::{Complete, Touched, refused_apart};
use crate::realtime::logs::Log;

/// The law of one role.
#[derive(Debug)]
pub(super) struct Law {
    pub(super) hearing: Part,
    pub(super) speech: Part,
    /// Whether the log tells all that happens to the tables that are read, by now.
    pub(super) is_complete: bool,
    /// The first transaction that surely tells all that happens to them.
    pub(super) complete_from: Option<u64>,
}

/// What one kind of right depends on; nothing is known when the policies could not be read.
#[derive(Debug)]
pub(super) struct Part(Option<Analysis>);

impl Law {
    /// Reads the policies of `table`, which is realtime.messages, as they bind `role`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn read(
        pool: &Pool,
        complete: &Complete,
        table: u32,
        role: &str,
    ) -> Result<Self, Error> {
        let read = async |purpose| {
            let analysis = refused_apart(analyse(pool, Log::Main, table, role, purpose).await)?;
            Ok::<_, Error>(Part(analysis.ok()))
        };
        let reading = complete.read().await;
        let hearing = read(Purpose::Hearing).await?;
        let speech = read(Purpose::Speech).await?;
        let complete_from = reading.end(hearing.0.iter().chain(&speech.0));
        if let Some(analysis) = &hearing.0
            && let Err(error) = explain::note(pool, table, role, analysis).await
        {
            tracing::debug!(%error, "what is known of private channels was not noted");
        }
        Ok(Self { hearing, speech, is_complete: false, complete_from })
    }

    /// The tables that decide.
    pub(super) fn tables(&self) -> impl Iterator<Item = u32> {
        let parts = [&self.hearing, &self.speech].into_iter().filter_map(|part| part.0.as_ref());
        parts.flat_map(|analysis| &analysis.reads).map(|read| read.table)
    }
}

impl Part {
    /// Whether more may decide than the log tells.
    pub(super) fn is_blind(&self) -> bool {
        self.0.as_ref().is_none_or(|analysis| analysis.is_blind)
    }

    /// Whether time alone may change it.
    pub(super) fn is_fleeting(&self) -> bool {
        self.0.as_ref().is_none_or(|analysis| !analysis.reasons.is_empty())
    }

    /// Whom a transaction concerns, as far as the log can tell.
    pub(super) fn touched(&self, told: &Told) -> Touched {
        let Some(analysis) = &self.0 else { return Touched::NOBODY };
        let is_read = |table: &u32| analysis.reads.iter().any(|read| read.table == *table);
        if told.emptied.iter().any(is_read) {
            return Touched::Everybody;
        }
        let touched = told.changes.iter().map(|change| Touched::by(analysis, change));
        touched.fold(Touched::NOBODY, Touched::or)
    }
}
