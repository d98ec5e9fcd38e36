//! What the log told: parts of transactions, as many as are decided in one go. Pure.

use std::sync::Arc;

use super::authorize::Consequences;
use super::broadcast::Said;
use crate::wal::{Change, Transaction};

/// Changes decided in one go.
const MAX_BATCH: usize = 2048;

/// Bytes of values decided in one go.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What the log told of one transaction, or of a part of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) transaction: Arc<Transaction>,
    /// How many transactions had been told with it.
    pub(super) told: u64,
    /// Whether it begins the transaction.
    pub(super) has_begun: bool,
    /// Whether it is all of the transaction.
    pub(super) is_whole: bool,
    pub(super) changes: Vec<Arc<Change>>,
    /// What it says to the rooms, after its changes.
    pub(super) said: Vec<Said>,
    /// Tables that were described anew.
    pub(super) described: Vec<u32>,
    /// Tables that were emptied.
    pub(super) emptied: Vec<u32>,
    /// Whether definitions changed that policies may stand on.
    pub(super) changes_schema: bool,
}

impl Part {
    /// A part of which nothing is known yet.
    pub(super) fn of(transaction: Arc<Transaction>, told: u64) -> Self {
        Self {
            transaction,
            told,
            has_begun: false,
            is_whole: false,
            changes: Vec::new(),
            said: Vec::new(),
            described: Vec::new(),
            emptied: Vec::new(),
            changes_schema: false,
        }
    }

    /// Whether what is known of tables and roles may be wrong from here on.
    pub(super) fn makes_forget(&self) -> bool {
        self.changes_schema || self.is_cut() || !self.described.is_empty()
    }

    /// Whether it is only the beginning of its transaction.
    fn is_cut(&self) -> bool {
        self.has_begun && !self.is_whole
    }

    pub(super) fn consequences(&self) -> Consequences<'_> {
        Consequences {
            tables: &self.described,
            emptied: &self.emptied,
            schema: self.changes_schema,
            is_cut: self.is_cut(),
            xid: self.transaction.xid,
            changes: &self.changes,
        }
    }
}

/// What is decided in one go.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) parts: Vec<Part>,
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// Whether the last part goes on.
    pub(super) is_open: bool,
}

impl Batch {
    /// Whether no more is to be put in.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MAX_BATCH || self.bytes > MAX_BATCH_BYTES
    }

    /// Takes out the part that goes on, unless it is all there is.
    pub(super) fn take_open(&mut self) -> Option<Self> {
        if !self.is_open || self.parts.len() < 2 {
            return None;
        }
        let part = self.parts.pop()?;
        self.is_open = false;
        let changes = part.changes.iter().map(|change| change.size_bytes());
        let bytes = changes.chain(part.said.iter().map(Said::size_bytes)).sum();
        let count = part.changes.len() + part.said.len();
        Some(Self { parts: vec![part], count, bytes, is_open: true })
    }

    /// A transaction begins, or goes on.
    pub(super) fn open(&mut self, (transaction, told): &(Arc<Transaction>, u64), has_begun: bool) {
        let part = Part::of(Arc::clone(transaction), *told);
        self.parts.push(Part { has_begun, ..part });
        self.is_open = true;
    }

    /// The part that goes on; a new one for a transaction that began in an earlier batch.
    pub(super) fn part(&mut self, telling: &(Arc<Transaction>, u64)) -> &mut Part {
        if !self.is_open {
            self.open(telling, false);
        }
        self.parts.last_mut().expect("a part is open")
    }

    /// Adds what the transaction says to the rooms, if it can be said.
    pub(super) fn say(&mut self, telling: &(Arc<Transaction>, u64), said: Option<Said>) {
        let Some(said) = said else { return };
        self.bytes += said.size_bytes();
        self.count += 1;
        self.part(telling).said.push(said);
    }

    /// The transaction ends.
    pub(super) fn close(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.is_whole = self.is_open && part.has_begun;
        }
        self.is_open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::{Action, Datum, Place, Relation};

    fn change() -> Arc<Change> {
        Arc::new(Change {
            place: Place::default(),
            transaction: Arc::default(),
            relation: Arc::new(Relation {
                oid: 1,
                schema: "public".into(),
                name: "t".into(),
                columns: Vec::new(),
            }),
            action: Action::Insert { new: vec![Datum::Text("value".into())] },
        })
    }

    fn tell(batch: &mut Batch, changes: usize) {
        batch.open(&(Arc::default(), 1), true);
        for change in std::iter::repeat_with(change).take(changes) {
            batch.count += 1;
            batch.bytes += change.size_bytes();
            batch.part(&(Arc::default(), 1)).changes.push(change);
        }
    }

    #[test]
    fn transaction_is_cut_only_when_it_is_larger_than_a_batch() {
        let mut batch = Batch::default();
        tell(&mut batch, 2000);
        batch.close();
        assert!(batch.take_open().is_none(), "nothing goes on");
        tell(&mut batch, 100);
        assert!(batch.is_full());
        let mut open = batch.take_open().expect("the second goes on");
        assert_eq!((batch.parts.len(), open.parts.len()), (1, 1));
        assert_eq!((open.count, open.bytes, open.is_full()), (100, 500, false));
        open.close();
        assert!(open.parts[0].is_whole);
        let mut alone = Batch::default();
        tell(&mut alone, MAX_BATCH);
        assert!(alone.is_full() && alone.take_open().is_none());
    }
}
