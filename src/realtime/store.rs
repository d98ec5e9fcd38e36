//! SQL of this slice about private channels; subscriptions and the authorizer have their own.

use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

/// Asks the policies of realtime.messages whether someone may hear a private channel: a probe
/// row is laid out, looked for as the person, and taken away again.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_hear(pg: &Pg, identity: &Identity, name: &str) -> Result<bool, Error> {
    let transaction = pg.begin(&Session::own(names::REALTIME_ROLE)).await?;
    let probe = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private)
             values ($1, 'broadcast', true)
             returning id::text",
            &[Some(name)],
        )
        .await?;
    let probe = probe.first().map(|row| row.get::<_, String>(0));
    transaction.become_person(&channel_session(identity, name)).await?;
    let found = transaction
        .query_text("select from realtime.messages where id = $1", &[probe.as_deref()])
        .await;
    let may = match found {
        Ok(rows) => !rows.is_empty(),
        Err(Error::Refused(error)) => {
            tracing::info!(code = error.code().code(), "a policy on realtime.messages failed");
            false
        }
        Err(error) => return Err(error),
    };
    transaction.rollback().await?;
    Ok(may)
}

/// Asks the policies of realtime.messages whether someone may speak in a private channel, by
/// trying to insert a row that is never kept.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_speak(pg: &Pg, identity: &Identity, name: &str) -> Result<bool, Error> {
    let transaction = pg.begin(&channel_session(identity, name)).await?;
    let inserted = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true)",
            &[Some(name)],
        )
        .await;
    let may = match inserted {
        Ok(_) => true,
        Err(Error::Refused(_)) => false,
        Err(error) => return Err(error),
    };
    transaction.rollback().await?;
    Ok(may)
}

fn channel_session<'a>(identity: &'a Identity, name: &'a str) -> Session<'a> {
    let subject = identity.subject.as_deref().unwrap_or_default();
    Session::person(identity)
        .set("realtime.topic", name)
        .set("request.jwt.claim.sub", subject)
        .set("request.jwt.claim.role", &identity.role)
}
