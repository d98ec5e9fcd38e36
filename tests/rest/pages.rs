//! Pages by cursor: they join to the whole, whatever happens between them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{archive, archive_with, get, header, library_with, refusal, send};
use crate::support::{Answer, Dice, Server, eventually};

const CURSOR: (&str, &str) = ("prefer", "cursor");

/// More pages than any test here has.
const MANY: usize = 500;

/// The query of the next page.
fn next(page: &Answer) -> Option<String> {
    let link = header(page, "link").strip_prefix("<?")?;
    let query = link.strip_suffix(">; rel=\"next\"").expect("a link to the next page");
    Some(query.to_owned())
}

/// The page at this address, and the query of the next one.
async fn page(server: &Server, path: &str) -> (Vec<Value>, Option<String>) {
    let page = get(server, path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    let rows = page.body.as_array().expect("rows").clone();
    (rows, next(&page))
}

/// All rows, from page to page.
async fn walk(server: &Server, table: &str, query: &str) -> Vec<Value> {
    let (mut rows, mut onward) = page(server, &format!("{table}?{query}&after=")).await;
    for _ in 0..MANY {
        let Some(query) = onward else { return rows };
        let (more, next) = page(server, &format!("{table}?{query}")).await;
        rows.extend(more);
        onward = next;
    }
    panic!("pages without an end");
}

/// Films in this order are the same in pages of every size as in one.
async fn joins(server: &Server, order: &str, whole_order: &str) {
    let query = "select=title,directors(name)&id=gt.0";
    let whole = get(server, &format!("films?{query}&order={whole_order}")).await;
    let whole = whole.body.as_array().expect("rows").clone();
    assert_eq!(whole.len(), 9);
    for limit in [1, 2, 4, 9] {
        let pages = walk(server, "films", &format!("{query}&order={order}&limit={limit}")).await;
        assert_eq!(pages, whole, "{order} by {limit}");
    }
}

#[tokio::test]
async fn pages_in_any_order_join_to_the_whole() -> anyhow::Result<()> {
    let (database, server) = archive().await;
    database
        .sql(
            r#"insert into films (id, title, year, director_id, data, span) values
                 (5, 'a "b", \', 1960, 1, '{"mood": "glad"}', '[1,5)'), (6, '', null, 3, 'null', null),
                 (7, 'Ümit', null, 3, '{"mood": null}', 'empty'), (8, '%,x', 1950, null, '[1]', '(,)'),
                 (9, 'null', 1970, 2, '{"mood": ""}', '[1,5)')"#,
        )
        .await;

    joins(&server, "id", "id").await;
    joins(&server, "id.desc", "id.desc").await;
    joins(&server, "title", "title,id").await;
    joins(&server, "year", "year,id").await;
    joins(&server, "year.desc", "year.desc,id.desc").await;
    joins(&server, "year.nullsfirst", "year.nullsfirst,id").await;
    joins(&server, "year.desc.nullslast,title", "year.desc.nullslast,title,id").await;
    joins(&server, "year,title.desc", "year,title.desc,id.desc").await;
    joins(&server, "span,id.desc", "span,id.desc").await;
    joins(&server, "data-%3E%3Emood", "data-%3E%3Emood,id").await;
    joins(&server, "data.desc", "data.desc,id.desc").await;
    joins(&server, "words.desc,label", "words.desc,label,id").await;
    joins(&server, "directors(name)", "directors(name),id").await;
    joins(&server, "directors(name).desc,year", "directors(name).desc,year,id").await;
    Ok(())
}

#[tokio::test]
async fn only_who_asks_gets_cursors() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let plain = get(&server, "films?limit=2&order=year").await;
    let asked = send(&server, Method::GET, "films?limit=2&order=year", &[CURSOR], "").await;
    let whole = send(&server, Method::GET, "films", &[CURSOR], "").await;
    let none = send(&server, Method::GET, "films?limit=0", &[CURSOR], "").await;
    let call = send(&server, Method::GET, "rpc/from_country?code=FR&limit=1", &[CURSOR], "").await;
    let head = send(&server, Method::HEAD, "films?limit=2&order=year", &[CURSOR], "").await;

    assert!(plain.status == 200 && !plain.headers.contains_key("link"));
    assert_eq!(asked.body, plain.body);
    assert_eq!(header(&asked, "preference-applied"), "cursor");
    assert!(next(&asked).expect("more").starts_with("order=year&limit=2&after="));
    assert_eq!((whole.body.as_array().map(Vec::len), next(&whole)), (Some(4), None));
    assert_eq!((&none.body, header(&none, "link")), (&json!([]), ""));
    assert_eq!((call.status.as_u16(), header(&call, "preference-applied")), (200, ""));
    assert_eq!(header(&head, "link"), header(&asked, "link"));
    Ok(())
}

#[tokio::test]
async fn page_is_counted_and_formed_like_any_other() -> anyhow::Result<()> {
    let (_database, server) = archive_with(&["--max-rows", "3"]).await;
    let of = async |accept: &str, path: &str| {
        let headers = [CURSOR, ("prefer", "count=exact"), ("accept", accept)];
        send(&server, Method::GET, path, &headers, "").await
    };

    let first = of("application/json", "films?select=*&order=title").await;
    let rest = next(&first).expect("more");
    let last = of("application/json", &format!("films?{rest}")).await;
    let lines = rest.replace("select=%2A", "select=id,title,id");
    let csv = of("text/csv", &format!("films?{lines}")).await;
    let object = of("application/vnd.pgrst.object+json", "films?select=id&limit=1").await;
    let range = [CURSOR, ("range", "1-2")];
    let range = send(&server, Method::GET, "films?select=id&order=id.desc", &range, "").await;
    let after_range = get(&server, &format!("films?{}", next(&range).expect("more"))).await;

    assert_eq!((first.status.as_u16(), header(&first, "content-range")), (206, "0-2/4"));
    assert_eq!(first.body[0]["made"], Value::Null);
    assert_eq!(first.body[2]["made"], json!({ "city": "Berlin", "days": 4 }));
    assert!(rest.contains("&limit=3&"), "{rest}");
    assert_eq!((last.status.as_u16(), header(&last, "content-range")), (206, "0-0/4"));
    assert_eq!((last.body[0]["title"].as_str(), next(&last)), (Some("Sun"), None));
    assert_eq!(csv.text.trim_end(), "id,title,id\n2,Sun,2");
    assert_eq!((&object.body, next(&object).is_some()), (&json!({ "id": 1 }), true));
    assert_eq!(range.body, json!([{ "id": 3 }, { "id": 2 }]));
    assert_eq!(after_range.body, json!([{ "id": 1 }]));
    Ok(())
}

#[tokio::test]
async fn rows_that_come_and_go_between_pages_move_no_other() -> anyhow::Result<()> {
    let (database, server) = archive().await;

    let (first, onward) = page(&server, "films?select=id&order=id.desc&limit=2&after=").await;
    database.sql("insert into films (id, title) values (5, 'Dew'), (6, 'Hail')").await;
    let (by_offset, _) = page(&server, "films?select=id&order=id.desc&limit=2&offset=2").await;
    let (by_cursor, _) = page(&server, &format!("films?{}", onward.expect("more"))).await;
    database.sql("delete from films where id in (4, 5, 6)").await;

    assert_eq!(first, [json!({ "id": 4 }), json!({ "id": 3 })]);
    assert_eq!(by_offset, first, "an offset shows the same rows again");
    assert_eq!(by_cursor, [json!({ "id": 2 }), json!({ "id": 1 })]);
    Ok(())
}

/// Rows whose place in the order is drawn by lot, many of them alike.
const POSTS: &str = "
    create table posts (
      id    bigint generated always as identity primary key,
      place integer,
      kind  text not null,
      seen  integer not null default 0
    );
    insert into posts (place, kind)
    select nullif(n * 7919 % 40, 0), 'old' from generate_series(1, 400) n;
    grant select on posts to anon;";

#[tokio::test]
async fn pages_amid_writers_have_no_gap_and_no_repeat() -> anyhow::Result<()> {
    // API-06
    let (database, server) = library_with(POSTS, &[]).await;
    let (done, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for seed in [0_usize, 1] {
        let (client, done, writes) = (database.connect().await, done.clone(), writes.clone());
        writers.push(tokio::spawn(async move {
            let mut dice = Dice::new(seed as u64);
            while !done.load(Ordering::Relaxed) {
                // Each changes rows of its own.
                let (place, gone) = (dice.below(40), 2 * dice.below(20) + seed);
                let sql = format!(
                    "insert into posts (place, kind) select nullif({place}, 0), 'new'
                       from generate_series(1, 3);
                     update posts set seen = seen + 1 where place = {gone};
                     delete from posts where kind = 'new' and place = {gone}"
                );
                client.batch_execute(&sql).await.expect("posts are written");
                writes.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    for order in ["place", "place.desc.nullslast", "place.nullsfirst,id.desc"] {
        let query = format!("posts?select=id,kind&order={order}&limit=23&after=");
        let (mut rows, mut onward) = page(&server, &query).await;
        while let Some(query) = onward {
            // Something happens between any two pages.
            let before = writes.load(Ordering::Relaxed);
            eventually("posts are written", || async {
                (writes.load(Ordering::Relaxed) > before).then_some(())
            })
            .await;
            let (more, next) = page(&server, &format!("posts?{query}")).await;
            rows.extend(more);
            onward = next;
            assert!(rows.len() < 100_000, "pages without an end");
        }
        let ids: BTreeSet<i64> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
        assert_eq!(ids.len(), rows.len(), "{order}: no row came twice");
        let old = ids.range(..=400).count();
        assert_eq!(old, 400, "{order}: no row was left out");
        assert!(ids.len() > old, "{order}: what was new came too");
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await?;
    }
    Ok(())
}

#[tokio::test]
async fn cursor_counts_only_for_its_rows_and_their_order() -> anyhow::Result<()> {
    let (database, server) = archive().await;
    let films = get(&server, "films?order=year&limit=1&after=").await;
    let onward = next(&films).expect("more");
    let cursor = onward.split("after=").nth(1).expect("a cursor");
    assert_eq!(get(&server, &format!("films?{onward}")).await.status, 200);
    let tried = async |path: &str| get(&server, &format!("{path}after={cursor}")).await;

    let other_order = tried("films?order=year.desc&").await;
    let no_order = tried("films?").await;
    let other_table = tried("specs?order=camera&").await;
    let other_limit = tried("films?order=year&limit=7&id=lt.4&").await;
    let garbage = get(&server, "films?after=ab%00c").await;
    let unreadable = get(&server, "films?after=abc").await;
    let forged = forged(cursor, "1950", "'; --");
    let forged = get(&server, &format!("films?order=year&limit=1&after={forged}")).await;
    let write = send(&server, Method::DELETE, &format!("specs?after={cursor}"), &[], "").await;

    for refused in [&other_order, &no_order, &other_table, &unreadable] {
        assert_eq!(refusal(refused), (400, "PGRST190"), "{}", refused.text);
    }
    assert_eq!(other_order.body["message"], "The cursor belongs to other rows or another order");
    assert_eq!(unreadable.body["message"], "The cursor does not read");
    assert_eq!(other_limit.body.as_array().map(Vec::len), Some(2), "{}", other_limit.text);
    assert_eq!(refusal(&garbage), (400, "PGRST100"));
    assert_eq!(refusal(&forged), (400, "22P02"));
    assert_eq!(refusal(&write), (400, "PGRST100"));
    assert_eq!(database.value("select count(*) from specs").await, "2");
    Ok(())
}

/// The same cursor with another value in it.
fn forged(cursor: &str, value: &str, other: &str) -> String {
    let text = BASE64_URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains(value), "{text}");
    BASE64_URL_SAFE_NO_PAD.encode(text.replace(value, other))
}

#[tokio::test]
async fn column_named_after_is_filtered_as_ever() -> anyhow::Result<()> {
    let more = "create table steps (id integer primary key, after integer);
                insert into steps values (1, 0), (2, 1), (3, 2), (4, 3);
                grant select on steps to anon;
                create function echo_after(after text) returns text
                language sql stable as $$ select after $$;";
    let (_database, server) = library_with(more, &[]).await;

    let filtered = get(&server, "steps?select=id&after=gt.1").await;
    let both = walk(&server, "steps", "select=id&after=gt.0&order=after.desc&limit=1").await;
    let argument = get(&server, "rpc/echo_after?after=hi").await;

    assert_eq!(filtered.body, json!([{ "id": 3 }, { "id": 4 }]));
    assert_eq!(both, [json!({ "id": 4 }), json!({ "id": 3 }), json!({ "id": 2 })]);
    assert_eq!(argument.body, json!("hi"));
    Ok(())
}

#[tokio::test]
async fn rows_that_nothing_tells_apart_come_together() -> anyhow::Result<()> {
    let more = "create table logs (day integer, line text);
                insert into logs values (1, 'a'), (2, 'b'), (2, 'c'), (3, 'd');
                create table unlike (code text not null unique, line text);
                insert into unlike values ('x', 'a'), ('y', 'a'), ('z', 'a');
                create view seen as select b.title, b.id, l.person_id as by
                from books b join loans l on l.book_id = b.id;
                grant select on logs, unlike, seen to anon;";
    let (database, server) = library_with(more, &["--max-rows", "3"]).await;

    let (first, onward) = page(&server, "logs?select=line&order=day&limit=2&after=").await;
    let (second, _) = page(&server, &format!("logs?{}", onward.expect("more"))).await;
    let keyless = get(&server, "logs?limit=2&after=").await;
    let more = "insert into logs values (1, 'f'), (1, 'g'), (1, 'h')";
    database.sql(more).await;
    let too_many = get(&server, "logs?limit=2&after=&order=day").await;
    let unlike = walk(&server, "unlike", "select=code&order=line&limit=2").await;
    let view = walk(&server, "seen", "select=id,by&limit=1").await;

    let lines = |rows: &[Value]| {
        let lines = rows.iter().filter_map(|row| row["line"].as_str().map(str::to_owned));
        lines.collect::<BTreeSet<_>>().into_iter().collect::<String>()
    };
    assert_eq!((lines(&first), lines(&second)), ("abc".into(), "d".into()));
    assert_eq!(refusal(&keyless), (400, "PGRST190"));
    assert_eq!(keyless.body["message"], "Rows of 'logs' cannot be told apart");
    assert_eq!(refusal(&too_many), (400, "PGRST190"), "{}", too_many.text);
    assert_eq!(too_many.body["details"], "The page would have 4 rows.");
    assert_eq!(unlike.len(), 3);
    assert_eq!(view.len(), 3, "{view:?}");
    Ok(())
}

#[tokio::test]
async fn groups_and_long_values_have_no_cursors() -> anyhow::Result<()> {
    let (database, server) = archive_with(&["--aggregates-enabled", "true"]).await;
    database.sql("update films set notes = repeat('long ', 1000) where id = 2").await;

    let grouped = get(&server, "films?select=year,id.count()&limit=1&after=").await;
    let long = get(&server, "films?order=notes.desc&id=eq.2&limit=1&after=").await;
    let terms = vec!["year"; 40].join(",");
    let many = get(&server, &format!("films?order={terms}&limit=1&after=")).await;

    assert_eq!(refusal(&grouped), (400, "PGRST190"));
    assert_eq!(refusal(&long), (400, "PGRST190"));
    assert_eq!(long.body["hint"], "Order by shorter values.");
    assert_eq!(refusal(&many), (400, "PGRST100"));
    Ok(())
}

#[tokio::test]
async fn deep_page_is_found_by_the_index() -> anyhow::Result<()> {
    let more = "create table posts (
                  id bigint primary key, at timestamptz not null, seen timestamptz
                );
                insert into posts
                select n, timestamptz '2026-01-01' + n / 3 * interval '1 s', null
                from generate_series(1, 20000) n;
                create index on posts (at, id);
                create index on posts (at, id desc);
                analyze posts;
                grant select on posts to anon;";
    let (_database, server) = library_with(more, &["--plan-enabled", "true"]).await;
    let plan = async |order: &str| {
        let path = format!("posts?order={order}&limit=50&offset=15000");
        let deep = send(&server, Method::GET, &path, &[CURSOR], "").await;
        let path = format!("posts?{}", next(&deep).expect("more"));
        let explain = "application/vnd.pgrst.plan+text";
        send(&server, Method::GET, &path, &[("accept", explain)], "").await.text
    };

    let along = plan("at.desc").await;
    let turning = plan("at,id.desc").await;

    assert!(along.contains("Index Cond: (ROW(at, id) < ROW("), "{along}");
    assert!(turning.contains("Index Cond: (at >= "), "{turning}");
    assert!(!along.contains("Sort") && !turning.contains("Sort"), "{along}\n{turning}");
    Ok(())
}
