//! The exact question, batched: may this person see this row image? Postgres answers.
//!
//! All images of a table that concern a person are one case. Cases with the same question and
//! role are put to Postgres in one call, which puts on one person's claims after the other:
//! that is several times as fast as a statement for each. Where a policy raises or is slow, the
//! cases of that call are asked apart, with savepoints, and then row by row, so that the error
//! denies that person and row alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::future;

use crate::identity::Identity;
use crate::pg::Error;
use crate::pg::session::{Question, Survey, ask_each, survey};

use super::image;
use super::policy::Wording;
use super::settled::{Snapshot, Unsettled};

/// Questions in one round trip on one connection.
const QUESTIONS_PER_TRIP: usize = 200;

/// Cases in one call; fewer than [`MIN_SURVEY`] are not worth one.
const MAX_SURVEY: usize = 500;
const MIN_SURVEY: usize = 4;

/// Cases in one round trip when some are known to raise.
const RAISING_PER_TRIP: usize = 16;

/// Time-outs of one question in a batch; the rest of those who ask it counts as timed out, so
/// that a policy that sleeps for everybody does not stop everybody else for long.
const MAX_TIMEOUTS: usize = 2;

/// How long to wait for a snapshot to contain what the log has told.
const SETTLE_WAIT: Duration = Duration::from_millis(1);

/// Rows that one person asks about with one statement.
#[derive(Debug)]
pub(super) struct Case<'a> {
    /// The person.
    pub(super) identity: &'a Identity,
    /// How to ask.
    pub(super) wording: &'a Wording,
    /// The rows.
    pub(super) rows: Vec<&'a str>,
}

/// What Postgres said of one row, or why it could not say.
pub(super) type Verdict = Result<bool, Arc<Error>>;

/// Asks all cases; gives a verdict for each of their rows. A verdict counts only when its
/// snapshot contains `unsettled`.
///
/// # Errors
/// The database cannot be reached: nobody has an answer.
pub(super) async fn ask(
    pool: &Pool,
    unsettled: &mut Unsettled,
    cases: &[Case<'_>],
) -> Result<Vec<Vec<Verdict>>, Error> {
    // What Postgres does not answer is denied.
    let mut verdicts: Vec<Vec<Verdict>> =
        cases.iter().map(|case| vec![Ok(false); case.rows.len()]).collect();
    let surveyed = ask_surveys(pool, unsettled, cases, &mut verdicts).await?;
    let few: Vec<Part> = surveyed.few.into_iter().map(Part::whole).collect();
    let mut raising = ask_parts(pool, unsettled, cases, &few, false, &mut verdicts).await?;
    raising.extend(surveyed.raising);
    let slow = (surveyed.slow, 1);
    for (open, per_trip) in [(raising, RAISING_PER_TRIP), slow] {
        ask_guarded(pool, unsettled, cases, open, per_trip, &mut verdicts).await?;
    }
    Ok(verdicts)
}

/// Asks cases that may raise or be slow, so many in a trip, until a question has run into the
/// time limit too often.
///
/// # Errors
/// The database cannot be reached.
async fn ask_guarded(
    pool: &Pool,
    unsettled: &mut Unsettled,
    cases: &[Case<'_>],
    mut open: Vec<usize>,
    per_trip: usize,
    verdicts: &mut [Vec<Verdict>],
) -> Result<(), Error> {
    let mut timeouts: HashMap<&Wording, (usize, Arc<Error>)> = HashMap::new();
    while !open.is_empty() {
        let rest = open.split_off(open.len().min(per_trip * pool.status().max_size.max(1)));
        let parts: Vec<Part> = open.iter().copied().map(Part::whole).collect();
        let mut failed = Vec::new();
        for parts in parts.chunks(per_trip) {
            failed.extend(ask_parts(pool, unsettled, cases, parts, true, verdicts).await?);
        }
        let rows: Vec<Part> = failed.into_iter().flat_map(|case| Part::rows(case, cases)).collect();
        ask_parts(pool, unsettled, cases, &rows, true, verdicts).await?;
        for case in open {
            let errors = verdicts[case].iter().filter_map(|verdict| verdict.as_ref().err());
            for error in errors.filter(|error| error.sqlstate() == Some(super::QUERY_CANCELED)) {
                timeouts.entry(cases[case].wording).or_insert((0, Arc::clone(error))).0 += 1;
            }
        }
        open = rest;
        open.retain(|case| match timeouts.get(cases[*case].wording) {
            Some((count, error)) if *count >= MAX_TIMEOUTS => {
                verdicts[*case].fill(Err(Arc::clone(error)));
                false
            }
            _ => true,
        });
    }
    Ok(())
}

/// Waits until a snapshot contains `unsettled`.
///
/// # Errors
/// The database cannot be reached.
pub(super) async fn settle(pool: &Pool, unsettled: &mut Unsettled) -> Result<(), Error> {
    ask_parts(pool, unsettled, &[], &[], false, &mut []).await.map(drop)
}

/// Cases that are to be asked apart.
#[derive(Debug, Default)]
struct Surveyed {
    /// Too few have the same question.
    few: Vec<usize>,
    /// Somebody's policy raised among them.
    raising: Vec<usize>,
    /// Together they ran into the time limit.
    slow: Vec<usize>,
}

/// Asks those cases together that can be; gives the others.
///
/// # Errors
/// The database cannot be reached.
async fn ask_surveys(
    pool: &Pool,
    unsettled: &mut Unsettled,
    cases: &[Case<'_>],
    verdicts: &mut [Vec<Verdict>],
) -> Result<Surveyed, Error> {
    let mut alike: HashMap<(&str, &Wording), Vec<usize>> = HashMap::new();
    for (number, case) in cases.iter().enumerate() {
        alike.entry((&case.identity.role, case.wording)).or_default().push(number);
    }
    // Many people are asked about one row in less time.
    for numbers in alike.values_mut() {
        numbers.sort_by_key(|number| &cases[*number].rows);
    }
    let mut apart = Surveyed::default();
    let mut open: Vec<&[usize]> = Vec::new();
    let connections = pool.status().max_size.max(1);
    for numbers in alike.values() {
        if numbers.len() < MIN_SURVEY {
            apart.few.extend(numbers);
            continue;
        }
        let size = numbers.len().div_ceil(connections).clamp(MIN_SURVEY, MAX_SURVEY);
        open.extend(numbers.chunks(size));
    }
    while !open.is_empty() {
        let trips = open.iter().map(|numbers| ask_survey(pool, cases, numbers));
        let outcomes = future::join_all(trips).await;
        let mut early = Vec::new();
        let mut snapshots = Vec::new();
        for (numbers, outcome) in open.into_iter().zip(outcomes) {
            let (snapshot, answers) = match outcome {
                Ok(answered) => answered,
                // A locked table is nobody's fault: all wait for it, as a select would.
                Err(error) if error.is_locked() || error.sqlstate().is_none() => return Err(error),
                Err(error) if error.sqlstate() == Some(super::QUERY_CANCELED) => {
                    apart.slow.extend(numbers);
                    continue;
                }
                Err(_) => {
                    apart.raising.extend(numbers);
                    continue;
                }
            };
            let snapshot = read_snapshot(&snapshot)?;
            if unsettled.are_in(&snapshot) {
                for (number, answer) in numbers.iter().zip(answers) {
                    for (place, is_permitted) in verdicts[*number].iter_mut().zip(answer) {
                        *place = Ok(is_permitted);
                    }
                }
            } else {
                early.push(numbers);
            }
            snapshots.push(snapshot);
        }
        for snapshot in &snapshots {
            unsettled.forget(snapshot);
        }
        open = early;
        if !open.is_empty() {
            tokio::time::sleep(SETTLE_WAIT).await;
        }
    }
    Ok(apart)
}

/// Asks cases with the same question and role, those about the same rows side by side; gives the
/// snapshot and each case's verdicts.
///
/// # Errors
/// See [`survey`].
async fn ask_survey(
    pool: &Pool,
    cases: &[Case<'_>],
    numbers: &[usize],
) -> Result<(String, Vec<Vec<bool>>), Error> {
    let Case { identity, wording, .. } = cases[numbers[0]];
    let rows = |number: &usize| &cases[*number].rows;
    let alike = || numbers.chunk_by(|one, next| rows(one) == rows(next));
    let images: Vec<String> =
        alike().map(|numbers| image::array(rows(&numbers[0]).iter().copied())).collect();
    let params = alike().zip(&images).flat_map(|(numbers, image)| vec![&**image; numbers.len()]);
    let asked = Survey {
        role: &identity.role,
        sql: &wording.rows,
        body: wording.row.as_deref(),
        claims: numbers.iter().map(|number| &*cases[*number].identity.claims).collect(),
        params: params.collect(),
    };
    survey(pool, &asked).await
}

/// Asks one question that gives an array of texts, as `identity`, in a snapshot that contains
/// `unsettled`.
///
/// # Errors
/// Postgres refuses it or cannot be reached.
pub(super) async fn look(
    pool: &Pool,
    unsettled: &mut Unsettled,
    identity: &Identity,
    sql: &str,
    param: &str,
) -> Result<Vec<Option<String>>, Error> {
    loop {
        let question = Question { identity, sql, param };
        let mut answered = ask_each(pool, &[question], false).await?;
        let snapshot = read_snapshot(&answered.snapshot)?;
        let is_settled = unsettled.are_in(&snapshot);
        unsettled.forget(&snapshot);
        if !is_settled {
            tokio::time::sleep(SETTLE_WAIT).await;
            continue;
        }
        let rows = answered.answers.pop().ok_or_else(|| Error::Down("no answer".into()))??;
        let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
        return Ok(row.try_get(0)?);
    }
}

fn read_snapshot(text: &str) -> Result<Snapshot, Error> {
    Snapshot::read(text).ok_or_else(|| Error::Down("no snapshot".into()))
}

/// A case, or one row of it.
#[derive(Debug, Clone, Copy)]
struct Part {
    case: usize,
    row: Option<usize>,
}

impl Part {
    fn whole(case: usize) -> Self {
        Self { case, row: None }
    }

    fn rows(case: usize, cases: &[Case<'_>]) -> impl Iterator<Item = Self> {
        (0..cases[case].rows.len()).map(move |row| Self { case, row: Some(row) })
    }

    /// The verdicts that the part asks for.
    fn places<'a>(&self, verdicts: &'a mut [Vec<Verdict>]) -> &'a mut [Verdict] {
        let verdicts = &mut verdicts[self.case];
        match self.row {
            Some(row) => &mut verdicts[row..=row],
            None => verdicts,
        }
    }
}

/// Asks `parts` until the snapshot is late enough; gives the cases that must be asked in a
/// finer way.
async fn ask_parts(
    pool: &Pool,
    unsettled: &mut Unsettled,
    cases: &[Case<'_>],
    parts: &[Part],
    isolated: bool,
    verdicts: &mut [Vec<Verdict>],
) -> Result<Vec<usize>, Error> {
    let mut failed = Vec::new();
    // Without parts one empty trip still brings a snapshot.
    let mut open: Vec<&[Part]> = match parts {
        [] if unsettled.len() == 0 || !cases.is_empty() => return Ok(failed),
        [] => vec![parts],
        parts => parts.chunks(QUESTIONS_PER_TRIP).collect(),
    };
    while !open.is_empty() {
        let trips = open.iter().map(|parts| trip(pool, cases, parts, isolated));
        let outcomes = future::try_join_all(trips).await?;
        let mut early = Vec::new();
        for (parts, (snapshot, answers)) in open.into_iter().zip(&outcomes) {
            if !unsettled.are_in(snapshot) {
                early.push(parts);
                continue;
            }
            for (part, answer) in parts.iter().zip(answers) {
                match answer {
                    Ok(rows) => {
                        for (place, is_permitted) in part.places(verdicts).iter_mut().zip(rows) {
                            *place = Ok(*is_permitted);
                        }
                    }
                    Err(error) if is_repeatable(part, error) => failed.push(part.case),
                    Err(error) => part.places(verdicts).fill(Err(Arc::clone(error))),
                }
            }
        }
        for (snapshot, _) in &outcomes {
            unsettled.forget(snapshot);
        }
        open = early;
        if !open.is_empty() {
            tokio::time::sleep(SETTLE_WAIT).await;
        }
    }
    Ok(failed)
}

/// One round trip: the snapshot, and the rows' verdicts for each part.
async fn trip(
    pool: &Pool,
    cases: &[Case<'_>],
    parts: &[Part],
    isolated: bool,
) -> Result<(Snapshot, Vec<Result<Vec<bool>, Arc<Error>>>), Error> {
    let params: Vec<String> = parts
        .iter()
        .map(|part| {
            let rows = &cases[part.case].rows;
            match part.row {
                Some(row) => image::array(rows[row..=row].iter().copied()),
                None => image::array(rows.iter().copied()),
            }
        })
        .collect();
    let questions: Vec<Question<'_>> = parts
        .iter()
        .zip(&params)
        .map(|(part, param)| {
            let case = &cases[part.case];
            Question { identity: case.identity, sql: &case.wording.rows, param }
        })
        .collect();
    let answered = ask_each(pool, &questions, isolated).await?;
    let snapshot = read_snapshot(&answered.snapshot)?;
    let mut verdicts = Vec::with_capacity(parts.len());
    for answer in answered.answers {
        match answer.and_then(|rows| read(&rows)) {
            // A locked table is nobody's fault: all wait for it, as a select would.
            Err(error) if error.is_locked() => return Err(error),
            verdict => verdicts.push(verdict.map_err(Arc::new)),
        }
    }
    Ok((snapshot, verdicts))
}

fn read(rows: &[tokio_postgres::Row]) -> Result<Vec<bool>, Error> {
    let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
    Ok(row.try_get(0)?)
}

/// A single row's error is final, and a time-out is not risked twice; the aftermath of
/// somebody else's error is no answer.
fn is_repeatable(part: &Part, error: &Error) -> bool {
    error.is_aftermath() || part.row.is_none() && error.sqlstate() != Some(super::QUERY_CANCELED)
}
