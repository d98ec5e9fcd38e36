//! Functions.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{OBJECT, get, header, library, library_with, refusal, request, send};
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

#[tokio::test]
async fn forms_give_arguments_like_the_query() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];

    let several = send(&server, Method::POST, "rpc/total", &form, "n=1&n=2&n=3").await;
    let last = send(&server, Method::POST, "rpc/add", &form, "a=1&b=1&b=4").await;

    assert_eq!(several.body, json!(6), "{}", several.text);
    assert_eq!(last.body, json!(5));
    assert_eq!(get(&server, "rpc/add?a=1&b=1&b=4").await.body, json!(5));
    Ok(())
}

#[tokio::test]
async fn bodies_are_handed_on_whole() -> anyhow::Result<()> {
    let more = "
        create function shout(text) returns text language sql immutable as $$ select upper($1) $$;
        create function weigh(bytea) returns integer
        language sql immutable as $$ select length($1) $$;
        create function inspect(jsonb) returns text
        language sql immutable as $$ select jsonb_typeof($1) $$;
        create function inspect(a integer) returns text language sql immutable as $$ select 'a' $$;";
    let (_database, server) = library_with(more, &[]).await;
    let post = async |path: &str, kind: &str, body: &'static [u8]| {
        send(&server, Method::POST, path, &[("content-type", kind)], body).await
    };

    let shout = post("rpc/shout", "text/plain", b"hello, {you}").await;
    let weigh = post("rpc/weigh", "application/octet-stream", b"\x00\xff\x01").await;
    let by_name = post("rpc/inspect", "application/json", br#"{"a":1}"#).await;
    let fallback = post("rpc/inspect", "application/json", br#"{"b":1}"#).await;
    let array = post("rpc/inspect", "application/json", b"[1,2]").await;
    let wrong = post("rpc/shout", "application/octet-stream", b"hello").await;
    let unknown = post("rpc/shout", "application/pdf", b"hello").await;

    assert_eq!(shout.body, json!("HELLO, {YOU}"));
    assert_eq!(weigh.body, json!(3));
    assert_eq!((by_name.body, fallback.body), (json!("a"), json!("object")));
    assert_eq!(array.body, json!("array"));
    assert_eq!(refusal(&wrong), (404, "PGRST202"));
    assert_eq!(
        wrong.body,
        json!({
            "code": "PGRST202",
            "details": "Searched for the function public.shout with a single unnamed bytea \
                        parameter, but no matches were found in the schema cache.",
            "hint": null,
            "message": "Could not find the function public.shout in the schema cache",
        })
    );
    assert_eq!(unknown.body["message"], "Content-Type not acceptable: application/pdf");
    Ok(())
}

#[tokio::test]
async fn values_of_any_type_are_given_and_taken() -> anyhow::Result<()> {
    let more = "
        create function plus_one(numbers integer[]) returns integer[]
        language sql immutable as $$ select array_agg(n + 1) from unnest(numbers) n $$;
        create function padded(code character) returns text language sql immutable as $$ select code $$;
        create function pair_up(inout a integer, out b text)
        language sql immutable as $$ select a + 1, 'x' $$;
        create function names() returns setof text
        language sql stable as $$ select name from people order by id $$;
        create function nothing() returns integer language sql immutable as $$ select null::integer $$;
        create function pairs() returns table (a integer, b text)
        language sql stable as $$ values (1, 'x'), (2, 'y') $$;
        create function records() returns setof record
        language sql stable as $$ select id, name from people where id < 3 order by id $$;";
    let (_database, server) = library_with(more, &[]).await;

    assert_eq!(get(&server, "rpc/plus_one?numbers=%7B1,2%7D").await.body, json!([2, 3]));
    let posted = Answer::of(post(&server, "rpc/plus_one", &json!({ "numbers": [3] }))).await;
    assert_eq!(posted.body, json!([4]));
    assert_eq!(get(&server, "rpc/padded?code=abc").await.body, json!("abc"));
    assert_eq!(get(&server, "rpc/pair_up?a=1").await.body, json!({ "a": 2, "b": "x" }));
    assert_eq!(get(&server, "rpc/names").await.body, json!(["Ana", "Bo", "Cy"]));
    let none = get(&server, "rpc/nothing").await;
    assert_eq!((none.text.as_str(), header(&none, "content-range")), ("null", "0-0/*"));
    let pairs = get(&server, "rpc/pairs?select=b&a=gt.1").await;
    assert_eq!(pairs.body, json!([{ "b": "y" }]));
    let records = get(&server, "rpc/records").await;
    assert_eq!(records.body.as_array().map(Vec::len), Some(2), "{}", records.text);
    Ok(())
}

#[tokio::test]
async fn single_results_and_nothing_tell_their_range() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let nothing = Answer::of(request(&server, Method::POST, "rpc/forget")).await;
    let value =
        Answer::of(request(&server, Method::GET, "rpc/add?a=1").header("accept", OBJECT)).await;
    let many = request(&server, Method::GET, "rpc/books_of?person=1").header("accept", OBJECT);
    let many = Answer::of(many).await;

    assert_eq!((nothing.status.as_u16(), header(&nothing, "content-range")), (204, "0-0/*"));
    for absent in ["content-type", "content-length"] {
        assert!(!nothing.headers.contains_key(absent), "{absent}");
    }
    assert_eq!((value.status.as_u16(), value.body), (200, json!(11)));
    assert_eq!(refusal(&many), (406, "PGRST116"));
    Ok(())
}

#[tokio::test]
async fn promise_of_a_function_is_kept() -> anyhow::Result<()> {
    let more = "create function pretend() returns void
                language plpgsql stable as $$ begin perform nextval('books_id_seq'); end $$;";
    let (_database, server) = library_with(more, &[]).await;

    for method in [Method::POST, Method::GET, Method::HEAD] {
        let answer = Answer::of(request(&server, method, "rpc/pretend")).await;
        assert_eq!(answer.status, 405, "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn likely_parameters_are_hinted_at() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let misnamed = get(&server, "rpc/books_of?persons=1").await;
    let without = Answer::of(request(&server, Method::POST, "rpc/books_of")).await;

    assert_eq!(
        misnamed.body,
        json!({
            "code": "PGRST202",
            "details": "Searched for the function public.books_of with parameter persons, but no \
                        matches were found in the schema cache.",
            "hint": "Perhaps you meant to call the function public.books_of(person)",
            "message": "Could not find the function public.books_of(persons) in the schema cache",
        })
    );
    assert_eq!(
        without.body["message"],
        "Could not find the function public.books_of without parameters in the schema cache"
    );
    assert_eq!(
        without.body["details"],
        "Searched for the function public.books_of without parameters or with a single unnamed \
         json/jsonb parameter, but no matches were found in the schema cache."
    );
    Ok(())
}
