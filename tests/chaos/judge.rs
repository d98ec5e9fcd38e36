//! What each must have heard, may have heard, and must not. Pure.
//!
//! A change is judged at some moment from its commit on, and before its listener hears the next
//! thing. So it must be heard by whoever could see it at every such moment, and not by whoever
//! could at none. Nobody loses anything but in a gap that was told, and a gap is told only where
//! the slot was dropped or more was written than the window holds.

use std::collections::HashMap;

use serde_json::Value;
use walkie::wal::{Lsn, Place};

use super::listener::{Account, Heard, Wish};
use super::log::{Log, Logged, Membership, Row, is_same, number, text};
use super::stage::subject;
use super::tally::Tally;

/// What one change takes in the window beside its values, at most.
const OVERHEAD_BYTES: usize = 600;

/// The log, and what was done to the slot.
pub struct Judge {
    log: Log,
    places: HashMap<Place, usize>,
    /// Changes of membership by room and person.
    memberships: HashMap<(i64, String), Vec<usize>>,
    /// Where the log stood before and after the slot was dropped.
    drops: Vec<(Lsn, Lsn)>,
    /// Bytes that the window holds.
    window_bytes: usize,
}

/// Whether somebody could see a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Always,
    Never,
    /// At some moments.
    Sometimes,
}

impl Judge {
    pub fn new(log: Log, drops: Vec<(Lsn, Lsn)>, window_bytes: usize) -> Self {
        let places = log.changes.iter().enumerate().map(|(n, change)| (change.place, n)).collect();
        let mut memberships: HashMap<_, Vec<usize>> = HashMap::new();
        for (n, it) in log.memberships.iter().enumerate() {
            memberships.entry((it.room, it.person.clone())).or_default().push(n);
        }
        Self { log, places, memberships, drops, window_bytes }
    }

    /// Judges one account.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, account: &Account) -> Result<Tally, String> {
        let Account { wish, from, heard, complaints, connections } = account;
        if let Some(complaint) = complaints.first() {
            return Err(format!("{wish:?} was told {complaint}"));
        }
        let mut tally = Tally { connections: *connections, ..Tally::default() };
        let mut next = self.log.changes.partition_point(|change| change.place <= *from);
        let mut place = *from;
        for item in heard {
            match item {
                Heard::Change { place: told, data, begun } => {
                    if *told <= place {
                        return Err(format!("{wish:?} heard {told} after {place}: {data}"));
                    }
                    let Some(position) = self.places.get(told).copied() else {
                        return Err(format!("{wish:?} heard what is not in the log: {data}"));
                    };
                    self.silent(wish, next..position, *begun, &mut tally)?;
                    self.told(wish, &self.log.changes[position], data, *begun)?;
                    tally.delivered += 1;
                    (next, place) = (position + 1, *told);
                }
                Heard::Gap { from, to, end, begun } => {
                    self.is_justified(*from, *to, *end)
                        .map_err(|error| format!("{wish:?} at {place}: {error}"))?;
                    tally.gaps += 1;
                    // What stands before the gap was not lost in it.
                    let first = self.log.changes.partition_point(|change| change.place <= *from);
                    self.silent(wish, next..first.max(next), *begun, &mut tally)?;
                    next = next.max(first);
                    let last = self.log.changes.partition_point(|change| change.place <= *to);
                    tally.lost += last.saturating_sub(next);
                    (next, place) = (next.max(last), place.max(*to));
                }
            }
        }
        Ok(tally)
    }

    /// Nothing was heard of these.
    fn silent(
        &self,
        wish: &Wish,
        range: std::ops::Range<usize>,
        begun: i64,
        tally: &mut Tally,
    ) -> Result<(), String> {
        for change in &self.log.changes[range] {
            match self.sight(wish, change, begun) {
                Some(Sight::Always) => {
                    return Err(format!("{wish:?} did not hear of {}: {change:?}", change.place));
                }
                Some(Sight::Sometimes) => tally.open += 1,
                Some(Sight::Never) => tally.withheld += 1,
                None => {}
            }
        }
        Ok(())
    }

    fn told(&self, wish: &Wish, change: &Logged, data: &Value, begun: i64) -> Result<(), String> {
        let may = self.sight(wish, change, begun);
        if matches!(may, None | Some(Sight::Never)) {
            return Err(format!("{wish:?} heard what is not for them: {data}\n{change:?}"));
        }
        let is_row = match &change.new {
            Some(new) => is_same(new, &data["record"]),
            None => data.get("record").is_none(),
        };
        let id = change.key.as_ref().map(text).unwrap_or_default();
        let before = &data["old_record"];
        // The whole row before is for those who could see it.
        let is_whole = change.old.as_ref().is_some_and(|old| {
            is_same(old, before)
                && self.row(wish, &change.table, old, change, begun) != Sight::Never
        });
        let is_key =
            before.as_object().is_some_and(|it| it.len() == 1) && format!("{}", before["id"]) == id;
        let is_before = match change.kind {
            "INSERT" => before.is_null(),
            "UPDATE" => is_key || is_whole,
            _ => {
                if change.old.is_some() {
                    is_whole
                } else {
                    is_key
                }
            }
        };
        let is_named = data["type"] == change.kind && data["table"] == change.table.as_str();
        if is_row && is_before && is_named {
            return Ok(());
        }
        Err(format!("{wish:?} heard it otherwise than it was: {data}\n{change:?}"))
    }

    /// Whether a listener could see a change; `None` when it did not ask for it.
    fn sight(&self, wish: &Wish, change: &Logged, begun: i64) -> Option<Sight> {
        let is_about = matches!(&*change.table, "notes" | "marks");
        let judged = change.new.as_ref().or(change.old.as_ref());
        let in_room = |room: i64| judged.is_some_and(|row| number(row, "room") == room);
        if !is_about || change.table == "notes" && wish.room.is_some_and(|room| !in_room(room)) {
            return None;
        }
        // A key without its row goes to everybody.
        let Some(row) = judged else { return Some(Sight::Always) };
        Some(self.row(wish, &change.table, row, change, begun))
    }

    /// Whether a listener could see a row at the moments when a change may have been judged.
    fn row(&self, wish: &Wish, table: &str, row: &Row, change: &Logged, begun: i64) -> Sight {
        if table == "notes" && text(&row["is_hidden"]) == "t" {
            return Sight::Never;
        }
        let room = number(row, "room");
        if room == 0 {
            return Sight::Always;
        }
        let known = self.memberships.get(&(room, subject(wish.person)));
        let known = known.into_iter().flatten().map(|n| &self.log.memberships[*n]);
        let (before, after): (Vec<&Membership>, Vec<&Membership>) =
            known.partition(|it| it.commit <= change.place.commit);
        let at_commit = before.last().is_some_and(|it| it.is_in);
        let later = after.iter().filter(|it| it.serial <= begun).map(|it| it.is_in);
        let mut moments = std::iter::once(at_commit).chain(later);
        match (moments.clone().all(|is_in| is_in), moments.any(|is_in| is_in)) {
            (true, _) => Sight::Always,
            (false, true) => Sight::Sometimes,
            (false, false) => Sight::Never,
        }
    }

    /// Whether anything can have been lost there.
    fn is_justified(&self, from: Place, to: Place, end: Lsn) -> Result<(), String> {
        let is_dropped =
            self.drops.iter().any(|(before, after)| from.commit <= *after && to.commit >= *before);
        let first = self.log.changes.partition_point(|change| change.place <= from);
        let written = self.log.changes[first..].iter().take_while(|it| it.place.commit <= end);
        let bytes: usize = written.map(|change| change.bytes + OVERHEAD_BYTES).sum();
        if is_dropped || bytes >= self.window_bytes {
            return Ok(());
        }
        Err(format!("a gap from {from} to {to} was told though nothing was lost ({bytes} bytes)"))
    }

    /// The ids of rows that a person must find in a table in the end.
    pub fn visible(&self, person: usize, table: &str) -> Vec<i64> {
        let wish = Wish { person, room: None, habit: super::listener::Habit::Stays };
        let mut rows: HashMap<i64, &Logged> = HashMap::new();
        for change in self.log.changes.iter().filter(|change| change.table == table) {
            let key = |datum| text(datum).parse::<i64>().expect("a number");
            if let Some(before) = &change.key {
                rows.remove(&key(before));
            }
            if let Some(new) = &change.new {
                rows.insert(number(new, "id"), change);
            }
        }
        let Some(last) = self.log.changes.last() else { return Vec::new() };
        let is_visible = |change: &Logged| {
            let row = change.new.as_ref().expect("it is there");
            self.row(&wish, table, row, last, 0) == Sight::Always
        };
        let mut ids: Vec<i64> =
            rows.into_iter().filter(|(_, change)| is_visible(change)).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// Changes that somebody could listen to.
    pub fn changes(&self) -> usize {
        self.log.changes.iter().filter(|change| change.table != "members").count()
    }
}
