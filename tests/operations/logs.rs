//! What is logged of a request, and what becomes of one that panics. OPS-06

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use reqwest::Method;
use serde_json::Value;
use tower::ServiceExt;
use tracing::instrument::WithSubscriber;
use walkie::config::{LogFormat, LogSettings};
use walkie::{http as edge, observe};

use crate::support::{Answer, Database, Process, eventually, settings};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn whole() {
    panic!("the words of the source");
}

async fn composed() {
    let body = "somebody's message".to_owned();
    panic!("cannot make sense of {body}");
}

#[tokio::test]
async fn request_that_panics_is_answered_and_logged_under_its_id() {
    // Beside the hook that tells of tests that fail.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        observe::log_panic(panic);
        told(panic);
    }));
    let routes = Router::new().route("/whole", get(whole)).route("/composed", get(composed));
    let dialect = edge::catch_panics(routes, || (StatusCode::INTERNAL_SERVER_ERROR, "told"));
    let database = Database::scratch().await;
    let limits = settings(&database, &[]).await.http.limits;
    let app = edge::layers(dialect, &limits);
    let log = Log::default();
    let writer = log.clone();
    // Even where only errors are logged, lines bear the id.
    let asked = LogSettings { log: "error".to_owned(), log_format: LogFormat::Json };
    let lines = observe::lines(&asked, move || writer.clone()).expect("a filter");
    let ask = async {
        let mut answers = Vec::new();
        for path in ["/whole", "/composed"] {
            let request = Request::get(path).header("x-request-id", format!("id-of{path}"));
            let request = request.body(Body::empty()).expect("a request");
            answers.push(app.clone().oneshot(request).await.expect("an answer"));
        }
        answers
    };
    for (answer, path) in ask.with_subscriber(lines).await.iter().zip(["/whole", "/composed"]) {
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["x-request-id"], format!("id-of{path}"));
    }
    let lines = log.lines();
    let of = |path: &str| {
        let mut found = lines.iter().filter(|line| line["span"]["id"] == format!("id-of{path}"));
        let line = found.find(|line| line["message"] == "a part of the program panicked");
        line.unwrap_or_else(|| panic!("{lines:?}"))
    };
    let place = of("/whole")["place"].as_str().expect("a place");
    assert!(place.starts_with("tests/operations/logs.rs:"), "{place}");
    assert_eq!(of("/whole")["words"], "the words of the source");
    assert_eq!(
        (&of("/composed")["words"], &of("/composed")["level"]),
        (&"".into(), &"ERROR".into())
    );
}

#[tokio::test]
async fn lines_of_a_request_bear_the_id_that_its_answer_carries() {
    let database = Database::scratch().await;
    database
        .sql(
            "create function public.refuse() returns void language plpgsql as
             $$ begin raise sqlstate 'PT500' using message = 'somebody''s message'; end $$",
        )
        .await;
    let process = Process::serve_with(&database, &["--log-format", "json"]).await;
    let client = reqwest::Client::new();
    let ask = |id: &str| {
        let url = format!("{}/rest/v1/rpc/refuse", process.url());
        Answer::of(client.request(Method::POST, url).header("x-request-id", id))
    };
    let answer = ask("trace-1").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", answer.text);
    assert_eq!(answer.headers["x-request-id"], "trace-1");
    let line = eventually("the line of the request", || async {
        let lines = process.log();
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["span"]["id"] == "trace-1")
    })
    .await;
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["span"]["path"], "/rest/v1/rpc/refuse");

    for strange in ["two words", &"x".repeat(129), "a\"quote"] {
        let given = ask(strange).await.headers["x-request-id"].to_str().expect("text").to_owned();
        assert_eq!(given.len(), 36, "an id of our own: {given}");
    }
    let all = process.log().join("\n");
    assert!(!all.contains("somebody's message") && !all.contains("two words"), "{all}");
    process.kill().await;
}
