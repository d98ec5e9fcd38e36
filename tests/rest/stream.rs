//! Rows that leave as they come, as lines of JSON.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{get, header, library_with, refusal, request};
use crate::support::{Answer, Database, Server, Standalone, eventually};

const LINES: &str = "application/x-ndjson";

/// Two functions that write, one that chooses how it is answered, and views of many rows.
const MORE: &str = r#"
    create function years() returns setof integer
    language sql stable as $$ values (1999), (null) $$;
    create function hire_two() returns setof people
    language sql as $$ insert into people (name) values ('Di'), ('Ed') returning * $$;
    create function chosen(n integer) returns setof people language plpgsql stable as $$
    begin
      perform set_config('response.headers', '[{"X-Found": "some"}]', true);
      perform set_config('response.status', '203', true);
      return query select * from people order by id limit n;
    end $$;
    create view notes as select 1 as id, E'{"a":\n\n1}'::json as note;
    create view many as
      select n as id, repeat('x', 100) as filler from generate_series(1, 100000) n;
    create view fragile as
      select n as id, 100 / (20000 - n) as share, repeat('x', 100) as filler
        from generate_series(1, 30000) n;
    grant select on notes, many, fragile to anon;
"#;

async fn lines(server: &Server, method: Method, path: &str) -> Answer {
    Answer::of(request(server, method, path).header("accept", LINES)).await
}

/// A stream that has begun.
async fn begun(server: &Server, path: &str) -> Response {
    let request = request(server, Method::GET, path).header("accept", LINES);
    request.send().await.expect("it begins")
}

fn values(answer: &Answer) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    answer.text.lines().map(line).collect()
}

/// Waits until nothing runs for requests and none of their transactions is open.
async fn is_quiet(database: &Database) {
    let busy = "select count(*) from pg_stat_activity
                 where datname = current_database() and application_name = 'walkie requests'
                   and state <> 'idle'";
    eventually("nothing runs", || async { (database.value(busy).await == "0").then_some(()) })
        .await;
}

#[tokio::test]
async fn each_row_is_a_line() -> anyhow::Result<()> {
    let (_database, server) = library_with(MORE, &[]).await;

    let people = "people?select=name,books!author_id(title)&order=id&books.order=id&limit=2";
    let people = lines(&server, Method::GET, people).await;
    let notes = lines(&server, Method::GET, "notes").await;
    let years = lines(&server, Method::GET, "rpc/years").await;
    let none = lines(&server, Method::GET, "people?id=eq.0").await;

    assert_eq!(
        values(&people),
        [
            json!({ "name": "Ana", "books": [{ "title": "Walks" }, { "title": "Talks" }] }),
            json!({ "name": "Bo", "books": [{ "title": "Rocks" }] }),
        ]
    );
    assert_eq!(people.status, 200);
    assert_eq!(header(&people, "content-type"), "application/x-ndjson; charset=utf-8");
    assert!(!people.headers.contains_key("content-range"));
    assert_eq!(values(&notes), [json!({ "id": 1, "note": { "a": 1 } })]);
    assert_eq!(years.text, "1999\nnull\n");
    assert_eq!((none.status.as_u16(), &*none.text), (200, ""));
    Ok(())
}

#[tokio::test]
async fn work_of_a_stream_is_kept_when_it_ends() -> anyhow::Result<()> {
    let (database, server) = library_with(MORE, &[]).await;

    let hired = lines(&server, Method::POST, "rpc/hire_two?select=name").await;

    assert_eq!(values(&hired), [json!({ "name": "Di" }), json!({ "name": "Ed" })]);
    assert_eq!(database.value("select count(*) from people").await, "5");
    Ok(())
}

#[tokio::test]
async fn rules_choose_status_and_headers_of_streams() -> anyhow::Result<()> {
    let (_database, server) = library_with(MORE, &[]).await;

    for rows in [0, 2] {
        let chosen = lines(&server, Method::GET, &format!("rpc/chosen?n={rows}")).await;
        assert_eq!((chosen.status.as_u16(), header(&chosen, "x-found")), (203, "some"));
        assert_eq!(values(&chosen).len(), rows);
    }
    Ok(())
}

#[tokio::test]
async fn only_rows_that_need_no_second_thought_are_streamed() -> anyhow::Result<()> {
    let (database, server) = library_with(MORE, &[]).await;

    let value = lines(&server, Method::GET, "rpc/add?a=1").await;
    let write = request(&server, Method::POST, "people").header("accept", LINES);
    let write = Answer::of(write.json(&json!({ "name": "Di" }))).await;
    let limited = request(&server, Method::POST, "rpc/hire_two").header("accept", LINES);
    let limited = limited.header("prefer", "handling=strict, max-affected=1");
    let limited = Answer::of(limited).await;

    for answer in [value, write, limited] {
        assert_eq!(refusal(&answer), (406, "PGRST107"), "{}", answer.text);
    }
    assert_eq!(database.value("select count(*) from people").await, "3");
    Ok(())
}

#[tokio::test]
async fn what_fails_before_the_first_row_is_told_and_what_fails_later_cuts_the_answer()
-> anyhow::Result<()> {
    let (database, server) = library_with(MORE, &[]).await;

    let at_once = lines(&server, Method::GET, "fragile?id=eq.20000").await;
    let mut late = begun(&server, "fragile").await;

    assert_eq!(refusal(&at_once), (400, "22012"), "{}", at_once.text);
    assert_eq!(late.status(), 200);
    let mut bytes = 0;
    let end = loop {
        match late.chunk().await {
            Ok(Some(chunk)) => bytes += chunk.len(),
            end => break end,
        }
    };
    assert!(end.is_err(), "the answer looks whole after {bytes} bytes");
    assert!(bytes > 1_000_000, "{bytes}");
    is_quiet(&database).await;
    assert_eq!(get(&server, "people?select=id&id=eq.1").await.text, r#"[{"id":1}]"#);
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_a_stream_whose_reader_goes_away() -> anyhow::Result<()> {
    let more = format!(
        "{MORE} create table log (line text);
        create function logged() returns setof many language sql
        as $$ insert into log values ('asked'); select * from many $$;
        grant insert on log to anon;"
    );
    let (database, server) = library_with(&more, &["--pool-size", "2"]).await;

    for _ in 0..3 {
        let mut called =
            request(&server, Method::POST, "rpc/logged").header("accept", LINES).send().await?;
        assert_eq!(called.status(), 200);
        assert!(called.chunk().await?.is_some());
        drop(called);
        is_quiet(&database).await;
    }

    assert_eq!(database.value("select count(*) from log").await, "0");
    assert_eq!(get(&server, "people?select=id&id=eq.1").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn slow_readers_leave_connections_to_others() -> anyhow::Result<()> {
    let flags = ["--pool-size", "2", "--pool-wait-ms", "300"];
    let (_database, server) = library_with(MORE, &flags).await;

    let slow = begun(&server, "many").await;
    let second = lines(&server, Method::GET, "many").await;
    let other = get(&server, "people?select=id&id=eq.1").await;
    drop(slow);

    assert_eq!(refusal(&second), (504, "PGRST003"));
    assert_eq!(other.status, 200);
    eventually("the seat is free", || async {
        let few = lines(&server, Method::GET, "many?limit=3").await;
        (values(&few).len() == 3).then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn memory_does_not_grow_with_the_rows() -> anyhow::Result<()> {
    let database = Database::empty().await;
    database
        .sql(
            "create schema api;
             create function api.many(n integer) returns table (id integer, filler text)
             language sql stable
             as $$ select i, repeat('x', 180) from generate_series(1, n) i $$;
             grant usage on schema api to anon;",
        )
        .await;
    let api = Standalone::start(&database, &[]).await;
    let rows_asked = 300_000;
    let ask =
        |rows| api.request(Method::GET, &format!("/rpc/many?n={rows}")).header("accept", LINES);
    assert_eq!(Answer::of(ask(10)).await.text.lines().count(), 10);
    let before = api.memory_kib();

    let mut answer = ask(rows_asked).send().await?;
    let breaks = |chunk: &[u8]| chunk.split(|byte| *byte == b'\n').count() - 1;
    let first = answer.chunk().await?.unwrap_or_default();
    let (mut bytes, mut rows, mut chunks) = (first.len(), breaks(&first), 1);
    eventually("Postgres waits for the reader", || async {
        let waiting = "select count(*) from pg_stat_activity
                        where datname = current_database() and wait_event = 'ClientWrite'";
        (database.value(waiting).await == "1").then_some(())
    })
    .await;
    let mut most = api.memory_kib();
    while let Some(chunk) = answer.chunk().await? {
        bytes += chunk.len();
        rows += breaks(&chunk);
        chunks += 1;
        if chunks % 100 == 0 {
            most = most.max(api.memory_kib());
        }
    }

    assert_eq!(rows, rows_asked);
    assert!(bytes > 60_000_000, "{bytes}");
    let grown = most.saturating_sub(before);
    assert!(grown < 10 * 1024, "{before} KiB grew by {grown} KiB for {bytes} bytes");
    Ok(())
}
