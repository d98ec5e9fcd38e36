//! What goes wrong, and who starts the server again.

use std::time::Duration;

use nix::sys::signal::Signal;
use walkie::wal::Lsn;

use super::stage::{SLOT, Stage};
use crate::support::{Dice, Process, Stop};

/// What can go wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The server is killed.
    Kill,
    /// The server is asked to end.
    Stop,
    /// The server does nothing for a while.
    Freeze,
    /// The server loses the connection that it reads the log with.
    CutLog,
    /// The server loses all its connections.
    CutAll,
    /// Postgres is restarted.
    Restart,
    /// Postgres crashes.
    Crash,
    /// Both die, and the server is the first to be back.
    CrashAndKill,
    /// The slot is dropped under the server.
    Drop,
    /// The slot is dropped while the server is down.
    KillAndDrop,
}

/// Each of them, some more often.
const DECK: [Fault; 14] = [
    Fault::Kill,
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Freeze,
    Fault::CutLog,
    Fault::CutLog,
    Fault::CutLog,
    Fault::CutAll,
    Fault::Restart,
    Fault::Crash,
    Fault::CrashAndKill,
    Fault::Drop,
    Fault::KillAndDrop,
];

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// How many times.
    pub faults: usize,
    /// Where the log stood before and after the slot was dropped.
    pub drops: Vec<(Lsn, Lsn)>,
}

/// The server, and whoever starts it again.
struct Supervisor<'a> {
    stage: &'a Stage,
    flags: &'a [&'a str],
    server: Process,
}

impl<'a> Supervisor<'a> {
    fn start(stage: &'a Stage, flags: &'a [&'a str]) -> Self {
        let server = Process::start(stage.port, &stage.postgres.login_url(), SLOT, flags);
        Self { stage, flags, server }
    }

    /// Starts another server in its place.
    async fn again(self, pause: usize) -> Self {
        tokio::time::sleep(Duration::from_millis(pause as u64)).await;
        Self::start(self.stage, self.flags)
    }

    async fn kill(self) -> (&'a Stage, &'a [&'a str]) {
        self.server.kill().await;
        (self.stage, self.flags)
    }
}

/// Does one after the other, each of the deck before any comes again, until so much time is
/// over; then everything is up.
pub async fn cause(
    stage: &Stage,
    flags: &[&str],
    mut dice: Dice,
    length: Duration,
) -> (Done, Process) {
    let mut supervisor = Supervisor::start(stage, flags);
    supervisor.server.is_ready().await;
    let (mut done, mut deck) = (Done::default(), Vec::new());
    let end = tokio::time::Instant::now() + length;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(dice.between(300, 1_800) as u64)).await;
        if deck.is_empty() {
            deck.extend(DECK);
        }
        let fault = deck.swap_remove(dice.below(deck.len()));
        supervisor = happen(fault, supervisor, &mut dice, &mut done).await;
        done.faults += 1;
        // A server that cannot reach Postgres when it starts ends.
        while supervisor.server.has_ended() {
            supervisor = supervisor.again(100).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    (done, supervisor.server)
}

async fn happen<'a>(
    fault: Fault,
    supervisor: Supervisor<'a>,
    dice: &mut Dice,
    done: &mut Done,
) -> Supervisor<'a> {
    let stage = supervisor.stage;
    let pause = dice.below(1_500);
    match fault {
        Fault::Kill => {
            let (stage, flags) = supervisor.kill().await;
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            return Supervisor::start(stage, flags);
        }
        Fault::Stop => {
            let Supervisor { server, flags, .. } = supervisor;
            server.signal(Signal::SIGTERM);
            server.ended().await;
            return Supervisor::start(stage, flags);
        }
        Fault::Freeze => {
            supervisor.server.signal(Signal::SIGSTOP);
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            supervisor.server.signal(Signal::SIGCONT);
        }
        Fault::CutLog => {
            let sql = format!(
                "select pg_terminate_backend(active_pid) from pg_replication_slots
                  where slot_name = '{SLOT}' and active_pid is not null"
            );
            stage.connect().await.batch_execute(&sql).await.expect("cuts");
        }
        Fault::CutAll => {
            let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                        where application_name like 'walkie %' and usename = 'authenticator'";
            stage.connect().await.batch_execute(sql).await.expect("cuts");
        }
        Fault::Restart => restart(stage, Stop::Fast).await,
        Fault::Crash => restart(stage, Stop::Immediate).await,
        Fault::CrashAndKill => {
            let (stage, flags) = supervisor.kill().await;
            let (supervisor, ()) = tokio::join!(
                async { Supervisor::start(stage, flags) },
                restart(stage, Stop::Immediate)
            );
            return supervisor;
        }
        Fault::Drop => drop_slot(stage, done).await,
        Fault::KillAndDrop => {
            let (stage, flags) = supervisor.kill().await;
            drop_slot(stage, done).await;
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            return Supervisor::start(stage, flags);
        }
    }
    supervisor
}

async fn restart(stage: &Stage, how: Stop) {
    if let Err(told) = stage.postgres.restart(how).await {
        panic!("Postgres could not be restarted ({how:?}): {told}");
    }
}

/// Drops the slot, however fast the server takes it again.
async fn drop_slot(stage: &Stage, done: &mut Done) {
    let before = stage.end_of_log().await;
    let client = stage.connect().await;
    let cut = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots
          where slot_name = '{SLOT}' and active_pid is not null"
    );
    let drop = format!("select pg_drop_replication_slot('{SLOT}')");
    loop {
        client.batch_execute(&cut).await.expect("cuts");
        if client.batch_execute(&drop).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    done.drops.push((before, stage.end_of_log().await));
}
