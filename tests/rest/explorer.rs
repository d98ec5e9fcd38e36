//! The page for people that shows what is served.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::{header, library, refusal, send};
use crate::support::{Answer, Database, Server};

/// What browsers accept.
const BROWSER: (&str, &str) =
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

async fn page(server: &Server) -> Answer {
    send(server, Method::GET, "docs", &[BROWSER], "").await
}

#[tokio::test]
async fn browsers_get_a_page_that_runs_nothing_but_itself() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let stranger = server.request(Method::GET, "/rest/v1/docs").header(BROWSER.0, BROWSER.1);
    let answer = Answer::of(stranger).await;

    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    let policy = header(&answer, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for tag in ["script", "style"] {
        let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
        let content = answer.text.split(&start).nth(1).and_then(|it| it.split(&end).next());
        let hash = BASE64_STANDARD.encode(Sha256::digest(content.expect("one of them")));
        assert!(policy.contains(&format!("{tag}-src 'sha256-{hash}'")), "{policy}");
    }
    for far in ["http://", "https://", "innerHTML", "src=", "onclick"] {
        assert!(!answer.text.contains(far), "{far}");
    }
    Ok(())
}

#[tokio::test]
async fn relations_of_that_name_go_before_the_page() -> anyhow::Result<()> {
    let (database, server) = library().await;
    let json = [("accept", "application/json")];

    let asked_as_data = send(&server, Method::GET, "docs", &json, "").await;
    assert_eq!(refusal(&asked_as_data), (404, "PGRST205"));
    let posted = send(&server, Method::POST, "docs", &[BROWSER], "{}").await;
    assert_eq!(posted.status, 404);

    database
        .sql("create table docs (id int); grant select on docs to anon; notify pgrst, 'reload schema'")
        .await;
    crate::support::eventually("the relation is served", || async {
        (send(&server, Method::GET, "docs", &json, "").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(page(&server).await.text, "[]");
    Ok(())
}

#[tokio::test]
async fn no_document_no_page() -> anyhow::Result<()> {
    let database = Database::scratch().await;
    let server = Server::start_with(&database, &["--openapi-mode", "disabled"]).await;
    assert_eq!(page(&server).await.status, 404);
    Ok(())
}
