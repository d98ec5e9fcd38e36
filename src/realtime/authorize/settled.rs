//! Which transactions of the log a snapshot can see. Pure.
//!
//! A commit reaches the log a moment before other sessions see it (much before, where a
//! standby must confirm). A verdict taken in between could still grant what an earlier commit
//! took away, so a verdict counts only when its snapshot sees every transaction that the log
//! has told so far.

use std::collections::VecDeque;

/// Transactions that the log told and no snapshot was seen to contain yet.
#[derive(Debug, Default)]
pub struct Unsettled {
    xids: VecDeque<u32>,
}

/// A snapshot that does not contain a committed transaction yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooEarly;

impl Unsettled {
    /// The log told a transaction.
    pub fn told(&mut self, xid: u32) {
        self.xids.push_back(xid);
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.xids.len()
    }

    /// Forgets what `snapshot` (`xmin:xmax:xip,..`) contains.
    ///
    /// # Errors
    /// It does not contain all, or is no snapshot.
    pub fn check(&mut self, snapshot: &str) -> Result<(), TooEarly> {
        let (ends, running) = snapshot.rsplit_once(':').ok_or(TooEarly)?;
        let (_, end) = ends.split_once(':').ok_or(TooEarly)?;
        let end = low_bits(end)?;
        let running = running
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(low_bits)
            .collect::<Result<Vec<u32>, _>>()?;
        self.xids.retain(|xid| is_at_or_after(*xid, end) || running.contains(xid));
        if self.xids.is_empty() { Ok(()) } else { Err(TooEarly) }
    }
}

/// The log carries ids without their epoch.
fn low_bits(xid: &str) -> Result<u32, TooEarly> {
    let xid: u64 = xid.parse().map_err(|_| TooEarly)?;
    u32::try_from(xid & 0xFFFF_FFFF).map_err(|_| TooEarly)
}

/// Ids go around; half of the circle is the future.
fn is_at_or_after(xid: u32, end: u32) -> bool {
    xid.wrapping_sub(end) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &[u32], snapshot: &str) -> Result<(), TooEarly> {
        let mut unsettled = Unsettled::default();
        for xid in told {
            unsettled.told(*xid);
        }
        unsettled.check(snapshot)
    }

    #[test]
    fn finished_transactions_are_settled() {
        assert_eq!(check(&[], "10:10:"), Ok(()));
        assert_eq!(check(&[8, 9], "10:10:"), Ok(()));
        assert_eq!(check(&[11], "10:13:10,12"), Ok(()));
    }

    #[test]
    fn running_or_later_transactions_are_not() {
        assert_eq!(check(&[12], "10:13:10,12"), Err(TooEarly));
        assert_eq!(check(&[13], "10:13:"), Err(TooEarly));
        assert_eq!(check(&[1], "nonsense"), Err(TooEarly));
    }

    #[test]
    fn epochs_do_not_matter() {
        assert_eq!(check(&[u32::MAX], "4294967297:4294967298:"), Ok(()));
        assert_eq!(check(&[2], "4294967297:4294967298:"), Err(TooEarly));
    }

    #[test]
    fn what_was_settled_is_forgotten() {
        let mut unsettled = Unsettled::default();
        unsettled.told(9);
        unsettled.told(12);
        assert_eq!(unsettled.check("10:13:12"), Err(TooEarly));
        assert_eq!(unsettled.len(), 1);
        assert_eq!(unsettled.check("13:13:"), Ok(()));
    }
}
