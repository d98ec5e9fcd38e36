//! How a world is run, and what came of it.

use std::fmt;

/// How a world is run.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Steps of its history.
    pub steps: usize,
    /// More flags for the server, for instance one that breaks it.
    pub flags: &'a [&'a str],
}

/// What was done and seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Databases with a schema of their own.
    pub worlds: usize,
    /// Tables with a whole set of policies, and changes of such a set.
    pub policy_sets: usize,
    /// Committed transactions.
    pub transactions: usize,
    /// Committed changes of rules.
    pub ddl: usize,
    /// Changed rows times sockets.
    pub checks: usize,
    /// Of these, events that were heard.
    pub delivered: usize,
    /// Of these, changes that were rightly kept back.
    pub withheld: usize,
    /// Sockets that came late, most of them asking for what they had missed.
    pub late: usize,
}

/// The server and Postgres disagree, with all that is needed to see why.
pub struct Mismatch(pub String);

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.policy_sets += other.policy_sets;
        self.transactions += other.transactions;
        self.ddl += other.ddl;
        self.checks += other.checks;
        self.delivered += other.delivered;
        self.withheld += other.withheld;
        self.late += other.late;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} worlds, {} policy sets, {} transactions ({} of rules), {} latecomers; {} checks: {} delivered, {} withheld",
            self.worlds,
            self.policy_sets,
            self.transactions,
            self.ddl,
            self.late,
            self.checks,
            self.delivered,
            self.withheld
        )
    }
}
