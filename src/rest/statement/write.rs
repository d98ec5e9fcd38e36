//! Changes of rows, and what comes back of them.

use super::super::payload::{Payload, Shape};
use super::super::plan::{Check, Conflict, From, Origin, Work, WritePlan};
use super::fragment::WHOLE;
use super::{Statement, Wanted, answer, read};
use crate::pg::catalog::Column;

/// Counts rows that were there already, so that the answer can tell them from new ones.
const UPDATED: &str = "walkie.updated";

/// The statement of a change.
pub fn render(plan: &WritePlan, payload: &Payload, wanted: Wanted<'_>) -> Statement {
    let mut out = Statement::default();
    out.push("with walkie_source as (");
    change(&mut out, plan, payload);
    out.push(")");
    let location = location(plan);
    let updated = if plan.work.merges() {
        "coalesce(nullif(current_setting('walkie.updated', true), ''), '0')::bigint"
    } else {
        "null::bigint"
    };
    let rest = [location.as_str(), updated];
    if let Some(rows) = &plan.rows {
        read::finish(&mut out, rows, wanted, true, rest);
        return out;
    }
    let total = if wanted.has_total { "count(*)" } else { "null::bigint" };
    out.push(" ");
    answer(&mut out, wanted, "null::text", |out| _ = out.push(total), rest);
    out.push("walkie_source walkie_row");
    out
}

/// Where the new row is: names and texts of its key, when it is alone.
fn location(plan: &WritePlan) -> String {
    if plan.location.is_empty() {
        return "null::text".into();
    }
    "case count(*) when 1 then (select json_agg(json_build_array(key, value)) \
     from json_each_text(json_agg(walkie_row) -> 0))::text end"
        .into()
}

fn change(out: &mut Statement, plan: &WritePlan, payload: &Payload) {
    let WritePlan { schema, table, .. } = plan;
    match &plan.work {
        Work::Insert { columns, fills_defaults, conflict, only } => {
            out.push("insert into ").qualified(schema, table);
            insert(out, columns, *fills_defaults, payload);
            if !only.is_empty() {
                let given = From { origin: Origin::Source, alias: Some("walkie_body".into()) };
                out.push(" where ").checks(&given, &[], only).push(" limit 1");
            }
            if let Some(conflict) = conflict {
                resolve(out, conflict, columns);
            }
        }
        Work::Update { columns, fills_defaults, checks } => {
            out.push("update ").qualified(schema, table).push(" set ");
            out.list(", ", columns, |out, column| {
                out.name(&column.name).push(" = walkie_body.").name(&column.name);
            });
            out.push(" from (");
            body(out, columns, *fills_defaults, payload);
            // Of several objects the first speaks.
            out.push(" limit 1) walkie_body");
            matching(out, plan, checks);
        }
        Work::Delete { checks } => {
            out.push("delete from ").qualified(schema, table);
            matching(out, plan, checks);
        }
        Work::Nothing => {
            out.push("select ");
            returned(out, plan);
            out.push(" from ").qualified(schema, table).push(" where false");
            return;
        }
    }
    out.push(" returning ");
    returned(out, plan);
}

fn matching(out: &mut Statement, plan: &WritePlan, checks: &[Check]) {
    if !checks.is_empty() {
        let origin = Origin::Table(plan.schema.clone(), plan.table.clone());
        out.push(" where ").checks(&From { origin, alias: None }, &[], checks);
    }
}

fn returned(out: &mut Statement, plan: &WritePlan) {
    if plan.returns_whole {
        let target =
            From { origin: Origin::Table(plan.schema.clone(), plan.table.clone()), alias: None };
        out.whole(&target).push("::").qualified(&plan.schema, &plan.table);
        out.push(" as ").name(WHOLE);
        out.push(if plan.returning.is_empty() { "" } else { ", " });
    } else if plan.returning.is_empty() {
        out.push("1");
    }
    out.list(", ", &plan.returning, |out, column| {
        out.qualified(&plan.schema, &plan.table).push(".").name(column);
    });
}

fn insert(out: &mut Statement, columns: &[Column], fills_defaults: bool, payload: &Payload) {
    if columns.is_empty() {
        // A row of defaults for each object.
        out.push(" select from json_array_elements(");
        array(out, payload, "json");
        out.push(") walkie_body");
        return;
    }
    out.push(" (").names(columns.iter().map(|column| &column.name));
    out.push(") ");
    body(out, columns, fills_defaults, payload);
}

/// `select` of the body's rows: each key read as its column's type.
fn body(out: &mut Statement, columns: &[Column], fills_defaults: bool, payload: &Payload) {
    out.push("select ").list(", ", columns, |out, column| match &column.from_json {
        Some(function) => {
            out.push(function).push("(walkie_body.").name(&column.name).push(") as ");
            out.name(&column.name);
        }
        None => _ = out.push("walkie_body.").name(&column.name),
    });
    let defaults: Vec<(&str, &str)> = columns
        .iter()
        .filter_map(|column| Some((column.name.as_str(), column.default.as_deref()?)))
        .collect();
    if fills_defaults && !defaults.is_empty() {
        out.push(" from (select ");
        default_object(out, &defaults);
        out.push(" || walkie_given as walkie_given from jsonb_array_elements(");
        array(out, payload, "jsonb");
        out.push(") walkie_given) walkie_filled, jsonb_to_record(walkie_given) as walkie_body (");
    } else {
        out.push(" from json_to_recordset(");
        array(out, payload, "json");
        out.push(") as walkie_body (");
    }
    out.list(", ", columns, |out, column| {
        let sql_type = if column.from_json.is_some() { "json" } else { &column.sql_type };
        out.name(&column.name).push(" ").push(sql_type);
    });
    out.push(")");
}

/// The defaults as an object; built in pieces, since a function takes 100 arguments.
fn default_object(out: &mut Statement, defaults: &[(&str, &str)]) {
    out.list(" || ", defaults.chunks(50), |out, chunk| {
        out.push("jsonb_build_object(").list(", ", chunk, |out, (name, default)| {
            out.literal(name).push(", ").push(default);
        });
        out.push(")");
    });
}

/// The body as an array of type `json` or `jsonb`.
fn array(out: &mut Statement, payload: &Payload, sql_type: &str) {
    let is_array = payload.shape == Shape::Objects;
    out.push(if is_array { "" } else { sql_type }).push(if is_array {
        ""
    } else {
        "_build_array("
    });
    out.bind(&payload.text).push("::").push(sql_type);
    out.push(if is_array { "" } else { ")" });
}

fn resolve(out: &mut Statement, conflict: &Conflict, columns: &[Column]) {
    out.push(" on conflict (");
    out.names(&conflict.columns);
    if !conflict.merges || columns.is_empty() {
        out.push(") do nothing");
        return;
    }
    out.push(") do update set ").list(", ", columns, |out, column| {
        out.name(&column.name).push(" = excluded.").name(&column.name);
    });
    out.push(&format!(
        " where set_config('{UPDATED}', (coalesce(nullif(current_setting('{UPDATED}', true), \
         ''), '0')::bigint + 1)::text, true) is not null"
    ));
}
