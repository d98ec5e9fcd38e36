//! The ring of recent changes by place: what subscribers that come back can still have.
//!
//! Postgres keeps the window too: the slot is acknowledged only up to where the ring begins, so
//! that after a restart of either the ring is filled from the log again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::observe::LogMetrics;
use crate::wal::{Change, Lsn, Place};

use std::sync::Arc;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For how long.
    pub age: Duration,
    /// How many bytes of memory.
    pub bytes: usize,
    /// How much log the slot may hold back, in bytes.
    pub log_bytes: u64,
}

/// Recent changes, oldest first.
#[derive(Debug)]
pub struct Window {
    bounds: Bounds,
    /// The same bound by what Postgres lets the slot hold back.
    slot_bytes: u64,
    changes: VecDeque<(Instant, Arc<Change>)>,
    bytes: usize,
    /// Commit positions of transactions, and where the log goes on after each.
    ends: VecDeque<(Lsn, Lsn)>,
    /// Every change after this place is in the ring or still to come.
    from: Place,
    /// Up to where the log was read.
    read: Lsn,
    /// Where the log ended when last heard of.
    end: Lsn,
}

impl Window {
    /// An empty ring.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            slot_bytes: u64::MAX,
            changes: VecDeque::new(),
            bytes: 0,
            ends: VecDeque::new(),
            from: Place::default(),
            read: Lsn(0),
            end: Lsn(0),
        }
    }

    /// The log is streamed from here; what was kept stays when nothing is missing between.
    pub fn open(&mut self, from: Lsn, end: Lsn, is_gap: bool) {
        if is_gap {
            // Also where another log begins, whose positions are lower.
            let Self { bounds, slot_bytes, .. } = *self;
            let from_place = Place::before(from);
            *self = Self { slot_bytes, from: from_place, read: from, ..Self::new(bounds) };
        }
        self.read = self.read.max(from);
        self.end = self.end.max(end);
    }

    /// How much log the slot may hold back at all, in bytes: beyond it Postgres gives the slot
    /// up. A quarter of it is the window's; the rest is for what is still to be read, and for
    /// where Postgres begins to read, which is before the oldest transaction that was open.
    pub fn bound_log(&mut self, most_bytes: u64) {
        self.slot_bytes = most_bytes / 4;
    }

    /// Keeps a change.
    pub fn push(&mut self, change: Arc<Change>) {
        self.bytes += change.memory_bytes();
        self.changes.push_back((Instant::now(), change));
    }

    /// A transaction was told: the log goes on at `end`.
    pub fn commit(&mut self, commit: Lsn, end: Lsn) {
        self.ends.push_back((commit, end));
        self.reached(end);
    }

    /// The log was read up to this position.
    pub fn reached(&mut self, end: Lsn) {
        self.read = self.read.max(end);
        self.end = self.end.max(end);
    }

    /// Where the log ended when last heard of.
    pub fn end(&self) -> Lsn {
        self.end
    }

    /// Lets go of what is too old or too much; gives the position up to which Postgres may
    /// forget the log.
    pub fn trim(&mut self) -> Lsn {
        while let Some((kept_at, change)) = self.changes.front() {
            let log_bytes = self.end.0.saturating_sub(change.place.commit.0);
            let is_kept = kept_at.elapsed() <= self.bounds.age
                && self.bytes <= self.bounds.bytes
                && log_bytes <= self.bounds.log_bytes.min(self.slot_bytes);
            if is_kept {
                break;
            }
            self.bytes -= change.memory_bytes();
            self.from = change.place;
            self.changes.pop_front();
        }
        let Some((_, oldest)) = self.changes.front() else {
            self.ends.clear();
            return self.read;
        };
        let mut forgettable = Lsn(0);
        while let Some((commit, end)) = self.ends.front()
            && *commit < oldest.place.commit
        {
            forgettable = *end;
            self.ends.pop_front();
        }
        forgettable
    }

    /// The changes after a place, oldest first; `None` when some of them are gone.
    pub fn after(&self, place: Place) -> Option<impl Iterator<Item = &Arc<Change>>> {
        if place < self.from {
            return None;
        }
        let first = self.changes.partition_point(|(_, change)| change.place <= place);
        Some(self.changes.range(first..).map(|(_, change)| change))
    }

    /// Shows how much is kept, and up to where the log was read.
    pub fn measure(&self, counts: &LogMetrics) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        counts.window_changes.set(number(self.changes.len()));
        counts.window_bytes.set(number(self.bytes));
        let oldest = self.changes.front().map(|(kept_at, _)| kept_at.elapsed());
        counts.window_age.set(oldest.unwrap_or_default().as_secs_f64());
        counts.read_up_to(self.read.0);
    }

    /// The change at a place.
    pub fn at(&self, place: Place) -> Option<&Arc<Change>> {
        let found = self.changes.binary_search_by_key(&place, |(_, change)| change.place);
        found.ok().map(|at| &self.changes[at].1)
    }

    /// The oldest place after which nothing is missing.
    pub fn from(&self) -> Place {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::{Action, Datum, Relation, Transaction};

    fn change(commit: u64, index: u32) -> Arc<Change> {
        Arc::new(Change {
            place: Place { commit: Lsn(commit), index },
            transaction: Arc::new(Transaction::default()),
            relation: Arc::new(Relation {
                oid: 1,
                schema: "public".into(),
                name: "t".into(),
                columns: Vec::new(),
            }),
            action: Action::Insert { new: vec![Datum::Text("x".into())] },
        })
    }

    /// A window for so many of these changes.
    fn window(changes: usize) -> Window {
        let bytes = changes * change(1, 0).memory_bytes();
        let mut window =
            Window::new(Bounds { age: Duration::from_secs(600), bytes, log_bytes: 1000 });
        window.open(Lsn(100), Lsn(100), true);
        window
    }

    fn places(window: &Window, after: Place) -> Option<Vec<String>> {
        window.after(after).map(|changes| changes.map(|change| change.place.to_string()).collect())
    }

    #[test]
    fn what_came_after_a_place_is_there() {
        let mut window = window(9);
        window.push(change(0x110, 0));
        window.push(change(0x110, 1));
        window.commit(Lsn(0x110), Lsn(0x118));
        assert_eq!(
            places(&window, Place::before(Lsn(100))),
            Some(vec!["0/110:0".into(), "0/110:1".into()])
        );
        assert_eq!(
            places(&window, Place { commit: Lsn(0x110), index: 0 }),
            Some(vec!["0/110:1".into()])
        );
        assert_eq!(places(&window, Place::after(Lsn(0x110))), Some(vec![]));
        assert_eq!(places(&window, Place::after(Lsn(50))), None);
    }

    #[test]
    fn slot_remembers_as_much_as_the_ring() {
        let mut window = window(2);
        assert_eq!(window.trim(), Lsn(100), "an empty ring needs nothing");
        for commit in [110, 120, 130] {
            window.push(change(commit, 0));
            window.commit(Lsn(commit), Lsn(commit + 5));
        }
        assert_eq!(window.trim(), Lsn(115), "110 went, 120 is still kept");
        assert_eq!(window.from(), Place { commit: Lsn(110), index: 0 });
        assert_eq!(places(&window, Place::before(Lsn(110))), None);
        assert!(places(&window, Place::after(Lsn(110))).is_some());
    }

    #[test]
    fn log_is_not_given_up_before_it_was_read() {
        let mut window =
            Window::new(Bounds { age: Duration::from_secs(600), bytes: 1000, log_bytes: 1000 });
        window.open(Lsn(100), Lsn(200), true);
        assert_eq!(window.trim(), Lsn(100), "what ends at 200 is still to come");
        window.push(change(150, 0));
        window.commit(Lsn(150), Lsn(155));
        assert_eq!(window.trim(), Lsn(0));
    }

    #[test]
    fn log_held_back_is_bounded() {
        let mut window = window(9);
        window.push(change(110, 0));
        window.commit(Lsn(110), Lsn(115));
        window.reached(Lsn(5000));
        assert_eq!(window.trim(), Lsn(5000));
    }

    #[test]
    fn log_is_let_go_of_before_postgres_gives_the_slot_up() {
        let mut window = window(9);
        window.push(change(110, 0));
        window.commit(Lsn(110), Lsn(115));
        window.reached(Lsn(310));
        assert_eq!(window.trim(), Lsn(0));
        window.bound_log(600);
        assert_eq!(window.trim(), Lsn(310));
    }

    #[test]
    fn a_gap_empties_the_ring() {
        let mut window = window(9);
        window.push(change(110, 0));
        window.commit(Lsn(110), Lsn(115));
        window.open(Lsn(500), Lsn(500), true);
        assert_eq!(places(&window, Place::after(Lsn(110))), None);
        assert_eq!(places(&window, Place::before(Lsn(500))), Some(vec![]));
        // Another log, whose positions are lower.
        window.open(Lsn(50), Lsn(60), true);
        assert_eq!((window.end(), window.trim()), (Lsn(60), Lsn(50)));
        assert_eq!(places(&window, Place::before(Lsn(50))), Some(vec![]));
    }
}
