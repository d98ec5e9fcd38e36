//! Every refusal there is, printed from the database to `docs/refusals.md`.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Database, Server, compare_page};

const HEAD: &str = "# Refusals\n\n\
    Printed from `app.refusals()` by a test. A refusal of the product has `code` (a SQLSTATE: `PT404` is \
    HTTP status 404, `42501` is 403), `message` for people and `hint`, the word for programs. `PT429` comes \
    with `Retry-After`, and `details` says `retry_after=<seconds>`. Besides these, `23514` (status 400) \
    says that a value breaks a constraint, whose name states the rule, and `42501` without a hint is row \
    security itself.\n\n\
    | hint | code | message | when |\n| --- | --- | --- | --- |\n";

#[tokio::test]
async fn page_has_every_refusal() {
    let database = Database::new().await;
    let mut page = String::from(HEAD);
    let rows = database
        .rows("select hint, code, message, meaning from app.refusals() order by code, hint")
        .await;
    for row in rows {
        let cells: Vec<String> = row.into_iter().flatten().collect();
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", cells[0], cells[1], cells[2], cells[3]);
    }
    compare_page(Path::new("docs/refusals.md"), &page);
}

// SEC-01
#[tokio::test]
async fn too_fast_is_429_and_says_how_long_to_wait() {
    let database = Database::new().await;
    database.sql("update app.rate_rules set rate = 0.2, burst = 2 where name = 'send'").await;
    let server = Server::start(&database).await;
    let bo = server.person("bo");
    let room = database.value("select tests.conversation('watercooler')").await;
    let say = || {
        let arguments = serde_json::json!({"p_conversation_id": room, "p_body": "Hi"});
        server.rpc(&bo, "send_message", arguments)
    };
    assert_eq!(say().await.status, 200);
    assert_eq!(say().await.status, 200);
    let refused = say().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["code"], "PT429");
    assert_eq!(refused.body["hint"], "rate_limited");
    let wait = refused.headers["retry-after"].to_str().expect("text");
    let wait: u32 = wait.parse().expect("seconds");
    assert!((1..=5).contains(&wait), "{wait}");
}
