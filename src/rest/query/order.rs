//! `order=a.desc.nullslast,rel(b)`

use super::super::error::Error;
use super::cursor::Cursor;
use super::path::Path;

/// One term of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The embed whose column it is, when it is not the row's own.
    pub relation: Option<String>,
    /// By what.
    pub path: Path,
    /// Which way, in SQL.
    pub direction: Option<&'static str>,
    /// Where nulls go, in SQL.
    pub nulls: Option<&'static str>,
}

/// Reads a whole order.
pub fn parse(text: &str) -> Result<Vec<Term>, Error> {
    let mut cursor = Cursor::new("order", text);
    let mut terms = Vec::new();
    loop {
        terms.push(term(&mut cursor)?);
        cursor.skip_spaces();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.end()?;
    Ok(terms)
}

fn term(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    let mut path = Path::read(cursor)?;
    let mut relation = None;
    if path.steps.is_empty() && cursor.eat("(") {
        relation = Some(path.column);
        path = Path::read(cursor)?;
        cursor.expect(")")?;
    }
    let mut term = Term { relation, path, direction: None, nulls: None };
    while cursor.eat(".") {
        let mut ahead = cursor.clone();
        match ahead.take_while(|character| character.is_ascii_alphabetic()) {
            "asc" if term.direction.is_none() && term.nulls.is_none() => {
                term.direction = Some("asc");
            }
            "desc" if term.direction.is_none() && term.nulls.is_none() => {
                term.direction = Some("desc");
            }
            "nullsfirst" if term.nulls.is_none() => term.nulls = Some("nulls first"),
            "nullslast" if term.nulls.is_none() => term.nulls = Some("nulls last"),
            _ => {
                return Err(cursor.fail("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""));
            }
        }
        *cursor = ahead;
    }
    Ok(term)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn direction_and_nulls_are_read() {
        let terms = parse("created_at.desc.nullslast, data->>a,id.nullsfirst").expect("parses");
        assert_eq!((terms[0].direction, terms[0].nulls), (Some("desc"), Some("nulls last")));
        assert_eq!(terms[1].path.label(), "a");
        assert_eq!((terms[2].direction, terms[2].nulls), (None, Some("nulls first")));
    }

    #[test]
    fn term_may_be_an_embeds() {
        let terms = parse("author(data->>name).desc,id").expect("parses");
        assert_eq!(terms[0].relation.as_deref(), Some("author"));
        assert_eq!((terms[0].path.label(), terms[0].direction), ("name", Some("desc")));
        assert_eq!(terms[1].relation, None);
    }

    #[test]
    fn unknown_direction_is_refused() {
        let error = parse("id.up").expect_err("refused");
        assert_eq!(error.message(), r#""failed to parse order (id.up)" (line 1, column 4)"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"([a-z,.()" >-]|.){0,60}"#) {
            let _ = parse(&text);
        }
    }
}
