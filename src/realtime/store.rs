//! All SQL of this slice, apart from the authorizer's.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_postgres::error::DbError;
use uuid::Uuid;

use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

use super::error::Binding as Refusal;
use super::hub::Hears;
use super::subscription::{Binding, Compared, Comparison, Condition, Wanted};

/// Types whose equality is equality of what the log prints. Others may have several texts for
/// one value (1.0 and 1.00) or print it according to settings; Postgres compares those.
const PLAIN_TYPES: &str =
    "'bool', 'int2', 'int4', 'int8', 'oid', 'text', 'varchar', 'name', 'uuid', 'time'";

/// Lets Postgres accept a binding: the table is published, the filter's columns exist and may
/// be selected, and its values are of the column's type.
///
/// # Errors
/// In the reference's words, what is wrong with it.
pub async fn accept(pg: &Pg, identity: &Identity, wanted: &Wanted) -> Result<Binding, Refusal> {
    // Types are named in full: other connections compare them.
    let session = Session::person(identity).read_only().set("search_path", "");
    let published = pg
        .run(
            &session,
            "select from pg_catalog.pg_publication_tables
              where pubname = $1
                and ($2::text is null or schemaname = $2)
                and ($3::text is null or tablename = $3)
              limit 1",
            &[Some(names::PUBLICATION), wanted.schema.as_deref(), wanted.table.as_deref()],
        )
        .await
        .map_err(|error| refusal(wanted, error))?;
    if published.is_empty() {
        return Err(Refusal::NoTable(wanted.describe()));
    }
    let mut filter = Vec::with_capacity(wanted.filter.len());
    for (column, value) in &wanted.filter {
        filter.push(condition(pg, &session, wanted, column, value).await?);
    }
    Ok(Binding {
        id: wanted.id(),
        kind: wanted.kind,
        schema: wanted.schema.clone(),
        table: wanted.table.clone(),
        filter,
        after: wanted.after,
    })
}

/// A condition with its value as the log prints it.
async fn condition(
    pg: &Pg,
    session: &Session<'_>,
    wanted: &Wanted,
    column: &str,
    value: &str,
) -> Result<Condition, Refusal> {
    let raised = |text: String| Refusal::Refused {
        binding: wanted.describe(),
        error: format!("ERROR P0001 (raise_exception) {text}"),
    };
    let (Some(schema), Some(table)) = (&wanted.schema, &wanted.table) else {
        return Err(raised(format!("invalid column for filter {column}")));
    };
    let found = pg
        .run(
            session,
            &format!(
                "select format_type(b.oid, -1), b.typname in ({PLAIN_TYPES}) or b.typtype = 'e'
                   from pg_catalog.pg_attribute a
                   join pg_catalog.pg_type t on t.oid = a.atttypid
                   join pg_catalog.pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
                  where a.attrelid = to_regclass(format('%I.%I', $1::text, $2::text))
                    and a.attname = $3
                    and a.attnum > 0
                    and not a.attisdropped
                    and has_column_privilege(a.attrelid, a.attnum, 'select')"
            ),
            &[Some(schema), Some(table), Some(column)],
        )
        .await
        .map_err(|error| refusal(wanted, error))?;
    let Some(row) = found.first() else {
        return Err(raised(format!("invalid column for filter {column}")));
    };
    let type_name: &str = row.get(0);
    // format_type quotes what needs quotes. A type without equality is refused here.
    let cast = format!(
        "select value::text, value = value from (select ($1::text)::{type_name}) as _ (value)"
    );
    let cast =
        pg.run(session, &cast, &[Some(value)]).await.map_err(|error| refusal(wanted, error))?;
    let text: Option<String> = cast.first().and_then(|row| row.get(0));
    Ok(Condition {
        column: column.to_owned(),
        value: text.unwrap_or_default(),
        compared_as: (!row.get::<_, bool>(1)).then(|| type_name.into()),
    })
}

fn refusal(wanted: &Wanted, error: Error) -> Refusal {
    match error {
        Error::Refused(error) => {
            Refusal::Refused { binding: wanted.describe(), error: describe(&error) }
        }
        error => {
            tracing::warn!(%error, "a binding could not be checked");
            Refusal::Unreachable
        }
    }
}

/// `ERROR 22P02 (invalid_text_representation) text`; Postgres does not send the condition's
/// name, so the one that matters here is spelt out.
fn describe(error: &DbError) -> String {
    let code = error.code().code();
    let name = match code {
        "22P02" => "invalid_text_representation",
        "22003" => "numeric_value_out_of_range",
        "22007" => "invalid_datetime_format",
        "42501" => "insufficient_privilege",
        _ => "error",
    };
    format!("ERROR {code} ({name}) {}", error.message())
}

/// Lets Postgres compare texts as values; one statement a type. What it cannot compare (the
/// type was changed, or is not the server's to use) is not equal, and nobody waits for it.
///
/// # Errors
/// The database cannot be asked.
pub async fn compare(pool: &Pool, compared: &mut Compared) -> Result<(), Error> {
    let mut by_type: HashMap<Arc<str>, Vec<Comparison>> = HashMap::new();
    for comparison in compared.keys() {
        by_type.entry(Arc::clone(&comparison.type_name)).or_default().push(comparison.clone());
    }
    for (type_name, comparisons) in by_type {
        let client = pool.get().await?;
        let sql = format!(
            "select array_agg(l::{type_name} = r::{type_name}) from unnest($1::text[], $2::text[]) as t (l, r)"
        );
        let side = |of: fn(&Comparison) -> &str| comparisons.iter().map(of).collect::<Vec<_>>();
        let (left, right) = (side(|asked| &asked.left), side(|asked| &asked.right));
        let asked = async {
            let statement = client.prepare_cached(&sql).await?;
            client.query_one(&statement, &[&left, &right]).await?.try_get(0)
        };
        let answers: Vec<Option<bool>> = match asked.await.map_err(Error::from) {
            Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
                tracing::warn!(%error, type_name = &*type_name, "a filter cannot be compared");
                continue;
            }
            answers => answers?,
        };
        for (comparison, answer) in comparisons.into_iter().zip(answers) {
            compared.insert(comparison, answer.unwrap_or(false));
        }
    }
    Ok(())
}

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
/// (extension `broadcast`: speak; `presence`: be present), by trying to insert a row that is
/// never kept.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_write(pg: &Pg, asker: Asker<'_>, extension: &str) -> Result<bool, Error> {
    let transaction = pg.begin(&asker.session()).await?;
    let inserted = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private) values ($1, $2, true)",
            &[Some(asker.name), Some(extension)],
        )
        .await;
    let may = match inserted {
        Ok(_) => true,
        Err(Error::Refused(_)) => false,
        Err(error) => return Err(error),
    };
    transaction.rollback().await?;
    Ok(may)
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
