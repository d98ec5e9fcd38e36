//! Etags: what a client has already is not sent again.

use reqwest::Method;
use serde_json::json;

use super::{header, library, library_with, refusal, send};
use crate::support::{Answer, Server};

const WANTED: (&str, &str) = ("prefer", "etag");

/// The books, for a client that has this version of them.
async fn books(server: &Server, etag: &str) -> Answer {
    send(server, Method::GET, "books?order=id", &[("if-none-match", etag)], "").await
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let first = send(&server, Method::GET, "books?order=id", &[WANTED], "").await;
    let etag = header(&first, "etag").to_owned();
    let same = books(&server, &etag).await;
    let listed = books(&server, &format!("\"other\", W/{etag}")).await;
    database.sql("update books set title = 'Runs' where id = 1").await;
    let changed = books(&server, &etag).await;

    assert_eq!((first.status.as_u16(), header(&first, "preference-applied")), (200, "etag"));
    assert!(etag.starts_with('"') && etag.len() > 20, "{etag}");
    for unchanged in [&same, &listed] {
        assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str()), (304, ""));
        assert_eq!(header(unchanged, "etag"), etag);
        assert_eq!(header(unchanged, "content-range"), "0-2/*");
        assert_eq!(header(unchanged, "content-location"), "/books?order=id");
        assert_eq!(header(unchanged, "vary"), header(&first, "vary"));
        assert!(!unchanged.headers.contains_key("content-type"));
        assert!(!unchanged.headers.contains_key("content-length"));
    }
    assert_eq!((changed.status.as_u16(), &changed.body[0]["title"]), (200, &json!("Runs")));
    assert_ne!(header(&changed, "etag"), etag);
    Ok(())
}

#[tokio::test]
async fn version_is_of_what_the_caller_sees_in_this_form() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let etag = async |method: Method, headers: &[(&str, &str)], path: &str| {
        let headers = [&[WANTED][..], headers].concat();
        let answer = send(&server, method, path, &headers, "").await;
        assert!(answer.status.is_success(), "{}", answer.text);
        header(&answer, "etag").to_owned()
    };

    let json = etag(Method::GET, &[], "books").await;
    let head = etag(Method::HEAD, &[], "books").await;
    let csv = etag(Method::GET, &[("accept", "text/csv")], "books").await;
    let empty = etag(Method::GET, &[], "books?id=eq.0").await;
    let counted = etag(Method::GET, &[("prefer", "count=exact")], "books?id=eq.0").await;
    let called = etag(Method::GET, &[], "rpc/books_of?person=1").await;

    assert_eq!(json, head);
    let all = std::collections::BTreeSet::from([&json, &csv, &empty, &counted, &called]);
    assert_eq!(all.len(), 5, "{all:?}");
    Ok(())
}

#[tokio::test]
async fn only_who_asks_is_told_a_version() -> anyhow::Result<()> {
    let more = "create function teapot() returns integer language sql as $$
                  select set_config('response.status', '418', true); select 1 $$;";
    let (database, server) = library_with(more, &[]).await;
    let known = ("if-none-match", "*");

    let plain = send(&server, Method::GET, "books", &[], "").await;
    let any = send(&server, Method::GET, "books", &[known], "").await;
    let head = send(&server, Method::HEAD, "books", &[known], "").await;
    let post = [known, WANTED, ("content-type", "application/json")];
    let post = send(&server, Method::POST, "books", &post, r#"{"title":"New"}"#).await;
    let refused = send(&server, Method::GET, "diaries", &[known, WANTED], "").await;
    let teapot = send(&server, Method::POST, "rpc/teapot", &[known, WANTED], "").await;

    assert!(!plain.headers.contains_key("etag"));
    assert_eq!((any.status.as_u16(), head.status.as_u16()), (304, 304));
    assert_eq!((post.status.as_u16(), header(&post, "etag")), (201, ""));
    assert_eq!(header(&post, "preference-applied"), "");
    assert_eq!(database.value("select count(*) from books where title = 'New'").await, "1");
    assert_eq!((refusal(&refused).0, header(&refused, "etag")), (401, ""));
    assert_eq!((teapot.status.as_u16(), header(&teapot, "etag")), (418, ""));
    Ok(())
}
