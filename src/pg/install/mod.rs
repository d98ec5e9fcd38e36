//! Makes the database right: one lock, one transaction, both histories, everything restated.
//!
//! Order: advisory lock, platform tables, platform functions, product tables, `sql/`,
//! `policies/`, sweep, fingerprint, `notify pgrst`. All of it is one transaction, so a failing
//! file leaves the database as it was. What is restated is skipped while its fingerprint is
//! unchanged.

mod ledger;
pub mod manifest;
mod statements;

use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::error::{DbError, ErrorPosition};

use super::names;
use manifest::{File, Part};

/// How long the installer waits for locks that running work holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// What a DBA should know of an installed database.
const CHECK: &str = include_str!("check.sql");

/// What the server needs of the database and of its login role.
const REQUIREMENTS: &str = include_str!("requirements.sql");

/// An installation that failed; the database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was refused.
    #[error("{file}{}: {message}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    File {
        /// Path of the file.
        file: String,
        /// Line in it, from 1.
        line: Option<usize>,
        /// What Postgres said.
        message: String,
    },
    /// The histories in the database and in the binary disagree.
    #[error("{0}")]
    History(String),
    /// The role may not install, or there is something else outside of the files.
    #[error("walkie migrate must do it, as a role that may create roles and schemas")]
    Database(#[from] super::Error),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Something to mend, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `error` when the server cannot work, else `warning`.
    pub severity: String,
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub finding: String,
    /// The SQL or setting that mends it.
    pub remedy: String,
}

/// Brings the database to this binary's version. Gives whether anything was changed.
///
/// Several processes may call this at once: one works, the others wait and find it done.
///
/// # Errors
/// A file fails (named with its line), or the connection's role may not install.
pub async fn install(client: &Client, platform_only: bool) -> Result<bool, Error> {
    client.batch_execute(&format!("select pg_advisory_lock({})", names::INSTALL_LOCK)).await?;
    let outcome = install_locked(client, platform_only).await;
    if outcome.is_err() {
        client.batch_execute("rollback").await?;
    }
    client.batch_execute(&format!("select pg_advisory_unlock({})", names::INSTALL_LOCK)).await?;
    outcome
}

async fn install_locked(client: &Client, platform_only: bool) -> Result<bool, Error> {
    let parts = parts(platform_only);
    if is_current(client, &parts).await? {
        return Ok(false);
    }
    client
        .batch_execute(&format!(
            "begin;
             set local lock_timeout = {};
             set local statement_timeout = 0;
             set local check_function_bodies = off;
             set local client_min_messages = warning;
             create schema if not exists {schema};
             create table if not exists {schema}.installation (
               part         text primary key,
               fingerprint  text not null,
               version      text not null,
               installed_at timestamptz not null
             );
             comment on schema {schema} is 'What the walkie binary has installed here';
             comment on table {schema}.installation is
               'One row a part: a hash of all its files, and the version that installed it';
             grant usage on schema {schema} to public;
             grant select on {schema}.installation to public;",
            LOCK_TIMEOUT.as_millis(),
            schema = names::LEDGER_SCHEMA,
        ))
        .await?;
    for part in &parts {
        ledger::migrate(client, part).await?;
        for file in &part.restated {
            run(client, file).await?;
        }
        client
            .execute(
                &format!(
                    "insert into {}.installation (part, fingerprint, version, installed_at)
                     values ($1, $2, $3, now())
                     on conflict (part) do update
                     set fingerprint = excluded.fingerprint,
                         version = excluded.version,
                         installed_at = excluded.installed_at",
                    names::LEDGER_SCHEMA
                ),
                &[&part.name, &fingerprint(part), &env!("CARGO_PKG_VERSION")],
            )
            .await?;
    }
    client
        .batch_execute(&format!("notify {}, 'reload schema'; commit", names::RELOAD_CHANNEL))
        .await?;
    Ok(true)
}

/// Whether the database is at this binary's version.
///
/// # Errors
/// The database cannot be asked.
pub async fn is_installed(client: &Client, platform_only: bool) -> Result<bool, Error> {
    is_current(client, &parts(platform_only)).await
}

/// The whole installed SQL, in order, ready for psql.
pub fn schema(platform_only: bool) -> String {
    let mut text = String::new();
    for file in
        parts(platform_only).iter().flat_map(|part| part.migrations.iter().chain(&part.restated))
    {
        let _ = write!(text, "-- {file}\n\n{}\n", file.text);
    }
    text
}

/// What the server lacks to work with this database and login role; empty when nothing.
///
/// # Errors
/// The database cannot be asked.
pub async fn requirements(client: &Client) -> Result<Vec<Finding>, Error> {
    findings(client, REQUIREMENTS).await
}

/// Drift that a DBA should know of; empty when nothing.
///
/// # Errors
/// The database cannot be asked.
pub async fn check(client: &Client) -> Result<Vec<Finding>, Error> {
    findings(client, CHECK).await
}

async fn findings(client: &Client, sql: &str) -> Result<Vec<Finding>, Error> {
    let rows = client.query(sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Finding {
            severity: row.get("severity"),
            subject: row.get("subject"),
            finding: row.get("finding"),
            remedy: row.get("remedy"),
        })
        .collect())
}

fn parts(platform_only: bool) -> Vec<Part> {
    let mut parts = vec![manifest::platform()];
    if !platform_only {
        parts.push(manifest::product());
    }
    parts
}

async fn is_current(client: &Client, parts: &[Part]) -> Result<bool, Error> {
    let record = format!("{}.installation", names::LEDGER_SCHEMA);
    let exists: bool =
        client.query_one("select to_regclass($1) is not null", &[&record]).await?.get(0);
    if !exists {
        return Ok(false);
    }
    for part in parts {
        let row = client
            .query_opt(&format!("select fingerprint from {record} where part = $1"), &[&part.name])
            .await?;
        if row.is_none_or(|row| row.get::<_, String>(0) != fingerprint(part)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A hash over names and texts of all files of a part.
fn fingerprint(part: &Part) -> String {
    let mut hash = Sha256::new();
    for file in part.migrations.iter().chain(&part.restated) {
        for text in [file.folder, file.name, file.text] {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
    }
    hex::encode(hash.finalize())
}

/// Runs a file's statements inside the open transaction.
async fn run(client: &Client, file: &File) -> Result<(), Error> {
    execute(client, file.text).await.map_err(|failure| failure.of(file))
}

/// A text that Postgres refused, before it is known which file it came from.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Failure {
    line: Option<usize>,
    message: String,
}

impl Failure {
    fn of(self, file: &File) -> Error {
        Error::File { file: file.to_string(), line: self.line, message: self.message }
    }
}

/// Runs a text of many statements in one go; a failure knows its line from the position that
/// Postgres names, else from how many statements had succeeded.
async fn execute(client: &Client, sql: &str) -> Result<(), Failure> {
    use futures_util::TryStreamExt;
    let mut done = 0;
    let outcome = async {
        let mut answers = std::pin::pin!(client.simple_query_raw(sql).await?);
        while let Some(answer) = answers.try_next().await? {
            done += usize::from(matches!(
                answer,
                tokio_postgres::SimpleQueryMessage::CommandComplete(_)
            ));
        }
        Ok::<_, tokio_postgres::Error>(())
    }
    .await;
    outcome.map_err(|error| match error.as_db_error() {
        Some(refused) => Failure {
            line: match refused.position() {
                Some(ErrorPosition::Original(position)) => {
                    Some(statements::line_of(sql, *position as usize))
                }
                _ => statements::first_lines(sql).get(done).copied(),
            },
            message: describe(refused),
        },
        None => Failure { line: None, message: error.to_string() },
    })
}

fn describe(error: &DbError) -> String {
    let mut text = format!("{} ({})", error.message(), error.code().code());
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        let _ = write!(text, "\n  {more}");
    }
    text
}
