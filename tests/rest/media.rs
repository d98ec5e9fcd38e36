//! In which format the answer comes.

use reqwest::Method;
use serde_json::json;

use super::{get, header, library, library_with, refusal, request, send};
use crate::support::{Answer, Server};

async fn accept(server: &Server, path: &str, accept: &str) -> Answer {
    Answer::of(request(server, Method::GET, path).header("accept", accept)).await
}

#[tokio::test]
async fn lines_of_values_begin_with_their_names() -> anyhow::Result<()> {
    let more = "create function years() returns setof integer
                language sql stable as $$ values (1), (2) $$;";
    let (_database, server) = library_with(more, &[]).await;

    let books = accept(&server, "books?select=title,id&order=id&limit=2", "text/csv").await;
    let none = accept(&server, "books?id=eq.0", "text/csv").await;
    let years = accept(&server, "rpc/years", "text/csv").await;
    let added = accept(&server, "rpc/add?a=1", "text/csv").await;

    assert_eq!(books.text, "title,id\nWalks,1\nTalks,2");
    assert_eq!(header(&books, "content-type"), "text/csv; charset=utf-8");
    assert_eq!(none.text, "\n");
    assert_eq!(years.text, "pgrst_scalar\n1\n2");
    assert_eq!(added.text, "pgrst_scalar\n11");
    Ok(())
}

#[tokio::test]
async fn nulls_are_left_out_if_asked() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let array = "application/vnd.pgrst.array+json;nulls=stripped";
    let object = "application/vnd.pgrst.object+json; nulls=stripped";

    let rows = accept(&server, "people?select=id,nick&order=id.desc&limit=2", array).await;
    let row = accept(&server, "people?select=id,nick&id=eq.3", object).await;
    let called = accept(&server, "rpc/person_of?person=3&select=id,nick", array).await;

    assert_eq!(rows.text.replace(' ', ""), r#"[{"id":3},{"id":2,"nick":"b"}]"#);
    assert_eq!(header(&rows, "content-type"), format!("{array}; charset=utf-8"));
    assert_eq!(row.body, json!({ "id": 3 }));
    assert_eq!(
        header(&row, "content-type"),
        "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
    );
    assert_eq!(called.body, json!({ "id": 3 }));
    Ok(())
}

#[tokio::test]
async fn functions_answer_in_types_of_their_own() -> anyhow::Result<()> {
    let more = r#"
        create domain "text/html" as text;
        create domain "image/x-dot" as bytea;
        create function page(title text) returns "text/html"
        language sql stable as $$ select '<h1>' || title || '</h1>' $$;
        create function nothing() returns "text/html" language sql stable as $$ select null $$;
        create function dot() returns "image/x-dot" language sql stable as $$ select '\x00ff'::bytea $$;
    "#;
    let (_database, server) = library_with(more, &[]).await;

    let page = accept(&server, "rpc/page?title=Hi", "text/html, */*;q=0.5").await;
    let nothing = accept(&server, "rpc/nothing", "text/html").await;
    let as_json = get(&server, "rpc/page?title=Hi").await;
    let dot = request(&server, Method::GET, "rpc/dot").header("accept", "image/x-dot");
    let dot = dot.send().await?.bytes().await?;
    let refused = accept(&server, "rpc/page?title=Hi", "image/x-dot;q=0.5, text/plain").await;

    assert_eq!((header(&page, "content-type"), page.text.as_str()), ("text/html", "<h1>Hi</h1>"));
    assert_eq!((nothing.status.as_u16(), nothing.text.as_str()), (200, ""));
    assert_eq!(as_json.body, json!("<h1>Hi</h1>"));
    assert_eq!(dot.as_ref(), b"\x00\xff");
    assert_eq!(refusal(&refused), (406, "PGRST107"));
    assert_eq!(
        refused.body["message"],
        "None of these media types are available: text/plain, image/x-dot"
    );
    Ok(())
}

#[tokio::test]
async fn aggregates_answer_for_tables_and_for_all() -> anyhow::Result<()> {
    let more = r#"
        create domain "application/x-titles" as text;
        create function add_title(state text, next books) returns "application/x-titles"
        language sql immutable as $$ select state || next.title || ';' $$;
        create aggregate titles(books) (
          initcond = '', stype = "application/x-titles", sfunc = add_title
        );
        create domain "application/x-count" as text;
        create function add_one(state text, next anyelement) returns "application/x-count"
        language sql immutable as $$ select (state::integer + 1)::text $$;
        create aggregate how_many(anyelement) (
          initcond = '0', stype = "application/x-count", sfunc = add_one
        );
        create domain "*/*" as bytea;
        create view shelf as select * from books;
        create function add_any(state "*/*", next shelf) returns "*/*"
        language sql immutable as $$ select state || next.title::bytea || '!'::bytea $$;
        create aggregate anything(shelf) (initcond = '', stype = "*/*", sfunc = add_any);
        grant select on shelf to anon;
    "#;
    let (_database, server) = library_with(more, &[]).await;

    let titles = accept(&server, "books?order=id", "application/x-titles").await;
    let by_call = accept(&server, "rpc/books_of?person=2", "application/x-titles").await;
    let some_columns = accept(&server, "books?select=id", "application/x-titles").await;
    let counted = accept(&server, "books?select=id", "application/x-count").await;
    let any = accept(&server, "shelf?order=id&limit=2", "image/png").await;
    let inserted = send(
        &server,
        Method::POST,
        "books",
        &[
            ("accept", "application/x-titles"),
            ("prefer", "return=representation"),
            ("content-type", "application/json"),
        ],
        r#"{"title":"New"}"#,
    )
    .await;

    assert_eq!((titles.status.as_u16(), titles.text.as_str()), (200, "Walks;Talks;Rocks;"));
    assert_eq!(header(&titles, "content-type"), "application/x-titles");
    assert_eq!(by_call.text, "Rocks;");
    assert_eq!(refusal(&some_columns), (406, "PGRST107"));
    assert_eq!(counted.text, "3");
    assert_eq!(any.text, "Walks!Talks!");
    assert_eq!(header(&any, "content-type"), "application/octet-stream");
    assert_eq!((inserted.status.as_u16(), inserted.text.as_str()), (201, "New;"));
    Ok(())
}

#[tokio::test]
async fn plans_are_shown_where_that_is_allowed() -> anyhow::Result<()> {
    let (_closed, closed) = library().await;
    let (database, server) = library_with("", &["--plan-enabled", "true"]).await;

    let refused = accept(&closed, "books", "application/vnd.pgrst.plan").await;
    let text = accept(&server, "books", "application/vnd.pgrst.plan").await;
    let json = "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|verbose";
    let json = accept(&server, "books?id=eq.1", json).await;
    let kinds = [
        ("accept", "application/vnd.pgrst.plan+json"),
        ("prefer", "return=representation"),
        ("content-type", "application/json"),
    ];
    let insert = send(&server, Method::POST, "people", &kinds, r#"{"name":"D"}"#).await;

    assert_eq!(refusal(&refused), (406, "PGRST107"));
    assert!(text.text.starts_with("Aggregate  (cost="), "{}", text.text);
    assert_eq!(
        header(&text, "content-type"),
        "application/vnd.pgrst.plan+text; for=\"application/json\"; charset=utf-8"
    );
    assert!(json.body[0]["Plan"]["Actual Rows"].is_number(), "{}", json.text);
    assert_eq!(
        header(&json, "content-type"),
        "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|verbose; charset=utf-8"
    );
    assert_eq!(insert.status, 200);
    assert!(insert.text.contains("ModifyTable"), "{}", insert.text);
    assert_eq!(database.value("select count(*) from people").await, "3");
    Ok(())
}

#[tokio::test]
async fn features_need_their_extension() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = accept(&server, "books", "application/geo+json").await;

    assert_eq!(refusal(&answer), (404, "42883"));
    assert!(answer.text.contains("st_asgeojson"), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn schemas_are_told_where_there_are_several() -> anyhow::Result<()> {
    let more = "create schema branch; create table branch.books (id integer);
                grant usage on schema branch to anon; grant all on branch.books to anon;";
    let (database, server) = library_with(more, &["--schemas", "public,branch"]).await;
    let profile = ("content-profile", "branch");
    let whole = ("prefer", "return=representation");
    let json = ("content-type", "application/json");

    let default = get(&server, "books?select=id").await;
    let quiet = send(&server, Method::POST, "books", &[profile, json], r#"{"id":1}"#).await;
    let told = send(&server, Method::POST, "books", &[profile, whole, json], r#"{"id":2}"#).await;
    let unknown = send(&server, Method::DELETE, "books", &[("content-profile", "x")], "").await;

    assert_eq!(header(&default, "content-profile"), "public");
    assert_eq!((quiet.status.as_u16(), header(&quiet, "content-profile")), (201, ""));
    assert_eq!(header(&told, "content-profile"), "branch");
    assert_eq!(refusal(&unknown), (406, "PGRST106"));
    assert_eq!(unknown.body["message"], "Invalid schema: x");
    assert_eq!(unknown.body["hint"], "Only the following schemas are exposed: public, branch");
    assert_eq!(database.value("select count(*) from branch.books").await, "2");
    Ok(())
}

#[tokio::test]
async fn head_has_the_headers_and_no_length() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let head =
        send(&server, Method::HEAD, "books?order=id", &[("prefer", "count=exact")], "").await;
    let whole = get(&server, "books").await;

    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(header(&head, "content-range"), "0-2/3");
    assert_eq!(header(&head, "content-type"), "application/json; charset=utf-8");
    assert!(!head.headers.contains_key("content-length"));
    assert_eq!(header(&whole, "content-length"), whole.text.len().to_string());
    Ok(())
}
