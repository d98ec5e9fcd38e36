//! What was done and seen.

use std::fmt;

/// What was done and seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Runs with a Postgres of their own.
    pub worlds: usize,
    /// Times that something was killed, cut, restarted or dropped.
    pub faults: usize,
    /// Connections that listeners made.
    pub connections: usize,
    /// Changes in the log.
    pub changes: usize,
    /// Of these, changes times listeners that were heard.
    pub delivered: usize,
    /// Rightly kept back.
    pub withheld: usize,
    /// Lost in a gap that was told.
    pub lost: usize,
    /// Kept back where the right came or went before anybody could know that it was decided:
    /// both were right.
    pub open: usize,
    /// Gaps that were told.
    pub gaps: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.faults += other.faults;
        self.connections += other.connections;
        self.changes += other.changes;
        self.delivered += other.delivered;
        self.withheld += other.withheld;
        self.lost += other.lost;
        self.open += other.open;
        self.gaps += other.gaps;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} worlds, {} faults, {} connections, {} changes: {} delivered, {} withheld, {} lost in {} gaps, {} open",
            self.worlds,
            self.faults,
            self.connections,
            self.changes,
            self.delivered,
            self.withheld,
            self.lost,
            self.gaps,
            self.open
        )
    }
}
