//! Verdicts about one key: who is permitted, who is denied, who must be asked about.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::{Freshness, Possible, Viewer};

/// Verdicts about one key.
#[derive(Debug)]
pub(super) struct Entry {
    /// Tells it from one that was forgotten.
    pub(super) edition: u64,
    pub(super) permitted: Arc<Vec<Viewer>>,
    /// Viewers below this number are denied, unless they are in one of the sets.
    pub(super) settled_below: Viewer,
    /// Denied, whatever their number.
    pub(super) denied: HashSet<Viewer>,
    /// To be asked about, whatever their number.
    pub(super) pending: HashSet<Viewer>,
    pub(super) possible: Possible,
    /// How many transactions had been told, and when, at the oldest verdict.
    pub(super) asked: Option<(u64, Instant)>,
}

impl Entry {
    /// Nothing is known yet.
    pub(super) fn new(edition: u64) -> Self {
        Self {
            edition,
            permitted: Arc::default(),
            settled_below: 0,
            denied: HashSet::new(),
            pending: HashSet::new(),
            possible: Possible::Unasked,
            asked: None,
        }
    }

    /// Whether its verdicts may stand.
    pub(super) fn is_fresh(&self, fresh: Freshness) -> bool {
        let Some((told, at)) = self.asked else { return true };
        fresh.asked_since.is_none_or(|since| told >= since)
            && fresh.max_age.is_none_or(|age| at.elapsed() <= age)
    }

    /// Whether a viewer need not be asked about.
    pub(super) fn knows(&self, viewer: Viewer) -> bool {
        if self.pending.contains(&viewer) {
            return false;
        }
        viewer < self.settled_below
            || self.denied.contains(&viewer)
            || self.permitted.binary_search(&viewer).is_ok()
    }

    /// From now on a viewer must be asked about.
    pub(super) fn forget(&mut self, viewer: Viewer) {
        if let Ok(place) = self.permitted.binary_search(&viewer) {
            Arc::make_mut(&mut self.permitted).remove(place);
        }
        self.denied.remove(&viewer);
        self.pending.insert(viewer);
    }

    /// Remembers verdicts; `None` = Postgres could not say.
    pub(super) fn learn(&mut self, verdicts: &[(Viewer, Option<bool>)]) {
        let mut permitted = (*self.permitted).clone();
        for (viewer, verdict) in verdicts {
            self.pending.remove(viewer);
            match verdict {
                Some(true) => permitted.push(*viewer),
                Some(false) if *viewer >= self.settled_below => {
                    self.denied.insert(*viewer);
                }
                Some(false) => {}
                None => {
                    self.pending.insert(*viewer);
                }
            }
        }
        permitted.sort_unstable();
        permitted.dedup();
        self.permitted = Arc::new(permitted);
    }

    /// How many verdicts and candidates it holds, as far as memory goes.
    pub(super) fn weight(&self) -> usize {
        let subjects = if let Possible::Of(subjects) = &self.possible { subjects.len() } else { 0 };
        self.permitted.len() + self.denied.len() + self.pending.len() + 4 * subjects
    }
}
