//! Rows as JSON, written member by member.
//!
//! The text is that of `json_agg`, which looks up for each value of each row how its type is
//! written; here that is known when the statement is, and Postgres needs a sixth less time for a
//! list. What a table's columns are the catalog says. Where it is behind the database Postgres
//! refuses such a statement ([`is_outdated`]), and rows are asked for as they are: so nothing is
//! ever left out, or written as what it is not.

use super::super::plan::{Output, Rows, Value, Written};
use super::Statement;
use super::read;
use crate::pg;

/// Longest name that Postgres keeps whole, in bytes: keys are names of columns.
const MAX_NAME_BYTES: usize = 63;

/// Most members of an object: the more there are, the deeper is the expression.
const MAX_MEMBERS: usize = 100;

/// What Postgres says of a statement that does not fit the columns that there are: there is one
/// more or less, it is not there, another type, or without that operator.
const OUTDATED: [&str; 4] = ["42601", "42703", "42804", "42883"];

/// Whether these rows can be written so: every member of every object must be known.
pub fn can_write(rows: &Rows) -> bool {
    let is_known = |output: &Output| match &output.value {
        Value::All => rows.every.is_some(),
        Value::Field { .. } => output.name().len() <= MAX_NAME_BYTES,
        Value::Embed(index) => {
            let embed = &rows.embeds[*index];
            output.name().len() <= MAX_NAME_BYTES
                && embed.orders.is_empty()
                && can_write(&embed.rows)
        }
        Value::Presence | Value::Spread { .. } => false,
    };
    rows.keyset.is_none()
        && !rows.is_grouped()
        && (1..=MAX_MEMBERS).contains(&members(rows).count())
        && rows.outputs.iter().all(is_known)
}

/// Whether a refusal may come from a catalog that is behind the database.
pub fn is_outdated(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|code| OUTDATED.contains(&code))
}

/// The columns of `walkie_row`, by number.
pub fn outputs(out: &mut Statement, rows: &Rows) {
    out.list(", ", members(rows).enumerate(), |out, (number, output)| {
        read::value(out, rows, output);
        out.push(" as walkie_").push(&number.to_string());
    });
}

/// A `walkie_row` as an object.
pub fn object(out: &mut Statement, rows: &Rows) {
    for (number, output) in members(rows).enumerate() {
        let start = if number == 0 { '{' } else { ',' };
        let key = serde_json::Value::from(output.name());
        out.literal(&format!("{start}{key}:"));
        let (before, after) = match &output.value {
            Value::Embed(index) if rows.embeds[*index].is_to_one => ("coalesce(", ", 'null')"),
            Value::Embed(_) => ("", ""),
            value => match written(value) {
                // Only whole numbers have this operator, and only truths can be denied: of any
                // other type, by now, they are no text that stands for itself.
                Written::Integer => ("coalesce((", " | 0)::text, 'null')"),
                Written::Boolean => ("coalesce((not not ", ")::text, 'null')"),
                Written::Looked => ("coalesce(to_json(", ")::text, 'null')"),
            },
        };
        out.push(" || ").push(before).push("walkie_row.walkie_").push(&number.to_string());
        out.push(after).push(" || ");
    }
    out.push("'}'");
}

/// All of them as an array; null when there is none.
pub fn array(out: &mut Statement, rows: &Rows) {
    out.push("'[' || string_agg(");
    object(out, rows);
    out.push(r", E', \n ') || ']'");
}

/// What stands for all columns, where the statement names them.
pub fn every<'a>(out: &Statement, rows: &'a Rows) -> Option<&'a [Output]> {
    let shows_all = rows.outputs.iter().any(|output| matches!(output.value, Value::All));
    rows.every.as_deref().filter(|_| shows_all && out.by_member)
}

/// That there are as many columns as the catalog knows. Postgres looks when it reads the
/// statement, and again when a table has changed; nothing is asked of a row.
pub fn are_all(out: &mut Statement, rows: &Rows, every: &[Output]) {
    out.push("(true or exists (select ").reference(&rows.from).push(".* union all select ");
    out.list(", ", every, |out, _| _ = out.push("null")).push("))");
}

/// The outputs, each column of all by its name.
fn members(rows: &Rows) -> impl Iterator<Item = &Output> {
    rows.outputs.iter().flat_map(|output| match (&output.value, &rows.every) {
        (Value::All, Some(every)) => every.iter(),
        _ => std::slice::from_ref(output).iter(),
    })
}

fn written(value: &Value) -> Written {
    match value {
        Value::Field { field, cast: None } => field.written,
        _ => Written::Looked,
    }
}
