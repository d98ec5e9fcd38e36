//! What was understood of policies: in words for a DBA, and as a row of
//! `realtime.compiled_policies`.

use std::fmt::Write as _;

use deadpool_postgres::Pool;
use serde_json::{Value, json};

use super::super::super::logs::Log;
use crate::pg::{self, names};

use super::{Analysis, Candidates, Claims, Purpose, Read, Source, analyse};

/// The table whose policies are those of private channels.
const CHANNELS: &str = "realtime.messages";

/// Tables to explain: the published ones, or the one that is named.
const TABLES: &str = "
    select c.oid, format('%I.%I', n.nspname, c.relname), coalesce(published.is_bulk, false)
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join (select t.schemaname, t.tablename, bool_and(t.pubname = $2) as is_bulk
                   from pg_catalog.pg_publication_tables t
                  where t.pubname in ($1, $2)
                  group by t.schemaname, t.tablename) published
        on published.schemaname = n.nspname and published.tablename = c.relname
     where case when $3::text is null then published.is_bulk is not null else c.oid = to_regclass($3) end
     order by 2";

/// Roles that a client may come as, and how row security binds each.
const ROLES: &str = "
    select r.rolname::text as role,
           c.relrowsecurity
             and not (r.rolsuper or r.rolbypassrls)
             and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage')) as is_bound,
           exists (select
                     from pg_catalog.pg_policy p
                    where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
                      and (p.polroles = '{0}'
                           or exists (select from unnest(p.polroles) as bound (role)
                                       where pg_has_role(r.oid, bound.role, 'usage')))) as is_permitted,
           has_any_column_privilege(r.oid, c.oid, 'select') as may_select
      from pg_catalog.pg_class c
      join pg_catalog.pg_roles r
        on r.rolname in ('anon', 'authenticated')
        or r.oid in (select unnest(p.polroles) from pg_catalog.pg_policy p where p.polrelid = c.oid)
           and pg_has_role(r.oid, 'member')
     where c.oid = $1
     order by r.rolname";

const NOTE: &str = "select realtime.note_policy($1, $2, $3, $4, $5, $6, $7)";

/// How policies are understood: of all published tables, or of `table`.
///
/// # Errors
/// There is no such table, or the database cannot be asked.
pub async fn explain(pool: &Pool, table: Option<&str>) -> Result<Option<String>, pg::Error> {
    let client = pool.get().await?;
    let tables =
        client.query(TABLES, &[&names::PUBLICATION, &names::BULK_PUBLICATION, &table]).await?;
    if tables.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    for table in tables {
        let (oid, name): (u32, &str) = (table.get(0), table.get(1));
        let log = if table.get(2) { Log::Bulk } else { Log::Main };
        let _ = writeln!(text, "{name}");
        for row in client.query(ROLES, &[&oid]).await? {
            let role: &str = row.get("role");
            let (is_bound, is_permitted) = (row.get("is_bound"), row.get("is_permitted"));
            let what = match (row.get("may_select"), is_bound, is_permitted) {
                (false, ..) => "sees nothing: it may not select any column",
                (_, false, _) => "sees every row: row security does not bind it",
                (_, true, false) => "sees nothing: no policy permits it anything",
                (_, true, true) if name == CHANNELS => {
                    for (right, purpose) in [("hear", Purpose::Hearing), ("say", Purpose::Speech)] {
                        let analysis = analyse(pool, log, oid, role, purpose).await?;
                        tell(&mut text, role, &format!("to {right}: {}", occasion(&analysis)));
                        describe_channel(&mut text, &analysis);
                    }
                    continue;
                }
                (_, true, true) => {
                    let analysis = analyse(pool, log, oid, role, Purpose::Sight).await?;
                    tell(&mut text, role, verdict(&analysis));
                    describe(&mut text, &analysis);
                    continue;
                }
            };
            tell(&mut text, role, what);
        }
        text.push('\n');
    }
    Ok(Some(text))
}

/// Keeps what was understood for `realtime.compiled_policies`.
///
/// # Errors
/// The database cannot be asked, or the login role may not keep it.
pub async fn note(
    pool: &Pool,
    table: u32,
    role: &str,
    analysis: &Analysis,
) -> Result<(), pg::Error> {
    let claims: Option<Vec<&str>> = match &analysis.claims {
        Claims::Whole => None,
        Claims::Of(claims) => Some(claims.iter().map(String::as_str).collect()),
    };
    let reads: Value =
        analysis.reads.iter().filter(|read| !read.is_lookup).map(read_json).collect();
    let candidates = match &analysis.candidates {
        Candidates::Anybody => None,
        Candidates::Of(sources) => {
            Some(sources.iter().map(|source| source_words(analysis, source)).collect::<Value>())
        }
    };
    let client = pool.get().await?;
    let statement = client.prepare_cached(NOTE).await?;
    client
        .execute(
            &statement,
            &[&table, &role, &analysis.columns, &claims, &reads, &candidates, &analysis.reasons],
        )
        .await?;
    Ok(())
}

fn read_json(read: &Read) -> Value {
    let keys: serde_json::Map<String, Value> =
        read.keys.iter().map(|(column, own)| (column.clone(), own.as_str().into())).collect();
    json!({ "table": read.name, "keys": keys, "person": read.subject, "columns": read.columns })
}

fn verdict(analysis: &Analysis) -> &'static str {
    if analysis.reasons.is_empty() {
        "verdicts are remembered"
    } else {
        "is asked anew for every change"
    }
}

fn describe(text: &mut String, analysis: &Analysis) {
    for reason in &analysis.reasons {
        line(text, "because", reason);
    }
    line(text, "columns", &or_none(&analysis.columns.join(", ")));
    line(
        text,
        "claims",
        &match &analysis.claims {
            Claims::Whole => "all".to_owned(),
            Claims::Of(claims) => {
                or_none(&claims.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        },
    );
    for read in analysis.reads.iter().filter(|read| !read.is_lookup) {
        line(text, "reads", &read_words(read));
    }
    match &analysis.candidates {
        Candidates::Anybody => line(text, "asks", "everybody who listens"),
        Candidates::Of(sources) if sources.is_empty() => line(text, "asks", "nobody"),
        Candidates::Of(sources) => {
            for source in sources {
                line(text, "asks", &source_words(analysis, source));
            }
        }
    }
}

/// When rights in private channels are asked again.
fn occasion(analysis: &Analysis) -> &'static str {
    match (analysis.is_blind, analysis.reasons.is_empty()) {
        (true, _) => "asked again every second",
        (false, false) => "asked again when rows change, and every minute",
        (false, true) => "asked again when rows change",
    }
}

fn describe_channel(text: &mut String, analysis: &Analysis) {
    for reason in &analysis.reasons {
        line(text, "because", reason);
    }
    for read in analysis.reads.iter().filter(|read| !read.is_lookup) {
        let whom = match &read.subject {
            Some(column) => format!("the person in its {column}"),
            None => "everybody".to_owned(),
        };
        line(
            text,
            "reads",
            &format!("{}: a change{} concerns {whom}", read.name, of_columns(read)),
        );
    }
}

fn of_columns(read: &Read) -> String {
    match read.columns.as_deref() {
        None | Some([]) => String::new(),
        Some(columns) => format!(" of {}", columns.join(", ")),
    }
}

/// What a change of a table read makes void.
fn read_words(read: &Read) -> String {
    let mut concerns: Vec<String> =
        read.keys.iter().map(|(column, own)| format!("rows with {own} = its {column}")).collect();
    concerns.extend(read.subject.iter().map(|column| format!("the person in its {column}")));
    let of = of_columns(read);
    match concerns.as_slice() {
        [] => format!("{}: a change{of} makes all verdicts void", read.name),
        concerns => format!("{}: a change{of} concerns {}", read.name, concerns.join(" and ")),
    }
}

/// Where the people are found who are asked.
fn source_words(analysis: &Analysis, source: &Source) -> String {
    match source {
        Source::Column(column) => format!("the person in {column}"),
        Source::Rows(index) => match analysis.reads.get(*index) {
            Some(read) => {
                let keys = read.keys.iter().map(|(column, own)| format!("{column} = {own}"));
                let keys = keys.collect::<Vec<_>>().join(" and ");
                let bound = if keys.is_empty() { keys } else { format!(" where {keys}") };
                let person = read.subject.as_deref().unwrap_or_default();
                format!("the people in {person} of {}{bound}", read.name)
            }
            None => "everybody who listens".to_owned(),
        },
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn tell(text: &mut String, role: &str, what: &str) {
    let _ = writeln!(text, "  {role:<15} {what}");
}

fn line(text: &mut String, name: &str, what: &str) {
    let _ = writeln!(text, "    {name:<13} {what}");
}
