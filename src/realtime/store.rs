//! SQL of this slice about private channels; subscriptions and the authorizer have their own.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::timeout;
use uuid::Uuid;

use crate::identity::Identity;
use crate::observe::Slot;
use crate::pg::session::{Session, Transaction};
use crate::pg::{Error, Pg, names};

use super::authorize::{Snapshot, Unsettled};
use super::hub::Hears;
use super::protocol::Broadcast;
use super::reading::Reading;
use super::replay;
use crate::wal::Lsn;

/// How long to wait before something is asked again that was asked too early.
const SETTLE_WAIT: Duration = Duration::from_millis(1);

/// How long that may go on.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

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
/// row for each extension is laid out, looked for as the person, and taken away again. Gives
/// what was seen while they were asked, too.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_hear(pg: &Pg, asker: Asker<'_>) -> Result<(Hears, Snapshot), Error> {
    let transaction = pg.begin(&Session::own(names::REALTIME_ROLE)).await?;
    let snapshot = snapshot(&transaction).await?;
    let probes = Probes::lay_out(&transaction, &[asker.name]).await?;
    let found = match probes.look(&transaction, asker).await {
        Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
            tracing::info!(code = error.sqlstate(), "a policy on realtime.messages failed");
            (Hears::NOTHING, snapshot)
        }
        found => found?,
    };
    transaction.rollback().await?;
    Ok(found)
}

/// Whose rights in a private channel are in doubt.
#[derive(Debug)]
pub struct Doubt<'a> {
    /// The person.
    pub asker: Asker<'a>,
    /// Whether that includes the right to be present.
    pub presence: bool,
}

/// What came of a doubt.
#[derive(Debug)]
pub enum Answer {
    /// What the policies say now.
    Rights {
        /// What the person may hear.
        hears: Hears,
        /// Whether they may be present, if that was in doubt.
        may_be_present: Option<bool>,
        /// What was seen when it was asked.
        snapshot: Snapshot,
    },
    /// A policy raised, which grants nothing.
    Failed,
    /// A policy took too long.
    Undecided(Error),
    /// Somebody held a lock on what the policies read.
    Locked,
}

/// Asks again about many, in one transaction that leaves nothing behind. Whatever policies do to
/// one of them does not harm the others; nobody takes longer than `limit`.
///
/// # Errors
/// The database cannot be asked about anybody.
pub async fn ask_again(
    pg: &Pg,
    doubts: &[Doubt<'_>],
    limit: Duration,
) -> Result<Vec<Answer>, Error> {
    let limit_ms = limit.as_millis().to_string();
    let lock_limit_ms = (limit / 2).as_millis().to_string();
    let session = Session::own(names::REALTIME_ROLE)
        .set("statement_timeout", &limit_ms)
        .set("lock_timeout", &lock_limit_ms);
    let transaction = pg.begin(&session).await?;
    let mut topics: Vec<&str> = doubts.iter().map(|doubt| doubt.asker.name).collect();
    topics.sort_unstable();
    topics.dedup();
    let probes = Probes::lay_out(&transaction, &topics).await?;
    transaction.execute("savepoint doubt").await?;
    let mut answers = Vec::with_capacity(doubts.len());
    for doubt in doubts {
        let answer = probes.resolve(&transaction, doubt).await;
        let error = match answer {
            Ok(answer) => {
                answers.push(answer);
                continue;
            }
            Err(error) if error.sqlstate().is_none() => return Err(error),
            Err(error) => error,
        };
        transaction.execute("rollback to savepoint doubt").await?;
        answers.push(match error {
            error if error.is_locked() => Answer::Locked,
            error if error.is_passing() => Answer::Undecided(error),
            _ => Answer::Failed,
        });
    }
    transaction.rollback().await?;
    Ok(answers)
}

/// Rows that are looked for by whoever asks about their topic; never kept.
struct Probes {
    /// By topic, their ids as an array.
    ids: HashMap<String, String>,
}

impl Probes {
    async fn lay_out(transaction: &Transaction, topics: &[&str]) -> Result<Self, Error> {
        let rows = transaction
            .query(
                "with probe as (
                   insert into realtime.messages (topic, extension, private)
                   select topic, extension, true
                     from unnest($1::text[]) as topic, unnest(array['broadcast', 'presence']) as extension
                   returning topic, id
                 )
                 select topic, array_agg(id)::text from probe group by topic",
                &[&topics],
            )
            .await?;
        Ok(Self { ids: rows.iter().map(|row| (row.get(0), row.get(1))).collect() })
    }

    /// What somebody finds of them.
    async fn look(
        &self,
        transaction: &Transaction,
        asker: Asker<'_>,
    ) -> Result<(Hears, Snapshot), Error> {
        transaction.become_person(&asker.session()).await?;
        let rows = transaction
            .query_text(
                "select pg_current_snapshot()::text,
                        array(select extension from realtime.messages where id = any ($1))",
                &[self.ids.get(asker.name).map(String::as_str)],
            )
            .await?;
        let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
        let found: Vec<&str> = row.get(1);
        let hears = Hears {
            broadcasts: found.contains(&"broadcast"),
            presence: found.contains(&"presence"),
        };
        Ok((hears, read_snapshot(row.get(0))?))
    }

    async fn resolve(&self, transaction: &Transaction, doubt: &Doubt<'_>) -> Result<Answer, Error> {
        let (hears, snapshot) = self.look(transaction, doubt.asker).await?;
        if !doubt.presence {
            return Ok(Answer::Rights { hears, may_be_present: None, snapshot });
        }
        let may_be_present = match insert(transaction, doubt.asker.name, "presence").await {
            Ok(()) => true,
            Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
                transaction.execute("rollback to savepoint doubt").await?;
                false
            }
            Err(error) => return Err(error),
        };
        Ok(Answer::Rights { hears, may_be_present: Some(may_be_present), snapshot })
    }
}

/// Asks the policies of realtime.messages whether someone may write to a private channel
/// (extension `broadcast`: speak; `presence`: be present), by trying to insert a row that is
/// never kept. Gives what was seen while they were asked, too.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_write(
    pg: &Pg,
    asker: Asker<'_>,
    extension: &str,
) -> Result<(bool, Snapshot), Error> {
    let (inserted, snapshot) = try_insert(pg, asker, extension).await?;
    match inserted {
        Ok(()) => Ok((true, snapshot)),
        Err(error @ Error::Refused(_)) => {
            if error.sqlstate() != Some("42501") {
                tracing::info!(code = error.sqlstate(), "a policy on realtime.messages failed");
            }
            Ok((false, snapshot))
        }
        Err(error) => Err(error),
    }
}

/// As [`may_write`], for whoever wants to know why not.
///
/// # Errors
/// Why not (SQLSTATE 42501 when a policy says no), or the database cannot be asked.
pub async fn try_to_write(pg: &Pg, asker: Asker<'_>, extension: &str) -> Result<(), Error> {
    try_insert(pg, asker, extension).await?.0
}

async fn try_insert(
    pg: &Pg,
    asker: Asker<'_>,
    extension: &str,
) -> Result<(Result<(), Error>, Snapshot), Error> {
    let transaction = pg.begin(&asker.session()).await?;
    let snapshot = snapshot(&transaction).await?;
    let inserted = insert(&transaction, asker.name, extension).await;
    transaction.rollback().await?;
    Ok((inserted, snapshot))
}

async fn insert(transaction: &Transaction, topic: &str, extension: &str) -> Result<(), Error> {
    let insert = "insert into realtime.messages (topic, extension, private) values ($1, $2, true)";
    transaction.query_text(insert, &[Some(topic), Some(extension)]).await.map(drop)
}

/// What can be seen now; later statements of the transaction see no less.
async fn snapshot(transaction: &Transaction) -> Result<Snapshot, Error> {
    let rows = transaction.query_text("select pg_current_snapshot()::text", &[]).await?;
    let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
    read_snapshot(row.get(0))
}

fn read_snapshot(text: &str) -> Result<Snapshot, Error> {
    Snapshot::read(text).ok_or_else(|| Error::Down("no snapshot".into()))
}

/// Asks until the answer has seen all of `told`: a commit is in the log a moment before others
/// see it.
///
/// # Errors
/// What asking gives, or that it went on for too long.
pub(super) async fn settled<T, F: Future<Output = Result<T, Error>>>(
    told: &Unsettled,
    seen: impl Fn(&T) -> &Snapshot,
    mut ask: impl FnMut() -> F,
) -> Result<T, Error> {
    let asked = async {
        loop {
            let answer = ask().await?;
            if told.are_in(seen(&answer)) {
                return Ok(answer);
            }
            tokio::time::sleep(SETTLE_WAIT).await;
        }
    };
    timeout(SETTLE_TIMEOUT, asked).await.unwrap_or(Err(Error::Busy))
}

/// Oid of realtime.messages.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn messages_oid(pool: &Pool) -> Result<u32, Error> {
    let client = pool.get().await?;
    Ok(client.query_one("select 'realtime.messages'::regclass::oid", &[]).await?.try_get(0)?)
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
) -> Result<(Vec<Broadcast>, Reading), Error> {
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
        Some(Reading { snapshot: Snapshot::read(row.get(0))?, end })
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

/// What can be seen now.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn look(pool: &Pool) -> Result<Snapshot, Error> {
    let client = pool.get().await?;
    let statement = client.prepare_cached("select pg_current_snapshot()::text").await?;
    let row = client.query_one(&statement, &[]).await?;
    Snapshot::read(row.try_get(0)?).ok_or_else(|| Error::Down("no snapshot".into()))
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
