//! Looking for viruses, with a clamd of the test's own that speaks the real protocol.

use reqwest::Method;

use crate::support::clamd::{Clamd, EICAR, MAX_STREAM_BYTES, Mood};
use crate::support::{Database, Server, eventually, free_port};

/// A server that asks a clamd on this port.
async fn server_with(database: &Database, port: u16) -> Server {
    let clamd = format!("127.0.0.1:{port}");
    Server::start_with(database, &["--clamd", &clamd, "--clamd-max-bytes", "2000000"]).await
}

/// Puts a file there and has it looked at.
async fn put(database: &Database, server: &Server, name: &str, bytes: Vec<u8>) {
    database
        .sql("insert into storage.buckets (id, name) values ('box', 'box') on conflict do nothing")
        .await;
    let answer = server
        .request(Method::POST, &format!("/storage/v1/object/box/{name}"))
        .bearer_auth(server.service_key())
        .header("content-type", "application/octet-stream")
        .body(bytes)
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("text"));
    let request = format!(
        "select storage.request_scan(version::uuid) from storage.objects where name = '{name}'"
    );
    database.sql(&request).await;
}

/// `verdict engine signature` of a file, once there is one.
async fn verdict(database: &Database, name: &str) -> String {
    let sql = format!(
        "select concat_ws(' ', s.verdict, s.engine, s.signature)
           from storage.scans s join storage.objects o on o.version = s.version::text
          where o.name = '{name}'"
    );
    eventually(&format!("{name} is looked at"), || async {
        database.rows(&sql).await.concat().into_iter().flatten().next()
    })
    .await
}

/// Waits until the only job has failed, and gives why.
async fn failure(database: &Database) -> String {
    let sql = "select last_error from walkie.jobs where kind = 'scan' and state = 'ready' and attempts > 0";
    eventually("the job has failed", || async {
        database.rows(sql).await.concat().into_iter().flatten().next()
    })
    .await
}

async fn none_is_clean(database: &Database) {
    assert_eq!(database.value("select count(*) from storage.scans").await, "0");
}

#[tokio::test]
async fn scanner_is_shown_every_byte() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = server_with(&database, clamd.port).await;
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).take(700_000).collect();

    put(&database, &server, "large.bin", bytes.clone()).await;
    let told = verdict(&database, "large.bin").await;
    put(&database, &server, "empty.bin", Vec::new()).await;

    assert_eq!(told, "clean ClamAV 1.4.3/27000/Sat Nov 21 09:00:00 2026");
    assert!(verdict(&database, "empty.bin").await.starts_with("clean"));
    assert_eq!(clamd.seen(), [bytes, Vec::new()]);
}

#[tokio::test]
async fn virus_is_named() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = server_with(&database, clamd.port).await;

    put(&database, &server, "eicar.com", EICAR.concat().into_bytes()).await;

    let told = verdict(&database, "eicar.com").await;
    let words: Vec<&str> = told.split(' ').collect();
    assert_eq!((words.first(), words.last()), (Some(&"infected"), Some(&"Eicar-Test-Signature")));
}

#[tokio::test]
async fn same_bytes_are_looked_at_once_for_each_state_of_signatures() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = server_with(&database, clamd.port).await;

    put(&database, &server, "first.bin", b"the same".to_vec()).await;
    verdict(&database, "first.bin").await;
    put(&database, &server, "second.bin", b"the same".to_vec()).await;
    assert!(verdict(&database, "second.bin").await.starts_with("clean"));
    assert_eq!(clamd.seen().len(), 1);

    clamd.learns();
    put(&database, &server, "third.bin", b"the same".to_vec()).await;
    assert!(verdict(&database, "third.bin").await.contains("/27001/"));
    assert_eq!(clamd.seen().len(), 2);
}

#[tokio::test]
async fn file_waits_while_the_scanner_is_away() {
    let database = Database::scratch().await;
    let away = free_port();
    let server = server_with(&database, away).await;

    put(&database, &server, "a.bin", b"hello".to_vec()).await;
    assert!(failure(&database).await.starts_with("clamd is not there"));
    none_is_clean(&database).await;

    let _clamd = Clamd::start_on(away, Mood::Well).await;
    database.sql("update walkie.jobs set run_at = now(); notify walkie, 'jobs'").await;
    assert!(verdict(&database, "a.bin").await.starts_with("clean"));
}

#[tokio::test]
async fn only_a_whole_answer_counts() {
    for (mood, why) in [
        (Mood::HangsUp, "clamd hung up before it had answered"),
        (Mood::BreaksOff, "clamd hung up before it had answered"),
        (Mood::Fails, "clamd answered: stream: Can't allocate memory ERROR"),
    ] {
        let (database, clamd) = (Database::scratch().await, Clamd::start().await);
        clamd.feels(mood);
        let server = server_with(&database, clamd.port).await;
        put(&database, &server, "a.bin", b"hello".to_vec()).await;
        assert_eq!(failure(&database).await, why);
        none_is_clean(&database).await;
    }
}

#[tokio::test]
async fn scanner_that_hangs_keeps_no_letter_waiting() {
    // SEC-06
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    clamd.feels(Mood::Hangs);
    let at = format!("127.0.0.1:{}", clamd.port);
    let flags = ["--clamd", &at, "--clamd-timeout-seconds", "3"];
    let server = Server::start_with(&database, &flags).await;
    for number in 0..20 {
        put(&database, &server, &format!("{number}.bin"), vec![number; 9]).await;
    }
    eventually("clamd is shown files", || async { (clamd.seen().len() >= 2).then_some(()) }).await;

    // Letters of which nothing is known are buried at once.
    database.sql("select walkie.enqueue_job('mail', '{}') from generate_series(1, 10)").await;
    server.settles("walkie_jobs_attempts_total{outcome=\"dead\"}", 10).await;
    let waiting = "select count(*) from walkie.jobs where kind = 'scan' and attempts = 0";
    assert_ne!(database.value(waiting).await, "0", "files still wait for clamd");

    assert_eq!(failure(&database).await, "clamd took too long");
    none_is_clean(&database).await;
}

#[tokio::test]
async fn what_is_too_large_for_the_scanner_is_not_clean() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = server_with(&database, clamd.port).await;

    // More than clamd takes, then more than it is asked about.
    put(&database, &server, "large.bin", vec![7; MAX_STREAM_BYTES + 1]).await;
    put(&database, &server, "larger.bin", vec![7; 2_000_001]).await;

    for name in ["large.bin", "larger.bin"] {
        let told = verdict(&database, name).await;
        assert!(told.starts_with("failed"), "{told}");
        assert!(told.ends_with("too large for the scanner"), "{told}");
    }
    assert!(clamd.seen().is_empty());
}

#[tokio::test]
async fn files_wait_for_a_scanner_once_a_server_had_one() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    assert_eq!(database.value("select count(*) from storage.scanners").await, "0");
    let with = server_with(&database, clamd.port).await;
    eventually("the scanner is known", || async {
        let known = database.rows("select from storage.scanners where name = 'clamd'").await;
        (!known.is_empty()).then_some(())
    })
    .await;
    with.stop().await;

    let without = Server::start(&database).await;
    database.sql("select storage.request_scan(gen_random_uuid())").await;
    // The mail is taken, which was asked for later; the file is left to a server that can.
    database.sql("select walkie.enqueue_job('mail', '{}')").await;
    without.settles("walkie_jobs_attempts_total{outcome=\"dead\"}", 1).await;
    let waiting = "select state || ' ' || attempts from walkie.jobs where kind = 'scan'";
    assert_eq!(database.value(waiting).await, "ready 0");
}

#[tokio::test]
async fn file_that_is_gone_needs_no_verdict() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let _server = server_with(&database, clamd.port).await;
    database.sql("select storage.request_scan(gen_random_uuid())").await;
    eventually("the job is done", || async {
        let done = "select from walkie.jobs where kind = 'scan' and state = 'done'";
        (!database.rows(done).await.is_empty()).then_some(())
    })
    .await;
    none_is_clean(&database).await;
}
