//! SQL of this slice about private channels; subscriptions and the authorizer have their own.

use uuid::Uuid;

use crate::identity::Identity;
use crate::observe::Slot;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

use super::authorize::Snapshot;
use super::hub::Hears;
use super::protocol::Broadcast;
use super::replay;
use crate::wal::Lsn;

/// Whoever asks about a private channel.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Who it is.
    pub identity: &'a Identity,
    /// The `x-` headers with which its socket was opened, as JSON.
    pub headers: &'a str,
    /// The channel's name, without `realtime:`.
    pub name: &'a str,
}

/// Asks the policies of realtime.messages what someone may hear in a private channel: a probe
/// row for each extension is laid out, looked for as the person, and taken away again.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_hear(pg: &Pg, asker: Asker<'_>) -> Result<Hears, Error> {
    let transaction = pg.begin(&Session::own(names::REALTIME_ROLE)).await?;
    let probes = transaction
        .query_text(
            "with probe as (
               insert into realtime.messages (topic, extension, private)
               values ($1, 'broadcast', true), ($1, 'presence', true)
               returning id
             )
             select array_agg(id)::text from probe",
            &[Some(asker.name)],
        )
        .await?;
    let probes = probes.first().map(|row| row.get::<_, String>(0));
    transaction.become_person(&asker.session()).await?;
    let found = transaction
        .query_text(
            "select extension from realtime.messages where id = any ($1)",
            &[probes.as_deref()],
        )
        .await;
    let found = match found {
        Ok(rows) => rows,
        Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
            tracing::info!(code = error.sqlstate(), "a policy on realtime.messages failed");
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let is_found = |extension| found.iter().any(|row| row.get::<_, &str>(0) == extension);
    let hears = Hears { broadcasts: is_found("broadcast"), presence: is_found("presence") };
    transaction.rollback().await?;
    Ok(hears)
}

/// Asks the policies of realtime.messages whether someone may write to a private channel
/// (extension `broadcast`: speak; `presence`: be present).
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_write(pg: &Pg, asker: Asker<'_>, extension: &str) -> Result<bool, Error> {
    match try_to_write(pg, asker, extension).await {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes to a private channel, as far as the policies of realtime.messages are concerned: by
/// trying to insert a row that is never kept.
///
/// # Errors
/// Why not (SQLSTATE 42501 when a policy says no), or the database cannot be asked.
pub async fn try_to_write(pg: &Pg, asker: Asker<'_>, extension: &str) -> Result<(), Error> {
    let transaction = pg.begin(&asker.session()).await?;
    let inserted = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private) values ($1, $2, true)",
            &[Some(asker.name), Some(extension)],
        )
        .await;
    transaction.rollback().await?;
    inserted.map(drop)
}

/// The newest messages of a private channel since a time, oldest first; of these the newest
/// that take `most_bytes` together. And when they were read.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn replay(
    pg: &Pg,
    name: &str,
    asked: replay::Asked,
    most_bytes: usize,
) -> Result<(Vec<Broadcast>, replay::Reading), Error> {
    let [since, limit, most_bytes] =
        [asked.since_ms.to_string(), asked.limit.to_string(), most_bytes.to_string()];
    let rows = pg
        .run(
            &Session::own(names::REALTIME_ROLE).read_only(),
            "select pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text, found.*
               from (values (1)) one
               left join (
             select id::text, event, payload::text, binary_payload, inserted_at
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
              where bytes <= $4::text::bigint) found on true
              order by inserted_at, id",
            &[Some(name), Some(&since), Some(&limit), Some(&most_bytes)],
        )
        .await?;
    let reading = rows.first().and_then(|row| {
        let end = row.get::<_, &str>(1).parse().ok()?;
        Some(replay::Reading { snapshot: Snapshot::read(row.get(0))?, end })
    });
    let reading = reading.ok_or_else(|| Error::Down("no snapshot".into()))?;
    // Without messages there is one row, of nulls.
    let messages = rows.iter().filter_map(|row| {
        let id: String = row.get::<_, Option<_>>(2)?;
        let json: Option<String> = row.get(4);
        Some(Broadcast {
            id: Some(id.into()),
            event: row.get(3),
            is_json: json.is_some(),
            data: match json {
                Some(json) => json.into(),
                None => row.get::<_, Vec<u8>>(5).into(),
            },
        })
    });
    Ok((messages.collect(), reading))
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

impl<'a> Asker<'a> {
    fn session(self) -> Session<'a> {
        let subject = self.identity.subject.as_deref().unwrap_or_default();
        Session::person(self.identity)
            .set("realtime.topic", self.name)
            .set("request.jwt.claim.sub", subject)
            .set("request.jwt.claim.role", &self.identity.role)
            .set("request.headers", self.headers)
    }
}

/// Where the log ends and what the slot holds of it; `None` when there is no such slot.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn slot(pg: &Pg, name: &str) -> Result<Option<Slot>, Error> {
    let rows = pg
        .run(
            &Session::own(names::REALTIME_ROLE).read_only(),
            "select pg_current_wal_lsn()::text,
                    pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8,
                    case when current_setting('max_slot_wal_keep_size') = '-1' then 'Infinity'
                         else safe_wal_size::float8
                    end
               from pg_catalog.pg_replication_slots
              where slot_name = $1",
            &[Some(name)],
        )
        .await?;
    let row = rows.first();
    Ok(row.and_then(|row| {
        let end: Lsn = row.get::<_, Option<&str>>(0)?.parse().ok()?;
        let or_unknown = |bytes: Option<f64>| bytes.unwrap_or(f64::NAN);
        Some(Slot {
            end: end.0,
            held_bytes: or_unknown(row.get(1)),
            safe_bytes: or_unknown(row.get(2)),
        })
    }))
}

/// Which of these sign-ins are over.
///
/// # Errors
/// The database cannot be asked.
pub async fn ended_sessions(pg: &Pg, sessions: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let list: Vec<String> = sessions.iter().map(Uuid::to_string).collect();
    let rows = pg
        .run(
            &Session::own(names::AUTH_ROLE).read_only(),
            "select open.id
               from unnest($1::uuid[]) as open (id)
              where not exists (
                select from auth.sessions s
                 where s.id = open.id
                   and (s.not_after is null or s.not_after > now()))",
            &[Some(&format!("{{{}}}", list.join(",")))],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
