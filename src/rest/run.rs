//! Statement -> answer, inside one session. The only part of the slice that waits.

use super::error::Error;
use super::plan::Plan;
use super::request::ApiRequest;
use super::statement::{Statement, quote_name};
use crate::config::RestSettings;
use crate::identity::Identity;
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

/// Asks Postgres. A change that does not answer what was asked is undone.
pub async fn run(
    pg: &Pg,
    settings: &RestSettings,
    identity: &Identity,
    request: &ApiRequest,
    plan: &Plan,
    statement: &Statement,
) -> Result<Answer, Error> {
    let search_path = search_path(&request.schema, settings);
    let mut session = Session::person(identity)
        .set("search_path", &search_path)
        .set("request.method", request.method.as_str())
        .set("request.path", &request.path)
        .set("request.headers", &request.headers)
        .set("request.cookies", &request.cookies);
    for (name, value) in &settings.app_settings {
        session = session.set(name, value);
    }
    if plan.is_read_only(&request.method) {
        session = session.read_only();
    }
    let is_anonymous = settings.is_anonymous(&identity.role);
    let refused = |error| Error::Database { error, is_anonymous };
    let wants_one = asks_for_one(request, plan);
    // Only a change that may have to be undone waits for Postgres more than once.
    if wants_one && !session.read_only {
        return run_undoable(pg, &session, statement).await.map_err(refused)?;
    }
    let rows = pg.run(&session, &statement.sql, &statement.texts()).await.map_err(refused)?;
    let answer = read(&rows).map_err(refused)?;
    if wants_one { exactly_one(answer) } else { Ok(answer) }
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
