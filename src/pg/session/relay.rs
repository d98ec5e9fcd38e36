//! One transaction in which several speak in turn, such as a person and then the server's own
//! role, in one round trip.

use std::pin::Pin;

use deadpool_postgres::{Object, Pool};
use futures_util::{future, poll};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::super::Error;
use super::lease::Lease;
use super::{Session, Text, awaited, query};

/// One statement of a relay: as whom, and what. What the first says of the transaction as a whole
/// counts.
#[derive(Debug, Clone, Copy)]
pub struct Leg<'a> {
    /// As whom and under which settings.
    pub session: &'a Session<'a>,
    /// The statement. It is parsed as the login role.
    pub sql: &'a str,
    /// Its parameters.
    pub params: &'a [Text<'a>],
}

/// Runs the legs one after the other in one transaction, sent together; gives the rows of each.
///
/// # Errors
/// Whatever Postgres refuses, or that it cannot be reached; the first refusal speaks, and nothing
/// is kept.
pub async fn relay(pool: &Pool, legs: &[Leg<'_>]) -> Result<Vec<Vec<Row>>, Error> {
    let Some(first) = legs.first() else { return Ok(Vec::new()) };
    let mut lease = Lease::take(pool).await?;
    let answers = relay_on(&lease, first.session, legs).await;
    lease.settled = answers.is_ok() || lease.rolled_back().await;
    answers
}

async fn relay_on(
    client: &Object,
    whole: &Session<'_>,
    legs: &[Leg<'_>],
) -> Result<Vec<Vec<Row>>, Error> {
    let mut statements: Vec<(Statement, Statement)> = Vec::with_capacity(legs.len());
    for leg in legs {
        let settings = client.prepare_cached(&leg.session.settings_sql()).await?;
        statements.push((settings, client.prepare_cached(leg.sql).await?));
    }
    // The first poll of each future sends it; answers come back in the same order.
    let mut begin = std::pin::pin!(client.batch_execute(whole.begin()));
    let begun = poll!(begin.as_mut());
    let mut sent = Vec::with_capacity(legs.len());
    for (leg, (settings, statement)) in legs.iter().zip(&statements) {
        let mut running: Pin<Box<_>> = Box::pin(run_leg(client, leg, settings, statement));
        sent.push((poll!(running.as_mut()), running));
    }
    let mut end = std::pin::pin!(client.batch_execute(whole.end()));
    let ended = poll!(end.as_mut());

    awaited(begun, begin).await?;
    let mut answers = Vec::with_capacity(sent.len());
    for (first, rest) in sent {
        answers.push(awaited(first, rest).await?);
    }
    awaited(ended, end).await?;
    Ok(answers)
}

async fn run_leg(
    client: &Object,
    leg: &Leg<'_>,
    settings: &Statement,
    statement: &Statement,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let values = leg.session.settings_values();
    let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let (put_on, rows) =
        future::join(client.query(settings, &params), query(client, statement, leg.params)).await;
    put_on?;
    rows
}
