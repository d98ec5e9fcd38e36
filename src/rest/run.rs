//! Statement -> answer, inside one session. The only part of the slice that waits.

use std::error::Error as StdError;

use axum::body::{Body, Bytes};
use futures_util::TryStreamExt;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::error::Error;
use super::keyset::CursorFault;
use super::lines::Lines;
use super::media::{self, Media, Negotiated};
use super::plan::Plan;
use super::prefer::End;
use super::request::ApiRequest;
use super::statement::{self, CHOSEN, Statement, WRONG_ROWS, quote_name};
use crate::config::RestSettings;
use crate::identity::Identity;
use crate::pg::session::Isolation;
use crate::pg::{self, Catalog, Pg, Session};

/// A setting that is no setting of a transaction that has begun.
const ISOLATION: &str = "default_transaction_isolation";

/// Which column of an answer is its body.
const BODY: usize = 0;

/// What Postgres answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The body, as text or as a function made it.
    pub body: Option<Bytes>,
    /// Rows in it.
    pub rows: i64,
    /// Rows in all, when they were counted.
    pub total: Option<i64>,
    /// `response.headers`, as a rule left it.
    pub headers: Option<String>,
    /// `response.status`, as a rule left it.
    pub status: Option<String>,
    /// Names and texts of a new row's key, or the values behind which the next page begins, as
    /// JSON.
    pub location: Option<String>,
    /// Rows that an upsert found already there.
    pub updated: Option<i64>,
    /// What a read saw: what it did not see follows from there.
    pub place: Option<String>,
    /// The body, when it is sent as rows come; nothing is counted then.
    pub lines: Option<Body>,
}

/// What there is to ask, and in which format it is answered.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// What was asked.
    pub request: &'a ApiRequest,
    /// What is done.
    pub plan: &'a Plan,
    /// The format.
    pub format: &'a Negotiated,
    /// The statement that does it.
    pub statement: &'a Statement,
    /// The one whose plan guesses how many rows there are in all, when a guess is wanted.
    pub estimate: Option<&'a Statement>,
}

impl Work<'_> {
    /// Whether rows leave as they come.
    fn streams(&self) -> bool {
        self.format.media == Media::Lines
            && self.format.body == media::Body::Lines
            && !self.request.is_head()
    }
}

/// Asks Postgres. A change that does not answer what was asked is undone.
pub async fn run(
    pg: &Pg,
    catalog: &Catalog,
    settings: &RestSettings,
    identity: &Identity,
    work: Work<'_>,
) -> Result<Answer, Error> {
    let Work { request, format, statement, estimate, .. } = work;
    let search_path = search_path(&request.schema, settings);
    let first = settings.pre_request.as_deref().map(call);
    let mut session = session(catalog, settings, identity, work);
    session.first = first.as_deref();
    // Before all others: a role may have a path of its own.
    session.own_settings.insert(0, ("search_path", &search_path));
    let failed = |error: pg::Error| {
        wrong_rows(work, &error).unwrap_or_else(|| refused(error, settings, identity))
    };
    if work.streams() {
        return run_streamed(pg, &session, statement).await.map_err(failed);
    }
    let mut answers = ask(pg, &session, work, statement).await;
    if statement.by_member
        && answers.as_ref().is_err_and(statement::is_outdated)
        && let Some(statement) = statement::render_whole(request, work.plan, format)
    {
        answers = ask(pg, &session, work, &statement).await;
    }
    let answers = answers.map_err(failed)?;
    if let Media::Plan(_) = format.media {
        let plan = lines(answers.first().map(Vec::as_slice).unwrap_or_default());
        return Ok(Answer { body: Some(plan.map_err(failed)?.into()), ..Answer::default() });
    }
    let (mut answer, guess) = read(answers).map_err(failed)?;
    if estimate.is_some() {
        answer.total = total(request, answer.total, guess);
    }
    if matches!(work.plan, Plan::Read(_)) && format.media.is_singular() && answer.rows != 1 {
        return Err(Error::NotSingular(answer.rows));
    }
    Ok(answer)
}

/// Asks once; gives the rows of the statement and, after them, those of the guess.
async fn ask(
    pg: &Pg,
    session: &Session<'_>,
    work: Work<'_>,
    statement: &Statement,
) -> Result<Vec<Vec<Row>>, pg::Error> {
    let texts = statement.texts();
    let rows = match (work.estimate, work.plan) {
        (Some(estimate), _) => {
            let guess = estimate.texts();
            let both = [(&*statement.sql, &*texts), (&*estimate.sql, &*guess)];
            return pg.run_all(session, &both).await;
        }
        (None, Plan::Read(_)) => pg.read(session, &statement.sql, &texts).await,
        (None, _) => pg.run(session, &statement.sql, &texts).await,
    };
    Ok(vec![rows?])
}

/// The answer, and the guess that the plan of a second statement makes.
fn read(answers: Vec<Vec<Row>>) -> Result<(Answer, Option<i64>), pg::Error> {
    let mut each = answers.into_iter().map(|rows| rows.into_iter().next());
    let answer = each.next().flatten().map(read_row).transpose()?;
    let guess = match each.next().flatten() {
        Some(line) => guessed(&line.try_get::<_, Value>(0)?),
        None => None,
    };
    Ok((answer.unwrap_or_default(), guess))
}

/// Asks, and waits for the first row: what goes wrong until then is told as ever.
async fn run_streamed(
    pg: &Pg,
    session: &Session<'_>,
    statement: &Statement,
) -> Result<Answer, pg::Error> {
    let seat = pg.seat().await?;
    let transaction = pg.begin(session).await?;
    let rows = transaction.stream_text(&of_role(session, statement), &statement.texts()).await?;
    let mut rows = Box::pin(rows);
    let first = rows.try_next().await?;
    let without_rows = match &first {
        Some(_) => None,
        None => transaction.query_opt(&format!("select {CHOSEN}"), &[]).await?,
    };
    let mut answer = Answer::default();
    if let Some(chosen) = first.as_ref().or(without_rows.as_ref()) {
        answer.headers = chosen.try_get("headers")?;
        answer.status = chosen.try_get("status")?;
    }
    answer.lines = Some(Lines { first, rows, transaction, seat }.into_body());
    Ok(answer)
}

/// The text of a statement, remembered per role as `Session` does it.
fn of_role(session: &Session<'_>, statement: &Statement) -> String {
    format!("-- {}\n{}", session.role.replace(['\n', '\r'], " "), statement.sql)
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

/// As whom, and under which settings.
fn session<'a>(
    catalog: &'a Catalog,
    settings: &'a RestSettings,
    identity: &'a Identity,
    Work { request, plan, .. }: Work<'a>,
) -> Session<'a> {
    let mut session = Session::person(identity)
        .set("request.method", request.method.as_str())
        .set("request.path", &request.path)
        .set("request.headers", &request.headers)
        .set("request.cookies", &request.cookies);
    session.read_only = plan.is_read_only(&request.method);
    session.undone = match request.preferences.end {
        Some(End::Rollback) => true,
        Some(End::Commit) => false,
        None => settings.tx_end.is_rollback(),
    };
    for (name, value) in catalog.role_settings(&identity.role) {
        if name == ISOLATION {
            session.isolation = Some(Isolation::read(value));
        } else {
            session = session.set_own(name, value);
        }
    }
    if let Some(timezone) = &request.preferences.timezone {
        session = session.set("timezone", timezone);
    }
    if let Plan::Call(call) = plan {
        let is_hoisted = |name: &String| settings.hoisted_tx_settings.contains(name);
        for (name, value) in call.settings.iter().filter(|(name, _)| is_hoisted(name)) {
            if name == ISOLATION {
                session.isolation = Some(Isolation::read(value));
            } else {
                session = session.set(name, value);
            }
        }
    }
    let app = settings.app_settings.iter();
    app.fold(session, |session, (name, value)| session.set(name, value))
}

/// The call of a function named `schema.name` or `name`.
fn call(function: &str) -> String {
    let parts: Vec<String> = function.splitn(2, '.').map(quote_name).collect();
    format!("select {}()", parts.join("."))
}

fn refused(error: pg::Error, settings: &RestSettings, identity: &Identity) -> Error {
    Error::Database { error, is_anonymous: settings.is_anonymous(&identity.role) }
}

/// The change touched another number of rows than allowed, or a page has too many: the statement
/// told that by an error, which has undone it.
fn wrong_rows(Work { request, plan, format, .. }: Work<'_>, error: &pg::Error) -> Option<Error> {
    let pg::Error::Refused(refused) = error else { return None };
    let (_, rest) = refused.message().split_once(WRONG_ROWS)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    let rows: i64 = digits.parse().ok()?;
    Some(match plan {
        Plan::Write(write) if write.work.is_put() => Error::PutMismatch,
        _ if format.media.is_singular() && rows != 1 => Error::NotSingular(rows),
        _ if request.preferences.limit().is_some_and(|most| rows > most) => {
            Error::TooManyRows(rows)
        }
        Plan::Read(_) => Error::Cursor(CursorFault::TooManyAlike(rows)),
        _ => return None,
    })
}

fn read_row(row: Row) -> Result<Answer, pg::Error> {
    let has_body = row.try_get::<_, Option<Raw<'_>>>(BODY)?.is_some();
    Ok(Answer {
        rows: row.try_get(1)?,
        total: row.try_get(2)?,
        headers: row.try_get(3)?,
        status: row.try_get(4)?,
        location: row.try_get(5)?,
        updated: row.try_get(6)?,
        place: row.try_get(7)?,
        lines: None,
        body: has_body.then(|| Bytes::from_owner(WithBody(row))),
    })
}

/// A row whose body is sent from where it came to.
struct WithBody(Row);

impl AsRef<[u8]> for WithBody {
    fn as_ref(&self) -> &[u8] {
        self.0.try_get::<_, Raw<'_>>(BODY).map(|body| body.0).unwrap_or_default()
    }
}

/// An execution plan, each of its lines ended.
fn lines(rows: &[Row]) -> Result<Vec<u8>, pg::Error> {
    let mut text = Vec::new();
    for row in rows {
        text.extend(row.try_get::<_, Raw<'_>>(BODY)?.0);
        text.push(b'\n');
    }
    Ok(text)
}

/// The bytes of a text, of JSON or of bytes, unread.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(found: &Type) -> bool {
        matches!(*found, Type::TEXT | Type::JSON | Type::BYTEA)
    }
}

/// The schema asked, then those for types and operators.
fn search_path(schema: &str, settings: &RestSettings) -> String {
    let extra = settings.extra_search_path.iter().filter(|extra| *extra != schema);
    let names: Vec<String> =
        std::iter::once(quote_name(schema)).chain(extra.map(|extra| quote_name(extra))).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_before_requests_may_stand_in_a_schema() {
        assert_eq!(call("check_it"), r#"select "check_it"()"#);
        assert_eq!(call(r#"app.a"b"#), r#"select "app"."a""b"()"#);
    }
}
