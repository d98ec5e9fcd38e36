//! What it costs to know who may see a change, by how many follow the table: through the whole
//! server, as it counts itself (`walkie_authorizer_decide_seconds`), without the fan-out.
//!
//! `cargo bench --bench authorization -- [MOST]` (default 10,000 people). Half of the changes
//! are in a room of 100, half in one of 20, however many are connected (or in one of all, where
//! fewer are); then single ones in a room of 1,000. At the end the questions of a cold room of 1,000
//! are put to Postgres alone, in one block on one connection.

mod stage;

use std::time::{Duration, Instant};

use stage::{Receipt, Serving, Stage, at, receive};
use tokio::sync::mpsc;

const CONNECTED: [usize; 4] = [1, 100, 1_000, 10_000];

/// Members of the two rooms in which most is said.
const MEMBERS: [usize; 2] = [100, 20];

/// Members of a large room.
const CROWD: usize = 1_000;

/// Transactions measured of each size.
const ROUNDS: usize = 200;

/// Rows of a transaction.
const BATCHES: [usize; 3] = [1, 10, 100];

/// Rooms that nobody spoke in before.
const COLD: usize = 9;

/// Tables, by where the same rule stands.
const TABLES: [(&str, &str, &str); 2] = [
    (
        "plain",
        "the rule in the policy",
        "exists (select from public.conversation_members m
                  where m.conversation_id = room and m.member_id = (select auth.uid()))",
    ),
    ("helped", "the rule in a SECURITY DEFINER function", "app.is_member(room)"),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let most = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    let stage = Stage::set(most.max(CROWD)).await?;
    let mut next_room = 1;
    for (table, what, rule) in TABLES {
        stage
            .run(&format!(
                "create table public.{table} (id bigserial primary key, room uuid not null);
                 alter table public.{table} enable row level security;
                 grant select on public.{table} to authenticated;
                 create policy members on public.{table} for select to authenticated using ({rule});
                 alter publication supabase_realtime add table public.{table}"
            ))
            .await?;
        println!("\n{what}: milliseconds of authorization a change");
        println!(
            "| connected | 1 a transaction | 10 | 100 | 1, room of 1,000 | cold room of 1,000 | remembered |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        for connected in CONNECTED.into_iter().filter(|connected| *connected <= most) {
            let mut rooms = Vec::new();
            for members in MEMBERS.into_iter().chain([CROWD]) {
                rooms.push((stage.room(next_room, members).await?, members.min(connected)));
                next_room += 1;
            }
            let server = Serving::start(&stage).await?;
            let (heard, mut receipts) = mpsc::unbounded_channel();
            server.subscribe(1..=connected, table, &heard).await?;
            let mut bench =
                Bench { stage: &stage, server: &server, table, receipts: &mut receipts };
            let line = bench.measure(&rooms, connected, &mut next_room).await?;
            println!("| {connected} | {line} |");
            server.stop().await?;
        }
        let mut alone = Vec::new();
        for _ in 0..COLD {
            alone.push(ask_alone(&stage, rule, next_room).await?);
            next_room += 1;
        }
        alone.sort_unstable();
        println!("Postgres alone: {:.2} ms", at(&alone, 0.5).as_secs_f64() * 1e3);
    }
    stage.strike().await;
    Ok(())
}

/// How long Postgres takes to tell of everybody in a new room whether the rule permits them.
async fn ask_alone(stage: &Stage, rule: &str, room: usize) -> anyhow::Result<Duration> {
    let room = stage.room(room, CROWD).await?;
    stage
        .run(&format!(
            "begin read only;
             select set_config('plan_cache_mode', 'force_generic_plan', true),
                    set_config('bench.claims', array_agg(format('{{\"sub\":\"%s\"}}', m.member_id))::text, true)
               from public.conversation_members m where m.conversation_id = '{room}';
             set local role authenticated"
        ))
        .await?;
    let begun = Instant::now();
    stage
        .run(&format!(
            "do $$
             declare
               person text;
               told text;
               verdicts text := '';
               here uuid := '{room}';
             begin
               foreach person in array current_setting('bench.claims')::text[] loop
                 told := set_config('request.jwt.claims', person, true);
                 verdicts := verdicts || (
                   select case when {rule} then 't' else 'f' end from (select here as room) as asked);
               end loop;
               if verdicts <> repeat('t', {CROWD}) then
                 raise 'somebody is refused';
               end if;
             end $$"
        ))
        .await?;
    let spent = begun.elapsed();
    stage.run("rollback").await?;
    Ok(spent)
}

struct Bench<'a> {
    stage: &'a Stage,
    server: &'a Serving,
    table: &'a str,
    receipts: &'a mut mpsc::UnboundedReceiver<Receipt>,
}

impl Bench<'_> {
    async fn measure(
        &mut self,
        rooms: &[(String, usize)],
        connected: usize,
        next_room: &mut usize,
    ) -> anyhow::Result<String> {
        for room in rooms {
            self.write(room, 1).await?;
        }
        let (rooms, crowd) = rooms.split_at(MEMBERS.len());
        let mut cells = Vec::new();
        let (hits, misses) = (self.count("hits").await?, self.count("misses").await?);
        let batches = BATCHES.map(|rows| (rows, rooms));
        for (rows, rooms) in batches.into_iter().chain([(1, crowd)]) {
            let before = self.spent().await?;
            for round in 0..ROUNDS {
                self.write(&rooms[round % rooms.len()], rows).await?;
            }
            cells.push(format!("{:.4}", self.spent_since(before).await?.as_secs_f64() * 1e3));
        }
        let hits = self.count("hits").await? - hits;
        let misses = self.count("misses").await? - misses;
        let mut cold = Vec::new();
        for _ in 0..COLD {
            let room = self.stage.room(*next_room, CROWD).await?;
            *next_room += 1;
            // When this has come, the memberships of the new room were read in the log.
            self.write(&rooms[1], 1).await?;
            let before = self.spent().await?;
            self.write(&(room, CROWD.min(connected)), 1).await?;
            cold.push(self.spent_since(before).await?);
        }
        cold.sort_unstable();
        cells.push(format!("{:.2}", at(&cold, 0.5).as_secs_f64() * 1e3));
        cells.push(format!("{:.1} %", 100.0 * hits / (hits + misses)));
        Ok(cells.join(" | "))
    }

    /// Writes rows in one transaction and waits until everybody has them.
    async fn write(
        &mut self,
        (room, hearers): &(String, usize),
        rows: usize,
    ) -> anyhow::Result<()> {
        let table = self.table;
        let sql = format!(
            "insert into public.{table} (room) select '{room}' from generate_series(1, {rows})"
        );
        self.stage.run(&sql).await?;
        receive(self.receipts, rows * hearers).await;
        Ok(())
    }

    async fn count(&self, name: &str) -> anyhow::Result<f64> {
        self.server.metric(&format!("walkie_authorizer_{name}_total")).await
    }

    async fn spent(&self) -> anyhow::Result<(f64, f64)> {
        Ok((self.count("decide_seconds").await?, self.count("changes").await?))
    }

    /// Authorization of one change.
    async fn spent_since(&self, before: (f64, f64)) -> anyhow::Result<Duration> {
        let now = self.spent().await?;
        Ok(Duration::from_secs_f64((now.0 - before.0) / (now.1 - before.1)))
    }
}
