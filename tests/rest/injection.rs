//! Whatever clients write, and wherever they write it, stays a name or a value.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use super::{library, library_with, send};
use crate::support::{Answer, Server};

/// What would do harm if it were ever read as SQL, or ended what it stands in.
const HARM: [&str; 12] = [
    "'; drop table books; --",
    "\"; drop table books; --",
    "\"); drop table books; --",
    "1); drop table books; --",
    "') union select text from diaries --",
    "id\" from books; drop table books; --",
    "$$; drop table books; $$",
    "$1",
    "\\'; drop table books; --",
    "*/ drop table books; /*",
    "a}', (select text from diaries), '{",
    "text) union select text from diaries --",
];

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Quoted as names and values of the query are.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Refused or answered, but never by a fault, and never with what is secret.
fn assert_harmless(place: &str, answer: &Answer) {
    assert!(answer.status.as_u16() < 500, "{place}: {} {}", answer.status, answer.text);
    for complaint in ["at or near", "at end of input", "unterminated quoted", "dollar-quoted"] {
        assert!(!answer.text.contains(complaint), "{place} is read as SQL: {}", answer.text);
    }
    assert!(!answer.text.contains("secret"), "{place}: {}", answer.text);
}

async fn books(server: &Server) -> Value {
    send(server, Method::GET, "books?select=id,title&order=id", &[], "").await.body
}

#[tokio::test]
async fn names_and_values_of_the_query_stay_what_they_are() -> anyhow::Result<()> {
    let (_database, server) = library_with("", &["--aggregates-enabled", "true"]).await;
    let before = books(&server).await;
    assert_eq!(before.as_array().map(Vec::len), Some(3));

    for harm in HARM {
        for written in [harm.to_owned(), quoted(harm)] {
            let it = encoded(&written);
            for path in [
                it.clone(),
                format!("rpc/{it}"),
                format!("books?select={it}"),
                format!("books?select={it}:title"),
                format!("books?select=title::{it}"),
                format!("books?select=year.sum()::{it}"),
                format!("people?select=extra->{it}"),
                format!("people?select=extra->>{it}"),
                format!("people?extra->{it}=eq.1"),
                format!("books?select={it}(name)"),
                format!("books?select=people!{it}(name)"),
                format!("books?select=author:people!author_id({it})"),
                format!("books?select=x:people!author_id(name)&x.{it}=eq.1"),
                format!("books?{it}=eq.1"),
                format!("books?title=eq.{it}"),
                format!("books?title=in.({it})"),
                format!("books?title=like.{it}"),
                format!("books?title=match.{it}"),
                format!("books?title=fts({it}).x"),
                format!("books?title=fts.{it}"),
                format!("books?title=eq(any).%7B{it}%7D"),
                format!("books?title=is.{it}"),
                format!("books?title={it}.x"),
                format!("books?or=(title.eq.{it},id.eq.{it})"),
                format!("books?order={it}"),
                format!("books?order=title.{it}"),
                format!("people?order=extra->>{it}"),
                format!("books?limit={it}"),
                format!("books?offset={it}"),
                format!("books?columns={it}"),
                format!("books?on_conflict={it}"),
                format!("rpc/add?a={it}"),
                format!("rpc/add?a=1&{it}=2"),
                format!("rpc/total?n={it}"),
                format!("rpc/books_of?person=1&{it}=eq.1"),
            ] {
                assert_harmless(&path, &send(&server, Method::GET, &path, &[], "").await);
            }
        }
    }
    assert_eq!(books(&server).await, before);
    Ok(())
}

#[tokio::test]
async fn headers_and_claims_stay_what_they_are() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let before = books(&server).await;

    for harm in HARM {
        let timezone = format!("timezone={harm}");
        let cookie = format!("a={harm}");
        let plan = format!("application/vnd.pgrst.plan; for=\"{harm}\"; options={harm}");
        for (name, value) in [
            ("prefer", timezone.as_str()),
            ("prefer", harm),
            ("accept", harm),
            ("accept", &plan),
            ("accept-profile", harm),
            ("range", harm),
            ("range-unit", harm),
            ("x-anything", harm),
            ("user-agent", harm),
            ("cookie", &cookie),
        ] {
            let answer = send(&server, Method::GET, "books", &[(name, value)], "").await;
            assert_harmless(&format!("{name}: {value}"), &answer);
        }
        for claims in [
            json!({ "role": harm }),
            json!({ "role": format!("anon\"; set role postgres; --{harm}") }),
            json!({ "role": "anon", "sub": harm, harm: harm }),
        ] {
            let token = server.bearer(&claims).token;
            let answer = server.request(Method::GET, "/rest/v1/books").bearer_auth(token);
            assert_harmless(&claims.to_string(), &Answer::of(answer).await);
        }
    }
    assert_eq!(books(&server).await, before);
    Ok(())
}

#[tokio::test]
async fn bodies_stay_what_they_are_and_are_stored_so() -> anyhow::Result<()> {
    let grants = "grant insert, update, delete on books to anon;
                  grant usage on sequence books_id_seq to anon;";
    let (_database, server) = library_with(grants, &[]).await;
    let before = books(&server).await;
    let json = ("content-type", "application/json");
    let post = async |path: &str, headers: &[(&str, &str)], body: String| {
        send(&server, Method::POST, path, headers, body).await
    };

    for harm in HARM {
        let of_key = json!({ harm: 1 }).to_string();
        assert_harmless("a key", &post("books", &[json], of_key.clone()).await);
        assert_harmless("a key of many", &post("books", &[json], format!("[{of_key}]")).await);
        assert_harmless("an argument", &post("rpc/add", &[json], of_key.clone()).await);
        let of_year = json!({ "year": harm }).to_string();
        assert_harmless("a number", &post("books", &[json], of_year).await);
        let of_argument = json!({ "a": harm }).to_string();
        assert_harmless("an argument's value", &post("rpc/add", &[json], of_argument).await);
        let csv = ("content-type", "text/csv");
        assert_harmless("a head of CSV", &post("books", &[csv], format!("{harm}\n1")).await);
        let form = ("content-type", "application/x-www-form-urlencoded");
        let of_form = format!("{}=1", encoded(harm));
        assert_harmless("a field of a form", &post("books", &[form], of_form).await);
        let kind = ("content-type", harm);
        assert_harmless("a type", &post("books", &[kind], of_key.clone()).await);
        let patched = send(&server, Method::PATCH, "books?id=eq.1", &[json], of_key).await;
        assert_harmless("a patch", &patched);

        let stored = json!({ "title": harm }).to_string();
        let wanted = ("prefer", "return=representation");
        let inserted = post("books?select=id,title", &[json, wanted], stored).await;
        assert_eq!(inserted.body[0]["title"], harm, "{}", inserted.text);
        let path = format!("books?title=eq.{}&select=title", encoded(harm));
        let found = send(&server, Method::DELETE, &path, &[wanted], "").await;
        assert_eq!(found.body, json!([{ "title": harm }]));
    }
    assert_eq!(books(&server).await, before);
    Ok(())
}
