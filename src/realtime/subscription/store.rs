//! Postgres accepts bindings: their tables, columns and values.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_postgres::error::{DbError, SqlState};

use super::super::error::Binding as Refusal;
use super::super::logs::Log;
use super::after::After;
use super::alias;
use super::facts::Facts;
use super::interest::{Binding, Interest};
use super::meaning::{Column, meaning};
use super::wanted::Wanted;
use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg};
use crate::wal::{Lsn, Place};

/// Lets Postgres accept the bindings of a channel: each table is published, all of them in one
/// log, the columns that filters and selections name exist and may be selected, and values are of
/// their types. All or none; gives the log, too.
///
/// # Errors
/// In the reference's words, what is wrong with the first that is refused.
pub async fn accept(
    pg: &Pg,
    facts: &Facts,
    identity: &Identity,
    wanted: &[Wanted],
) -> Result<(Log, Vec<Binding>), Refusal> {
    if wanted.is_empty() {
        return Ok((Log::Main, Vec::new()));
    }
    match accept_as_named(pg, facts, identity, wanted).await {
        // What is no published table may be a view that stands for one.
        Err(Refusal::NoTable(told)) => match alias::resolve(pg, wanted).await {
            Ok(Some(resolved)) => accept_as_named(pg, facts, identity, &resolved).await,
            Ok(None) => Err(Refusal::NoTable(told)),
            Err(error) => Err(refusal(&wanted[0], error)),
        },
        accepted => accepted,
    }
}

async fn accept_as_named(
    pg: &Pg,
    facts: &Facts,
    identity: &Identity,
    wanted: &[Wanted],
) -> Result<(Log, Vec<Binding>), Refusal> {
    // Dates and intervals are printed as the log prints them.
    let session = Session::person(identity)
        .read_only()
        .set("search_path", "")
        .set("datestyle", "ISO")
        .set("intervalstyle", "postgres");
    let end = match wanted.iter().find(|wanted| wanted.after.is_some()) {
        Some(resumed) => end_of_log(pg, &session, resumed).await?,
        None => Lsn::default(),
    };
    let (log, columns) = columns(pg, &session, (facts, &identity.role), wanted).await?;
    let mut values = Values::default();
    let mut filters = Vec::with_capacity(wanted.len());
    for (number, wanted) in wanted.iter().enumerate() {
        filters.push(wanted.filter.try_map(&mut |condition| {
            let column = &columns[&(number, condition.column.as_str())];
            meaning(condition, column, &identity.role, |operation, text, is_pattern| {
                values.ask(number, column, operation, text, is_pattern)
            })
            .map_err(|text| raised(wanted, &text))
        })?);
    }
    let printed = values.print(pg, &session, wanted).await?;
    let bindings = wanted.iter().zip(filters).map(|(wanted, filter)| {
        let interest = Interest {
            kind: wanted.kind,
            schema: wanted.schema.clone(),
            table: wanted.table.clone(),
            filter: filter.try_map(&mut |pending| Ok::<_, Refusal>(pending.settle(&printed)))?,
            view: wanted.view.clone(),
            moved_out: wanted.moved_out,
        };
        // A place beyond the end is one of another log, before a failover or a restored backup:
        // nothing that came after it is kept.
        let is_of_another = |after: &After| {
            let read_to = after.reading.as_ref().map_or(Lsn::default(), |reading| reading.end);
            after.place.commit.max(read_to) > end
        };
        let after = wanted.after.clone().map(|after| {
            if is_of_another(&after) { After::place(Place::default()) } else { after }
        });
        let (id, interest, is_compact) = (wanted.id(), Arc::new(interest), wanted.is_compact);
        Ok(Binding { id, interest, after, is_compact })
    });
    let bindings: Result<_, Refusal> = bindings.collect();
    Ok((log, bindings?))
}

/// Where the log ends.
async fn end_of_log(pg: &Pg, session: &Session<'_>, resumed: &Wanted) -> Result<Lsn, Refusal> {
    let sql = "select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text";
    let rows = pg.run(session, sql, &[]).await.map_err(|error| refusal(resumed, error))?;
    let end = rows.first().and_then(|row| row.get::<_, &str>(0).parse().ok());
    end.ok_or(Refusal::Unreachable)
}

/// The log that tells of the tables, and the columns that filters name, by number of the binding
/// and name.
async fn columns<'a>(
    pg: &Pg,
    session: &Session<'_>,
    (facts, role): (&Facts, &Arc<str>),
    wanted: &'a [Wanted],
) -> Result<(Log, HashMap<(usize, &'a str), Arc<Column>>), Refusal> {
    let mut asked: Vec<(usize, Option<&str>)> = Vec::new();
    let mut filtered: Vec<(usize, &str)> = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        asked.push((number, None));
        wanted.filter.visit(&mut |condition| filtered.push((number, &condition.column)));
        asked.extend(wanted.view.select.iter().flatten().map(|name| (number, Some(&**name))));
    }
    asked.extend(filtered.iter().map(|(number, name)| (*number, Some(*name))));
    let param = asked.iter().map(|(number, name)| {
        let of = &wanted[*number];
        json!({"binding": number, "schema": of.schema, "name": of.table, "column_name": name})
    });
    let question = Value::Array(param.collect()).to_string();
    let facts = facts.ask(pg, session, role, question).await;
    let facts = facts.map_err(|error| refusal(&wanted[0], error))?;
    let mut found: HashMap<(usize, &str), &Arc<Column>> = HashMap::new();
    let mut log = None;
    for fact in facts.iter() {
        let Some(told_in) = fact.log else {
            return Err(Refusal::NoTable(wanted[fact.binding].describe()));
        };
        if *log.get_or_insert(told_in) != told_in {
            return Err(Refusal::OtherLog(wanted[fact.binding].describe()));
        }
        if let (Some(name), Some(column)) = (&fact.name, &fact.column) {
            found.insert((fact.binding, name), column);
        }
    }
    for (number, wanted) in wanted.iter().enumerate() {
        for name in wanted.view.select.iter().flatten() {
            if !found.contains_key(&(number, name.as_str())) {
                return Err(raised(wanted, &format!("invalid column for select {name}")));
            }
        }
    }
    let mut columns = HashMap::with_capacity(filtered.len());
    for (number, name) in filtered {
        let column = found
            .get(&(number, name))
            .ok_or_else(|| raised(&wanted[number], &format!("invalid column for filter {name}")))?;
        columns.insert((number, name), Arc::clone(column));
    }
    Ok((log.unwrap_or_default(), columns))
}

/// Values that Postgres must read as their column's type, and print.
#[derive(Default)]
struct Values {
    /// By expression and type: a few statements for any number of values.
    asked: HashMap<(String, String), Vec<Asking>>,
    count: usize,
}

struct Asking {
    binding: usize,
    place: usize,
    text: String,
}

impl Values {
    /// Remembers a value; gives where it will be.
    fn ask(
        &mut self,
        binding: usize,
        column: &Column,
        operation: &str,
        text: &str,
        is_pattern: bool,
    ) -> usize {
        // Patterns are tried on an empty text, values on themselves. The log prints what a type's
        // output function gives, which a cast to text does not always (`t` is `true`).
        let (left, base) = if is_pattern {
            ("''::pg_catalog.text", "pg_catalog.text")
        } else {
            ("r", column.base_name.as_str())
        };
        let sql = format!(
            "select array_agg(format('%s', r::{base}) order by n), count(*) filter (where {operation})
               from (select {left} as l, r, n
                       from json_array_elements_text($1::json) with ordinality as t (r, n)) as pair"
        );
        let place = self.count;
        self.count += 1;
        let asking = Asking { binding, place, text: text.to_owned() };
        self.asked.entry((sql, column.base_name.clone())).or_default().push(asking);
        place
    }

    async fn print(
        self,
        pg: &Pg,
        session: &Session<'_>,
        wanted: &[Wanted],
    ) -> Result<Vec<String>, Refusal> {
        let mut printed = vec![String::new(); self.count];
        for ((sql, _), asked) in &self.asked {
            let texts = match print(pg, session, sql, asked).await {
                Err(Error::Refused(_)) if asked.len() > 1 => {
                    // Which of them is to be told.
                    let mut texts = Vec::with_capacity(asked.len());
                    for asking in asked {
                        let alone = print(pg, session, sql, std::slice::from_ref(asking)).await;
                        let alone = alone.map_err(|error| refusal(&wanted[asking.binding], error));
                        texts.extend(alone?);
                    }
                    texts
                }
                texts => texts.map_err(|error| refusal(&wanted[asked[0].binding], error))?,
            };
            for (asking, text) in asked.iter().zip(texts) {
                printed[asking.place] = text;
            }
        }
        Ok(printed)
    }
}

async fn print(
    pg: &Pg,
    session: &Session<'_>,
    sql: &str,
    asked: &[Asking],
) -> Result<Vec<String>, Error> {
    let texts = asked.iter().map(|asking| Value::from(asking.text.as_str())).collect();
    let rows = pg.run(session, sql, &[Some(&Value::Array(texts).to_string())]).await?;
    let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
    Ok(row.try_get(0)?)
}

fn raised(wanted: &Wanted, text: &str) -> Refusal {
    Refusal::Refused {
        binding: wanted.describe(),
        error: format!("ERROR P0001 (raise_exception) {text}"),
    }
}

fn refusal(wanted: &Wanted, error: Error) -> Refusal {
    // A pattern that takes too long will do so again.
    let is_slow = error.sqlstate() == Some(SqlState::QUERY_CANCELED.code());
    match error {
        error if error.is_passing() && !is_slow => {
            tracing::warn!(%error, "bindings cannot be checked now");
            Refusal::Unreachable
        }
        Error::Refused(error) if *error.code() == SqlState::INVALID_REGULAR_EXPRESSION => {
            let told = error.message();
            let told = told.strip_prefix("invalid regular expression: ").unwrap_or(told);
            raised(wanted, &format!("invalid regular expression for match filter: {told}"))
        }
        Error::Refused(error) => {
            Refusal::Refused { binding: wanted.describe(), error: describe(&error) }
        }
        error => {
            tracing::warn!(%error, "bindings could not be checked");
            Refusal::Unreachable
        }
    }
}

/// `ERROR 22P02 (invalid_text_representation) text`; Postgres does not send the condition's
/// name, so those that matter here are spelt out.
fn describe(error: &DbError) -> String {
    let code = error.code().code();
    let name = match code {
        "22P02" => "invalid_text_representation",
        "22P05" => "untranslatable_character",
        "22003" => "numeric_value_out_of_range",
        "22007" => "invalid_datetime_format",
        "22008" => "datetime_field_overflow",
        "22023" => "invalid_parameter_value",
        "23514" => "check_violation",
        "42501" => "insufficient_privilege",
        "42704" => "undefined_object",
        "42883" => "undefined_function",
        "0A000" => "feature_not_supported",
        _ => "error",
    };
    format!("ERROR {code} ({name}) {}", error.message())
}
