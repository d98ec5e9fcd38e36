//! GET and HEAD of a relation.

use reqwest::Method;
use serde_json::{Value, json};

use super::{OBJECT, get, header, library, request};
use crate::support::Answer;

#[tokio::test]
async fn select_names_casts_and_walks_into_json() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = "people?select=id,who:name,id::text,tea:extra-%3Elikes-%3E%3Etea,\
                extra-%3Elikes-%3Elist-%3E-1,initial&id=eq.1";
    let path = path.replace("id::text", "as_text:id::text");
    let answer = get(&server, &path).await;

    assert_eq!(answer.status, 200);
    let row = json!({
        "id": 1, "who": "Ana", "as_text": "1", "tea": "true", "list": 2, "initial": "A",
    });
    assert_eq!(answer.body, json!([row]));
    assert_eq!(header(&answer, "content-type"), "application/json; charset=utf-8");
    Ok(())
}

#[tokio::test]
async fn filters_choose_rows() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let ids = async |filter: &str| -> Vec<Value> {
        let answer = get(&server, &format!("books?select=id&order=id&{filter}")).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        answer.body.as_array().into_iter().flatten().map(|row| row["id"].clone()).collect()
    };

    assert_eq!(ids("year=eq.2004").await, [2]);
    assert_eq!(ids("year=neq.2004").await, [1, 3]);
    assert_eq!(ids("year=gt.1999&year=lte.2010").await, [2, 3]);
    assert_eq!(ids("year=gte.2004&year=lt.2010").await, [2]);
    assert_eq!(ids("id=in.(1,3)").await, [1, 3]);
    assert_eq!(ids("id=in.()").await, [] as [i32; 0]);
    assert_eq!(ids("title=in.(\"Walks\",\"a,b\")").await, [1]);
    assert_eq!(ids("title=like.*alks").await, [1, 2]);
    assert_eq!(ids("title=not.ilike.ROCK*").await, [1, 2]);
    assert_eq!(ids("title=like(any).{W*,R*}").await, [1, 3]);
    assert_eq!(ids("title=match.^[WT]").await, [1, 2]);
    assert_eq!(ids("editor_id=is.null").await, [2]);
    assert_eq!(ids("editor_id=not.is.null").await, [1, 3]);
    assert_eq!(ids("editor_id=isdistinct.1").await, [1, 2]);
    assert_eq!(ids("or=(id.eq.1,and(year.gt.2000,title.like.R*))").await, [1, 3]);
    assert_eq!(ids("not.or=(id.eq.1,id.eq.2)").await, [3]);
    Ok(())
}

#[tokio::test]
async fn json_is_filtered_and_contained() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let by_text = get(&server, "people?select=name&extra-%3Elikes-%3E%3Etea=eq.true").await;
    let contained = get(&server, "people?select=name&extra=cs.{\"likes\":{\"tea\":false}}").await;

    assert_eq!(by_text.body, json!([{ "name": "Ana" }]));
    assert_eq!(contained.body, json!([{ "name": "Bo" }]));
    Ok(())
}

#[tokio::test]
async fn order_limit_and_offset_cut_a_page() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let page = get(&server, "books?select=id&order=editor_id.desc.nullslast,id&limit=2").await;
    let rest = get(&server, "books?select=id&order=editor_id.desc.nullslast,id&offset=2").await;

    assert_eq!(page.body, json!([{ "id": 1 }, { "id": 3 }]));
    assert_eq!(header(&page, "content-range"), "0-1/*");
    assert_eq!(rest.body, json!([{ "id": 2 }]));
    assert_eq!(header(&rest, "content-range"), "2-2/*");
    Ok(())
}

#[tokio::test]
async fn count_tells_the_total_and_makes_a_page_partial() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let counted = |path| request(&server, Method::GET, path).header("prefer", "count=exact");

    let page = Answer::of(counted("books?select=id&limit=2")).await;
    let all = Answer::of(counted("books?select=id")).await;
    let ranged = Answer::of(counted("books?select=id").header("range", "1-1")).await;
    let beyond = Answer::of(counted("books?offset=9")).await;

    assert_eq!((page.status.as_u16(), header(&page, "content-range")), (206, "0-1/3"));
    assert_eq!(header(&page, "preference-applied"), "count=exact");
    assert_eq!((all.status.as_u16(), header(&all, "content-range")), (200, "0-2/3"));
    assert_eq!((ranged.status.as_u16(), header(&ranged, "content-range")), (206, "1-1/3"));
    assert_eq!((beyond.status.as_u16(), header(&beyond, "content-range")), (416, "*/3"));
    Ok(())
}

#[tokio::test]
async fn head_is_a_get_without_a_body() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let request = request(&server, Method::HEAD, "books").header("prefer", "count=exact");
    let answer = Answer::of(request).await;

    assert_eq!((answer.status.as_u16(), header(&answer, "content-range")), (200, "0-2/3"));
    assert_eq!(answer.text, "");
    Ok(())
}

#[tokio::test]
async fn one_object_is_given_only_if_there_is_exactly_one() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let single = |path| request(&server, Method::GET, path).header("accept", OBJECT);

    let one = Answer::of(single("books?select=id&id=eq.1")).await;
    let none = Answer::of(single("books?id=eq.0")).await;
    let many = Answer::of(single("books")).await;

    assert_eq!(one.body, json!({ "id": 1 }));
    assert_eq!(header(&one, "content-type"), format!("{OBJECT}; charset=utf-8"));
    assert_eq!(super::refusal(&none), (406, "PGRST116"));
    assert_eq!(none.body["details"], "The result contains 0 rows");
    assert_eq!(many.body["details"], "The result contains 3 rows");
    Ok(())
}

#[tokio::test]
async fn rows_come_as_lines_too() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = "books?select=id,title,editor_id&order=id&limit=2";
    let answer = Answer::of(request(&server, Method::GET, path).header("accept", "text/csv")).await;

    assert_eq!(answer.text, "id,title,editor_id\n1,Walks,2\n2,Talks,");
    Ok(())
}

#[tokio::test]
async fn members_without_a_value_can_be_left_out() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let stripped = "application/vnd.pgrst.array+json;nulls=stripped";
    let path = "books?select=id,editor_id&id=eq.2";
    let answer = Answer::of(request(&server, Method::GET, path).header("accept", stripped)).await;

    assert_eq!(answer.body, json!([{ "id": 2 }]));
    Ok(())
}

#[tokio::test]
async fn reads_tell_their_place_and_web_pages_may_know_it() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let page = request(&server, Method::GET, "books").header("origin", "http://localhost:3000");
    let read = Answer::of(page).await;
    let head = Answer::of(request(&server, Method::HEAD, "books")).await;
    let get = get(&server, "rpc/total?n=1").await;
    let called = request(&server, Method::POST, "rpc/asked").json(&json!({}));
    let called = Answer::of(called).await;
    let written = Answer::of(request(&server, Method::POST, "rpc/forget")).await;
    let refused = Answer::of(request(&server, Method::GET, "diaries")).await;

    for read in [&read, &head, &get, &called] {
        let (end, snapshot) = header(read, "walkie-place").split_once('@').expect("a place");
        assert!(end.contains('/') && snapshot.split(':').count() == 3, "{:?}", read.headers);
    }
    assert!(header(&read, "access-control-expose-headers").contains("walkie-place"));
    for other in [&written, &refused] {
        assert_eq!(header(other, "walkie-place"), "");
    }
    Ok(())
}

#[tokio::test]
async fn options_tell_what_is_possible() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let table = Answer::of(request(&server, Method::OPTIONS, "books")).await;
    let function = Answer::of(request(&server, Method::OPTIONS, "rpc/forget")).await;

    assert_eq!(header(&table, "allow"), "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
    assert_eq!(header(&function, "allow"), "OPTIONS,POST");
    Ok(())
}

#[tokio::test]
async fn key_in_the_query_is_no_filter_and_is_not_told() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = format!("/rest/v1/books?select=id&id=eq.1&apikey={}", server.anon_key());
    let answer = Answer::of(server.request(Method::GET, &path)).await;

    assert_eq!(answer.body, json!([{ "id": 1 }]));
    assert_eq!(header(&answer, "content-location"), "/books?id=eq.1&select=id");
    Ok(())
}
