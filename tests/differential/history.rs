//! Random transactions: rows, memberships, and the rules themselves.

use super::scene::Scene;
use super::tables::{Revisions, Table};
use crate::support::Dice;

/// Statements that are committed together.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// In their order.
    pub statements: Vec<String>,
    /// Whether it changes rules.
    pub is_ddl: bool,
    /// Whether the log tells nothing of it: the server looks for such changes every second.
    pub is_silent: bool,
}

impl Transaction {
    /// As one text.
    pub fn sql(&self) -> String {
        self.statements.iter().map(|statement| format!("{statement};\n")).collect()
    }

    fn of(statements: Vec<String>) -> Self {
        Self { statements, is_ddl: false, is_silent: false }
    }
}

/// A transaction of rows, sometimes with a change of rules between them.
pub fn rows(dice: &mut Dice, scene: &Scene, revisions: &mut Revisions) -> Transaction {
    let mut statements = Vec::new();
    let mut is_ddl = false;
    for _ in 0..dice.between(1, 6) {
        let on_side = dice.percent(35);
        let statement = statement(dice, scene, revisions, on_side);
        if dice.percent(7) {
            statements.push("savepoint undone".to_owned());
            statements.push(statement);
            statements.push("rollback to savepoint undone".to_owned());
        } else {
            statements.push(statement);
        }
        if dice.percent(4) {
            statements.push(rule(dice, scene));
            is_ddl = true;
        }
    }
    Transaction { is_ddl, ..Transaction::of(statements) }
}

/// Rows of the tables that people subscribe to, or of those beside them: two such transactions
/// have nothing in common and can be committed side by side.
pub fn rows_of(
    dice: &mut Dice,
    scene: &Scene,
    revisions: &mut Revisions,
    on_side: bool,
) -> Transaction {
    let count = dice.between(1, 4);
    Transaction::of((0..count).map(|_| statement(dice, scene, revisions, on_side)).collect())
}

/// A change of rules that the log can tell of, and that leaves the shape of rows as it is.
pub fn rules(dice: &mut Dice, scene: &Scene) -> Transaction {
    let statements = (0..dice.between(1, 2)).map(|_| rule(dice, scene)).collect();
    Transaction { is_ddl: true, ..Transaction::of(statements) }
}

/// A change that concerns the shape of rows, what is published, or roles.
pub fn upheaval(dice: &mut Dice, scene: &Scene) -> Transaction {
    let table = dice.pick(&scene.mains);
    let any = dice.pick(&scene.tables().cloned().collect::<Vec<_>>()).clone();
    let name = &table.full_name;
    let (guest, crew) = (&scene.guest, &scene.crew);
    let mut is_silent = false;
    let statement = match dice.below(10) {
        9 => format!("alter table {name} alter column extra type int8 using 7"),
        0 => format!("alter table {name} add column if not exists extra text default 'more'"),
        1 => format!("alter table {name} drop column if exists extra"),
        2 => format!("alter table {name} add column if not exists extra int"),
        3 => format!("alter publication supabase_realtime drop table {}", any.full_name),
        4 => format!("alter publication supabase_realtime add table {}", any.full_name),
        5 => any.set_identity(dice.word(&["full", "default"])),
        _ => {
            is_silent = true;
            match dice.below(4) {
                0 => format!("revoke {crew} from {guest}"),
                1 => format!("alter role {guest} bypassrls"),
                2 => format!("alter role {guest} nobypassrls"),
                _ => format!("grant {crew} to {guest}"),
            }
        }
    };
    Transaction { is_ddl: true, is_silent, ..Transaction::of(vec![statement]) }
}

fn statement(dice: &mut Dice, scene: &Scene, revisions: &mut Revisions, on_side: bool) -> String {
    if on_side && dice.percent(15) {
        let is_on = dice.percent(50);
        let name = dice.word(&["one", "two"]);
        return format!("update public.flags set is_on = {is_on} where name = '{name}'");
    }
    let table = dice.pick(if on_side { &scene.vocabulary.sides } else { &scene.mains }).clone();
    match dice.below(100) {
        0..=1 => format!("truncate {}", table.full_name),
        2..=39 => insert(dice, &table, revisions),
        40..=84 => update(dice, &table, revisions),
        85..=90 if !on_side => hand_over(dice, &table, revisions),
        _ => format!("delete from {} where {}", table.full_name, some_rows(dice, &table)),
    }
}

/// One row or several; who is there already is left alone or changed.
pub fn insert(dice: &mut Dice, table: &Table, revisions: &mut Revisions) -> String {
    let mut columns = table.key.to_vec();
    columns.push("rev");
    columns.extend(&table.columns);
    let rows: Vec<String> = (0..dice.between(1, 3))
        .map(|_| {
            let values: Vec<String> = columns
                .iter()
                .map(|name| match *name {
                    "rev" => revisions.next().to_string(),
                    name => table.value(dice, name),
                })
                .collect();
            format!("({})", values.join(", "))
        })
        .collect();
    let otherwise = if rows.len() == 1 && dice.percent(50) {
        let set: Vec<String> = columns[table.key.len()..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!("update set {}", set.join(", "))
    } else {
        "nothing".to_owned()
    };
    format!(
        "insert into {} ({}) values {} on conflict ({}) do {otherwise}",
        table.full_name,
        columns.join(", "),
        rows.join(", "),
        table.key.join(", ")
    )
}

fn update(dice: &mut Dice, table: &Table, revisions: &mut Revisions) -> String {
    let mut set = vec![format!("rev = {}", revisions.next())];
    let name = &table.full_name;
    if dice.percent(10) {
        // Another key, when it is free.
        let column = *dice.pick(table.key);
        let value = table.value(dice, column);
        let others: String = table
            .key
            .iter()
            .filter(|other| **other != column)
            .map(|other| format!(" and taken.{other} = mine.{other}"))
            .collect();
        return format!(
            "update {name} mine set {}, {column} = {value} where {} and not exists (select from {name} taken where taken.{column} = {value}{others}) and rev = (select max(rev) from {name} where {})",
            set[0],
            some_rows(dice, table),
            some_rows(dice, table)
        );
    }
    for column in dice.some(&table.columns) {
        // Large values mostly stay as they are, and out of the log.
        if column != "big" || dice.percent(25) {
            set.push(format!("{column} = {}", table.value(dice, column)));
        }
    }
    format!("update {name} set {} where {}", set.join(", "), some_rows(dice, table))
}

/// Rows that are somebody's for a moment only: nobody else may hear what they were then.
fn hand_over(dice: &mut Dice, table: &Table, revisions: &mut Revisions) -> String {
    let rows = format!("{} = {}", table.key[0], table.value(dice, table.key[0]));
    let mut give = || {
        let (owner, revision) = (table.value(dice, "owner"), revisions.next());
        format!("update {} set rev = {revision}, owner = {owner} where {rows}", table.full_name)
    };
    format!("{};\n{}", give(), give())
}

fn some_rows(dice: &mut Dice, table: &Table) -> String {
    if dice.percent(15) {
        return "true".to_owned();
    }
    let mut columns = table.key.to_vec();
    columns.extend(table.columns.iter().filter(|name| ["owner", "team"].contains(name)));
    let column = *dice.pick(&columns);
    match table.value(dice, column) {
        null if null == "null" => format!("{column} is null"),
        value => format!("{column} = {value}"),
    }
}

/// A change of policies, row security, functions or grants.
fn rule(dice: &mut Dice, scene: &Scene) -> String {
    let words = &scene.vocabulary;
    let table = dice.pick(&scene.mains).clone();
    let side = dice.pick(&words.sides).clone();
    let function = dice.pick(&words.functions).clone();
    let name = &table.full_name;
    let role = dice.pick(&["anon", "authenticated", &scene.guest]).to_string();
    let number = dice.below(3);
    match dice.below(16) {
        0 | 1 => format!(
            "drop policy if exists p{number} on {name};\n{}",
            words.policy(dice, &table, number)
        ),
        2 => format!("drop policy if exists p{number} on {name}"),
        3 => format!("alter policy p0 on {name} using ({})", words.condition(dice, &table, 2)),
        4 => format!("alter policy p0 on {name} to {}", words.some_roles(dice)),
        5 => format!("alter table {name} enable row level security"),
        6 => format!("alter table {name} disable row level security"),
        7 | 8 => function.create(dice, &words.sides),
        9 => format!(
            "alter function {} security {}",
            function.signature(),
            dice.word(&["definer", "invoker"])
        ),
        10 => format!("revoke execute on function {} from public, {role}", function.signature()),
        11 => format!("grant execute on function {} to {role}", function.signature()),
        12 => format!(
            "drop policy if exists p0 on {side};\ndrop policy if exists p1 on {side};\nalter table {side} disable row level security;\n{}",
            words.side_policies(dice, &side),
            side = side.full_name
        ),
        13 => {
            let narrowed = if dice.percent(70) { &table } else { &side };
            narrow_grant(dice, narrowed, &role)
        }
        14 => format!("revoke all on {} from {role}", side.full_name),
        _ => format!(
            "grant select on {} to {role}",
            if dice.percent(50) { name } else { &side.full_name }
        ),
    }
}

/// Takes some columns, or all of them, from roles.
pub fn narrow_grant(dice: &mut Dice, table: &Table, roles: &str) -> String {
    let name = &table.full_name;
    let revoke = format!("revoke all on {name} from public, {roles};\n");
    if dice.percent(20) {
        return revoke;
    }
    let mut columns = vec!["rev"];
    if dice.percent(85) {
        columns.extend(table.key);
    }
    columns.extend(dice.some(&table.columns));
    format!("{revoke}grant select ({}) on {name} to {roles};\n", columns.join(", "))
}
