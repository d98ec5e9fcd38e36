//! Bytes of the pgoutput plugin (protocol version 1, text values) -> [`Message`]. Pure.
//!
//! Begin, Commit and logical messages are taken off by the replication client; the other kinds
//! are read here. See "Logical Replication Message Formats" in the PostgreSQL manual.

use bytes::Bytes;

use super::error::Malformed;

/// One message about tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// What a table looks like from here on.
    Relation(Relation),
    /// A new row.
    Insert {
        /// Oid of the table.
        relation: u32,
        /// The row.
        new: Tuple,
    },
    /// A changed row.
    Update {
        /// Oid of the table.
        relation: u32,
        /// What is known of the row before.
        old: Option<Old>,
        /// The row.
        new: Tuple,
    },
    /// A deleted row.
    Delete {
        /// Oid of the table.
        relation: u32,
        /// What is known of the row before.
        old: Old,
    },
    /// Emptied tables.
    Truncate {
        /// Their oids.
        relations: Vec<u32>,
    },
    /// A kind that carries nothing we need (types, origins).
    Other,
}

/// What a table looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Oid of the table.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Published columns, in the order of the table.
    pub columns: Vec<Column>,
}

/// A published column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Oid of its type.
    pub type_oid: u32,
    /// Whether it is part of the replica identity.
    pub is_identity: bool,
}

/// What the log says of a row before its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Old {
    /// The columns of the replica identity; the others are null.
    Key(Tuple),
    /// All columns (replica identity full).
    Full(Tuple),
}

/// Values in the order of the relation's columns.
pub type Tuple = Vec<Datum>;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// SQL null.
    Null,
    /// A large value that this update did not touch: the log does not carry it.
    Unchanged,
    /// The output of the type's output function, UTF-8.
    Text(Bytes),
}

/// Reads one message.
///
/// # Errors
/// The bytes are cut off or not what the protocol says.
pub fn decode(bytes: &Bytes) -> Result<Message, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    let message = match reader.u8()? {
        b'R' => Message::Relation(relation(&mut reader)?),
        b'I' => {
            let relation = reader.u32()?;
            reader.expect(b'N')?;
            Message::Insert { relation, new: tuple(&mut reader)? }
        }
        b'U' => update(&mut reader)?,
        b'D' => {
            let relation = reader.u32()?;
            let old = match reader.u8()? {
                b'K' => Old::Key(tuple(&mut reader)?),
                b'O' => Old::Full(tuple(&mut reader)?),
                kind => return Err(Malformed::Kind(kind)),
            };
            Message::Delete { relation, old }
        }
        b'T' => {
            let count = reader.u32()?;
            let _options = reader.u8()?;
            let relations = (0..count).map(|_| reader.u32()).collect::<Result<_, _>>()?;
            Message::Truncate { relations }
        }
        b'Y' | b'O' => Message::Other,
        kind => return Err(Malformed::Kind(kind)),
    };
    Ok(message)
}

fn relation(reader: &mut Reader<'_>) -> Result<Relation, Malformed> {
    let oid = reader.u32()?;
    let schema = match reader.text()? {
        // pg_catalog is written as an empty name.
        empty if empty.is_empty() => "pg_catalog".to_owned(),
        schema => schema,
    };
    let name = reader.text()?;
    let _replica_identity = reader.u8()?;
    let count = reader.u16()?;
    let columns = (0..count)
        .map(|_| {
            let is_identity = reader.u8()? & 1 == 1;
            let name = reader.text()?;
            let type_oid = reader.u32()?;
            let _type_modifier = reader.u32()?;
            Ok(Column { name, type_oid, is_identity })
        })
        .collect::<Result<_, _>>()?;
    Ok(Relation { oid, schema, name, columns })
}

fn update(reader: &mut Reader<'_>) -> Result<Message, Malformed> {
    let relation = reader.u32()?;
    let old = match reader.u8()? {
        b'N' => return Ok(Message::Update { relation, old: None, new: tuple(reader)? }),
        b'K' => Old::Key(tuple(reader)?),
        b'O' => Old::Full(tuple(reader)?),
        kind => return Err(Malformed::Kind(kind)),
    };
    reader.expect(b'N')?;
    Ok(Message::Update { relation, old: Some(old), new: tuple(reader)? })
}

fn tuple(reader: &mut Reader<'_>) -> Result<Tuple, Malformed> {
    let count = reader.u16()?;
    (0..count)
        .map(|_| match reader.u8()? {
            b'n' => Ok(Datum::Null),
            b'u' => Ok(Datum::Unchanged),
            b't' => {
                let length = reader.u32()? as usize;
                Ok(Datum::Text(reader.slice(length)?))
            }
            kind => Err(Malformed::Kind(kind)),
        })
        .collect()
}

/// Reads big-endian numbers and zero-terminated text, never past the end.
struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes.get(self.at..self.at.saturating_add(N)).ok_or(Malformed::Short)?;
        self.at += N;
        bytes.try_into().map_err(|_| Malformed::Short)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn expect(&mut self, kind: u8) -> Result<(), Malformed> {
        match self.u8()? {
            found if found == kind => Ok(()),
            found => Err(Malformed::Kind(found)),
        }
    }

    fn slice(&mut self, length: usize) -> Result<Bytes, Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Malformed::Short)?;
        let slice = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(slice)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let rest = self.bytes.get(self.at..).ok_or(Malformed::Short)?;
        let length = rest.iter().position(|byte| *byte == 0).ok_or(Malformed::Short)?;
        let text = self.slice(length)?;
        self.at += 1;
        String::from_utf8(text.to_vec()).map_err(|_| Malformed::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &'static str) -> Datum {
        Datum::Text(Bytes::from_static(value.as_bytes()))
    }

    #[test]
    fn relation_names_its_columns() {
        let bytes = Bytes::from_static(b"R\0\0\x40\x01public\0t\0d\0\x02\x01id\0\0\0\0\x14\xff\xff\xff\xff\0body\0\0\0\0\x19\xff\xff\xff\xff");
        let Message::Relation(relation) = decode(&bytes).expect("decodes") else { panic!("kind") };
        assert_eq!((relation.oid, &*relation.schema, &*relation.name), (0x4001, "public", "t"));
        assert_eq!(
            relation.columns,
            [
                Column { name: "id".into(), type_oid: 20, is_identity: true },
                Column { name: "body".into(), type_oid: 25, is_identity: false },
            ]
        );
    }

    #[test]
    fn update_keeps_unchanged_values_apart_from_null() {
        let bytes = Bytes::from_static(b"U\0\0\0\x07N\0\x03t\0\0\0\x0242un");
        assert_eq!(
            decode(&bytes),
            Ok(Message::Update {
                relation: 7,
                old: None,
                new: vec![text("42"), Datum::Unchanged, Datum::Null]
            })
        );
    }

    #[test]
    fn old_rows_are_keys_or_whole() {
        let delete = Bytes::from_static(b"D\0\0\0\x07K\0\x01t\0\0\0\x011");
        assert_eq!(
            decode(&delete),
            Ok(Message::Delete { relation: 7, old: Old::Key(vec![text("1")]) })
        );
        let update = Bytes::from_static(b"U\0\0\0\x07O\0\x01nN\0\x01t\0\0\0\x011");
        assert_eq!(
            decode(&update),
            Ok(Message::Update {
                relation: 7,
                old: Some(Old::Full(vec![Datum::Null])),
                new: vec![text("1")]
            })
        );
    }

    #[test]
    fn cut_off_bytes_are_an_error() {
        let whole: &[u8] = b"U\0\0\0\x07O\0\x01nN\0\x01t\0\0\0\x011";
        for length in 0..whole.len() {
            assert!(decode(&Bytes::copy_from_slice(&whole[..length])).is_err(), "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind in "[RIUDTYO]", rest: Vec<u8>) {
            let mut bytes = kind.into_bytes();
            bytes.extend(rest);
            let _ = decode(&Bytes::from(bytes));
        }
    }
}
