//! Pages by cursor: the rows behind it, and the values of the last one.

use super::super::plan::{Keyset, Order, Rows};
use super::condition::Place;
use super::{Statement, read};

/// The values by which the last row of a page is ordered, as JSON.
pub const LAST: &str = "(select json_agg(walkie_key) -> -1 from walkie_page)::text";

/// A term of the order, and the value that the row before the first had there.
struct Term<'a> {
    order: &'a Order,
    value: Option<&'a str>,
    nulls_follow: bool,
}

/// Defines `walkie_page`: the outputs by number, and the key of each row beside them.
pub fn define(out: &mut Statement, rows: &Rows) {
    out.push("with walkie_page (");
    for index in 0..rows.outputs.len() {
        out.push(&format!("walkie_{index}, "));
    }
    out.push("walkie_key) as (select ");
    for output in &rows.outputs {
        read::value(out, rows, output);
        out.push(", ");
    }
    let place = Place { from: &rows.from, embeds: &rows.embeds, has_joins: true };
    out.push("array[").list(", ", &rows.order, |out, term| {
        out.push("(").ordered_by(place, &term.by).push(")::text");
    });
    out.push("]");
    read::matching(out, rows, None, true);
    read::group_and_cut(out, rows);
    out.push(")");
}

/// The outputs of `walkie_page`, by their names.
pub fn select(out: &mut Statement, rows: &Rows) {
    out.push("select ").list(", ", rows.outputs.iter().enumerate(), |out, (index, output)| {
        out.push(&format!("walkie_{index} as ")).name(output.name());
    });
    out.push(" from walkie_page");
}

/// That a row stands behind the one that the cursor names; nothing when there is none.
///
/// Where one index can serve the whole order, the condition is one that finds its place there: a
/// comparison of rows, or else a bound on the first term beside the condition itself.
pub fn behind(out: &mut Statement, place: Place<'_>, order: &[Order], keyset: &Keyset) {
    let values = keyset.after.iter().flatten().map(Option::as_deref);
    let terms: Vec<Term<'_>> = order
        .iter()
        .zip(values)
        .zip(&keyset.nulls_follow)
        .map(|((order, value), nulls_follow)| Term { order, value, nulls_follow: *nulls_follow })
        .collect();
    let Some(first) = terms.first() else { return };
    let goes_along = |term: &Term<'_>| {
        term.value.is_some()
            && !term.nulls_follow
            && term.order.is_descending() == first.order.is_descending()
    };
    if terms.iter().all(goes_along) {
        out.push("(").list(", ", &terms, |out, term| _ = out.ordered_by(place, &term.order.by));
        out.push(if first.order.is_descending() { ") < (" } else { ") > (" });
        out.list(", ", terms.iter().filter_map(|term| term.value), |out, value| {
            out.bind(value);
        });
        out.push(")");
        return;
    }
    bound(out, place, first);
    beyond(out, place, &terms);
}

/// Leaves out what stands before the first term's value, where that is one range.
fn bound(out: &mut Statement, place: Place<'_>, first: &Term<'_>) {
    match first.value {
        Some(value) if !first.nulls_follow => {
            let operator = if first.order.is_descending() { " <= " } else { " >= " };
            out.ordered_by(place, &first.order.by).push(operator).bind(value).push(" and ");
        }
        None if first.nulls_follow => {
            out.ordered_by(place, &first.order.by).push(" is null and ");
        }
        Some(_) | None => {}
    }
}

/// Greater in the first term, or equal there and beyond in the rest.
fn beyond(out: &mut Statement, place: Place<'_>, terms: &[Term<'_>]) {
    for (index, term) in terms.iter().enumerate() {
        let by = &term.order.by;
        out.push("(");
        match term.value {
            Some(value) => {
                let operator = if term.order.is_descending() { " < " } else { " > " };
                out.ordered_by(place, by).push(operator).bind(value);
                if term.nulls_follow {
                    out.push(" or ").ordered_by(place, by).push(" is null");
                }
            }
            None if term.nulls_follow => _ = out.push("false"),
            None => _ = out.ordered_by(place, by).push(" is not null"),
        }
        if index + 1 < terms.len() {
            out.push(" or (").ordered_by(place, by);
            match term.value {
                Some(value) => _ = out.push(" = ").bind(value),
                None => _ = out.push(" is null"),
            }
            out.push(" and ");
        }
    }
    // Each term but the last opened two.
    out.push(&")".repeat(2 * terms.len() - 1));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{planned, sql};
    use crate::rest::keyset;
    use crate::rest::plan::Plan;

    /// The page behind a row with these values: its condition, its order and its parameters.
    fn page(uri: &str, values: &str) -> String {
        let (_, plan, _) = planned("GET", uri, "cursor", "");
        let Plan::Read(rows) = plan else { panic!("a read") };
        let order = rows.keyset.expect("pages").order;
        let cursor = keyset::write(&order, values).expect("short");
        let sql = sql("GET", &format!("{uri}&after={cursor}"), "", "");
        let start = sql.find("\nwhere ").expect("a condition") + 1;
        let (page, rest) = sql[start..].split_once(")\n").expect("an end of the page");
        let (_, params) = rest.split_once("walkie_row\n").expect("parameters");
        format!("{page}\n{params}")
    }

    #[test]
    fn order_that_goes_one_way_is_one_comparison() {
        insta::assert_snapshot!(page("/books?limit=2", r#"["7"]"#), @r#"
        where ("public"."books"."id") > ($1) order by "public"."books"."id" limit 2
        ["7"]
        "#);
        insta::assert_snapshot!(page("/books?order=name.desc&limit=2", r#"["Rain","7"]"#), @r#"
        where ("public"."books"."name", "public"."books"."id") < ($1, $2) order by "public"."books"."name" desc, "public"."books"."id" desc limit 2
        ["Rain", "7"]
        "#);
    }

    #[test]
    fn order_that_turns_has_a_bound_for_the_index() {
        let uri = "/loans?order=book_id,person_id.desc&limit=2";
        insta::assert_snapshot!(page(uri, r#"["1","2"]"#), @r#"
        where "public"."loans"."book_id" >= $1 and ("public"."loans"."book_id" > $2 or ("public"."loans"."book_id" = $3 and ("public"."loans"."person_id" < $4))) order by "public"."loans"."book_id", "public"."loans"."person_id" desc limit 2
        ["1", "1", "1", "2"]
        "#);
    }

    #[test]
    fn nulls_stand_where_the_order_puts_them() {
        insta::assert_snapshot!(page("/books?order=name&limit=2", r#"["Rain","7"]"#), @r#"
        where ("public"."books"."name" > $1 or "public"."books"."name" is null or ("public"."books"."name" = $2 and ("public"."books"."id" > $3))) order by "public"."books"."name", "public"."books"."id" limit 2
        ["Rain", "Rain", "7"]
        "#);
        insta::assert_snapshot!(page("/books?order=name&limit=2", r#"[null,"7"]"#), @r#"
        where "public"."books"."name" is null and (false or ("public"."books"."name" is null and ("public"."books"."id" > $1))) order by "public"."books"."name", "public"."books"."id" limit 2
        ["7"]
        "#);
        insta::assert_snapshot!(page("/books?order=name.desc&limit=2", r#"[null,"7"]"#), @r#"
        where ("public"."books"."name" is not null or ("public"."books"."name" is null and ("public"."books"."id" < $1))) order by "public"."books"."name" desc, "public"."books"."id" desc limit 2
        ["7"]
        "#);
    }

    #[test]
    fn key_of_the_last_row_comes_beside_the_body() {
        let uri = "/books?select=id,id,people(name)&limit=2";
        insta::assert_snapshot!(sql("GET", uri, "cursor", ""), @r#"
        with walkie_page (walkie_0, walkie_1, walkie_2, walkie_key) as (select "public"."books"."id", "public"."books"."id", coalesce(walkie_embed_1.body, '[]'), array[("public"."books"."id")::text]
        from "public"."books" left
        join lateral (select json_agg(walkie_row) as body
        from (select "people_1"."name"
        from "public"."people" as "people_1"
        join "public"."loans" walkie_via_1 on walkie_via_1."person_id" = "people_1"."id"
        where walkie_via_1."book_id" = "public"."books"."id") walkie_row) walkie_embed_1 on true order by "public"."books"."id" limit 2)
        select coalesce(json_agg(walkie_row), '[]')::text as body, count(*) as rows, null::bigint as total, nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status, (select json_agg(walkie_key) -> -1
        from walkie_page)::text as location, null::bigint as updated, pg_current_wal_flush_lsn() || '@' || pg_current_snapshot() as place
        from (select walkie_0 as "id", walkie_1 as "id", walkie_2 as "people"
        from walkie_page) walkie_row
        []
        "#);
    }
}
