//! How long sessions last.

use super::{PASSWORD, get, refresh, sign_in};
use crate::support::{Database, Server};

const ANA: &str = "ana@example.com";

async fn house(flags: &[&str]) -> (Database, Server) {
    let database = Database::new().await;
    let server = Server::start_with(&database, flags).await;
    (database, server)
}

#[tokio::test]
async fn session_ends_at_its_age_however_much_it_is_used() -> anyhow::Result<()> {
    let (database, server) = house(&["--auth-session-seconds", "3600"]).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    let session = refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(session.status, 200);
    database.sql("update auth.sessions set created_at = now() - interval '61 minutes'").await;
    let refused = refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(refused.refusal(), (400, "session_expired"));
    Ok(())
}

#[tokio::test]
async fn session_ends_when_nobody_refreshes_it() -> anyhow::Result<()> {
    let (database, server) = house(&["--auth-inactivity-seconds", "3600"]).await;
    let session = sign_in(&server, ANA, PASSWORD).await?;
    database.sql("update auth.sessions set created_at = now() - interval '2 hours'").await;
    database.sql("update auth.sessions set refreshed_at = now() at time zone 'UTC'").await;
    let session = refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(session.status, 200, "it was refreshed just now");
    let idle = "update auth.sessions set refreshed_at = (now() - interval '61 minutes') at time zone 'UTC'";
    database.sql(idle).await;
    let refused = refresh(&server, session.text("refresh_token")).await?;
    assert_eq!(refused.refusal(), (400, "session_expired"));
    Ok(())
}

#[tokio::test]
async fn single_session_ends_with_the_next_sign_in() -> anyhow::Result<()> {
    let (_database, server) = house(&["--auth-single-session", "true"]).await;
    let former = sign_in(&server, ANA, PASSWORD).await?;
    let bo = sign_in(&server, "bo@example.com", PASSWORD).await?;
    let next = sign_in(&server, ANA, PASSWORD).await?;
    let refused = get(&server, "/user", former.text("access_token")).await?;
    assert_eq!(refused.refusal(), (403, "session_not_found"), "at once");
    let refused = refresh(&server, former.text("refresh_token")).await?;
    assert_eq!(refused.refusal(), (400, "session_expired"));
    for living in [next, bo] {
        assert_eq!(get(&server, "/user", living.text("access_token")).await?.status, 200);
    }
    Ok(())
}
