//! Those who write: rows in random transactions, and memberships that come and go.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_postgres::Client;

use super::stage::{PEOPLE, ROOMS, Stage, subject};
use crate::support::Dice;

/// Rows of one writer that are written again and again.
const ROWS: usize = 30;

/// Rows of a transaction that is larger than what the server decides in one go.
const MANY: usize = 2_500;

/// A text that is stored outside of its row.
const LARGE: &str =
    "(select string_agg(md5(random()::text || n), '') from generate_series(1, 130) n)";

/// Writes rows until all is calm. Transactions may be lost with their connection.
pub async fn write(number: usize, mut dice: Dice, stage: &Stage) {
    let mut client = stage.connect().await;
    while !stage.is_calm() {
        let sql = match dice.below(500) {
            0 => many(number, &mut dice),
            _ => transaction(number, &mut dice),
        };
        client = run(client, &sql, stage).await;
        stage.rest(dice.between(10, 50)).await;
    }
}

/// Lets people into rooms and puts them out, one change after the other, until all is calm.
pub async fn change_members(mut dice: Dice, stage: &Stage) {
    let mut client = stage.connect().await;
    let number = 9;
    while !stage.is_calm() {
        let (room, person) = (dice.between(1, ROOMS - 1), subject(dice.between(1, PEOPLE)));
        // Whoever hears something from now on may have heard it after this change.
        let serial = stage.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let row = format!("room = {room} and person = '{person}'");
        let membership = match dice.below(4) {
            0 | 1 => format!(
                "insert into members values ({room}, '{person}', true, {serial})
                 on conflict (room, person) do update set is_in = true, serial = {serial};"
            ),
            2 => format!("update members set is_in = false, serial = {serial} where {row};"),
            _ => format!(
                "update members set serial = {serial} where {row}; delete from members where {row};"
            ),
        };
        let mut told = String::new();
        if dice.percent(50) {
            operation(number, &mut dice, &mut told);
        }
        let both = if dice.percent(50) { membership + &told } else { told + &membership };
        client = run(client, &format!("begin;{both}commit;"), stage).await;
        stage.rest(dice.between(100, 400)).await;
    }
}

/// Runs statements; gives a connection that works.
async fn run(client: Client, sql: &str, stage: &Stage) -> Client {
    match client.batch_execute(sql).await {
        Ok(()) => client,
        Err(error) if client.is_closed() || error.is_closed() => stage.connect().await,
        Err(error) if error.as_db_error().is_some_and(|it| it.code().code().starts_with("57")) => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stage.connect().await
        }
        Err(error) => panic!("{sql}\n{error:?}"),
    }
}

fn transaction(number: usize, dice: &mut Dice) -> String {
    let mut sql = "begin;".to_owned();
    for _ in 0..dice.between(1, 5) {
        operation(number, dice, &mut sql);
        if dice.percent(10) {
            sql += "savepoint undone;";
            operation(number, dice, &mut sql);
            sql += "rollback to savepoint undone;";
        }
    }
    sql + if dice.percent(5) { "rollback;" } else { "commit;" }
}

fn operation(number: usize, dice: &mut Dice, sql: &mut String) {
    let id = number * 1_000_000 + dice.between(1, ROWS);
    let room = dice.below(ROOMS);
    let word = dice.below(1_000_000);
    let is_hidden = dice.percent(20);
    let large = if dice.percent(25) { LARGE } else { "null" };
    let written = match dice.below(10) {
        0..=2 => write!(
            sql,
            "insert into notes values ({id}, {room}, {is_hidden}, '{word}', {large})
             on conflict (id) do update set room = excluded.room, is_hidden = excluded.is_hidden,
               body = excluded.body, large = coalesce(excluded.large, notes.large);"
        ),
        3 => write!(sql, "update notes set body = '{word}' where id = {id};"),
        4 => write!(sql, "update notes set is_hidden = not is_hidden where id = {id};"),
        5 => write!(sql, "delete from notes where id = {id};"),
        6 | 7 => write!(
            sql,
            "insert into marks values ({id}, {room}, '{word}', {large})
             on conflict (id) do update set room = excluded.room, body = excluded.body;"
        ),
        8 => write!(sql, "update marks set body = '{word}' where id = {id};"),
        _ => write!(sql, "delete from marks where id = {id};"),
    };
    written.expect("a String takes everything");
}

fn many(number: usize, dice: &mut Dice) -> String {
    let (room, first) = (dice.below(ROOMS), number * 1_000_000 + 1_000);
    format!(
        "insert into marks select {first} + n, {room}, n::text from generate_series(1, {MANY}) n
         on conflict (id) do update set room = excluded.room, body = excluded.body || '.';"
    )
}
