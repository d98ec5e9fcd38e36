//! Rows, with what is embedded in them.

use super::super::media::Body;
use super::super::plan::{Embedded, From, Output, Rows, Value};
use super::super::range::Window;
use super::condition::Place;
use super::{Statement, Wanted, answer, body, embed, keyset, member};

/// Limits up to here stand in the statement, so that Postgres plans it once: it guesses a limit
/// that it does not know to be high, and would plan each request anew. More would be too many
/// statements to remember.
const MAX_WRITTEN_LIMIT: i64 = 1_000;

/// The statement that reads `rows`, written as JSON member by member where that is wanted and
/// possible.
pub fn render(rows: &Rows, wanted: Wanted<'_>, by_member: bool) -> Statement {
    let is_array = *wanted.body == Body::Json { is_stripped: false } && wanted.has_body;
    let by_member = by_member && is_array && member::can_write(rows);
    let mut out = Statement { by_member, ..Statement::default() };
    let mut last = "null::text";
    if rows.is_page() {
        keyset::define(&mut out, rows);
        last = keyset::LAST;
    }
    finish(&mut out, rows, wanted, true, [last, "null::bigint"]);
    out
}

/// The answer made of `rows`; what comes before it may define `walkie_source`.
pub fn finish(out: &mut Statement, rows: &Rows, wanted: Wanted<'_>, is_set: bool, rest: [&str; 2]) {
    let total = |out: &mut Statement| total(out, rows, wanted);
    if *wanted.body == Body::Csv && wanted.has_body {
        // Read twice, for the names and for the lines, hence given a name.
        out.push(if out.sql.is_empty() { "with " } else { ", " }).push("walkie_lines as (");
        select(out, rows);
        out.push(") ");
        answer(out, wanted, &body(wanted, is_set), total, rest);
        out.push("walkie_lines walkie_row");
        return;
    }
    if !out.sql.is_empty() {
        out.push(" ");
    }
    if out.by_member {
        let mut array = Statement::default();
        member::array(&mut array, rows);
        answer(out, wanted, &format!("coalesce({}, '[]')", array.sql), total, rest);
    } else {
        answer(out, wanted, &body(wanted, is_set), total, rest);
    }
    out.push("(");
    select(out, rows);
    out.push(") walkie_row");
}

/// How many rows there are in all, when that is asked. Without a window they are all counted
/// already.
fn total(out: &mut Statement, rows: &Rows, wanted: Wanted<'_>) {
    if !wanted.has_total {
        out.push("null::bigint");
    } else if rows.window.is_everything() && rows.keyset.is_none() {
        out.push("count(*)");
    } else {
        out.push("(select count(*) from (");
        counted(out, rows);
        if let Some(most) = wanted.count_to {
            out.push(" limit ").bind(&most.to_string());
        }
        out.push(") walkie_counted)");
    }
}

/// All rows, whatever their window, showing nothing.
fn counted(out: &mut Statement, rows: &Rows) {
    if rows.is_grouped() {
        out.push("select ");
        outputs(out, rows);
        matching(out, rows, None, true);
        group(out, rows);
    } else {
        out.push("select");
        matching(out, rows, None, false);
    }
}

/// The statement whose plan guesses how many rows there are in all.
pub fn estimate(rows: &Rows) -> Statement {
    let mut out = Statement::default();
    out.push("explain (format json) ");
    counted(&mut out, rows);
    out
}

/// Ties embedded rows to the rows they are embedded in.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// Where the outer rows come from.
    pub outer: &'a From,
    /// What is embedded in them.
    pub embed: &'a Embedded,
}

/// `select … from … where … group by … order by … limit … offset …`
pub fn select(out: &mut Statement, rows: &Rows) {
    if rows.is_page() {
        keyset::select(out, rows);
    } else {
        select_linked(out, rows, None);
    }
}

/// The same of rows that are embedded in others.
pub fn select_linked(out: &mut Statement, rows: &Rows, link: Option<Link<'_>>) {
    out.push("select ");
    outputs(out, rows);
    matching(out, rows, link, true);
    group_and_cut(out, rows);
}

/// The columns of the answered rows.
pub fn outputs(out: &mut Statement, rows: &Rows) {
    if out.by_member {
        return member::outputs(out, rows);
    }
    out.list(", ", &rows.outputs, |out, output| {
        value(out, rows, output);
        if let Some(label) = &output.label {
            out.push(" as ").name(label);
        }
    });
}

/// One column, without its name.
pub fn value(out: &mut Statement, rows: &Rows, output: &Output) {
    let Output { value, aggregate, .. } = output;
    let Some(aggregate) = aggregate else {
        plain_value(out, rows, value);
        // What JSON there is must be comparable, where rows are grouped by it.
        if rows.is_grouped() && rows.is_built(output) {
            out.push("::jsonb");
        }
        return;
    };
    out.push(if aggregate.cast.is_some() { "cast(" } else { "" });
    out.push(aggregate.function).push("(");
    match value {
        Value::Presence => {
            out.push("*");
        }
        value => plain_value(out, rows, value),
    }
    out.push(")");
    if let Some(cast) = &aggregate.cast {
        out.push(" as ").push(cast).push(")");
    }
}

fn plain_value(out: &mut Statement, rows: &Rows, value: &Value) {
    match value {
        Value::All => {
            out.reference(&rows.from).push(".*");
        }
        Value::Presence => {
            out.push("true");
        }
        Value::Field { field, cast: Some(cast) } => {
            out.push("cast(").field(&rows.from, field).push(" as ").push(cast).push(")");
        }
        Value::Field { field, cast: None } => {
            out.shown(&rows.from, field);
        }
        Value::Embed(index) | Value::Spread { embed: index, .. } => {
            out.push(&embed::shown(value, &rows.embeds[*index]));
        }
    }
}

/// `from … where …`. Embeds that are shown are joined if `has_joins`; otherwise, as those that are
/// not shown, they are looked for where rows depend on them.
pub fn matching(out: &mut Statement, rows: &Rows, link: Option<Link<'_>>, has_joins: bool) {
    out.push(" from ");
    embed::source(out, rows, link);
    if let Some(link) = link {
        embed::join_junction(out, rows, link.embed);
    }
    let is_joined = |embed: &&Embedded| has_joins && embed.is_joined;
    for embed in rows.embeds.iter().filter(is_joined) {
        embed::join(out, rows, embed);
    }
    let place = Place { from: &rows.from, embeds: &rows.embeds, has_joins };
    let mut joint = " where ";
    if has_joins && let Some(every) = member::every(out, rows) {
        out.push(joint);
        member::are_all(out, rows, every);
        joint = " and ";
    }
    if let Some(link) = link.filter(|link| !link.embed.near.is_empty()) {
        out.push(joint);
        embed::tie(out, rows, link);
        joint = " and ";
    }
    for embed in rows.embeds.iter().filter(|embed| embed.is_inner && !is_joined(embed)) {
        out.push(joint);
        embed::exists(out, &rows.from, embed);
        joint = " and ";
    }
    for check in &rows.checks {
        out.push(joint);
        out.check(place, check);
        joint = " and ";
    }
    // Those that are only counted are counted from the first.
    let begun = rows.keyset.as_ref().filter(|keyset| has_joins && keyset.after.is_some());
    if let Some(keyset) = begun {
        out.push(joint);
        keyset::behind(out, place, &rows.order, keyset);
    }
}

/// `group by … order by … limit … offset …`
pub fn group_and_cut(out: &mut Statement, rows: &Rows) {
    group(out, rows);
    out.order(Place { from: &rows.from, embeds: &rows.embeds, has_joins: true }, &rows.order);
    if let (Some(limit), true) = (rows.window.limit, rows.brings_ties()) {
        cut(out, Window { limit: None, ..rows.window });
        out.push(" fetch first ").bind(&limit.to_string()).push(" rows with ties");
    } else {
        cut(out, rows.window);
    }
}

/// Groups by every output that is no aggregate, by its number.
fn group(out: &mut Statement, rows: &Rows) {
    if !rows.is_grouped() {
        return;
    }
    let numbers = rows.outputs.iter().enumerate().filter(|(_, output)| output.aggregate.is_none());
    let numbers: Vec<String> = numbers.map(|(index, _)| (index + 1).to_string()).collect();
    if !numbers.is_empty() {
        out.push(" group by ").push(&numbers.join(", "));
    }
}

/// `limit … offset …`
pub fn cut(out: &mut Statement, window: Window) {
    if let Some(limit) = window.limit {
        out.push(" limit ");
        if (0..=MAX_WRITTEN_LIMIT).contains(&limit) {
            out.push(&limit.to_string());
        } else {
            out.bind(&limit.to_string());
        }
    }
    if window.offset > 0 {
        out.push(" offset ").bind(&window.offset.to_string());
    }
}
