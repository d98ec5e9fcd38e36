//! The one door as a user: begin, role and claims, work, commit or roll back.
//!
//! Nothing else in the house puts on a role. A single statement costs one round trip once its
//! connection knows it: everything from `begin` to `commit` is sent before the first answer is
//! awaited. The first time a connection meets a statement it costs two, because the statement
//! must be parsed as the person (schemas they may not enter must not be found).
//!
//! Work may be left in the middle at every await: `lease` sees to it that nothing of it remains.
//! `questions` asks as many people in one transaction; in a `relay` several speak in turn; on the
//! `lanes` small reads of many people follow each other.

pub(super) mod lanes;
mod lease;
mod questions;
mod relay;

use std::fmt::Write as _;
use std::pin::pin;
use std::task::Poll;

use bytes::BytesMut;
use deadpool_postgres::{Object, Pool};
use futures_util::{future, poll};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Row, RowStream, Statement};

use super::Error;
use crate::identity::Identity;
use lease::Lease;

pub use questions::{Answers, Question, Survey, ask_each, survey};
pub use relay::{Leg, relay};

/// A value sent as text; Postgres reads it as whatever type the place asks for.
pub type Text<'a> = Option<&'a str>;

/// As whom, and under which settings, a transaction runs.
#[derive(Debug, Clone)]
pub struct Session<'a> {
    /// Database role.
    pub role: &'a str,
    /// Settings local to the transaction that the server itself may set: before the role is put
    /// on.
    pub own_settings: Vec<(&'a str, &'a str)>,
    /// Settings local to the transaction, such as `request.jwt.claims`.
    pub settings: Vec<(&'a str, &'a str)>,
    /// How far the transaction stands apart from others; the connection's default when nothing
    /// is said.
    pub isolation: Option<Isolation>,
    /// A statement without parameters that runs before the work, as the role.
    pub first: Option<&'a str>,
    /// Whether writing is refused by Postgres.
    pub read_only: bool,
    /// Whether the work is undone in the end, though it succeeded.
    pub undone: bool,
}

/// How far a transaction stands apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl Isolation {
    /// A value of `default_transaction_isolation`; Postgres knows no lower one than the first.
    pub fn read(value: &str) -> Self {
        match value.to_ascii_lowercase().as_str() {
            "repeatable read" => Self::RepeatableRead,
            "serializable" => Self::Serializable,
            _ => Self::ReadCommitted,
        }
    }
}

impl<'a> Session<'a> {
    /// A transaction for a person: their role and claims, free to write as far as policies let.
    pub fn person(identity: &'a Identity) -> Self {
        Self::own(&identity.role).set("request.jwt.claims", &identity.claims)
    }

    /// A transaction for one of the server's own roles.
    pub fn own(role: &'a str) -> Self {
        Self {
            role,
            own_settings: Vec::new(),
            settings: Vec::new(),
            isolation: None,
            first: None,
            read_only: false,
            undone: false,
        }
    }

    /// The same, refusing writes.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn set(mut self, name: &'a str, value: &'a str) -> Self {
        self.settings.push((name, value));
        self
    }

    /// The same with a setting that the server itself may set.
    #[must_use]
    pub fn set_own(mut self, name: &'a str, value: &'a str) -> Self {
        self.own_settings.push((name, value));
        self
    }

    fn begin(&self) -> &'static str {
        match (self.isolation, self.read_only) {
            (None, false) => "begin read write",
            (None, true) => "begin read only",
            (Some(Isolation::ReadCommitted), false) => {
                "begin isolation level read committed read write"
            }
            (Some(Isolation::ReadCommitted), true) => {
                "begin isolation level read committed read only"
            }
            (Some(Isolation::RepeatableRead), false) => {
                "begin isolation level repeatable read read write"
            }
            (Some(Isolation::RepeatableRead), true) => {
                "begin isolation level repeatable read read only"
            }
            (Some(Isolation::Serializable), false) => {
                "begin isolation level serializable read write"
            }
            (Some(Isolation::Serializable), true) => "begin isolation level serializable read only",
        }
    }

    /// What is undone must have been possible: constraints that wait for the end are asked too.
    fn end(&self) -> &'static str {
        if self.undone { "set constraints all immediate; rollback" } else { "commit" }
    }

    /// The role stands between what the server may set and what anybody may.
    fn all_settings(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let role = std::iter::once(("role", self.role));
        self.own_settings.iter().copied().chain(role).chain(self.settings.iter().copied())
    }

    /// Only values are parameters: sending the names too costs Postgres as much again.
    fn settings_sql(&self) -> String {
        let mut sql = String::from("select ");
        for (index, (name, _)) in self.all_settings().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let (name, value) = (name.replace('\'', "''"), index + 1);
            let _ = write!(sql, "{comma}set_config('{name}', ${value}, true)");
        }
        sql
    }

    fn settings_values(&self) -> Vec<&'a str> {
        self.all_settings().map(|(_, value)| value).collect()
    }
}

/// Runs one statement as `session` says and ends as it says.
///
/// `params` are sent as text. An error rolls everything back.
///
/// # Errors
/// Whatever Postgres refuses, or that it cannot be reached.
pub async fn run(
    pool: &Pool,
    session: &Session<'_>,
    sql: &str,
    params: &[Text<'_>],
) -> Result<Vec<Row>, Error> {
    let answers = run_all(pool, session, &[(sql, params)]).await?;
    Ok(answers.into_iter().next().unwrap_or_default())
}

/// As [`run`], for several statements: all are sent before the first answer is awaited. Gives the
/// rows of each.
///
/// # Errors
/// As [`run`]; the first refusal speaks.
pub async fn run_all(
    pool: &Pool,
    session: &Session<'_>,
    work: &[(&str, &[Text<'_>])],
) -> Result<Vec<Vec<Row>>, Error> {
    let mut lease = Lease::take(pool).await?;
    let answers = run_on(&lease, session, work).await;
    lease.settled = answers.is_ok() || lease.rolled_back().await;
    answers
}

async fn run_on(
    client: &Object,
    session: &Session<'_>,
    work: &[(&str, &[Text<'_>])],
) -> Result<Vec<Vec<Row>>, Error> {
    // Postgres knows where a transaction begins and ends as statements too: to read their text
    // each time would cost it a tenth of a small request.
    let begin_statement = client.prepare_cached(session.begin()).await?;
    let settings_statement = client.prepare_cached(&session.settings_sql()).await?;
    let commit = client.prepare_cached("commit").await?;
    // Statements are remembered per role: name look-up asks for the schema rights of the role
    // only when a statement is parsed.
    let texts: Vec<String> = work.iter().map(|(sql, _)| of_role(session.role, sql)).collect();

    let mut begin = pin!(client.query(&begin_statement, &[]));
    let settings_values = session.settings_values();
    let settings_params =
        settings_values.iter().map(|value| value as &(dyn ToSql + Sync)).collect::<Vec<_>>();
    let mut settings = pin!(client.query(&settings_statement, &settings_params));
    // Polling once sends; the answers are awaited together below.
    let begun = poll!(begin.as_mut());
    let set = poll!(settings.as_mut());
    let mut first = pin!(before(client, session.first));
    let prefaced = poll!(first.as_mut());
    let mut prepare = pin!(future::join_all(texts.iter().map(|sql| client.prepare_cached(sql))));
    let prepared = poll!(prepare.as_mut());

    let statements = match prepared {
        Poll::Ready(statements) => known(statements)?,
        Poll::Pending => {
            let (begun, set, prefaced, statements) = future::join4(
                awaited(begun, begin),
                awaited(set, settings),
                awaited(prefaced, first),
                prepare,
            )
            .await;
            begun?;
            set?;
            prefaced?;
            let statements = known(statements)?;
            let (answers, end) =
                future::join(query_all(client, &statements, work), end(client, session, &commit))
                    .await;
            let answers = answers?;
            end?;
            return Ok(answers);
        }
    };
    let (begun, set, prefaced, answers, end) = future::join5(
        awaited(begun, begin),
        awaited(set, settings),
        awaited(prefaced, first),
        query_all(client, &statements, work),
        end(client, session, &commit),
    )
    .await;
    begun?;
    set?;
    prefaced?;
    let answers = answers?;
    end?;
    Ok(answers)
}

/// The text under which a statement is remembered for a role.
fn of_role(role: &str, sql: &str) -> String {
    format!("-- {}\n{sql}", role.replace(['\n', '\r'], " "))
}

/// Statements that Postgres has parsed, or its first refusal.
fn known<E>(statements: Vec<Result<Statement, E>>) -> Result<Vec<Statement>, E> {
    statements.into_iter().collect()
}

/// Sends each statement and awaits the answers to all of them.
async fn query_all(
    client: &tokio_postgres::Client,
    statements: &[Statement],
    work: &[(&str, &[Text<'_>])],
) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    let asked = statements.iter().zip(work);
    let answers = asked.map(|(statement, (_, params))| query(client, statement, params));
    future::join_all(answers).await.into_iter().collect()
}

/// Ends a transaction as its session says.
async fn end(
    client: &tokio_postgres::Client,
    session: &Session<'_>,
    commit: &Statement,
) -> Result<(), tokio_postgres::Error> {
    if session.undone {
        return client.batch_execute(session.end()).await;
    }
    client.query(commit, &[]).await.map(drop)
}

/// Runs what comes before the work, if anything does.
async fn before(
    client: &tokio_postgres::Client,
    sql: Option<&str>,
) -> Result<(), tokio_postgres::Error> {
    match sql {
        Some(sql) => client.batch_execute(sql).await,
        None => Ok(()),
    }
}

/// The answer of something already polled once.
async fn awaited<T>(first: Poll<T>, rest: impl Future<Output = T>) -> T {
    match first {
        Poll::Ready(answer) => answer,
        Poll::Pending => rest.await,
    }
}

async fn query(
    client: &tokio_postgres::Client,
    statement: &Statement,
    params: &[Text<'_>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let params: Vec<AsText<'_>> = params.iter().map(|value| AsText(*value)).collect();
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
    client.query(statement, &params).await
}

/// A transaction of several statements. Dropped without an end, it is rolled back.
pub struct Transaction {
    lease: Lease,
    end: &'static str,
}

impl Transaction {
    /// Begins as `session` says.
    ///
    /// # Errors
    /// The role may not be put on, or Postgres cannot be reached.
    pub async fn begin(pool: &Pool, session: &Session<'_>) -> Result<Self, Error> {
        let lease = Lease::take(pool).await?;
        let client = &*lease;
        let statement = client.prepare_cached(&session.settings_sql()).await?;
        let values = session.settings_values();
        let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let (begun, set, prefaced) = future::join3(
            client.batch_execute(session.begin()),
            client.query(&statement, &params),
            before(client, session.first),
        )
        .await;
        begun?;
        set?;
        prefaced?;
        Ok(Self { lease, end: session.end() })
    }

    /// Runs one statement with typed parameters.
    ///
    /// # Errors
    /// Whatever Postgres refuses; the transaction is lost then.
    pub async fn query(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.lease.prepare_cached(sql).await?;
        Ok(self.lease.query(&statement, params).await?)
    }

    /// As [`Transaction::query`], for a statement that gives at most one row.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn query_opt(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement with parameters sent as text.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn query_text(&self, sql: &str, params: &[Text<'_>]) -> Result<Vec<Row>, Error> {
        let statement = self.lease.prepare_cached(sql).await?;
        Ok(query(&self.lease, &statement, params).await?)
    }

    /// As [`Transaction::query_text`], giving rows as they come: Postgres waits for whoever reads
    /// them.
    ///
    /// # Errors
    /// As [`Transaction::query`]; later ones come between the rows.
    pub async fn stream_text(&self, sql: &str, params: &[Text<'_>]) -> Result<RowStream, Error> {
        let statement = self.lease.prepare_cached(sql).await?;
        Ok(self.lease.query_raw(&statement, params.iter().map(|value| AsText(*value))).await?)
    }

    /// Runs statements without parameters or answers.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn execute(&self, sql: &str) -> Result<(), Error> {
        Ok(self.lease.batch_execute(sql).await?)
    }

    /// Goes on as somebody else, until the end of the transaction.
    ///
    /// # Errors
    /// The role may not be put on.
    pub async fn become_person(&self, session: &Session<'_>) -> Result<(), Error> {
        let statement = self.lease.prepare_cached(&session.settings_sql()).await?;
        let values = session.settings_values();
        let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.lease.query(&statement, &params).await?;
        Ok(())
    }

    /// Makes the work durable, unless the session is to be undone.
    ///
    /// # Errors
    /// A deferred constraint refused, or the connection was lost.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.lease.batch_execute(self.end).await?;
        self.lease.settled = true;
        Ok(())
    }

    /// Undoes the work.
    ///
    /// # Errors
    /// The connection was lost; the work is undone all the same.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.lease.batch_execute("rollback").await?;
        self.lease.settled = true;
        Ok(())
    }
}

/// Sends text and lets Postgres read it as the parameter's type.
#[derive(Debug)]
struct AsText<'a>(Text<'a>);

impl ToSql for AsText<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}
