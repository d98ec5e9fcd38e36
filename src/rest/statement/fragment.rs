//! SQL text and its parameters, growing together. Names and literals enter only quoted.

use super::super::plan::{Field, From, Origin};
use super::super::query::path::Key;
use crate::pg::Text;

/// The column in which a change or a call hands on its rows as single values.
pub const WHOLE: &str = "walkie_whole";

/// A statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// Its parameters, each of which Postgres reads as the type its place asks for.
    pub params: Vec<String>,
    /// Whether its rows are written as JSON member by member.
    pub by_member: bool,
}

impl Statement {
    /// Adds SQL of our own.
    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a name.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.push(&quote_name(name))
    }

    /// Adds a name in a schema.
    pub fn qualified(&mut self, schema: &str, name: &str) -> &mut Self {
        self.name(schema).push(".").name(name)
    }

    /// Adds names with commas between them.
    pub fn names<'n>(&mut self, names: impl IntoIterator<Item = &'n String>) -> &mut Self {
        self.list(", ", names, |out, name| {
            out.name(name);
        })
    }

    /// Adds a text literal.
    pub fn literal(&mut self, text: &str) -> &mut Self {
        let escaped = text.replace('\'', "''");
        if escaped.contains('\\') {
            return self.push("E'").push(&escaped.replace('\\', "\\\\")).push("'");
        }
        self.push("'").push(&escaped).push("'")
    }

    /// Adds a parameter with this value.
    pub fn bind(&mut self, value: &str) -> &mut Self {
        self.params.push(value.to_owned());
        let number = self.params.len();
        self.push(&format!("${number}"))
    }

    /// Adds each item, with `separator` between them.
    pub fn list<T>(
        &mut self,
        separator: &str,
        items: impl IntoIterator<Item = T>,
        mut add: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.push(separator);
            }
            add(self, item);
        }
        self
    }

    /// The parameters as they are sent.
    pub fn texts(&self) -> Vec<Text<'_>> {
        self.params.iter().map(|param| Some(param.as_str())).collect()
    }

    /// Adds what rows of `from` are called.
    pub fn reference(&mut self, from: &From) -> &mut Self {
        match (&from.alias, &from.origin) {
            (Some(alias), _) => self.name(alias),
            (None, Origin::Table(schema, name)) => self.qualified(schema, name),
            (None, Origin::Source | Origin::Function(..)) => self.push("walkie_source"),
        }
    }

    /// Adds a row of `from` as one value, as functions take it.
    pub fn whole(&mut self, from: &From) -> &mut Self {
        match from.origin {
            Origin::Source => self.reference(from).push(".").name(WHOLE),
            // A bare name could be a column's.
            Origin::Table(..) | Origin::Function(..) => self.reference(from).push(".*"),
        }
    }

    /// Adds a column of `from`.
    pub fn column(&mut self, from: &From, column: &str) -> &mut Self {
        self.reference(from).push(".").name(column)
    }

    /// Adds a column of `from` or something inside of it.
    pub fn field(&mut self, from: &From, field: &Field) -> &mut Self {
        let steps = &field.path.steps;
        if steps.is_empty() || field.is_json {
            self.column(from, &field.path.column);
        } else {
            self.push("to_jsonb(").column(from, &field.path.column).push(")");
        }
        for step in steps {
            self.push(if step.as_text { "->>" } else { "->" });
            match &step.key {
                Key::Name(name) => self.literal(name),
                Key::Index(index) if *index < 0 => self.push(&format!("({index})")),
                Key::Index(index) => self.push(&index.to_string()),
            };
        }
        self
    }

    /// Adds a column of `from` or something inside of it, as clients see it.
    pub fn shown(&mut self, from: &From, field: &Field) -> &mut Self {
        match &field.to_json {
            Some(function) => self.push(function).push("(").field(from, field).push(")"),
            None => self.field(from, field),
        }
    }

    /// Adds a parameter with this value, as clients write it.
    pub fn read(&mut self, field: &Field, value: &str) -> &mut Self {
        match &field.from_text {
            Some(function) => self.push(function).push("(").bind(value).push("::text)"),
            None => self.bind(value),
        }
    }
}

/// A name that can be nothing else.
pub fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An array as Postgres reads it.
pub fn array_literal(elements: &[String]) -> String {
    let quoted: Vec<String> = elements
        .iter()
        .map(|element| format!("\"{}\"", element.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{{{}}}", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_cannot_end_early() {
        let mut out = Statement::default();
        out.name("a\"b").push(" ").literal("it's").push(" ").literal("\\'");
        assert_eq!(out.sql, r#""a""b" 'it''s' E'\\'''"#);
        assert_eq!(array_literal(&["a\"b".into(), "c\\".into()]), r#"{"a\"b","c\\"}"#);
    }
}
