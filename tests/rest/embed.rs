//! Related rows inside of rows.

use reqwest::Method;
use serde_json::json;

use super::{get, header, library, refusal, request};
use crate::support::Answer;

#[tokio::test]
async fn every_kind_of_relation_is_embedded() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let to_one =
        get(&server, "books?select=author:author_id(name),editor:people!editor_id(name)&id=eq.2")
            .await;
    let to_many = get(&server, "people?select=name,books!author_id(title)&id=eq.1").await;
    let one_to_one = get(&server, "people?select=name,badges(color)&order=id&limit=2").await;
    let through = get(&server, "books?select=title,readers:people!loans(name)&id=eq.1").await;

    assert_eq!(to_one.body, json!([{ "author": { "name": "Ana" }, "editor": null }]));
    assert_eq!(
        to_many.body,
        json!([{ "name": "Ana", "books": [{ "title": "Walks" }, { "title": "Talks" }] }])
    );
    assert_eq!(
        one_to_one.body,
        json!([{ "name": "Ana", "badges": { "color": "red" } }, { "name": "Bo", "badges": null }])
    );
    assert_eq!(
        through.body,
        json!([{ "title": "Walks", "readers": [{ "name": "Bo" }, { "name": "Cy" }] }])
    );
    Ok(())
}

#[tokio::test]
async fn embeds_nest_and_have_parameters_of_their_own() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(
        &server,
        "people?select=name,works:books!author_id(title,loans(people(name)))&id=eq.1\
         &works.order=year.desc&works.year=lt.2000&works.limit=1&works.loans.person_id=eq.3",
    )
    .await;

    let loans = json!([{ "people": { "name": "Cy" } }]);
    assert_eq!(
        answer.body,
        json!([{ "name": "Ana", "works": [{ "title": "Walks", "loans": loans }] }])
    );
    Ok(())
}

#[tokio::test]
async fn inner_embed_leaves_out_rows_without_any() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = "people?select=name,books!author_id!inner(title)&books.title=eq.Rocks";
    let counted = request(&server, Method::GET, path).header("prefer", "count=exact");
    let answer = Answer::of(counted).await;

    assert_eq!(answer.body, json!([{ "name": "Bo", "books": [{ "title": "Rocks" }] }]));
    assert_eq!(header(&answer, "content-range"), "0-0/1");
    Ok(())
}

#[tokio::test]
async fn rows_are_chosen_by_what_is_not_embedded() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let without = get(&server, "people?select=name,badges()&badges=is.null&order=id").await;
    let with = get(&server, "people?select=name,badges()&badges=not.is.null").await;

    assert_eq!(without.body, json!([{ "name": "Bo" }, { "name": "Cy" }]));
    assert_eq!(with.body, json!([{ "name": "Ana" }]));
    Ok(())
}

#[tokio::test]
async fn ambiguous_relation_names_the_ways() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(&server, "books?select=people(name)").await;

    assert_eq!(refusal(&answer), (300, "PGRST201"));
    let ways = answer.body["details"].as_array().map(Vec::len);
    assert_eq!(ways, Some(3), "author, editor and loans: {}", answer.text);
    assert_eq!(
        answer.body["details"][0],
        json!({
            "cardinality": "many-to-one",
            "embedding": "books with people",
            "relationship": "books_author_id_fkey using books(author_id) and people(id)",
        })
    );
    let hint = answer.body["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("'people!books_author_id_fkey'") && hint.contains("'people!loans'"));
    Ok(())
}

#[tokio::test]
async fn missing_relation_is_told_with_a_likely_name() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(&server, "badges?select=peeple(name)").await;

    assert_eq!(refusal(&answer), (400, "PGRST200"));
    assert_eq!(answer.body["hint"], "Perhaps you meant 'people' instead of 'peeple'.");
    Ok(())
}

#[tokio::test]
async fn parameter_of_something_not_embedded_is_refused() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    for path in ["books?loans.person_id=eq.1", "books?loans.order=person_id", "books?loans.limit=1"]
    {
        assert_eq!(refusal(&get(&server, path).await), (400, "PGRST108"), "{path}");
    }
    Ok(())
}
