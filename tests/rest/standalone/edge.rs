//! What every answer of the dialect bears when it stands alone.

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;

use super::{api, header, plain_database};
use crate::support::{Answer, Standalone, eventually};

#[tokio::test]
async fn any_database_is_served_at_the_root() -> anyhow::Result<()> {
    let (database, api) = api(&[]).await;

    let items = api.get("/items?id=eq.2").await;
    let options = Answer::of(api.request(Method::OPTIONS, "/items")).await;
    let root = api.get("/").await;

    assert_eq!(items.body, json!([{ "id": 2, "name": "two" }]));
    assert_eq!(header(&items, "content-location"), "/items?id=eq.2");
    assert!(header(&items, "server").starts_with("postgrest/16"));
    assert_eq!(header(&items, "server-timing"), "");
    assert_eq!(header(&items, "walkie-place"), "");
    assert_eq!(header(&options, "allow"), "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
    assert_eq!(root.body["info"]["title"], "PostgREST API");
    assert_eq!(root.body["basePath"], "/");
    assert!(root.body["paths"].get("/secrets").is_none());
    let installed = "select count(*) from pg_namespace where nspname in ('auth', 'walkie')";
    assert_eq!(database.value(installed).await, "0");
    Ok(())
}

#[tokio::test]
async fn pages_are_shown_the_headers_that_they_asked_for() -> anyhow::Result<()> {
    let (_database, api) = api(&[]).await;

    let asked = api.request(Method::GET, "/items?limit=1").header("origin", "http://x.example");
    let asked = Answer::of(asked.header("prefer", "cursor, etag")).await;

    let exposed = asked.headers.get_all("access-control-expose-headers").iter().skip(1);
    let exposed: Vec<_> = exposed.filter_map(|name| name.to_str().ok()).collect();
    assert_eq!(exposed, ["Link", "ETag"]);
    assert!(header(&asked, "link").starts_with("<?limit=1&after="), "{}", header(&asked, "link"));
    assert!(asked.headers.contains_key("etag"));
    Ok(())
}

#[tokio::test]
async fn pages_of_any_origin_may_call_unless_some_are_named() -> anyhow::Result<()> {
    let database = plain_database().await;
    let open = Standalone::start(&database, &[]).await;
    let named = [("PGRST_SERVER_CORS_ALLOWED_ORIGINS", "http://a.example, http://b.example")];
    let closed = Standalone::start(&database, &named).await;
    let from = |api: &Standalone, method: Method, origin: &'static str| {
        api.request(method, "/items").header("origin", origin)
    };
    let asking = |api: &Standalone, origin| {
        from(api, Method::OPTIONS, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "Foo,Bar")
    };

    let asked = Answer::of(asking(&open, "http://x.example")).await;
    assert_eq!((asked.status.as_u16(), asked.text.as_str()), (200, ""));
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"),
        (
            "access-control-allow-headers",
            "Authorization, Foo, Bar, Accept, Accept-Language, Content-Language",
        ),
        ("access-control-max-age", "86400"),
        ("access-control-allow-credentials", ""),
    ] {
        assert_eq!(header(&asked, name), value, "{name}");
    }
    let called = Answer::of(from(&open, Method::GET, "http://x.example")).await;
    assert_eq!(header(&called, "access-control-allow-origin"), "*");
    assert_eq!(
        header(&called, "access-control-expose-headers"),
        "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, \
         Transfer-Encoding, Range-Unit"
    );
    assert_eq!(header(&open.get("/items").await, "access-control-allow-origin"), "");

    let allowed = Answer::of(asking(&closed, "http://b.example")).await;
    assert_eq!(header(&allowed, "access-control-allow-origin"), "http://b.example");
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "true");
    let refused = Answer::of(asking(&closed, "http://x.example")).await;
    assert_eq!(header(&refused, "access-control-allow-origin"), "");
    Ok(())
}

#[tokio::test]
async fn traces_times_and_terse_errors_come_when_asked_for() -> anyhow::Result<()> {
    let (_database, api) = api(&[
        ("PGRST_SERVER_TRACE_HEADER", "X-Request-Id"),
        ("PGRST_SERVER_TIMING_ENABLED", "true"),
        ("PGRST_CLIENT_ERROR_VERBOSITY", "minimal"),
    ])
    .await;

    let traced = Answer::of(api.request(Method::GET, "/items").header("x-request-id", "7")).await;
    let refused = Answer::of(api.request(Method::GET, "/itemz").header("x-request-id", "8")).await;

    assert_eq!(header(&traced, "x-request-id"), "7");
    let steps: Vec<&str> = header(&traced, "server-timing")
        .split(", ")
        .filter_map(|it| it.split(';').next())
        .collect();
    assert_eq!(steps, ["jwt", "parse", "plan", "transaction", "response"]);
    assert_eq!(header(&refused, "x-request-id"), "8");
    let message = "Could not find the table 'api.itemz' in the schema cache";
    assert_eq!(refused.body, json!({ "code": "PGRST205", "message": message }));
    Ok(())
}

#[tokio::test]
async fn a_function_may_tell_what_is_served_instead() -> anyhow::Result<()> {
    let database = plain_database().await;
    database
        .sql(
            "create function api.spec() returns json language sql stable as
               $$ select json_build_object('path', current_setting('request.path')) $$",
        )
        .await;
    let api = Standalone::start(&database, &[("PGRST_DB_ROOT_SPEC", "spec")]).await;

    assert_eq!(api.get("/").await.body, json!({ "path": "/" }));
    Ok(())
}

#[tokio::test]
async fn answers_are_logged_with_their_role_as_the_level_says() -> anyhow::Result<()> {
    let (_database, api) = api(&[("PGRST_LOG_LEVEL", "warn")]).await;
    let token = Standalone::token(&json!({ "role": "authenticated" }));
    let refused = api.request(Method::GET, "/nothing?secret=eq.7").bearer_auth(token);

    assert_eq!(api.get("/items").await.status, 200);
    let refused = refused.header("user-agent", "tests \"7\"");
    assert_eq!(Answer::of(refused).await.status, 404);
    api.signal(Signal::SIGTERM);
    let (ok, printed) = api.ended().await;

    assert!(ok);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(printed.starts_with("127.0.0.1 - authenticated ["), "{printed}");
    assert!(printed.contains("\"GET /nothing HTTP/1.1\" 404 "), "{printed}");
    assert!(printed.ends_with("\"\" \"tests \\\"7\\\"\"\n"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn requests_under_way_end_before_the_server_does() -> anyhow::Result<()> {
    let (database, api) = api(&[]).await;
    let napping = api.request(Method::POST, "/rpc/nap").json(&json!({ "seconds": 1 }));
    let napping = tokio::spawn(Answer::of(napping));
    eventually("the call runs", || async {
        let running = "select count(*) from pg_stat_activity
                        where datname = current_database() and wait_event = 'PgSleep'";
        (database.value(running).await == "1").then_some(())
    })
    .await;

    api.signal(Signal::SIGTERM);

    assert_eq!(napping.await?.body, "rested");
    assert!(api.ended().await.0);
    Ok(())
}

#[tokio::test]
async fn sockets_are_served_as_ports_are() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("api.sock");
    let (_database, _api) = api(&[("PGRST_SERVER_UNIX_SOCKET", &path.to_string_lossy())]).await;

    let mut stream = tokio::net::UnixStream::connect(&path).await?;
    let request = "GET /items?id=eq.1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;

    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with(r#"[{"id":1,"name":"one"}]"#), "{answer}");
    Ok(())
}
