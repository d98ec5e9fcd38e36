//! Rows are written as JSON as Postgres itself would, whatever their columns are by now.

use serde_json::json;

use super::standalone::plain_database;
use super::{get, library_with};
use crate::support::{Answer, Database, Standalone};

const SAMPLES: &str = r#"
create domain age as integer;
create domain said as text not null;
create type mood as enum ('glad', 'so-so');
create type pair as (a integer, "b ""c" text);
create table samples (
  id integer primary key, small smallint, big bigint, years age, is_so boolean, word text,
  said said default 'x', feeling mood, fixed char(3), exact numeric, short real, long float8,
  day date, moment timestamptz, local timestamp, span interval, at time, key uuid, raw bytea,
  plain json, packed jsonb, list integer[], words text[], two pair, pairs pair[], inside inet,
  "a ""quoted\ name" integer, "ünï" text
);
insert into samples (id) values (1);
insert into samples values
  (2, -7, 9223372036854775807, 30, true, E'"quotes", back\\slash, \n line \t tab \u0001 \u00fc \U0001F600',
   'it''s', 'so-so', 'a', 1.10, 'NaN', '-Infinity', '2026-02-28', '2026-02-28 12:00:00.123456+03',
   '2026-02-28 12:00', '1 day 02:00', '12:30', 'd2a7c3de-53a2-4d2e-a1fd-7ac2f2a1c1aa', '\xdead',
   '{ "a" :  1, "a": 2 }', '{"b": [1, null]}', '{1,NULL,3}', '{a,"b,c"}', (1, 'x'),
   array[(1, 'x')::pair, null], '10.0.0.1/8', 5, 'é'),
  (3, 0, 0, 0, false, '', '', 'glad', '', 'Infinity', 0, 1e300, 'infinity', 'infinity',
   '-infinity', '0', '24:00', null, '', '[]', 'null', '{}', '{}', null, '{}', null, null, '');
create table notes (id integer primary key, sample_id integer references samples, word text);
insert into notes values (1, 2, 'first'), (2, 2, null), (3, null, 'nobody''s');
grant select on samples, notes to anon;
"#;

#[tokio::test]
async fn every_type_is_written_as_postgres_writes_it() -> anyhow::Result<()> {
    let (database, server) = library_with(SAMPLES, &[]).await;
    // As the server's connections print what has several forms.
    database.sql("set timezone to utc").await;
    let written = async |rows: &str| {
        let sql = format!("select coalesce(json_agg(walkie_row), '[]') from ({rows}) walkie_row");
        database.value(&sql).await
    };

    for (path, rows) in [
        ("samples?order=id", "select * from samples order by id"),
        ("samples?id=eq.9", "select * from samples where id = 9"),
        (
            "samples?select=big,on:is_so,big,list-%3E0,small::text&order=id.desc&limit=2",
            "select big, is_so as on, big, to_jsonb(list) -> 0 as list, small::text
               from samples order by id desc limit 2",
        ),
        (
            "samples?select=id,notes(*),first:notes(word)&notes.order=id&order=id",
            "select id,
                    coalesce((select json_agg(n) from (select * from notes where sample_id = s.id
                               order by id) n), '[]') as notes,
                    coalesce((select json_agg(n) from (select word from notes
                               where sample_id = s.id) n), '[]') as first
               from samples s order by id",
        ),
        (
            "notes?select=*,samples(id,is_so,word)&order=id",
            "select notes.*, (select row_to_json(s) from (select id, is_so, word from samples
                                where id = sample_id) s) as samples
               from notes order by id",
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status.as_u16(), answer.text), (200, written(rows).await), "{path}");
    }
    Ok(())
}

/// A server alone, which nobody tells that a table has changed.
async fn behind(change: &str) -> (Database, Standalone) {
    let database = plain_database().await;
    let api = Standalone::start(&database, &[]).await;
    let rows = json!([{ "id": 1, "name": "one" }, { "id": 2, "name": "two" }]);
    // So often that connections know the statement.
    for _ in 0..9 {
        assert_eq!(api.get("/items?order=id").await.body, rows);
    }
    database.sql(change).await;
    (database, api)
}

async fn all(api: &Standalone) -> Answer {
    api.get("/items?order=id&limit=1").await
}

#[tokio::test]
async fn columns_that_nobody_announced_are_shown() -> anyhow::Result<()> {
    let more = "alter table api.items add more boolean default true";
    let (_database, api) = behind(more).await;
    for path in ["/items?order=id&limit=1", "/items?order=id"] {
        assert_eq!(api.get(path).await.body[0], json!({ "id": 1, "name": "one", "more": true }));
    }

    let (_database, api) = behind("alter table api.items drop name").await;
    assert_eq!(all(&api).await.body, json!([{ "id": 1 }]));

    let (_database, api) = behind("alter table api.items rename name to word").await;
    assert_eq!(all(&api).await.body, json!([{ "id": 1, "word": "one" }]));

    let swapped = "alter table api.items drop name, add word text default 'new'";
    let (_database, api) = behind(swapped).await;
    assert_eq!(all(&api).await.body, json!([{ "id": 1, "word": "new" }]));
    Ok(())
}

#[tokio::test]
async fn texts_in_a_column_of_numbers_end_no_string() -> anyhow::Result<()> {
    let text = r#"alter table api.items alter id type text using '1,"role":"admin' || id"#;
    let (_database, api) = behind(text).await;
    assert_eq!(all(&api).await.body, json!([{ "id": "1,\"role\":\"admin1", "name": "one" }]));
    Ok(())
}

#[tokio::test]
async fn tables_of_very_many_columns_are_read() -> anyhow::Result<()> {
    let columns: Vec<String> = (0..600).map(|number| format!("c{number} integer")).collect();
    let wide = format!(
        "create table wide ({}); insert into wide (c599) values (7); grant select on wide to anon",
        columns.join(", ")
    );
    let (_database, server) = library_with(&wide, &[]).await;

    let answer = get(&server, "wide").await;

    assert_eq!((answer.status.as_u16(), &answer.body[0]["c599"]), (200, &json!(7)));
    assert_eq!(answer.body[0].as_object().map(serde_json::Map::len), Some(600));
    Ok(())
}
