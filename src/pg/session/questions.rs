//! Questions asked as many people at once: one read-only snapshot, one round trip.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;

use deadpool_postgres::{Object, Pool};
use futures_util::{future, poll};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::super::Error;
use super::awaited;
use super::lease::Lease;
use crate::identity::Identity;

/// A question to be asked as one person: a statement with one text parameter.
#[derive(Debug)]
pub struct Question<'a> {
    /// As whom.
    pub identity: &'a Identity,
    /// Parsed as the login role, planned and run as the person.
    pub sql: &'a str,
    /// Value of `$1`.
    pub param: &'a str,
}

/// What came of [`ask_each`].
#[derive(Debug)]
pub struct Answers {
    /// `pg_current_snapshot()` of the transaction: what all answers saw.
    pub snapshot: String,
    /// One a question, in order. After the first error the others fail as its aftermath.
    pub answers: Vec<Result<Vec<Row>, Error>>,
}

/// Asks each question as its person, all in one read-only snapshot and one round trip.
///
/// Isolated, an error leaves the other answers alone, for the price of a savepoint a question.
///
/// A statement that does not parse is its question's answer.
///
/// # Errors
/// Postgres cannot be reached.
pub async fn ask_each(
    pool: &Pool,
    questions: &[Question<'_>],
    isolated: bool,
) -> Result<Answers, Error> {
    let mut lease = Lease::take(pool).await?;
    let mut answers = ask_on(&lease, questions, isolated).await;
    if answers.as_ref().is_ok_and(Answers::has_refusal) {
        for question in questions {
            lease.statement_cache.remove(question.sql, &[]);
        }
        answers = ask_on(&lease, questions, isolated).await;
    }
    lease.settled = answers.is_ok() || lease.rolled_back().await;
    answers
}

impl Answers {
    /// Whether some right is missing. Postgres parses a statement anew when definitions have
    /// changed, as whoever runs it then: a person may not enter every schema that it names. One
    /// that is prepared now is parsed as the login role again.
    fn has_refusal(&self) -> bool {
        self.answers.iter().any(|answer| answer.as_ref().is_err_and(is_refusal))
    }
}

fn is_refusal(error: &Error) -> bool {
    error.sqlstate() == Some(SqlState::INSUFFICIENT_PRIVILEGE.code())
}

async fn ask_on(
    client: &Object,
    questions: &[Question<'_>],
    isolated: bool,
) -> Result<Answers, Error> {
    let mut statements = Vec::with_capacity(questions.len());
    for question in questions {
        statements.push(match client.prepare_cached(question.sql).await.map_err(Error::from) {
            Err(error) if error.sqlstate().is_none() => return Err(error),
            statement => statement,
        });
    }
    ask_prepared(client, questions, statements, isolated).await
}

/// Questions are planned once, and not five times before Postgres finds that once was enough.
const TAKE_SNAPSHOT: &str = "select pg_current_snapshot()::text,
                                    set_config('plan_cache_mode', 'force_generic_plan', true)";

async fn ask_prepared(
    client: &Object,
    questions: &[Question<'_>],
    statements: Vec<Result<Statement, Error>>,
    isolated: bool,
) -> Result<Answers, Error> {
    let become_person = client
        .prepare_cached(
            "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
        )
        .await?;
    let take_snapshot = client.prepare_cached(TAKE_SNAPSHOT).await?;

    // The first poll of each future sends it; answers come back in the same order.
    let mut begin = pin!(client.batch_execute("begin isolation level repeatable read read only"));
    let begun = poll!(begin.as_mut());
    let mut snapshot = pin!(client.query_one(&take_snapshot, &[]));
    let seen = poll!(snapshot.as_mut());
    let mut sent = Vec::with_capacity(questions.len());
    let mut last: Option<&Identity> = None;
    for (question, statement) in questions.iter().zip(statements) {
        // What a savepoint undoes includes the role.
        let put_on = (isolated || last != Some(question.identity)).then_some(&become_person);
        if statement.is_ok() {
            last = Some(question.identity);
        }
        let mut asked = Box::pin(ask(client, put_on, question, statement, isolated));
        sent.push((poll!(asked.as_mut()), asked));
    }
    let mut commit = pin!(client.batch_execute("commit"));
    let ended = poll!(commit.as_mut());

    awaited(begun, begin).await?;
    let snapshot = awaited(seen, snapshot).await?.try_get(0)?;
    let mut answers = Vec::with_capacity(sent.len());
    for (first, rest) in sent {
        answers.push(awaited(first, rest).await);
    }
    awaited(ended, commit).await?;
    Ok(Answers { snapshot, answers })
}

async fn ask(
    client: &Object,
    put_on: Option<&Statement>,
    question: &Question<'_>,
    statement: Result<Statement, Error>,
    isolated: bool,
) -> Result<Vec<Row>, Error> {
    let statement = statement?;
    let role = question.identity.role.as_ref();
    let claims = question.identity.claims.as_ref();
    let params: [&(dyn ToSql + Sync); 2] = [&role, &claims];
    let param: [&(dyn ToSql + Sync); 1] = [&question.param];
    let execute = async |sql: Option<&str>| match sql {
        Some(sql) => client.batch_execute(sql).await,
        None => Ok(()),
    };
    let (marked, became, rows, undone) = future::join4(
        execute(isolated.then_some("savepoint question")),
        async {
            match put_on {
                Some(become_person) => client.query(become_person, &params).await.map(drop),
                None => Ok(()),
            }
        },
        client.query(&statement, &param),
        execute(isolated.then_some("rollback to savepoint question")),
    )
    .await;
    marked?;
    became?;
    let rows = rows?;
    undone?;
    Ok(rows)
}

/// One question for many people of one role, each with a text parameter of their own.
#[derive(Debug)]
pub struct Survey<'a> {
    /// Their role.
    pub role: &'a str,
    /// Parsed as the login role, planned and run as the role; gives an array of booleans.
    pub sql: &'a str,
    /// The body of a `do` that asks the same about one row, if there is one: it finds the claims
    /// of everybody in `walkie.claims` and the parameter in `walkie.rows`, and leaves a `t` or `f`
    /// for each in `walkie.answers`. Parsed, planned and run as the role.
    pub body: Option<&'a str>,
    /// Each person's claims.
    pub claims: Vec<&'a str>,
    /// Value of `$1` for each of them.
    pub params: Vec<&'a str>,
}

/// People for whom it pays to have a `do` compiled.
const MIN_POLL: usize = 50;

impl Survey<'_> {
    /// The body and the parameter when everybody asks about the same, and they are many.
    fn poll(&self) -> Option<(&str, &str)> {
        let (first, rest) = self.params.split_first()?;
        let is_poll = self.params.len() >= MIN_POLL && rest.iter().all(|param| param == first);
        Some((self.body.filter(|_| is_poll)?, first))
    }

    /// Under which its statement is prepared.
    fn name(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.sql.hash(&mut hasher);
        format!("walkie question {:016x}", hasher.finish())
    }
}

/// Asks a survey in one read-only snapshot and one round trip: gives `pg_current_snapshot()`,
/// and each person's answer.
///
/// # Errors
/// Postgres cannot be reached, the role may not be put on, or the question failed for somebody.
pub async fn survey(pool: &Pool, survey: &Survey<'_>) -> Result<(String, Vec<Vec<bool>>), Error> {
    let mut lease = Lease::take(pool).await?;
    if let Some((body, row)) = survey.poll() {
        let answered = poll_on(&lease, survey, body, row).await;
        lease.settled = answered.is_ok() || lease.rolled_back().await;
        // The role may not enter a schema that the question names, or not write blocks.
        if !(answered.as_ref().is_err_and(is_refusal) && lease.settled) {
            return answered;
        }
        lease.settled = false;
    }
    let mut answered = survey_on(&lease, survey).await;
    if answered.as_ref().is_err_and(is_refusal) && lease.rolled_back().await {
        // As in ask_each. Where it is not prepared at all, there is nothing to give up.
        let _ = lease.batch_execute(&format!("deallocate \"{}\"", survey.name())).await;
        answered = survey_on(&lease, survey).await;
    }
    lease.settled = answered.is_ok() || lease.rolled_back().await;
    answered
}

async fn poll_on(
    client: &Object,
    survey: &Survey<'_>,
    body: &str,
    row: &str,
) -> Result<(String, Vec<Vec<bool>>), Error> {
    let take_snapshot = client
        .prepare_cached(
            "select pg_current_snapshot()::text,
                    set_config('plan_cache_mode', 'force_generic_plan', true),
                    set_config('walkie.rows', $1, true),
                    set_config('walkie.claims', ($2::text[])::text, true),
                    set_config('role', $3, true)",
        )
        .await?;
    let read_answers = client.prepare_cached("select current_setting('walkie.answers')").await?;
    let ask_all = format!("do E'{}'", body.replace('\\', "\\\\").replace('\'', "''"));
    let params: [&(dyn ToSql + Sync); 3] = [&row, &survey.claims, &survey.role];
    let (begun, snapshot, asked, answers, ended) = future::join5(
        client.batch_execute("begin isolation level repeatable read read only"),
        client.query_one(&take_snapshot, &params),
        client.batch_execute(&ask_all),
        client.query_one(&read_answers, &[]),
        client.batch_execute("commit"),
    )
    .await;
    begun?;
    let snapshot = snapshot?.try_get(0)?;
    asked?;
    let answers: String = answers?.try_get(0)?;
    ended?;
    Ok((snapshot, answers.chars().map(|answer| vec![answer == 't']).collect()))
}

async fn survey_on(
    client: &Object,
    survey: &Survey<'_>,
) -> Result<(String, Vec<Vec<bool>>), Error> {
    let take_snapshot = client
        .prepare_cached(
            "select pg_current_snapshot()::text, realtime.prepare_question($1, $2),
                    set_config('role', $3, true)",
        )
        .await?;
    let ask_all = client.prepare_cached("select realtime.ask_each($1, $2, $3)").await?;
    let name = survey.name();
    let begin_params: [&(dyn ToSql + Sync); 3] = [&name, &survey.sql, &survey.role];
    let ask_params: [&(dyn ToSql + Sync); 3] = [&name, &survey.claims, &survey.params];
    let (begun, snapshot, answers, ended) = future::join4(
        client.batch_execute("begin isolation level repeatable read read only"),
        client.query_one(&take_snapshot, &begin_params),
        client.query_one(&ask_all, &ask_params),
        client.batch_execute("commit"),
    )
    .await;
    begun?;
    let snapshot = snapshot?.try_get(0)?;
    let answers: Vec<String> = answers?.try_get(0)?;
    ended?;
    // Each answer is an array literal: {t,f}.
    let read = |answer: &String| {
        answer.chars().filter(|c| matches!(c, 't' | 'f')).map(|c| c == 't').collect()
    };
    Ok((snapshot, answers.iter().map(read).collect()))
}
