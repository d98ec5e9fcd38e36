//! What an accepted binding wants, apart from who asks and since when. Pure.

use std::sync::Arc;

use super::filter::Tree;
use super::predicate::{Asked, Compared, Comparison, Predicate, Row};
use super::wanted::Kind;
use crate::wal::{Action, Change, Old, Place, Relation};

/// A binding that Postgres has accepted.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The number by which the client knows it.
    pub id: u32,
    /// What it wants; equal wishes of many subscribers are matched once.
    pub interest: Arc<Interest>,
    /// Only changes after this place; `None` = from when it becomes active.
    pub after: Option<Place>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Which columns beside the primary key; `None` = all.
    pub select: Option<Vec<String>>,
    /// Whether int8 values are JSON strings: numbers of that size are not exact in every client.
    pub int8_as_text: bool,
}

impl Binding {
    /// Whether the change comes after the place from which on it listens.
    pub fn is_open_at(&self, place: Place) -> bool {
        self.after.is_none_or(|after| place > after)
    }
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
        let update = self.rows_of_update(change).into_iter().flatten();
        for row in self.row_of(change).into_iter().chain(update) {
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
