//! What the dialect says when it says no.

use reqwest::Method;
use serde_json::{Value, json};

use super::{get, header, library, refusal, request, write};
use crate::support::Answer;

#[tokio::test]
async fn bad_requests_are_refused_with_their_code() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    for (path, expected) in [
        ("books?select=id,)", (400, "PGRST100")),
        ("books?id=foo.1", (400, "PGRST100")),
        ("books?limit=many", (400, "PGRST100")),
        ("books?id=eq.%00", (400, "PGRST100")),
        ("books?limit=-1", (416, "PGRST103")),
        ("books?id=eq.x", (400, "22P02")),
        ("books?nope=eq.1", (400, "42703")),
        ("books?id=eq.99999999999999", (400, "22003")),
        ("books/1", (404, "PGRST125")),
        ("bookz", (404, "PGRST205")),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(refusal(&answer), expected, "{path}: {}", answer.text);
    }
    let bookz = get(&server, "bookz").await;
    assert_eq!(bookz.body["hint"], "Perhaps you meant the table 'public.books'");
    assert_eq!(header(&bookz, "proxy-status"), "PostgREST; error=PGRST205");
    Ok(())
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_code() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let post = async |path: &str, kind: &'static str, body: &'static str| {
        let request = request(&server, Method::POST, path).header("content-type", kind);
        Answer::of(request.body(body)).await
    };

    let broken = post("books", "application/json", "{").await;
    let empty = post("books", "application/json", "").await;
    let foreign = post("books", "text/plain", "hello").await;
    let uneven = post("books", "application/json", r#"[{"id":1},{"year":2}]"#).await;
    let unknown = post("books", "application/json", r#"{"pages":2}"#).await;
    let of_call = post("rpc/add", "application/json", "{\"a\":").await;

    assert_eq!(refusal(&broken), (400, "PGRST102"));
    assert_eq!(refusal(&empty), (400, "PGRST102"));
    assert_eq!(foreign.body["message"], "Content-Type not acceptable: text/plain");
    assert_eq!(uneven.body["message"], "All object keys must match");
    assert_eq!(refusal(&unknown), (400, "PGRST204"));
    assert_eq!(refusal(&of_call), (400, "PGRST102"));
    Ok(())
}

#[tokio::test]
async fn verbs_formats_and_schemas_that_are_not_there_are_refused() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let verb = Answer::of(request(&server, Method::TRACE, "books")).await;
    let on_call = Answer::of(request(&server, Method::PATCH, "rpc/add")).await;
    let html = request(&server, Method::GET, "books").header("accept", "text/html");
    let profile = request(&server, Method::GET, "books").header("accept-profile", "auth");

    assert_eq!(refusal(&verb), (405, "PGRST117"));
    assert_eq!(refusal(&on_call), (405, "PGRST101"));
    assert_eq!(refusal(&Answer::of(html).await), (406, "PGRST107"));
    assert_eq!(refusal(&Answer::of(profile).await), (406, "PGRST106"));
    Ok(())
}

#[tokio::test]
async fn violated_constraints_are_told() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let taken = write(&server, Method::POST, "people", json!({ "name": "X", "nick": "a" })).await;
    let missing = write(&server, Method::POST, "people", json!({ "name": Value::Null })).await;
    let foreign = write(&server, Method::POST, "badges", json!({ "person_id": 77 })).await;

    assert_eq!(refusal(&taken), (409, "23505"));
    assert_eq!(taken.body["details"], "Key (nick)=(a) already exists.");
    assert_eq!(refusal(&missing), (400, "23502"));
    assert_eq!(refusal(&foreign), (409, "23503"));
    Ok(())
}

#[tokio::test]
async fn strangers_are_asked_to_sign_in_and_others_turned_away() -> anyhow::Result<()> {
    let (database, server) = library().await;
    assert_eq!(database.value("select count(*) from diaries").await, "1");

    let stranger = get(&server, "diaries").await;
    let ana = server.rest(&server.person("ana"), Method::GET, "diaries").await;

    assert_eq!(refusal(&stranger), (401, "42501"));
    assert_eq!(header(&stranger, "www-authenticate"), "Bearer");
    assert_eq!(refusal(&ana), (403, "42501"));
    Ok(())
}

#[tokio::test]
async fn bad_tokens_are_refused() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let shown = async |token: &str| {
        Answer::of(request(&server, Method::GET, "books").bearer_auth(token)).await
    };

    let garbled = shown("a.b.c").await;
    let expired = shown(&server.person_until("ana", -60).token).await;
    let unknown = shown(&server.bearer(&json!({ "role": "nobody_at_all" })).token).await;

    assert_eq!(refusal(&garbled), (401, "PGRST301"));
    assert_eq!(refusal(&expired), (401, "PGRST303"));
    assert_eq!(
        header(&expired, "www-authenticate"),
        "Bearer error=\"invalid_token\", error_description=\"JWT expired\""
    );
    assert_eq!(refusal(&unknown), (401, "22023"));
    Ok(())
}

#[tokio::test]
async fn endless_requests_are_refused_and_the_server_lives_on() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    // Longer ones are refused before this dialect sees them.
    let deep = format!("books?or={}", "(and".repeat(1_000));
    let embeds = format!("books?select={}", "people(".repeat(1_000));
    let many = format!("books?{}", "id=eq.1&".repeat(1_500));

    for path in [deep, embeds, many] {
        assert_eq!(refusal(&get(&server, &path).await), (400, "PGRST100"));
    }
    assert_eq!(get(&server, "books?select=id&id=eq.1").await.status, 200);
    Ok(())
}
