//! Every code that a client may meet, printed from the code: `supabase-compat/ERRORS.md`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use walkie::realtime::error::{Api, Binding, Close, Join, Outcome, Replay, System, Token, Upgrade};

use crate::support::compare_page;

#[test]
fn every_code_of_the_dialects_is_written_down() {
    let page = format!(
        "# What clients are told when something is refused\n\n\
         Printed from the code. Words in capitals stand for what varies; numbers are examples.\n\n{}\n{}\n{}\n{}\n{}",
        realtime(),
        auth(include_str!("../src/auth/error.rs")),
        rest(include_str!("../src/rest/error.rs")),
        storage(include_str!("../src/storage/error.rs")),
        s3(include_str!("../src/storage/s3/error.rs")),
    );
    compare_page(Path::new("supabase-compat/ERRORS.md"), &page);
}

fn realtime() -> String {
    let mut page = String::from("## Realtime\n\n### A socket is not opened\n\n");
    let name = || "NAME".to_owned();
    let tokens = || {
        vec![
            Token::Expired(7),
            Token::Incomplete,
            Token::Expiry,
            Token::Malformed,
            Token::Signature,
            Token::NoKey(None),
            Token::NoKey(Some("KID".into())),
            Token::ApiKey,
        ]
    };
    page.push_str("| status | error |\n| --- | --- |\n");
    let others = [
        Upgrade::NoKey,
        Upgrade::Version,
        Upgrade::Full,
        Upgrade::TooManyJoins,
        Upgrade::Restarting,
    ];
    for upgrade in others.into_iter().chain(tokens().into_iter().map(Upgrade::Token)) {
        all_upgrades(&upgrade);
        let _ = writeln!(page, "| {} | {} |", upgrade.status().as_u16(), upgrade.text());
    }

    page.push_str("\n### A channel is not joined\n\n| reason |\n| --- |\n");
    let others = vec![
        Join::NoName,
        Join::LongName(255),
        Join::Restarting,
        Join::PrivateOnly,
        Join::TooManyJoins,
        Join::TooManyChannels,
        Join::Unauthorized(name()),
        Join::Replay(Replay::Public),
        Join::Replay(Replay::Malformed),
        Join::Replay(Replay::Unreadable),
        Join::Busy,
        Join::NoConnections,
        Join::Unreachable,
        Join::Canceled,
        Join::MissingPartition,
        Join::Unknown,
    ];
    let ended = [Token::SessionEnded];
    let tokens = || tokens().into_iter().chain(ended.clone());
    for join in others.into_iter().chain(tokens().map(Join::Token)) {
        all_joins(&join);
        let _ = writeln!(page, "| {} |", join.reason());
    }

    page.push_str(
        "\n### A joined channel is told (`system`)\n\n| message | then |\n| --- | --- |\n",
    );
    let others = vec![
        System::NotAnyMore(name()),
        System::Undecided(Join::Unreachable),
        System::Undecided(Join::Canceled),
        System::NoLog,
        System::TooManyMessages,
        System::TooManyPresenceCalls,
        System::LargePresence,
    ];
    for system in others.into_iter().chain(tokens().map(System::Token)) {
        all_systems(&system);
        let then = match system.outcome() {
            Outcome::Stays => "stays",
            Outcome::Ends => "phx_error: comes back",
            Outcome::EndsForGood => "phx_close",
        };
        let _ = writeln!(page, "| {} | {then} |", system.message());
    }

    page.push_str(
        "\n### A `postgres_changes` binding is refused (`system`)\n\n| message |\n| --- |\n",
    );
    for binding in [
        Binding::NoTarget("BINDING".into()),
        Binding::TooMany(100),
        Binding::Filter("WHAT".into()),
        Binding::NoText("NAME", "WHAT".into()),
        Binding::Select("WHAT".into()),
        Binding::WildcardSelect,
        Binding::NoTable("BINDING".into()),
        Binding::OtherLog("BINDING".into()),
        Binding::Refused { binding: "BINDING".into(), error: "ERROR".into() },
        Binding::After("TEXT".into()),
        Binding::Unreachable,
    ] {
        all_bindings(&binding);
        let _ = writeln!(page, "| {} |", binding.message());
    }

    page.push_str("\n### A broadcast over HTTP is not sent\n\n| status | body |\n| --- | --- |\n");
    for refused in [
        Api::Unauthorized,
        Api::Forbidden,
        Api::MediaType,
        Api::Malformed,
        Api::TooLarge(8_000_000),
        Api::Invalid(json!({"FIELD": ["WHY"]})),
        Api::Invalid(json!({"messages": [{"FIELD": ["WHY"]}, {}]})),
        Api::Batch,
        Api::Rate,
        Api::Policy,
        Api::Canceled,
        Api::NoPartition,
        Api::Unavailable,
        Api::Broken,
    ] {
        all_refusals(&refused);
        let _ = writeln!(page, "| {} | `{}` |", refused.status().as_u16(), refused.body());
    }

    page.push_str(
        "\n### A socket is closed\n\nCodes from 4000 to 4499 mean: come back; from 4500 on: \
         something must change first.\n\n| code | reason |\n| --- | --- |\n",
    );
    for close in [
        Close::Slow,
        Close::Idle,
        Close::TooManyJoins,
        Close::SessionEnded,
        Close::TooLarge,
        Close::Restarting,
    ] {
        all_closes(close);
        let _ = writeln!(page, "| {} | {} |", close.code(), close.text());
    }
    page
}

// A new variant stops these from compiling: it belongs into the lists above.

fn all_upgrades(upgrade: &Upgrade) {
    match upgrade {
        Upgrade::NoKey
        | Upgrade::Version
        | Upgrade::Full
        | Upgrade::TooManyJoins
        | Upgrade::Restarting => {}
        Upgrade::Token(token) => all_tokens(token),
    }
}

fn all_tokens(token: &Token) {
    match token {
        Token::Expired(_)
        | Token::Incomplete
        | Token::Expiry
        | Token::Malformed
        | Token::Signature
        | Token::NoKey(_)
        | Token::ApiKey
        | Token::SessionEnded => {}
    }
}

fn all_joins(join: &Join) {
    match join {
        Join::NoName
        | Join::LongName(_)
        | Join::Restarting
        | Join::PrivateOnly
        | Join::TooManyJoins
        | Join::TooManyChannels
        | Join::Token(_)
        | Join::Unauthorized(_)
        | Join::Replay(Replay::Public | Replay::Malformed | Replay::Unreadable)
        | Join::Busy
        | Join::NoConnections
        | Join::Unreachable
        | Join::Canceled
        | Join::MissingPartition
        | Join::Unknown => {}
    }
}

fn all_systems(system: &System) {
    match system {
        System::Token(_)
        | System::NotAnyMore(_)
        | System::Undecided(_)
        | System::NoLog
        | System::TooManyMessages
        | System::TooManyPresenceCalls
        | System::LargePresence => {}
    }
}

fn all_bindings(binding: &Binding) {
    match binding {
        Binding::NoTarget(_)
        | Binding::TooMany(_)
        | Binding::Filter(_)
        | Binding::NoText(..)
        | Binding::Select(_)
        | Binding::WildcardSelect
        | Binding::NoTable(_)
        | Binding::OtherLog(_)
        | Binding::Refused { .. }
        | Binding::After(_)
        | Binding::Unreachable => {}
    }
}

fn all_refusals(refused: &Api) {
    match refused {
        Api::Unauthorized
        | Api::Forbidden
        | Api::MediaType
        | Api::Malformed
        | Api::TooLarge(_)
        | Api::Invalid(_)
        | Api::Batch
        | Api::Rate
        | Api::Policy
        | Api::Canceled
        | Api::NoPartition
        | Api::Unavailable
        | Api::Broken => {}
    }
}

fn all_closes(close: Close) {
    match close {
        Close::Slow
        | Close::Idle
        | Close::TooManyJoins
        | Close::SessionEnded
        | Close::TooLarge
        | Close::Restarting => {}
    }
}

/// The rows of the table in this dialect's source: `Self::Name => (S::STATUS, "code", "words")`.
fn auth(source: &str) -> String {
    let mut page = String::from("## Auth\n\n| status | code | message |\n| --- | --- | --- |\n");
    let mut rows: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> (S::"))
        .filter_map(|(_, row)| {
            let (status, row) = row.split_once(", ")?;
            let (code, words) = row.split_once(", ")?;
            let words = words.trim_end_matches("),");
            let words = if words.starts_with('"') { words.trim_matches('"') } else { "WHY" };
            let status = status.to_lowercase().replace('_', " ");
            Some(format!("| {status} | {} | {words} |\n", code.trim_matches('"')))
        })
        .collect();
    assert!(rows.len() > 20, "the table has another form now");
    rows.sort();
    rows.dedup();
    page.extend(rows);
    page
}

/// The codes in this dialect's source, by the errors that bear them.
fn rest(source: &str) -> String {
    let mut page = String::from("## REST\n\n| code | of |\n| --- | --- |\n");
    let (_, table) = source.split_once("fn code(&self) -> &'static str {").expect("the table");
    let (table, _) = table.split_once("\n    }\n").expect("its end");
    let mut arm = String::new();
    let mut count = 0;
    for piece in table.split_inclusive("=> \"PGRST") {
        let (code, names) = match piece.split_once("\",") {
            Some((code, names)) => (Some(code), names),
            None => (None, piece),
        };
        if let Some(code) = code {
            let _ = writeln!(page, "| PGRST{code} | {arm} |");
            count += 1;
        }
        let named = names.split("Self::").skip(1).map(|name| {
            let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
            &name[..end]
        });
        arm = named.collect::<Vec<_>>().join(", ");
    }
    assert!(count > 15, "the table has another form now");
    page
}

/// The rows of the table in this dialect's source:
/// `Self::Name => (status, "code", "error", "message")`.
fn storage(source: &str) -> String {
    let mut page = String::from(
        "## Storage\n\nThe status is that of the body; on the wire most refusals are 400, as stock \
         clients expect.\n\n| status | code | error | message |\n| --- | --- | --- | --- |\n",
    );
    let mut rows: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => ("))
        .filter_map(|(_, row)| {
            let mut cells = row.trim_end_matches("),").splitn(4, ", ");
            let status = cells.next()?;
            let status = if status.starts_with('*') { "STATUS" } else { status };
            let (code, error, message) = (cells.next()?, cells.next()?, cells.next()?);
            let message = if message.starts_with('"') { message.trim_matches('"') } else { "WHY" };
            let (code, error) = (code.trim_matches('"'), error.trim_matches('"'));
            Some(format!("| {status} | {code} | {error} | {message} |\n"))
        })
        .collect();
    assert!(rows.len() > 30, "the table has another form now");
    rows.sort();
    rows.dedup();
    page.extend(rows);
    page
}

/// The rows of S3's own table: `Self::Name => (status, "code", message)`.
fn s3(source: &str) -> String {
    let mut page = String::from(
        "## S3\n\nWhat Storage refuses is told over S3 as XML, under the same codes and with the \
         status above as that of the answer. These are S3's own.\n\n\
         | status | code | message |\n| --- | --- | --- |\n",
    );
    let mut rows: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => ("))
        .filter_map(|(_, row)| {
            let mut cells = row.trim_end_matches(".into()),").splitn(3, ", ");
            let (status, code, message) = (cells.next()?, cells.next()?, cells.next()?);
            let message = message.trim_start_matches("format!(").trim_end_matches(')');
            let is_told = message.starts_with('"');
            let message = if is_told { message.trim_matches('"') } else { "WHY" };
            let message = ["name", "condition"].iter().fold(message.to_owned(), |message, word| {
                message.replace(&format!("{{{word}}}"), &word.to_uppercase())
            });
            Some(format!("| {status} | {} | {message} |\n", code.trim_matches('"')))
        })
        .collect();
    assert!(rows.len() > 30, "the table has another form now");
    rows.sort();
    page.extend(rows);
    page
}
