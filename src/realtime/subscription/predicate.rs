//! What a filter asks of a column, once Postgres has said what it means. Pure.
//!
//! Texts decide where the log prints one text a value, and their order is the values' order.
//! For everything else Postgres's answer is looked up.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::filter::Operator;
use crate::wal::{Change, Datum, Relation, Tuple};

/// A condition of which Postgres has said what it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predicate {
    /// The column.
    pub column: String,
    /// Oid of its type. A column whose type has changed since is another one.
    pub type_oid: u32,
    /// What must hold of its value.
    pub asked: Asked,
}

/// What must hold of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asked {
    /// It is null.
    Null,
    /// It is null, or a row of nothing but nulls: so says `is null` of rows.
    NullRow,
    /// It is this, and not null.
    Boolean(bool),
    /// Its text is one of these, which are in order; unknown instead of false where the list had
    /// a null.
    Equal {
        /// The texts, as the log prints them.
        texts: Vec<String>,
        /// Whether there was a null.
        has_null: bool,
    },
    /// It comes before or after this value.
    Ordered {
        /// How two texts are ordered.
        order: Order,
        /// One of `lt`, `lte`, `gt`, `gte`.
        operator: Operator,
        /// The value, as the log prints it.
        text: String,
    },
    /// Postgres says so.
    Compared {
        /// What it is asked.
        operation: Arc<Operation>,
        /// The value, as the log prints it.
        text: String,
    },
    /// Nobody can say: it is compared with a null.
    Unknown,
}

/// How texts of a type are ordered as its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// As whole numbers.
    Integers,
    /// Byte by byte.
    Bytes,
}

/// A boolean expression of SQL over the texts `l` and `r`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The expression; every name in it is whole.
    pub sql: String,
    /// As whom it is asked: a type that somebody made may be closed to others. `none` is the
    /// role that the server logs in with.
    pub role: String,
}

/// A value of a row, and that of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// What Postgres is asked.
    pub operation: Arc<Operation>,
    /// The row's value.
    pub left: String,
    /// The filter's value.
    pub right: String,
}

/// What Postgres said of comparisons; `None` where it could not say.
pub type Compared = HashMap<Comparison, Option<bool>>;

/// A row that filters look at.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    relation: &'a Relation,
    values: &'a Tuple,
    /// Other columns are absent, not null.
    only_key: bool,
}

impl<'a> Row<'a> {
    pub(super) fn new(change: &'a Change, values: &'a Tuple, only_key: bool) -> Self {
        Self { relation: &change.relation, values, only_key }
    }

    /// `None` when the log does not carry the column.
    fn value(&self, predicate: &Predicate) -> Option<Found<'a>> {
        let mut columns = self.relation.columns.iter();
        let place = columns.position(|column| column.name == predicate.column)?;
        let column = &self.relation.columns[place];
        if column.type_oid != predicate.type_oid || self.only_key && !column.is_identity {
            return None;
        }
        match self.values.get(place)? {
            Datum::Null => Some(Found::Null),
            Datum::Text(text) => std::str::from_utf8(text).ok().map(Found::Text),
            Datum::Unchanged => None,
        }
    }
}

/// A value that the log carries.
#[derive(Clone, Copy)]
enum Found<'a> {
    Null,
    Text(&'a str),
}

impl Predicate {
    /// Whether it holds; `None` when it is null in SQL, or not known.
    pub(super) fn holds(&self, row: Row<'_>, compared: &Compared) -> Option<bool> {
        let value = match (&self.asked, row.value(self)?) {
            (Asked::Null | Asked::NullRow, Found::Null) => return Some(true),
            (Asked::Boolean(_), Found::Null) => return Some(false),
            (_, Found::Null) => return None,
            (_, Found::Text(text)) => text,
        };
        match &self.asked {
            Asked::Null => Some(false),
            Asked::NullRow => Some(is_row_of_nulls(value)),
            Asked::Boolean(wanted) => Some(value == if *wanted { "t" } else { "f" }),
            Asked::Unknown => None,
            Asked::Equal { texts, has_null } => {
                let found = texts.binary_search_by(|text| text.as_str().cmp(value)).is_ok();
                (found || !has_null).then_some(found)
            }
            Asked::Ordered { order, operator, text } => {
                let ordering = order.compare(value, text)?;
                match operator {
                    Operator::Lt => Some(ordering.is_lt()),
                    Operator::Lte => Some(ordering.is_le()),
                    Operator::Gt => Some(ordering.is_gt()),
                    Operator::Gte => Some(ordering.is_ge()),
                    _ => None,
                }
            }
            Asked::Compared { .. } => *compared.get(&self.comparison(row)?)?,
        }
    }

    /// What Postgres must be asked.
    pub(super) fn comparison(&self, row: Row<'_>) -> Option<Comparison> {
        let Asked::Compared { operation, text } = &self.asked else { return None };
        let Some(Found::Text(left)) = row.value(self) else { return None };
        let left = left.to_owned();
        Some(Comparison { operation: Arc::clone(operation), left, right: text.clone() })
    }
}

/// A null field is printed as nothing, an empty text as `""`.
fn is_row_of_nulls(text: &str) -> bool {
    let fields = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    fields.is_some_and(|fields| fields.bytes().all(|byte| byte == b','))
}

impl Order {
    fn compare(self, left: &str, right: &str) -> Option<Ordering> {
        Some(match self {
            Self::Integers => left.parse::<i64>().ok()?.cmp(&right.parse().ok()?),
            Self::Bytes => left.cmp(right),
        })
    }
}
