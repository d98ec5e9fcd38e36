//! What Postgres has written, in the order of commits, read through a slot of the judge's own
//! with plain SQL.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio_postgres::Client;
use walkie::pg::names;
use walkie::wal::{Datum, Decoded, Lsn, Old, Place, Relation, Tuple, decode};

use super::stage::JUDGE;

/// A row, by column; what the log left out is not there.
pub type Row = HashMap<String, Datum>;

/// A change of a row.
#[derive(Debug)]
pub struct Logged {
    pub place: Place,
    pub table: String,
    /// INSERT, UPDATE or DELETE.
    pub kind: &'static str,
    /// The row after it.
    pub new: Option<Row>,
    /// The whole row before it, where the log has that.
    pub old: Option<Row>,
    /// The key before it.
    pub key: Option<Datum>,
    /// Bytes of its values.
    pub bytes: usize,
}

/// Somebody was let into a room or put out.
#[derive(Debug)]
pub struct Membership {
    pub commit: Lsn,
    pub serial: i64,
    pub room: i64,
    pub person: String,
    pub is_in: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Log {
    pub changes: Vec<Logged>,
    pub memberships: Vec<Membership>,
}

impl Log {
    /// Reads to the end.
    pub async fn read(client: &Client) -> Self {
        let publications =
            [names::PUBLICATION, names::BROADCASTS, names::POLICIES_PUBLICATION].join(",");
        let sql = format!(
            "select data from pg_logical_slot_get_binary_changes('{JUDGE}', null, null,
               'proto_version', '1', 'publication_names', '{publications}')"
        );
        let (mut log, mut relations) = (Self::default(), HashMap::new());
        let (mut commit, mut index) = (Lsn(0), 0);
        for row in client.query(&sql, &[]).await.expect("the judge's slot can be read") {
            let data = Bytes::from(row.get::<_, Vec<u8>>(0));
            match data[0] {
                b'B' => {
                    let position = data[1..9].try_into().expect("eight bytes");
                    (commit, index) = (Lsn(u64::from_be_bytes(position)), 0);
                    continue;
                }
                b'C' => continue,
                _ => {}
            }
            match decode(&data).expect("Postgres writes it so") {
                Decoded::Relation(relation) => {
                    relations.insert(relation.oid, relation);
                }
                Decoded::Insert { relation, new } => {
                    let change = logged(&relations[&relation], "INSERT", Some(&new), None);
                    log.push(change, commit, &mut index);
                }
                Decoded::Update { relation, old, new } => {
                    let change = logged(&relations[&relation], "UPDATE", Some(&new), old.as_ref());
                    log.push(change, commit, &mut index);
                }
                Decoded::Delete { relation, old } => {
                    let change = logged(&relations[&relation], "DELETE", None, Some(&old));
                    log.push(change, commit, &mut index);
                }
                Decoded::Truncate { .. } | Decoded::Other => {}
            }
        }
        log
    }

    fn push(&mut self, mut change: Logged, commit: Lsn, index: &mut u32) {
        change.place = Place { commit, index: *index };
        *index += 1;
        if change.table == "members" {
            let row = change.new.as_ref().or(change.old.as_ref()).expect("whole rows");
            self.memberships.push(Membership {
                commit,
                serial: number(row, "serial"),
                room: number(row, "room"),
                person: text(&row["person"]),
                is_in: change.kind != "DELETE" && text(&row["is_in"]) == "t",
            });
        }
        self.changes.push(change);
    }
}

fn logged(
    relation: &Relation,
    kind: &'static str,
    new: Option<&Tuple>,
    old: Option<&Old>,
) -> Logged {
    let row = |tuple: &Tuple| -> Row {
        let columns = relation.columns.iter().map(|column| column.name.clone());
        columns.zip(tuple.iter().cloned()).filter(|(_, datum)| *datum != Datum::Unchanged).collect()
    };
    let whole = match old {
        Some(Old::Full(old)) => Some(row(old)),
        _ => None,
    };
    // Large values that stayed are in the old row alone.
    let new = new.map(|new| {
        let mut new = row(new);
        for (name, datum) in whole.iter().flatten() {
            new.entry(name.clone()).or_insert_with(|| datum.clone());
        }
        new
    });
    let key = match old {
        Some(Old::Full(old) | Old::Key(old)) => Some(old[0].clone()),
        None => new.as_ref().and_then(|new| new.get("id").cloned()),
    };
    let bytes = |row: &Row| row.values().map(|datum| text(datum).len()).sum::<usize>();
    Logged {
        place: Place::default(),
        table: relation.name.clone(),
        kind,
        bytes: new.iter().chain(&whole).map(bytes).sum(),
        new,
        old: whole,
        key,
    }
}

/// A value as the log writes it; nothing for null.
pub fn text(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Datum::Null | Datum::Unchanged => String::new(),
    }
}

/// A number in a row.
pub fn number(row: &Row, column: &str) -> i64 {
    text(&row[column]).parse().expect("a number")
}

/// Whether what was told of a row is what the log has.
pub fn is_same(row: &Row, told: &Value) -> bool {
    let none = Map::new();
    let told = told.as_object().unwrap_or(&none);
    told.len() == row.len()
        && row.iter().all(|(name, datum)| match (told.get(name), datum) {
            (Some(Value::Null), Datum::Null) => true,
            (Some(Value::Bool(told)), Datum::Text(_)) => *told == (text(datum) == "t"),
            (Some(Value::String(told)), Datum::Text(_)) => *told == text(datum),
            (Some(Value::Number(told)), Datum::Text(_)) => told.to_string() == text(datum),
            _ => false,
        })
}
