//! A table as one role may see it: columns, and the policies as one SQL expression.
//!
//! The expression is what Postgres itself prints of its policies, unmodified; it is only ever
//! evaluated by Postgres, as the person, over a row image.

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::pg::session::{self, Session};
use crate::pg::{self, Error};
use deadpool_postgres::Pool;

use super::super::logs::Log;
use super::analysis::{self, Analysis, Purpose, explain};
use super::table::{Column, Table, quote_name};

/// What a role may see of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    /// Which columns, in the order of the table.
    pub columns: Vec<bool>,
    /// Which rows.
    pub rows: Rows,
}

/// Which rows a role may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// All: row security is off, or does not bind the role.
    All,
    /// None: there is no policy that permits anything, or no right on any column.
    None,
    /// Those for which this holds.
    Where(Box<Policy>),
}

/// The policies of one command and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Asks about row images.
    pub by_image: Arc<Wording>,
    /// Which columns the policies read, in the order of the table.
    pub reads: Vec<bool>,
    /// What the policies depend on.
    pub analysis: Analysis,
}

/// How Postgres is asked about rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wording {
    /// Gives an array of booleans for an array literal of rows in `$1`.
    pub rows: String,
    /// The body of a `do` that asks many people about one row, if there is such a way; see
    /// [`Survey`](crate::pg::session::Survey).
    pub row: Option<String>,
}

impl Hash for Wording {
    /// The texts are long, and sought for every person; few are of the same length.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.rows.len(), self.row.as_ref().map(String::len)).hash(state);
    }
}

/// Asked as the role itself: row_security_active and the privilege functions speak of the
/// current user. An empty search_path makes Postgres print every name in full. Columns go by
/// their numbers: the table may have lost some since it was read, and nobody may see those.
/// Permissive policies stand in the order in which Postgres asks them, last name first: where one
/// raises an error, an earlier one that permits the row keeps it from being asked.
const COMPILE: &str = "
    with policies as (
      select p.oid, p.polname, p.polpermissive, coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') as qual,
             coalesce(p.polqual::text ~ ':varattno 0 ', false) as reads_row
        from pg_catalog.pg_policy p
       where p.polrelid = $1::oid
         and p.polcmd in ('r', '*')
         and (p.polroles = '{0}' or exists (
               select from unnest(p.polroles) as role where pg_has_role(role, 'usage')))
    )
    select row_security_active($1::oid) as is_bound,
           (select string_agg('(' || qual || ')', ' or ' order by polname desc) from policies where polpermissive)
             as permissive,
           (select string_agg('(' || qual || ')', ' and ' order by oid) from policies where not polpermissive)
             as restrictive,
           array(select coalesce(has_column_privilege($1::oid, number, 'select'), false)
                   from unnest($2::int2[]) with ordinality as known (number, place)
                  order by place) as columns,
           array(select exists (select from policies where reads_row)
                     or exists (
                        select from pg_catalog.pg_depend d
                          join policies p on d.objid = p.oid
                         where d.classid = 'pg_catalog.pg_policy'::regclass
                           and d.refclassid = 'pg_catalog.pg_class'::regclass
                           and d.refobjid = $1::oid
                           and d.refobjsubid = number)
                   from unnest($2::int2[]) with ordinality as known (number, place)
                  order by place) as reads";

impl Lens {
    /// What the policies depend on, if any decide.
    pub fn analysis(&self) -> Option<&Analysis> {
        match &self.rows {
            Rows::Where(policy) => Some(&policy.analysis),
            Rows::All | Rows::None => None,
        }
    }

    /// Compiles the policies of `table` for `role`, for the changes of a log.
    ///
    /// # Errors
    /// The role does not exist or may not be put on; the database cannot be asked.
    pub async fn compile(
        pool: &Pool,
        log: Log,
        table: &Table,
        role: &str,
    ) -> Result<Self, pg::Error> {
        let session = Session::own(role).read_only().set("search_path", "");
        let oid = table.oid.to_string();
        let numbers: Vec<String> =
            table.columns.iter().map(|column| column.number.to_string()).collect();
        let numbers = format!("{{{}}}", numbers.join(","));
        let rows = session::run(pool, &session, COMPILE, &[Some(&oid), Some(&numbers)]).await?;
        let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
        let columns: Vec<bool> = row.get("columns");
        let sees_something = columns.contains(&true);
        let rows = match (row.get("is_bound"), row.get::<_, Option<&str>>("permissive")) {
            _ if !sees_something => Rows::None,
            (false, _) => Rows::All,
            (true, None) => Rows::None,
            (true, Some(permissive)) => {
                let restrictive = row.get::<_, Option<&str>>("restrictive").unwrap_or("true");
                let analysis =
                    analysis::analyse(pool, log, table.oid, role, Purpose::Sight).await?;
                let noted = explain::note(pool, table.oid, role, &analysis).await;
                if let Err(error) = noted {
                    tracing::debug!(table = table.oid, %error, "an analysis was not noted");
                }
                Rows::Where(Box::new(Policy {
                    by_image: Arc::new(Wording {
                        rows: by_image(table, permissive, restrictive),
                        // A whole row must be of the table's own type.
                        row: analysis
                            .reasons
                            .is_empty()
                            .then(|| by_row(table, &analysis.columns, permissive, restrictive)),
                    }),
                    reads: row.get("reads"),
                    analysis,
                }))
            }
        };
        Ok(Self { columns, rows })
    }
}

/// The rows are named as the table is, which is how policies refer to them; a row of the
/// table's own type keeps whole-row references valid.
fn by_image(table: &Table, permissive: &str, restrictive: &str) -> String {
    format!(
        "select coalesce(array_agg(coalesce(({permissive}) and {restrictive}, false)), '{{}}')
           from unnest($1::text::{}[]) as {} -- {}",
        table.quoted,
        table.quoted_name,
        shape(table)
    )
}

/// The row is a variable: nothing of it is read anew for each person. Claims are put on by an
/// assignment, which costs no query of its own. Neither does an answer, if the policies contain
/// none: their columns are variables then, too, in a block that is named as the table is.
fn by_row(table: &Table, columns: &[String], permissive: &str, restrictive: &str) -> String {
    let Table { quoted, quoted_name, .. } = table;
    let mut answer = format!("case when ({permissive}) and {restrictive} then 't' else 'f' end");
    let mut variables = String::new();
    // Postgres prints its own words of a query so. In a text of the policy's it does no harm.
    if answer.contains("SELECT") {
        answer = format!(
            "(select {answer}
        from (select (\"walkie row\").*) as {quoted_name})"
        );
    } else {
        for name in columns {
            let name = quote_name(name);
            let _ =
                writeln!(variables, "  {name} {quoted}.{name}%type := (\"walkie row\").{name};");
        }
    }
    format!(
        r#"#variable_conflict use_column
declare
  "walkie row" {quoted} := (current_setting('walkie.rows')::{quoted}[])[1];
  "walkie claims" text;
  "walkie answers" text := '';
  "walkie set" text;
begin
  <<{quoted_name}>>
  declare
{variables}  begin
    foreach "walkie claims" in array current_setting('walkie.claims')::text[] loop
      "walkie set" := set_config('request.jwt.claims', "walkie claims", true);
      "walkie answers" := "walkie answers" || {answer};
    end loop;
  end;
  perform set_config('walkie.answers', "walkie answers", true);
end"#
    )
}

/// Asks whether rows can be selected that have the keys of these images and in everything that
/// the log told are as it told them: of what it left out, the row as it is now must speak, and
/// may speak for no other image. Types without equality are compared as printed.
pub fn by_key(table: &Table, missing: &[bool]) -> String {
    let told = table.columns.iter().zip(missing).filter(|(_, is_missing)| !**is_missing);
    let same: Vec<String> = told
        .map(|(Column { quoted, is_key, .. }, _)| {
            if *is_key {
                format!("t.{quoted} = image.{quoted}")
            } else {
                format!("t.{quoted}::text is not distinct from image.{quoted}::text")
            }
        })
        .collect();
    let mut keys = table.columns.iter().zip(missing).filter(|(column, _)| column.is_key);
    let knows_key = table.has_key() && keys.all(|(_, is_missing)| !is_missing);
    let condition = if knows_key { same.join(" and ") } else { "false".to_owned() };
    format!(
        "select coalesce(array_agg(exists (select from {0} as t where {condition})), '{{}}')
           from unnest($1::text::{0}[]) as image -- {1}",
        table.quoted,
        shape(table)
    )
}

/// Makes the text of a statement another one when columns come or go: Postgres keeps the plan of
/// a prepared statement over rows of a type whose columns have changed, and fails with it.
fn shape(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{} {}", column.number, column.type_name))
        .collect();
    columns.join(", ").replace(['\n', '\r'], " ")
}
