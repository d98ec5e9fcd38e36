//! What is embedded in rows: joined sideways where it is shown, else only looked for.

use super::super::plan::{Between, Embedded, From, Origin, Rows, Value};
use super::read::{self, Link};
use super::{Statement, member};

/// Joins an embed; rows of `rows` are its outer rows.
pub fn join(out: &mut Statement, rows: &Rows, embed: &Embedded) {
    let outer = &rows.from;
    out.push(if embed.is_inner { " join lateral (" } else { " left join lateral (" });
    match (embed.is_to_one, embed.is_spread) {
        (true, false) if embed.orders.is_empty() => {
            out.push("select ");
            if out.by_member {
                member::object(out, &embed.rows);
            } else {
                out.push("row_to_json(walkie_row)");
            }
            out.push(" as body from (");
            read::select_linked(out, &embed.rows, Some(Link { outer, embed }));
            out.push(") walkie_row");
        }
        (true, _) => one_row(out, outer, embed),
        (false, false) => {
            out.push("select ");
            if out.by_member {
                member::array(out, &embed.rows);
            } else {
                out.push("json_agg(walkie_row)");
            }
            out.push(" as body from (");
            read::select_linked(out, &embed.rows, Some(Link { outer, embed }));
            out.push(") walkie_row");
        }
        (false, true) => arrays(out, outer, embed),
    }
    out.push(") ").push(&name(embed)).push(" on ");
    if embed.is_inner && !embed.is_to_one {
        out.push(&mark(embed)).push(" is not null");
    } else {
        out.push("true");
    }
}

/// At most one row, its columns by number, with what outer rows are ordered by.
fn one_row(out: &mut Statement, outer: &From, embed: &Embedded) {
    let rows = &embed.rows;
    out.push("select ");
    if embed.is_spread {
        for (index, output) in rows.outputs.iter().enumerate() {
            read::value(out, rows, output);
            out.push(&format!(" as walkie_{index}, "));
        }
    } else if !rows.outputs.is_empty() {
        out.push("(select row_to_json(walkie_row) from (select ");
        read::outputs(out, rows);
        out.push(") walkie_row) as body, ");
    }
    for (index, field) in embed.orders.iter().enumerate() {
        out.field(&rows.from, field).push(&format!(" as walkie_order_{index}, "));
    }
    out.push("true as walkie_found");
    read::matching(out, rows, Some(Link { outer, embed }), true);
    read::group_and_cut(out, rows);
}

/// An array for each column, all in the same order.
fn arrays(out: &mut Statement, outer: &From, embed: &Embedded) {
    let rows = &embed.rows;
    let columns: Vec<usize> = (0..rows.outputs.len()).collect();
    out.push("select ").list(", ", &columns, |out, index| {
        out.push(&format!("json_agg(walkie_row.walkie_{index}) as walkie_{index}"));
    });
    out.push(" from (select ").list(", ", &columns, |out, index| {
        read::value(out, rows, &rows.outputs[*index]);
        out.push(&format!(" as walkie_{index}"));
    });
    read::matching(out, rows, Some(Link { outer, embed }), true);
    read::group_and_cut(out, rows);
    out.push(") walkie_row");
}

/// Whether there is any embedded row.
pub fn exists(out: &mut Statement, outer: &From, embed: &Embedded) {
    out.push("exists (select");
    read::matching(out, &embed.rows, Some(Link { outer, embed }), false);
    read::cut(out, embed.rows.window);
    out.push(")");
}

/// The column of a joined embed that is null when nothing was found.
pub fn mark(embed: &Embedded) -> String {
    let column = match (embed.is_to_one, embed.is_spread) {
        (true, false) if embed.orders.is_empty() => "body",
        (true, _) => "walkie_found",
        (false, false) => "body",
        (false, true) => "walkie_0",
    };
    format!("{}.{column}", name(embed))
}

/// The column by which outer rows are ordered.
pub fn order_column(embed: &Embedded, index: usize) -> String {
    format!("{}.walkie_order_{index}", name(embed))
}

/// The column of an outer row that shows an embed: its JSON, or a column of a spread one.
pub fn shown(value: &Value, embed: &Embedded) -> String {
    let column = match value {
        Value::Spread { column, .. } => format!("{}.walkie_{column}", name(embed)),
        _ => format!("{}.body", name(embed)),
    };
    if embed.is_to_one { column } else { format!("coalesce({column}, '[]')") }
}

/// Joins the table between outer and embedded rows, if there is one.
pub fn join_junction(out: &mut Statement, rows: &Rows, embed: &Embedded) {
    let Some(Between { schema, table, far }) = &embed.junction else { return };
    let via = format!("walkie_via_{}", embed.number);
    out.push(" join ").qualified(schema, table).push(" ").push(&via).push(" on ");
    out.list(" and ", far, |out, (between, inner)| {
        out.push(&via).push(".").name(between).push(" = ").column(&rows.from, inner);
    });
}

/// Embedded rows, or the junction's, belong to the outer row.
pub fn tie(out: &mut Statement, rows: &Rows, Link { outer, embed }: Link<'_>) {
    out.list(" and ", &embed.near, |out, (outer_column, inner_column)| {
        if embed.junction.is_some() {
            out.push(&format!("walkie_via_{}.", embed.number)).name(inner_column);
        } else {
            out.column(&rows.from, inner_column);
        }
        out.push(" = ").column(outer, outer_column);
    });
}

/// Adds where rows come from.
pub fn source(out: &mut Statement, rows: &Rows, link: Option<Link<'_>>) {
    match (&rows.from.origin, link) {
        (Origin::Table(schema, name), _) => {
            out.qualified(schema, name);
        }
        (Origin::Function(schema, name), Some(link)) => {
            out.qualified(schema, name).push("(").whole(link.outer).push(")");
        }
        (Origin::Source | Origin::Function(..), _) => {
            out.push("walkie_source");
        }
    }
    if let Some(alias) = &rows.from.alias {
        out.push(" as ").name(alias);
    }
}

fn name(embed: &Embedded) -> String {
    format!("walkie_embed_{}", embed.number)
}
