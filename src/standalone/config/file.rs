//! Files of settings: `key = value` a line. A text stands in quotes; in it `$(NAME)` is a
//! variable of the environment and `$$` a dollar sign. Pure.

use std::collections::BTreeMap;

/// A file that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// The settings of a file. `variable` looks up what it names.
///
/// # Errors
/// A line does not read, or a variable is not there.
pub fn read(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, FileError> {
    let mut settings = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let refused = |what: &str| FileError { line: index + 1, what: what.to_owned() };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| refused("there is no ="))?;
        let value = value.trim();
        let (value, rest) = if let Some(quoted) = value.strip_prefix('"') {
            text_value(quoted, &variable).map_err(|what| refused(&what))?
        } else {
            let end = value.find([' ', '\t', '#']).unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        let rest = rest.trim_start();
        if !rest.is_empty() && !rest.starts_with('#') {
            return Err(refused("something follows the value"));
        }
        settings.insert(key.trim().to_owned(), value);
    }
    Ok(settings)
}

/// A text behind its first quote, and what follows the last.
fn text_value(
    quoted: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok((value, rest.as_str())),
            '\\' => value.push(match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(c @ ('"' | '\\')) => c,
                _ => return Err("\\ stands before none of \" \\ n t r".to_owned()),
            }),
            '$' => match rest.next() {
                Some('$') => value.push('$'),
                Some('(') => {
                    let (name, behind) = rest
                        .as_str()
                        .split_once(')')
                        .ok_or_else(|| "$( is not closed".to_owned())?;
                    value +=
                        &variable(name).ok_or_else(|| format!("there is no variable {name}"))?;
                    rest = behind.chars();
                }
                _ => return Err("$ stands alone; write $$".to_owned()),
            },
            c => value.push(c),
        }
    }
    Err("the text has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(line: &str) -> Result<String, String> {
        let variable = |name: &str| (name == "SECRET").then(|| "of the \"environment\"".to_owned());
        let settings = read(line, variable).map_err(|error| error.to_string())?;
        Ok(settings.into_values().next().unwrap_or_default())
    }

    #[test]
    fn values_are_texts_numbers_and_switches() {
        let text = "# a comment\n\ndb-pool = 5 # behind it\n  log-query=true\napp.settings.x = \"a # b\"\n";
        let settings = read(text, |_| None).expect("a file");
        let expected = [("app.settings.x", "a # b"), ("db-pool", "5"), ("log-query", "true")];
        let read: Vec<(&str, &str)> =
            settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn texts_may_hold_quotes_dollars_and_variables() {
        assert_eq!(
            read_one(r#"k = "{ \"alg\": \"RS256\" }""#).as_deref(),
            Ok(r#"{ "alg": "RS256" }"#)
        );
        assert_eq!(read_one(r#"k = "$$.role""#).as_deref(), Ok("$.role"));
        assert_eq!(read_one(r#"k = "a$(SECRET)b""#).as_deref(), Ok("aof the \"environment\"b"));
    }

    #[test]
    fn broken_lines_are_named() {
        for (line, told) in [
            ("k", "line 1: there is no ="),
            ("k = \"a", "line 1: the text has no end"),
            ("k = \"a\" b", "line 1: something follows the value"),
            ("k = \"$\"", "line 1: $ stands alone; write $$"),
            ("k = \"$(OTHER)\"", "line 1: there is no variable OTHER"),
            ("k = \"\\x\"", "line 1: \\ stands before none of \" \\ n t r"),
        ] {
            assert_eq!(read_one(line).err().as_deref(), Some(told), "{line}");
        }
    }
}
