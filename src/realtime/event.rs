//! A change as the `data` of a `postgres_changes` message. Pure.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

use super::authorize::{Column, Lens, Table};
use super::subscription::View;
use crate::wal::value::{Encoding, write_json, write_string};
use crate::wal::{Action, Change, Column as Published, Datum, Old, Tuple};

/// Larger data keep only their small values, in bytes.
const MAX_DATA_BYTES: usize = 1024 * 1024;

/// What is a small value then, in bytes of JSON.
const SMALL_VALUE_BYTES: usize = 64;

/// What of a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// The row; of the row before only its key.
    New,
    /// The row and the row before.
    NewAndOld,
    /// That it is gone for them: of the row before only its key, as of a deleted row.
    MovedOut,
    /// Nothing of it: the table has no primary key.
    NoKey,
    /// Nothing of it: the role may not select the key.
    NoRight,
}

/// JSON of a change for everybody who has the same lens on its table, is shown the same and
/// wants it shown the same way.
pub fn data(change: &Change, table: &Table, lens: &Lens, shown: Shown, view: &View) -> String {
    match shown {
        Shown::NoKey => return refused(change, view, "Error 400: Bad Request, no primary key"),
        Shown::NoRight => return refused(change, view, "Error 401: Unauthorized"),
        Shown::New | Shown::NewAndOld | Shown::MovedOut => {}
    }
    let mut row = RowWriter { change, table, lens, view, most_bytes: usize::MAX };
    let json = whole(&row, shown);
    if json.len() <= MAX_DATA_BYTES {
        return json;
    }
    row.most_bytes = SMALL_VALUE_BYTES;
    whole(&row, shown)
}

fn whole(row: &RowWriter<'_>, shown: Shown) -> String {
    let mut out = head(row.change, row.view, shown);
    out.push_str(",\"columns\":");
    row.write_columns(&mut out);
    let before = |old: &Tuple, new: Option<&Tuple>| row.key_before(old, new);
    let is_whole = shown == Shown::NewAndOld;
    let (new, old) = match &row.change.action {
        Action::Insert { new } => (Some(new), None),
        // The log repeats the key only when it changed.
        Action::Update { old: None, new } => (Some(new), Some((new.clone(), true))),
        Action::Update { old: Some(Old::Key(old)), new } => {
            (Some(new), Some((before(old, Some(new)), true)))
        }
        Action::Update { old: Some(Old::Full(old)), new } => {
            (Some(new), Some((old.clone(), !is_whole)))
        }
        Action::Delete { old: Old::Full(old) } => (None, Some((old.clone(), !is_whole))),
        Action::Delete { old: Old::Key(old) } => (None, Some((before(old, None), true))),
    };
    if let Some(new) = new.filter(|_| shown != Shown::MovedOut) {
        out.push_str(",\"record\":");
        row.write(&mut out, new, false);
    }
    if let Some((old, only_key)) = old {
        out.push_str(",\"old_record\":");
        row.write(&mut out, &old, only_key);
    }
    let errors =
        if row.most_bytes == usize::MAX { "null" } else { "[\"Error 413: Payload Too Large\"]" };
    let _ = write!(out, ",\"errors\":{errors}}}");
    out
}

fn refused(change: &Change, view: &View, error: &str) -> String {
    let mut out = head(change, view, Shown::New);
    let _ = write!(out, ",\"columns\":[],\"record\":{{}},\"errors\":[\"{error}\"]}}");
    out
}

/// What is said to have happened to the row.
pub fn kind(action: &Action, shown: Shown) -> &'static str {
    match action {
        _ if shown == Shown::MovedOut => "DELETE",
        Action::Insert { .. } => "INSERT",
        Action::Update { .. } => "UPDATE",
        Action::Delete { .. } => "DELETE",
    }
}

/// Everything that does not depend on the row.
fn head(change: &Change, view: &View, shown: Shown) -> String {
    let kind = kind(&change.action, shown);
    let (schema, name) = match &view.alias {
        Some(alias) => (&alias.schema, &alias.name),
        None => (&change.relation.schema, &change.relation.name),
    };
    let mut out = String::from("{\"schema\":");
    write_string(&mut out, schema);
    out.push_str(",\"table\":");
    write_string(&mut out, name);
    let _ = write!(
        out,
        ",\"commit_timestamp\":\"{}\",\"type\":\"{kind}\",\"lsn\":\"{}\",\"tx\":{}",
        timestamp(change.transaction.committed_at_us),
        change.place,
        change.transaction.xid,
    );
    if shown == Shown::MovedOut {
        out.push_str(",\"moved_out\":true");
    }
    out
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(us: i64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1000)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00.000Z".to_owned())
}

struct RowWriter<'a> {
    change: &'a Change,
    table: &'a Table,
    lens: &'a Lens,
    view: &'a View,
    /// Larger values are left out.
    most_bytes: usize,
}

impl View {
    fn shows(&self, column: &Column) -> bool {
        let is_selected = |select: &Vec<String>| select.contains(&column.name);
        column.is_key || self.select.as_ref().is_none_or(is_selected)
    }

    fn name<'a>(&'a self, column: &'a Column) -> &'a str {
        self.alias.as_ref().map_or(&column.name, |alias| alias.shown(&column.name))
    }
}

impl RowWriter<'_> {
    /// Columns that are visible to the role and wanted, with where the log has them.
    fn columns(&self) -> impl Iterator<Item = (&Column, Option<usize>)> {
        self.table
            .columns
            .iter()
            .zip(&self.lens.columns)
            .filter(|(column, is_visible)| **is_visible && self.view.shows(column))
            .map(|(column, _)| {
                let published = &self.change.relation.columns;
                (column, published.iter().position(|candidate| candidate.name == column.name))
            })
    }

    /// A row before of which the log has the replica identity alone. A primary key that is no part
    /// of it is taken from the new row: the log does not tell whether it changed.
    fn key_before(&self, old: &Tuple, new: Option<&Tuple>) -> Tuple {
        let published = self.change.relation.columns.iter().enumerate();
        let value = |(place, column): (usize, &Published)| {
            let values = if column.is_identity { Some(old) } else { new };
            values.and_then(|values| values.get(place)).cloned().unwrap_or(Datum::Unchanged)
        };
        published.map(value).collect()
    }

    fn write_columns(&self, out: &mut String) {
        out.push('[');
        let published = self.columns().filter(|(_, place)| place.is_some());
        for (index, (column, _)) in published.enumerate() {
            out.push_str(if index == 0 { "{\"name\":" } else { ",{\"name\":" });
            write_string(out, self.view.name(column));
            out.push_str(",\"type\":");
            // Stock clients make a number of whatever is told to be an int8.
            let is_text = self.view.int8_as_text && column.encoding == Encoding::Int8;
            write_string(out, if is_text { "text" } else { &column.type_name });
            out.push('}');
        }
        out.push(']');
    }

    /// Values that the log does not carry are left out, as null would be a lie.
    fn write(&self, out: &mut String, values: &Tuple, only_key: bool) {
        let first = out.len() + 1;
        out.push('{');
        for (column, place) in self.columns().filter(|(column, _)| column.is_key || !only_key) {
            let Some(datum) = place.and_then(|place| values.get(place)) else { continue };
            let start = out.len();
            if start > first {
                out.push(',');
            }
            write_string(out, self.view.name(column));
            out.push(':');
            let value = out.len();
            match datum {
                Datum::Null => out.push_str("null"),
                Datum::Unchanged => {
                    out.truncate(start);
                    continue;
                }
                Datum::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    write_json(out, &column.encoding, self.view.int8_as_text, &text);
                }
            }
            if out.len() - value > self.most_bytes {
                out.truncate(start);
            }
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::super::authorize::Rows;
    use super::*;
    use crate::wal::{Lsn, Place, Relation, Transaction};

    fn table() -> Table {
        let column = |name: &str, type_name: &str, is_key, encoding| Column {
            name: name.into(),
            quoted: name.into(),
            number: 1,
            type_name: type_name.into(),
            is_key,
            encoding,
        };
        Table {
            oid: 1,
            quoted: "public.t".into(),
            quoted_name: "t".into(),
            is_published: true,
            columns: vec![
                column("id", "int8", true, Encoding::Int8),
                column("body", "text", false, Encoding::Text),
                column("secret", "text", false, Encoding::Text),
            ],
        }
    }

    fn lens(columns: [bool; 3]) -> Lens {
        Lens { columns: columns.to_vec(), rows: Rows::All }
    }

    fn row(values: [&str; 3]) -> Tuple {
        values.iter().map(|value| Datum::Text(Bytes::copy_from_slice(value.as_bytes()))).collect()
    }

    fn change(action: Action) -> Change {
        let published =
            |name: &str| Published { name: name.into(), type_oid: 25, is_identity: name == "id" };
        Change {
            place: Place { commit: Lsn(16), index: 2 },
            transaction: Arc::new(Transaction {
                xid: 7,
                commit: Lsn(16),
                committed_at_us: 1_700_000_000_123_456,
            }),
            relation: Arc::new(Relation {
                oid: 1,
                schema: "public".into(),
                name: "t".into(),
                columns: ["id", "body", "secret"].map(published).to_vec(),
            }),
            action,
        }
    }

    fn json_of(change: &Change, lens: &Lens, shown: Shown) -> Value {
        json_in(&View::default(), change, lens, shown)
    }

    fn json_in(view: &View, change: &Change, lens: &Lens, shown: Shown) -> Value {
        serde_json::from_str(&data(change, &table(), lens, shown, view)).expect("JSON")
    }

    #[test]
    fn columns_without_right_are_left_out() {
        let insert = change(Action::Insert { new: row(["1", "hi", "s"]) });
        assert_eq!(
            json_of(&insert, &lens([true, true, false]), Shown::New),
            json!({
                "schema": "public", "table": "t", "type": "INSERT", "errors": null,
                "commit_timestamp": "2023-11-14T22:13:20.123Z", "lsn": "0/10:2", "tx": 7,
                "columns": [{"name": "id", "type": "int8"}, {"name": "body", "type": "text"}],
                "record": {"id": 1, "body": "hi"},
            })
        );
    }

    #[test]
    fn row_before_is_cut_to_its_key_unless_it_was_permitted() {
        let update = change(Action::Update {
            old: Some(Old::Full(row(["1", "draft", "s"]))),
            new: row(["1", "done", "s"]),
        });
        let all = lens([true; 3]);
        assert_eq!(json_of(&update, &all, Shown::New)["old_record"], json!({"id": 1}));
        assert_eq!(
            json_of(&update, &all, Shown::NewAndOld)["old_record"],
            json!({"id": 1, "body": "draft", "secret": "s"})
        );
    }

    #[test]
    fn key_that_did_not_change_is_made_up_from_the_row() {
        let mut new = row(["1", "x", "s"]);
        new[2] = Datum::Unchanged;
        let update = change(Action::Update { old: None, new });
        let json = json_of(&update, &lens([true; 3]), Shown::New);
        assert_eq!(json["old_record"], json!({"id": 1}));
        assert_eq!(json["record"], json!({"id": 1, "body": "x"}));
    }

    #[test]
    fn moved_out_is_a_delete_of_the_key_before() {
        let update = change(Action::Update {
            old: Some(Old::Full(row(["1", "draft", "s"]))),
            new: row(["2", "done", "s"]),
        });
        let json = json_of(&update, &lens([true; 3]), Shown::MovedOut);
        assert_eq!((&json["type"], &json["moved_out"]), (&json!("DELETE"), &json!(true)));
        assert_eq!((&json["old_record"], &json["errors"]), (&json!({"id": 1}), &json!(null)));
        assert!(json.get("record").is_none());
    }

    #[test]
    fn selected_columns_come_with_the_key() {
        let view = View { select: Some(vec!["body".into()]), int8_as_text: true, alias: None };
        let insert = change(Action::Insert { new: row(["1", "hi", "s"]) });
        let json = json_in(&view, &insert, &lens([true; 3]), Shown::New);
        assert_eq!(json["record"], json!({"id": "1", "body": "hi"}));
        assert_eq!(
            json["columns"],
            json!([{"name": "id", "type": "text"}, {"name": "body", "type": "text"}])
        );
    }

    #[test]
    fn too_large_rows_keep_small_values() {
        let large = "x".repeat(MAX_DATA_BYTES);
        let insert = change(Action::Insert { new: row(["1", &large, "s"]) });
        let json = json_of(&insert, &lens([true; 3]), Shown::New);
        assert_eq!(json["errors"], json!(["Error 413: Payload Too Large"]));
        assert_eq!(json["record"], json!({"id": 1, "secret": "s"}));
    }

    #[test]
    fn rows_that_cannot_be_shown_say_why() {
        let insert = change(Action::Insert { new: row(["1", "hi", "s"]) });
        let json = json_of(&insert, &lens([true; 3]), Shown::NoKey);
        assert_eq!(json["errors"], json!(["Error 400: Bad Request, no primary key"]));
        assert_eq!(json["record"], json!({}));
        assert_eq!(json["columns"], json!([]));
    }
}
