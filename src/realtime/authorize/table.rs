//! What is known of a table apart from who may see it: columns, key, how values become JSON.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::super::logs::Log;
use crate::pg;
use crate::wal::value::Encoding;

/// A published table, as the catalog has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Oid of the table.
    pub oid: u32,
    /// `schema.name`, quoted for SQL.
    pub quoted: String,
    /// `name`, quoted for SQL: what policies call the row.
    pub quoted_name: String,
    /// All its columns, in order.
    pub columns: Vec<Column>,
    /// Whether subscribers may follow it there: others are in the log for the authorizer alone.
    pub is_published: bool,
}

/// A column of a published table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its name, quoted for SQL.
    pub quoted: String,
    /// Its number in the table.
    pub number: i16,
    /// Name of its type, as clients expect it (`int4`, `_text`).
    pub type_name: String,
    /// Whether it is part of the primary key.
    pub is_key: bool,
    /// How its values become JSON.
    pub encoding: Encoding,
}

const COLUMNS: &str = "
    select format('%I.%I', n.nspname, c.relname),
           quote_ident(c.relname),
           a.attname,
           quote_ident(a.attname),
           a.attnum,
           t.typname,
           a.atttypid,
           coalesce(a.attnum = any (k.indkey), false),
           exists (select from pg_catalog.pg_publication_tables p
                    where p.pubname = $2 and p.schemaname = n.nspname and p.tablename = c.relname)
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_index k on k.indrelid = c.oid and k.indisprimary
     where c.oid = $1
     order by a.attnum";

const TYPES: &str = "
    select t.oid,
           t.typtype::text,
           t.typbasetype,
           case when t.typcategory = 'A' then t.typelem else 0 end,
           coalesce(e.typdelim, ',')::text,
           array(select a.attname::text
                   from pg_catalog.pg_attribute a
                  where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                  order by a.attnum),
           array(select a.atttypid
                   from pg_catalog.pg_attribute a
                  where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                  order by a.attnum),
           t.typname = 'hstore' and t.typtype = 'b'
      from pg_catalog.pg_type t
      left join pg_catalog.pg_type e on e.oid = t.typelem
     where t.oid = any ($1)";

/// Rows inside rows, arrays of them, and so on: deeper ones are sent as text.
const MAX_TYPE_DEPTH: usize = 8;

impl Table {
    /// Reads the catalog, as it concerns a log; `None` when the table is gone.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn load(client: &Client, oid: u32, log: Log) -> Result<Option<Self>, pg::Error> {
        let rows = client.query(COLUMNS, &[&oid, &log.publication()]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let types = load_types(client, rows.iter().map(|row| row.get(6)).collect()).await?;
        let columns = rows
            .iter()
            .map(|row| Column {
                name: row.get(2),
                quoted: row.get(3),
                number: row.get(4),
                type_name: row.get(5),
                is_key: row.get(7),
                encoding: encoding(&types, row.get(6), 0),
            })
            .collect();
        Ok(Some(Self {
            oid,
            quoted: first.get(0),
            quoted_name: first.get(1),
            columns,
            is_published: first.get(8),
        }))
    }

    /// Whether it has a primary key.
    pub fn has_key(&self) -> bool {
        self.columns.iter().any(|column| column.is_key)
    }
}

/// What a type is made of.
struct Type {
    kind: String,
    base: u32,
    element: u32,
    delimiter: char,
    fields: Vec<(String, u32)>,
    is_hstore: bool,
}

async fn load_types(client: &Client, wanted: Vec<u32>) -> Result<HashMap<u32, Type>, pg::Error> {
    let mut types = HashMap::new();
    let mut wanted = wanted;
    for _ in 0..MAX_TYPE_DEPTH {
        wanted.retain(|oid| *oid != 0 && !types.contains_key(oid));
        if wanted.is_empty() {
            break;
        }
        let rows = client.query(TYPES, &[&wanted]).await?;
        wanted.clear();
        for row in rows {
            let names: Vec<String> = row.get(5);
            let oids: Vec<u32> = row.get(6);
            let found = Type {
                kind: row.get(1),
                base: row.get(2),
                element: row.get(3),
                delimiter: row.get::<_, String>(4).chars().next().unwrap_or(','),
                fields: names.into_iter().zip(oids).collect(),
                is_hstore: row.get(7),
            };
            wanted.extend([found.base, found.element]);
            wanted.extend(found.fields.iter().map(|(_, oid)| *oid));
            types.insert(row.get(0), found);
        }
    }
    Ok(types)
}

fn encoding(types: &HashMap<u32, Type>, oid: u32, depth: usize) -> Encoding {
    use tokio_postgres::types::Type as Known;
    if let Some(known) = Known::from_oid(oid) {
        let scalar = match known {
            Known::INT2 | Known::INT4 | Known::FLOAT4 | Known::FLOAT8 | Known::NUMERIC => {
                Some(Encoding::Number)
            }
            Known::INT8 => Some(Encoding::Int8),
            Known::BOOL => Some(Encoding::Boolean),
            Known::JSON | Known::JSONB => Some(Encoding::Json),
            Known::BYTEA => Some(Encoding::Bytes),
            Known::TIMESTAMP => Some(Encoding::Timestamp),
            Known::TIMESTAMPTZ => Some(Encoding::TimestampTz),
            _ => None,
        };
        if let Some(scalar) = scalar {
            return scalar;
        }
    }
    match types.get(&oid) {
        Some(found) if depth < MAX_TYPE_DEPTH => match found.kind.as_str() {
            "d" => encoding(types, found.base, depth + 1),
            "c" => Encoding::Composite(
                found
                    .fields
                    .iter()
                    .map(|(name, oid)| (name.clone(), encoding(types, *oid, depth + 1)))
                    .collect(),
            ),
            _ if found.element != 0 => Encoding::Array(
                Box::new(encoding(types, found.element, depth + 1)),
                found.delimiter,
            ),
            _ if found.is_hstore => Encoding::Hstore,
            _ => Encoding::Text,
        },
        _ => Encoding::Text,
    }
}

/// A name, quoted for SQL.
pub fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
