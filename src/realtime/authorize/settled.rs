//! Which transactions of the log a snapshot can see. Pure.
//!
//! A commit reaches the log a moment before other sessions see it (much before, where a
//! standby must confirm). A verdict taken in between could still grant what an earlier commit
//! took away, so a verdict counts only when its snapshot sees every transaction that the log
//! has told so far.

use std::collections::VecDeque;

/// Transactions that the log told and no snapshot was seen to contain yet.
#[derive(Debug, Clone, Default)]
pub struct Unsettled {
    xids: VecDeque<u32>,
}

impl Unsettled {
    /// The log told a transaction.
    pub fn told(&mut self, xid: u32) {
        self.xids.push_back(xid);
    }

    /// Lets go of all but the newest so many: nobody asked for a snapshot for long.
    pub fn keep_newest(&mut self, most: usize) {
        let surplus = self.xids.len().saturating_sub(most);
        self.xids.drain(..surplus);
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.xids.len()
    }

    /// Whether `snapshot` contains all of them.
    pub fn are_in(&self, snapshot: &Snapshot) -> bool {
        self.xids.iter().all(|xid| snapshot.contains(*xid))
    }

    /// Forgets those that `snapshot` contains: every later one contains them too. One that was
    /// taken side by side with it may not, and must have been looked at before.
    pub fn forget(&mut self, snapshot: &Snapshot) {
        self.xids.retain(|xid| !snapshot.contains(*xid));
    }
}

/// Which transactions a transaction sees.
#[derive(Debug)]
pub struct Snapshot {
    end: u32,
    running: Vec<u32>,
}

impl Snapshot {
    /// Reads `xmin:xmax:xip,..`; `None` when it is no snapshot.
    pub fn read(text: &str) -> Option<Self> {
        let (ends, running) = text.rsplit_once(':')?;
        let (_, end) = ends.split_once(':')?;
        let running = running.split(',').filter(|xid| !xid.is_empty()).map(low_bits);
        Some(Self { end: low_bits(end)?, running: running.collect::<Option<_>>()? })
    }

    /// Whether it sees this transaction, if that is committed.
    pub fn contains(&self, xid: u32) -> bool {
        !is_at_or_after(xid, self.end) && !self.running.contains(&xid)
    }

    /// Whether it sees all that `earlier` sees: it was taken at the same time or later.
    pub fn follows(&self, earlier: &Self) -> bool {
        if self.end != earlier.end {
            return is_at_or_after(self.end, earlier.end);
        }
        let mut running = self.running.iter().filter(|xid| !is_at_or_after(**xid, self.end));
        running.all(|xid| earlier.running.contains(xid))
    }
}

/// The log carries ids without their epoch.
fn low_bits(xid: &str) -> Option<u32> {
    let xid: u64 = xid.parse().ok()?;
    u32::try_from(xid & 0xFFFF_FFFF).ok()
}

/// Ids go around; half of the circle is the future.
fn is_at_or_after(xid: u32, end: u32) -> bool {
    xid.wrapping_sub(end) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsettled(told: &[u32]) -> Unsettled {
        let mut unsettled = Unsettled::default();
        for xid in told {
            unsettled.told(*xid);
        }
        unsettled
    }

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::read(text).expect("a snapshot")
    }

    fn are_in(told: &[u32], text: &str) -> bool {
        unsettled(told).are_in(&snapshot(text))
    }

    #[test]
    fn finished_transactions_are_settled() {
        assert!(are_in(&[], "10:10:"));
        assert!(are_in(&[8, 9], "10:10:"));
        assert!(are_in(&[11], "10:13:10,12"));
    }

    #[test]
    fn running_or_later_transactions_are_not() {
        assert!(!are_in(&[12], "10:13:10,12"));
        assert!(!are_in(&[13], "10:13:"));
        assert!(Snapshot::read("nonsense").is_none());
    }

    #[test]
    fn epochs_do_not_matter() {
        assert!(are_in(&[u32::MAX], "4294967297:4294967298:"));
        assert!(!are_in(&[2], "4294967297:4294967298:"));
    }

    #[test]
    fn later_snapshots_see_all_that_earlier_ones_see() {
        let follows = |text, earlier| snapshot(text).follows(&snapshot(earlier));
        assert!(follows("10:13:10,12", "10:13:10,12"));
        assert!(follows("12:13:12", "10:13:10,12") && !follows("10:13:10,12", "12:13:12"));
        assert!(follows("10:14:10,12,13", "13:13:") && !follows("13:13:", "10:14:10,12,13"));
        // A transaction may name itself as one that it does not see.
        assert!(follows("10:13:10,12,15", "10:13:10,12"));
        assert!(follows("4294967297:4294967298:", "4294967295:4294967295:"));
    }

    #[test]
    fn what_was_settled_is_forgotten() {
        let mut unsettled = unsettled(&[9, 12]);
        unsettled.forget(&snapshot("10:13:12"));
        assert_eq!(unsettled.len(), 1);
        unsettled.forget(&snapshot("13:13:"));
        assert_eq!(unsettled.len(), 0);
    }

    #[test]
    fn later_snapshot_does_not_vouch_for_one_taken_beside_it() {
        let unsettled = unsettled(&[12]);
        assert!(unsettled.are_in(&snapshot("13:13:")));
        assert!(!unsettled.are_in(&snapshot("10:13:12")));
    }
}
