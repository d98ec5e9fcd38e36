//! Postgres accepts bindings, and compares values for filters: all SQL of subscriptions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::error::{DbError, SqlState};

use super::super::error::Binding as Refusal;
use super::filter::{Condition, Operator, Tree};
use super::interest::{Binding, Interest};
use super::predicate::{Asked, Compared, Comparison, Operation, Order, Predicate};
use super::wanted::Wanted;
use crate::identity::Identity;
use crate::pg::session::{self, Session};
use crate::pg::{Error, Pg, names};

/// Most values of an `in` list, as in the reference.
const MAX_IN_VALUES: usize = 100;

/// How long a filter that ran into the time limit is not asked again.
const TIMEOUT_REST: Duration = Duration::from_secs(10);

/// Filters of one operation that may run into the time limit for one batch of changes.
const MAX_TIMEOUTS: usize = 2;

/// What bindings must know of the tables and columns they name. Types are named in full: other
/// connections compare their values. A column that is not published cannot be looked at; before
/// PostgreSQL 18 that is so of generated ones, though the view names them. An operator is that of the type itself where it has one,
/// which is where extensions keep theirs. Equality is equality of texts for types of which the
/// log prints one text a value, whatever the settings.
const FACTS: &str = "
    with published as materialized (
      select schemaname, tablename, attnames
        from pg_catalog.pg_publication_tables
       where pubname = $2
    )
    select asked.binding,
           exists (
             select from published p
              where (asked.schema is null or p.schemaname = asked.schema)
                and (asked.name is null or p.tablename = asked.name)) as is_published,
           asked.column_name,
           a.atttypid,
           format_type(a.atttypid, null) as type_name,
           format_type(b.oid, -1) as base_name,
           b.oid = 'bool'::regtype as is_boolean,
           b.typcategory = 'S' as is_text,
           b.typtype = 'c' as is_row,
           (b.typname in ('bool', 'int2', 'int4', 'int8', 'oid', 'text', 'varchar', 'name', 'uuid', 'time')
              and bn.nspname = 'pg_catalog' or b.typtype = 'e')
             and coalesce(co.collisdeterministic, true) as has_one_text,
           case when bn.nspname <> 'pg_catalog' then null
                when b.typname in ('int2', 'int4', 'int8', 'oid') then 'integers'
                when b.typname in ('bool', 'uuid', 'time') then 'bytes'
           end as text_order,
           bn.nspname <> 'pg_catalog' as is_made_here,
           case when co.oid <> 'pg_catalog.\"default\"'::regcollation
                then format(' collate %I.%I', cn.nspname, co.collname)
                else ''
           end as collation_clause,
           coalesce((
             select nullif(quote_ident(opn.nspname), 'pg_catalog')
               from pg_catalog.pg_operator op
               join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
              where op.oprname = '=' and op.oprleft = b.oid and op.oprright = b.oid
              order by op.oid
              limit 1), '') as operator_schema
      from json_to_recordset($1::json) as asked (binding int, schema text, name text, column_name text)
      left join pg_catalog.pg_namespace n
        on n.nspname = asked.schema and has_schema_privilege(n.oid, 'usage')
      left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = asked.name
      left join pg_catalog.pg_attribute a
        on a.attrelid = c.oid
       and a.attname = asked.column_name
       and a.attnum > 0
       and not a.attisdropped
       and has_column_privilege(c.oid, a.attnum, 'select')
       and exists (
         select from published p
          where p.schemaname = n.nspname and p.tablename = c.relname and a.attname = any (p.attnames))
       and (a.attgenerated = '' or current_setting('server_version_num')::int >= 180000)
      left join lateral (
        with recursive base (oid, typbasetype) as (
          select t.oid, t.typbasetype from pg_catalog.pg_type t where t.oid = a.atttypid
          union all
          select t.oid, t.typbasetype
            from base
            join pg_catalog.pg_type t on t.oid = base.typbasetype
        )
        select t.*
          from base
          join pg_catalog.pg_type t on t.oid = base.oid
         where base.typbasetype = 0
      ) b on true
      left join pg_catalog.pg_namespace bn on bn.oid = b.typnamespace
      left join pg_catalog.pg_collation co on co.oid = a.attcollation
      left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace";

/// What is known of a column that a binding names.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the catalog")]
struct Column {
    type_oid: u32,
    type_name: String,
    base_name: String,
    is_boolean: bool,
    is_text: bool,
    is_row: bool,
    has_one_text: bool,
    order: Option<Order>,
    is_made_here: bool,
    /// ` collate ..`, or nothing.
    collation: String,
    /// Schema of its operators, when it is not Postgres's own.
    operators: String,
}

impl Column {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            type_oid: row.get::<_, Option<u32>>("atttypid")?,
            type_name: row.get("type_name"),
            base_name: row.get("base_name"),
            is_boolean: row.get("is_boolean"),
            is_text: row.get("is_text"),
            is_row: row.get("is_row"),
            has_one_text: row.get("has_one_text"),
            order: match row.get("text_order") {
                Some("integers") => Some(Order::Integers),
                Some("bytes") => Some(Order::Bytes),
                _ => None,
            },
            is_made_here: row.get("is_made_here"),
            collation: row.get("collation_clause"),
            operators: row.get("operator_schema"),
        })
    }

    /// `l op r` as SQL over texts.
    fn operation(&self, operator: &str, is_pattern: bool) -> String {
        let Self { base_name, collation, operators, .. } = self;
        let right = if is_pattern { "pg_catalog.text" } else { base_name };
        let operator = match operators.as_str() {
            "" => operator.to_owned(),
            schema => format!("operator({schema}.{operator})"),
        };
        format!("l::{base_name}{collation} {operator} r::{right}")
    }
}

/// Lets Postgres accept the bindings of a channel: each table is published, the columns that
/// filters and selections name exist and may be selected, and values are of their types. All or
/// none.
///
/// # Errors
/// In the reference's words, what is wrong with the first that is refused.
pub async fn accept(
    pg: &Pg,
    identity: &Identity,
    wanted: &[Wanted],
) -> Result<Vec<Binding>, Refusal> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // Dates and intervals are printed as the log prints them.
    let session = Session::person(identity)
        .read_only()
        .set("search_path", "")
        .set("datestyle", "ISO")
        .set("intervalstyle", "postgres");
    let columns = columns(pg, &session, wanted).await?;
    let mut values = Values::default();
    let mut filters = Vec::with_capacity(wanted.len());
    for (number, wanted) in wanted.iter().enumerate() {
        filters.push(wanted.filter.try_map(&mut |condition| {
            let column = &columns[&(number, condition.column.as_str())];
            meaning(condition, column, &identity.role, |operation, text, is_pattern| {
                values.ask(number, column, operation, text, is_pattern)
            })
            .map_err(|text| raised(wanted, &text))
        })?);
    }
    let printed = values.print(pg, &session, wanted).await?;
    let bindings = wanted.iter().zip(filters).map(|(wanted, filter)| {
        let interest = Interest {
            kind: wanted.kind,
            schema: wanted.schema.clone(),
            table: wanted.table.clone(),
            filter: filter.try_map(&mut |pending| Ok::<_, Refusal>(pending.settle(&printed)))?,
            view: wanted.view.clone(),
            moved_out: wanted.moved_out,
        };
        Ok(Binding { id: wanted.id(), interest: Arc::new(interest), after: wanted.after })
    });
    bindings.collect()
}

/// The columns that filters name, by number of the binding and name.
async fn columns<'a>(
    pg: &Pg,
    session: &Session<'_>,
    wanted: &'a [Wanted],
) -> Result<HashMap<(usize, &'a str), Column>, Refusal> {
    let mut asked: Vec<(usize, Option<&str>)> = Vec::new();
    let mut filtered: Vec<(usize, &str)> = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        asked.push((number, None));
        wanted.filter.visit(&mut |condition| filtered.push((number, &condition.column)));
        asked.extend(wanted.view.select.iter().flatten().map(|name| (number, Some(&**name))));
    }
    asked.extend(filtered.iter().map(|(number, name)| (*number, Some(*name))));
    let param = asked.iter().map(|(number, name)| {
        let of = &wanted[*number];
        json!({"binding": number, "schema": of.schema, "name": of.table, "column_name": name})
    });
    let param = Value::Array(param.collect()).to_string();
    let rows = pg
        .run(session, FACTS, &[Some(&param), Some(names::PUBLICATION)])
        .await
        .map_err(|error| refusal(&wanted[0], error))?;
    let mut found: HashMap<(usize, String), Column> = HashMap::new();
    for row in &rows {
        let number = usize::try_from(row.get::<_, i32>("binding")).unwrap_or_default();
        if !row.get::<_, bool>("is_published") {
            return Err(Refusal::NoTable(wanted[number].describe()));
        }
        if let (Some(name), Some(column)) = (row.get("column_name"), Column::read(row)) {
            found.insert((number, name), column);
        }
    }
    for (number, wanted) in wanted.iter().enumerate() {
        for name in wanted.view.select.iter().flatten() {
            if !found.contains_key(&(number, name.clone())) {
                return Err(raised(wanted, &format!("invalid column for select {name}")));
            }
        }
    }
    let mut columns = HashMap::with_capacity(filtered.len());
    for (number, name) in filtered {
        if columns.contains_key(&(number, name)) {
            continue;
        }
        let column = found
            .remove(&(number, name.to_owned()))
            .ok_or_else(|| raised(&wanted[number], &format!("invalid column for filter {name}")))?;
        columns.insert((number, name), column);
    }
    Ok(columns)
}

/// A predicate whose values Postgres has yet to print.
#[derive(Debug, Clone)]
struct Pending {
    predicate: Predicate,
    /// Where its values will be.
    values: Vec<usize>,
}

impl Pending {
    fn settle(&self, printed: &[String]) -> Tree<Predicate> {
        let mut predicate = self.predicate.clone();
        let mut values = self.values.iter().map(|at| printed[*at].clone());
        match &mut predicate.asked {
            Asked::Equal { texts, .. } => {
                *texts = values.collect();
                texts.sort_unstable();
                texts.dedup();
            }
            Asked::Ordered { text, .. } | Asked::Compared { text, .. } => {
                *text = values.next().unwrap_or_default();
            }
            Asked::Null | Asked::NullRow | Asked::Boolean(_) | Asked::Unknown => {}
        }
        Tree::One(predicate)
    }
}

/// What a condition means for a column; `print` has a value checked and printed.
///
/// # Errors
/// In the reference's words, why the operator does not go with the column.
fn meaning(
    condition: &Condition,
    column: &Column,
    role: &str,
    mut print: impl FnMut(&str, &str, bool) -> usize,
) -> Result<Tree<Pending>, String> {
    let Condition { column: name, operator, value } = condition;
    let one = |asked, values| {
        let predicate = Predicate { column: name.clone(), type_oid: column.type_oid, asked };
        Tree::One(Pending { predicate, values })
    };
    let compared = |sql: &str| Asked::Compared {
        operation: Arc::new(Operation {
            sql: sql.to_owned(),
            role: if column.is_made_here { role.to_owned() } else { "none".to_owned() },
        }),
        text: String::new(),
    };
    let mut equal = |values: &[Option<&str>]| {
        let sql = column.operation("=", false);
        let has_null = values.contains(&None);
        let places: Vec<usize> =
            values.iter().flatten().map(|value| print(&sql, value, false)).collect();
        if column.has_one_text {
            return one(Asked::Equal { texts: Vec::new(), has_null }, places);
        }
        let nulls = has_null.then(|| one(Asked::Unknown, Vec::new()));
        let each = places.into_iter().map(|place| one(compared(&sql), vec![place]));
        Tree::Any(each.chain(nulls).collect())
    };
    Ok(match operator {
        Operator::Eq => equal(&[Some(value)]),
        Operator::Neq => Tree::Not(Box::new(equal(&[Some(value)]))),
        Operator::IsDistinct => {
            let differs = Tree::Not(Box::new(equal(&[Some(value)])));
            Tree::Any(vec![one(Asked::Null, Vec::new()), differs])
        }
        Operator::In => {
            let values = condition.list();
            if values.len() > MAX_IN_VALUES {
                return Err(format!("too many values for `in` filter. Maximum {MAX_IN_VALUES}"));
            }
            equal(&values.iter().map(Option::as_deref).collect::<Vec<_>>())
        }
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte => {
            let symbol = match operator {
                Operator::Lt => "<",
                Operator::Lte => "<=",
                Operator::Gt => ">",
                _ => ">=",
            };
            let sql = column.operation(symbol, false);
            let asked = match column.order {
                Some(order) => Asked::Ordered { order, operator: *operator, text: String::new() },
                None => compared(&sql),
            };
            one(asked, vec![print(&sql, value, false)])
        }
        Operator::Like | Operator::Ilike | Operator::Match | Operator::Imatch => {
            if !column.is_text {
                return Err(format!(
                    "operator {} requires a text-compatible column type, got {}",
                    operator.name(),
                    column.type_name
                ));
            }
            let symbol = match operator {
                Operator::Like => "~~",
                Operator::Ilike => "~~*",
                Operator::Match => "~",
                _ => "~*",
            };
            let sql = column.operation(symbol, true);
            one(compared(&sql), vec![print(&sql, value, true)])
        }
        Operator::Is => {
            let word = value.to_ascii_lowercase();
            let asked = match word.as_str() {
                "null" if column.is_row => Asked::NullRow,
                "null" | "unknown" => Asked::Null,
                "true" => Asked::Boolean(true),
                "false" => Asked::Boolean(false),
                _ => {
                    return Err(
                        "invalid value for is filter: must be null, true, false, or unknown"
                            .to_owned(),
                    );
                }
            };
            if word != "null" && !column.is_boolean {
                return Err(format!(
                    "is {word} filter requires a boolean column, got {}",
                    column.type_name
                ));
            }
            one(asked, Vec::new())
        }
    })
}

/// Values that Postgres must read as their column's type, and print.
#[derive(Default)]
struct Values {
    /// By expression and type: a few statements for any number of values.
    asked: HashMap<(String, String), Vec<Asking>>,
    count: usize,
}

struct Asking {
    binding: usize,
    place: usize,
    text: String,
}

impl Values {
    /// Remembers a value; gives where it will be.
    fn ask(
        &mut self,
        binding: usize,
        column: &Column,
        operation: &str,
        text: &str,
        is_pattern: bool,
    ) -> usize {
        // Patterns are tried on an empty text, values on themselves. The log prints what a type's
        // output function gives, which a cast to text does not always (`t` is `true`).
        let (left, base) = if is_pattern {
            ("''::pg_catalog.text", "pg_catalog.text")
        } else {
            ("r", column.base_name.as_str())
        };
        let sql = format!(
            "select array_agg(format('%s', r::{base}) order by n), count(*) filter (where {operation})
               from (select {left} as l, r, n
                       from json_array_elements_text($1::json) with ordinality as t (r, n)) as pair"
        );
        let place = self.count;
        self.count += 1;
        let asking = Asking { binding, place, text: text.to_owned() };
        self.asked.entry((sql, column.base_name.clone())).or_default().push(asking);
        place
    }

    async fn print(
        self,
        pg: &Pg,
        session: &Session<'_>,
        wanted: &[Wanted],
    ) -> Result<Vec<String>, Refusal> {
        let mut printed = vec![String::new(); self.count];
        for ((sql, _), asked) in &self.asked {
            let texts = match print(pg, session, sql, asked).await {
                Err(Error::Refused(_)) if asked.len() > 1 => {
                    // Which of them is to be told.
                    let mut texts = Vec::with_capacity(asked.len());
                    for asking in asked {
                        let alone = print(pg, session, sql, std::slice::from_ref(asking)).await;
                        let alone = alone.map_err(|error| refusal(&wanted[asking.binding], error));
                        texts.extend(alone?);
                    }
                    texts
                }
                texts => texts.map_err(|error| refusal(&wanted[asked[0].binding], error))?,
            };
            for (asking, text) in asked.iter().zip(texts) {
                printed[asking.place] = text;
            }
        }
        Ok(printed)
    }
}

async fn print(
    pg: &Pg,
    session: &Session<'_>,
    sql: &str,
    asked: &[Asking],
) -> Result<Vec<String>, Error> {
    let texts = asked.iter().map(|asking| Value::from(asking.text.as_str())).collect();
    let rows = pg.run(session, sql, &[Some(&Value::Array(texts).to_string())]).await?;
    let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
    Ok(row.try_get(0)?)
}

fn raised(wanted: &Wanted, text: &str) -> Refusal {
    Refusal::Refused {
        binding: wanted.describe(),
        error: format!("ERROR P0001 (raise_exception) {text}"),
    }
}

fn refusal(wanted: &Wanted, error: Error) -> Refusal {
    match error {
        Error::Refused(error) if *error.code() == SqlState::INVALID_REGULAR_EXPRESSION => {
            let told = error.message();
            let told = told.strip_prefix("invalid regular expression: ").unwrap_or(told);
            raised(wanted, &format!("invalid regular expression for match filter: {told}"))
        }
        Error::Refused(error) => {
            Refusal::Refused { binding: wanted.describe(), error: describe(&error) }
        }
        error => {
            tracing::warn!(%error, "bindings could not be checked");
            Refusal::Unreachable
        }
    }
}

/// `ERROR 22P02 (invalid_text_representation) text`; Postgres does not send the condition's
/// name, so those that matter here are spelt out.
fn describe(error: &DbError) -> String {
    let code = error.code().code();
    let name = match code {
        "22P02" => "invalid_text_representation",
        "22P05" => "untranslatable_character",
        "22003" => "numeric_value_out_of_range",
        "22007" => "invalid_datetime_format",
        "22008" => "datetime_field_overflow",
        "42501" => "insufficient_privilege",
        "42704" => "undefined_object",
        "42883" => "undefined_function",
        "0A000" => "feature_not_supported",
        _ => "error",
    };
    format!("ERROR {code} ({name}) {}", error.message())
}

/// Lets Postgres compare values for filters.
pub struct Comparer {
    pool: Pool,
    /// Filters that ran into the time limit, and until when they rest.
    resting: HashMap<(Arc<Operation>, String), Instant>,
}

impl Comparer {
    /// One that asks over `pool`, whose connections bound how long a statement runs.
    pub fn new(pool: Pool) -> Self {
        Self { pool, resting: HashMap::new() }
    }

    /// Has all of `compared` answered; one statement an operation. What Postgres cannot compare
    /// (the type was changed, a pattern takes too long) stays unknown, and nobody waits for it.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn compare(&mut self, compared: &mut Compared) -> Result<(), Error> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let mut by_operation: HashMap<Arc<Operation>, Vec<Comparison>> = HashMap::new();
        for comparison in compared.keys() {
            let filter = (Arc::clone(&comparison.operation), comparison.right.clone());
            if self.resting.is_empty() || !self.resting.contains_key(&filter) {
                by_operation.entry(filter.0).or_default().push(comparison.clone());
            }
        }
        for (operation, comparisons) in by_operation {
            let mut timeouts = 0;
            let mut waiting = vec![comparisons];
            while let Some(asked) = waiting.pop() {
                if timeouts == MAX_TIMEOUTS {
                    break;
                }
                match self.ask(&operation, &asked).await {
                    Ok(answers) => compared.extend(asked.into_iter().zip(answers)),
                    Err(error) if error.sqlstate() == Some(SqlState::QUERY_CANCELED.code()) => {
                        waiting.extend(self.by_filter(&operation, asked, &mut timeouts));
                    }
                    Err(error) if error.sqlstate().is_some() && !error.is_passing() => {
                        waiting.extend(halves(&operation, asked, &error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn ask(
        &self,
        operation: &Operation,
        asked: &[Comparison],
    ) -> Result<Vec<Option<bool>>, Error> {
        let sql = format!(
            "select array_agg({} order by n)
               from rows from (json_array_elements_text($1::json), json_array_elements_text($2::json))
                    with ordinality as t (l, r, n)",
            operation.sql
        );
        let side = |of: fn(&Comparison) -> &str| {
            Value::Array(asked.iter().map(|one| Value::from(of(one))).collect()).to_string()
        };
        let (left, right) = (side(|asked| &asked.left), side(|asked| &asked.right));
        // Accepted under the same: what an extension brings is named in full.
        let session = Session::own(&operation.role).read_only().set("search_path", "");
        let rows = session::run(&self.pool, &session, &sql, &[Some(&left), Some(&right)]).await?;
        let row = rows.first().ok_or_else(|| Error::Down("no answer".into()))?;
        Ok(row.try_get(0)?)
    }

    /// After a time-out: each filter alone; one that is alone already rests.
    fn by_filter(
        &mut self,
        operation: &Arc<Operation>,
        asked: Vec<Comparison>,
        timeouts: &mut usize,
    ) -> Vec<Vec<Comparison>> {
        let mut filters: HashMap<String, Vec<Comparison>> = HashMap::new();
        for comparison in asked {
            filters.entry(comparison.right.clone()).or_default().push(comparison);
        }
        if filters.len() > 1 {
            return filters.into_values().collect();
        }
        *timeouts += 1;
        for filter in filters.into_keys() {
            tracing::warn!(operation = operation.sql, "a filter takes too long, and rests");
            self.resting.insert((Arc::clone(operation), filter), Instant::now() + TIMEOUT_REST);
        }
        Vec::new()
    }
}

/// After an error: what caused it is found by asking less.
fn halves(
    operation: &Operation,
    mut asked: Vec<Comparison>,
    error: &Error,
) -> Vec<Vec<Comparison>> {
    if asked.len() > 1 {
        let half = asked.split_off(asked.len() / 2);
        return vec![asked, half];
    }
    tracing::warn!(%error, operation = operation.sql, "a filter cannot be compared");
    Vec::new()
}
