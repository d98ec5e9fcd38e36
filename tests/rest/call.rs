//! Functions.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{get, header, library, refusal, request};
use crate::support::{Answer, Server};

fn post(server: &Server, path: &str, body: &Value) -> RequestBuilder {
    request(server, Method::POST, path).json(body)
}

#[tokio::test]
async fn arguments_come_in_the_body_or_the_query() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    assert_eq!(Answer::of(post(&server, "rpc/add", &json!({ "a": 1 }))).await.body, json!(11));
    assert_eq!(get(&server, "rpc/add?a=1&b=2").await.body, json!(3));
    assert_eq!(get(&server, "rpc/total?n=1&n=2&n=3").await.body, json!(6));
    let total = Answer::of(post(&server, "rpc/total", &json!({ "n": [4, 5] }))).await;
    assert_eq!(total.body, json!(9));
    let whole = Answer::of(post(&server, "rpc/echo", &json!([1, { "a": null }]))).await;
    assert_eq!(whole.body, json!([1, { "a": null }]));
    Ok(())
}

#[tokio::test]
async fn sets_are_read_like_tables() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = "rpc/books_of?person=1&select=title,people!author_id(name)&order=year.desc&limit=1";
    let counted = request(&server, Method::GET, path).header("prefer", "count=exact");
    let page = Answer::of(counted).await;
    let filtered = post(&server, "rpc/books_of?year=lt.2000&select=id", &json!({ "person": 1 }));
    let filtered = Answer::of(filtered).await;

    assert_eq!(page.body, json!([{ "title": "Talks", "people": { "name": "Ana" } }]));
    assert_eq!((page.status.as_u16(), header(&page, "content-range")), (206, "0-0/2"));
    assert_eq!(filtered.body, json!([{ "id": 1 }]));
    Ok(())
}

#[tokio::test]
async fn one_row_is_an_object() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let read = get(&server, "rpc/person_of?person=2&select=name,badges(color)").await;
    let hired = Answer::of(post(&server, "rpc/hire?select=name", &json!({ "name": "Dee" }))).await;

    assert_eq!(read.body, json!({ "name": "Bo", "badges": null }));
    assert_eq!((hired.status.as_u16(), hired.body), (200, json!({ "name": "Dee" })));
    Ok(())
}

#[tokio::test]
async fn function_without_a_result_has_no_body() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let answer = Answer::of(request(&server, Method::POST, "rpc/forget")).await;

    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(database.value("select count(*) from loans").await, "0");
    Ok(())
}

#[tokio::test]
async fn get_cannot_write() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let answer = get(&server, "rpc/forget").await;

    assert_eq!(refusal(&answer), (405, "25006"));
    assert_eq!(database.value("select count(*) from loans").await, "3");
    Ok(())
}

#[tokio::test]
async fn missing_and_ambiguous_functions_are_told() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let misspelt = Answer::of(post(&server, "rpc/book_of", &json!({ "person": 1 }))).await;
    let wrong = Answer::of(post(&server, "rpc/add", &json!({ "a": 1, "c": 2 }))).await;
    let ambiguous = Answer::of(post(&server, "rpc/pick", &json!({ "a": 1 }))).await;

    assert_eq!(refusal(&misspelt), (404, "PGRST202"));
    assert_eq!(misspelt.body["hint"], "Perhaps you meant to call the function public.books_of");
    assert_eq!(refusal(&wrong), (404, "PGRST202"));
    assert_eq!(
        wrong.body["message"],
        "Could not find the function public.add(a, c) in the schema cache"
    );
    assert_eq!(refusal(&ambiguous), (300, "PGRST203"));
    Ok(())
}

#[tokio::test]
async fn rules_choose_status_headers_and_words() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let call =
        async |name: &str| Answer::of(request(&server, Method::POST, &format!("rpc/{name}"))).await;

    let refused = call("refuse").await;
    let by_hand = call("answer_by_hand").await;
    let with_headers = call("with_headers").await;

    assert_eq!(refusal(&refused), (402, "PT402"));
    assert_eq!(refused.body["message"], "not for free");
    assert_eq!(refused.body["details"], "three coins");
    assert_eq!(refused.body["hint"], "pay");
    assert_eq!(refusal(&by_hand), (418, "42"));
    assert_eq!(header(&by_hand, "x-tea"), "green");
    assert_eq!((with_headers.status.as_u16(), header(&with_headers, "x-tea")), (202, "black"));
    Ok(())
}

#[tokio::test]
async fn rules_know_what_was_asked_and_by_whom() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let ana = server.person("ana");
    let request = request(&server, Method::GET, "rpc/asked")
        .bearer_auth(&ana.token)
        .header("x-tea", "white")
        .header("cookie", "milk=no");
    let answer = Answer::of(request).await;

    assert_eq!(
        answer.body,
        json!({
            "role": "authenticated", "method": "GET", "path": "/rpc/asked",
            "tea": "white", "cookie": "no",
        })
    );
    Ok(())
}
