//! A server that is killed in the middle of a message: the next one takes it up.

use super::{becomes, enqueue};
use crate::support::{Database, Process, Silence, Smtp, eventually};

/// Kills a real process while it waits for the mail server, and lets the next one do the work.
async fn survive(before: Silence) -> Smtp {
    let (database, smtp) = (Database::scratch().await, Smtp::start_silent(before).await);
    let port = smtp.port.to_string();
    let flags = ["--smtp-host", "127.0.0.1", "--smtp-port", &port, "--smtp-tls", "none"];
    let process = Process::serve_with(&database, &flags).await;
    enqueue(&database, "ana@example.com").await;
    eventually("the message is under way", || async { smtp.is_silent().then_some(()) }).await;

    process.kill().await;
    let held = "select state || ' ' || attempts from walkie.jobs";
    assert_eq!(database.value(held).await, "running 1");
    // Six minutes pass.
    database.sql("update walkie.jobs set locked_until = now() - interval '1 second'").await;
    let next = Process::serve_with(&database, &flags).await;
    becomes(&database, "done").await;

    assert_eq!(database.value("select attempts from walkie.jobs").await, "2");
    next.kill().await;
    smtp
}

/// The line that tells copies of a message from others.
fn id(message: &str) -> &str {
    message.lines().find(|line| line.starts_with("Message-ID:")).expect("it has an id")
}

#[tokio::test]
async fn message_of_a_killed_server_goes_out_once() {
    let smtp = survive(Silence::Recipient).await;
    assert_eq!(smtp.messages().len(), 1);
}

// Between the mail server's word and our own commit there is no way to be sure.
#[tokio::test]
async fn message_that_was_taken_as_its_server_died_comes_again_under_the_same_id() {
    let smtp = survive(Silence::Message).await;
    let messages = smtp.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(id(&messages[0]), id(&messages[1]));
}
