//! Calls of functions.

use super::super::media::Media;
use super::super::plan::{Arguments, CallPlan, Given};
use super::super::request::Payload;
use super::fragment::{WHOLE, array_literal};
use super::{Statement, Wanted, answer, read};
use crate::pg::catalog::routine::{Argument, Shape};

/// The statement of a call.
pub fn render(plan: &CallPlan, payload: &Payload, wanted: Wanted) -> Statement {
    let mut out = Statement::default();
    out.push("with walkie_source as (");
    source(&mut out, plan, payload);
    out.push(")");
    let rest = ["null::text", "null::bigint"];
    if let Some(rows) = &plan.rows {
        read::finish(&mut out, rows, wanted, plan.is_set, rest);
        return out;
    }
    let total = if wanted.has_total { "count(*)" } else { "null::bigint" };
    out.push(" ");
    answer(&mut out, wanted, values(plan, wanted), |out| _ = out.push(total), rest);
    out.push("walkie_source walkie_row");
    out
}

/// How single values become the body.
fn values(plan: &CallPlan, wanted: Wanted) -> &'static str {
    if !wanted.has_body || plan.shape == Shape::Void {
        "null::text"
    } else if plan.is_set && !matches!(wanted.media, Media::Object { .. }) {
        "coalesce(json_agg(walkie_row.value), '[]')::text"
    } else {
        "(json_agg(walkie_row.value) -> 0)::text"
    }
}

/// Rows are read from the function; values stand in the list, where any type may.
fn source(out: &mut Statement, plan: &CallPlan, payload: &Payload) {
    let has_rows = plan.rows.is_some();
    if has_rows {
        out.push("select walkie_call.*");
        for column in &plan.computed {
            out.push(", walkie_call.").name(column);
        }
        if plan.gives_whole {
            out.push(", walkie_call as ").name(WHOLE);
        }
        out.push(" from ");
    } else {
        out.push("select ");
    }
    if let (true, Arguments::Members(arguments)) = (has_rows, &plan.arguments)
        && !arguments.is_empty()
    {
        members(out, arguments, payload);
        out.push(", lateral ");
    }
    out.qualified(&plan.schema, &plan.routine).push("(");
    match &plan.arguments {
        Arguments::Members(arguments) => {
            out.list(", ", arguments, |out, argument| {
                named(out, argument).push("walkie_arguments.").name(&argument.name);
            });
        }
        Arguments::Body(sql_type) => {
            out.bind(&payload.text).push("::").push(sql_type);
        }
        Arguments::Given(arguments) => {
            out.list(", ", arguments, given);
        }
    }
    out.push(if has_rows { ") walkie_call" } else { ") as value" });
    if let (false, Arguments::Members(arguments)) = (has_rows, &plan.arguments)
        && !arguments.is_empty()
    {
        out.push(" from ");
        members(out, arguments, payload);
    }
}

/// The body's members, each read as its argument's type.
fn members(out: &mut Statement, arguments: &[Argument], payload: &Payload) {
    out.push("json_to_record(").bind(&payload.text).push("::json) as walkie_arguments (");
    out.list(", ", arguments, |out, argument| {
        out.name(&argument.name).push(" ").push(&argument.sql_type);
    });
    out.push(")");
}

fn named<'a>(out: &'a mut Statement, argument: &Argument) -> &'a mut Statement {
    out.push(if argument.is_variadic { "variadic " } else { "" });
    out.name(&argument.name).push(" := ")
}

fn given(out: &mut Statement, Given { argument, values }: &Given) {
    named(out, argument);
    match values.as_slice() {
        [value] if !argument.is_variadic => out.bind(value),
        several => out.bind(&array_literal(several)),
    };
    out.push("::").push(&argument.sql_type);
}
