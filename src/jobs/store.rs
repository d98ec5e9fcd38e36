//! All SQL of this slice: calls of the functions in `jobs.sql`, as the login role.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::blob::Written;
use crate::pg::{Error, Pg, Session, Text, names};

/// A job that this server holds.
pub(super) struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    /// Which attempt this is, from 1.
    pub attempt: i16,
}

/// Takes jobs of these kinds.
pub(super) async fn claim(
    pg: &Pg,
    worker: &str,
    kinds: &[&str],
    up_to: usize,
    lease: Duration,
) -> Result<Vec<Job>, Error> {
    let kinds = format!("{{{}}}", kinds.join(","));
    let (up_to, lease) = (up_to.to_string(), format!("{} seconds", lease.as_secs()));
    let rows = run(
        pg,
        "select id, kind, payload, attempt
           from walkie.claim_jobs($1::text, $2::text[], $3::integer, $4::interval)",
        &[Some(worker), Some(&kinds), Some(&up_to), Some(&lease)],
    )
    .await?;
    let job = |row: &Row| {
        Ok(Job {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            payload: row.try_get("payload")?,
            attempt: row.try_get("attempt")?,
        })
    };
    rows.iter().map(job).collect()
}

/// Says what came of a job; whether it was still this server's.
pub(super) async fn finish(
    pg: &Pg,
    job: &Job,
    worker: &str,
    result: Option<&Value>,
) -> Result<bool, Error> {
    let (id, attempt) = (job.id.to_string(), job.attempt.to_string());
    let result = result.map(Value::to_string);
    let rows = run(
        pg,
        "select walkie.finish_job($1::bigint, $2::text, $3::integer, $4::jsonb)",
        &[Some(&id), Some(worker), Some(&attempt), result.as_deref()],
    )
    .await?;
    rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// What became of the job; nothing when it was no longer this server's.
pub(super) async fn fail(
    pg: &Pg,
    job: &Job,
    worker: &str,
    why: &str,
    is_final: bool,
) -> Result<Option<String>, Error> {
    let (id, attempt, is_final) =
        (job.id.to_string(), job.attempt.to_string(), is_final.to_string());
    let rows = run(
        pg,
        "select walkie.fail_job($1::bigint, $2::text, $3::integer, $4::text, $5::boolean)",
        &[Some(&id), Some(worker), Some(&attempt), Some(why), Some(&is_final)],
    )
    .await?;
    rows.first().map_or(Ok(None), |row| Ok(row.try_get(0)?))
}

/// Frees what lost servers held, and gives how many.
pub(super) async fn sweep(pg: &Pg) -> Result<i32, Error> {
    let rows = run(pg, "select walkie.sweep_jobs()", &[]).await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

/// Calls one function that is due: its name, and why it failed if it did.
pub(super) async fn run_due_schedule(pg: &Pg) -> Result<Option<(String, Option<String>)>, Error> {
    let rows = run(pg, "select name, error from walkie.run_due_schedule()", &[]).await?;
    let ran = |row: &Row| Ok((row.try_get("name")?, row.try_get("error")?));
    rows.first().map(ran).transpose()
}

/// Tells the database what this server can do besides, or that it cannot.
pub(super) async fn offer(pg: &Pg, name: &str, value: Option<&str>) -> Result<(), Error> {
    run(pg, "select walkie.offer($1::text, $2::text)", &[Some(name), value]).await?;
    Ok(())
}

/// Where a browser is woken and its keys, as JSON.
pub(super) enum PushTarget {
    /// Since a moment ago.
    Plain(String),
    /// From then on.
    Sealed(String),
}

/// A subscription, unless it is gone.
pub(super) async fn push_target(pg: &Pg, id: &str) -> Result<Option<PushTarget>, Error> {
    let sql = "select plain, sealed from walkie.push_target($1::uuid)";
    let rows = run(pg, sql, &[Some(id)]).await?;
    let target = |row: &Row| {
        Ok(match row.try_get("plain")? {
            Some(plain) => PushTarget::Plain(plain),
            None => PushTarget::Sealed(row.try_get("sealed")?),
        })
    };
    rows.first().map(target).transpose()
}

/// Keeps a subscription sealed, unless it is another by now.
pub(super) async fn seal_push_target(
    pg: &Pg,
    id: &str,
    plain: &str,
    sealed: &str,
) -> Result<(), Error> {
    let sql = "select walkie.seal_push_target($1::uuid, $2::text, $3::text)";
    run(pg, sql, &[Some(id), Some(plain), Some(sealed)]).await?;
    Ok(())
}

/// Forgets a subscription.
pub(super) async fn drop_push_target(pg: &Pg, id: &str) -> Result<(), Error> {
    run(pg, "select walkie.drop_push_target($1::uuid)", &[Some(id)]).await?;
    Ok(())
}

/// Says that this server has a scanner: from now on files wait for one.
pub(super) async fn note_scanner(pg: &Pg) -> Result<(), Error> {
    run(pg, "select storage.note_scanner('clamd')", &[]).await?;
    Ok(())
}

/// Whether the same bytes were looked at before, by the same scanner with the same signatures;
/// then its verdict holds for these too.
pub(super) async fn reuse_verdict(pg: &Pg, version: Uuid, engine: &str) -> Result<bool, Error> {
    let version = version.to_string();
    let sql = "select storage.reuse_verdict($1::uuid, $2::text)";
    let rows = run(pg, sql, &[Some(&version), Some(engine)]).await?;
    rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Writes down what a scanner said: a verdict, and what was found.
pub(super) async fn record_verdict(
    pg: &Pg,
    version: Uuid,
    (verdict, signature): (&str, Option<&str>),
    engine: &str,
) -> Result<(), Error> {
    let version = version.to_string();
    let sql = "select storage.record_verdict($1::uuid, $2::text, $3::text, $4::text)";
    run(pg, sql, &[Some(&version), Some(verdict), Some(engine), signature]).await?;
    Ok(())
}

/// Notes bytes to come in the ledger; they have an hour.
pub(super) async fn open_blob(pg: &Pg, version: Uuid) -> Result<(), Error> {
    let sql = "select storage.open_blob($1::uuid, interval '1 hour')::text";
    let session = Session::own(names::STORAGE_ROLE);
    pg.run(&session, sql, &[Some(&version.to_string())]).await?;
    Ok(())
}

/// Writes down how large a picture is, and what takes the place of its bytes.
pub(super) async fn settle_picture(
    pg: &Pg,
    version: Uuid,
    (width, height): (u32, u32),
    is_bare: bool,
    replacement: Option<&(Uuid, Written)>,
) -> Result<(), Error> {
    let (version, is_bare) = (version.to_string(), is_bare.to_string());
    let (width, height) = (width.to_string(), height.to_string());
    let name = replacement.map(|(name, _)| name.to_string());
    let written = replacement.map(|(_, written)| written);
    let size = written.map(|written| written.size.to_string());
    let sql = "select storage.settle_picture($1::uuid, $2::integer, $3::integer, $4::boolean, $5::uuid, $6::bigint,
                                             $7::text, $8::text)::text";
    let params = [
        Some(version.as_str()),
        Some(width.as_str()),
        Some(height.as_str()),
        Some(is_bare.as_str()),
        name.as_deref(),
        size.as_deref(),
        written.map(|written| written.tag.as_str()),
        written.map(|written| written.sha256.as_str()),
    ];
    run(pg, sql, &params).await?;
    Ok(())
}

/// Puts a message into the inbox.
pub(super) async fn receive(
    pg: &Pg,
    from: &str,
    to: &str,
    subject: &str,
    text: &str,
    html: &str,
) -> Result<(), Error> {
    run(
        pg,
        "select walkie.receive_mail($1::text, $2::text, $3::text, $4::text, $5::text)",
        &[Some(from), Some(to), Some(subject), Some(text), Some(html)],
    )
    .await?;
    Ok(())
}

/// A message of the inbox.
pub(super) struct Received {
    pub id: i64,
    pub sender: String,
    pub recipient: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// RFC 3339.
    pub at: String,
}

/// How many messages there are in the inbox, and some of them, the newest first; only those of a
/// recipient when one is named. Both are of one moment.
pub(super) async fn received(
    pg: &Pg,
    recipient: Option<&str>,
    offset: u32,
    limit: u32,
) -> Result<(i64, Vec<Received>), Error> {
    let (offset, limit) = (offset.to_string(), limit.to_string());
    let rows = run(
        pg,
        "with mine as (
           select id, sender, recipient, subject, plain, html, received_at
             from walkie.inbox
            where recipient = lower($1::text) or $1::text is null)
         select counted.total, shown.*
           from (select count(*) as total from mine) counted
           left join (select id, sender, recipient, subject, plain, html,
                             to_char(received_at at time zone 'UTC',
                                     'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as at
                        from mine
                       order by id desc
                      offset $2::bigint limit $3::bigint) shown on true
          order by shown.id desc",
        &[recipient, Some(&offset), Some(&limit)],
    )
    .await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
    // Where none is shown, one row tells the number alone.
    let is_shown = |row: &&Row| matches!(row.try_get::<_, Option<i64>>("id"), Ok(Some(_)));
    Ok((total, rows.iter().filter(is_shown).map(message).collect::<Result<_, Error>>()?))
}

/// One message; the newest when no id is given.
pub(super) async fn find_received(pg: &Pg, id: Option<i64>) -> Result<Option<Received>, Error> {
    let id = id.map(|id| id.to_string());
    let rows = run(
        pg,
        "select id, sender, recipient, subject, plain, html,
                to_char(received_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as at
           from walkie.inbox
          where id = $1::bigint or $1::bigint is null
          order by id desc
          limit 1",
        &[id.as_deref()],
    )
    .await?;
    rows.first().map(message).transpose()
}

/// Empties the inbox.
pub(super) async fn clear_inbox(pg: &Pg) -> Result<(), Error> {
    run(pg, "delete from walkie.inbox", &[]).await?;
    Ok(())
}

fn message(row: &Row) -> Result<Received, Error> {
    Ok(Received {
        id: row.try_get("id")?,
        sender: row.try_get("sender")?,
        recipient: row.try_get("recipient")?,
        subject: row.try_get("subject")?,
        text: row.try_get("plain")?,
        html: row.try_get("html")?,
        at: row.try_get("at")?,
    })
}

async fn run(pg: &Pg, sql: &str, params: &[Text<'_>]) -> Result<Vec<Row>, Error> {
    pg.run(&Session::own(names::LOGIN_ROLE), sql, params).await
}
