//! "Why no event?": everything that an event must pass, step by step, for one person and one row.
//!
//! Reading order: `request` (what is asked, pure), `store` (what Postgres says), `standing` (what
//! only the running server knows), `step` (the answer, pure). Postgres judges rows, filters and
//! policies here as it does for delivery; nothing is decided a second time in another way.
//!
//! Whoever asks about themselves is told of no row that they may not see: one that is hidden and
//! one that is not there give the same answer.

mod request;
mod standing;
mod step;
mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Realtime;
use super::authorize::Image;
use super::error::Api as Error;
use super::feed::Handle;
use super::logs::Log;
use super::subscription::{self, Compared, Comparer, Wanted};
use crate::config::DeleteEvents;
use crate::identity::Identity;
use crate::wal::{Action, Change, Datum, Old, Place, Relation, Transaction, Tuple};

pub(super) use standing::{Look, MAX_SUBSCRIPTIONS, Standing, Subscription};

use request::{Asked, Which, Whom};
use step::Step;
use store::Target;

/// Largest body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most questions that are answered at once: each may ask every policy of a table.
pub(super) const MAX_AT_ONCE: usize = 2;

/// How long to wait for what the task that delivers knows.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// What is said of rows to those who may not see them.
const NOT_FOR_YOU: &str = "there is nothing of the kind that you may see";

/// POST /explain: for the service about anybody, for people about themselves.
pub(super) async fn explain(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let told = async {
        let caller = super::api::caller(&realtime, &headers).await?;
        let body = Bytes::from_request(request, &()).await;
        let asked = Asked::read(&body.map_err(|_| Error::TooLarge(MAX_BODY_BYTES))?, &caller)?;
        let _place = realtime.explaining.try_acquire().map_err(|_| Error::Rate)?;
        steps(&realtime, &asked).await
    };
    match told.await {
        Ok(steps) => Json(step::answer(&steps)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// The row that is asked about.
#[derive(Default)]
struct Row {
    /// All its values as text, for the policies; `None` when the log has its key alone.
    image: Option<String>,
    /// What could have happened to it, for the filters.
    candidates: Vec<Arc<Change>>,
    /// What is said of it.
    steps: Vec<Step>,
}

async fn steps(realtime: &Realtime, asked: &Asked) -> Result<Vec<Step>, Error> {
    let (pg, name) = (&realtime.pg, (asked.schema.as_str(), asked.table.as_str()));
    let target = store::target(pg, name.0, name.1).await?;
    let is_published = target.as_ref().is_some_and(|target| target.table.is_published);
    if asked.is_about_oneself() && !is_published {
        return Ok(vec![Step::stops("table", "there is no such table, or it is not published")]);
    }
    let Some(target) = target else {
        return Ok(vec![Step::stops("table", format!("there is no table {}.{}", name.0, name.1))]);
    };
    let Some(feed) = realtime.logs.get(target.log) else {
        let says = format!(
            "no log is read for {}: the server was started before it was made",
            target.log.publication()
        );
        return Ok(vec![Step::stops("log", says)]);
    };
    let standing = standing(feed, asked, target.table.oid).await;
    let (whom, person) = person(asked, standing.as_ref());
    let mut row = match &asked.which {
        Which::Any => Row::default(),
        Which::Key(key) => by_key(realtime, &target, key, asked).await?,
        Which::At(place) => at_place(realtime, &target, *place, standing.as_ref(), asked).await?,
    };
    let mut steps = told_by_postgres(realtime, &target, &whom, asked, &row).await?;
    steps.extend(deletion(realtime, &row, &steps));
    let is_hidden = asked.is_about_oneself() && asked.which != Which::Any && !is_visible(&steps);
    if is_hidden {
        steps.retain(|step| !tells_of_row(step));
        row = Row { steps: vec![Step::stops("row", NOT_FOR_YOU)], ..Row::default() };
    }
    // The row comes before what is judged of it.
    let judged = steps.iter().position(tells_of_row).unwrap_or(steps.len());
    steps.splice(judged..judged, row.steps);
    steps.splice(0..0, person);
    steps.extend(wish(realtime, asked, &whom, &row.candidates).await?);
    let Some(standing) = standing else {
        let says = "the server is behind, and did not tell in time who is subscribed";
        steps.push(Step::new("subscription", None, says));
        return Ok(steps);
    };
    if target.log == Log::Bulk {
        let says = "it is told in a log of its own, to channels that name it: not to those of whole schemas, nor with other tables";
        steps.push(Step::passes("log", says));
    }
    if !standing.is_connected {
        steps.push(Step::stops("log", "the log is not streamed at this moment"));
    }
    let compared = compare(realtime, &standing, &row.candidates).await?;
    let is_at_place = matches!(asked.which, Which::At(_)) && !is_hidden;
    steps.extend(standing.subscriptions(name, &row.candidates, is_at_place, &compared));
    Ok(steps)
}

/// What the task that delivers knows; `None` when it is too busy.
async fn standing(feed: &Handle, asked: &Asked, table: u32) -> Option<Standing> {
    let look = Look {
        whom: asked.whom.identity().clone(),
        whatever_role: matches!(asked.whom, Whom::User(_)),
        table,
        place: match asked.which {
            Which::At(place) => Some(place),
            Which::Any | Which::Key(_) => None,
        },
    };
    tokio::time::timeout(LOOK_TIMEOUT, feed.look(look)).await.ok().flatten()
}

/// As whom Postgres is asked: somebody of whom only the subject is known is who they are in their
/// own subscription.
fn person(asked: &Asked, standing: Option<&Standing>) -> (Identity, Option<Step>) {
    let identity = asked.whom.identity().clone();
    let Whom::User(_) = asked.whom else { return (identity, None) };
    let subscription = standing.and_then(|standing| standing.subscriptions.first());
    if let Some(Subscription { subscriber, .. }) = subscription {
        let says = format!("judged with the token of their channel {}", subscriber.topic);
        return (subscriber.identity.clone(), Some(Step::passes("person", says)));
    }
    let says = format!("they have no subscription: judged by their id alone, as {}", identity.role);
    (identity, Some(Step::new("person", None, says)))
}

/// The row that has this key now, and what may happen to it.
async fn by_key(
    realtime: &Realtime,
    target: &Target,
    key: &Value,
    asked: &Asked,
) -> Result<Row, Error> {
    let key = key_of(target, key)?;
    let Some(values) = look_up(realtime, target, &key).await? else {
        return Ok(Row {
            steps: vec![Step::stops("row", format!("there is no row with the key {key}"))],
            ..Row::default()
        });
    };
    let tuple = tuple(values);
    let old = if target.is_identity_full {
        Old::Full(tuple.clone())
    } else {
        let known =
            target.columns.iter().zip(&tuple).map(|(column, value)| {
                if column.is_identity { value.clone() } else { Datum::Null }
            });
        Old::Key(known.collect())
    };
    let actions = [
        ("INSERT", Action::Insert { new: tuple.clone() }),
        ("UPDATE", Action::Update { old: None, new: tuple.clone() }),
        ("DELETE", Action::Delete { old }),
    ];
    let is_any = !actions.iter().any(|(name, _)| *name == asked.event);
    let candidates: Vec<Arc<Change>> = actions
        .into_iter()
        .filter(|(name, _)| is_any || *name == asked.event)
        .map(|(_, action)| Arc::new(Change { action, ..nothing(target, asked) }))
        .collect();
    let has_key_alone = asked.event == "DELETE" && !target.is_identity_full;
    let image = (!has_key_alone).then(|| image(target, &tuple));
    let steps = vec![Step::passes("row", format!("there is a row with the key {key}"))];
    Ok(Row { image, candidates, steps })
}

/// What was changed at a place, if it was in the table that is asked about.
async fn at_place(
    realtime: &Realtime,
    target: &Target,
    place: Place,
    standing: Option<&Standing>,
    asked: &Asked,
) -> Result<Row, Error> {
    let Some(standing) = standing else { return Ok(Row::default()) };
    let step = standing.place(place, (&asked.schema, &asked.table));
    let is_it = step.ok == Some(true);
    let mut row = Row { steps: vec![step], ..Row::default() };
    let Some(change) = standing.change.as_ref().filter(|_| is_it) else { return Ok(row) };
    row.candidates.push(Arc::clone(change));
    let values = match &change.action {
        Action::Insert { new } | Action::Update { new, .. } => new,
        Action::Delete { old: Old::Full(old) } => old,
        Action::Delete { old: Old::Key(_) } => return Ok(row),
    };
    let told = Image::new(&target.table, &change.relation.columns, values);
    if !told.missing.contains(&true) {
        row.image = Some(told.literal);
        return Ok(row);
    }
    // What the log left out is looked up, as the policies have it looked up.
    let text = |name: &str| {
        let at = change.relation.columns.iter().position(|column| column.name == name)?;
        match values.get(at)? {
            Datum::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Datum::Null | Datum::Unchanged => None,
        }
    };
    let keys = target.table.columns.iter().filter(|column| column.is_key);
    let key: Map<String, Value> =
        keys.map(|column| (column.name.clone(), text(&column.name).into())).collect();
    let now = look_up(realtime, target, &key.into()).await?;
    let now = now.unwrap_or_else(|| vec![None; target.columns.len()]);
    let columns = target.columns.iter().zip(&told.missing).zip(now);
    let merged = columns.map(
        |((column, is_missing), now)| {
            if *is_missing { now } else { text(&column.name) }
        },
    );
    row.image = Some(image(target, &tuple(merged.collect())));
    let says = "the log left out columns: these are judged as the row has them now";
    row.steps.push(Step::new("row", None, says));
    Ok(row)
}

/// The steps of `realtime.explain`.
async fn told_by_postgres(
    realtime: &Realtime,
    target: &Target,
    whom: &Identity,
    asked: &Asked,
    row: &Row,
) -> Result<Vec<Step>, Error> {
    let event = match row.candidates.as_slice() {
        [change] => standing::event(change),
        _ => &asked.event,
    };
    let (oid, image) = (target.table.oid, row.image.as_deref());
    match store::explain(&realtime.pg, oid, whom, event, image).await {
        // To be told that there is something to take time is to be told of the row.
        Err(error) if error.sqlstate() == Some("57014") && asked.is_about_oneself() => {
            Ok(store::explain(&realtime.pg, oid, whom, event, None).await?)
        }
        Err(error) if error.sqlstate() == Some("57014") => {
            let says = format!(
                "the policies take far too long: delivery waits {} ms for an answer",
                realtime.settings.realtime_policy_timeout_ms
            );
            Ok(vec![Step::stops("verdict", says)])
        }
        told => Ok(told?),
    }
}

/// Who hears of a deletion of which the log has the key alone.
fn deletion(realtime: &Realtime, row: &Row, steps: &[Step]) -> Option<Step> {
    let [change] = row.candidates.as_slice() else { return None };
    let Action::Delete { old: Old::Key(_) } = change.action else { return None };
    let is_bound =
        steps.iter().any(|step| step.name == "row security" && step.says.contains("and binds"));
    Some(match realtime.settings.realtime_delete_events {
        DeleteEvents::Strict if is_bound => {
            Step::stops("verdict", "of a deletion the log has the key alone, and nobody is told it")
        }
        DeleteEvents::Strict | DeleteEvents::Compat => Step::passes(
            "verdict",
            "of a deletion the log has the key alone, and every subscriber is told it",
        ),
    })
}

/// Whether the person may see the row.
fn is_visible(steps: &[Step]) -> bool {
    let is_ok = |name: &str| {
        let mut found = steps.iter().filter(|step| step.name == name);
        found.any(|step| step.ok == Some(true))
    };
    is_ok("verdict") && is_ok("grants")
}

/// Whether a step would not be there, or be another, without the row.
fn tells_of_row(step: &Step) -> bool {
    step.name.starts_with("policy ") || ["row filter", "verdict"].contains(&step.name.as_str())
}

/// Whether a binding that is wished for would be accepted, and want the row.
async fn wish(
    realtime: &Realtime,
    asked: &Asked,
    whom: &Identity,
    candidates: &[Arc<Change>],
) -> Result<Option<Step>, Error> {
    let Some(entry) = asked.wish.clone() else { return Ok(None) };
    let accepted = match Wanted::read(entry) {
        Ok(wanted) => subscription::accept(&realtime.pg, &realtime.facts, whom, &[wanted]).await,
        Err(refusal) => Err(refusal),
    };
    let bindings = match accepted {
        Ok((_, bindings)) => bindings,
        Err(refusal) => return Ok(Some(Step::stops("binding", refusal.message()))),
    };
    if candidates.is_empty() {
        return Ok(Some(Step::passes("binding", "such a binding is accepted")));
    }
    let mut compared = Compared::new();
    for change in candidates {
        let asked = bindings.iter().flat_map(|binding| binding.interest.comparisons(change));
        compared.extend(asked.map(|asked| (asked, None)));
    }
    Comparer::new(realtime.pg.pool.clone()).compare(&mut compared).await?;
    let wants =
        |change: &Arc<Change>| bindings.iter().any(|it| it.interest.wants(change, &compared));
    Ok(Some(if candidates.iter().any(wants) {
        Step::passes("binding", "such a binding is accepted, and wants this row")
    } else {
        Step::stops("binding", "such a binding is accepted, but does not want this row")
    }))
}

/// Lets Postgres compare what the filters of their subscriptions ask of the row.
async fn compare(
    realtime: &Realtime,
    standing: &Standing,
    candidates: &[Arc<Change>],
) -> Result<Compared, Error> {
    let mut compared = Compared::new();
    for change in candidates {
        let asked = standing.bindings().flat_map(|binding| binding.interest.comparisons(change));
        compared.extend(asked.map(|asked| (asked, None)));
    }
    Comparer::new(realtime.pg.pool.clone()).compare(&mut compared).await?;
    Ok(compared)
}

/// The values of the primary key by column; a single one may stand alone.
fn key_of(target: &Target, key: &Value) -> Result<Value, Error> {
    let columns = target.table.columns.iter().filter(|column| column.is_key);
    let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
    let key = match (key, columns.as_slice()) {
        (Value::Object(given), _) => given.clone(),
        (given, [column]) => Map::from_iter([((*column).to_owned(), given.clone())]),
        _ => Map::new(),
    };
    let is_whole = key.len() == columns.len() && columns.iter().all(|it| key.contains_key(*it));
    if !is_whole || columns.is_empty() {
        let why = format!("does not name the primary key: ({})", columns.join(", "));
        return Err(Error::Invalid(json!({ "key": [why] })));
    }
    Ok(Value::Object(key))
}

async fn look_up(
    realtime: &Realtime,
    target: &Target,
    key: &Value,
) -> Result<Option<Vec<Option<String>>>, Error> {
    match store::row(&realtime.pg, target.table.oid, key).await {
        Err(error) if error.sqlstate().is_some_and(|code| code.starts_with("22")) => {
            let why = "holds a value that is none of its column's type";
            Err(Error::Invalid(json!({ "key": [why] })))
        }
        Err(error) if error.sqlstate() == Some("42501") => {
            let why = "cannot be looked up: who installed the platform may not read this table";
            Err(Error::Invalid(json!({ "key": [why] })))
        }
        found => Ok(found?),
    }
}

fn tuple(values: Vec<Option<String>>) -> Tuple {
    let datum = |value: Option<String>| value.map_or(Datum::Null, |text| Datum::Text(text.into()));
    values.into_iter().map(datum).collect()
}

fn image(target: &Target, tuple: &Tuple) -> String {
    Image::new(&target.table, &target.columns, tuple).literal
}

/// A change of the table in which nothing happened yet.
fn nothing(target: &Target, asked: &Asked) -> Change {
    Change {
        place: Place::default(),
        transaction: Arc::new(Transaction::default()),
        relation: Arc::new(Relation {
            oid: target.table.oid,
            schema: asked.schema.clone(),
            name: asked.table.clone(),
            columns: target.columns.clone(),
        }),
        action: Action::Insert { new: Tuple::new() },
    }
}
