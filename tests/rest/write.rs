//! POST, PATCH and DELETE of a relation.

use reqwest::Method;
use serde_json::{Value, json};

use super::{OBJECT, get, header, library, library_with, refusal, request, send, write};
use crate::support::Answer;

#[tokio::test]
async fn inserted_row_comes_back_if_asked() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let path = "books?select=id,title,author:author_id(name)";
    let body = json!({ "title": "Notes", "author_id": 3 });
    let answer = write(&server, Method::POST, path, body).await;

    assert_eq!(answer.status, 201, "{}", answer.text);
    let row = json!({ "id": 11, "title": "Notes", "author": { "name": "Cy" } });
    assert_eq!(answer.body, json!([row]));
    assert_eq!(header(&answer, "preference-applied"), "return=representation");
    assert_eq!(database.value("select author_id from books where id = 11").await, "3");
    Ok(())
}

#[tokio::test]
async fn insert_says_nothing_or_where_the_row_is() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let body = json!({ "name": "Dee" });

    let quiet = Answer::of(request(&server, Method::POST, "people").json(&body)).await;
    let located = request(&server, Method::POST, "people").header("prefer", "return=headers-only");
    let located = Answer::of(located.json(&body)).await;

    assert_eq!((quiet.status.as_u16(), quiet.text.as_str()), (201, ""));
    assert_eq!(located.status, 201);
    assert_eq!(header(&located, "location"), "/people?id=eq.12");
    Ok(())
}

#[tokio::test]
async fn several_rows_go_in_at_once() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let rows = json!([{ "name": "Dee", "extra": { "a": 1 } }, { "name": "Eve", "extra": null }]);
    let answer = write(&server, Method::POST, "people?select=name,extra", rows.clone()).await;
    let none = write(&server, Method::POST, "people", json!([])).await;

    assert_eq!(answer.body, rows);
    assert_eq!((none.status.as_u16(), none.body), (201, json!([])));
    assert_eq!(database.value("select count(*) from people").await, "5");
    Ok(())
}

#[tokio::test]
async fn missing_columns_are_null_or_take_their_default() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let path = "books?columns=title,year&select=title,year";
    let body = json!([{ "year": 1, "unknown": true }, { "title": "T" }]);

    let nulls = write(&server, Method::POST, path, body.clone()).await;
    let request = request(&server, Method::POST, path)
        .header("prefer", "return=representation, missing=default");
    let defaults = Answer::of(request.json(&body)).await;

    assert_eq!(refusal(&nulls), (400, "23502"));
    let rows = json!([{ "title": "Untitled", "year": 1 }, { "title": "T", "year": null }]);
    assert_eq!(defaults.body, rows);
    assert_eq!(header(&defaults, "preference-applied"), "missing=default, return=representation");
    Ok(())
}

#[tokio::test]
async fn upsert_merges_or_ignores() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let upsert = async |prefer: &str, body: Value| {
        let request = request(&server, Method::POST, "people?on_conflict=nick&select=id,name");
        Answer::of(request.header("prefer", format!("{prefer},return=representation")).json(&body))
            .await
    };
    let merge = "resolution=merge-duplicates";

    let merged = upsert(merge, json!({ "nick": "a", "name": "Anna" })).await;
    let mixed =
        upsert(merge, json!([{ "nick": "a", "name": "A" }, { "nick": "z", "name": "Z" }])).await;
    let ignored = upsert("resolution=ignore-duplicates", json!({ "nick": "a", "name": "X" })).await;

    assert_eq!((merged.status.as_u16(), merged.body), (200, json!([{ "id": 1, "name": "Anna" }])));
    assert_eq!(mixed.status, 201);
    assert_eq!((ignored.status.as_u16(), ignored.body), (201, json!([])));
    assert_eq!(database.value("select name from people where nick = 'a'").await, "A");
    Ok(())
}

#[tokio::test]
async fn update_changes_what_the_filters_choose() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let changed =
        write(&server, Method::PATCH, "books?author_id=eq.1&select=id", json!({ "year": 1 })).await;
    let quiet = request(&server, Method::PATCH, "books?id=eq.3").header("prefer", "count=exact");
    let quiet = Answer::of(quiet.json(&json!({ "year": 2 }))).await;
    let empty = write(&server, Method::PATCH, "books", json!({})).await;
    let nobody = write(&server, Method::PATCH, "books?id=eq.0", json!({ "year": 3 })).await;

    assert_eq!((changed.status.as_u16(), header(&changed, "content-range")), (200, "0-1/*"));
    assert_eq!(quiet.status, 204);
    assert_eq!((header(&quiet, "content-range"), quiet.text.as_str()), ("0-0/1", ""));
    assert_eq!((empty.status.as_u16(), empty.body), (200, json!([])));
    assert_eq!((nobody.status.as_u16(), nobody.body), (200, json!([])));
    let years = database.value("select string_agg(year::text, ',' order by id) from books").await;
    assert_eq!(years, "1,1,2");
    Ok(())
}

#[tokio::test]
async fn delete_removes_what_the_filters_choose() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let loans = Answer::of(request(&server, Method::DELETE, "loans?book_id=eq.3")).await;
    let request =
        request(&server, Method::DELETE, "books?id=eq.3&select=title,author:author_id(name)")
            .header("prefer", "return=representation, count=exact");
    let book = Answer::of(request).await;

    assert_eq!(loans.status, 204);
    assert_eq!((book.status.as_u16(), header(&book, "content-range")), (200, "*/1"));
    assert_eq!(book.body, json!([{ "title": "Rocks", "author": { "name": "Bo" } }]));
    assert_eq!(get(&server, "books?id=eq.3").await.body, json!([]));
    Ok(())
}

#[tokio::test]
async fn change_of_other_than_one_row_is_undone_when_one_was_asked() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let single = |path| {
        request(&server, Method::PATCH, path)
            .header("accept", OBJECT)
            .header("prefer", "return=representation")
            .json(&json!({ "year": 7 }))
    };

    let many = Answer::of(single("books?author_id=eq.1")).await;
    assert_eq!(refusal(&many), (406, "PGRST116"));
    assert_eq!(database.value("select count(*) from books where year = 7").await, "0");

    let one = Answer::of(single("books?id=eq.1&select=year")).await;
    assert_eq!((one.status.as_u16(), one.body), (200, json!({ "year": 7 })));
    assert_eq!(database.value("select count(*) from books where year = 7").await, "1");
    Ok(())
}

#[tokio::test]
async fn forms_and_lines_of_values_are_rows() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let post = async |kind: &str, body: &'static str| {
        let headers = [("content-type", kind), ("prefer", "return=representation")];
        send(&server, Method::POST, "people?select=name,nick", &headers, body).await
    };

    let form = post("application/x-www-form-urlencoded", "name=John+Doe&nick=j%26d").await;
    let lines = post("text/csv; charset=utf-8", "nick,name\n\"x,y\",Dee\nNULL,Eve\n").await;
    let uneven = post("text/csv", "nick,name\nx\n").await;

    assert_eq!(form.status, 201, "{}", form.text);
    assert_eq!(form.body, json!([{ "name": "John Doe", "nick": "j&d" }]));
    assert_eq!(
        lines.body,
        json!([{ "name": "Dee", "nick": "x,y" }, { "name": "Eve", "nick": null }])
    );
    assert_eq!(uneven.body["message"], "All lines must have same number of fields");
    assert_eq!(database.value("select count(*) from people").await, "6");
    Ok(())
}

#[tokio::test]
async fn empty_objects_become_rows_of_defaults() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let one = write(&server, Method::POST, "books?select=id,title", json!({})).await;
    let two = write(&server, Method::POST, "books?select=id,title", json!([{}, {}])).await;
    let none = write(&server, Method::POST, "books?select=id", json!([])).await;
    let other = write(&server, Method::POST, "books?select=id", json!("no row")).await;

    assert_eq!(one.body, json!([{ "id": 11, "title": "Untitled" }]));
    assert_eq!(two.body.as_array().map(Vec::len), Some(2));
    assert_eq!((none.status.as_u16(), none.body), (201, json!([])));
    assert_eq!((other.status.as_u16(), other.body), (201, json!([])));
    Ok(())
}

#[tokio::test]
async fn updates_may_fill_in_defaults() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let headers = [
        ("prefer", "missing=default, return=representation"),
        ("content-type", "application/json"),
    ];
    let path = "books?id=eq.1&columns=title,year&select=title,year";
    let answer = send(&server, Method::PATCH, path, &headers, r#"{"year":1}"#).await;

    assert_eq!(answer.body, json!([{ "title": "Untitled", "year": 1 }]));
    assert_eq!(header(&answer, "preference-applied"), "missing=default, return=representation");
    Ok(())
}

#[tokio::test]
async fn location_holds_the_whole_key_as_it_is_written() -> anyhow::Result<()> {
    let more = "create table \"odd-ones\" (big numeric, \"a_key\" text, primary key (big, a_key));
                grant all on \"odd-ones\" to anon;";
    let (_database, server) = library_with(more, &[]).await;
    let post = async |path: &str, body: Value| {
        let request = request(&server, Method::POST, path).header("prefer", "return=headers-only");
        Answer::of(request.json(&body)).await
    };

    let loan = post("loans", json!({ "person_id": 1, "book_id": 2 })).await;
    let odd = post("odd-ones", json!({ "big": "12345678901234567890.5", "a_key": "a&b c" })).await;
    let two = post("people", json!([{ "name": "A" }, { "name": "B" }])).await;

    assert_eq!(header(&loan, "location"), "/loans?book_id=eq.2&person_id=eq.1");
    assert_eq!(header(&loan, "content-range"), "*/*");
    assert_eq!(
        header(&odd, "location"),
        "/odd-ones?big=eq.12345678901234567890.5&a_key=eq.a%26b%20c"
    );
    assert_eq!((two.status.as_u16(), header(&two, "location")), (201, ""));
    Ok(())
}

#[tokio::test]
async fn upsert_tells_whether_anything_is_new() -> anyhow::Result<()> {
    let more = "create table notes (text text); grant all on notes to anon;";
    let (database, server) = library_with(more, &[]).await;
    let upsert = async |path: &str, body: Value| {
        let merge = "resolution=merge-duplicates, return=representation, missing=default";
        let request = request(&server, Method::POST, path).header("prefer", merge);
        Answer::of(request.json(&body)).await
    };

    let known = upsert("people?select=id", json!({ "id": 1, "name": "Anna" })).await;
    let surrogate = upsert(
        "people?columns=id,name&select=name",
        json!([{ "id": 2, "name": "Bob" }, { "name": "New" }]),
    )
    .await;
    let without_key = upsert("notes", json!({ "text": "a" })).await;
    let nothing = upsert("people", json!([])).await;

    assert_eq!((known.status.as_u16(), known.body), (200, json!([{ "id": 1 }])));
    assert_eq!(surrogate.status, 201, "{}", surrogate.text);
    assert_eq!(surrogate.body, json!([{ "name": "Bob" }, { "name": "New" }]));
    assert_eq!(
        header(&surrogate, "preference-applied"),
        "resolution=merge-duplicates, missing=default, return=representation"
    );
    assert_eq!(without_key.status, 201);
    assert_eq!(
        header(&without_key, "preference-applied"),
        "missing=default, return=representation"
    );
    assert_eq!(nothing.status, 200);
    assert_eq!(database.value("select count(*) from people").await, "4");
    Ok(())
}

#[tokio::test]
async fn insert_of_other_than_one_row_is_undone_when_one_was_asked() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let headers = [("accept", OBJECT), ("content-type", "application/json")];
    let insert = async |path: &str, body: &'static str| {
        send(&server, Method::POST, path, &headers, body).await
    };

    let two = insert("people", r#"[{"name":"A"},{"name":"B"}]"#).await;
    let one = insert("people", r#"{"name":"A"}"#).await;

    assert_eq!(refusal(&two), (406, "PGRST116"));
    assert_eq!(two.body["details"], "The result contains 2 rows");
    assert_eq!(one.status, 201);
    assert_eq!(database.value("select count(*) from people").await, "4");
    Ok(())
}
