//! PUT of one row.

use reqwest::Method;
use serde_json::{Value, json};

use super::{OBJECT, header, library, refusal, request};
use crate::support::{Answer, Server};

async fn put(server: &Server, path: &str, prefer: &str, body: &Value) -> Answer {
    Answer::of(request(server, Method::PUT, path).header("prefer", prefer).json(body)).await
}

#[tokio::test]
async fn put_makes_a_row_and_then_replaces_it() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let path = "people?id=eq.7&select=id,name";
    let whole = "return=representation, resolution=ignore-duplicates";

    let made = put(&server, path, whole, &json!({ "id": 7, "name": "Gil" })).await;
    let replaced = put(&server, path, whole, &json!([{ "id": 7, "name": "Gus" }])).await;
    let quiet = put(&server, path, "", &json!({ "id": 7, "name": "Guy" })).await;

    assert_eq!(
        (made.status.as_u16(), made.body.clone()),
        (201, json!([{ "id": 7, "name": "Gil" }]))
    );
    assert_eq!(header(&made, "preference-applied"), "return=representation");
    assert_eq!(header(&made, "content-range"), "");
    assert_eq!((replaced.status.as_u16(), &replaced.body[0]["name"]), (200, &json!("Gus")));
    assert_eq!((quiet.status.as_u16(), quiet.text.as_str()), (204, ""));
    assert_eq!(database.value("select name from people where id = 7").await, "Guy");
    Ok(())
}

#[tokio::test]
async fn put_names_a_composite_key_and_may_answer_an_object() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let request = request(&server, Method::PUT, "loans?person_id=eq.1&book_id=eq.2")
        .header("prefer", "return=representation")
        .header("accept", OBJECT)
        .json(&json!({ "person_id": 1, "book_id": 2 }));
    let answer = Answer::of(request).await;

    assert_eq!(
        (answer.status.as_u16(), answer.body),
        (201, json!({ "book_id": 2, "person_id": 1 }))
    );
    Ok(())
}

#[tokio::test]
async fn put_must_name_exactly_the_row_it_holds() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let body = json!({ "id": 1, "name": "Zoe" });

    for path in [
        "people",
        "people?name=eq.Ana",
        "people?id=eq.1&name=eq.Ana",
        "people?id=gt.1",
        "people?id=not.eq.1",
        "people?id=eq(any).{1}",
        "people?and=(id.eq.1)",
    ] {
        let refused = put(&server, path, "", &body).await;
        assert_eq!(refusal(&refused), (405, "PGRST105"), "{path}");
    }
    let limited = put(&server, "people?id=eq.1&limit=1", "", &body).await;
    let other = put(&server, "people?id=eq.2", "", &body).await;
    let nothing = put(&server, "people?id=eq.1", "", &json!([])).await;

    assert_eq!(refusal(&limited), (400, "PGRST114"));
    assert_eq!(refusal(&other), (400, "PGRST115"));
    assert_eq!(other.body["message"], "Payload values do not match URL in primary key column(s)");
    assert_eq!(nothing.status, 400);
    assert_eq!(
        database.value("select string_agg(name, ',' order by id) from people").await,
        "Ana,Bo,Cy"
    );
    Ok(())
}
