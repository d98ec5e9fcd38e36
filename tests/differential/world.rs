//! One world from its seed to its end: transactions, Postgres's verdicts, and what was heard.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;
use walkie::wal::Place;

use super::audience::{Ear, gather};
use super::history::{self, Transaction};
use super::people::newcomer;
use super::scene::Scene;
use super::tables::Revisions;
use super::tally::{Mismatch, Options, Tally};
use super::verdict::{Judged, compare};
use crate::support::Dice;
use crate::support::{Database, Server, rows};

/// How long the server may take to notice what the log does not tell.
const NOTICE: Duration = Duration::from_millis(1_200);

/// Former fences from which a latecomer may want to go on.
const MAX_MARKS: usize = 8;

/// A world that goes on.
pub struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) scene: Scene,
    pub(super) revisions: Revisions,
    pub(super) database: Database,
    pub(super) writer: Client,
    server: Server,
    ears: Vec<Ear>,
    is_strict: bool,
    fences: u32,
    /// All that was committed, for a report.
    script: Vec<String>,
    /// Journal and log at former fences since the shape of rows last changed.
    marks: Vec<(i64, String)>,
    /// How many of them are older than the last change of rules.
    stale_marks: usize,
    tally: Tally,
}

/// Runs the world of a seed.
///
/// # Errors
/// The first event too much, missing, or wrong.
pub async fn run(seed: u64, options: &Options<'_>) -> Result<Tally, Mismatch> {
    let mut dice = Dice::new(seed);
    let mut revisions = Revisions::default();
    let database = Database::scratch().await;
    let scene = Scene::new(&mut dice, database.name(), &mut revisions);
    database.sql(include_str!("oracle.sql")).await;
    database.sql(&scene.sql).await;
    let is_strict = dice.percent(40);
    let mut flags = options.flags.to_vec();
    // Nobody here says anything to the server, however slow the machine is.
    flags.extend(["--realtime-idle-seconds", "3600"]);
    if is_strict {
        flags.extend(["--realtime-delete-events", "strict"]);
    }
    let server = Server::start_with(&database, &flags).await;
    let ears = gather(&mut dice, &server, &scene).await;
    let writer = database.connect().await;
    let script = vec![scene.sql.clone()];
    let tally = Tally { worlds: 1, policy_sets: scene.mains.len(), ..Tally::default() };
    let mut world = World {
        seed,
        dice,
        scene,
        revisions,
        database,
        writer,
        server,
        ears,
        is_strict,
        fences: 0,
        script,
        marks: Vec::new(),
        stale_marks: 0,
        tally,
    };
    let outcome = world.play(options.steps).await;
    let World { ears, writer, server, database, scene, tally, .. } = world;
    drop((ears, writer));
    server.stop().await;
    database.remove(&[&scene.guest, &scene.crew]).await;
    outcome.map(|()| tally)
}

impl World {
    async fn play(&mut self, steps: usize) -> Result<(), Mismatch> {
        let mut silent = 0;
        for _ in 0..steps {
            if self.dice.percent(6) && self.ears.len() < 12 {
                self.join_late().await?;
            }
            if self.dice.percent(4) {
                let number = self.dice.below(self.ears.len());
                let person = self.dice.below(self.scene.people.len());
                let ear = &mut self.ears[number];
                ear.become_person(&self.server, &self.scene.people, person).await;
            }
            let (dice, scene) = (&mut self.dice, &self.scene);
            match dice.below(100) {
                0..=9 => {
                    let change = history::upheaval(dice, scene);
                    // Each costs a pause.
                    silent += usize::from(change.is_silent);
                    if !change.is_silent || silent <= 1 {
                        self.upheave(&change).await?;
                    }
                }
                10..=24 => {
                    let change = history::rules(dice, scene);
                    self.step(&change).await?;
                }
                25..=36 => self.burst().await?,
                37..=40 => self.race().await?,
                _ => {
                    let change = history::rows(dice, scene, &mut self.revisions);
                    self.step(&change).await?;
                }
            }
        }
        Ok(())
    }

    /// One transaction, then its verdicts, then the fence: nothing else happens between.
    async fn step(&mut self, transaction: &Transaction) -> Result<(), Mismatch> {
        let mark = self.mark().await;
        self.commit(transaction).await;
        let judged = self.judge(mark).await;
        let moments: Vec<Vec<&Judged>> = judged.iter().map(|change| vec![change]).collect();
        self.listen(&moments, &transaction.sql()).await
    }

    /// The shape of rows, the publication or the roles change.
    async fn upheave(&mut self, transaction: &Transaction) -> Result<(), Mismatch> {
        self.step(transaction).await?;
        self.marks.clear();
        self.stale_marks = 0;
        if transaction.is_silent {
            tokio::time::sleep(NOTICE).await;
        }
        Ok(())
    }

    /// Somebody comes later than the others; mostly they ask for what they missed, and are
    /// judged by what they may see now.
    async fn join_late(&mut self) -> Result<(), Mismatch> {
        if self.dice.percent(50) {
            let newcomer = newcomer(&mut self.dice, &self.scene.guest);
            self.scene.people.push(newcomer);
        }
        let person = self.dice.below(self.scene.people.len());
        // What they missed is judged by the rules as they are when the server has noticed them.
        if self.dice.percent(15) {
            tokio::time::sleep(NOTICE).await;
        } else {
            self.marks.drain(..self.stale_marks);
            self.stale_marks = 0;
        }
        let from = match self.marks.as_slice() {
            [] => None,
            marks => Some(self.dice.pick(marks).clone()),
        };
        let after = from.as_ref().map(|(_, place)| place.as_str());
        let (server, people) = (&self.server, &self.scene.people);
        let mut ear = Ear::open(&mut self.dice, server, people, person, None, after).await;
        self.tally.late += 1;
        if let Some((mark, _)) = from {
            let judged = self.judge(mark).await;
            let moments: Vec<Vec<&Judged>> = judged.iter().map(|change| vec![change]).collect();
            let fence = self.fence().await;
            let (heard, _) = ear.hear_until(fence).await;
            self.check(&ear, &moments, &heard, "-- somebody came late").await?;
            let mut others = std::mem::take(&mut self.ears);
            for other in &mut others {
                let (heard, _) = other.hear_until(fence).await;
                self.check(other, &[], &heard, "-- somebody else came late").await?;
            }
            self.ears = others;
        }
        self.ears.push(ear);
        Ok(())
    }

    /// Waits until everybody has heard the fence, and compares.
    pub(super) async fn listen(
        &mut self,
        moments: &[Vec<&Judged>],
        sql: &str,
    ) -> Result<(), Mismatch> {
        let fence = self.fence().await;
        let mut ears = std::mem::take(&mut self.ears);
        let (mut all_heard, mut place) = (Vec::new(), String::new());
        for ear in &mut ears {
            let (heard, at) = ear.hear_until(fence).await;
            all_heard.push(heard);
            place = at;
        }
        let moments = in_commit_order(moments, all_heard.concat());
        for (ear, heard) in ears.iter().zip(&all_heard) {
            self.check(ear, &moments, heard, sql).await?;
        }
        self.ears = ears;
        let mark = self.mark().await;
        self.marks.push((mark, place));
        if self.marks.len() > MAX_MARKS {
            self.marks.remove(0);
            self.stale_marks = self.stale_marks.saturating_sub(1);
        }
        Ok(())
    }

    async fn check(
        &mut self,
        ear: &Ear,
        moments: &[Vec<&Judged>],
        heard: &[Value],
        sql: &str,
    ) -> Result<(), Mismatch> {
        let wanted: Vec<Vec<&Judged>> = moments
            .iter()
            .filter(|moments| moments[0].is_published && ear.wants(&moments[0].table))
            .cloned()
            .collect();
        self.tally.checks += wanted.len();
        match compare(&wanted, heard, ear.person, self.is_strict) {
            Ok((delivered, withheld)) => {
                self.tally.delivered += delivered;
                self.tally.withheld += withheld;
                Ok(())
            }
            Err(difference) => Err(self.report(ear, &difference, sql).await),
        }
    }

    async fn report(&self, ear: &Ear, difference: &str, sql: &str) -> Mismatch {
        let listener = &self.scene.people[ear.person];
        let policies = self.database.value(
            "select string_agg(format('%I.%I %s %s for %s to %s using (%s)', schemaname, tablename, policyname, permissive, cmd, roles, qual), E'\\n  ')
               from pg_policies where schemaname in ('public', 'private')").await;
        let script = std::env::temp_dir().join(format!("walkie-differential-{}.sql", self.seed));
        let kept = std::fs::write(&script, self.script.concat()).is_ok();
        Mismatch(format!(
            "world {}, step {}, {} ({})\n  {difference}\n  told beside: {:?}\n  transaction:\n{sql}\n  policies now:\n  {policies}\n  deletions of keys: {}\n  everything committed{}: {}",
            self.seed,
            self.fences,
            listener.role,
            listener.claims,
            ear.told,
            if self.is_strict { "strict" } else { "compat" },
            if kept { "" } else { " (could not be written)" },
            script.display(),
        ))
    }

    /// Commits a transaction, or nothing of it.
    async fn commit(&mut self, transaction: &Transaction) {
        let sql = format!("begin;\n{}commit;\n", transaction.sql());
        match self.writer.batch_execute(&sql).await {
            Ok(()) => drop(self.count(transaction)),
            Err(_) => self.writer.batch_execute("rollback").await.expect("rolls back"),
        }
    }

    /// Notes a transaction that is committed; gives its SQL.
    pub(super) fn count(&mut self, transaction: &Transaction) -> String {
        let sql = format!("begin;\n{}commit;\n", transaction.sql());
        self.script.push(sql.clone());
        self.tally.transactions += 1;
        self.tally.ddl += usize::from(transaction.is_ddl);
        if transaction.is_ddl {
            self.stale_marks = self.marks.len();
        }
        let changes_policies = |statement: &String| statement.contains(" policy ");
        self.tally.policy_sets += usize::from(transaction.statements.iter().any(changes_policies));
        sql
    }

    /// Where the journal ends.
    pub(super) async fn mark(&self) -> i64 {
        let mark = self.database.value("select coalesce(max(number), 0) from oracle.journal").await;
        mark.parse().expect("a number")
    }

    pub(super) async fn judge(&self, mark: i64) -> Vec<Judged> {
        self.writer.batch_execute("begin isolation level repeatable read").await.expect("begins");
        let judged = self.ask(mark).await;
        self.writer.batch_execute("rollback").await.expect("rolls back");
        judged
    }

    pub(super) async fn ask(&self, mark: i64) -> Vec<Judged> {
        let people: Vec<Value> = self
            .scene
            .people
            .iter()
            .map(|who| json!({"role": who.role, "claims": who.claims.to_string()}))
            .collect();
        let people = Value::from(people).to_string().replace('\'', "''");
        let sql = format!("select oracle.judge({mark}, '{people}')");
        let judged = rows(&self.writer, &sql).await;
        let judged = judged.unwrap_or_else(|error| panic!("world {}: {error:?}", self.seed));
        let judged = judged[0][0].as_deref().expect("an answer");
        serde_json::from_str(judged).unwrap_or_else(|error| panic!("{error}: {judged}"))
    }

    async fn fence(&mut self) -> u32 {
        self.fences += 1;
        self.database.sql(&format!("insert into public.fence values ({})", self.fences)).await;
        self.fences
    }
}

/// The journal counts rows as they are written; the log tells them as they are committed.
fn in_commit_order<'a>(moments: &[Vec<&'a Judged>], heard: Vec<Value>) -> Vec<Vec<&'a Judged>> {
    let commits: HashMap<u64, Place> = heard
        .into_iter()
        .filter_map(|data| Some((data["tx"].as_u64()?, data["lsn"].as_str()?.parse().ok()?)))
        .collect();
    let mut moments = moments.to_vec();
    // What nobody has heard can stand anywhere.
    moments.sort_by_key(|moments| commits.get(&moments[0].xid).map(|place| place.commit));
    moments
}
