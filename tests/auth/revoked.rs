//! Tokens that have not expired and count no more: ended sessions, banned and deleted people.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{PASSWORD, Reply, get, house, log_out, refresh, request, send, sign_in};
use crate::support::{Answer, Database, Person, Server, eventually};

const ANA: &str = "ana@example.com";
const ANA_ID: &str = "a0000000-0000-4000-8000-00000000000a";

async fn person(server: &Server) -> anyhow::Result<Person> {
    let reply = sign_in(server, ANA, PASSWORD).await?;
    Ok(Person { token: reply.text("access_token").to_owned() })
}

/// How REST answers: status, code, message.
async fn read(server: &Server, who: &Person) -> (u16, String, String) {
    let answer = server.rest(who, Method::GET, "profiles?limit=1").await;
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("code"), text("message"))
}

fn refused(message: &str) -> (u16, String, String) {
    (401, "PGRST303".to_owned(), message.to_owned())
}

async fn say(server: &Server, who: &Person) -> StatusCode {
    let body = json!({"messages": [{"topic": "t", "event": "e", "payload": {}}]});
    let asked = server.request(Method::POST, "/realtime/v1/api/broadcast").json(&body);
    Answer::of(asked.bearer_auth(&who.token)).await.status
}

async fn administer(server: &Server, method: Method, body: Value) -> anyhow::Result<Reply> {
    let asked = request(server, method, &format!("/admin/users/{ANA_ID}"));
    send(asked.bearer_auth(server.service_key()).json(&body)).await
}

// AUT-06, AUT-07
#[tokio::test]
async fn ended_session_is_refused_by_every_dialect_at_once() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let (phone, laptop) = (person(&server).await?, person(&server).await?);
    assert_eq!(read(&server, &phone).await.0, 200);
    assert_eq!(say(&server, &phone).await, 202);

    assert_eq!(log_out(&server, "local", &phone.token).await?.status, 204);

    assert_eq!(read(&server, &phone).await, refused("The session has ended"));
    assert_eq!(say(&server, &phone).await, 401);
    assert_eq!(get(&server, "/user", &phone.token).await?.refusal(), (403, "session_not_found"));
    assert_eq!(read(&server, &laptop).await.0, 200, "the other device is still signed in");
    Ok(())
}

#[tokio::test]
async fn refresh_leaves_former_tokens_of_the_session_good() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    assert_eq!(refresh(&server, session.text("refresh_token")).await?.status, 200);
    let former = Person { token: session.text("access_token").to_owned() };
    assert_eq!(read(&server, &former).await.0, 200);
    Ok(())
}

#[tokio::test]
async fn ban_counts_at_once_and_until_it_is_lifted() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let ana = person(&server).await?;
    assert_eq!(read(&server, &ana).await.0, 200);

    administer(&server, Method::PUT, json!({"ban_duration": "1h"})).await?;
    assert_eq!(read(&server, &ana).await, refused("The user is banned"));
    assert_eq!(get(&server, "/user", &ana.token).await?.refusal(), (403, "user_banned"));

    administer(&server, Method::PUT, json!({"ban_duration": "none"})).await?;
    assert_eq!(read(&server, &ana).await.0, 200);
    Ok(())
}

#[tokio::test]
async fn deleted_people_are_refused_at_once() -> anyhow::Result<()> {
    for is_soft in [true, false] {
        let (_database, server) = house().await;
        let ana = person(&server).await?;
        assert_eq!(read(&server, &ana).await.0, 200);
        let body = json!({"should_soft_delete": is_soft});
        assert_eq!(administer(&server, Method::DELETE, body).await?.status, 200);
        assert_eq!(read(&server, &ana).await, refused("The user has been deleted"));
        assert_eq!(get(&server, "/user", &ana.token).await?.refusal(), (403, "user_not_found"));
    }
    Ok(())
}

#[tokio::test]
async fn every_server_of_the_database_hears_of_it() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let slot = format!("{}_other", database.name());
    let other = Server::start_with(&database, &["--realtime-slot", &slot]).await;
    let ana = person(&server).await?;
    assert_eq!(read(&other, &ana).await.0, 200);

    log_out(&server, "global", &ana.token).await?;

    is_refused(&other, &ana).await;
    other.stop().await;
    let drop = format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots
          where slot_name = '{slot}' and not active"
    );
    eventually("the slot is dropped", || async {
        (!database.rows(&drop).await.is_empty()).then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn what_sql_ends_while_nobody_listens_is_found_later() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let ana = person(&server).await?;
    assert_eq!(read(&server, &ana).await.0, 200);

    database
        .sql(
            "begin;
             select pg_terminate_backend(pid) from pg_stat_activity
              where application_name = 'walkie revocations' and datname = current_database();
             delete from auth.sessions;
             commit",
        )
        .await;
    is_refused(&server, &ana).await;
    Ok(())
}

#[tokio::test]
async fn server_that_starts_later_knows_what_was_ended_before() -> anyhow::Result<()> {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let ana = person(&server).await?;
    log_out(&server, "global", &ana.token).await?;
    server.stop().await;
    let server = Server::start(&database).await;
    assert_eq!(read(&server, &ana).await, refused("The session has ended"));
    Ok(())
}

#[tokio::test]
async fn what_has_run_out_is_forgotten() -> anyhow::Result<()> {
    let (database, server) = house().await;
    let ana = person(&server).await?;
    log_out(&server, "global", &ana.token).await?;
    let (count, forget) =
        ("select count(*) from auth.revocations", "select auth.revocation_lines()");
    database.rows(forget).await;
    assert_eq!(database.value(count).await, "1", "its tokens may live for an hour");
    database.sql("update auth.revocations set until = now() - interval '2 minutes'").await;
    database.rows(forget).await;
    assert_eq!(database.value(count).await, "0");
    Ok(())
}

async fn is_refused(server: &Server, who: &Person) {
    eventually("the token is refused", || async {
        (read(server, who).await == refused("The session has ended")).then_some(())
    })
    .await;
}
