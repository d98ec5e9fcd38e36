//! The board of rights: what each person of the cast gets from each command on each table,
//! asked of the database and kept in `policies/MATRIX.md`.

use std::fmt::Write as _;
use std::path::Path;

use tokio_postgres::Client;

use crate::support::{Database, compare_page, rows};

/// A table, values that would make a row of it, and a column to change.
const TABLES: [(&str, &str, &str); 7] = [
    ("orgs", "(slug, name) values ('new', 'New')", "name"),
    (
        "profiles",
        "(id, org_id, display_name) select gen_random_uuid(), org_id, 'New' from public.profiles limit 1",
        "bio",
    ),
    (
        "conversations",
        "(org_id, kind, title) select org_id, 'group', 'New' from public.conversations limit 1",
        "title",
    ),
    (
        "conversation_members",
        "(conversation_id, member_id) values (tests.conversation('watercooler'), tests.id('cy'))",
        "role",
    ),
    (
        "messages",
        "(conversation_id, body) values (tests.conversation('watercooler'), 'Hi')",
        "body",
    ),
    ("user_privacy_settings", "(user_id) values (auth.uid())", "show_typing"),
    (
        "user_restrictions",
        "(user_id, restriction_type) values (tests.id('cy'), 'shadow_ban')",
        "expires_at",
    ),
];

/// Who, and what they are to the room `watercooler`.
const PEOPLE: [(&str, &str); 5] = [
    ("nobody", "nobody"),
    ("cy", "cy, outsider"),
    ("bo", "bo, member"),
    ("ana", "ana, owner"),
    ("service", "service_role"),
];

const HEAD: &str = "# Who may do what\n\n\
    Printed from the database by a test: rows that the cast's people get or touch with each command, \
    without a filter, or that they are refused. `bin/test rust` fails when this page no longer says what \
    the policies do; run it once with `UPDATE_PAGES=1` and read what changed.\n";

#[tokio::test]
async fn board_says_what_the_policies_do() {
    let database = Database::new().await;
    let client = database.connect().await;
    let mut board = String::from(HEAD);
    for (table, values, column) in TABLES {
        let _ = write!(
            board,
            "\n## {table}\n\n| | select | insert | update | delete |\n| --- | --- | --- | --- | --- |\n"
        );
        for (person, title) in PEOPLE {
            let commands = [
                format!("select from public.{table}"),
                format!("insert into public.{table} {values}"),
                format!("update public.{table} set {column} = {column}"),
                format!("delete from public.{table}"),
            ];
            let mut cells = Vec::new();
            for command in &commands {
                cells.push(outcome(&client, person, command).await);
            }
            let _ = writeln!(board, "| {title} | {} |", cells.join(" | "));
        }
    }
    compare_page(Path::new("policies/MATRIX.md"), &board);
}

/// The number of rows, or how it was refused.
async fn outcome(client: &Client, person: &str, command: &str) -> String {
    client.batch_execute("begin").await.expect("begins");
    rows(client, &format!("select tests.be('{person}')")).await.expect("becomes");
    let outcome = match client.execute(command, &[]).await {
        Ok(count) => count.to_string(),
        Err(error) => match error.code().map(|code| code.code().to_owned()).as_deref() {
            Some("42501") => "denied".to_owned(),
            Some(other) => format!("refused ({other})"),
            None => panic!("{command}: {error}"),
        },
    };
    client.batch_execute("rollback").await.expect("rolls back");
    outcome
}
