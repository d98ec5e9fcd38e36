//! From which transaction on the logs tell all that happens to the tables that policies read.
//!
//! A table may be added to what the logs tell while somebody writes it: what was written before is
//! not told when that transaction ends. Whoever has a table added learns from which transaction on
//! all is told; whoever finds it added must know the same.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::analysis::Analysis;

/// Shared by all who read policies. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Complete {
    /// The latest such transaction. Held while policies are read, by one at a time: none may find
    /// a table that another has added and not noted yet.
    from: Arc<Mutex<Option<u64>>>,
}

/// Policies are being read.
#[derive(Debug)]
pub struct Reading<'a>(MutexGuard<'a, Option<u64>>);

impl Complete {
    /// Waits until nobody else reads policies.
    pub async fn read(&self) -> Reading<'_> {
        Reading(self.from.lock().await)
    }
}

impl Reading<'_> {
    /// This was found; gives from which transaction on all is told that it depends on.
    pub fn end<'a>(mut self, found: impl IntoIterator<Item = &'a Analysis>) -> Option<u64> {
        let found = found.into_iter().filter_map(|analysis| analysis.complete_from);
        *self.0 = found.chain(*self.0).max();
        *self.0
    }
}
