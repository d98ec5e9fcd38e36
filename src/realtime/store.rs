//! All SQL of this slice, apart from the authorizer's.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_postgres::error::DbError;

use crate::identity::Identity;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

use super::error::Binding as Refusal;
use super::protocol::Broadcast;
use super::replay;
use super::subscription::{Binding, Compared, Comparison, Condition, Interest, View, Wanted};

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
    let interest = Interest {
        kind: wanted.kind,
        schema: wanted.schema.clone(),
        table: wanted.table.clone(),
        filter,
        view: View::default(),
        moved_out: false,
    };
    Ok(Binding { id: wanted.id(), interest: Arc::new(interest), after: wanted.after })
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

/// Asks the policies of realtime.messages whether someone may hear a private channel: a probe
/// row is laid out, looked for as the person, and taken away again.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_hear(pg: &Pg, identity: &Identity, name: &str) -> Result<bool, Error> {
    let transaction = pg.begin(&Session::own(names::REALTIME_ROLE)).await?;
    let probe = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private)
             values ($1, 'broadcast', true)
             returning id::text",
            &[Some(name)],
        )
        .await?;
    let probe = probe.first().map(|row| row.get::<_, String>(0));
    transaction.become_person(&channel_session(identity, name)).await?;
    let found = transaction
        .query_text("select from realtime.messages where id = $1", &[probe.as_deref()])
        .await;
    let may = match found {
        Ok(rows) => !rows.is_empty(),
        Err(Error::Refused(error)) => {
            tracing::info!(code = error.code().code(), "a policy on realtime.messages failed");
            false
        }
        Err(error) => return Err(error),
    };
    transaction.rollback().await?;
    Ok(may)
}

/// Asks the policies of realtime.messages whether someone may speak in a private channel.
///
/// # Errors
/// The database cannot be asked. A policy that raises grants nothing.
pub async fn may_speak(pg: &Pg, identity: &Identity, name: &str) -> Result<bool, Error> {
    match try_to_speak(pg, identity, name).await {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Speaks in a private channel, as far as the policies of realtime.messages are concerned: by
/// trying to insert a row that is never kept.
///
/// # Errors
/// Why not (SQLSTATE 42501 when a policy says no), or the database cannot be asked.
pub async fn try_to_speak(pg: &Pg, identity: &Identity, name: &str) -> Result<(), Error> {
    let transaction = pg.begin(&channel_session(identity, name)).await?;
    let inserted = transaction
        .query_text(
            "insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true)",
            &[Some(name)],
        )
        .await;
    transaction.rollback().await?;
    inserted.map(drop)
}

/// The newest messages of a private channel since a time, oldest first; of these the newest
/// that take `most_bytes` together.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn replay(
    pg: &Pg,
    name: &str,
    asked: replay::Asked,
    most_bytes: usize,
) -> Result<Vec<Broadcast>, Error> {
    let [since, limit, most_bytes] =
        [asked.since_ms.to_string(), asked.limit.to_string(), most_bytes.to_string()];
    let rows = pg
        .run(
            &Session::own(names::REALTIME_ROLE).read_only(),
            "select id::text, event, payload::text, binary_payload
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
              where bytes <= $4::text::bigint
              order by inserted_at, id",
            &[Some(name), Some(&since), Some(&limit), Some(&most_bytes)],
        )
        .await?;
    let messages = rows.iter().map(|row| {
        let json: Option<String> = row.get(2);
        Broadcast {
            id: row.get::<_, Option<String>>(0).map(Into::into),
            event: row.get(1),
            is_json: json.is_some(),
            data: match json {
                Some(json) => json.into(),
                None => row.get::<_, Vec<u8>>(3).into(),
            },
        }
    });
    Ok(messages.collect())
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

fn channel_session<'a>(identity: &'a Identity, name: &'a str) -> Session<'a> {
    let subject = identity.subject.as_deref().unwrap_or_default();
    Session::person(identity)
        .set("realtime.topic", name)
        .set("request.jwt.claim.sub", subject)
        .set("request.jwt.claim.role", &identity.role)
}
