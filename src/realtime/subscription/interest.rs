//! What an accepted binding wants, apart from who asks and since when. Pure.

use std::sync::Arc;

use super::after::After;
use super::alias::Alias;
use super::filter::Tree;
use super::predicate::{Asked, Compared, Comparison, Predicate, Row};
use super::wanted::Kind;
use crate::wal::{Action, Change, Old, Relation};

/// A binding that Postgres has accepted.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The number by which the client knows it.
    pub id: u32,
    /// What it wants; equal wishes of many subscribers are matched once.
    pub interest: Arc<Interest>,
    /// From where on it listens; `None` = from when it becomes active.
    pub after: Option<After>,
    /// Whether the latest change of a row is enough when its socket is slow.
    pub is_compact: bool,
}

/// What a binding wants, apart from who asks and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interest {
    /// Which changes.
    pub kind: Kind,
    /// Of which schema; `None` = all.
    pub schema: Option<String>,
    /// Of which table; `None` = all.
    pub table: Option<String>,
    /// What must hold of the row.
    pub filter: Tree<Predicate>,
    /// How the row is shown.
    pub view: View,
    /// Whether a row that an update takes out of the filter, or out of sight, is told as gone.
    pub moved_out: bool,
}

/// How a row is shown, apart from what may be seen of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    /// Which columns beside the primary key; `None` = all.
    pub select: Option<Vec<String>>,
    /// Whether int8 values are JSON strings: numbers of that size are not exact in every client.
    pub int8_as_text: bool,
    /// Under which other names, when a view was named.
    pub alias: Option<Arc<Alias>>,
}

/// What an update that a binding with `moved_out` hears of means, as far as the row itself tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The filter held of the row before and does not hold of the new one.
    Filter,
    /// The filter holds of both: it is gone from those who may not see the new one any more.
    Sight,
}

impl Interest {
    /// Whether it speaks of this table.
    pub fn is_about(&self, relation: &Relation) -> bool {
        self.schema.as_ref().is_none_or(|schema| *schema == relation.schema)
            && self.table.as_ref().is_none_or(|table| *table == relation.name)
    }

    /// Whether the change is one it wants, as far as the row itself tells.
    pub fn wants(&self, change: &Change, compared: &Compared) -> bool {
        self.row_of(change).is_some_and(|row| self.holds(row, compared))
    }

    /// Whether an update took the row away from whoever could see it before, when that is to be
    /// told. Not known without the row before.
    pub fn left(&self, change: &Change, compared: &Compared) -> Option<Left> {
        let [old, new] = self.rows_of_update(change)?;
        if !self.holds(old, compared) {
            return None;
        }
        Some(if self.holds(new, compared) { Left::Sight } else { Left::Filter })
    }

    /// What Postgres must compare before [`Interest::wants`] and [`Interest::left`] can tell.
    pub fn comparisons(&self, change: &Change) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        let rows = match self.rows_of_update(change) {
            Some([old, new]) => [Some(old), Some(new)],
            None => [self.row_of(change), None],
        };
        for row in rows.into_iter().flatten() {
            // Where the texts decide, nobody is asked.
            if self.filter.holds(&mut |predicate| predicate.holds(row, &Compared::new())).is_none()
            {
                self.filter.visit(&mut |predicate| comparisons.extend(predicate.comparison(row)));
            }
        }
        comparisons
    }

    /// A column and the text that it must have in every row of which the filter holds. `None`
    /// when there is no such, or when rows that have left it count too.
    pub fn equality(&self) -> Option<(&str, &str)> {
        let Tree::All(conditions) = &self.filter else { return None };
        if self.moved_out {
            return None;
        }
        conditions.iter().find_map(|condition| match condition {
            Tree::One(Predicate { column, asked: Asked::Equal { texts, .. }, .. }) => {
                let [text] = &texts[..] else { return None };
                Some((column.as_str(), text.as_str()))
            }
            _ => None,
        })
    }

    fn holds(&self, row: Row<'_>, compared: &Compared) -> bool {
        self.filter.holds(&mut |predicate| predicate.holds(row, compared)) == Some(true)
    }

    /// The row before and the new one, where the former is known and both matter.
    fn rows_of_update<'a>(&self, change: &'a Change) -> Option<[Row<'a>; 2]> {
        let Action::Update { old: Some(old), new } = &change.action else { return None };
        if !self.moved_out || self.kind == Kind::Insert || !self.is_about(&change.relation) {
            return None;
        }
        Some([old_row(change, old), Row::new(change, new, false)])
    }

    /// The row that filters look at, when the change is of the kind and table wanted.
    fn row_of<'a>(&self, change: &'a Change) -> Option<Row<'a>> {
        if !self.is_about(&change.relation) {
            return None;
        }
        match (&change.action, self.kind) {
            (Action::Insert { new }, Kind::Any | Kind::Insert)
            | (Action::Update { new, .. }, Kind::Any | Kind::Update) => {
                Some(Row::new(change, new, false))
            }
            (Action::Delete { old }, Kind::Any | Kind::Delete) => Some(old_row(change, old)),
            _ => None,
        }
    }
}

fn old_row<'a>(change: &'a Change, old: &'a Old) -> Row<'a> {
    match old {
        Old::Full(values) => Row::new(change, values, false),
        Old::Key(values) => Row::new(change, values, true),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::predicate::Operation;
    use super::*;
    use crate::wal::{Column, Datum, Lsn, Place, Transaction, Tuple};

    fn predicate(column: &str, asked: Asked) -> Tree<Predicate> {
        Tree::One(Predicate { column: column.into(), type_oid: 25, asked })
    }

    fn equal(column: &str, text: &str) -> Tree<Predicate> {
        predicate(column, Asked::Equal { texts: vec![text.into()], has_null: false })
    }

    fn interest(kind: Kind, filter: Tree<Predicate>, moved_out: bool) -> Interest {
        let view = View::default();
        Interest { kind, schema: None, table: Some("t".into()), filter, view, moved_out }
    }

    fn row(values: [&str; 2]) -> Tuple {
        values.map(|value| Datum::Text(Bytes::copy_from_slice(value.as_bytes()))).to_vec()
    }

    fn change(action: Action) -> Change {
        let column =
            |name: &str| Column { name: name.into(), type_oid: 25, is_identity: name == "id" };
        Change {
            place: Place { commit: Lsn(16), index: 0 },
            transaction: Arc::new(Transaction { xid: 7, commit: Lsn(16), committed_at_us: 0 }),
            relation: Arc::new(Relation {
                oid: 1,
                schema: "public".into(),
                name: "t".into(),
                columns: vec![column("id"), column("state")],
            }),
            action,
        }
    }

    fn update(old: Option<Old>, new: [&str; 2]) -> Change {
        change(Action::Update { old, new: row(new) })
    }

    fn full(values: [&str; 2]) -> Old {
        Old::Full(row(values))
    }

    #[test]
    fn row_that_left_the_filter_is_told_from_one_that_may_have_left_sight() {
        let open = || equal("state", "open");
        let left = |interest: &Interest, change: &Change| interest.left(change, &Compared::new());
        let all = interest(Kind::Any, open(), true);
        let [closed, kept, entered, never] =
            [("open", "shut"), ("open", "open"), ("shut", "open"), ("shut", "shut")]
                .map(|(old, new)| update(Some(full(["1", old])), ["1", new]));
        assert_eq!(left(&all, &closed), Some(Left::Filter));
        assert_eq!(left(&all, &kept), Some(Left::Sight));
        assert_eq!((left(&all, &entered), left(&all, &never)), (None, None));
        // Only for those who hear of updates or deletions, and asked for it.
        assert_eq!(left(&interest(Kind::Delete, open(), true), &closed), Some(Left::Filter));
        assert_eq!(left(&interest(Kind::Insert, open(), true), &closed), None);
        assert_eq!(left(&interest(Kind::Any, open(), false), &closed), None);
        // What was before is not known.
        assert_eq!(left(&all, &update(None, ["1", "shut"])), None);
        let key = Some(Old::Key(vec![row(["1", ""])[0].clone(), Datum::Null]));
        assert_eq!(left(&all, &update(key.clone(), ["2", "shut"])), None);
        let by_key = interest(Kind::Any, equal("id", "1"), true);
        assert_eq!(left(&by_key, &update(key, ["2", "shut"])), Some(Left::Filter));
    }

    #[test]
    fn absent_values_let_nothing_through_and_nulls_only_what_asks_for_them() {
        let wants = |asked: Tree<Predicate>, action: Action| {
            interest(Kind::Any, asked, false).wants(&change(action), &Compared::new())
        };
        let is_null = || predicate("state", Asked::Null);
        let not = |tree: Tree<Predicate>| Tree::Not(Box::new(tree));
        let with = |datum: Datum| Action::Insert { new: vec![row(["1", ""])[0].clone(), datum] };
        assert!(wants(is_null(), with(Datum::Null)));
        assert!(!wants(is_null(), with(Datum::Unchanged)));
        assert!(!wants(not(is_null()), with(Datum::Unchanged)));
        assert!(!wants(not(equal("state", "x")), with(Datum::Null)));
        let key_alone = Old::Key(vec![row(["1", ""])[0].clone(), Datum::Null]);
        assert!(!wants(is_null(), Action::Delete { old: key_alone }));
        let retyped =
            Tree::One(Predicate { column: "id".into(), type_oid: 23, asked: Asked::Null });
        assert!(!wants(not(retyped), with(Datum::Null)));
    }

    #[test]
    fn postgres_is_asked_only_where_texts_do_not_decide() {
        let operation = Arc::new(Operation { sql: "l ~~ r".into(), role: "none".into() });
        let like = predicate("state", Asked::Compared { operation, text: "o%".into() });
        let both = interest(Kind::Any, Tree::All(vec![equal("id", "1"), like]), true);
        let other = change(Action::Insert { new: row(["2", "open"]) });
        assert_eq!(both.comparisons(&other), []);
        let asked = both.comparisons(&update(Some(full(["1", "shut"])), ["1", "open"]));
        let lefts: Vec<&str> = asked.iter().map(|asked| asked.left.as_str()).collect();
        assert_eq!(lefts, ["shut", "open"]);
        let said = asked.into_iter().map(|asked| (asked.clone(), Some(asked.left == "open")));
        assert!(both.wants(&change(Action::Insert { new: row(["1", "open"]) }), &said.collect()));
    }

    #[test]
    fn equality_is_one_that_every_row_must_have() {
        let of = |filter: Tree<Predicate>, moved_out| {
            let interest = interest(Kind::Any, filter, moved_out);
            interest.equality().map(|(column, text)| (column.to_owned(), text.to_owned()))
        };
        let one = || Tree::All(vec![predicate("state", Asked::Null), equal("id", "1")]);
        assert_eq!(of(one(), false), Some(("id".into(), "1".into())));
        assert_eq!(of(one(), true), None);
        assert_eq!(of(Tree::All(vec![Tree::Not(Box::new(equal("id", "1")))]), false), None);
        assert_eq!(of(Tree::All(vec![Tree::Any(vec![equal("id", "1")])]), false), None);
    }
}
