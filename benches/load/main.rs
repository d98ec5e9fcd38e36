//! Many sockets at once: how much goes through them, what they cost, and what survives.
//!
//! `cargo bench --bench load -- MODE [NUMBERS]`; the modes and their numbers are in
//! benches/README.md. The clients are one thread that counts frames and looks at few of them.
#![allow(
    clippy::unchecked_time_subtraction,
    clippy::type_complexity,
    clippy::assigning_clones,
    reason = "a process's own time only grows, and clients are raw on purpose"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people"
)]

mod bulk;
mod chat;
mod crowd;
mod fanout;
mod idle;
mod nchan;
mod soak;
#[path = "../stage/mod.rs"]
mod stage;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crowd::{Talk, Way};

#[tokio::main(worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<usize>().ok());
    let mut number = |default| numbers.next().unwrap_or(default);
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    match arguments.first().map(String::as_str) {
        Some("fanout") => fanout::run(number(1_000), has("--nchan")).await,
        Some("chat") => chat::run(number(1_000), number(20)).await,
        Some("idle") => idle::run(number(10_000), number(1_000)).await,
        Some("bulk") => bulk::run(number(1_000_000), !has("--together")).await,
        Some("soak") => soak::run(number(30), number(1_000)).await,
        _ => anyhow::bail!(
            "say what: fanout [SOCKETS] [--nchan], chat [SOCKETS] [MEMBERS], idle [SOCKETS] [A_SECOND], bulk [ROWS] [--together] or soak [MINUTES] [SOCKETS]"
        ),
    }
}

/// A table whose rows are seen by the members of their room.
const SAID: &str = "
    create table public.said (id bigserial primary key, room uuid not null, body text not null);
    alter table public.said enable row level security;
    grant select on public.said to authenticated;
    create policy members on public.said for select to authenticated using (
      exists (select from public.conversation_members m
               where m.conversation_id = room and m.member_id = (select auth.uid())));
    alter publication supabase_realtime add table public.said;";

/// What keeps a socket open on which nothing else is said.
fn heartbeat() -> Talk {
    let say = || json!([null, "h", "phoenix", "heartbeat", {}]).to_string();
    Talk { every: Duration::from_secs(25), say: Arc::new(say) }
}

/// A person on a socket of their own that hears of new rows of a table.
fn follower(address: &str, person: usize, table: &str) -> anyhow::Result<Way> {
    let bindings = json!([{"event": "INSERT", "schema": "public", "table": table}]);
    let config = json!({"config": {"postgres_changes": bindings}});
    joined(address, person, "all", &config, "system")
}

/// A person on a socket of their own in a channel; `until` is the event that says they are in.
fn joined(
    address: &str,
    person: usize,
    channel: &str,
    config: &serde_json::Value,
    until: &'static str,
) -> anyhow::Result<Way> {
    let join = json!(["1", "1", format!("realtime:{channel}"), "phx_join", config]).to_string();
    let path = stage::socket_path(&stage::token(person)?);
    Ok(Way { address: address.to_owned(), path, join: Some((join, until)) })
}
