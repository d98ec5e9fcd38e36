//! What the catalog says of everything that policies mention. Loaded as it is asked for: the
//! analysis names what it lacks, and is begun again when that is known.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::super::super::logs::Log;
use crate::pg::{Error, names};

use super::node_tree::Tree;
use super::terms;

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) language: String,
    pub(super) is_immutable: bool,
    /// Whether it runs as its owner.
    pub(super) is_definer: bool,
    pub(super) owner: u32,
    pub(super) source: String,
    pub(super) config: Vec<String>,
    pub(super) gives_set: bool,
    pub(super) arguments: usize,
    /// Expressions of its last arguments, where they have defaults.
    pub(super) defaults: Vec<Tree>,
    pub(super) comment: String,
    /// Types of the columns that it gives; empty where they are those of a named row type.
    pub(super) outputs: Vec<u32>,
    /// The query of an SQL function, or why it is not known.
    pub(super) body: Result<Tree, String>,
}

/// A relation that policies read.
#[derive(Debug)]
pub(super) struct Relation {
    /// The oid that the log uses.
    pub(super) logged_as: u32,
    /// `schema.name`, quoted.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) persistence: String,
    pub(super) is_system: bool,
    pub(super) has_children: bool,
    /// Whether the log tells all that happens to its rows.
    pub(super) is_told: bool,
    /// Its columns: number and name.
    pub(super) columns: Vec<(i64, String)>,
    /// Columns that the log does not tell because they are generated.
    pub(super) generated: Vec<i64>,
    /// Columns that the log tells of old rows.
    pub(super) identity: Vec<i64>,
    /// Columns of each of its unique indexes.
    pub(super) unique_keys: Vec<Vec<i64>>,
}

impl Relation {
    /// A column's name.
    pub(super) fn column(&self, number: i64) -> Option<&str> {
        self.columns.iter().find(|(known, _)| *known == number).map(|(_, name)| name.as_str())
    }
}

/// What policies are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Command {
    Select,
    Insert,
}

impl Command {
    /// As the catalog writes it.
    fn code(self) -> &'static str {
        match self {
            Self::Select => "r",
            Self::Insert => "a",
        }
    }

    fn of(code: &str) -> Self {
        if code == "a" { Self::Insert } else { Self::Select }
    }
}

/// How row security binds a role on a table.
#[derive(Debug, Default)]
pub(super) struct RowSecurity {
    pub(super) is_bound: bool,
    /// Conditions of policies that permit; `None` is one that was not understood.
    pub(super) permissive: Vec<Option<Tree>>,
    /// Conditions of policies that restrict.
    pub(super) restrictive: Vec<Option<Tree>>,
}

/// An operator.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) function: u32,
    /// Whether two values are equal just when the log prints the same of both.
    pub(super) is_equality: bool,
}

/// Everything known.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The log whose changes are decided.
    pub(super) log: Log,
    pub(super) functions: HashMap<u32, Function>,
    pub(super) relations: HashMap<u32, Relation>,
    /// By table, role and command.
    pub(super) row_security: HashMap<(u32, u32, Command), RowSecurity>,
    pub(super) operators: HashMap<u32, Operator>,
    /// Oids of tables that comments name; `None` where there is no such table.
    pub(super) tables: HashMap<(String, String), Option<u32>>,
    /// What is known to be an enumeration.
    pub(super) enums: HashMap<u32, bool>,
}

/// What is not known yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) functions: BTreeSet<u32>,
    pub(super) relations: BTreeSet<u32>,
    pub(super) row_security: BTreeSet<(u32, u32, Command)>,
    pub(super) operators: BTreeSet<u32>,
    pub(super) tables: BTreeSet<(String, String)>,
    pub(super) types: BTreeSet<u32>,
}

impl Facts {
    /// Loads what is wanted. What does not exist (any more) stays unknown.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn load(
        &mut self,
        transaction: &mut Transaction<'_>,
        wanted: &Wanted,
    ) -> Result<(), Error> {
        self.load_functions(transaction, &wanted.functions).await?;
        self.load_relations(transaction, &wanted.relations).await?;
        self.load_row_security(transaction, &wanted.row_security).await?;
        self.load_operators(transaction, &wanted.operators).await?;
        self.load_names(transaction, wanted).await
    }

    async fn load_functions(
        &mut self,
        transaction: &mut Transaction<'_>,
        wanted: &BTreeSet<u32>,
    ) -> Result<(), Error> {
        let oids: Vec<u32> = wanted.iter().copied().collect();
        if oids.is_empty() {
            return Ok(());
        }
        let statement = transaction.prepare_cached(include_str!("functions.sql")).await?;
        for row in transaction.query(&statement, &[&oids]).await? {
            let oid: u32 = row.get("oid");
            let mut function = function(&row);
            if function.language == "sql" && function.schema != "pg_catalog" {
                function.body = match row.get::<_, Option<&str>>("body") {
                    Some(body) => only_query(body),
                    None => parse_body(transaction, oid, &function).await?,
                };
            }
            self.functions.insert(oid, function);
        }
        Ok(())
    }

    async fn load_relations(
        &mut self,
        transaction: &Transaction<'_>,
        wanted: &BTreeSet<u32>,
    ) -> Result<(), Error> {
        let oids: Vec<u32> = wanted.iter().copied().collect();
        if oids.is_empty() {
            return Ok(());
        }
        let followed = [self.log.publication(), names::POLICIES_PUBLICATION];
        let statement = transaction.prepare_cached(include_str!("relations.sql")).await?;
        for row in transaction.query(&statement, &[&oids, &followed.as_slice()]).await? {
            self.relations.insert(row.get("oid"), relation(&row));
        }
        Ok(())
    }

    /// Whoever is bound by row security without a policy sees nothing.
    async fn load_row_security(
        &mut self,
        transaction: &Transaction<'_>,
        wanted: &BTreeSet<(u32, u32, Command)>,
    ) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let relations: Vec<u32> = wanted.iter().map(|(relation, ..)| *relation).collect();
        let roles: Vec<u32> = wanted.iter().map(|(_, role, _)| *role).collect();
        let commands: Vec<&str> = wanted.iter().map(|(.., command)| command.code()).collect();
        let statement = transaction.prepare_cached(include_str!("row_security.sql")).await?;
        for row in transaction.query(&statement, &[&relations, &roles, &commands]).await? {
            let key = (row.get("relation"), row.get("role"), Command::of(row.get("command")));
            let known = self.row_security.entry(key).or_default();
            known.is_bound = row.get("is_bound");
            let condition = match row.get::<_, Option<&str>>("condition") {
                Some(text) => Tree::read(text),
                None => Tree::read(ALWAYS),
            };
            match row.get::<_, Option<bool>>("is_permissive") {
                Some(true) => known.permissive.push(condition),
                Some(false) => known.restrictive.push(condition),
                None => {}
            }
        }
        Ok(())
    }

    async fn load_operators(
        &mut self,
        transaction: &Transaction<'_>,
        wanted: &BTreeSet<u32>,
    ) -> Result<(), Error> {
        let oids: Vec<u32> = wanted.iter().copied().collect();
        if oids.is_empty() {
            return Ok(());
        }
        let plain = terms::PLAIN_TYPES.as_slice();
        let statement = transaction.prepare_cached(include_str!("operators.sql")).await?;
        for row in transaction.query(&statement, &[&oids, &plain]).await? {
            let operator =
                Operator { function: row.get("function"), is_equality: row.get("is_equality") };
            self.operators.insert(row.get("oid"), operator);
        }
        Ok(())
    }

    async fn load_names(
        &mut self,
        transaction: &Transaction<'_>,
        wanted: &Wanted,
    ) -> Result<(), Error> {
        for (schema, table) in &wanted.tables {
            let statement = transaction.prepare_cached(FIND_TABLE).await?;
            let row = transaction.query_opt(&statement, &[schema, table]).await?;
            self.tables.insert((schema.clone(), table.clone()), row.map(|row| row.get(0)));
        }
        for oid in &wanted.types {
            let statement = transaction.prepare_cached(IS_ENUM).await?;
            let row = transaction.query_opt(&statement, &[oid]).await?;
            self.enums.insert(*oid, row.is_some_and(|row| row.get(0)));
        }
        Ok(())
    }
}

/// A policy without a condition.
const ALWAYS: &str = "{CONST :consttype 16 :constisnull false :constvalue 1 [ 1 0 0 0 0 0 0 0 ]}";

const FIND_TABLE: &str = "
    select c.oid
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2";

const IS_ENUM: &str = "select typtype = 'e' from pg_catalog.pg_type where oid = $1";

fn function(row: &Row) -> Function {
    let defaults = row.get::<_, Option<&str>>("defaults").and_then(Tree::read);
    Function {
        schema: row.get("schema"),
        name: row.get("name"),
        language: row.get("language"),
        is_immutable: row.get("is_immutable"),
        is_definer: row.get("is_definer"),
        owner: row.get("owner"),
        source: row.get("source"),
        config: row.get("config"),
        gives_set: row.get("gives_set"),
        arguments: usize::try_from(row.get::<_, i32>("arguments")).unwrap_or(0),
        defaults: defaults.map(|tree| tree.list().to_vec()).unwrap_or_default(),
        comment: row.get::<_, Option<String>>("comment").unwrap_or_default(),
        outputs: row.get("outputs"),
        body: Err("it is not written in SQL".to_owned()),
    }
}

fn relation(row: &Row) -> Relation {
    let numbers = |name: &str| -> Vec<i64> {
        row.get::<_, Vec<i16>>(name).into_iter().map(i64::from).collect()
    };
    let unique_keys = row.get::<_, Vec<String>>("unique_keys");
    Relation {
        logged_as: row.get("logged_as"),
        name: row.get("name"),
        kind: row.get("kind"),
        persistence: row.get("persistence"),
        is_system: row.get("is_system"),
        has_children: row.get("has_children"),
        is_told: row.get("is_told"),
        columns: numbers("numbers").into_iter().zip(row.get::<_, Vec<String>>("names")).collect(),
        generated: numbers("generated"),
        identity: numbers("identity"),
        unique_keys: unique_keys
            .iter()
            .map(|key| key.split(' ').filter_map(|number| number.parse().ok()).collect())
            .collect(),
    }
}

/// The one query of a body.
fn only_query(body: &str) -> Result<Tree, String> {
    let mut tree = Tree::read(body).ok_or("its body is too long or too deep")?;
    // begin atomic has a list of statements in a list; return has a query alone.
    while let Tree::List(members) = tree {
        tree = match <[Tree; 1]>::try_from(members) {
            Ok([only]) => only,
            Err(_) => return Err("its body is not one query".to_owned()),
        };
    }
    let is_select = tree
        .node()
        .is_some_and(|node| node.kind == "QUERY" && node.number("commandType") == Some(1));
    if is_select { Ok(tree) } else { Err("its body is not a select".to_owned()) }
}

/// Lets Postgres parse the body of a function that is kept as text: as that of a temporary
/// function of the same shape, which is undone at once.
///
/// Sent as a prepared statement, which can only be one: a body cannot end the function and go
/// on with a command of its own.
async fn parse_body(
    transaction: &mut Transaction<'_>,
    oid: u32,
    function: &Function,
) -> Result<Result<Tree, String>, Error> {
    let own_path = function.config.iter().find_map(|setting| setting.strip_prefix("search_path="));
    let undone = transaction.transaction().await?;
    let shape = "
        select set_config('search_path', coalesce($2, current_setting('walkie.search_path')), true),
               pg_get_function_arguments($1), pg_get_function_result($1)";
    // The signature is written for the search_path that the first column has set.
    let set = undone.prepare_cached(shape).await?;
    undone.query_one(&set, &[&oid, &own_path]).await?;
    let shape = undone.query_one(&set, &[&oid, &own_path]).await?;
    let (arguments, result): (&str, &str) = (shape.get(1), shape.get(2));
    let create = format!(
        "create function pg_temp.body_as_parsed({arguments}) returns {result} language sql begin atomic {}\n; end",
        function.source
    );
    let outcome = match undone.query_typed(&create, &[]).await {
        Ok(_) => {
            let body = undone.prepare_cached(PARSED_BODY).await?;
            let row = undone.query_opt(&body, &[]).await?;
            row.map_or_else(|| Err("it has no body".to_owned()), |row| only_query(row.get(0)))
        }
        Err(error) => match error.as_db_error() {
            Some(refused) => Err(format!("its body cannot be parsed: {}", refused.message())),
            None => return Err(error.into()),
        },
    };
    undone.rollback().await?;
    Ok(outcome)
}

const PARSED_BODY: &str = "
    select prosqlbody::text
      from pg_catalog.pg_proc
     where pronamespace = pg_my_temp_schema()
       and proname = 'body_as_parsed'
       and prosqlbody is not null";
