//! Reads a parameter from left to right. What all grammars of the query string share.

use super::super::error::Error;

/// Characters with a meaning of their own; a name that has one must be quoted.
const RESERVED: &[char] = &[',', '.', ':', '(', ')', '!', '*', '"'];

/// A place in a parameter.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    what: &'static str,
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`, which is called `what` in errors.
    pub fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text, at: 0 }
    }

    /// What is left.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    /// Goes past `token` if it comes next.
    pub fn eat(&mut self, token: &str) -> bool {
        let comes = self.rest().starts_with(token);
        if comes {
            self.at += token.len();
        }
        comes
    }

    /// Goes past `token`, which must come next.
    pub fn expect(&mut self, token: &'static str) -> Result<(), Error> {
        if self.eat(token) { Ok(()) } else { Err(self.fail(&format!("\"{token}\""))) }
    }

    /// Whether `token` comes next.
    pub fn comes(&self, token: &str) -> bool {
        self.rest().starts_with(token)
    }

    /// Goes past every character that `belongs`.
    pub fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Everything that is left.
    pub fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), Error> {
        if self.is_done() { Ok(()) } else { Err(self.fail("end of input")) }
    }

    /// A name, quoted or bare. A bare one ends at a reserved character or an arrow.
    pub fn name(&mut self) -> Result<String, Error> {
        self.skip_spaces();
        if self.comes("\"") {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest.find(RESERVED).unwrap_or(rest.len());
        let end = rest[..end].find("->").unwrap_or(end);
        let name = rest[..end].trim_end();
        if name.is_empty() {
            return Err(self.fail("field name"));
        }
        self.at += end;
        Ok(name.to_owned())
    }

    /// `"…"`, in which `\` takes the next character as it is.
    pub fn quoted(&mut self) -> Result<String, Error> {
        self.expect("\"")?;
        let mut value = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(value);
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                plain => value.push(plain),
            }
        }
        self.at = self.text.len();
        Err(self.fail("closing quote"))
    }

    /// Goes past spaces.
    pub fn skip_spaces(&mut self) {
        self.take_while(|character| character == ' ');
    }

    /// An error here.
    pub fn fail(&self, expecting: &str) -> Error {
        let found = match self.rest().chars().next() {
            Some(found) => format!("\"{found}\""),
            None => "end of input".to_owned(),
        };
        Error::Syntax {
            what: self.what,
            text: self.text.to_owned(),
            column: self.text[..self.at].chars().count() + 1,
            details: format!("unexpected {found} expecting {expecting}"),
        }
    }
}
