//! From when on others see what the log tells, and so from where in the log a reading goes on.
//! Pure.
//!
//! A commit is in the log a moment before others see it (much before, where a standby must
//! confirm), so no position of the log says what a snapshot contains. What was told is therefore
//! compared with a snapshot now and then: whoever reads later sees at least as much.

use std::collections::VecDeque;

use super::authorize::Snapshot;
use super::reading::{Origin, Reading};
use crate::wal::{Lsn, Place};

/// Snapshots that are kept; beyond it every second one goes.
const MAX_MARKS: usize = 1024;

/// Transactions that may wait to be seen before the log is not read on.
const MAX_UNSEEN: usize = 65_536;

/// What was told, and which snapshots contained it.
#[derive(Debug)]
pub(super) struct Sightings {
    /// Transactions that were told and that no snapshot was found to contain yet, in the order
    /// of their commits.
    unseen: VecDeque<Origin>,
    /// Up to where the log was told.
    told: Place,
    /// Snapshots, oldest first, each with the place up to which it contains everything.
    marks: VecDeque<(Snapshot, Place)>,
}

impl Sightings {
    /// Nothing was told and nothing seen.
    pub(super) fn new() -> Self {
        Self { unseen: VecDeque::new(), told: Place::default(), marks: VecDeque::new() }
    }

    /// A log begins at this position, of which nothing is known.
    pub(super) fn begin(&mut self, from: Lsn) {
        *self = Self { told: Place::before(from), ..Self::new() };
    }

    /// The log told a transaction.
    pub(super) fn told(&mut self, origin: Origin) {
        self.unseen.push_back(origin);
        self.told = self.told.max(Place::after(origin.commit));
    }

    /// Whether nobody has looked yet, or since something was told.
    pub(super) fn is_stale(&self) -> bool {
        self.marks.is_empty() || !self.unseen.is_empty()
    }

    /// Whether somebody must look before more is told.
    pub(super) fn is_full(&self) -> bool {
        self.unseen.len() >= MAX_UNSEEN
    }

    /// Somebody looked, after everything told so far.
    pub(super) fn look(&mut self, snapshot: Snapshot) {
        self.unseen.retain(|origin| !snapshot.contains(origin.xid));
        let place = match self.unseen.front() {
            Some(first) => Place::before(first.commit),
            None => self.told,
        };
        // Of two that see up to the same place, readings are more often after the earlier one.
        if self.marks.back().is_none_or(|(_, last)| *last < place) {
            self.marks.push_back((snapshot, place));
        }
        if self.marks.len() > MAX_MARKS {
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
    }

    /// The log is kept from this place on: for an older one no snapshot is needed.
    pub(super) fn forget_before(&mut self, place: Place) {
        while self.marks.len() > 1 && self.marks.front().is_some_and(|(_, mark)| *mark < place) {
            self.marks.pop_front();
        }
    }

    /// Up to where all that was told is known to be seen by whoever looks.
    pub(super) fn seen(&self) -> Lsn {
        self.unseen.front().map_or(Lsn(u64::MAX), |first| first.commit)
    }

    /// A place up to which a reading shows everything; `None` when it was too long ago.
    pub(super) fn find(&self, reading: &Reading) -> Option<Place> {
        let earlier = self.marks.partition_point(|(mark, _)| reading.snapshot.follows(mark));
        let (_, place) = self.marks.get(earlier.checked_sub(1)?)?;
        // Numbers say nothing about what stands behind its end.
        Some((*place).min(Place::before(reading.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::read(text).expect("a snapshot")
    }

    fn reading(text: &str) -> Reading {
        text.parse().expect("a reading")
    }

    fn told(transactions: &[(u32, u64)]) -> Sightings {
        let mut sightings = Sightings::new();
        sightings.begin(Lsn(1));
        for (xid, commit) in transactions {
            sightings.told(Origin { xid: *xid, commit: Lsn(*commit) });
        }
        sightings
    }

    #[test]
    fn reading_goes_on_before_the_first_commit_that_was_not_seen() {
        let mut sightings = told(&[(5, 0x10), (7, 0x20), (6, 0x30)]);
        assert_eq!(sightings.find(&reading("0/99@9:9:")), None, "nobody has looked");
        sightings.look(snapshot("7:9:7"));
        let seen = Some(Place::before(Lsn(0x20)));
        assert_eq!(sightings.find(&reading("0/99@7:9:7")), seen);
        assert_eq!(sightings.find(&reading("0/99@9:9:")), seen, "7 may or may not be in it");
        assert_eq!(sightings.find(&reading("0/99@6:8:6,7")), None);
        assert_eq!(sightings.seen(), Lsn(0x20));
        sightings.look(snapshot("9:9:"));
        assert_eq!(sightings.find(&reading("0/99@9:9:")), Some(Place::after(Lsn(0x30))));
        assert_eq!(sightings.find(&reading("0/99@7:9:7")), seen);
        assert_eq!(sightings.seen(), Lsn(u64::MAX));
    }

    #[test]
    fn what_stands_behind_the_end_of_a_reading_was_not_seen() {
        let mut sightings = told(&[(5, 0x10), (6, 0x20)]);
        sightings.look(snapshot("9:9:"));
        assert_eq!(sightings.find(&reading("0/18@9:9:")), Some(Place::before(Lsn(0x18))));
    }

    #[test]
    fn one_look_serves_until_something_is_told() {
        let mut sightings = told(&[]);
        assert!(sightings.is_stale());
        sightings.look(snapshot("5:5:"));
        sightings.look(snapshot("7:7:"));
        assert_eq!(sightings.find(&reading("0/99@6:6:")), Some(Place::before(Lsn(1))));
        assert!(!sightings.is_stale());
        sightings.told(Origin { xid: 7, commit: Lsn(0x10) });
        assert!(sightings.is_stale());
    }

    #[test]
    fn marks_are_bounded_and_the_newest_stays() {
        let mut sightings = told(&[]);
        for number in 1..5000 {
            sightings.told(Origin { xid: number, commit: Lsn(u64::from(number) * 16) });
            sightings.look(snapshot(&format!("{0}:{0}:", number + 1)));
        }
        assert!(sightings.marks.len() <= MAX_MARKS);
        let place = sightings.find(&reading("FF/0@5000:5000:")).expect("seen");
        assert!(place >= Place::after(Lsn(4998 * 16)));
        let early = sightings.find(&reading("FF/0@2:2:")).expect("seen");
        assert_eq!(early, Place::after(Lsn(16)), "the oldest stays too");
        sightings.forget_before(Place::after(Lsn(9999 * 16)));
        assert_eq!(sightings.find(&reading("FF/0@2:2:")), None);
        assert!(sightings.find(&reading("FF/0@5000:5000:")).is_some());
    }

    #[test]
    fn another_log_begins_with_nothing() {
        let mut sightings = told(&[(5, 0x10)]);
        sightings.look(snapshot("9:9:"));
        sightings.begin(Lsn(8));
        assert_eq!(sightings.find(&reading("0/99@9:9:")), None);
        assert_eq!(sightings.seen(), Lsn(u64::MAX));
    }
}
