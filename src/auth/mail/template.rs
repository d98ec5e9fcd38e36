//! Text with holes: `{{ .ConfirmationURL }}`, `{{ .Data.name }}`. The names are GoTrue's, the
//! language is no more than that: what it does not know stops the server at its start.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What can stand in a hole, besides `.Data.` and a key.
const NAMES: [&str; 13] = [
    "SiteURL",
    "ConfirmationURL",
    "Token",
    "TokenHash",
    "RedirectTo",
    "Email",
    "NewEmail",
    "OldEmail",
    "SendingTo",
    "Phone",
    "OldPhone",
    "Provider",
    "FactorType",
];

/// A template that was understood.
#[derive(Debug)]
pub(in crate::auth) struct Template(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(&'static str),
    /// A key of what the person says of themselves.
    Data(String),
}

/// What the holes are filled with.
#[derive(Default)]
pub(in crate::auth) struct Values {
    pub named: BTreeMap<&'static str, String>,
    pub data: Map<String, Value>,
}

impl Template {
    /// Understands a template, or says what it does not.
    pub(in crate::auth) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (hole, behind) =
                after.split_once("}}").ok_or_else(|| "a {{ is not followed by }}".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(part(hole.trim_matches(['-', ' ', '\t', '\n', '\r']))?);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// The text with its holes filled; what has no value leaves nothing.
    pub(in crate::auth) fn text(&self, values: &Values) -> String {
        self.fill(values, str::to_owned)
    }

    /// The same as one line, whatever the values hold.
    pub(in crate::auth) fn line(&self, values: &Values) -> String {
        let whole = self.text(values);
        whole.split(char::is_control).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// As HTML: no value can be more than text, within quotes too.
    pub(in crate::auth) fn html(&self, values: &Values) -> String {
        self.fill(values, escape)
    }

    fn fill(&self, values: &Values, write: fn(&str) -> String) -> String {
        let filled = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => values.named.get(name).map(|text| write(text)).unwrap_or_default(),
            Part::Data(key) => match values.data.get(key) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => write(text),
                Some(other) => write(&other.to_string()),
            },
        });
        filled.collect()
    }
}

fn part(hole: &str) -> Result<Part, String> {
    let unknown = || format!("{{{{ {hole} }}}} is not understood");
    let name = hole.strip_prefix('.').ok_or_else(unknown)?;
    if let Some(key) = name.strip_prefix("Data.").filter(|key| !key.is_empty()) {
        return Ok(Part::Data(key.to_owned()));
    }
    NAMES.into_iter().find(|&known| known == name).map(Part::Name).ok_or_else(unknown)
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let named = BTreeMap::from([("Email", "a&b@x.y".to_owned()), ("Token", "123456".into())]);
        let data = serde_json::from_str(r#"{"name":"<Ana>\r\nBcc: all","age":7}"#).unwrap();
        Values { named, data }
    }

    #[test]
    fn holes_are_filled() {
        let template = Template::parse("{{ .Token }} for {{.Email}} ({{ .Data.age }}){{.Phone}}");
        assert_eq!(template.unwrap().text(&values()), "123456 for a&b@x.y (7)");
    }

    #[test]
    fn values_stay_text() {
        let template = Template::parse("<b title='{{ .Data.name }}'>{{ .Email }}</b>").unwrap();
        let html = template.html(&values());
        assert!(html.contains("&lt;Ana&gt;") && html.ends_with(">a&amp;b@x.y</b>"));
        assert!(!template.line(&values()).contains(['\r', '\n']));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for text in ["{{ .Tokn }}", "{{ if .Token }}", "{{ Token }}", "{{ .Token", "{{ .Data. }}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
