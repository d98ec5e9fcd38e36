//! Postgres, what is in it, and what everybody shares.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio_postgres::Client;
use walkie::identity::{Keys, unix_now};
use walkie::wal::Lsn;

use crate::support::{Dice, Postgres, SECRET, free_port};

/// Rooms; everybody sees what is in the first.
pub const ROOMS: usize = 5;

/// People.
pub const PEOPLE: usize = 6;

/// The last mark of all, which everybody hears.
pub const END: i64 = 0;

/// The server's slot.
pub const SLOT: &str = "walkie";

/// The judge's slot.
pub const JUDGE: &str = "judge";

/// Notes are judged by room and by what is in the row, and have whole old rows; marks by room
/// alone, and have only their key. Memberships are rows that change.
const TABLES: &str = "
    create table public.members (
      room int, person uuid, is_in boolean not null, serial bigint not null,
      primary key (room, person)
    );
    create table public.notes (
      id bigint primary key, room int not null, is_hidden boolean not null, body text not null, large text
    );
    create table public.marks (id bigint primary key, room int not null, body text not null, large text);
    alter table public.notes alter column large set storage external, replica identity full;
    alter table public.marks alter column large set storage external;
    alter table public.members replica identity full;
    alter table public.members enable row level security;
    alter table public.notes enable row level security;
    alter table public.marks enable row level security;
    grant select on public.members, public.notes, public.marks to authenticated;
    create policy own on public.members for select to authenticated
    using (person = (select auth.uid()));
    create policy notes on public.notes for select to authenticated
    using (not is_hidden and (room = 0 or exists (
      select from public.members m
       where m.room = notes.room and m.person = (select auth.uid()) and m.is_in)));
    create policy marks on public.marks for select to authenticated
    using (room = 0 or exists (
      select from public.members m
       where m.room = marks.room and m.person = (select auth.uid()) and m.is_in));
    alter publication supabase_realtime add table public.members, public.notes, public.marks;";

/// What everybody shares.
pub struct Stage {
    pub postgres: Postgres,
    /// Where the server listens when it is up.
    pub port: u16,
    /// Changes of membership that were begun.
    pub begun: AtomicI64,
    /// No more is written, cut or left.
    pub is_calm: AtomicBool,
}

impl Stage {
    /// With a Postgres of its own, tables, and people who are in some of the rooms.
    pub async fn set(dice: &mut Dice) -> Self {
        let postgres = Postgres::start().await;
        let client = postgres.connect().await;
        client.batch_execute(TABLES).await.expect("tables");
        let slot = format!("select pg_create_logical_replication_slot('{JUDGE}', 'pgoutput')");
        client.batch_execute(&slot).await.expect("a slot");
        for room in 1..ROOMS {
            for person in 1..=PEOPLE {
                let (is_in, person) = (dice.percent(50), subject(person));
                let sql = format!("insert into members values ({room}, '{person}', {is_in}, 0)");
                client.batch_execute(&sql).await.expect("a membership");
            }
        }
        let (begun, is_calm) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { postgres, port: free_port(), begun, is_calm }
    }

    /// Whether nothing more is written, cut or left.
    pub fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::SeqCst)
    }

    /// Waits so long, or until all is calm.
    pub async fn rest(&self, milliseconds: usize) {
        let end = tokio::time::Instant::now() + Duration::from_millis(milliseconds as u64);
        while !self.is_calm() && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A connection as the superuser, as soon as there is one.
    pub async fn connect(&self) -> Client {
        loop {
            if let Some(client) = self.postgres.try_connect().await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where the log ends now.
    pub async fn end_of_log(&self) -> Lsn {
        loop {
            let client = self.connect().await;
            let asked = client.query_one("select pg_current_wal_insert_lsn()::text", &[]).await;
            if let Ok(row) = asked {
                return row.get::<_, &str>(0).parse().expect("a position");
            }
        }
    }
}

/// The id of a person.
pub fn subject(number: usize) -> String {
    format!("00000000-0000-4000-8000-00000000000{number}")
}

/// What a person shows.
pub fn token(person: usize) -> String {
    let claims =
        json!({"role": "authenticated", "sub": subject(person), "exp": unix_now() + 36_000});
    Keys::new(SECRET).sign(&claims).expect("signs")
}
