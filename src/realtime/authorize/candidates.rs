//! Who could be permitted at all: the reverse query, for keys that nobody was asked about yet.
//!
//! It only saves questions. Whoever is found is still asked about, as themselves; whoever is
//! not found could not have been permitted, since the policies hold for nobody whose id does not
//! stand where this looks. What cannot be looked up so leaves everybody a candidate.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use uuid::Uuid;

use super::analysis::{Analysis, Candidates, Source};
use super::audience::Possible;
use super::inquiry::Question;
use super::policy::Rows;
use super::table::{Table, quote_name};
use super::{Authorizer, image, verdict};
use crate::identity::Identity;
use crate::pg::{Error, names};

/// Candidates of one key that are worth telling apart from everybody.
const MAX_CANDIDATES: usize = 20_000;

/// Says who could be permitted to see the rows of those questions that lack it.
///
/// # Errors
/// The database cannot be reached.
pub(super) async fn ask(
    authorizer: &mut Authorizer,
    questions: &mut [Question],
) -> Result<(), Error> {
    let mut by_audience: HashMap<(u32, Arc<str>), Vec<usize>> = HashMap::new();
    for (number, question) in questions.iter().enumerate() {
        if question.lacks_candidates {
            by_audience.entry(question.audience.clone()).or_default().push(number);
        }
    }
    for (audience, numbers) in by_audience {
        let Some(table) = authorizer.tables.get(&audience.0).cloned() else { continue };
        let Some(Ok(lens)) = authorizer.lenses.get(&audience).cloned() else { continue };
        let Rows::Where(policy) = &lens.rows else { continue };
        let Some(sql) = reverse_query(&table, &policy.analysis) else { continue };
        let rows: Vec<&str> = numbers.iter().map(|number| &*questions[*number].image).collect();
        let found = look_up(authorizer, &sql, &rows).await?;
        for (number, possible) in numbers.into_iter().zip(found) {
            questions[number].possible = Some(possible);
        }
    }
    Ok(())
}

/// For an array of row images, for each of them the ids that stand where a permitted person's
/// must, separated by commas; null when there are too many. `None` when there is no such place.
fn reverse_query(table: &Table, analysis: &Analysis) -> Option<String> {
    let Candidates::Of(sources) = &analysis.candidates else { return None };
    let mut places = Vec::with_capacity(sources.len());
    for source in sources {
        places.push(match source {
            Source::Column(column) => {
                format!("select image.{}::text as subject", quote_name(column))
            }
            Source::Rows(read) => {
                let read = analysis.reads.get(*read)?;
                let mut place = format!(
                    "(select subject::text from (select distinct r.{} as subject from {} as r where true",
                    quote_name(read.subject.as_ref()?),
                    read.name
                );
                for (theirs, ours) in &read.keys {
                    let (theirs, ours) = (quote_name(theirs), quote_name(ours));
                    let _ = write!(place, " and r.{theirs} = image.{ours}");
                }
                let _ = write!(place, " limit {}) as r)", MAX_CANDIDATES + 1);
                place
            }
        });
    }
    // Under row security the looker would overlook people.
    let mut sees_all = String::from("true");
    for read in &analysis.reads {
        let _ = write!(sees_all, " and not row_security_active({}::oid)", read.table);
    }
    let found = if places.is_empty() {
        "select null::text as subject where false".to_owned()
    } else {
        places.join(" union all ")
    };
    Some(format!(
        "select coalesce(array_agg((
                  select case when count(*) <= {MAX_CANDIDATES} and {sees_all}
                              then coalesce(string_agg(subject, ','), '') end
                    from ({found}) as found)), '{{}}')
           from unnest($1::text::{}[]) as image",
        table.quoted
    ))
}

/// Looks as a role that sees all rows of the tables that policies read; where it may not, or
/// the query fails, everybody is possible.
async fn look_up(
    authorizer: &mut Authorizer,
    sql: &str,
    rows: &[&str],
) -> Result<Vec<Possible>, Error> {
    let everybody = || vec![Possible::Anybody; rows.len()];
    let looker = Identity { role: names::SERVICE_ROLE.into(), ..Identity::anon() };
    let param = image::array(rows.iter().copied());
    let found = verdict::look(&authorizer.pool, &mut authorizer.unsettled, &looker, sql, &param);
    let found: Vec<Option<String>> = match found.await {
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => {
            tracing::debug!(%error, "candidates cannot be looked up: everybody is asked about");
            return Ok(everybody());
        }
        Ok(found) => found,
    };
    if found.len() != rows.len() {
        return Ok(everybody());
    }
    Ok(found.into_iter().map(possible).collect())
}

/// What is no uuid is nobody's `auth.uid()`.
fn possible(subjects: Option<String>) -> Possible {
    match subjects {
        None => Possible::Anybody,
        Some(subjects) => Possible::Of(
            subjects
                .split(',')
                .filter_map(|subject| Uuid::try_parse(subject).ok())
                .collect::<HashSet<_>>(),
        ),
    }
}
