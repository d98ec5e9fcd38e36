//! No more of such mail: from the header that mail programs read to what it changes.

use reqwest::Method;

use super::{becomes, server_with};
use crate::support::{Answer, Database, Server, Smtp};

// NTF-07
#[tokio::test]
async fn mail_tells_mail_programs_how_to_end_it() {
    let (database, smtp) = (Database::scratch().await, Smtp::start(&[]).await);
    let server = server_with(&database, &smtp).await;
    database
        .sql(
            "select walkie.enqueue_job('mail', jsonb_build_object('to', 'ana@example.com', 'subject', 'News',
               'text', 'Look: {{site_url}}/c/1', 'html', '<a href=\"{{unsubscribe_url}}\">No more</a>', 'unsubscribe', 'abc'))",
        )
        .await;
    becomes(&database, "done").await;

    let message = smtp.messages().remove(0).replace("=\n", "");
    let link = "http://127.0.0.1:54321/unsubscribe?token";
    for part in [
        &format!("List-Unsubscribe: <{link}=abc>"),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Look: http://127.0.0.1:3000/c/1",
        link,
    ] {
        assert!(message.contains(part), "{part} is not in\n{message}");
    }
    drop(server);
}

async fn ask(server: &Server, method: Method, token: &str) -> Answer {
    let path = format!("/unsubscribe?token={token}");
    let request = server
        .request(method, &path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    Answer::of(request).await
}

#[tokio::test]
async fn one_click_ends_it_without_signing_in() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let token = database.value("select app.mail_token(tests.id('bo'), 'missed')").await;
    let wants = "select app.wants(tests.id('bo'), 'mail', 'dm')";

    let page = ask(&server, Method::GET, &token).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<form method=\"post\">"), "{}", page.text);
    assert_eq!(database.value(wants).await, "t");

    assert_eq!(ask(&server, Method::POST, &token).await.status, 200);
    assert_eq!(database.value(wants).await, "f");
    assert_eq!(ask(&server, Method::POST, &token).await.status, 200);
}

#[tokio::test]
async fn link_that_nobody_was_sent_ends_nothing() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let long = "x".repeat(300);
    for token in ["", "nonsense", "%00", "'; drop table x", &long] {
        assert_eq!(ask(&server, Method::POST, token).await.status, 404, "{token}");
    }
}

#[tokio::test]
async fn database_without_such_a_function_knows_no_link() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    assert_eq!(ask(&server, Method::POST, "abc").await.status, 404);
}
