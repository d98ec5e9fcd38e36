//! Where among the claims the role stands: a JSON Path (RFC 9535), or the dotted language that
//! was used before it.

use std::fmt::Write as _;

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;
use serde_json_path::JsonPath;

/// A place among the claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePath(JsonPath);

/// A place that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse role-claim-key value ({0})")]
pub struct RolePathError(String);

impl RolePath {
    /// Reads `$.a[0]` as well as `.a[0]`.
    ///
    /// # Errors
    /// It is neither.
    pub fn read(text: &str) -> Result<Self, RolePathError> {
        let refused = || RolePathError(text.to_owned());
        let path = if Self::is_dotted(text) {
            translated(text).ok_or_else(refused)?
        } else {
            text.to_owned()
        };
        JsonPath::parse(&path).map(Self).map_err(|_| refused())
    }

    /// Whether a text is of the language used before.
    pub fn is_dotted(text: &str) -> bool {
        !text.trim_start().starts_with('$')
    }

    /// The first value found there; what is no text, as its JSON.
    pub fn find(&self, claims: &Value) -> Option<String> {
        match self.0.query(claims).first()? {
            Value::Null => None,
            Value::String(role) => Some(role.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// `.a."b c"[1]` and `.a[?(@ ^== "x")]` as a JSON Path.
fn translated(text: &str) -> Option<String> {
    let mut path = String::from("$");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '.' => {
                let key = match rest.peek()? {
                    '"' => quoted(&mut rest)?,
                    _ => taken(&mut rest, |c| c.is_alphanumeric() || "_$@".contains(c)),
                };
                if key.is_empty() {
                    return None;
                }
                let _ = write!(path, "[{}]", Value::from(key));
            }
            '[' if rest.peek() == Some(&'?') => path.push_str(&filter(&mut rest)?),
            '[' => {
                let index: u32 = taken(&mut rest, |c| c.is_ascii_digit()).parse().ok()?;
                let _ = write!(path, "[{index}]");
                (rest.next()? == ']').then_some(())?;
            }
            _ => return None,
        }
    }
    (path.len() > 1).then_some(path)
}

/// `?(@ op "text")]`, the bracket before it read.
fn filter(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let expect = |rest: &mut Peekable<Chars<'_>>, text: &str| {
        while rest.next_if(char::is_ascii_whitespace).is_some() {}
        text.chars().all(|c| rest.next() == Some(c)).then_some(())
    };
    expect(rest, "?(")?;
    expect(rest, "@")?;
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
    let operator = taken(rest, |c| "=!^*".contains(c));
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
    let text = quoted(rest)?;
    expect(rest, ")")?;
    expect(rest, "]")?;
    let search = |before: &str, after: &str| {
        let pattern = Value::from(format!("{before}{}{after}", literally(&text)));
        format!("[?search(@, {pattern})]")
    };
    Some(match operator.as_str() {
        "==" | "!=" => format!("[?@ {operator} {}]", Value::from(text)),
        "^==" => search("^", ""),
        "==^" => search("", "$"),
        "*==" => search("", ""),
        _ => return None,
    })
}

/// A regular expression for just this text.
fn literally(text: &str) -> String {
    let escape = |c: char| if r"\^$.|?*+()[]{}".contains(c) { format!("\\{c}") } else { c.into() };
    text.chars().map(escape).collect()
}

fn taken(rest: &mut Peekable<Chars<'_>>, is_part: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|c| is_part(*c))).collect()
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    (rest.next()? == '"').then_some(())?;
    let text = taken(rest, |c| c != '"');
    rest.next().map(|_| text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> Option<String> {
        let claims = json!({
            "role": "top", "roles": ["other", "author"], "level": 7, "none": null,
            "https://www.example.com/role": { "key": "author" },
            "postgrest": { "roles": ["other", "author"], "a_role": "r" },
        });
        RolePath::read(path).unwrap_or_else(|error| panic!("{error}")).find(&claims)
    }

    #[test]
    fn standard_paths_find_the_first_value() {
        for (path, role) in [
            ("$.role", Some("top")),
            ("$.postgrest.roles[1]", Some("author")),
            ("$.roles[-1]", Some("author")),
            ("$[\"https://www.example.com/role\"].key", Some("author")),
            ("$.roles[?search(@, \"^aut\")]", Some("author")),
            ("$.roles[?@ != \"other\"]", Some("author")),
            ("$.level", Some("7")),
            ("$.none", None),
            ("$.nowhere.role", None),
        ] {
            assert_eq!(found(path).as_deref(), role, "{path}");
        }
    }

    #[test]
    fn dotted_paths_mean_what_they_meant() {
        for path in [
            ".postgrest.roles[1]",
            ".\"https://www.example.com/role\".key",
            ".postgrest.roles[?(@ == \"author\")]",
            ".postgrest.roles[?(@ != \"other\")]",
            ".postgrest.roles[?(@ ^== \"aut\")]",
            ".postgrest.roles[?(@ ==^ \"hor\")]",
            ".postgrest.roles[?(@ *== \"utho\")]",
        ] {
            assert_eq!(found(path).as_deref(), Some("author"), "{path}");
        }
        assert_eq!(found(".postgrest.a_role").as_deref(), Some("r"));
        assert_eq!(found(".roles[?(@ *== \"a.t\")]"), None, "a dot is a dot");
    }

    #[test]
    fn other_texts_are_refused() {
        for path in ["", "role", ".", ".a[", ".a[x]", ".a[?(@ ~ \"x\")]", "$.a[", ".\"a", "$."] {
            assert!(RolePath::read(path).is_err(), "{path}");
        }
    }
}
