//! [`Plan`] -> [`Statement`]: one SQL statement whose one row is the whole answer. Pure.
//!
//! Reading order: `fragment` (names, literals, parameters), `read`, `write`, `call`. Every
//! statement gives the same columns: `body`, `rows`, `total`, `headers`, `status`, `location`,
//! `updated` and `place`.

mod call;
mod fragment;
mod read;
mod write;

pub use fragment::{Statement, quote_name};

use super::media::Media;
use super::plan::Plan;
use super::prefer::Preferences;
use super::request::ApiRequest;

/// What the answer should contain.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    media: Media,
    has_body: bool,
    has_total: bool,
    has_place: bool,
}

/// Writes the statement of a plan; there is none when nothing has to be asked.
pub fn render(request: &ApiRequest, plan: &Plan) -> Option<Statement> {
    let Preferences { count_exact, .. } = request.preferences;
    let wanted = Wanted {
        media: request.media,
        has_body: !request.is_head(),
        has_total: count_exact,
        has_place: plan.is_read_only(&request.method),
    };
    match plan {
        Plan::Read(rows) => Some(read::render(rows, wanted)),
        Plan::Write(write) => Some(write::render(write, &request.payload, wanted)),
        Plan::Call(call) => Some(call::render(call, &request.payload, wanted)),
        Plan::Inspect(_) => None,
    }
}

/// Begins the outer statement: the answer's columns over `walkie_row`. `body` says how rows
/// become text.
fn answer(
    out: &mut Statement,
    wanted: Wanted,
    body: &str,
    total: impl FnOnce(&mut Statement),
    rest: [&str; 2],
) {
    out.push("select ").push(body).push(" as body, count(*) as rows, ");
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
fn body(wanted: Wanted, is_set: bool) -> &'static str {
    if !wanted.has_body {
        return "null::text";
    }
    match (wanted.media, is_set) {
        (Media::Json | Media::Csv, true) => "coalesce(json_agg(walkie_row), '[]')::text",
        (Media::ArrayStripped, true) => {
            "coalesce(json_strip_nulls(json_agg(walkie_row)), '[]')::text"
        }
        (Media::Object { is_stripped: true }, _) | (Media::ArrayStripped, false) => {
            "(json_strip_nulls(json_agg(walkie_row)) -> 0)::text"
        }
        (Media::Object { is_stripped: false }, _) | (Media::Json | Media::Csv, false) => {
            "(json_agg(walkie_row) -> 0)::text"
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use super::*;
    use crate::config::RestSettings;
    use crate::pg::Catalog;
    use crate::rest::plan::plan;

    fn catalog() -> Catalog {
        let column = |name: &str, sql_type: &str, default: Option<&str>| {
            json!({
                "name": name, "type": sql_type, "is_json": sql_type == "jsonb",
                "is_required": false, "is_generated": false, "default": default,
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
        let argument = |name: &str| json!({ "name": name, "type": "bigint", "is_required": true, "is_variadic": false });
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

    /// The statement, its clauses on lines of their own, and its parameters.
    fn sql(method: &str, uri: &str, prefer: &str, body: &str) -> String {
        let settings = RestSettings::default();
        let request = Request::builder().method(method).uri(uri).header("prefer", prefer);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let request =
            ApiRequest::read(&parts, body.as_bytes(), &settings).expect("a valid request");
        let plan = plan(&request, &catalog()).expect("a plan");
        let Statement { mut sql, params } = render(&request, &plan).expect("a statement");
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
        select coalesce(json_agg(walkie_row), '[]')::text as body, count(*) as rows, (select count(*)
        from "public"."books"
        where "public"."books"."id" = any($1)) as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, pg_current_wal_flush_lsn() || '@' || pg_current_snapshot() as place
        from (select "public"."books"."id", "public"."books"."data"->>'topic' as "topic"
        from "public"."books"
        where "public"."books"."id" = any($2) order by "public"."books"."id" desc limit $3) walkie_row
        ["{\"1\",\"2\"}", "{\"1\",\"2\"}", "5"]
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
        select coalesce(json_agg(walkie_row), '[]')::text as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, pg_current_wal_flush_lsn() || '@' || pg_current_snapshot() as place
        from (select "public"."books"."id", coalesce(walkie_embed_1.body, '[]') as "people"
        from "public"."books"
        join lateral (select json_agg(walkie_row) as body
        from (select "people_1"."name"
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
        select "id", "name"
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
        from (select "name"
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
        with walkie_source as (select walkie_call.*
        from json_to_record($1::json) as walkie_arguments ("book" bigint), lateral "public"."lend_book"("book" := walkie_arguments."book") walkie_call)
        select (json_agg(walkie_row) -> 0)::text as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, null::text as location, null::bigint as updated, null::text as place
        from (select "lend_book".*
        from walkie_source as "lend_book") walkie_row
        ["{\"book\":7}"]
        "#);
    }
}
