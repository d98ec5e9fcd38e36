//! What a change of a table that policies read can concern. Pure.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::analysis::{Analysis, Read};
use super::audience::{Audience, Value};
use crate::wal::{Action, Change, Datum, Old, Tuple};

/// Whom a change can concern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// People with these subjects; nobody when there is none.
    People(BTreeSet<Uuid>),
    /// Anybody.
    Everybody,
}

impl Touched {
    /// Nobody.
    pub const NOBODY: Self = Self::People(BTreeSet::new());

    /// Whoever policies with this analysis name when a table that they read changes.
    pub fn by(analysis: &Analysis, change: &Change) -> Self {
        let mut people = BTreeSet::new();
        for read in concerned(analysis, change.relation.oid) {
            if is_unchanged(read, change) {
                continue;
            }
            let mut is_anybody = false;
            each_row(change, |row| match named(read, &row) {
                Named::Is(person) => drop(people.insert(person)),
                Named::Nobody => {}
                Named::Anybody => is_anybody = true,
            });
            if is_anybody {
                return Self::Everybody;
            }
        }
        Self::People(people)
    }

    /// Those whom either concerns.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::People(mut people), Self::People(more)) => {
                people.extend(more);
                Self::People(people)
            }
            _ => Self::Everybody,
        }
    }
}

/// Whom a row of a table that is read can concern.
pub(super) enum Named {
    Is(Uuid),
    Nobody,
    Anybody,
}

/// Whom a row can concern, as far as the column tells that holds the person.
pub(super) fn named<'a>(read: &Read, row: &impl Fn(&str) -> Value<'a>) -> Named {
    match read.subject.as_deref().map(row) {
        Some(Value::Null) => Named::Nobody,
        // A text that is no uuid is nobody's subject.
        Some(Value::Text(text)) => Uuid::parse_str(text).map_or(Named::Nobody, Named::Is),
        Some(Value::Unknown) | None => Named::Anybody,
    }
}

/// The reads that say what a change of a table can concern.
pub(super) fn concerned(analysis: &Analysis, table: u32) -> impl Iterator<Item = &Read> {
    analysis.reads.iter().filter(move |read| read.table == table && !read.is_lookup)
}

/// Whether an update left everything as it was that policies look at there.
fn is_unchanged(read: &Read, change: &Change) -> bool {
    let (Some(columns), Action::Update { old, new }) = (&read.columns, &change.action) else {
        return false;
    };
    let published = &change.relation.columns;
    columns.iter().all(|name| {
        let Some(place) = published.iter().position(|column| column.name == *name) else {
            return false;
        };
        match old {
            // Large values that stayed were filled in from the old row.
            Some(Old::Full(old)) => old.get(place) == new.get(place),
            // The log repeats the key only when it changed.
            None => published[place].is_identity,
            Some(Old::Key(old)) => published[place].is_identity && old.get(place) == new.get(place),
        }
    })
}

/// The row before a change and the row after it, each as what it holds in a column.
fn each_row<'a>(change: &'a Change, mut take: impl FnMut(&dyn Fn(&str) -> Value<'a>)) {
    let published = &change.relation.columns;
    let mut row = |row: &'a Tuple, only_identity: bool| {
        take(&|name| {
            let Some(place) = published.iter().position(|column| column.name == name) else {
                return Value::Unknown;
            };
            match row.get(place) {
                _ if only_identity && !published[place].is_identity => Value::Unknown,
                Some(Datum::Text(text)) => {
                    std::str::from_utf8(text).map_or(Value::Unknown, Value::Text)
                }
                Some(Datum::Null) => Value::Null,
                Some(Datum::Unchanged) | None => Value::Unknown,
            }
        });
    };
    match &change.action {
        Action::Insert { new } => row(new, false),
        Action::Update { old, new } => {
            match old {
                Some(Old::Full(old)) => row(old, false),
                Some(Old::Key(old)) => row(old, true),
                // The log repeats the key only when it changed.
                None => row(new, true),
            }
            row(new, false);
        }
        Action::Delete { old: Old::Full(old) } => row(old, false),
        Action::Delete { old: Old::Key(old) } => row(old, true),
    }
}

/// Takes back what the row before a change, and the row after it, could have decided; gives of
/// how many keys.
pub(super) fn void(
    audience: &mut Audience,
    read: &Read,
    columns: &[String],
    change: &Change,
) -> u64 {
    if is_unchanged(read, change) {
        return 0;
    }
    let mut voided = 0;
    each_row(change, |row| voided += audience.void(read, columns, row));
    voided as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::super::analysis::{Candidates, Claims};
    use super::*;
    use crate::wal::{Column, Place, Relation, Transaction};

    const ANA: Uuid = Uuid::from_u128(1);
    const BO: Uuid = Uuid::from_u128(2);

    /// Policies that look for the person in members, whose key is team and person.
    fn analysis() -> Analysis {
        let read = Read {
            table: 7,
            name: "public.members".into(),
            keys: Vec::new(),
            subject: Some("person".into()),
            columns: Some(vec!["person".into(), "team".into(), "role".into()]),
            is_lookup: false,
        };
        Analysis {
            columns: Vec::new(),
            claims: Claims::Of(BTreeSet::from(["sub".to_owned()])),
            candidates: Candidates::Anybody,
            reads: vec![read],
            reasons: Vec::new(),
            is_blind: false,
            complete_from: None,
        }
    }

    fn row(person: Option<Uuid>, role: &str, note: &str) -> Tuple {
        let text = |text: &str| Datum::Text(Bytes::copy_from_slice(text.as_bytes()));
        let person = person.map_or(Datum::Null, |person| text(&person.to_string()));
        vec![text("red"), person, text(role), text(note)]
    }

    fn change(oid: u32, action: Action) -> Change {
        let column = |(name, is_identity): (&str, bool)| Column {
            name: name.into(),
            type_oid: 25,
            is_identity,
        };
        let columns = [("team", true), ("person", true), ("role", false), ("note", false)];
        Change {
            place: Place::default(),
            transaction: Arc::new(Transaction::default()),
            relation: Arc::new(Relation {
                oid,
                schema: "public".into(),
                name: "members".into(),
                columns: columns.map(column).into(),
            }),
            action,
        }
    }

    fn touched(action: Action) -> Touched {
        Touched::by(&analysis(), &change(7, action))
    }

    fn people<const N: usize>(people: [Uuid; N]) -> Touched {
        Touched::People(people.into())
    }

    #[test]
    fn rows_name_whom_they_concern() {
        let insert = |person| Action::Insert { new: row(person, "member", "") };
        assert_eq!(touched(insert(Some(ANA))), people([ANA]));
        assert_eq!(touched(insert(None)), Touched::NOBODY);
        assert_eq!(Touched::by(&analysis(), &change(8, insert(Some(ANA)))), Touched::NOBODY);
        let moved = Action::Update {
            old: Some(Old::Full(row(Some(ANA), "member", ""))),
            new: row(Some(BO), "member", ""),
        };
        assert_eq!(touched(moved), people([ANA, BO]));
        let key = Old::Key(row(Some(BO), "", ""));
        assert_eq!(touched(Action::Delete { old: key }), people([BO]));
    }

    #[test]
    fn what_nobody_looks_at_concerns_nobody() {
        let noted = Action::Update {
            old: Some(Old::Full(row(Some(ANA), "member", "a"))),
            new: row(Some(ANA), "member", "b"),
        };
        assert_eq!(touched(noted), Touched::NOBODY);
        // Without the whole row before, the role may have changed.
        let noted = Action::Update { old: None, new: row(Some(ANA), "member", "b") };
        assert_eq!(touched(noted), people([ANA]));
    }

    #[test]
    fn who_is_not_named_may_be_anybody() {
        let mut analysis = analysis();
        analysis.reads[0].subject = Some("note".into());
        let delete = Action::Delete { old: Old::Key(row(Some(ANA), "", "")) };
        assert_eq!(Touched::by(&analysis, &change(7, delete.clone())), Touched::Everybody);
        analysis.reads[0].subject = None;
        assert_eq!(Touched::by(&analysis, &change(7, delete)), Touched::Everybody);
        assert_eq!(people([ANA]).or(Touched::Everybody), Touched::Everybody);
        assert_eq!(people([ANA]).or(people([BO])), people([ANA, BO]));
    }
}
