//! SQL of this slice about private channels; subscriptions and the authorizer have their own.

use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

use super::protocol::Broadcast;
use super::replay;
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

/// Asks the policies of realtime.messages whether someone may speak in a private channel.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_speak(pg: &Pg, identity: &Identity, name: &str) -> Result<bool, Error> {
    match try_to_speak(pg, identity, name).await {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Speaks in a private channel, as far as the policies of realtime.messages are concerned: by
/// trying to insert a row that is never kept.
///
/// # Errors
/// Why not (SQLSTATE 42501 when a policy says no), or the database cannot be asked.
pub async fn try_to_speak(pg: &Pg, identity: &Identity, name: &str) -> Result<(), Error> {
    let transaction = pg.begin(&channel_session(identity, name)).await?;
    let inserted = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true)",
            &[Some(name)],
        )
        .await;
    transaction.rollback().await?;
    inserted.map(drop)
}

/// The newest messages of a private channel since a time, oldest first; of these the newest
/// that take `most_bytes` together.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn replay(
    pg: &Pg,
    name: &str,
    asked: replay::Asked,
    most_bytes: usize,
) -> Result<Vec<Broadcast>, Error> {
    let [since, limit, most_bytes] =
        [asked.since_ms.to_string(), asked.limit.to_string(), most_bytes.to_string()];
    let rows = pg
        .run(
            &Session::own(names::REALTIME_ROLE).read_only(),
            "select id::text, event, payload::text, binary_payload
               from (select m.id, m.event, m.payload, m.binary_payload, m.inserted_at,
                            sum(coalesce(octet_length(m.payload::text), octet_length(m.binary_payload)))
                              over (order by m.inserted_at desc, m.id desc rows unbounded preceding) as bytes
                       from (select *
                               from realtime.messages
                              where topic = $1
                                and extension = 'broadcast'
                                and private
                                and event is not null
                                and (payload is not null or binary_payload is not null)
                                and inserted_at >= timezone('utc', to_timestamp($2::text::float8 / 1000))
                                and inserted_at < timezone('utc', now() + interval '1 minute')
                              order by inserted_at desc, id desc
                              limit $3::text::integer) m) newest
              where bytes <= $4::text::bigint
              order by inserted_at, id",
            &[Some(name), Some(&since), Some(&limit), Some(&most_bytes)],
        )
        .await?;
    let messages = rows.iter().map(|row| {
        let json: Option<String> = row.get(2);
        Broadcast {
            id: row.get::<_, Option<String>>(0).map(Into::into),
            event: row.get(1),
            is_json: json.is_some(),
            data: match json {
                Some(json) => json.into(),
                None => row.get::<_, Vec<u8>>(3).into(),
            },
        }
    });
    Ok(messages.collect())
}

/// Makes the partitions of realtime.messages that are missing and drops those whose rows are all
/// older than so many hours; gives how many of these are in use and left for another time.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn keep_partitions(pg: &Pg, hours: u32) -> Result<i32, Error> {
    let session = Session::own(names::REALTIME_ROLE);
    pg.run(&session, "select realtime.ensure_partitions()", &[]).await?;
    let hours = hours.to_string();
    let dropped = pg
        .run(
            &session,
            "select realtime.drop_partitions(make_interval(hours => $1::text::integer))",
            &[Some(&hours)],
        )
        .await?;
    Ok(dropped.first().map_or(0, |row| row.get(0)))
}

fn channel_session<'a>(identity: &'a Identity, name: &'a str) -> Session<'a> {
    let subject = identity.subject.as_deref().unwrap_or_default();
    Session::person(identity)
        .set("realtime.topic", name)
        .set("request.jwt.claim.sub", subject)
        .set("request.jwt.claim.role", &identity.role)
}
