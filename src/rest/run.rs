//! Statement -> answer, inside one session. The only part of the slice that waits.

use futures_util::future;
use serde_json::Value;

use super::error::Error;
use super::plan::Plan;
use super::request::ApiRequest;
use super::statement::{Statement, quote_name};
use crate::config::RestSettings;
use crate::identity::{ANON, Identity};
use crate::pg::{self, Pg, Session};

/// What Postgres answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The body, as text.
    pub body: Option<String>,
    /// Rows in it.
    pub rows: i64,
    /// Rows in all, when they were counted.
    pub total: Option<i64>,
    /// `response.headers`, as a rule left it.
    pub headers: Option<String>,
    /// `response.status`, as a rule left it.
    pub status: Option<String>,
    /// The key of a new row, as JSON.
    pub location: Option<String>,
    /// Rows that an upsert found already there.
    pub updated: Option<i64>,
    /// What a read saw: what it did not see follows from there.
    pub place: Option<String>,
}

/// What Postgres is asked.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The statement that makes the answer.
    pub statement: &'a Statement,
    /// The one whose plan guesses how many rows there are in all, when a guess is wanted.
    pub estimate: Option<&'a Statement>,
}

/// Asks Postgres. A change that does not answer what was asked is undone.
pub async fn run(
    pg: &Pg,
    settings: &RestSettings,
    identity: &Identity,
    request: &ApiRequest,
    plan: &Plan,
    Work { statement, estimate }: Work<'_>,
) -> Result<Answer, Error> {
    let search_path = search_path(&request.schema, settings);
    let mut session = Session::person(identity)
        .set("search_path", &search_path)
        .set("request.method", request.method.as_str())
        .set("request.path", &request.path)
        .set("request.headers", &request.headers)
        .set("request.cookies", &request.cookies);
    if plan.is_read_only(&request.method) {
        session = session.read_only();
    }
    let refused = |error| Error::Database { error, is_anonymous: &*identity.role == ANON };
    let wants_one = asks_for_one(request, plan);
    // Only a change that may have to be undone waits for Postgres more than once.
    if wants_one && !session.read_only {
        return run_undoable(pg, &session, statement).await.map_err(refused)?;
    }
    if let Some(estimate) = estimate {
        let found = run_estimated(pg, &session, [statement, estimate]).await;
        let (mut answer, guess) = found.map_err(refused)?;
        answer.total = total(request, answer.total, guess);
        return if wants_one { exactly_one(answer) } else { Ok(answer) };
    }
    let rows = pg.run(&session, &statement.sql, &statement.texts()).await.map_err(refused)?;
    let answer = read(&rows).map_err(refused)?;
    if wants_one { exactly_one(answer) } else { Ok(answer) }
}

/// Both statements, sent together, and the guess that the second one's plan makes.
async fn run_estimated(
    pg: &Pg,
    session: &Session<'_>,
    statements: [&Statement; 2],
) -> Result<(Answer, Option<i64>), pg::Error> {
    // As in `Session`: statements are remembered per role.
    let role = session.role.replace(['\n', '\r'], " ");
    let [sql, estimate_sql] = statements.map(|statement| format!("-- {role}\n{}", statement.sql));
    let [params, estimate_params] = statements.map(Statement::texts);
    let transaction = pg.begin(session).await?;
    let (rows, lines) = future::join(
        transaction.query_text(&sql, &params),
        transaction.query_text(&estimate_sql, &estimate_params),
    )
    .await;
    let answer = read(&rows?)?;
    let guess = match lines?.first() {
        Some(line) => guessed(&line.try_get::<_, Value>(0)?),
        None => None,
    };
    transaction.commit().await?;
    Ok((answer, guess))
}

/// The rows that a plan expects.
fn guessed(plan: &Value) -> Option<i64> {
    plan.pointer("/0/Plan/Plan Rows")?.as_i64()
}

/// A count speaks before a guess as long as it went to the end.
fn total(request: &ApiRequest, counted: Option<i64>, guess: Option<i64>) -> Option<i64> {
    let is_whole = |counted: &i64| request.bounds.max_rows.is_some_and(|most| *counted <= most);
    counted.filter(is_whole).or_else(|| guess.max(counted))
}

async fn run_undoable(
    pg: &Pg,
    session: &Session<'_>,
    statement: &Statement,
) -> Result<Result<Answer, Error>, pg::Error> {
    let transaction = pg.begin(session).await?;
    let answer = read(&transaction.query_text(&statement.sql, &statement.texts()).await?)?;
    if answer.rows == 1 {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(exactly_one(answer))
}

fn exactly_one(answer: Answer) -> Result<Answer, Error> {
    if answer.rows == 1 { Ok(answer) } else { Err(Error::NotSingular(answer.rows)) }
}

/// Whether any other number of rows than one is an error.
fn asks_for_one(request: &ApiRequest, plan: &Plan) -> bool {
    request.media.is_singular()
        && match plan {
            Plan::Read(_) | Plan::Write(_) | Plan::Inspect(_) => true,
            Plan::Call(call) => call.is_set,
        }
}

fn read(rows: &[tokio_postgres::Row]) -> Result<Answer, pg::Error> {
    let Some(row) = rows.first() else { return Ok(Answer::default()) };
    Ok(Answer {
        body: row.try_get("body")?,
        rows: row.try_get("rows")?,
        total: row.try_get("total")?,
        headers: row.try_get("headers")?,
        status: row.try_get("status")?,
        location: row.try_get("location")?,
        updated: row.try_get("updated")?,
        place: row.try_get("place")?,
    })
}

/// The schema asked, then those for types and operators.
fn search_path(schema: &str, settings: &RestSettings) -> String {
    let extra = settings.extra_search_path.iter().filter(|extra| *extra != schema);
    let names: Vec<String> =
        std::iter::once(quote_name(schema)).chain(extra.map(|extra| quote_name(extra))).collect();
    names.join(", ")
}
