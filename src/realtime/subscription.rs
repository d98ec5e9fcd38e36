//! `postgres_changes` bindings: could this change matter to this subscriber? Pure.
//!
//! What a filter compares is decided by Postgres when the binding is made: the value is cast
//! to the column's type and printed as the log prints it, so that equality of values is
//! equality of texts. For types of which that is not true, Postgres is asked to compare.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::Binding as Error;
use crate::wal::{Action, Change, Datum, Old, Place, Relation, Tuple};

/// Longest filter, in bytes.
const MAX_FILTER_BYTES: usize = 8 * 1024;

/// Bits of the number by which a client knows its binding, as in the reference.
const ID_BITS: u32 = 27;

/// Which changes a binding wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All.
    Any,
    /// New rows.
    Insert,
    /// Changed rows.
    Update,
    /// Deleted rows.
    Delete,
}

/// An entry of `postgres_changes`, as the client sent it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The entry itself: the reply repeats it.
    pub entry: Map<String, Value>,
    /// Which changes.
    pub kind: Kind,
    /// Of which schema; `None` = all.
    pub schema: Option<String>,
    /// Of which table; `None` = all.
    pub table: Option<String>,
    /// With which values: all must hold.
    pub filter: Vec<(String, String)>,
    /// From which place on; `None` = from now.
    pub after: Option<Place>,
}

impl Wanted {
    /// Reads an entry.
    ///
    /// # Errors
    /// Neither schema nor table, a filter that does not parse, an `after` that is no place.
    pub fn read(entry: Map<String, Value>) -> Result<Self, Error> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let named = |name: &str| text(name).filter(|value| value != "*" && !value.is_empty());
        let (schema, table) = (named("schema"), named("table"));
        if !entry.contains_key("schema") && !entry.contains_key("table") {
            return Err(Error::NoTarget(Value::Object(entry).to_string()));
        }
        let kind = match text("event").unwrap_or_default().to_ascii_uppercase().as_str() {
            "INSERT" => Kind::Insert,
            "UPDATE" => Kind::Update,
            "DELETE" => Kind::Delete,
            _ => Kind::Any,
        };
        let filter = parse_filter(&text("filter").unwrap_or_default())?;
        let after = text("after")
            .filter(|after| !after.is_empty())
            .map(|after| after.parse().map_err(|_| Error::After(after)))
            .transpose()?;
        // A table without a schema is one of `public`.
        let schema = match (&table, entry.contains_key("schema")) {
            (Some(_), false) => Some("public".to_owned()),
            _ => schema,
        };
        Ok(Self { entry, kind, schema, table, filter, after })
    }

    /// The number by which the client knows the binding: the same for the same entry.
    pub fn id(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        for name in ["event", "schema", "table", "filter"] {
            self.entry.get(name).and_then(Value::as_str).hash(&mut hasher);
        }
        u32::try_from(hasher.finish() >> (u64::BITS - ID_BITS)).unwrap_or(0)
    }

    /// As the reference prints it in error texts.
    pub fn describe(&self) -> String {
        let text = |name: &str, default: &'static str| {
            self.entry.get(name).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        let filters = match self.filter.as_slice() {
            [] => "[]".to_owned(),
            some => {
                let each: Vec<String> = some
                    .iter()
                    .map(|(column, value)| format!("{{\"{column}\", \"eq\", \"{value}\"}}"))
                    .collect();
                format!("[{}]", each.join(", "))
            }
        };
        format!(
            "[event: {}, schema: {}, table: {}, filters: {filters}]",
            text("event", "*"),
            text("schema", "public"),
            text("table", "*"),
        )
    }
}

/// `column=eq.value`, several separated by commas.
fn parse_filter(filter: &str) -> Result<Vec<(String, String)>, Error> {
    if filter.len() > MAX_FILTER_BYTES {
        return Err(Error::Filter("the filter is too long".into()));
    }
    split_conditions(filter)
        .into_iter()
        .map(str::trim)
        .filter(|condition| !condition.is_empty() || filter.contains(','))
        .map(|condition| {
            let refused = || Error::Filter(format!("[{}]", Value::from(condition)));
            if condition.is_empty() {
                return Err(Error::Filter(
                    "filter must not contain empty segments (check for extra commas)".into(),
                ));
            }
            let (column, rest) = condition.split_once('=').ok_or_else(refused)?;
            let value = rest.strip_prefix("eq.").ok_or_else(refused)?;
            Ok((column.to_owned(), unquote(value)))
        })
        .collect()
}

/// Commas inside a quoted value do not separate.
fn split_conditions(filter: &str) -> Vec<&str> {
    let mut conditions = Vec::new();
    let (mut start, mut is_quoted, mut before) = (0, false, ',');
    for (at, c) in filter.char_indices() {
        match c {
            '"' if is_quoted && before != '\\' => is_quoted = false,
            '"' if !is_quoted && before == '.' => is_quoted = true,
            ',' if !is_quoted => {
                conditions.push(&filter[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    conditions.push(&filter[start..]);
    conditions
}

/// `"a \"b\""` -> `a "b"`; anything else as it is.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

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
    pub filter: Vec<Condition>,
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
}

/// A column must equal a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// The value, as the log prints it.
    pub value: String,
    /// The type to compare as, when equality of texts does not decide.
    pub compared_as: Option<Arc<str>>,
}

/// Two texts to be compared as values of a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// The type, as SQL.
    pub type_name: Arc<str>,
    /// A row's value.
    pub left: String,
    /// A filter's value.
    pub right: String,
}

/// What Postgres said of comparisons.
pub type Compared = HashMap<Comparison, bool>;

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
        self.row_of(change).is_some_and(|row| self.holds(change, row, compared))
    }

    /// Whether an update took the row away from whoever could see it before, when that is to be
    /// told. Not known without the row before.
    pub fn left(&self, change: &Change, compared: &Compared) -> Option<Left> {
        let (old, new) = self.rows_of_update(change)?;
        if !self.holds(change, old, compared) {
            return None;
        }
        Some(if self.holds(change, new, compared) { Left::Sight } else { Left::Filter })
    }

    /// What Postgres must compare before [`Interest::wants`] and [`Interest::left`] can tell.
    pub fn comparisons<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = Comparison> + 'a {
        let asks = self.filter.iter().any(|condition| condition.compared_as.is_some());
        let rows = asks.then(|| {
            let update = self.rows_of_update(change).map(|(old, new)| [old, new]);
            self.row_of(change).into_iter().chain(update.into_iter().flatten())
        });
        rows.into_iter().flatten().flat_map(move |row| {
            self.filter.iter().filter_map(move |condition| {
                condition.comparison(row.value(&change.relation, &condition.column)?)
            })
        })
    }

    /// A column and the text that it must have in every row of which the filter holds. `None`
    /// when there is no such, or when rows that have left it count too.
    pub fn equality(&self) -> Option<(&str, &str)> {
        let mut plain = self.filter.iter().filter(|condition| condition.compared_as.is_none());
        let condition = plain.next().filter(|_| !self.moved_out)?;
        Some((&condition.column, &condition.value))
    }

    fn holds(&self, change: &Change, row: Row<'_>, compared: &Compared) -> bool {
        self.filter.iter().all(|condition| match row.value(&change.relation, &condition.column) {
            None => false,
            Some(value) => match condition.comparison(value) {
                None => value == condition.value,
                Some(comparison) => compared.get(&comparison).copied().unwrap_or(false),
            },
        })
    }

    /// The row before and the new one, where the former is known and both matter.
    fn rows_of_update<'a>(&self, change: &'a Change) -> Option<(Row<'a>, Row<'a>)> {
        let Action::Update { old: Some(old), new } = &change.action else { return None };
        if !self.moved_out || self.kind == Kind::Insert || !self.is_about(&change.relation) {
            return None;
        }
        let old = match old {
            Old::Full(values) => Row { values, only_key: false },
            Old::Key(values) => Row { values, only_key: true },
        };
        Some((old, Row { values: new, only_key: false }))
    }

    /// The row that filters look at, when the change is of the kind and table wanted.
    fn row_of<'a>(&self, change: &'a Change) -> Option<Row<'a>> {
        if !self.is_about(&change.relation) {
            return None;
        }
        let (values, only_key) = match (&change.action, self.kind) {
            (Action::Insert { new }, Kind::Any | Kind::Insert)
            | (Action::Update { new, .. }, Kind::Any | Kind::Update) => (new, false),
            (Action::Delete { old: Old::Full(old) }, Kind::Any | Kind::Delete) => (old, false),
            (Action::Delete { old: Old::Key(old) }, Kind::Any | Kind::Delete) => (old, true),
            _ => return None,
        };
        Some(Row { values, only_key })
    }
}

impl Condition {
    fn comparison(&self, value: &str) -> Option<Comparison> {
        let type_name = Arc::clone(self.compared_as.as_ref()?);
        Some(Comparison { type_name, left: value.to_owned(), right: self.value.clone() })
    }
}

/// The values a filter looks at.
#[derive(Clone, Copy)]
struct Row<'a> {
    values: &'a Tuple,
    /// Other columns are unknown, not null.
    only_key: bool,
}

impl<'a> Row<'a> {
    /// `None` for null, unknown and absent: no equality holds of them.
    fn value(&self, relation: &Relation, column: &str) -> Option<&'a str> {
        let place = relation.columns.iter().position(|candidate| candidate.name == column)?;
        match self.values.get(place)? {
            Datum::Text(value) if !self.only_key || relation.columns[place].is_identity => {
                std::str::from_utf8(value).ok()
            }
            _ => None,
        }
    }
}

/// The entries of a join's list; what is no entry is dropped.
pub fn entries(list: &Value) -> Vec<Map<String, Value>> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry.as_object().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(entry: Value) -> Result<Wanted, Error> {
        let Value::Object(entry) = entry else { panic!("an object") };
        Wanted::read(entry)
    }

    #[test]
    fn table_alone_is_one_of_public() {
        let found = wanted(json!({"event": "insert", "table": "t"})).expect("reads");
        assert_eq!((found.schema.as_deref(), found.table.as_deref()), (Some("public"), Some("t")));
        assert_eq!(found.kind, Kind::Insert);
    }

    #[test]
    fn stars_mean_all() {
        let found = wanted(json!({"event": "*", "schema": "*", "table": "*"})).expect("reads");
        assert_eq!((found.schema, found.table, found.kind), (None, None, Kind::Any));
        assert!(matches!(wanted(json!({"event": "*"})), Err(Error::NoTarget(_))));
    }

    #[test]
    fn filters_are_lists_of_equalities() {
        let filter = |text: &str| parse_filter(text);
        let pair = |column: &str, value: &str| (column.to_owned(), value.to_owned());
        assert_eq!(filter(""), Ok(vec![]));
        assert_eq!(filter("a=eq.1, b=eq.x=y"), Ok(vec![pair("a", "1"), pair("b", "x=y")]));
        assert_eq!(filter(r#"a=eq."1,\"2""#), Ok(vec![pair("a", "1,\"2")]));
        for refused in ["a", "a=foo.1", "a=eq.1,", "=", ","] {
            assert!(filter(refused).is_err(), "{refused}");
        }
        assert!(filter(&"a".repeat(9000)).is_err());
    }

    #[test]
    fn same_entry_has_same_id() {
        let id = |table: &str| {
            wanted(json!({"event": "*", "schema": "s", "table": table})).expect("reads").id()
        };
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert!(id("a") < 1 << ID_BITS);
    }

    #[test]
    fn strange_entries_are_dropped() {
        assert_eq!(entries(&json!([null, 7, {"table": "t"}])).len(), 1);
        assert!(entries(&Value::Null).is_empty());
    }

    #[test]
    fn places_must_be_places() {
        assert!(wanted(json!({"table": "t", "after": "0/1:2"})).expect("reads").after.is_some());
        assert!(matches!(wanted(json!({"table": "t", "after": "soon"})), Err(Error::After(_))));
    }

    proptest::proptest! {
        #[test]
        fn any_filter_is_read_or_refused(filter in "[a-c=.,\"\\\\eq ]{0,40}") {
            let _ = parse_filter(&filter);
        }
    }
}
