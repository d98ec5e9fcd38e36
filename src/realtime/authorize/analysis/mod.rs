//! What a table's policies depend on: columns of the row, claims, rows of other tables.
//!
//! Nothing here decides who may see what; Postgres does. What is found only says how long a
//! verdict stays true and whom it could concern. Whatever is not understood is told as a reason
//! why verdicts must not be remembered.
//!
//! Reading order: `node_tree` (Postgres's trees, pure), `facts` (what the catalog says), `terms`
//! (what must be equal); through policies, all pure: `walk`, `condition`, `value`, `query`, `from`,
//! `reads`, `calls`, `candidates`; `explain` (what was found, in words).

mod calls;
mod candidates;
mod condition;
pub mod explain;
mod facts;
mod from;
mod node_tree;
mod query;
mod reads;
mod terms;
mod value;
mod walk;

use std::collections::BTreeSet;

use deadpool_postgres::{Object, Pool, Transaction};

use super::super::logs::Log;
use crate::pg;

use facts::{Command, Facts, Wanted};
use walk::{Found, Walk};

/// What the policies of one table depend on, for one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Names of the row's own columns that decide, in the order of the table.
    pub columns: Vec<String>,
    /// What of the token decides.
    pub claims: Claims,
    /// Tables whose rows decide, one entry for each place where one is read.
    pub reads: Vec<Read>,
    /// Who could possibly be permitted: never fewer than are.
    pub candidates: Candidates,
    /// Why verdicts must not be remembered, in words for a DBA; empty when they may be.
    pub reasons: Vec<String>,
    /// Whether more may be read than `reads` says.
    pub is_blind: bool,
    /// When tables were added to the private publication: transactions at or after this id
    /// (`pg_snapshot_xmax`) tell all of their rows. None when nothing was added now.
    pub complete_from: Option<u64>,
}

/// What of the token decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claims {
    /// All of it.
    Whole,
    /// These claims of its top level.
    Of(BTreeSet<String>),
}

/// A place where policies read a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Oid of the table, as the log names it.
    pub table: u32,
    /// `schema.name`, quoted for SQL.
    pub name: String,
    /// A row of the table can matter only to rows with these values equal: column of the table
    /// read, column of the row judged.
    pub keys: Vec<(String, String)>,
    /// And only to the person whose `auth.uid()` stands in this column.
    pub subject: Option<String>,
    /// The columns that are looked at: an update that leaves them as they were changes nothing.
    /// `None` when it may be all.
    pub columns: Option<Vec<String>>,
    /// It has columns that the log does not tell of old rows, so it only says where candidates
    /// are found. Another entry says what a change of the table can concern.
    pub is_lookup: bool,
}

/// Who could possibly be permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidates {
    /// Nothing is known.
    Anybody,
    /// Whom one of these names; nobody when there is none.
    Of(Vec<Source>),
}

/// Where a possible person's id stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In this column of the row judged.
    Column(String),
    /// In the subject column of those rows of a read (by its place in `reads`) that its keys
    /// select.
    Rows(usize),
}

/// What policies decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Who sees rows of the log.
    Sight,
    /// Who hears what is said in a private channel.
    Hearing,
    /// Who says something there, or is present.
    Speech,
}

/// Analyses the policies of `table` as they bind `role`, for the changes of a log.
///
/// # Errors
/// The database cannot be asked.
pub async fn analyse(
    pool: &Pool,
    log: Log,
    table: u32,
    role: &str,
    purpose: Purpose,
) -> Result<Analysis, pg::Error> {
    let mut client = pool.get().await?;
    // The bodies of functions are parsed as those of temporary ones, and never kept.
    let undone = client.build_transaction().read_only(false).start().await?;
    let command = if purpose == Purpose::Speech { Command::Insert } else { Command::Select };
    let (facts, found, candidates) = find(undone, log, table, role, command).await?;
    let mut analysis = conclude(&facts, table, &found, candidates);
    if !found.untold.is_empty() {
        // What is not understood is asked anew each time anyway; rights are asked again when the
        // tables change that are known to decide.
        let is_followed = match purpose {
            Purpose::Sight => analysis.reasons.is_empty(),
            Purpose::Hearing | Purpose::Speech => !analysis.is_blind,
        };
        watch(&client, &facts, &found, &mut analysis, is_followed).await?;
    }
    Ok(analysis)
}

/// Walks until nothing is missing.
async fn find(
    mut undone: Transaction<'_>,
    log: Log,
    table: u32,
    role: &str,
    command: Command,
) -> Result<(Facts, Found, Candidates), pg::Error> {
    undone.batch_execute(NAMES_IN_FULL).await?;
    let statement = undone.prepare_cached(ROLE).await?;
    let role = undone.query_opt(&statement, &[&role]).await?.map_or(0, |row| row.get(0));
    let mut facts = Facts { log, ..Facts::default() };
    let mut last = Wanted::default();
    loop {
        let mut walk = Walk::new(&facts, table);
        let candidates = walk.policies(role, command);
        let is_complete = walk.wanted == Wanted::default();
        // Asked for twice, it does not exist.
        let is_gone = !is_complete && walk.wanted == last;
        if is_gone {
            walk.reason("policies name something that is gone, or were changed just now");
        }
        let (found, wanted) = (walk.found, walk.wanted);
        if is_complete || is_gone {
            undone.rollback().await?;
            return Ok((facts, found, candidates));
        }
        facts.load(&mut undone, &wanted).await?;
        last = wanted;
    }
}

/// Other names stand in the analysis in full; bodies of functions are parsed with the path that
/// the connection has.
const NAMES_IN_FULL: &str = "
    select set_config('walkie.search_path', current_setting('search_path'), true),
           set_config('search_path', '', true)";

const ROLE: &str = "select oid from pg_catalog.pg_roles where rolname = $1";

fn conclude(facts: &Facts, table: u32, found: &Found, candidates: Candidates) -> Analysis {
    let row = facts.relations.get(&table);
    let columns = found.columns.iter().filter_map(|number| row?.column(*number).map(str::to_owned));
    let mut reasons = found.reasons.clone();
    if row.is_none() {
        reasons.push("the table is gone".to_owned());
    }
    Analysis {
        columns: columns.collect(),
        claims: if found.has_whole_claims {
            Claims::Whole
        } else {
            Claims::Of(found.claims.clone())
        },
        reads: found.reads(facts),
        candidates,
        is_blind: found.is_blind || row.is_none(),
        reasons,
        complete_from: None,
    }
}

/// Has the log tell the tables that it does not tell yet, if they are worth it; what is not told
/// is a reason.
async fn watch(
    client: &Object,
    facts: &Facts,
    found: &Found,
    analysis: &mut Analysis,
    is_followed: bool,
) -> Result<(), pg::Error> {
    let untold: Vec<u32> = found.untold.iter().copied().collect();
    let mut told: Vec<u32> = Vec::new();
    if is_followed {
        let may_watch: bool = client.query_one(MAY_WATCH, &[]).await?.get(0);
        if may_watch {
            let statement = client.prepare_cached(WATCH).await?;
            let rows = client.query(&statement, &[&untold]).await?;
            told = rows.iter().map(|row| row.get(0)).collect();
            // Read after the commit: whoever began before may have written what is not told.
            let snapshot = client.prepare_cached(NEXT_TRANSACTION).await?;
            let next: String = client.query_one(&snapshot, &[]).await?.get(0);
            analysis.complete_from = next.parse().ok().filter(|_| !told.is_empty());
        }
    }
    for relation in untold.iter().filter(|oid| !told.contains(oid)) {
        analysis.is_blind = true;
        if let Some(relation) = facts.relations.get(relation) {
            analysis.reasons.push(format!(
                "the log does not tell what happens to {0}: give it a primary key, or: alter publication {1} add table {0};",
                relation.name,
                facts.log.publication(),
            ));
        }
    }
    Ok(())
}

const MAY_WATCH: &str = "select coalesce(has_function_privilege(to_regprocedure('realtime.watch(oid[])')::oid, 'execute'), false)";

const WATCH: &str = "select realtime.watch($1)";

const NEXT_TRANSACTION: &str = "select pg_snapshot_xmax(pg_current_snapshot())::text";
