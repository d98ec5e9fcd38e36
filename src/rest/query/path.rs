//! `column`, `column->key->>0`: a column and the way into the JSON it holds.

use super::super::error::Error;
use super::cursor::Cursor;

/// A column and steps into its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The column.
    pub column: String,
    /// Steps into it, from outside to inside.
    pub steps: Vec<Step>,
}

/// One arrow and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where to go.
    pub key: Key,
    /// `->>`: the value as text.
    pub as_text: bool,
}

/// What an arrow points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A member of an object.
    Name(String),
    /// An element of an array; below zero counts from its end.
    Index(i32),
}

impl Path {
    /// A column as it is.
    pub fn column(name: &str) -> Self {
        Self { column: name.to_owned(), steps: Vec::new() }
    }

    /// Reads a column and the arrows behind it.
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let column = cursor.name()?;
        Ok(Self { column, steps: steps(cursor)? })
    }

    /// What the value is called when nobody names it: the last key that is a name.
    pub fn label(&self) -> &str {
        let names = self.steps.iter().rev().filter_map(|step| match &step.key {
            Key::Name(name) => Some(name.as_str()),
            Key::Index(_) => None,
        });
        names.into_iter().next().unwrap_or(&self.column)
    }
}

fn steps(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    while cursor.eat("->") {
        let as_text = cursor.eat(">");
        steps.push(Step { key: key(cursor)?, as_text });
    }
    Ok(steps)
}

/// A number is an index only when it ends the step: `2nd` is a name.
fn key(cursor: &mut Cursor<'_>) -> Result<Key, Error> {
    let mut ahead = cursor.clone();
    let is_negative = ahead.eat("-");
    let digits = ahead.take_while(|character| character.is_ascii_digit());
    let ends = ahead.is_done() || ["->", "::", ".", ",", ")"].iter().any(|end| ahead.comes(end));
    if let (true, Ok(index)) = (ends, digits.parse::<i32>()) {
        *cursor = ahead;
        return Ok(Key::Index(if is_negative { -index } else { index }));
    }
    Ok(Key::Name(cursor.key()?))
}
