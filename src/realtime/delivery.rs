//! Changes to those who want them and may see them: subscription, authorizer, frames, queues.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Message as Frame;
use deadpool_postgres::Pool;

use super::authorize::{Authorizer, Decision, Lens, Request, Rows, Table, image, refused_apart};
use super::event::{self, Shown};
use super::protocol::Version;
use super::store;
use super::subscriber::{Active, tell_failure};
use super::subscription::Compared;
use crate::config::DeleteEvents;
use crate::identity::{Identity, unix_now};
use crate::pg::Error;
use crate::wal::{Action, Change, Old};

/// Changes after which the sockets' writers get a turn.
const BURST: usize = 32;

/// How long to wait before Postgres is asked again after it could not be reached.
const RETRY: Duration = Duration::from_millis(250);

/// SQLSTATEs of a row that does not fit its table, and of names that are gone.
const SHAPE_ERRORS: [&str; 6] = ["22P02", "42703", "42704", "42804", "42883", "42P01"];

/// Delivers changes; asks Postgres for whatever it does not know.
pub(super) struct Delivery {
    authorizer: Authorizer,
    /// Compares values for filters; the same that the authorizer asks over.
    pool: Pool,
    delete_events: DeleteEvents,
}

/// A change and whom it could matter to.
struct Candidate<'a> {
    change: &'a Arc<Change>,
    table: Arc<Table>,
    listeners: Listeners<'a>,
    identities: Vec<Arc<Identity>>,
    /// What each of them may see; the SQLSTATE when the role may not be put on.
    lenses: Vec<Result<Arc<Lens>, String>>,
    /// Numbers of the questions about the row and the row before.
    new: Option<usize>,
    old: Option<usize>,
}

impl Delivery {
    /// Delivery whose questions go over `pool`.
    pub(super) fn new(pool: Pool, delete_events: DeleteEvents) -> Self {
        Self { authorizer: Authorizer::new(pool.clone()), pool, delete_events }
    }

    /// The log told a transaction: verdicts must see it from now on.
    pub(super) async fn told(&mut self, xid: u32) {
        while let Err(error) = self.authorizer.told(xid).await {
            wait_for_postgres(&error).await;
        }
    }

    /// A table's shape, grants or policies changed.
    pub(super) fn forget(&mut self, relation: u32) {
        self.authorizer.forget(relation);
    }

    /// Delivers changes to those of `to` who want them and may see them. Tries until Postgres
    /// can be asked: nothing is skipped.
    pub(super) async fn deliver(&mut self, changes: &[Arc<Change>], to: &[Active]) {
        if to.is_empty() {
            return;
        }
        let mut may_be_outgrown = true;
        loop {
            match self.try_deliver(changes, to, may_be_outgrown).await {
                Ok(true) => return,
                Ok(false) => may_be_outgrown = false,
                Err(error) => wait_for_postgres(&error).await,
            }
        }
    }

    /// Gives whether it delivered; otherwise a table has outgrown what was known of it, which
    /// is forgotten now.
    async fn try_deliver(
        &mut self,
        changes: &[Arc<Change>],
        to: &[Active],
        may_be_outgrown: bool,
    ) -> Result<bool, Error> {
        let compared = compare(&self.pool, changes, to).await?;
        let mut requests = Vec::new();
        let mut candidates = Vec::new();
        for change in changes {
            let Some(mut candidate) = self.candidate(change, to, &compared).await? else {
                continue;
            };
            candidate.ask(&mut requests);
            candidates.push(candidate);
        }
        let decisions = self.authorizer.decide(&requests).await?;
        if may_be_outgrown && self.forget_outgrown(&requests, &decisions) {
            return Ok(false);
        }
        // Everything that can fail comes before the first frame: a second try sends none twice.
        for candidate in &mut candidates {
            for identity in &candidate.identities {
                let lens = self.authorizer.lens(&candidate.table, identity).await;
                candidate.lenses.push(refused_apart(lens)?);
            }
        }
        for (number, candidate) in candidates.iter().enumerate() {
            self.send(candidate, &decisions);
            if number % BURST == BURST - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(true)
    }

    /// Forgets tables whose questions failed as they do when the table was altered meanwhile:
    /// the log announces that only with the table's next change.
    fn forget_outgrown(&mut self, requests: &[Request], decisions: &[Vec<Decision>]) -> bool {
        let is_outgrown = |decision: &Decision| matches!(decision, Decision::Failed(sqlstate) if SHAPE_ERRORS.contains(&&**sqlstate));
        let mut found = false;
        for (request, decisions) in requests.iter().zip(decisions) {
            if decisions.iter().any(is_outgrown) {
                self.authorizer.forget(request.table.oid);
                found = true;
            }
        }
        found
    }

    async fn candidate<'a>(
        &mut self,
        change: &'a Arc<Change>,
        to: &'a [Active],
        compared: &Compared,
    ) -> Result<Option<Candidate<'a>>, Error> {
        let (listeners, identities) = listeners(change, to, compared);
        if listeners.is_empty() {
            return Ok(None);
        }
        // A table that is gone has no policies left that could permit anything.
        let Some(table) = self.authorizer.table(&change.relation).await? else { return Ok(None) };
        let lenses = Vec::with_capacity(identities.len());
        Ok(Some(Candidate { change, table, listeners, identities, lenses, new: None, old: None }))
    }

    /// Sends what was decided. Data are encoded once for each way of seeing the change, and
    /// frames once for each topic, serializer and set of bindings.
    fn send(&self, candidate: &Candidate<'_>, decisions: &[Vec<Decision>]) {
        let mut data: HashMap<(Arc<str>, Shown), String> = HashMap::new();
        let mut frames: HashMap<Alike<'_>, Frame> = HashMap::new();
        for (active, ids, number) in &candidate.listeners {
            let subscriber = &active.subscriber;
            let shown =
                candidate.lenses[*number].as_ref().map_err(String::clone).and_then(|lens| {
                    let shown = candidate.shown(decisions, *number, lens, self.delete_events)?;
                    Ok(shown.map(|shown| (lens, shown)))
                });
            let (lens, shown) = match shown {
                Ok(Some(shown)) => shown,
                Ok(None) => continue,
                Err(sqlstate) => {
                    tell_failure(subscriber, &candidate.change.relation, &sqlstate);
                    continue;
                }
            };
            let role = &active.identity.role;
            let data = data
                .entry((Arc::clone(role), shown))
                .or_insert_with(|| event::data(candidate.change, &candidate.table, lens, shown));
            let version = subscriber.outbox.version();
            let topic = Arc::clone(&subscriber.topic);
            let framing = (version, subscriber.is_legacy);
            let key = (Arc::clone(role), shown, framing, topic, ids.as_slice());
            let frame = frames
                .entry(key)
                .or_insert_with(|| subscriber.frame(&candidate.change.action, ids, data));
            subscriber.outbox.send(frame.clone());
        }
    }
}

/// What makes two frames of one change the same: role, what is shown, serializer and framing,
/// topic and bindings.
type Alike<'a> = (Arc<str>, Shown, (Version, bool), Arc<str>, &'a [u32]);

/// Lets Postgres compare what texts alone do not decide.
async fn compare(pool: &Pool, changes: &[Arc<Change>], to: &[Active]) -> Result<Compared, Error> {
    let mut compared = Compared::new();
    for change in changes {
        for active in to {
            for binding in &active.subscriber.bindings {
                compared.extend(binding.comparisons(change).map(|asked| (asked, false)));
            }
        }
    }
    store::compare(pool, &mut compared).await?;
    Ok(compared)
}

/// Subscribers, the ids of their bindings that want the change, and the number of their identity.
type Listeners<'a> = Vec<(&'a Active, Vec<u32>, usize)>;

/// To whom a change could matter, and as whom they see. Whose token has expired hears nothing.
fn listeners<'a>(
    change: &Change,
    to: &'a [Active],
    compared: &Compared,
) -> (Listeners<'a>, Vec<Arc<Identity>>) {
    let now = unix_now();
    let mut listeners = Vec::new();
    let mut identities: Vec<Arc<Identity>> = Vec::new();
    let mut numbers: HashMap<*const Identity, usize> = HashMap::new();
    for active in to {
        let bindings = &active.subscriber.bindings;
        let ids: Vec<u32> = bindings
            .iter()
            .filter(|binding| binding.wants(change, compared))
            .map(|binding| binding.id)
            .collect();
        if ids.is_empty() || active.identity.expires_at.is_some_and(|at| at <= now) {
            continue;
        }
        let number = *numbers.entry(Arc::as_ptr(&active.identity)).or_insert_with(|| {
            identities.push(Arc::clone(&active.identity));
            identities.len() - 1
        });
        listeners.push((active, ids, number));
    }
    (listeners, identities)
}

impl Candidate<'_> {
    /// Lays out the questions that must be answered.
    fn ask(&mut self, requests: &mut Vec<Request>) {
        let mut request = |values, is_past| {
            requests.push(Request {
                table: Arc::clone(&self.table),
                image: image(&self.table, &self.change.relation, values),
                is_past,
                identities: self.identities.clone(),
            });
            Some(requests.len() - 1)
        };
        match &self.change.action {
            Action::Insert { new } => self.new = request(new, false),
            Action::Update { old, new } => {
                self.new = request(new, false);
                if let Some(Old::Full(old)) = old {
                    self.old = request(old, true);
                }
            }
            Action::Delete { old: Old::Full(old) } => self.old = request(old, true),
            Action::Delete { old: Old::Key(_) } => {}
        }
    }

    /// What one identity is shown; `None` = nothing.
    ///
    /// # Errors
    /// The SQLSTATE that a policy raised.
    fn shown(
        &self,
        decisions: &[Vec<Decision>],
        identity: usize,
        lens: &Lens,
        delete_events: DeleteEvents,
    ) -> Result<Option<Shown>, String> {
        let of = |question: Option<usize>| match question.map(|number| &decisions[number][identity])
        {
            Some(Decision::Permitted) => Ok(true),
            Some(Decision::Denied) | None => Ok(false),
            Some(Decision::Failed(sqlstate)) => Err(sqlstate.clone()),
        };
        if !matches!(self.change.action, Action::Delete { .. }) {
            if !self.table.has_key() {
                return Ok(Some(Shown::NoKey));
            }
            let mut columns = self.table.columns.iter().zip(&lens.columns);
            if columns.any(|(column, is_visible)| column.is_key && !is_visible) {
                return Ok(Some(Shown::NoRight));
            }
        }
        Ok(match &self.change.action {
            Action::Insert { .. } => of(self.new)?.then_some(Shown::New),
            Action::Update { .. } if of(self.new)? => {
                // The row before is a bonus: failing to judge it does not withhold the row.
                Some(if of(self.old) == Ok(true) { Shown::NewAndOld } else { Shown::New })
            }
            Action::Update { .. } => None,
            Action::Delete { old: Old::Full(_) } => of(self.old)?.then_some(Shown::NewAndOld),
            // The log has the key alone, and no policy can be asked about a key.
            Action::Delete { old: Old::Key(_) } => {
                let is_open = lens.rows == Rows::All || delete_events == DeleteEvents::Compat;
                (is_open && lens.rows != Rows::None).then_some(Shown::New)
            }
        })
    }
}

async fn wait_for_postgres(error: &Error) {
    tracing::warn!(%error, "the authorizer cannot ask Postgres; trying again");
    tokio::time::sleep(RETRY).await;
}
