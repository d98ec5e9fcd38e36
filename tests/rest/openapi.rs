//! What is served, told as a document.

use reqwest::Method;
use serde_json::{Value, json};

use super::{get, header, library, refusal, request};
use crate::support::{Answer, Database, Server};

fn paths(answer: &Answer) -> Vec<&str> {
    let paths = answer.body["paths"].as_object().expect("a document");
    paths.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn root_tells_what_the_caller_may_see() -> anyhow::Result<()> {
    let (database, server) = library().await;
    database.sql("revoke execute on function hire from public, anon").await;

    let anon = get(&server, "").await;
    let service = server.request(Method::GET, "/rest/v1/").bearer_auth(server.service_key());
    let service = Answer::of(service).await;

    assert_eq!(anon.status, 200);
    assert_eq!(header(&anon, "content-type"), "application/openapi+json; charset=utf-8");
    let seen = paths(&anon);
    for path in ["/", "/books", "/people", "/rpc/add", "/rpc/books_of"] {
        assert!(seen.contains(&path), "{path} in {seen:?}");
    }
    assert!(!seen.contains(&"/diaries") && !seen.contains(&"/rpc/hire"), "{seen:?}");
    assert!(paths(&service).contains(&"/diaries"));
    assert_eq!(anon.body["swagger"], "2.0");
    assert_eq!(anon.body["basePath"], "/rest/v1");
    Ok(())
}

#[tokio::test]
async fn root_tells_of_everything_or_of_nothing_when_told_so() -> anyhow::Result<()> {
    let database = Database::scratch().await;
    database.sql(include_str!("library.sql")).await;
    let everything = Server::start_with(&database, &["--openapi-mode", "ignore-privileges"]).await;
    assert!(paths(&get(&everything, "").await).contains(&"/diaries"));
    everything.stop().await;

    let nothing = Server::start_with(&database, &["--openapi-mode", "disabled"]).await;
    assert_eq!(refusal(&get(&nothing, "").await), (404, "PGRST126"));
    Ok(())
}

#[tokio::test]
async fn root_is_asked_like_any_resource() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let accepting = |kind: &'static str| request(&server, Method::GET, "").header("accept", kind);

    let csv = Answer::of(accepting("text/csv")).await;
    let json = Answer::of(accepting("application/json")).await;
    let head = Answer::of(request(&server, Method::HEAD, "")).await;
    let options = Answer::of(request(&server, Method::OPTIONS, "")).await;
    let post = Answer::of(request(&server, Method::POST, "")).await;
    let elsewhere = request(&server, Method::GET, "").header("accept-profile", "auth");

    assert_eq!(refusal(&csv), (406, "PGRST107"));
    assert_eq!(header(&json, "content-type"), "application/openapi+json; charset=utf-8");
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(header(&options, "allow"), "OPTIONS,GET,HEAD");
    assert_eq!(refusal(&post), (405, "PGRST117"));
    assert_eq!(refusal(&Answer::of(elsewhere).await), (406, "PGRST106"));
    Ok(())
}

#[tokio::test]
async fn types_defaults_and_keys_of_every_kind_are_told() -> anyhow::Result<()> {
    let (database, server) = library().await;
    database
        .sql(
            "create type mood as enum ('sad', 'glad');
             create domain short as varchar(10) not null default 'x';
             create domain shorter as short;
             create table kinds (
               id bigint generated always as identity primary key,
               code char(3) not null, small smallint default 7, mood mood default 'sad',
               tags text[], doc jsonb, exact numeric(5,2), at timestamptz default now(),
               said shorter, person integer references people, twice integer generated always as (2) stored
             );
             comment on column kinds.code is 'Three letters';
             comment on schema public is E'Library\\n\\nOf books.';
             grant select on kinds to anon;",
        )
        .await;

    let answer = get(&server, "").await;

    let definition = &answer.body["definitions"]["kinds"];
    assert_eq!(definition["required"], json!(["code"]));
    let property = |name: &str| definition["properties"][name].clone();
    assert_eq!(
        property("id"),
        json!({ "description": "Note:\nThis is a Primary Key.<pk/>", "type": "integer", "format": "int64" })
    );
    let code = json!({
        "description": "Three letters", "type": "string", "format": "character", "maxLength": 3,
    });
    assert_eq!(property("code"), code);
    assert_eq!(property("small"), json!({ "type": "integer", "format": "int32", "default": 7 }));
    let mood = json!({
        "type": "string", "format": "public.mood", "default": "sad", "enum": ["sad", "glad"],
    });
    assert_eq!(property("mood"), mood);
    let tags = json!({ "type": "array", "format": "text[]", "items": { "type": "string" } });
    assert_eq!(property("tags"), tags);
    assert_eq!(property("doc"), json!({ "format": "jsonb" }));
    assert_eq!(property("exact"), json!({ "type": "number", "format": "numeric" }));
    assert_eq!(property("at")["default"], "now()");
    let said = property("said");
    assert_eq!((&said["format"], &said["maxLength"]), (&json!("character varying"), &json!(10)));
    let person = "Note:\nThis is a Foreign Key to `people.id`.<fk table='people' column='id'/>";
    assert_eq!(property("person")["description"], person);
    assert_eq!(answer.body["info"]["title"], "Library");
    assert_eq!(answer.body["info"]["description"], "Of books.");
    Ok(())
}

#[tokio::test]
async fn calls_are_told_with_their_verbs_and_arguments() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(&server, "").await;

    let verbs = |path: &str| -> Vec<String> {
        answer.body["paths"][path].as_object().expect("a path").keys().cloned().collect()
    };
    assert_eq!(verbs("/rpc/add"), ["get", "post"]);
    assert_eq!(verbs("/rpc/hire"), ["post"]);
    let parameters = &answer.body["paths"]["/rpc/add"]["get"]["parameters"];
    let a = json!({ "name": "a", "required": true, "in": "query", "type": "integer", "format": "int32" });
    assert_eq!((&parameters[0], &parameters[1]["required"]), (&a, &Value::Bool(false)));
    let total = &answer.body["paths"]["/rpc/total"]["get"]["parameters"][0];
    assert_eq!((&total["type"], &total["collectionFormat"]), (&json!("array"), &json!("multi")));
    Ok(())
}

#[tokio::test]
async fn modern_document_is_told_to_those_who_ask_for_it() -> anyhow::Result<()> {
    let (database, server) = library().await;
    database.sql("create table \"odd name\" (\"order\" int not null, mood text); grant select on \"odd name\" to anon;").await;
    let accepting = |kind: &'static str| request(&server, Method::GET, "").header("accept", kind);

    let answer = Answer::of(accepting("application/openapi+json;version=3.1")).await;
    let long = Answer::of(accepting("application/vnd.oai.openapi+json")).await;
    let unknown = Answer::of(accepting("application/openapi+json;version=3.0")).await;

    let kind = "application/openapi+json;version=3.1; charset=utf-8";
    assert_eq!((header(&answer, "content-type"), &answer.body["openapi"]), (kind, &json!("3.1.0")));
    let kind = "application/vnd.oai.openapi+json;version=3.1; charset=utf-8";
    assert_eq!((header(&long, "content-type"), &long.body), (kind, &answer.body));
    assert_eq!(refusal(&unknown), (406, "PGRST107"));
    assert_eq!(answer.body["servers"], json!([{ "url": "http://127.0.0.1:54321/rest/v1" }]));
    assert_eq!(paths(&answer), paths(&get(&server, "").await));
    let odd = &answer.body["components"]["schemas"]["odd_x0020_name"]["properties"];
    let order = json!({ "type": "integer", "format": "int32" });
    let mood = json!({ "type": ["string", "null"], "format": "text" });
    assert_eq!((&odd["order"], &odd["mood"]), (&order, &mood));
    let rows = &answer.body["paths"]["/odd name"]["get"]["responses"]["200"]["content"];
    let rows = &rows["application/json"]["schema"]["items"]["$ref"];
    assert_eq!(rows, "#/components/schemas/odd_x0020_name");
    Ok(())
}
