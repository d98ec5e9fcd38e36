//! What a request finds in its transaction, and what rules may choose there.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{get, header, library, library_with, refusal, request, send};
use crate::support::{Answer, Server};

#[tokio::test]
async fn function_before_requests_may_refuse_them_and_set_headers() -> anyhow::Result<()> {
    let more = r#"
        create schema gate;
        grant usage on schema gate to anon;
        create function gate."check"() returns void language plpgsql as $$
        begin
          if current_setting('request.headers', true)::json ->> 'x-guest' = 'no' then
            raise sqlstate 'PT403' using message = 'no guests';
          end if;
          perform set_config('response.headers', '[{"X-Gate": "passed"}]', true);
        end
        $$;
    "#;
    let (database, server) = library_with(more, &["--pre-request", "gate.check"]).await;

    // The first request of a connection takes another way than those that follow.
    for _ in 0..3 {
        let passed = get(&server, "books?id=eq.1&select=id").await;
        assert_eq!((passed.status.as_u16(), header(&passed, "x-gate")), (200, "passed"));
        let refused = send(&server, Method::DELETE, "loans", &[("x-guest", "no")], "").await;
        assert_eq!(refusal(&refused), (403, "PT403"), "{}", refused.text);
        assert_eq!(refused.body["message"], "no guests");
    }
    assert_eq!(database.value("select count(*) from loans").await, "3");
    Ok(())
}

#[tokio::test]
async fn settings_of_roles_and_functions_count_for_the_whole_transaction() -> anyhow::Result<()> {
    let more = "
        create function told(name text) returns text
        language sql stable as $$ select current_setting(name, true) $$;
        create function patient() returns text
        language sql stable set statement_timeout = '7s'
        as $$ select current_setting('statement_timeout') $$;
        create function alone() returns text
        language sql set default_transaction_isolation = 'serializable'
        as $$ select current_setting('transaction_isolation') $$;
        create function slow() returns void
        language sql set statement_timeout = '50ms' as $$ select pg_sleep(20) $$;";
    let (database, server) = library_with(more, &[]).await;
    let clerk = format!("clerk_{}", database.name());
    database
        .sql(&format!(
            "create role {clerk}; grant {clerk} to authenticator;
             alter role {clerk} set statement_timeout = '9s';
             alter role {clerk} set default_transaction_isolation = 'repeatable read';
             alter role {clerk} set shop.counter = 'three';
             alter role {clerk} set log_statement = 'all';
             notify pgrst"
        ))
        .await;
    let token = server.bearer(&json!({ "role": clerk })).token;
    let told = async |path: &str| {
        Answer::of(request(&server, Method::GET, path).bearer_auth(&token)).await.body
    };

    crate::support::eventually("the role's settings are known", || async {
        (told("rpc/told?name=statement_timeout").await == json!("9s")).then_some(())
    })
    .await;
    assert_eq!(told("rpc/told?name=transaction_isolation").await, json!("repeatable read"));
    assert_eq!(told("rpc/told?name=shop.counter").await, json!("three"));
    assert_eq!(told("rpc/patient").await, json!("7s"));
    let alone = Answer::of(request(&server, Method::POST, "rpc/alone").bearer_auth(&token)).await;
    assert_eq!(alone.body, json!("serializable"));

    // Without the hoist the limit would begin too late: with the next statement.
    let slow = Answer::of(request(&server, Method::POST, "rpc/slow")).await;
    assert_eq!(refusal(&slow), (500, "57014"));
    // The next request on the same connection is somebody else's.
    assert_eq!(
        get(&server, "rpc/told?name=transaction_isolation").await.body,
        json!("read committed")
    );
    Ok(())
}

#[tokio::test]
async fn what_rules_choose_must_read() -> anyhow::Result<()> {
    let more = "create function answer(name text, value text) returns text
                language sql stable as $$ select set_config('response.' || name, value, true) $$;";
    let (_database, server) = library_with(more, &[]).await;
    let answer = async |name: &str, value: &str| {
        let arguments = json!({ "name": name, "value": value });
        Answer::of(request(&server, Method::POST, "rpc/answer").json(&arguments)).await
    };

    for headers in ["{}", r#"[{"a":"b","c":"d"}]"#, r#"[{"a":1}]"#, r#"[{"a\n":"b"}]"#, "["] {
        assert_eq!(refusal(&answer("headers", headers).await), (500, "PGRST111"), "{headers}");
    }
    for status in ["many", "-1", "99", "100", "1000"] {
        assert_eq!(refusal(&answer("status", status).await), (500, "PGRST112"), "{status}");
    }
    let fault = answer("status", "many").await;
    assert_eq!(fault.body["message"], "response.status guc must be a valid status code");
    let twice = answer("headers", r#"[{"X-A":"1"},{"X-A":"2"},{"Vary":"*"}]"#).await;
    let values: Vec<_> = twice.headers.get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(header(&twice, "vary"), "*");
    Ok(())
}

#[tokio::test]
async fn words_beside_the_status_are_the_rules_own() -> anyhow::Result<()> {
    let more = r#"
        create function choose() returns void language plpgsql as $$
        begin
          raise sqlstate 'PGRST' using
            message = '{"code": "1", "message": "2"}',
            detail = '{"status": 299, "status_text": "Quite Fine", "headers": {}}';
        end
        $$;
        create function misspell() returns void language plpgsql as $$
        begin
          raise sqlstate 'PGRST' using message = 'oops', detail = '{}';
        end
        $$;
    "#;
    let (_database, server) = library_with(more, &[]).await;

    assert_eq!(status_line(&server, "rpc/refuse").await?, "HTTP/1.1 402 not for free");
    assert_eq!(status_line(&server, "rpc/choose").await?, "HTTP/1.1 299 Quite Fine");
    let misspelt = send(&server, Method::POST, "rpc/misspell", &[], "").await;
    assert_eq!(refusal(&misspelt), (500, "PGRST121"));
    assert_eq!(misspelt.body["details"], "Invalid JSON value for MESSAGE: 'oops'");
    Ok(())
}

/// The first line of the answer to a call, as it is on the wire.
async fn status_line(server: &Server, path: &str) -> anyhow::Result<String> {
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "POST /rest/v1/{path} HTTP/1.1\r\nhost: {address}\r\napikey: {}\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n",
        server.anon_key()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn errors_say_only_what_is_wanted() -> anyhow::Result<()> {
    let (_database, server) = library().await;
    let (_other, quiet) = library_with("", &["--client-error-verbosity", "minimal"]).await;

    let whole = get(&server, "bookz").await;
    let short = get(&quiet, "bookz").await;

    assert_eq!(
        whole.text,
        r#"{"code":"PGRST205","details":null,"hint":"Perhaps you meant the table 'public.books'","message":"Could not find the table 'public.bookz' in the schema cache"}"#
    );
    assert_eq!(
        short.text,
        r#"{"code":"PGRST205","message":"Could not find the table 'public.bookz' in the schema cache"}"#
    );
    assert_eq!(header(&short, "proxy-status"), "PostgREST; error=PGRST205");
    Ok(())
}
