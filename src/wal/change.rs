//! A committed change of one row, and what SQL says in the log beside.

use std::sync::Arc;

use bytes::Bytes;

use super::lsn::{Lsn, Place};
use super::pgoutput::{Datum, Old, Relation, Tuple};

/// What all changes of a transaction share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its id, without the epoch.
    pub xid: u32,
    /// Position of its commit record.
    pub commit: Lsn,
    /// When it was committed, in microseconds since 1970, UTC.
    pub committed_at_us: i64,
}

/// A committed change of one row.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where it stands in the order of all changes.
    pub place: Place,
    /// Its transaction.
    pub transaction: Arc<Transaction>,
    /// Its table, as it looked when the row was written.
    pub relation: Arc<Relation>,
    /// What happened.
    pub action: Action,
}

/// What happened to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It appeared.
    Insert {
        /// The row.
        new: Tuple,
    },
    /// It changed.
    Update {
        /// What is known of the row before; `None` when its key stayed.
        old: Option<Old>,
        /// The row. Values that the log left out because they are large and unchanged are
        /// filled in from the old row where that is known.
        new: Tuple,
    },
    /// It went.
    Delete {
        /// What is known of it.
        old: Old,
    },
}

/// A message that SQL put into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it stands in the order of all changes.
    pub place: Place,
    /// Whether it belongs to the transaction that is being told; if not, it was said at once and
    /// stands whatever became of its transaction.
    pub is_transactional: bool,
    /// What it is about.
    pub prefix: String,
    /// What it says.
    pub content: Bytes,
}

/// What a change and its message take beside its columns, about, in bytes.
const KEPT_BYTES: usize = 256;

impl Change {
    /// Bytes of the values it carries.
    pub fn size_bytes(&self) -> usize {
        let bytes = |datum: &Datum| if let Datum::Text(text) = datum { text.len() } else { 0 };
        self.tuples().flatten().map(bytes).sum()
    }

    /// Bytes of memory that it takes while it is kept, about.
    pub fn memory_bytes(&self) -> usize {
        let columns = self.tuples().map(Vec::len).sum::<usize>();
        KEPT_BYTES + columns * size_of::<Datum>() + self.size_bytes()
    }

    fn tuples(&self) -> impl Iterator<Item = &Tuple> {
        let (old, new) = match &self.action {
            Action::Insert { new } => (None, Some(new)),
            Action::Update { old, new } => (old.as_ref(), Some(new)),
            Action::Delete { old } => (Some(old), None),
        };
        let old = old.map(|(Old::Key(old) | Old::Full(old))| old);
        old.into_iter().chain(new)
    }
}
