//! Rows, with what is embedded in them.

use super::super::media::Media;
use super::super::plan::{Between, Check, Embedded, From, Origin, Output, Rows};
use super::{Statement, Wanted, answer, body};

/// The statement that reads `rows`.
pub fn render(rows: &Rows, wanted: Wanted) -> Statement {
    let mut out = Statement::default();
    finish(&mut out, rows, wanted, true, ["null::text", "null::bigint"]);
    out
}

/// The answer made of `rows`; what comes before it may define `walkie_source`.
pub fn finish(out: &mut Statement, rows: &Rows, wanted: Wanted, is_set: bool, rest: [&str; 2]) {
    let total = |out: &mut Statement| total(out, rows, wanted);
    if wanted.media == Media::Csv && wanted.has_body {
        // Read twice, for the names and for the lines, hence given a name.
        out.push(if out.sql.is_empty() { "with " } else { ", " }).push("walkie_lines as (");
        select(out, rows);
        out.push(") ");
        answer(out, wanted, CSV, total, rest);
        out.push("walkie_lines walkie_row");
        return;
    }
    if !out.sql.is_empty() {
        out.push(" ");
    }
    answer(out, wanted, body(wanted, is_set), total, rest);
    out.push("(");
    select(out, rows);
    out.push(") walkie_row");
}

/// A line of names, then a line for each row as Postgres writes records.
const CSV: &str = "coalesce((select string_agg(key, ',') from json_object_keys(\
    (select row_to_json(first) from walkie_lines first limit 1)) key), '') || \
    coalesce(string_agg(E'\\n' || substr(walkie_row::text, 2, length(walkie_row::text) - 2), ''), '')";

/// How many rows there are in all, when that is asked. Without a window they are all counted
/// already.
fn total(out: &mut Statement, rows: &Rows, wanted: Wanted) {
    if !wanted.has_total {
        out.push("null::bigint");
    } else if rows.window.is_everything() {
        out.push("count(*)");
    } else {
        out.push("(select count(*)");
        let needed = |index: usize| rows.embeds[index].is_inner || asks_for(&rows.checks, index);
        matching(out, rows, None, needed);
        out.push(")");
    }
}

/// Ties embedded rows to the rows they are embedded in.
#[derive(Clone, Copy)]
struct Link<'a> {
    outer: &'a From,
    embed: &'a Embedded,
}

/// `select … from … where … order by … limit … offset …`
pub fn select(out: &mut Statement, rows: &Rows) {
    select_linked(out, rows, None);
}

fn select_linked(out: &mut Statement, rows: &Rows, link: Option<Link<'_>>) {
    out.push("select ").list(", ", &rows.outputs, |out, output| write_output(out, rows, output));
    matching(out, rows, link, |_| true);
    out.order(&rows.from, &rows.order);
    if let Some(limit) = rows.window.limit {
        out.push(" limit ").bind(&limit.to_string());
    }
    if rows.window.offset > 0 {
        out.push(" offset ").bind(&rows.window.offset.to_string());
    }
}

fn write_output(out: &mut Statement, rows: &Rows, output: &Output) {
    match output {
        Output::All => {
            out.reference(&rows.from).push(".*");
        }
        Output::Field { field, label, cast } => {
            match cast {
                Some(cast) => {
                    out.push("cast(").field(&rows.from, field).push(" as ").push(cast).push(")")
                }
                None => out.field(&rows.from, field),
            };
            if let Some(label) = label {
                out.push(" as ").name(label);
            }
        }
        Output::Embed(index) => {
            let embed = &rows.embeds[*index];
            let name = format!("walkie_embed_{}.body", embed.number);
            if embed.is_to_one {
                out.push(&name);
            } else {
                out.push("coalesce(").push(&name).push(", '[]')");
            }
            out.push(" as ").name(&embed.label);
        }
    }
}

/// `from … where …` with those embeds that are `needed`.
fn matching(
    out: &mut Statement,
    rows: &Rows,
    link: Option<Link<'_>>,
    needed: impl Fn(usize) -> bool,
) {
    out.push(" from ");
    match &rows.from.origin {
        Origin::Table(schema, name) => out.qualified(schema, name),
        Origin::Source => out.push("walkie_source"),
    };
    if let Some(alias) = &rows.from.alias {
        out.push(" as ").name(alias);
    }
    if let Some(link) = link {
        join_junction(out, rows, link.embed);
    }
    for (index, embed) in rows.embeds.iter().enumerate() {
        if needed(index) {
            join_embed(out, &rows.from, embed);
        }
    }
    if link.is_some() || !rows.checks.is_empty() {
        out.push(" where ");
    }
    if let Some(link) = link {
        tie(out, rows, link);
        out.push(if rows.checks.is_empty() { "" } else { " and " });
    }
    let numbers: Vec<usize> = rows.embeds.iter().map(|embed| embed.number).collect();
    out.checks(&rows.from, &numbers, &rows.checks);
}

fn join_embed(out: &mut Statement, outer: &From, embed: &Embedded) {
    let name = format!("walkie_embed_{}", embed.number);
    out.push(if embed.is_inner { " join lateral (" } else { " left join lateral (" });
    out.push(if embed.is_to_one { "select row_to_json" } else { "select json_agg" });
    out.push("(walkie_row) as body from (");
    select_linked(out, &embed.rows, Some(Link { outer, embed }));
    out.push(") walkie_row) ").push(&name).push(" on ");
    if embed.is_inner {
        out.push(&name).push(".body is not null");
    } else {
        out.push("true");
    }
}

fn join_junction(out: &mut Statement, rows: &Rows, embed: &Embedded) {
    let Some(Between { schema, table, far }) = &embed.junction else { return };
    let via = format!("walkie_via_{}", embed.number);
    out.push(" join ").qualified(schema, table).push(" ").push(&via).push(" on ");
    out.list(" and ", far, |out, (between, inner)| {
        out.push(&via).push(".").name(between).push(" = ").column(&rows.from, inner);
    });
}

/// Embedded rows, or the junction's, belong to the outer row.
fn tie(out: &mut Statement, rows: &Rows, Link { outer, embed }: Link<'_>) {
    out.list(" and ", &embed.near, |out, (outer_column, inner_column)| {
        if embed.junction.is_some() {
            out.push(&format!("walkie_via_{}.", embed.number)).name(inner_column);
        } else {
            out.column(&rows.from, inner_column);
        }
        out.push(" = ").column(outer, outer_column);
    });
}

/// Whether some condition asks for the embed at `index`.
fn asks_for(checks: &[Check], wanted: usize) -> bool {
    checks.iter().any(|check| match check {
        Check::Embed { index, .. } => *index == wanted,
        Check::Logic { checks, .. } => asks_for(checks, wanted),
        Check::Compare { .. } => false,
    })
}
