//! The schema changes while the server runs.

use reqwest::Method;
use serde_json::json;

use super::{get, library, refusal, write};
use crate::support::eventually;

#[tokio::test]
async fn announced_table_is_served() -> anyhow::Result<()> {
    let (database, server) = library().await;
    assert_eq!(refusal(&get(&server, "shelves").await), (404, "PGRST205"));

    database
        .sql("create table shelves (id integer); grant select on shelves to anon; notify pgrst")
        .await;

    eventually("the table is served", || async {
        (get(&server, "shelves").await.status == 200).then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn remembered_statements_follow_a_changed_type() -> anyhow::Result<()> {
    let (database, server) = library().await;
    assert_eq!(get(&server, "books?select=id&year=eq.1999").await.status, 200);

    database.sql("alter table books alter year type text; notify pgrst, 'reload schema'").await;

    eventually("the new type is compared", || async {
        let answer = get(&server, "books?select=id&year=eq.1999").await;
        (answer.body == json!([{ "id": 1 }])).then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn lost_listener_comes_back_and_catches_up() -> anyhow::Result<()> {
    let (database, server) = library().await;

    database
        .sql(
            "alter table people add age integer;
             select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and application_name = 'walkie notifications'",
        )
        .await;

    eventually("the column is known without an announcement", || async {
        let body = json!({ "name": "Dee", "age": 7 });
        let answer = write(&server, Method::POST, "people?select=age", body).await;
        (answer.body == json!([{ "age": 7 }])).then_some(())
    })
    .await;
    Ok(())
}
