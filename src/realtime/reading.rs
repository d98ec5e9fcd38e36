//! What somebody has read: which transactions they saw, so that the log goes on from there. Pure.

use std::str::FromStr;

use super::authorize::Snapshot;
use crate::wal::{Lsn, NotAPosition, Transaction};

/// Longest text of a reading, in bytes.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// When something was read. As text `X/Y@xmin:xmax:xip,..`, as `realtime.place()` and answers of
/// REST have it.
#[derive(Debug)]
pub struct Reading {
    /// What could be seen.
    pub snapshot: Snapshot,
    /// A position that is not before the commits that were seen: what stands from here on was
    /// not. Where it is one that is safe on disk, no transaction after a crash bears the number
    /// of one that was seen and stands before it.
    pub end: Lsn,
}

/// Where in the log something stands.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its transaction.
    pub xid: u32,
    /// Position of that transaction's commit.
    pub commit: Lsn,
}

impl Origin {
    /// Where what a transaction did stands.
    pub fn of(transaction: &Transaction) -> Self {
        Self { xid: transaction.xid, commit: transaction.commit }
    }
}

impl Reading {
    /// Whether it shows what stands there.
    pub fn saw(&self, origin: Origin) -> bool {
        origin.commit < self.end && self.snapshot.contains(origin.xid)
    }
}

impl FromStr for Reading {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (end, snapshot) = text.split_once('@').ok_or(NotAPosition)?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(NotAPosition);
        }
        let snapshot = Snapshot::read(snapshot).ok_or(NotAPosition)?;
        Ok(Self { snapshot, end: end.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_show_what_was_committed_before_them_and_not_running() {
        let reading: Reading = "0/20@10:13:10,12".parse().expect("a reading");
        let saw = |xid, commit| reading.saw(Origin { xid, commit: Lsn(commit) });
        assert!(saw(9, 0x10) && saw(11, 0x1F));
        assert!(!saw(10, 0x10) && !saw(12, 0x10) && !saw(13, 0x10));
        assert!(!saw(11, 0x20), "its number is that of another one");
    }

    #[test]
    fn readings_must_be_whole_and_of_bounded_length() {
        for text in ["", "0/20", "0/20@", "@1:1:", "0/20@1:1", "0/20@1:1:x", "x@1:1:"] {
            assert!(text.parse::<Reading>().is_err(), "{text}");
        }
        let long = format!("0/20@1:9:{}", "1,".repeat(MAX_TEXT_BYTES / 2));
        assert!(long.parse::<Reading>().is_err());
    }
}
