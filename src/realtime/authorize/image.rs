//! A row image as Postgres reads it: the text form of a row, and of an array of rows. Pure.

use crate::wal::{Column, Datum, Tuple};

use super::table::Table;

/// A row of `table` from the values of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `("1","text",)`.
    pub literal: String,
    /// Which columns the log did not carry, in the order of the table: they stand as null.
    pub missing: Vec<bool>,
}

impl Image {
    /// Puts the published values where the table has them.
    pub fn new(table: &Table, published: &[Column], values: &Tuple) -> Self {
        Self::with(table, published, values, |_| true)
    }

    /// The same with these columns alone; the others stand as null, and are not missed.
    pub fn of_columns(
        table: &Table,
        columns: &[String],
        published: &[Column],
        values: &Tuple,
    ) -> Self {
        Self::with(table, published, values, |name| columns.iter().any(|column| column == name))
    }

    fn with(
        table: &Table,
        published: &[Column],
        values: &Tuple,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Self {
        let mut literal = String::from("(");
        let mut missing = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            if index > 0 {
                literal.push(',');
            }
            if !is_wanted(&column.name) {
                missing.push(false);
                continue;
            }
            let place = published.iter().position(|candidate| candidate.name == column.name);
            match place.and_then(|place| values.get(place)) {
                Some(Datum::Text(text)) => {
                    quote(&mut literal, &String::from_utf8_lossy(text));
                    missing.push(false);
                }
                Some(Datum::Null) => missing.push(false),
                Some(Datum::Unchanged) | None => missing.push(true),
            }
        }
        literal.push(')');
        Self { literal, missing }
    }
}

/// An array of rows.
pub fn array<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    let mut literal = String::from("{");
    for (index, row) in rows.enumerate() {
        if index > 0 {
            literal.push(',');
        }
        quote(&mut literal, row);
    }
    literal.push('}');
    literal
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::table;
    use super::*;
    use crate::wal::value::Encoding;

    #[test]
    fn rows_and_arrays_are_quoted() {
        let column = |name: &str| table::Column {
            name: name.into(),
            quoted: name.into(),
            number: 1,
            type_name: "text".into(),
            is_key: false,
            encoding: Encoding::Text,
        };
        let table = Table {
            oid: 1,
            quoted: "public.t".into(),
            quoted_name: "t".into(),
            is_published: true,
            columns: ["id", "added", "body", "large"].map(column).to_vec(),
        };
        let published = ["id", "body", "large"].map(|name| Column {
            name: name.into(),
            type_oid: 25,
            is_identity: false,
        });
        let text = |value: &'static str| Datum::Text(Bytes::from_static(value.as_bytes()));
        let image =
            Image::new(&table, &published, &vec![text("1"), text(r#"a"b\c,)"#), Datum::Unchanged]);
        assert_eq!(image.literal, r#"("1",,"a\"b\\c,)",)"#);
        assert_eq!(image.missing, [false, true, false, true]);
        assert_eq!(array(["(1)", r#"("x")"#].into_iter()), r#"{"(1)","(\"x\")"}"#);
    }
}
