//! Calls of functions.

use super::super::media::Body;
use super::super::payload::{Payload, Shape as BodyShape};
use super::super::plan::{Arguments, CallPlan, Given};
use super::fragment::{WHOLE, array_literal};
use super::{Statement, Wanted, answer, read};
use crate::pg::catalog::routine::{Argument, Shape};

/// The statement of a call.
pub fn render(plan: &CallPlan, payload: &Payload, wanted: Wanted<'_>) -> Statement {
    let mut out = Statement::default();
    // A single result is asked for even where nobody looks at it; sets may be merged with what is
    // read of them.
    out.push(if plan.is_set {
        "with walkie_source as ("
    } else {
        "with walkie_source as materialized ("
    });
    source(&mut out, plan, payload);
    out.push(")");
    let rest = ["null::text", "null::bigint"];
    if let Some(rows) = &plan.rows {
        read::finish(&mut out, rows, wanted, plan.is_set, rest);
        return out;
    }
    let total = match (wanted.has_total, plan.is_set) {
        (false, _) => "null::bigint",
        (true, true) => "count(*)",
        (true, false) => "1::bigint",
    };
    out.push(" ");
    answer(&mut out, wanted, &values(plan, wanted), |out| _ = out.push(total), rest);
    out.push("walkie_source walkie_row");
    out
}

/// How single values become the body. A column of them is called as in the dialect, since lines
/// of values begin with its name.
fn values(plan: &CallPlan, wanted: Wanted<'_>) -> String {
    if !wanted.has_body || plan.shape == Shape::Void {
        return "null::text".into();
    }
    let all = "json_agg(walkie_row.pgrst_scalar)";
    let stripped = |json: &str, is_stripped: bool| {
        if is_stripped { format!("json_strip_nulls({json})") } else { json.to_owned() }
    };
    match wanted.body {
        Body::Json { is_stripped } if plan.is_set => {
            format!("coalesce({}, '[]')::text", stripped(all, *is_stripped))
        }
        Body::Json { is_stripped } | Body::Object { is_stripped } => {
            let first = format!("{all} -> 0");
            format!("coalesce({}, 'null')::text", stripped(&first, *is_stripped))
        }
        Body::Csv => "case when count(*) > 0 then 'pgrst_scalar' else '' end || E'\\n' || \
                      coalesce(string_agg(substr(walkie_row::text, 2, \
                      length(walkie_row::text) - 2), E'\\n'), '')"
            .into(),
        Body::GeoJson => "json_build_object('type', 'FeatureCollection', 'features', \
                          coalesce(json_agg(st_asgeojson(walkie_row)::json), '[]'))::text"
            .into(),
        Body::Lines => "coalesce(to_json(walkie_row.pgrst_scalar), 'null')::text".into(),
        // The function gave the body itself.
        Body::Producer(producer) if producer.is_bytes => "walkie_row.pgrst_scalar::bytea".into(),
        Body::Producer(_) => "walkie_row.pgrst_scalar::text".into(),
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
    out.push(if has_rows { ") walkie_call" } else { ") as pgrst_scalar" });
    if let (false, Arguments::Members(arguments)) = (has_rows, &plan.arguments)
        && !arguments.is_empty()
    {
        out.push(" from ");
        members(out, arguments, payload);
    }
}

/// The body's members, each read as its argument's type. Of several objects the first speaks.
fn members(out: &mut Statement, arguments: &[Argument], payload: &Payload) {
    let first = if payload.shape == BodyShape::Objects { " -> 0" } else { "" };
    out.push("json_to_record(").bind(&payload.text).push("::json").push(first);
    out.push(") as walkie_arguments (");
    out.list(", ", arguments, |out, argument| {
        out.name(&argument.name).push(" ").push(&argument.cast);
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
    out.push("::").push(&argument.cast);
}
