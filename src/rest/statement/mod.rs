//! [`Plan`] -> [`Statement`]: one SQL statement whose one row is the whole answer. Pure.
//!
//! Reading order: `fragment` (names, literals, parameters), `condition`, `read`, `member`,
//! `keyset`, `embed`, `write`, `call`. Every statement gives the same columns in this order:
//! `body`, `rows`, `total`, `headers`, `status`, `location`, `updated` and `place`. Only where rows
//! leave as they come there is a row for each, of `body`, `headers` and `status`.

mod call;
mod condition;
mod embed;
mod fragment;
mod keyset;
mod member;
mod read;
mod write;

use http::Method;

pub use fragment::{Statement, quote_name};
pub use member::is_outdated;

use super::media::{Body, Explain, Media, Negotiated};
use super::plan::Plan;
use super::prefer::Count;
use super::request::ApiRequest;
use crate::pg::catalog::producer::{Producer, Target};

/// Stands before a number of rows in the error that undoes a change of too many or too few.
pub const WRONG_ROWS: &str = "walkie_rows:";

/// What rules chose for the answer so far, as the columns `headers` and `status`. Asked once a
/// statement, when its first row is there.
pub const CHOSEN: &str = "(select nullif(current_setting('response.headers', true), '')) as headers, \
    (select nullif(current_setting('response.status', true), '')) as status";

/// What the answer should contain.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    body: &'a Body,
    has_body: bool,
    has_total: bool,
    /// Where counting may stop.
    count_to: Option<i64>,
    has_place: bool,
    rows: Expected,
}

/// How many rows there may be.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// Any number.
    Any,
    /// There is always one result.
    Single,
    /// Another number than allowed undoes the change.
    Limited {
        /// Whether exactly one row must be there.
        is_one: bool,
        /// The most rows.
        most: Option<i64>,
    },
}

/// Writes the statement of a plan; there is none when nothing has to be asked.
pub fn render(request: &ApiRequest, plan: &Plan, format: &Negotiated) -> Option<Statement> {
    write_out(request, plan, format, true)
}

/// The same, whatever the columns of a table are by now: what they are called and how they are
/// written is left to Postgres.
pub fn render_whole(request: &ApiRequest, plan: &Plan, format: &Negotiated) -> Option<Statement> {
    write_out(request, plan, format, false)
}

fn write_out(
    request: &ApiRequest,
    plan: &Plan,
    format: &Negotiated,
    by_member: bool,
) -> Option<Statement> {
    let count = request.preferences.count;
    let is_read = matches!(plan, Plan::Read(_));
    let most = request.bounds.max_rows.filter(|_| is_read && count == Some(Count::Estimated));
    let wanted = Wanted {
        body: &format.body,
        has_body: !request.is_head() || request.wants_etag(),
        has_total: matches!(count, Some(Count::Exact | Count::Estimated)),
        count_to: most.map(|most| most.saturating_add(1)),
        has_place: request.bounds.tells_place && plan.is_read_only(&request.method),
        rows: expected(request, plan, format),
    };
    let mut statement = match plan {
        Plan::Read(rows) => read::render(rows, wanted, by_member),
        Plan::Write(write) => write::render(write, &request.payload, wanted),
        Plan::Call(call) => call::render(call, &request.payload, wanted),
        Plan::Inspect(_) => return None,
    };
    if let Media::Plan(explain) = &format.media {
        statement.sql.insert_str(0, &explanation(explain));
    }
    Some(statement)
}

/// Reads are judged when they have come; what was changed must be undone by Postgres.
fn expected(request: &ApiRequest, plan: &Plan, format: &Negotiated) -> Expected {
    let is_singular = format.media.is_singular();
    let most = request.preferences.limit();
    let (is_one, most) = match plan {
        _ if matches!(format.media, Media::Plan(_)) => return Expected::Any,
        Plan::Call(call) if !call.is_set => return Expected::Single,
        Plan::Write(write) if request.method == Method::POST || write.work.is_put() => {
            (is_singular || write.work.is_put(), None)
        }
        Plan::Call(_) | Plan::Write(_) => (is_singular, most),
        Plan::Read(rows) if rows.brings_ties() => (false, request.bounds.max_rows),
        Plan::Read(_) | Plan::Inspect(_) => (false, None),
    };
    if is_one || most.is_some() { Expected::Limited { is_one, most } } else { Expected::Any }
}

fn explanation(explain: &Explain) -> String {
    let form = if explain.is_json { "json" } else { "text" };
    let options: Vec<&str> =
        std::iter::once("").chain(explain.options.iter().map(|it| &**it)).collect();
    let options = options.join(", ");
    format!("explain (format {form}{options}) ")
}

/// The statement whose plan guesses how many rows there are, when a guess is wanted.
pub fn render_estimate(
    request: &ApiRequest,
    plan: &Plan,
    format: &Negotiated,
) -> Option<Statement> {
    if let Media::Plan(_) = format.media {
        return None;
    }
    match (request.preferences.count, plan) {
        (Some(Count::Planned | Count::Estimated), Plan::Read(rows)) => Some(read::estimate(rows)),
        _ => None,
    }
}

/// Begins the outer statement: the answer's columns over `walkie_row`. `body` says how rows
/// become text.
fn answer(
    out: &mut Statement,
    wanted: Wanted<'_>,
    body: &str,
    total: impl FnOnce(&mut Statement),
    rest: [&str; 2],
) {
    out.push("select ").push(body).push(" as body, ");
    if *wanted.body == Body::Lines && wanted.has_body {
        out.push(CHOSEN).push(" from ");
        return;
    }
    match wanted.rows {
        Expected::Any => _ = out.push("count(*)"),
        Expected::Single => _ = out.push("1::bigint"),
        Expected::Limited { is_one, most } => {
            out.push("case when ");
            if is_one {
                out.push("count(*) <> 1");
            }
            if let Some(most) = most {
                out.push(if is_one { " or " } else { "" });
                out.push("count(*) > ").bind(&most.to_string()).push("::bigint");
            }
            // No number, hence an error: there is no other way to raise one in an expression.
            out.push(" then ('").push(WRONG_ROWS).push("' || count(*))::bigint else count(*) end");
        }
    }
    out.push(" as rows, ");
    total(out);
    out.push(" as total, nullif(current_setting('response.headers', true), '') as headers");
    out.push(", nullif(current_setting('response.status', true), '') as status, ");
    out.push(rest[0]).push(" as location, ").push(rest[1]).push(" as updated, ");
    out.push(if wanted.has_place { PLACE } else { "null::text" }).push(" as place from ");
}

/// What the statement sees: its snapshot and, asked after that was taken, up to where the log is
/// on disk. As `realtime.place()`, which a role may have no right to call.
const PLACE: &str = "pg_current_wal_flush_lsn() || '@' || pg_current_snapshot()";

/// How rows named `walkie_row` become the body.
fn body(wanted: Wanted<'_>, is_set: bool) -> String {
    if !wanted.has_body {
        return "null::text".into();
    }
    let only = |is_stripped: bool| {
        let row = "json_agg(walkie_row) -> 0";
        if is_stripped {
            format!("coalesce(json_strip_nulls({row}), 'null')::text")
        } else {
            format!("coalesce({row}, 'null')::text")
        }
    };
    match wanted.body {
        Body::Object { is_stripped } => only(*is_stripped),
        Body::Json { is_stripped } if !is_set => only(*is_stripped),
        Body::Json { is_stripped: false } => "coalesce(json_agg(walkie_row), '[]')::text".into(),
        Body::Json { is_stripped: true } => {
            "coalesce(json_strip_nulls(json_agg(walkie_row)), '[]')::text".into()
        }
        Body::GeoJson => "json_build_object('type', 'FeatureCollection', 'features', \
                          coalesce(json_agg(st_asgeojson(walkie_row)::json), '[]'))::text"
            .into(),
        Body::Csv => CSV.into(),
        Body::Lines => "row_to_json(walkie_row)::text".into(),
        Body::Producer(producer) => handled(producer),
    }
}

/// A line of names, then a line for each row as Postgres writes records; the rows are also known
/// as `walkie_lines`.
const CSV: &str = "coalesce((select string_agg(key, ',') from json_object_keys(\
    (select row_to_json(first) from walkie_lines first limit 1)) key), '') || E'\\n' || \
    coalesce(string_agg(substr(walkie_row::text, 2, length(walkie_row::text) - 2), E'\\n'), '')";

/// A producer takes rows of the relation it is made for, or of any.
fn handled(producer: &Producer) -> String {
    let mut out = Statement::default();
    out.qualified(&producer.schema, &producer.name).push("(walkie_row");
    if let Target::Named(schema, name) = &producer.target {
        out.push("::").qualified(schema, name);
    }
    out.push(if producer.is_bytes { ")::bytea" } else { ")::text" });
    out.sql
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use super::*;
    use crate::config::RestSettings;
    use crate::pg::Catalog;
    use crate::rest::plan::{negotiate, plan};

    fn catalog() -> Catalog {
        let column = |name: &str, sql_type: &str, default: Option<&str>| {
            json!({
                "name": name, "type": sql_type, "is_json": sql_type == "jsonb",
                "is_required": false, "is_not_null": name.ends_with("id"),
                "is_generated": false, "default": default,
            })
        };
        let table = |name: &str, columns: serde_json::Value, key: &[&str]| {
            json!({
                "schema": "public", "name": name, "kind": "r", "comment": null,
                "is_insertable": true, "is_updatable": true, "is_deletable": true,
                "primary_key": key, "unique_keys": [key], "columns": columns,
            })
        };
        let id = column("id", "bigint", Some("nextval('ids')"));
        let name = column("name", "text", None);
        let book_and_person =
            json!([column("book_id", "bigint", None), column("person_id", "bigint", None)]);
        let tables = json!([
            table("books", json!([id, name, column("data", "jsonb", None)]), &["id"]),
            table("people", json!([id, name]), &["id"]),
            table("loans", book_and_person, &["book_id", "person_id"]),
        ]);
        let key = |column: &str, foreign: &str| {
            json!({
                "constraint": format!("loans_{column}_fkey"), "schema": "public",
                "table": "loans", "columns": [column], "foreign_schema": "public",
                "foreign_table": foreign, "foreign_columns": ["id"], "is_unique": false,
            })
        };
        let keys = json!([key("person_id", "people"), key("book_id", "books")]);
        let argument = |name: &str| {
            json!({
                "name": name, "type": "bigint", "cast": "bigint", "is_required": true,
                "is_variadic": false,
            })
        };
        let routines = json!([{
            "schema": "public", "name": "lend_book", "comment": null, "volatility": "v",
            "arguments": [argument("book")], "is_set": false, "shape": "composite",
            "table_schema": "public", "table": "loans",
        }]);
        let read = "a document of the right form";
        Catalog::new(
            serde_json::from_value(tables).expect(read),
            &serde_json::from_value::<Vec<_>>(keys).expect(read),
            serde_json::from_value(routines).expect(read),
        )
    }

    /// What the request means.
    pub(super) fn planned(
        method: &str,
        uri: &str,
        prefer: &str,
        body: &str,
    ) -> (ApiRequest, Plan, Catalog) {
        let settings = RestSettings { aggregates_enabled: true, ..RestSettings::default() };
        let request = Request::builder().method(method).uri(uri).header("prefer", prefer);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let request =
            ApiRequest::read(&parts, body.as_bytes(), &settings).expect("a valid request");
        let catalog = catalog();
        let plan = plan(&request, &catalog).expect("a plan");
        (request, plan, catalog)
    }

    /// The statement, its clauses on lines of their own, and its parameters.
    pub(super) fn sql(method: &str, uri: &str, prefer: &str, body: &str) -> String {
        let (request, plan, catalog) = planned(method, uri, prefer, body);
        let format = negotiate(&request, &plan, &catalog, true).expect("a format");
        let Statement { mut sql, params, .. } =
            render(&request, &plan, &format).expect("a statement");
        for clause in [" from ", " join ", " left join ", " where ", " returning ", " select "] {
            sql = sql.replace(clause, &format!("\n{}", &clause[1..]));
        }
        format!("{}\n{params:?}", sql.replace("\nleft\njoin ", "\nleft join "))
    }

    #[test]
    fn rows_are_compared_as_their_columns() {
        insta::assert_snapshot!(sql(
            "GET",
            "/books?select=id,data-%3E%3Etopic&id=in.(1,2)&order=id.desc&limit=5",
            "count=exact",
            "",
        ), @r#"
        select coalesce('[' || string_agg('{"id":' || coalesce((walkie_row.walkie_0 | 0)::text, 'null') || ',"topic":' || coalesce(to_json(walkie_row.walkie_1)::text, 'null') || '}', E', \n ') || ']', '[]') as body, count(*) as rows, (select count(*)
        from (select
        from "public"."books"
        where "public"."books"."id" = any($1)) walkie_counted) as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, pg_current_wal_flush_lsn() || '@' || pg_current_snapshot() as place
        from (select "public"."books"."id" as walkie_0, "public"."books"."data"->>'topic' as walkie_1
        from "public"."books"
        where "public"."books"."id" = any($2) order by "public"."books"."id" desc limit 5) walkie_row
        ["{\"1\",\"2\"}", "{\"1\",\"2\"}"]
        "#);
    }

    #[test]
    fn embeds_are_joined_sideways() {
        insta::assert_snapshot!(sql(
            "GET",
            "/books?select=id,people!inner(name)&people.name=eq.Ana",
            "",
            "",
        ), @r#"
        select coalesce('[' || string_agg('{"id":' || coalesce((walkie_row.walkie_0 | 0)::text, 'null') || ',"people":' || walkie_row.walkie_1 || '}', E', \n ') || ']', '[]') as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, pg_current_wal_flush_lsn() || '@' || pg_current_snapshot() as place
        from (select "public"."books"."id" as walkie_0, coalesce(walkie_embed_1.body, '[]') as walkie_1
        from "public"."books"
        join lateral (select '[' || string_agg('{"name":' || coalesce(to_json(walkie_row.walkie_0)::text, 'null') || '}', E', \n ') || ']' as body
        from (select "people_1"."name" as walkie_0
        from "public"."people" as "people_1"
        join "public"."loans" walkie_via_1 on walkie_via_1."person_id" = "people_1"."id"
        where walkie_via_1."book_id" = "public"."books"."id" and "people_1"."name" = $1) walkie_row) walkie_embed_1 on walkie_embed_1.body is not null) walkie_row
        ["Ana"]
        "#);
    }

    #[test]
    fn body_is_read_as_the_table_is() {
        insta::assert_snapshot!(sql(
            "POST",
            "/people?on_conflict=id&select=name",
            "resolution=merge-duplicates,return=representation",
            r#"{"id":1,"name":"Ana"}"#,
        ), @r#"
        with walkie_source as (insert into "public"."people" ("id", "name")
        select walkie_body."id", walkie_body."name"
        from json_to_recordset(json_build_array($1::json)) as walkie_body ("id" bigint, "name" text) on conflict ("id") do update set "id" = excluded."id", "name" = excluded."name"
        where set_config('walkie.updated', (coalesce(nullif(current_setting('walkie.updated', true), ''), '0')::bigint + 1)::text, true) is not null
        returning "public"."people"."name")
        select coalesce(json_agg(walkie_row), '[]')::text as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, coalesce(nullif(current_setting('walkie.updated', true), ''), '0')::bigint as updated, null::text as place
        from (select "people"."name"
        from walkie_source as "people") walkie_row
        ["{\"id\":1,\"name\":\"Ana\"}"]
        "#);
    }

    #[test]
    fn change_hits_what_the_filters_choose() {
        insta::assert_snapshot!(sql("PATCH", "/people?id=eq.1", "", r#"{"name":"Bo"}"#), @r#"
        with walkie_source as (update "public"."people" set "name" = walkie_body."name"
        from (select walkie_body."name"
        from json_to_recordset(json_build_array($1::json)) as walkie_body ("name" text) limit 1) walkie_body
        where "public"."people"."id" = $2
        returning 1)
        select null::text as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, null::text as place
        from walkie_source walkie_row
        ["{\"name\":\"Bo\"}", "1"]
        "#);
    }

    #[test]
    fn call_takes_members_of_the_body() {
        insta::assert_snapshot!(sql("POST", "/rpc/lend_book", "", r#"{"book":7}"#), @r#"
        with walkie_source as materialized (select walkie_call.*
        from json_to_record($1::json) as walkie_arguments ("book" bigint), lateral "public"."lend_book"("book" := walkie_arguments."book") walkie_call)
        select coalesce(json_agg(walkie_row) -> 0, 'null')::text as body, 1::bigint as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, null::text as place
        from (select "lend_book"."book_id", "lend_book"."person_id"
        from walkie_source as "lend_book") walkie_row
        ["{\"book\":7}"]
        "#);
    }

    #[test]
    fn wrong_number_of_rows_raises_an_error() {
        let prefer = "handling=strict,max-affected=2";
        insta::assert_snapshot!(sql("DELETE", "/people?id=gt.1", prefer, ""), @r#"
        with walkie_source as (delete
        from "public"."people"
        where "public"."people"."id" > $1
        returning 1)
        select null::text as body, case when count(*) > $2::bigint then ('walkie_rows:' || count(*))::bigint else count(*) end as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, null::text as place
        from walkie_source walkie_row
        ["1", "2"]
        "#);
    }

    #[test]
    fn put_takes_only_the_row_of_its_address() {
        let body = r#"{"id":1,"name":"Ana"}"#;
        insta::assert_snapshot!(sql("PUT", "/people?id=eq.1", "", body), @r#"
        with walkie_source as (insert into "public"."people" ("id", "name")
        select walkie_body."id", walkie_body."name"
        from json_to_recordset(json_build_array($1::json)) as walkie_body ("id" bigint, "name" text)
        where "walkie_body"."id" = $2 limit 1 on conflict ("id") do update set "id" = excluded."id", "name" = excluded."name"
        where set_config('walkie.updated', (coalesce(nullif(current_setting('walkie.updated', true), ''), '0')::bigint + 1)::text, true) is not null
        returning 1)
        select null::text as body, case when count(*) <> 1 then ('walkie_rows:' || count(*))::bigint else count(*) end as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, coalesce(nullif(current_setting('walkie.updated', true), ''), '0')::bigint as updated, null::text as place
        from walkie_source walkie_row
        ["{\"id\":1,\"name\":\"Ana\"}", "1"]
        "#);
    }
}
