//! Messages -> [`Change`], in commit order. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::change::{Action, Change, Transaction};
use super::error::Malformed;
use super::lsn::{Lsn, Place};
use super::pgoutput::{Datum, Message, Old, Relation, Tuple};

/// Microseconds from 1970 to Postgres's own epoch, 2000.
const EPOCH_US: i64 = 946_684_800_000_000;

/// What a message says once it is known which transaction and table it belongs to.
#[derive(Debug)]
pub enum Told {
    /// A table is as described from here on; whatever was concluded from its former shape,
    /// grants or policies is void.
    Relation(Arc<Relation>),
    /// A row changed.
    Change(Change),
    /// Tables were emptied.
    Truncate(Vec<Arc<Relation>>),
}

/// Follows one replication stream.
#[derive(Debug, Default)]
pub struct Assembly {
    relations: HashMap<u32, Arc<Relation>>,
    transaction: Arc<Transaction>,
    next_index: u32,
}

impl Default for Transaction {
    fn default() -> Self {
        Self { xid: 0, commit: Lsn(0), committed_at_us: EPOCH_US }
    }
}

impl Assembly {
    /// A transaction begins; `commit_time_us` counts from 2000, as the log does.
    pub fn begin(&mut self, xid: u32, commit: Lsn, commit_time_us: i64) -> Arc<Transaction> {
        let committed_at_us = commit_time_us.saturating_add(EPOCH_US);
        self.transaction = Arc::new(Transaction { xid, commit, committed_at_us });
        self.next_index = 0;
        Arc::clone(&self.transaction)
    }

    /// Takes the next message of the transaction.
    ///
    /// # Errors
    /// The message does not fit what was announced.
    pub fn take(&mut self, message: Message) -> Result<Option<Told>, Malformed> {
        match message {
            Message::Relation(relation) => {
                let relation = Arc::new(relation);
                self.relations.insert(relation.oid, Arc::clone(&relation));
                Ok(Some(Told::Relation(relation)))
            }
            Message::Insert { relation, new } => self.change(relation, Action::Insert { new }),
            Message::Update { relation, old, mut new } => {
                if let Some(Old::Full(old)) = &old {
                    fill_unchanged(&mut new, old);
                }
                self.change(relation, Action::Update { old, new })
            }
            Message::Delete { relation, old } => self.change(relation, Action::Delete { old }),
            Message::Truncate { relations } => {
                let relations = relations.into_iter().map(|oid| self.relation(oid));
                Ok(Some(Told::Truncate(relations.collect::<Result<_, _>>()?)))
            }
            Message::Other => Ok(None),
        }
    }

    fn change(&mut self, relation: u32, action: Action) -> Result<Option<Told>, Malformed> {
        let relation = self.relation(relation)?;
        let width = relation.columns.len();
        let fits = match &action {
            Action::Insert { new } | Action::Update { old: None, new } => new.len() == width,
            Action::Update { old: Some(Old::Key(old) | Old::Full(old)), new } => {
                new.len() == width && old.len() == width
            }
            Action::Delete { old: Old::Key(old) | Old::Full(old) } => old.len() == width,
        };
        if !fits {
            return Err(Malformed::Width);
        }
        let place = self.next_place();
        let transaction = Arc::clone(&self.transaction);
        Ok(Some(Told::Change(Change { place, transaction, relation, action })))
    }

    /// The place of what comes next in the transaction, a change or a message.
    pub fn next_place(&mut self) -> Place {
        let place = Place { commit: self.transaction.commit, index: self.next_index };
        self.next_index = self.next_index.saturating_add(1);
        place
    }

    fn relation(&self, oid: u32) -> Result<Arc<Relation>, Malformed> {
        self.relations.get(&oid).cloned().ok_or(Malformed::Relation(oid))
    }
}

fn fill_unchanged(new: &mut Tuple, old: &Tuple) {
    for (new, old) in new.iter_mut().zip(old) {
        if *new == Datum::Unchanged {
            new.clone_from(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::pgoutput::Column;
    use super::*;

    fn assembly() -> Assembly {
        let column =
            |name: &str| Column { name: name.into(), type_oid: 25, is_identity: name == "id" };
        let relation = Relation {
            oid: 7,
            schema: "public".into(),
            name: "t".into(),
            columns: vec![column("id"), column("body")],
        };
        let mut assembly = Assembly::default();
        assembly.take(Message::Relation(relation)).expect("announced");
        assembly
    }

    fn row(values: &[&'static str]) -> Tuple {
        values.iter().map(|value| Datum::Text(Bytes::from_static(value.as_bytes()))).collect()
    }

    fn insert(assembly: &mut Assembly) -> Change {
        let told = assembly.take(Message::Insert { relation: 7, new: row(&["1", "x"]) });
        match told {
            Ok(Some(Told::Change(change))) => change,
            told => panic!("{told:?}"),
        }
    }

    #[test]
    fn places_count_within_a_transaction() {
        let mut assembly = assembly();
        assembly.begin(1, Lsn(16), 0);
        let places = [insert(&mut assembly).place, insert(&mut assembly).place];
        assembly.begin(2, Lsn(32), 0);
        let third = insert(&mut assembly);
        assert_eq!(places.map(|place| place.to_string()), ["0/10:0", "0/10:1"]);
        assert_eq!(third.place.to_string(), "0/20:0");
        assert_eq!(third.transaction.committed_at_us, EPOCH_US);
    }

    #[test]
    fn unchanged_values_come_from_the_old_row() {
        let mut assembly = assembly();
        let new = vec![row(&["1"])[0].clone(), Datum::Unchanged];
        let told = assembly.take(Message::Update {
            relation: 7,
            old: Some(Old::Full(row(&["1", "long"]))),
            new,
        });
        let Ok(Some(Told::Change(Change { action: Action::Update { new, .. }, .. }))) = told else {
            panic!("{told:?}")
        };
        assert_eq!(new, row(&["1", "long"]));
    }

    #[test]
    fn rows_that_fit_no_table_are_refused() {
        let mut assembly = assembly();
        let unknown = assembly.take(Message::Insert { relation: 8, new: row(&["1", "x"]) });
        assert!(matches!(unknown, Err(Malformed::Relation(8))));
        let short = assembly.take(Message::Insert { relation: 7, new: row(&["1"]) });
        assert!(matches!(short, Err(Malformed::Width)));
    }
}
