//! An entry of `postgres_changes`, as the client sent it. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::super::error::Binding as Error;
use super::after::After;
use super::filter::{self, Condition, Tree};
use super::interest::View;

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
    /// With which values.
    pub filter: Tree<Condition>,
    /// Shown how.
    pub view: View,
    /// Whether rows that leave are told as gone.
    pub moved_out: bool,
    /// From where on; `None` = from now.
    pub after: Option<After>,
    /// Whether the latest change of a row is enough when the socket is slow.
    pub is_compact: bool,
}

impl Wanted {
    /// Reads an entry.
    ///
    /// # Errors
    /// Neither schema nor table, a filter or selection that does not parse, an `after` that is
    /// neither a place nor a reading, or one of these that is no text.
    pub fn read(entry: Map<String, Value>) -> Result<Self, Error> {
        // What is narrower than we can read had better not be taken for everything.
        let text = |name: &'static str| match entry.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Error::NoText(name, other.to_string())),
        };
        let (schema, table) = (text("schema")?, text("table")?);
        if schema.is_none() && table.is_none() {
            return Err(Error::NoTarget(Value::Object(entry).to_string()));
        }
        let kind = entry.get("event").and_then(Value::as_str).unwrap_or_default();
        let kind = match kind.to_ascii_uppercase().as_str() {
            "INSERT" => Kind::Insert,
            "UPDATE" => Kind::Update,
            "DELETE" => Kind::Delete,
            _ => Kind::Any,
        };
        let filter = filter::parse(&text("filter")?.unwrap_or_default())?;
        let after = text("after")?
            .filter(|after| !after.is_empty())
            .map(|after| after.parse().map_err(|_| Error::After(after)))
            .transpose()?;
        let named = |name: String| (name != "*" && !name.is_empty()).then_some(name);
        let table = table.and_then(named);
        // A table without a schema is one of `public`.
        let schema = match schema {
            None => table.as_ref().map(|_| "public".to_owned()),
            Some(schema) => named(schema),
        };
        let select = entry.get("select").map_or(Ok(None), selected)?;
        if select.is_some() && (schema.is_none() || table.is_none()) {
            return Err(Error::WildcardSelect);
        }
        let int8_as_text = entry.get("int8").is_some_and(|form| form == "string");
        let view = View { select, int8_as_text, alias: None };
        let has = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or(false);
        let (moved_out, is_compact) = (has("moved_out"), has("compact"));
        Ok(Self { entry, kind, schema, table, filter, view, moved_out, after, is_compact })
    }

    /// The number by which the client knows the binding: the same for the same entry.
    pub fn id(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        for (name, value) in &self.entry {
            (name, value.to_string()).hash(&mut hasher);
        }
        u32::try_from(hasher.finish() >> (u64::BITS - ID_BITS)).unwrap_or(0)
    }

    /// The entry that it was read from.
    pub fn into_entry(self) -> Map<String, Value> {
        self.entry
    }

    /// As the reference prints it in error texts.
    pub fn describe(&self) -> String {
        let text =
            |name: &str, default| self.entry.get(name).and_then(Value::as_str).unwrap_or(default);
        let select = match &self.view.select {
            None => "nil".to_owned(),
            Some(columns) => {
                let columns: Vec<String> =
                    columns.iter().map(|column| Value::from(column.as_str()).to_string()).collect();
                format!("[{}]", columns.join(", "))
            }
        };
        format!(
            "[event: {}, schema: {}, table: {}, filters: {}, select: {select}]",
            text("event", "*"),
            text("schema", "public"),
            text("table", "*"),
            filter::describe(text("filter", "")),
        )
    }
}

/// Names of columns; nothing selected is everything selected.
fn selected(value: &Value) -> Result<Option<Vec<String>>, Error> {
    let names = match value {
        Value::Null => return Ok(None),
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let mut names: Vec<String> = names.ok_or_else(|| Error::Select(value.to_string()))?;
    // In one order, so that equal wishes are equal.
    names.sort_unstable();
    names.dedup();
    Ok(Some(names).filter(|names| !names.is_empty()))
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
    fn what_is_no_text_is_refused_and_null_is_absent() {
        for name in ["schema", "table", "filter", "after"] {
            for odd in [json!(7), json!(["a=eq.1"]), json!({"a": 1}), json!(true)] {
                let found = wanted(json!({"schema": "public", "table": "t", name: odd}));
                assert!(matches!(found, Err(Error::NoText(of, _)) if of == name), "{name}: {odd}");
            }
        }
        let found = wanted(json!({"schema": null, "table": "t", "filter": null, "after": null}));
        let found = found.expect("reads");
        assert_eq!((found.schema.as_deref(), found.table.as_deref()), (Some("public"), Some("t")));
        let nothing = wanted(json!({"schema": null, "table": null}));
        assert!(matches!(nothing, Err(Error::NoTarget(_))));
    }

    #[test]
    fn same_entry_has_same_id() {
        let id = |entry: Value| wanted(entry).expect("reads").id();
        let plain = json!({"event": "*", "schema": "s", "table": "a"});
        assert_eq!(id(plain.clone()), id(plain.clone()));
        assert_ne!(id(plain.clone()), id(json!({"event": "*", "schema": "s", "table": "b"})));
        // Clients tell apart by it what they select.
        assert_ne!(
            id(plain.clone()),
            id(json!({"event": "*", "schema": "s", "table": "a", "select": ["x"]}))
        );
        assert!(id(plain) < 1 << ID_BITS);
    }

    #[test]
    fn switches_are_on_when_they_are_true() {
        let found = wanted(json!({"table": "t", "compact": true, "moved_out": "true"}));
        let Wanted { is_compact, moved_out, .. } = found.expect("reads");
        assert_eq!((is_compact, moved_out), (true, false));
    }

    #[test]
    fn strange_entries_are_dropped() {
        assert_eq!(entries(&json!([null, 7, {"table": "t"}])).len(), 1);
        assert!(entries(&Value::Null).is_empty());
    }

    #[test]
    fn places_must_be_places() {
        assert!(wanted(json!({"table": "t", "after": "0/1:2"})).expect("reads").after.is_some());
        let after = |text| wanted(json!({"table": "t", "after": text})).map(|found| found.after);
        let reading = after("0/1@7:9:7").expect("reads").and_then(|after| after.reading);
        assert!(reading.is_some());
        for text in ["soon", "0/1@now"] {
            assert!(matches!(after(text), Err(Error::After(_))));
        }
    }

    #[test]
    fn selections_are_lists_of_names_for_one_table() {
        let select = |select: Value| wanted(json!({"table": "t", "select": select}));
        let names = |found: Result<Wanted, Error>| found.expect("reads").view.select;
        assert_eq!(names(select(json!(["b", "a", "b"]))), Some(vec!["a".into(), "b".into()]));
        assert_eq!((names(select(json!(null))), names(select(json!([])))), (None, None));
        for refused in [json!("a,b"), json!([1]), json!({"a": true})] {
            assert!(matches!(select(refused), Err(Error::Select(_))));
        }
        let wild = wanted(json!({"schema": "public", "table": "*", "select": ["a"]}));
        assert!(matches!(wild, Err(Error::WildcardSelect)));
    }

    #[test]
    fn bindings_are_described_in_the_words_of_the_reference() {
        let found =
            wanted(json!({"event": "*", "table": "t", "filter": "a=eq.1", "select": ["b"]}));
        assert_eq!(
            found.expect("reads").describe(),
            r#"[event: *, schema: public, table: t, filters: [{"a", "eq", "1"}], select: ["b"]]"#
        );
    }
}
