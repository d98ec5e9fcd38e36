//! Column text -> JSON, as stock clients expect it: what `to_jsonb(value)` gives, from the
//! text that the log carries. Pure; types are looked up by the caller.

use std::fmt::Write as _;

/// How a type's text becomes JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// Digits as they are; NaN and infinities become null, or text inside arrays and rows.
    Number,
    /// Digits as they are, or a string of them for clients whose numbers are not that exact.
    Int8,
    /// `t` or `f`.
    Boolean,
    /// JSON already.
    Json,
    /// Hex digits, without the leading `\x`.
    Bytes,
    /// `2024-01-02 03:04:05` with a `T` between.
    Timestamp,
    /// The same with its offset widened to `+00:00`.
    TimestampTz,
    /// `{..}`, nested; the element's encoding and delimiter.
    Array(Box<Encoding>, char),
    /// `(..)` with fields by name.
    Composite(Vec<(String, Encoding)>),
    /// `"key"=>"value"`: an object of texts and nulls.
    Hstore,
    /// Anything else: a JSON string.
    Text,
}

/// Appends `text` as JSON, whole numbers of eight bytes as strings if `int8_as_text`.
///
/// A text that does not have the form its type promises becomes a JSON string: nothing is
/// lost, and nothing invalid is sent.
pub fn write_json(out: &mut String, encoding: &Encoding, int8_as_text: bool, text: &str) {
    let start = out.len();
    if write_typed(out, encoding, int8_as_text, text, false).is_none() {
        out.truncate(start);
        write_string(out, text);
    }
}

/// Appends `text` as a JSON string.
pub fn write_string(out: &mut String, text: &str) {
    // Strings and their escapes are serde_json's business; writing into a String cannot fail.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

fn write_typed(
    out: &mut String,
    encoding: &Encoding,
    int8_as_text: bool,
    text: &str,
    is_element: bool,
) -> Option<()> {
    match encoding {
        Encoding::Int8 if int8_as_text => write_string(out, text),
        Encoding::Number | Encoding::Int8 => match text {
            // JSON has no such numbers; inside arrays and rows the reference writes them as text.
            "NaN" | "Infinity" | "-Infinity" if !is_element => out.push_str("null"),
            "NaN" | "Infinity" | "-Infinity" => write_string(out, text),
            _ if is_number(text) => out.push_str(text),
            _ => return None,
        },
        Encoding::Boolean => out.push_str(match text {
            "t" => "true",
            "f" => "false",
            _ => return None,
        }),
        Encoding::Json => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
            out.push_str(text);
        }
        // Inside arrays the reference keeps the prefix, and so do clients expect it.
        Encoding::Bytes if !is_element => write_string(out, text.strip_prefix("\\x")?),
        Encoding::Timestamp => write_string(out, &with_t(text)?),
        Encoding::TimestampTz => write_string(out, &with_minutes(&with_t(text)?)),
        Encoding::Array(element, delimiter) => {
            let rest =
                Literal::new(skip_bounds(text), int8_as_text).array(out, element, *delimiter)?;
            return rest.is_empty().then_some(());
        }
        Encoding::Composite(fields) => {
            let rest = Literal::new(text, int8_as_text).composite(out, fields)?;
            return rest.is_empty().then_some(());
        }
        Encoding::Hstore => {
            // A pair ends with a comma; so does the last one then.
            let pairs = if text.is_empty() { String::new() } else { format!("{text},") };
            Literal::new(&pairs, int8_as_text).hstore(out)?;
        }
        Encoding::Bytes | Encoding::Text => write_string(out, text),
    }
    Some(())
}

/// A JSON number: Postgres prints no others but the special floats, and money is text.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// `2024-01-02 03:04:05` -> `2024-01-02T03:04:05`; `infinity` stays.
fn with_t(text: &str) -> Option<String> {
    if text.ends_with("infinity") {
        return Some(text.to_owned());
    }
    let (date, time) = text.split_once(' ')?;
    Some(format!("{date}T{time}"))
}

/// `+00` -> `+00:00`. Offsets with minutes stay, and ` BC` stays behind.
fn with_minutes(text: &str) -> String {
    let (stamp, era) = match text.strip_suffix(" BC") {
        Some(stamp) => (stamp, " BC"),
        None => (text, ""),
    };
    let time = stamp.find('T').unwrap_or(0);
    match stamp.rfind(['+', '-']) {
        Some(at) if at > time && !stamp[at..].contains(':') => format!("{stamp}:00{era}"),
        _ => text.to_owned(),
    }
}

/// `[0:2]={..}` -> `{..}`.
fn skip_bounds(text: &str) -> &str {
    match text.split_once('=') {
        Some((bounds, rest)) if bounds.starts_with('[') => rest,
        _ => text,
    }
}

/// Reads the text form of arrays and rows.
struct Literal<'a> {
    rest: &'a str,
    int8_as_text: bool,
}

/// A value inside an array or row.
enum Item {
    /// SQL null: nothing at all in a row, the bare word in an array.
    Null,
    Value(String),
}

/// Arrays have at most six dimensions.
const MAX_DEPTH: usize = 6;

impl<'a> Literal<'a> {
    fn new(text: &'a str, int8_as_text: bool) -> Self {
        Self { rest: text, int8_as_text }
    }

    fn array(mut self, out: &mut String, element: &Encoding, delimiter: char) -> Option<&'a str> {
        self.dimension(out, element, delimiter, 0)?;
        Some(self.rest)
    }

    fn dimension(
        &mut self,
        out: &mut String,
        element: &Encoding,
        delimiter: char,
        depth: usize,
    ) -> Option<()> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.take('{')?;
        out.push('[');
        if self.take('}').is_none() {
            loop {
                if self.rest.starts_with('{') {
                    self.dimension(out, element, delimiter, depth + 1)?;
                } else {
                    match self.item(&[delimiter, '}'], false)? {
                        Item::Null => out.push_str("null"),
                        Item::Value(text) => {
                            write_typed(out, element, self.int8_as_text, &text, true)?;
                        }
                    }
                }
                if self.take('}').is_some() {
                    break;
                }
                self.take(delimiter)?;
                out.push(',');
            }
        }
        out.push(']');
        Some(())
    }

    fn composite(mut self, out: &mut String, fields: &[(String, Encoding)]) -> Option<&'a str> {
        self.take('(')?;
        out.push('{');
        for (index, (name, encoding)) in fields.iter().enumerate() {
            if index > 0 {
                self.take(',')?;
                out.push(',');
            }
            write_string(out, name);
            out.push(':');
            match self.item(&[',', ')'], true)? {
                Item::Null => out.push_str("null"),
                Item::Value(text) => write_typed(out, encoding, self.int8_as_text, &text, true)?,
            }
        }
        self.take(')')?;
        out.push('}');
        Some(self.rest)
    }

    fn hstore(mut self, out: &mut String) -> Option<()> {
        out.push('{');
        let mut is_first = true;
        while !self.rest.is_empty() {
            let Item::Value(key) = self.item(&['='], false)? else { return None };
            self.take('=')?;
            self.take('>')?;
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            write_string(out, &key);
            out.push(':');
            match self.item(&[','], false)? {
                Item::Null => out.push_str("null"),
                Item::Value(text) => write_string(out, &text),
            }
            self.take(',')?;
            self.rest = self.rest.trim_start();
        }
        out.push('}');
        Some(())
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    /// One value up to one of `ends`.
    fn item(&mut self, ends: &[char], is_row: bool) -> Option<Item> {
        let mut text = String::new();
        let mut was_quoted = false;
        let mut is_quoted = false;
        let mut chars = self.rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next()?.1),
                // A doubled quote inside quotes is one quote (rows write it so).
                '"' if is_quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    chars.next();
                    text.push('"');
                }
                '"' => {
                    is_quoted = !is_quoted;
                    was_quoted = true;
                }
                c if !is_quoted && ends.contains(&c) => {
                    self.rest = &self.rest[at..];
                    let is_null =
                        !was_quoted && if is_row { text.is_empty() } else { text == "NULL" };
                    return Some(if is_null { Item::Null } else { Item::Value(text) });
                }
                c => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(encoding: &Encoding, text: &str) -> String {
        let mut out = String::new();
        write_json(&mut out, encoding, false, text);
        out
    }

    fn array(element: Encoding) -> Encoding {
        Encoding::Array(Box::new(element), ',')
    }

    #[test]
    fn numbers_keep_their_scale() {
        for number in ["0", "-7", "1.10", "9007199254740993", "1e+20", "1.5e-07"] {
            assert_eq!(json(&Encoding::Number, number), number);
        }
        for special in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(json(&Encoding::Number, special), "null");
        }
    }

    #[test]
    fn booleans_bytes_and_json() {
        assert_eq!(json(&Encoding::Boolean, "t"), "true");
        assert_eq!(json(&Encoding::Bytes, "\\x0102ff"), "\"0102ff\"");
        assert_eq!(json(&array(Encoding::Bytes), "{\"\\\\x01\"}"), "[\"\\\\x01\"]");
        assert_eq!(json(&Encoding::Json, "{\"a\": 1}"), "{\"a\": 1}");
    }

    #[test]
    fn timestamps_are_iso() {
        assert_eq!(
            json(&Encoding::Timestamp, "2024-01-02 03:04:05.678"),
            "\"2024-01-02T03:04:05.678\""
        );
        assert_eq!(
            json(&Encoding::TimestampTz, "2024-01-02 01:04:05+00"),
            "\"2024-01-02T01:04:05+00:00\""
        );
        assert_eq!(
            json(&Encoding::TimestampTz, "0044-03-15 12:00:00+00 BC"),
            "\"0044-03-15T12:00:00+00:00 BC\""
        );
        assert_eq!(json(&Encoding::TimestampTz, "-infinity"), "\"-infinity\"");
    }

    #[test]
    fn arrays_nest_and_keep_null() {
        assert_eq!(json(&array(Encoding::Number), "{1,NULL,3}"), "[1,null,3]");
        assert_eq!(json(&array(Encoding::Number), "{}"), "[]");
        assert_eq!(json(&array(Encoding::Number), "{1.5,NaN}"), "[1.5,\"NaN\"]");
        assert_eq!(json(&array(Encoding::Number), "[0:1]={1,2}"), "[1,2]");
        assert_eq!(json(&array(Encoding::Number), "{{1,2},{3,4}}"), "[[1,2],[3,4]]");
        assert_eq!(
            json(&array(Encoding::Text), r#"{a,"b,c","say \"hi\"","NULL",""}"#),
            r#"["a","b,c","say \"hi\"","NULL",""]"#
        );
    }

    #[test]
    fn rows_become_objects() {
        let row = Encoding::Composite(vec![
            ("a".into(), Encoding::Number),
            ("b".into(), Encoding::Text),
            ("c".into(), Encoding::Text),
        ]);
        assert_eq!(json(&row, r#"(1,"x ""y"", z",)"#), r#"{"a":1,"b":"x \"y\", z","c":null}"#);
        let rows = array(row);
        assert_eq!(json(&rows, r#"{"(1,x,\"\")"}"#), r#"[{"a":1,"b":"x","c":""}]"#);
    }

    #[test]
    fn pairs_become_objects() {
        assert_eq!(json(&Encoding::Hstore, ""), "{}");
        assert_eq!(
            json(&Encoding::Hstore, r#""a"=>"1", "b"=>NULL, "c,d"=>"x\"=>y\\", ""=>"""#),
            r#"{"a":"1","b":null,"c,d":"x\"=>y\\","":""}"#
        );
    }

    #[test]
    fn eight_bytes_are_text_where_numbers_are_not_exact() {
        let text = |encoding: &Encoding, text: &str| {
            let mut out = String::new();
            write_json(&mut out, encoding, true, text);
            out
        };
        assert_eq!(text(&Encoding::Int8, "9007199254740993"), "\"9007199254740993\"");
        assert_eq!(text(&Encoding::Number, "7"), "7");
        assert_eq!(text(&array(Encoding::Int8), "{1,NULL}"), "[\"1\",null]");
        let row = Encoding::Composite(vec![("a".into(), Encoding::Int8)]);
        assert_eq!(text(&row, "(1)"), "{\"a\":\"1\"}");
    }

    #[test]
    fn unexpected_forms_stay_text() {
        assert_eq!(json(&Encoding::Number, "1.2.3"), "\"1.2.3\"");
        assert_eq!(json(&Encoding::Boolean, "yes"), "\"yes\"");
        assert_eq!(json(&array(Encoding::Number), "{1,2"), "\"{1,2\"");
        assert_eq!(json(&array(Encoding::Number), "{1}x"), "\"{1}x\"");
    }

    proptest::proptest! {
        #[test]
        fn always_valid_json(text in "[-{}(),=>\"\\\\ NUL0-9a.:]{0,40}", kind in 0..7_usize) {
            let kinds = [
                Encoding::Number,
                Encoding::Json,
                Encoding::TimestampTz,
                array(Encoding::Number),
                array(array(Encoding::Text)),
                Encoding::Hstore,
                Encoding::Composite(vec![("a".into(), Encoding::Text), ("b".into(), array(Encoding::Number))]),
            ];
            let out = json(&kinds[kind], &text);
            proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{}", out);
        }
    }
}
