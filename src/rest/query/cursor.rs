//! Reads a parameter from left to right. What all grammars of the query string share.

use super::super::error::Error;

/// What a name is called in errors.
const NAME: &str = "field name (* or [a..z0..9_$])";

/// A place in a parameter.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    what: &'static str,
    text: &'a str,
    shown: Option<&'a str>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`, which is called `what` in errors.
    pub fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text, shown: None, at: 0 }
    }

    /// The same, called `shown` in errors.
    pub fn shown_as(self, shown: &'a str) -> Self {
        Self { shown: Some(shown), ..self }
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

    /// Goes past the dot between the parts of a condition, which must come next.
    pub fn dot(&mut self) -> Result<(), Error> {
        if self.eat(".") { Ok(()) } else { Err(self.fail("delimiter (.)")) }
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

    /// A name, quoted or bare. A bare one is made of letters, digits, `_`, `$`, spaces and `-`,
    /// unless the `-` begins an arrow; a name of other characters must be quoted.
    pub fn name(&mut self) -> Result<String, Error> {
        self.skip_spaces();
        if self.comes("\"") {
            return self.quoted();
        }
        self.bare(|c| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '_' | '$' | ' '), NAME)
    }

    /// A key of a JSON object, quoted or bare. A bare one ends only where something else begins.
    pub fn key(&mut self) -> Result<String, Error> {
        if self.comes("\"") {
            return self.quoted();
        }
        let belongs = |c| !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')');
        self.bare(belongs, "any non reserved character different from: .,>()")
    }

    /// Pieces of characters that `belong`, with dashes between them; spaces around count not.
    fn bare(&mut self, belongs: impl Fn(char) -> bool, what: &str) -> Result<String, Error> {
        let rest = self.rest();
        let mut end = 0;
        loop {
            let piece = rest[end..].find(|character| !belongs(character));
            end = piece.map_or(rest.len(), |piece| end + piece);
            let after_dash = rest[end..].strip_prefix('-').and_then(|after| after.chars().next());
            // A dash that nothing follows ends the name, as an arrow does.
            if end == 0 || !after_dash.is_some_and(&belongs) {
                break;
            }
            end += 1;
        }
        let name = rest[..end].trim();
        if name.is_empty() {
            return Err(self.fail(what));
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
            Some('"') => "\"\\\"\"".to_owned(),
            Some('\\') => "\"\\\\\"".to_owned(),
            Some(found) if found.is_ascii() => format!("\"{found}\""),
            Some(found) => format!("\"\\{}\"", u32::from(found)),
            None => "end of input".to_owned(),
        };
        Error::Syntax {
            what: self.what,
            text: self.shown.unwrap_or(self.text).to_owned(),
            column: self.text[..self.at].chars().count() + 1,
            details: format!("unexpected {found} expecting {expecting}"),
        }
    }
}
