//! Changes to those who want them and may see them: roster, authorizer, frames, queues.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Message as Frame;
use deadpool_postgres::Pool;

use super::authorize::{
    Asking, Audience, Authorizer, Consequences, Freshness, Inquiry, Person, Rows, Seen, Sight,
    Table,
};
use super::event::{self, Shown};
use super::protocol::Version;
use super::roster::{Followers, Listener, Match, Roster};
use super::subscriber::{Active, tell_failure};
use super::subscription::{Compared, Comparer, Left, View};
use crate::config::DeleteEvents;
use crate::config::RealtimeSettings;
use crate::identity::unix_now;
use crate::observe::AuthorizerMetrics;
use crate::pg::Error;
use crate::wal::{Action, Change, Old, Transaction};

/// Changes after which the sockets' writers get a turn.
const BURST: usize = 32;

/// How long to wait before Postgres is asked again after it could not be reached.
const RETRY: Duration = Duration::from_millis(250);

/// More people than these are asked about as everybody.
const MAX_PEOPLE_APART: usize = 64;

/// SQLSTATEs of a row that does not fit its table, and of names that are gone.
const SHAPE_ERRORS: [&str; 6] = ["22P02", "42703", "42704", "42804", "42883", "42P01"];

/// What the log told of one transaction, or of a part of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) transaction: Arc<Transaction>,
    /// How many transactions had been told with it.
    pub(super) told: u64,
    /// Whether it begins the transaction.
    pub(super) has_begun: bool,
    /// Whether it is all of the transaction.
    pub(super) is_whole: bool,
    pub(super) changes: Vec<Arc<Change>>,
    /// Tables that were described anew.
    pub(super) described: Vec<u32>,
    /// Tables that were emptied.
    pub(super) emptied: Vec<u32>,
    /// Whether definitions changed that policies may stand on.
    pub(super) changes_schema: bool,
}

/// Delivers changes; asks Postgres for whatever it does not know.
pub(super) struct Delivery {
    authorizer: Authorizer,
    roster: Roster,
    comparer: Comparer,
    delete_events: DeleteEvents,
}

/// A change and whom it concerns.
struct Concern<'a> {
    change: &'a Arc<Change>,
    table: Arc<Table>,
    matches: Vec<Match<'a>>,
    /// What each role among them sees; the SQLSTATE when it may not be put on.
    sights: Vec<(&'a Arc<str>, Result<Sight, String>)>,
}

impl Delivery {
    /// Delivery whose questions go over `pool`.
    pub(super) fn new(
        pool: Pool,
        settings: &RealtimeSettings,
        metrics: &AuthorizerMetrics,
    ) -> Self {
        let keeps_void_verdicts = settings.realtime_keep_void_verdicts;
        Self {
            authorizer: Authorizer::new(pool.clone(), metrics.clone(), keeps_void_verdicts),
            roster: Roster::default(),
            comparer: Comparer::new(pool),
            delete_events: settings.realtime_delete_events,
        }
    }

    /// Those who hear of every change.
    pub(super) fn roster(&self) -> &Roster {
        &self.roster
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
    pub(super) async fn told(&mut self, xid: u32) -> u64 {
        loop {
            match self.authorizer.told(xid).await {
                Ok(number) => return number,
                Err(error) => wait_for_postgres(&error).await,
            }
        }
    }

    /// The log goes on elsewhere.
    pub(super) fn forget_everything(&mut self) {
        self.authorizer.forget_everything();
    }

    /// Delivers changes to everybody who wants them and may see them. Tries until Postgres can
    /// be asked: nothing is skipped.
    pub(super) async fn deliver(&mut self, parts: &[Part]) {
        // What is asked belongs to what is known of a table: nothing may be forgotten between.
        for parts in parts.chunk_by(|_, next| !next.makes_forget()) {
            self.deliver_together(parts).await;
        }
    }

    async fn deliver_together(&mut self, parts: &[Part]) {
        let mut may_be_outgrown = true;
        loop {
            let delivered = deliver(
                &mut self.authorizer,
                &mut self.roster,
                &mut self.comparer,
                self.delete_events,
                parts,
                may_be_outgrown,
            );
            match delivered.await {
                Ok(true) => break,
                Ok(false) => may_be_outgrown = false,
                Err(error) => wait_for_postgres(&error).await,
            }
        }
        // If Postgres cannot be asked now, the next batch will.
        let _ = self.authorizer.refresh_early().await;
    }

    /// Delivers changes that it missed to one subscriber, by what holds now.
    pub(super) async fn deliver_apart(&mut self, changes: Vec<Arc<Change>>, active: &Active) {
        let Some(first) = changes.first() else { return };
        let transaction = Arc::clone(&first.transaction);
        let part = Part { changes, ..Part::of(transaction, 0) };
        let mut alone = Roster::default();
        alone.insert(active.clone(), |_| {});
        let everybody = std::mem::replace(&mut self.roster, alone);
        let remembered = self.authorizer.set_apart();
        self.deliver(std::slice::from_ref(&part)).await;
        self.authorizer.put_back(remembered);
        self.roster = everybody;
    }
}

impl Part {
    /// A part of which nothing is known yet.
    pub(super) fn of(transaction: Arc<Transaction>, told: u64) -> Self {
        Self {
            transaction,
            told,
            has_begun: false,
            is_whole: false,
            changes: Vec::new(),
            described: Vec::new(),
            emptied: Vec::new(),
            changes_schema: false,
        }
    }

    /// Whether what is known of tables and roles may be wrong from here on.
    fn makes_forget(&self) -> bool {
        self.changes_schema || self.is_cut() || !self.described.is_empty()
    }

    /// Whether it is only the beginning of its transaction.
    fn is_cut(&self) -> bool {
        self.has_begun && !self.is_whole
    }

    fn consequences(&self) -> Consequences<'_> {
        Consequences {
            tables: &self.described,
            emptied: &self.emptied,
            schema: self.changes_schema,
            is_cut: self.is_cut(),
            xid: self.transaction.xid,
            changes: &self.changes,
        }
    }
}

/// Gives whether it delivered; otherwise a table has outgrown what was known of it, which is
/// forgotten now. Everything that can fail comes before the first frame: a second try sends
/// nothing twice.
async fn deliver(
    authorizer: &mut Authorizer,
    roster: &mut Roster,
    comparer: &mut Comparer,
    delete_events: DeleteEvents,
    parts: &[Part],
    may_be_outgrown: bool,
) -> Result<bool, Error> {
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
    for part in parts {
        authorizer.begin(&part.consequences()).await?;
        // What is still to come of the transaction may take back what was known before it.
        let since = (!part.is_whole).then_some(part.told);
        let fresh = authorizer.freshness(part.transaction.committed_at_us, since);
        for change in &part.changes {
            let Some(followers) = roster.followers(&change.relation) else { continue };
            let concern =
                concern(authorizer, &mut inquiry, followers, change, &compared, fresh).await?;
            concerns.extend(concern);
        }
    }
    authorizer.answer(&mut inquiry).await?;
    if may_be_outgrown && forget_outgrown(authorizer, &inquiry) {
        return Ok(false);
    }
    authorizer.count_decided(concerns.len(), began.elapsed());
    let mut sent = 0;
    for concern in &concerns {
        concern.send(authorizer, &inquiry, delete_events);
        sent += 1;
        if sent % BURST == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(true)
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
    change: &'a Arc<Change>,
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
    Ok(Some(Concern { change, table, matches, sights }))
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

/// A listener and what it is shown.
struct Out<'a> {
    listener: &'a Listener,
    view: &'a View,
    shown: Shown,
}

impl Concern<'_> {
    /// Sends what was decided. Data are encoded once for each way of seeing the change, and
    /// frames once for each topic, serializer and set of bindings.
    fn send(&self, authorizer: &Authorizer, inquiry: &Inquiry, delete_events: DeleteEvents) {
        let now = unix_now();
        for (role, sight) in &self.sights {
            let sight = match sight {
                Ok(sight) => sight,
                Err(sqlstate) => {
                    for listener in self.listeners(role).map(|(_, listener)| listener) {
                        tell_failure(&listener.subscriber, &self.change.relation, sqlstate);
                    }
                    continue;
                }
            };
            let mut outs = Vec::new();
            let audience = authorizer.audience(self.table.oid, role);
            self.collect(role, sight, audience, inquiry, delete_events, &mut outs);
            outs.retain(|out| out.listener.is_open(self.change, now));
            self.write(sight, outs);
            // The row before an update is a bonus: failing to judge it withholds nothing.
            let judged = match self.change.action {
                Action::Insert { .. } | Action::Update { .. } => &sight.new,
                Action::Delete { .. } => &sight.old,
            };
            for (viewer, sqlstate) in inquiry.failed(judged) {
                let people = audience.map_or(&[][..], |audience| audience.people(*viewer));
                for (_, listener) in self.listeners_of(role, people) {
                    if listener.is_open(self.change, now) {
                        tell_failure(&listener.subscriber, &self.change.relation, sqlstate);
                    }
                }
            }
        }
    }

    /// Everybody of a role whom the change concerns, with what they are shown.
    fn collect<'a>(
        &'a self,
        role: &'a Arc<str>,
        sight: &'a Sight,
        audience: Option<&Audience>,
        inquiry: &Inquiry,
        delete_events: DeleteEvents,
        outs: &mut Vec<Out<'a>>,
    ) {
        if let Some(shown) = self.shown_to_all(sight, delete_events) {
            let all = self.listeners(role).filter(|(found, _)| found.is_wanted);
            outs.extend(all.map(|(found, listener)| Out {
                listener,
                view: &found.interest.view,
                shown,
            }));
            return;
        }
        let (new, old) = (inquiry.permitted(&sight.new), inquiry.permitted(&sight.old));
        let sees = |seen: &Seen, permitted: &[u32], viewer: Option<u32>| match seen {
            Seen::Everybody => true,
            Seen::Nobody => false,
            Seen::Some(..) => viewer.is_some_and(|viewer| permitted.binary_search(&viewer).is_ok()),
        };
        let mut take = |found: &'a Match<'a>, person: Person, listeners: &'a [Listener]| {
            let viewer = audience.and_then(|audience| audience.viewer(person));
            let sees_new = sees(&sight.new, &new, viewer);
            let sees_old = sees(&sight.old, &old, viewer);
            let Some(shown) = self.shown(found, sees_new, sees_old) else { return };
            let view = &found.interest.view;
            outs.extend(listeners.iter().map(|listener| Out { listener, view, shown }));
        };
        for found in &self.matches {
            let Some(group) = found.group.get(role) else { continue };
            // Whichever are fewer are looked up among the others.
            let permitted = new.len() + old.len();
            let is_listed =
                !matches!((&sight.new, &sight.old), (Seen::Everybody, _) | (_, Seen::Everybody));
            if is_listed && permitted < group.len() {
                let audience = audience.into_iter();
                let viewers = if *new == *old { vec![&new] } else { vec![&new, &old] };
                let mut people: Vec<Person> = audience
                    .flat_map(|audience| {
                        let viewers = viewers.iter().flat_map(|viewers| viewers.iter());
                        viewers.flat_map(|viewer| audience.people(*viewer)).copied()
                    })
                    .collect();
                if viewers.len() > 1 {
                    people.sort_unstable();
                    people.dedup();
                }
                for person in people {
                    if let Some(listeners) = group.get(&person) {
                        take(found, person, listeners);
                    }
                }
            } else {
                for (person, listeners) in group {
                    take(found, *person, listeners);
                }
            }
        }
    }

    /// What everybody who wants the change is shown, when no row is judged.
    fn shown_to_all(&self, sight: &Sight, delete_events: DeleteEvents) -> Option<Shown> {
        let lens = &sight.lens;
        if let Action::Delete { old } = &self.change.action {
            let is_open = lens.rows == Rows::All || delete_events == DeleteEvents::Compat;
            let is_key = matches!(old, Old::Key(_));
            return (is_key && is_open && lens.rows != Rows::None).then_some(Shown::New);
        }
        if !self.table.has_key() {
            return Some(Shown::NoKey);
        }
        let mut columns = self.table.columns.iter().zip(&lens.columns);
        columns.any(|(column, is_visible)| column.is_key && !is_visible).then_some(Shown::NoRight)
    }

    /// What somebody is shown who may see the row after the change, or the row before it.
    fn shown(&self, found: &Match<'_>, sees_new: bool, sees_old: bool) -> Option<Shown> {
        match &self.change.action {
            Action::Insert { .. } => (found.is_wanted && sees_new).then_some(Shown::New),
            Action::Update { .. } if found.is_wanted && sees_new => {
                Some(if sees_old { Shown::NewAndOld } else { Shown::New })
            }
            Action::Update { .. } => match found.left {
                // It is gone from them: they saw it, and do not any more.
                Some(Left::Filter) => sees_old.then_some(Shown::MovedOut),
                Some(Left::Sight) => (sees_old && !sees_new).then_some(Shown::MovedOut),
                None => None,
            },
            Action::Delete { .. } => (found.is_wanted && sees_old).then_some(Shown::NewAndOld),
        }
    }

    fn listeners<'a>(
        &'a self,
        role: &'a Arc<str>,
    ) -> impl Iterator<Item = (&'a Match<'a>, &'a Listener)> {
        self.matches.iter().flat_map(move |found| {
            let people = found.group.get(role).into_iter().flat_map(HashMap::values);
            people.flatten().map(move |listener| (found, listener))
        })
    }

    fn listeners_of<'a>(
        &'a self,
        role: &'a Arc<str>,
        people: &'a [Person],
    ) -> impl Iterator<Item = (&'a Match<'a>, &'a Listener)> {
        self.matches.iter().flat_map(move |found| {
            let group = found.group.get(role);
            let listeners = people.iter().filter_map(move |person| group?.get(person));
            listeners.flatten().map(move |listener| (found, listener))
        })
    }

    /// Bindings of one subscriber that see the same are one message.
    fn write(&self, sight: &Sight, mut outs: Vec<Out<'_>>) {
        let mut data: HashMap<(Shown, &View), String> = HashMap::new();
        let mut frames: HashMap<Alike<'_>, Frame> = HashMap::new();
        if self.matches.len() > 1 {
            outs.sort_by(|a, b| {
                (a.place(), a.listener.number).cmp(&(b.place(), b.listener.number))
            });
        }
        for alike in outs.chunk_by(|a, b| a.place() == b.place()) {
            let Out { listener, view, shown } = &alike[0];
            let ids: Vec<u32> = alike.iter().map(|out| out.listener.id).collect();
            let subscriber = &listener.subscriber;
            let data = data.entry((*shown, view)).or_insert_with(|| {
                event::data(self.change, &self.table, &sight.lens, *shown, view)
            });
            let version = subscriber.outbox.version();
            let framing = (version, subscriber.is_legacy);
            let key: Alike<'_> = (*shown, view, framing, &subscriber.topic, ids);
            let ids = key.4.clone();
            let frame = frames.entry(key).or_insert_with(|| {
                let kind = event::kind(&self.change.action, *shown);
                subscriber.frame(kind, &ids, data)
            });
            subscriber.outbox.send(frame.clone());
        }
    }
}

impl Out<'_> {
    /// What is told in one message.
    fn place(&self) -> (u64, Shown, &View) {
        (self.listener.subscriber.id, self.shown, self.view)
    }
}

/// What makes two frames of one change and role the same: what is shown and how, serializer and
/// framing, topic and bindings.
type Alike<'a> = (Shown, &'a View, (Version, bool), &'a str, Vec<u32>);

impl Listener {
    /// Whether it listens to changes of this place, with a token that is still good.
    fn is_open(&self, change: &Change, now: i64) -> bool {
        self.after.is_none_or(|after| change.place > after)
            && self.expires_at.is_none_or(|at| at > now)
    }
}

async fn wait_for_postgres(error: &Error) {
    tracing::warn!(%error, "the authorizer cannot ask Postgres; trying again");
    tokio::time::sleep(RETRY).await;
}
