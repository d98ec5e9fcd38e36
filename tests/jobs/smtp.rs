//! Mail over TLS: by STARTTLS and from the first byte, and to nobody who cannot say who they are.
//! AUT-09

use super::{becomes, enqueue};
use crate::support::{CERTIFICATE, Database, Process, Server, Smtp, Way, command, eventually};

const PASSWORD: &str = "the password of the house";

fn flags<'a>(host: &'a str, port: &'a str, tls: &'a str) -> Vec<&'a str> {
    let way = ["--smtp-host", host, "--smtp-port", port, "--smtp-tls", tls];
    [&way[..], &["--smtp-user", "house", "--smtp-password", PASSWORD]].concat()
}

/// Sends a message over a way whose certificate this machine trusts.
async fn send_over(way: Way, tls: &str) {
    let (database, smtp) = (Database::scratch().await, Smtp::start_on(way).await);
    let mut trusting = command();
    trusting.env("SSL_CERT_FILE", CERTIFICATE);
    let port = smtp.port.to_string();
    let flags = flags("localhost", &port, tls);
    let process = Process::serve_in(trusting, &database, &flags).await;

    enqueue(&database, "ana@example.com").await;
    becomes(&database, "done").await;

    assert_eq!(smtp.messages().len(), 1);
    assert!(smtp.messages()[0].contains("To: ana@example.com"));
    assert_eq!(smtp.proofs().len(), 1);
    assert!(!process.log().concat().contains(PASSWORD));
    process.kill().await;
}

/// What becomes of a message to a server that cannot be trusted.
async fn is_kept(host: &str, way: Way, tls: &str, trusted: Option<&str>) {
    let (database, smtp) = (Database::scratch().await, Smtp::start_on(way).await);
    let mut trusting = command();
    trusting.env("SSL_CERT_FILE", trusted.unwrap_or("/nowhere"));
    let port = smtp.port.to_string();
    let process = Process::serve_in(trusting, &database, &flags(host, &port, tls)).await;

    enqueue(&database, "ana@example.com").await;
    let why = eventually("the message waits", || async {
        let why = "select last_error from walkie.jobs where state = 'ready' and attempts > 0";
        database.rows(why).await.into_iter().flatten().flatten().next()
    })
    .await;

    assert!(why.contains("the SMTP server cannot be used"), "{why}");
    assert!(smtp.messages().is_empty() && smtp.proofs().is_empty());
    process.kill().await;
}

#[tokio::test]
async fn mail_leaves_by_starttls() {
    send_over(Way::Starttls, "starttls").await;
}

#[tokio::test]
async fn mail_leaves_encrypted_from_the_first_byte() {
    send_over(Way::Implicit, "implicit").await;
}

#[tokio::test]
async fn certificate_that_nobody_vouches_for_gets_no_mail() {
    is_kept("localhost", Way::Starttls, "starttls", None).await;
    is_kept("localhost", Way::Implicit, "implicit", None).await;
}

#[tokio::test]
async fn certificate_of_another_name_gets_no_mail() {
    is_kept("127.0.0.1", Way::Implicit, "implicit", Some(CERTIFICATE)).await;
}

#[tokio::test]
async fn server_without_starttls_gets_no_mail() {
    let (database, smtp) = (Database::scratch().await, Smtp::start(&[]).await);
    let port = smtp.port.to_string();
    let server = Server::start_with(&database, &flags("127.0.0.1", &port, "starttls")).await;

    enqueue(&database, "ana@example.com").await;
    server.settles("walkie_jobs_attempts_total{outcome=\"failed\"}", 1).await;

    assert!(smtp.messages().is_empty() && smtp.proofs().is_empty());
}
