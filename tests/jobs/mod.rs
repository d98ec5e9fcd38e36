//! What leaves the house: claims, leases, retries, and mail over a real SMTP conversation; then
//! what is done again and again, browsers that are woken, and models that are asked.

mod embeddings;
mod lost;
mod push;
mod scan;
mod schedules;
mod smtp;
mod unsubscribe;

use std::collections::BTreeSet;

use tokio::net::TcpListener;
use walkie::server;

use crate::support::{Database, Server, Smtp, eventually, rows, settings};

async fn server_with(database: &Database, smtp: &Smtp) -> Server {
    let port = smtp.port.to_string();
    let flags = ["--smtp-host", "127.0.0.1", "--smtp-port", &port, "--smtp-tls", "none"];
    let from = ["--mail-from", "House <house@example.com>"];
    Server::start_with(database, &[&flags[..], &from].concat()).await
}

async fn enqueue(database: &Database, to: &str) {
    database
        .sql(&format!(
            "select walkie.enqueue_job('mail', jsonb_build_object(
               'to', '{to}', 'subject', 'Grüße', 'text', 'Hello', 'html', '<p>Hello</p>'))"
        ))
        .await;
}

async fn becomes(database: &Database, state: &str) {
    eventually(&format!("the job is {state}"), || async {
        let states = database.rows("select state from walkie.jobs").await.concat();
        (states == [Some(state.to_owned())]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn mail_leaves_whole_and_its_job_keeps_nothing() {
    let (database, smtp) = (Database::scratch().await, Smtp::start(&[]).await);
    let _server = server_with(&database, &smtp).await;

    enqueue(&database, "ana@example.com").await;
    becomes(&database, "done").await;

    let messages = smtp.messages();
    assert_eq!(messages.len(), 1);
    for part in [
        "From: House <house@example.com>",
        "To: ana@example.com",
        "Message-ID: <walkie-",
        "multipart/alternative",
        "text/plain",
        "<p>Hello</p>",
    ] {
        assert!(messages[0].contains(part), "{part} is not in\n{}", messages[0]);
    }
    assert_eq!(database.value("select payload from walkie.jobs").await, "{}");
}

#[tokio::test]
async fn mail_is_tried_again_after_a_while() {
    let database = Database::scratch().await;
    let smtp = Smtp::start(&["451 try later"]).await;
    let server = server_with(&database, &smtp).await;

    enqueue(&database, "ana@example.com").await;
    server.settles("walkie_jobs_attempts_total{outcome=\"failed\"}", 1).await;
    let later = "select attempts, last_error, run_at between now() and now() + interval '7 seconds'
                   from walkie.jobs where state = 'ready'";
    let told = ["1", "the SMTP server refused with 451", "t"].map(|text| Some(text.to_owned()));
    assert_eq!(database.rows(later).await, [told]);
    assert!(smtp.messages().is_empty());

    database.sql("update walkie.jobs set run_at = now()").await;
    becomes(&database, "done").await;
    assert_eq!(smtp.messages().len(), 1);
}

#[tokio::test]
async fn mail_that_nobody_takes_is_kept_for_somebody_to_look() {
    let database = Database::scratch().await;
    let smtp = Smtp::start(&["550 no such mailbox ana"]).await;
    let _server = server_with(&database, &smtp).await;

    enqueue(&database, "ana@example.com").await;
    becomes(&database, "dead").await;

    let why = database.value("select last_error from walkie.jobs").await;
    assert_eq!(why, "the SMTP server refused with 550");
    database.sql("select walkie.retry_job(id) from walkie.jobs; notify walkie, 'jobs'").await;
    becomes(&database, "done").await;
    assert_eq!(smtp.messages().len(), 1);
}

#[tokio::test]
async fn what_a_dead_job_held_is_forgotten_after_a_day() {
    let database = Database::scratch().await;
    database
        .sql(
            "select walkie.enqueue_job('paper', '{\"words\": \"Hello\"}', max_attempts => 1);
              select walkie.claim_jobs('one', '{paper}', 1, '1 minute');
              select walkie.fail_job(1, 'one', 1, 'no ink', false)",
        )
        .await;
    let after = async |age: &str| {
        database
            .sql(&format!(
                "update walkie.jobs set done_at = now() - interval '{age}'; select walkie.sweep_jobs()"
            ))
            .await;
        database
            .value("select max(concat_ws(' ', state, payload, last_error)) from walkie.jobs")
            .await
    };
    assert_eq!(after("23 hours").await, r#"dead {"words": "Hello"} no ink"#);
    assert_eq!(after("25 hours").await, "dead {} no ink");
    assert_eq!(database.value("select walkie.retry_job(1)").await, "f");
    assert_eq!(after("31 days").await, "");
}

#[tokio::test]
async fn job_is_taken_by_one_server_however_many_ask() {
    let database = Database::scratch().await;
    database.sql("select walkie.enqueue_job('paper', '{}') from generate_series(1, 200)").await;
    let claim = async |worker: usize| {
        let client = database.connect().await;
        let mut taken = Vec::new();
        loop {
            let sql = format!(
                "select id from walkie.claim_jobs('{worker}', '{{paper,other}}', 3, '1 minute')"
            );
            let found = rows(&client, &sql).await.expect("claims work").concat();
            if found.is_empty() {
                return taken;
            }
            taken.extend(found.into_iter().flatten());
        }
    };

    let claims = futures_util::future::join_all((0..8).map(claim)).await;

    let busy = claims.iter().filter(|taken| !taken.is_empty()).count();
    let all = claims.concat();
    assert!(busy > 1);
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test]
async fn lost_server_loses_its_job_and_cannot_end_it() {
    let database = Database::scratch().await;
    database.sql("select walkie.enqueue_job('paper', '{}', max_attempts => 2)").await;
    let claim = async |worker: &str| {
        let sql = format!(
            "select id, attempt from walkie.claim_jobs('{worker}', '{{paper}}', 1, '1 minute')"
        );
        database.rows(&sql).await
    };
    let told = |text: [&str; 2]| [text.map(|text| Some(text.to_owned()))];

    assert_eq!(claim("first").await, told(["1", "1"]));
    assert_eq!(database.value("select walkie.sweep_jobs()").await, "0");
    database.sql("update walkie.jobs set locked_until = now() - interval '1 second'").await;
    assert_eq!(database.value("select walkie.sweep_jobs()").await, "1");
    assert_eq!(claim("second").await, told(["1", "2"]));

    assert_eq!(database.value("select walkie.finish_job(1, 'first', 1)").await, "f");
    assert_eq!(database.value("select walkie.finish_job(1, 'second', 2)").await, "t");
    assert_eq!(database.value("select walkie.finish_job(1, 'second', 2)").await, "f");
}

#[tokio::test]
async fn wanted_once_is_done_once() {
    let database = Database::scratch().await;
    let ask = "select walkie.enqueue_job('paper', '{}', unique_key => 'daily')";

    assert_eq!(database.value(ask).await, "1");
    assert_eq!(database.value(ask).await, "");
    database.sql("select walkie.claim_jobs('one', '{paper}', 1, '1 minute')").await;
    assert_eq!(database.value(ask).await, "");
    database.sql("select walkie.finish_job(1, 'one', 1)").await;
    assert_ne!(database.value(ask).await, "");
}

#[tokio::test]
async fn people_neither_see_nor_ask_for_jobs() {
    let database = Database::scratch().await;
    enqueue(&database, "ana@example.com").await;
    assert_eq!(database.value("select count(*) from walkie.jobs").await, "1");
    for statement in [
        "select count(*) from walkie.jobs",
        "select count(*) from walkie.inbox",
        "select walkie.enqueue_job('mail', '{}')",
        "select walkie.claim_jobs('x', '{mail}', 1, '1 minute')",
    ] {
        let client = database.connect().await;
        rows(&client, "set role authenticated").await.expect("the role is there");
        let refused = rows(&client, statement).await.expect_err(statement);
        assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
    }
}

#[tokio::test]
async fn inbox_is_shown_only_on_ones_own_machine() {
    let database = Database::scratch().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let settings = settings(&database, &["--inbox", "--public-url", "https://example.com"]).await;

    let refused = server::run(listener, settings, tokio_util::sync::CancellationToken::new()).await;

    assert!(matches!(refused, Err(server::Error::OpenInbox)));
    let plain = Server::start(&database).await;
    let answer = plain.request(reqwest::Method::GET, "/inbox").send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
}
