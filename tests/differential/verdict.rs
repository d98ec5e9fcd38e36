//! What each listener must hear of a change, may hear, or must not. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Texts of at least so many characters are stored outside of their row in these worlds.
const LARGE: usize = 3000;

/// A change and what Postgres says of it, for all listeners in their order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Judged {
    /// Its place in the journal.
    pub number: i64,
    /// Its transaction.
    pub xid: u64,
    /// Whether its table is published.
    pub is_published: bool,
    schema: String,
    /// Name of its table.
    pub table: String,
    kind: String,
    /// Whether the log carries the whole old row.
    has_old: bool,
    key: Vec<String>,
    old_row: Value,
    new_row: Value,
    old: Image,
    new: Image,
    columns: Vec<Vec<String>>,
    is_bound: Vec<bool>,
    may_have_policy: Vec<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Image {
    /// Whether the row is in its table just so.
    is_now: bool,
    verdicts: Vec<String>,
}

/// What somebody may be told of a change: `None` is nothing.
pub type Outcome = Option<Value>;

impl Judged {
    /// Whether another judgement is of the same change.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.table == other.table
            && self.old_row == other.old_row
            && self.new_row == other.new_row
    }

    /// Everything that may be told to a listener, given what Postgres said at each moment from
    /// the commit on. With one moment it is what must be told.
    pub fn outcomes(moments: &[&Self], person: usize, is_strict: bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for rows in moments {
            for before in moments {
                for lens in moments {
                    for outcome in lens.outcome(rows, before, person, is_strict) {
                        if !outcomes.contains(&outcome) {
                            outcomes.push(outcome);
                        }
                    }
                }
            }
        }
        outcomes
    }

    /// With the verdict on the row from one moment, on the row before from another, and the
    /// columns from this.
    fn outcome(&self, rows: &Self, before: &Self, person: usize, is_strict: bool) -> Vec<Outcome> {
        let columns = &self.columns[person];
        let has_new = rows.new.is_permitted(person);
        let has_old = self.has_old && before.old.is_permitted(person);
        let sees_key = self.key.iter().all(|name| columns.contains(name));
        let all = |row: &Value| pick(row, columns);
        let key = |row: &Value| {
            let visible: Vec<String> =
                self.key.iter().filter(|name| columns.contains(name)).cloned().collect();
            pick(row, &visible)
        };
        match &*self.kind {
            "INSERT" | "UPDATE" if !sees_key => vec![Some(self.refused())],
            "INSERT" if has_new => vec![Some(self.told(columns, Some(&all(&self.new_row)), None))],
            "UPDATE" if has_new => {
                let mut record = all(&self.new_row);
                for name in self.unlogged() {
                    record.remove(name);
                }
                let old = if has_old { all(&self.old_row) } else { key(&self.old_row) };
                let told = Some(self.told(columns, Some(&record), Some(&old)));
                // What the log left out is looked up in the row as it is now. Where that is
                // another row by now nobody can say, and silence is right as well.
                let is_unsure = !self.unlogged().is_empty() && !rows.new.is_now;
                if is_unsure { vec![told, None] } else { vec![told] }
            }
            "DELETE" if columns.is_empty() => vec![None],
            "DELETE" if self.has_old && has_old => {
                vec![Some(self.told(columns, None, Some(&all(&self.old_row))))]
            }
            "DELETE" if !self.has_old => {
                let told = Some(self.told(columns, None, Some(&key(&self.old_row))));
                match (self.is_bound[person], self.may_have_policy[person]) {
                    (true, _) if is_strict => vec![None],
                    // Who could never see a row need not hear of its end.
                    (true, false) => vec![told, None],
                    _ => vec![told],
                }
            }
            _ => vec![None],
        }
    }

    /// Columns whose large value an update left as it was.
    fn unlogged(&self) -> Vec<&str> {
        let Some(new) = self.new_row.as_object() else { return Vec::new() };
        new.iter()
            .filter(|(name, value)| {
                !self.has_old
                    && value.as_str().is_some_and(|text| text.len() >= LARGE)
                    && self.old_row.get(*name) == Some(*value)
            })
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn told(
        &self,
        columns: &[String],
        record: Option<&Map<String, Value>>,
        old_record: Option<&Map<String, Value>>,
    ) -> Value {
        json!({
            "type": self.kind, "columns": columns, "record": record, "old_record": old_record, "errors": null,
        })
    }

    fn refused(&self) -> Value {
        json!({
            "type": self.kind, "columns": [], "record": {}, "old_record": null,
            "errors": ["Error 401: Unauthorized"],
        })
    }

    /// Whether `data` of an event can be about this change.
    pub fn is_about(&self, data: &Value) -> bool {
        let agrees = |told: &Value, row: &Value| {
            told.as_object().is_none_or(|told| told.iter().all(|(name, value)| row[name] == *value))
        };
        data["tx"] == (self.xid & 0xFFFF_FFFF)
            && data["type"] == *self.kind
            && data["schema"] == *self.schema
            && data["table"] == *self.table
            && agrees(&data["record"], &self.new_row)
            && agrees(&data["old_record"], &self.old_row)
    }

    /// For a report: large values are cut.
    pub fn describe(&self, person: usize) -> String {
        let said = |image: &Image| image.verdicts.get(person).cloned().unwrap_or_default();
        format!(
            "{} of {}.{} (tx {}, whole old rows: {})\n    old {}\n    new {}\n    Postgres: old {:?}, new {:?}, new is there now: {}, columns {:?}, row security binds: {}",
            self.kind,
            self.schema,
            self.table,
            self.xid,
            self.has_old,
            shortened(&self.old_row),
            shortened(&self.new_row),
            said(&self.old),
            said(&self.new),
            self.new.is_now,
            self.columns.get(person).cloned().unwrap_or_default(),
            self.is_bound.get(person).copied().unwrap_or_default(),
        )
    }
}

impl Image {
    fn is_permitted(&self, person: usize) -> bool {
        self.verdicts.get(person).is_some_and(|verdict| verdict == "yes")
    }
}

fn pick(row: &Value, columns: &[String]) -> Map<String, Value> {
    columns.iter().filter_map(|name| Some((name.clone(), row.get(name)?.clone()))).collect()
}

/// What of an event is compared.
pub fn essence(data: &Value) -> Value {
    let columns: Vec<&Value> =
        data["columns"].as_array().into_iter().flatten().map(|column| &column["name"]).collect();
    json!({
        "type": data["type"], "columns": columns, "record": data["record"],
        "old_record": data["old_record"], "errors": data["errors"],
    })
}

/// How the events that somebody heard differ from what they must hear; counts of what was
/// delivered and withheld when they do not.
pub fn compare(
    changes: &[Vec<&Judged>],
    heard: &[Value],
    person: usize,
    is_strict: bool,
) -> Result<(usize, usize), String> {
    let mut next = heard.iter().peekable();
    let (mut delivered, mut withheld) = (0, 0);
    for (place, moments) in changes.iter().enumerate() {
        let change = moments[0];
        let outcomes = Judged::outcomes(moments, person, is_strict);
        let event = next.peek().copied().filter(|event| change.is_about(event));
        match event.map(essence) {
            Some(told) if outcomes.contains(&Some(told.clone())) => {
                next.next();
                delivered += 1;
            }
            None if outcomes.contains(&None) => withheld += 1,
            Some(told) => {
                let is_later = |later: &Vec<&Judged>| event.is_some_and(|it| later[0].is_about(it));
                if outcomes.contains(&None) && changes[place + 1..].iter().any(is_later) {
                    withheld += 1;
                    continue;
                }
                let fault = if outcomes == [None] { "LEAK" } else { "WRONG IMAGE" };
                let outcomes: Vec<String> = outcomes.iter().flatten().map(shortened).collect();
                return Err(format!(
                    "{fault}: {}\n    right: {outcomes:#?}\n    heard: {}",
                    change.describe(person),
                    shortened(&told)
                ));
            }
            None => {
                return Err(format!(
                    "MISS: {}\n    next heard: {:?}",
                    change.describe(person),
                    next.peek().map(|event| shortened(event))
                ));
            }
        }
    }
    match next.next() {
        None => Ok((delivered, withheld)),
        Some(event) => {
            let about = changes.iter().filter(|moments| moments[0].is_about(event));
            let about: Vec<String> = about.map(|moments| moments[0].describe(person)).collect();
            Err(format!(
                "TOO MUCH (a leak, twice the same, or out of order): {}\n    about: {about:#?}",
                shortened(event)
            ))
        }
    }
}

/// JSON with large texts cut.
pub fn shortened(value: &Value) -> String {
    fn cut(value: &Value) -> Value {
        match value {
            Value::String(text) if text.len() > 100 => {
                format!("{}... ({} characters)", &text[..10], text.len()).into()
            }
            Value::Array(items) => items.iter().map(cut).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), cut(value))).collect()
            }
            other => other.clone(),
        }
    }
    cut(value).to_string()
}
