//! What a change is the latest of: the row that it tells of, by its primary key. Pure.

use std::sync::Arc;

use super::authorize::Table;
use crate::wal::{Action, Change, Datum, Old, Tuple};

/// What a later change makes superfluous: the changes of a row that were to be told to the same
/// bindings of the same channel.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The channel's subscription.
    pub subscription: u64,
    /// The numbers of the bindings.
    pub ids: Vec<u32>,
    /// The row.
    pub row: Arc<RowKey>,
}

/// A row of a table.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Oid of the table.
    pub table: u32,
    /// Values of the primary key, as the log prints them.
    pub values: Vec<String>,
}

impl RowKey {
    /// The row of a change. `None` when the log does not tell its key, and when its key changed:
    /// who hears of that must hear of it.
    pub(super) fn of(change: &Change, table: &Table) -> Option<Self> {
        let (new, old) = match &change.action {
            Action::Insert { new } => (Some(new), None),
            Action::Update { old, new } => (Some(new), old.as_ref()),
            Action::Delete { old } => (None, Some(old)),
        };
        let mut values = Vec::new();
        for column in table.columns.iter().filter(|column| column.is_key) {
            let published = &change.relation.columns;
            let place = published.iter().position(|published| published.name == column.name)?;
            let value = |row: &Tuple| match row.get(place)? {
                Datum::Text(text) => Some(std::str::from_utf8(text).ok()?.to_owned()),
                Datum::Null | Datum::Unchanged => None,
            };
            let before = match old {
                Some(Old::Full(old)) => Some(value(old)?),
                Some(Old::Key(old)) if published[place].is_identity => Some(value(old)?),
                Some(Old::Key(_)) | None => None,
            };
            let after = new.and_then(value);
            match (before, after) {
                (Some(before), Some(after)) if before != after => return None,
                (Some(known), _) | (None, Some(known)) => values.push(known),
                (None, None) => return None,
            }
        }
        (!values.is_empty()).then_some(Self { table: table.oid, values })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::authorize::Column;
    use super::*;
    use crate::wal::value::Encoding;
    use crate::wal::{Column as Published, Lsn, Place, Relation, Transaction};

    fn key(action: Action) -> Option<Vec<String>> {
        let column = |name: &str| Column {
            name: name.into(),
            quoted: name.into(),
            number: 1,
            type_name: "text".into(),
            is_key: name != "body",
            encoding: Encoding::Text,
        };
        let table = Table {
            oid: 1,
            quoted: "public.t".into(),
            quoted_name: "t".into(),
            is_published: true,
            columns: ["a", "b", "body"].map(column).to_vec(),
        };
        // The replica identity is a part of the key.
        let published =
            |name: &str| Published { name: name.into(), type_oid: 25, is_identity: name == "a" };
        let change = Change {
            place: Place { commit: Lsn(16), index: 0 },
            transaction: Arc::new(Transaction::default()),
            relation: Arc::new(Relation {
                oid: 1,
                schema: "public".into(),
                name: "t".into(),
                columns: ["a", "b", "body"].map(published).to_vec(),
            }),
            action,
        };
        RowKey::of(&change, &table).map(|key| key.values)
    }

    fn row(values: [&str; 3]) -> Tuple {
        let datum = |text: &str| match text {
            "" => Datum::Null,
            text => Datum::Text(Bytes::copy_from_slice(text.as_bytes())),
        };
        values.iter().map(|text| datum(text)).collect()
    }

    #[test]
    fn changes_of_a_row_have_its_key() {
        let found = Some(vec!["1".to_owned(), "2".to_owned()]);
        let (new, full) = (row(["1", "2", "x"]), Old::Full(row(["1", "2", "y"])));
        assert_eq!(key(Action::Insert { new: new.clone() }), found);
        assert_eq!(key(Action::Update { old: None, new: new.clone() }), found);
        assert_eq!(key(Action::Update { old: Some(full.clone()), new: new.clone() }), found);
        let old = Some(Old::Key(row(["1", "", ""])));
        assert_eq!(key(Action::Update { old, new }), found);
        assert_eq!(key(Action::Delete { old: full }), found);
    }

    #[test]
    fn change_of_a_key_and_unknown_keys_are_of_no_row() {
        let new = row(["1", "2", "x"]);
        let update = |old| key(Action::Update { old: Some(old), new: new.clone() });
        assert_eq!(update(Old::Full(row(["1", "3", "x"]))), None);
        assert_eq!(update(Old::Key(row(["0", "", ""]))), None);
        assert_eq!(key(Action::Delete { old: Old::Key(row(["1", "", ""])) }), None);
    }
}
