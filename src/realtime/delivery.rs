//! Changes to those who want them and may see them: roster, authorizer, then each change to
//! those whom it concerns.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use prometheus_client::metrics::counter::Counter;

use super::authorize::{Asking, Authorizer, Complete, Freshness, Inquiry, Person};
use super::concern::{self, Concern};
use super::hub::Hub;
use super::logs::Log;
use super::part::Part;
use super::roster::{Followers, Match, Roster};
use super::subscriber::Active;
use super::subscription::{Compared, Comparer};
use crate::config::DeleteEvents;
use crate::config::RealtimeSettings;
use crate::observe::Metrics;
use crate::pg::Error;
use crate::wal::Change;

/// Changes and broadcasts after which the sockets' writers get a turn.
const BURST: usize = 32;

/// How long to wait before Postgres is asked again after it could not be reached.
const RETRY: Duration = Duration::from_millis(250);

/// More people than these are asked about as everybody.
const MAX_PEOPLE_APART: usize = 64;

/// SQLSTATEs of a row that does not fit its table, and of names that are gone.
const SHAPE_ERRORS: [&str; 6] = ["22P02", "42703", "42704", "42804", "42883", "42P01"];

/// Hears of each failure to ask Postgres, before the next attempt.
pub(super) type OnFailure<'a> = &'a mut (dyn FnMut(&Error) + Send);

/// Delivers changes; asks Postgres for whatever it does not know.
pub(super) struct Delivery {
    authorizer: Authorizer,
    roster: Roster,
    comparer: Comparer,
    hub: Arc<Hub>,
    delete_events: DeleteEvents,
    /// What was put into the queues of subscribers.
    deliveries: Counter,
}

impl Delivery {
    /// Delivery of the changes of a log, whose questions go over `pool`, to sockets and to the
    /// rooms of `hub`.
    pub(super) fn new(
        log: Log,
        pool: Pool,
        hub: Arc<Hub>,
        complete: Complete,
        settings: &RealtimeSettings,
        metrics: &Metrics,
    ) -> Self {
        let keeps_void_verdicts = settings.realtime_keep_void_verdicts;
        Self {
            authorizer: Authorizer::new(
                log,
                pool.clone(),
                complete,
                metrics.authorizer.clone(),
                keeps_void_verdicts,
            ),
            roster: Roster::default(),
            comparer: Comparer::new(pool),
            hub,
            delete_events: settings.realtime_delete_events,
            deliveries: metrics.realtime.deliveries.clone(),
        }
    }

    /// Those who hear of every change.
    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// How long somebody is not asked about a table, after policies ran into the time limit.
    pub(super) fn rests(&self, table: u32, active: &Active) -> Option<Duration> {
        self.authorizer.rests(table, active.person, &active.identity.role)
    }

    /// From now on a subscriber hears of every change.
    pub(super) fn insert(&mut self, active: Active) {
        let (person, identity) = (active.person, Arc::clone(&active.identity));
        let authorizer = &mut self.authorizer;
        self.roster.insert(active, |table| authorizer.enter(table, person, &identity));
    }

    /// A subscriber hears no more.
    pub(super) fn remove(&mut self, id: u64) {
        let Some(active) = self.roster.get(id).cloned() else { return };
        let authorizer = &mut self.authorizer;
        self.roster.remove(id, |table| authorizer.leave(table, active.person, &active.identity));
    }

    /// The log told a transaction: verdicts must see it from now on. Gives its number.
    pub(super) async fn told(&mut self, xid: u32, on_failure: OnFailure<'_>) -> u64 {
        loop {
            match self.authorizer.told(xid).await {
                Ok(number) => return number,
                Err(error) => wait_for_postgres(&error, on_failure).await,
            }
        }
    }

    /// The log goes on elsewhere, and everything it told before has ended.
    pub(super) fn start_anew(&mut self) {
        self.authorizer.start_anew();
    }

    /// Delivers changes to everybody who wants them and may see them. Tries until Postgres can
    /// be asked: nothing is skipped.
    pub(super) async fn deliver(&mut self, parts: &[Part], on_failure: OnFailure<'_>) {
        // What is asked belongs to what is known of a table: nothing may be forgotten between.
        for parts in parts.chunk_by(|_, next| !next.makes_forget()) {
            self.deliver_together(parts, on_failure).await;
        }
    }

    async fn deliver_together(&mut self, parts: &[Part], on_failure: OnFailure<'_>) {
        let mut may_be_outgrown = true;
        loop {
            let delivered = deliver(
                &mut self.authorizer,
                &mut self.roster,
                &mut self.comparer,
                &self.hub,
                self.delete_events,
                parts,
                may_be_outgrown,
            );
            match delivered.await {
                Ok(Some(count)) => {
                    self.deliveries.inc_by(count);
                    break;
                }
                Ok(None) => may_be_outgrown = false,
                Err(error) => wait_for_postgres(&error, on_failure).await,
            }
        }
        // If Postgres cannot be asked now, the next batch will.
        let _ = self.authorizer.refresh_early().await;
    }

    /// Delivers changes that it missed to one subscriber, by what holds now.
    pub(super) async fn deliver_apart(
        &mut self,
        changes: Vec<Arc<Change>>,
        active: &Active,
        on_failure: OnFailure<'_>,
    ) {
        let Some(first) = changes.first() else { return };
        let transaction = Arc::clone(&first.transaction);
        let part = Part { changes, ..Part::of(transaction, 0) };
        let mut alone = Roster::default();
        alone.insert(active.clone(), |_| {});
        let everybody = std::mem::replace(&mut self.roster, alone);
        let remembered = self.authorizer.set_apart();
        self.deliver(std::slice::from_ref(&part), on_failure).await;
        self.authorizer.put_back(remembered);
        self.roster = everybody;
    }
}

/// Gives how much it delivered; `None` when a table has outgrown what was known of it, which is
/// forgotten now. Everything that can fail comes before the first frame: a second try sends
/// nothing twice.
async fn deliver(
    authorizer: &mut Authorizer,
    roster: &mut Roster,
    comparer: &mut Comparer,
    hub: &Hub,
    delete_events: DeleteEvents,
    parts: &[Part],
    may_be_outgrown: bool,
) -> Result<Option<u64>, Error> {
    for change in parts.iter().flat_map(|part| &part.changes) {
        roster.lay_out(&change.relation);
    }
    let roster = &*roster;
    let began = Instant::now();
    if parts
        .iter()
        .flat_map(|part| &part.changes)
        .any(|change| roster.followers(&change.relation).is_some())
    {
        authorizer.refresh().await?;
    }
    let compared = compare(comparer, parts, roster).await?;
    let mut inquiry = Inquiry::default();
    let mut concerns = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        authorizer.begin(&part.consequences()).await?;
        // What is still to come of the transaction may take back what was known before it.
        let since = (!part.is_whole).then_some(part.told);
        let fresh = authorizer.freshness(part.transaction.committed_at_us, since);
        for change in &part.changes {
            let Some(followers) = roster.followers(&change.relation) else { continue };
            let told = (number, change);
            let concern =
                concern(authorizer, &mut inquiry, followers, told, &compared, fresh).await?;
            concerns.extend(concern);
        }
    }
    authorizer.answer(&mut inquiry).await?;
    if may_be_outgrown && forget_outgrown(authorizer, &inquiry) {
        return Ok(None);
    }
    authorizer.count_decided(concerns.len(), began.elapsed());
    let is_run = |a: &Concern<'_>, b: &Concern<'_>| {
        a.is_alike(b) && parts[a.part..b.part].iter().all(|part| part.said.is_empty())
    };
    let runs: Vec<&[Concern<'_>]> =
        concerns.chunk_by(is_run).flat_map(|run| run.chunks(BURST)).collect();
    let mut runs = runs.into_iter().peekable();
    let (mut burst, mut delivered) = (0, 0);
    for (number, part) in parts.iter().enumerate() {
        while let Some(run) = runs.next_if(|run| run[0].part == number) {
            delivered += concern::send(run, authorizer, &inquiry, delete_events);
            rest(&mut burst, run.len()).await;
        }
        for said in &part.said {
            said.tell(hub);
            rest(&mut burst, 1).await;
        }
    }
    Ok(Some(delivered))
}

/// Gives the sockets' writers a turn now and then.
async fn rest(burst: &mut usize, told: usize) {
    *burst += told;
    if *burst >= BURST {
        *burst = 0;
        tokio::task::yield_now().await;
    }
}

/// Forgets tables whose questions failed as they do when the table was altered meanwhile: the
/// log announces that only with the table's next change.
fn forget_outgrown(authorizer: &mut Authorizer, inquiry: &Inquiry) -> bool {
    let outgrown = inquiry.failures().filter(|(_, sqlstate)| SHAPE_ERRORS.contains(sqlstate));
    let tables: Vec<u32> = outgrown.map(|(table, _)| table).collect();
    for table in &tables {
        authorizer.forget(*table);
    }
    !tables.is_empty()
}

/// Lets Postgres compare what texts alone do not decide.
async fn compare(
    comparer: &mut Comparer,
    parts: &[Part],
    roster: &Roster,
) -> Result<Compared, Error> {
    let mut compared = Compared::new();
    for change in parts.iter().flat_map(|part| &part.changes) {
        if let Some(followers) = roster.followers(&change.relation) {
            compared.extend(followers.comparisons(change).map(|asked| (asked, None)));
        }
    }
    comparer.compare(&mut compared).await?;
    Ok(compared)
}

/// Whom a change concerns, and what is known of what they see; `None` when it is nobody.
async fn concern<'a>(
    authorizer: &mut Authorizer,
    inquiry: &mut Inquiry,
    followers: &'a Followers,
    (part, change): (usize, &'a Arc<Change>),
    compared: &Compared,
    fresh: Freshness,
) -> Result<Option<Concern<'a>>, Error> {
    let matches = followers.matching(change, compared);
    if matches.is_empty() {
        return Ok(None);
    }
    // A table that is gone has no policies left that could permit anything.
    let Some(table) = authorizer.table(&change.relation).await? else { return Ok(None) };
    let mut roles: Vec<&Arc<str>> = matches.iter().flat_map(|found| found.group.keys()).collect();
    roles.sort_unstable();
    roles.dedup();
    let mut sights = Vec::with_capacity(roles.len());
    for role in roles {
        let people = concerned_people(&matches, role);
        let asking = people.as_deref().map_or(Asking::Everybody, Asking::These);
        let all = followers.people(role);
        let sight = authorizer.see(inquiry, (&table, role), all, asking, change, fresh).await?;
        sights.push((role, sight));
    }
    Ok(Some(Concern { part, change, table, matches, sights }))
}

/// The people of a role that a change concerns; `None` = so many that it had better be everybody.
fn concerned_people(matches: &[Match<'_>], role: &Arc<str>) -> Option<Vec<Person>> {
    let groups = || matches.iter().filter_map(|found| found.group.get(role));
    if groups().map(HashMap::len).sum::<usize>() > MAX_PEOPLE_APART {
        return None;
    }
    let mut people: Vec<Person> = groups().flat_map(HashMap::keys).copied().collect();
    people.sort_unstable();
    people.dedup();
    Some(people)
}

async fn wait_for_postgres(error: &Error, on_failure: OnFailure<'_>) {
    tracing::warn!(%error, "the authorizer cannot ask Postgres; trying again");
    on_failure(error);
    tokio::time::sleep(RETRY).await;
}
