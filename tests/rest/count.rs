//! How many rows there are, and how many of them are given.

use reqwest::Method;
use serde_json::json;

use super::{archive, archive_with, get, header, request};
use crate::support::{Answer, Server};

/// Status and range of a read that counts.
async fn counted(server: &Server, count: &str, path: &str) -> (u16, String) {
    let request = request(server, Method::GET, path).header("prefer", format!("count={count}"));
    let answer = Answer::of(request).await;
    assert_eq!(header(&answer, "preference-applied"), format!("count={count}"), "{}", answer.text);
    (answer.status.as_u16(), header(&answer, "content-range").to_owned())
}

#[tokio::test]
async fn exact_count_is_of_all_rows_that_match() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let inner = "directors?select=name,films!inner(title)&order=name&limit=1";
    let anti = "films?select=title,specs()&specs=is.null&limit=1";
    let ordered = "films?select=title,directors(name)&order=directors(name)&limit=3&offset=1";

    assert_eq!(counted(&server, "exact", inner).await, (206, "0-0/2".into()));
    assert_eq!(counted(&server, "exact", anti).await, (206, "0-0/2".into()));
    assert_eq!(counted(&server, "exact", ordered).await, (206, "1-3/4".into()));
    assert_eq!(counted(&server, "exact", "films?offset=4").await, (206, "*/4".into()));
    assert_eq!(counted(&server, "exact", "films?id=eq.9").await, (200, "*/0".into()));
    Ok(())
}

#[tokio::test]
async fn planned_count_is_the_planners_guess() -> anyhow::Result<()> {
    let (database, server) = archive().await;
    database.sql("insert into actors select n, 'extra' from generate_series(10, 1009) n").await;
    database.sql("analyze actors").await;

    let page = counted(&server, "planned", "actors?limit=2").await;
    let none = counted(&server, "planned", "actors?id=eq.5000").await;
    let estimated = counted(&server, "estimated", "actors?limit=2").await;

    assert_eq!(page, (206, "0-1/1003".into()));
    assert_eq!(none, (206, "*/1".into()), "a plan never expects less than one row");
    assert_eq!(estimated, (206, "0-1/1003".into()));
    Ok(())
}

#[tokio::test]
async fn estimated_count_is_exact_as_long_as_it_is_small() -> anyhow::Result<()> {
    let (database, server) = archive_with(&["--max-rows", "3"]).await;
    database.sql("insert into actors select n, 'extra' from generate_series(10, 1009) n").await;
    database.sql("analyze actors; insert into actors values (5000, 'late')").await;
    // The guess is wrong now, and nobody looks.
    database.sql("delete from roles; insert into roles values (1, 1, 'only')").await;

    assert_eq!(counted(&server, "estimated", "actors?limit=2").await, (206, "0-1/1003".into()));
    assert_eq!(counted(&server, "estimated", "roles").await, (200, "0-0/1".into()));
    assert_eq!(counted(&server, "exact", "actors").await, (206, "0-2/1004".into()));
    Ok(())
}

#[tokio::test]
async fn most_rows_are_a_bound_of_reads_and_embeds_but_not_of_writes() -> anyhow::Result<()> {
    let (database, server) = archive_with(&["--max-rows", "2"]).await;

    let rows = get(&server, "films?select=id&order=id&limit=3").await;
    let embedded = get(&server, "films?select=reels(id)&id=eq.1&reels.order=id").await;
    let called = get(&server, "rpc/from_country?code=FR").await;
    let written = request(&server, Method::PATCH, "films?id=gt.0&select=id")
        .header("prefer", "return=representation")
        .json(&json!({ "year": 2000 }));
    let written = Answer::of(written).await;

    assert_eq!(rows.body, json!([{ "id": 1 }, { "id": 2 }]));
    assert_eq!(header(&rows, "content-range"), "0-1/*");
    assert_eq!(embedded.body, json!([{ "reels": [{ "id": 1 }, { "id": 2 }] }]));
    assert_eq!(called.body.as_array().map(Vec::len), Some(2));
    assert_eq!(written.body.as_array().map(Vec::len), Some(4), "{}", written.text);
    assert_eq!(database.value("select count(*) from films where year = 2000").await, "4");
    Ok(())
}

#[tokio::test]
async fn head_counts_without_a_body() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let path = "films?select=title,directors(name)&limit=2";
    let request = request(&server, Method::HEAD, path).header("prefer", "count=exact");
    let answer = Answer::of(request).await;

    assert_eq!((answer.status.as_u16(), header(&answer, "content-range")), (206, "0-1/4"));
    assert_eq!(answer.text, "");
    Ok(())
}
