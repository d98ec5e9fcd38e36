//! Sums, averages, counts, maxima and minima of groups of rows.

use reqwest::Method;
use serde_json::{Value, json};

use super::{archive, archive_with, get, header, refusal, request};
use crate::support::{Answer, Database, Server};

async fn counting() -> (Database, Server) {
    archive_with(&["--aggregates-enabled", "true"]).await
}

/// The rows, whatever their order.
fn sorted(answer: &Answer) -> Vec<String> {
    let mut rows: Vec<String> =
        answer.body.as_array().into_iter().flatten().map(Value::to_string).collect();
    rows.sort();
    rows
}

fn rows(rows: &Value) -> Vec<String> {
    let mut rows: Vec<String> =
        rows.as_array().into_iter().flatten().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn all_rows_make_one_value() -> anyhow::Result<()> {
    let (_database, server) = counting().await;

    let all = get(
        &server,
        "films?select=budget.sum(),budget.avg()::int,budget.min(),high:budget.max(),count(),\
         known:budget.count()",
    )
    .await;
    let inside = get(&server, "films?select=data-%3Etakes-%3E%3E0::int.sum()::text").await;

    assert_eq!(
        all.body,
        json!([{ "sum": 350, "avg": 117, "min": 50, "high": 200, "count": 4, "known": 3 }])
    );
    assert_eq!(inside.body, json!([{ "sum": "10" }]));
    Ok(())
}

#[tokio::test]
async fn rows_are_grouped_by_what_else_is_selected() -> anyhow::Result<()> {
    let (_database, server) = counting().await;

    let by_year = get(&server, "films?select=year,budget.sum(),count()&order=year&id=lt.4").await;
    let by_mood = get(&server, "films?select=data-%3E%3Emood,count()&data=not.is.null").await;
    let page = "films?select=year,count()&order=year&limit=1";
    let page = request(&server, Method::GET, page).header("prefer", "count=exact");
    let page = Answer::of(page).await;

    assert_eq!(
        by_year.body,
        json!([{ "year": 1950, "sum": 100, "count": 1 }, { "year": 1960, "sum": 250, "count": 2 }])
    );
    assert_eq!(
        sorted(&by_mood),
        rows(&json!([
            { "mood": "sad", "count": 1 }, { "mood": "glad", "count": 1 },
            { "mood": null, "count": 1 },
        ]))
    );
    assert_eq!((page.status.as_u16(), header(&page, "content-range")), (206, "0-0/3"));
    Ok(())
}

#[tokio::test]
async fn embeds_are_groups_too_and_have_groups_of_their_own() -> anyhow::Result<()> {
    let (_database, server) = counting().await;

    let by_embed = get(&server, "films?select=budget.sum(),directors(name)").await;
    let by_many = get(&server, "films?select=count(),roles(part)&id=gt.2").await;
    let inside =
        get(&server, "directors?select=name,films(year,budget.sum())&order=name&films.order=year")
            .await;

    assert_eq!(
        sorted(&by_embed),
        rows(&json!([
            { "sum": 100, "directors": { "name": "Ada" } },
            { "sum": 250, "directors": { "name": "Ben" } },
            { "sum": null, "directors": null },
        ]))
    );
    assert_eq!(by_many.body, json!([{ "count": 2, "roles": [] }]));
    assert_eq!(
        inside.body,
        json!([
            { "name": "Ada", "films": [{ "year": 1950, "sum": 100 }] },
            { "name": "Ben", "films": [{ "year": 1960, "sum": 250 }] },
            { "name": "Cleo", "films": [] },
        ])
    );
    Ok(())
}

#[tokio::test]
async fn columns_of_a_spread_are_grouped_with_the_outer_rows() -> anyhow::Result<()> {
    let (_database, server) = counting().await;

    let by_column = get(&server, "films?select=budget.sum(),...directors(country)").await;
    let of_column =
        get(&server, "films?select=year,...directors(born.max(),born.min(),n:count())&order=year")
            .await;
    let nested = get(&server, "roles?select=...films(...directors(country),budget.sum())").await;

    assert_eq!(
        sorted(&by_column),
        rows(&json!([
            { "sum": 100, "country": "DE" }, { "sum": 250, "country": "FR" },
            { "sum": null, "country": null },
        ]))
    );
    assert_eq!(
        of_column.body,
        json!([
            { "year": 1950, "max": 1900, "min": 1900, "n": 1 },
            { "year": 1960, "max": 1920, "min": 1920, "n": 2 },
            { "year": 1970, "max": null, "min": null, "n": 0 },
        ])
    );
    assert_eq!(
        sorted(&nested),
        rows(&json!([{ "country": "DE", "sum": 200 }, { "country": "FR", "sum": 200 }]))
    );
    Ok(())
}

#[tokio::test]
async fn arrays_of_a_spread_take_no_aggregates() -> anyhow::Result<()> {
    let (_database, server) = counting().await;

    let answer = get(&server, "directors?select=name,...films(budget.sum())").await;

    assert_eq!(refusal(&answer), (400, "PGRST127"));
    assert_eq!(
        answer.body["details"],
        "Aggregates are not implemented for one-to-many or many-to-many spreads."
    );
    Ok(())
}

#[tokio::test]
async fn aggregates_must_be_turned_on() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for select in ["budget.sum()", "count()", "title,roles(count())", "...directors(born.max())"] {
        let answer = get(&server, &format!("films?select={select}")).await;
        assert_eq!(refusal(&answer), (400, "PGRST123"), "{select}");
        assert_eq!(answer.body["message"], "Use of aggregate functions is not allowed");
    }
    let old_way = get(&server, "directors?select=name,films(count)&order=name").await;
    assert_eq!(
        old_way.body,
        json!([
            { "name": "Ada", "films": [{ "count": 1 }] },
            { "name": "Ben", "films": [{ "count": 2 }] },
            { "name": "Cleo", "films": [{ "count": 0 }] },
        ])
    );
    Ok(())
}
