//! `col=not.eq.1`, `or=(a.eq.1,and(b.gt.2,c.is.null))`

use super::super::error::Error;
use super::MAX_DEPTH;
use super::cursor::Cursor;
use super::path::Path;

/// Operators that compare a column with a value: wire name, SQL, and whether `(any)` and
/// `(all)` may follow.
const OPERATORS: &[(&str, &str, bool)] = &[
    ("eq", "=", true),
    ("neq", "<>", false),
    ("gte", ">=", true),
    ("gt", ">", true),
    ("lte", "<=", true),
    ("lt", "<", true),
    ("like", "like", true),
    ("ilike", "ilike", true),
    ("match", "~", true),
    ("imatch", "~*", true),
    ("isdistinct", "is distinct from", false),
    ("cs", "@>", false),
    ("cd", "<@", false),
    ("ov", "&&", false),
    ("sl", "<<", false),
    ("sr", ">>", false),
    ("nxr", "&<", false),
    ("nxl", "&>", false),
    ("adj", "-|-", false),
];

/// Searches of documents: wire name, and the function that makes a query of text.
const SEARCHES: &[(&str, &str)] = &[
    ("fts", "to_tsquery"),
    ("plfts", "plainto_tsquery"),
    ("phfts", "phraseto_tsquery"),
    ("wfts", "websearch_to_tsquery"),
];

/// What a comparison begins with, as errors say it.
const OPERATOR: &str = "\"not\" or operator (eq, gt, ...)";

/// What a condition begins with, as errors say it.
const CONDITION: &str = "field name (* or [a..z0..9_$]), negation operator (not) or logic \
                         operator (and, or)";

/// What must hold of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One column compared.
    Filter(Filter),
    /// Several conditions joined.
    Logic {
        /// Whether the whole is turned round.
        is_negated: bool,
        /// Whether all must hold, or any.
        is_all: bool,
        /// The conditions.
        conditions: Vec<Condition>,
    },
}

/// One column compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is compared.
    pub path: Path,
    /// Whether the comparison is turned round.
    pub is_negated: bool,
    /// With what.
    pub operation: Operation,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// With a value that Postgres reads as the column's type.
    Compare {
        /// The SQL operator.
        operator: &'static str,
        /// `any` or `all` elements of an array literal.
        quantifier: Option<&'static str>,
        /// The value.
        value: String,
    },
    /// Does the document match?
    Search {
        /// The function that makes a query of the words.
        function: &'static str,
        /// The text search configuration, when it is not the database's.
        language: Option<String>,
        /// The words.
        words: String,
    },
    /// Is it one of these?
    In(Vec<String>),
    /// Is it this, in SQL?
    Is(&'static str),
}

/// Reads the value of a parameter that is named by a column.
pub fn parse(path: Path, text: &str) -> Result<Condition, Error> {
    let mut cursor = Cursor::new("filter", text);
    let (is_negated, operation) = operation(&mut cursor, whole_value)?;
    cursor.end()?;
    Ok(Condition::Filter(Filter { path, is_negated, operation }))
}

/// Whether a value reads as a comparison; in calls, others are arguments.
pub fn is_filter(text: &str) -> bool {
    let text = text.strip_prefix("not.").unwrap_or(text);
    let name = text.split(['.', '(']).next().unwrap_or_default();
    name.len() < text.len()
        && (matches!(name, "in" | "is")
            || OPERATORS.iter().any(|(wire, ..)| *wire == name)
            || SEARCHES.iter().any(|(wire, _)| *wire == name))
}

/// How conditions are joined: whether negated, whether all must hold.
const OPERATIONS: [&str; 4] = ["and", "or", "not.and", "not.or"];

/// Reads the value of `and`, `or`, `not.and`, `not.or`.
pub fn parse_logic(is_negated: bool, is_all: bool, text: &str) -> Result<Condition, Error> {
    // Columns in errors count from the operator, which stands in the parameter's name.
    let operation = OPERATIONS[2 * usize::from(is_negated) + usize::from(!is_all)];
    let whole = format!("{operation}{text}");
    let mut cursor = Cursor::new("logic tree", &whole).shown_as(text);
    cursor.eat(operation);
    let conditions = conditions(&mut cursor, 0)?;
    cursor.end()?;
    Ok(Condition::Logic { is_negated, is_all, conditions })
}

fn conditions(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Condition>, Error> {
    if depth >= MAX_DEPTH {
        return Err(cursor.fail("fewer levels of logic"));
    }
    cursor.expect("(")?;
    let mut conditions = Vec::new();
    loop {
        cursor.skip_spaces();
        conditions.push(condition(cursor, depth)?);
        cursor.skip_spaces();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect(")")?;
    Ok(conditions)
}

fn condition(cursor: &mut Cursor<'_>, depth: usize) -> Result<Condition, Error> {
    for (index, operation) in OPERATIONS.iter().enumerate() {
        let mut ahead = cursor.clone();
        if ahead.eat(operation) && ahead.comes("(") {
            *cursor = ahead;
            let (is_negated, is_all) = (index >= 2, index % 2 == 0);
            let conditions = conditions(cursor, depth + 1)?;
            return Ok(Condition::Logic { is_negated, is_all, conditions });
        }
    }
    let path = Path::read(cursor).map_err(|_| cursor.fail(CONDITION))?;
    cursor.dot()?;
    let (is_negated, operation) = operation(cursor, logic_value)?;
    Ok(Condition::Filter(Filter { path, is_negated, operation }))
}

/// `[not.]op[(modifier)].value`
fn operation(
    cursor: &mut Cursor<'_>,
    value: impl Fn(&mut Cursor<'_>) -> String,
) -> Result<(bool, Operation), Error> {
    let is_negated = cursor.eat("not.");
    let mut ahead = cursor.clone();
    let name = ahead.take_while(|character| character.is_ascii_alphabetic());
    let operation = match name {
        "in" => {
            ahead.dot()?;
            Operation::In(list(&mut ahead)?)
        }
        "is" => {
            ahead.dot()?;
            Operation::Is(is_value(&mut ahead)?)
        }
        _ if SEARCHES.iter().any(|(wire, _)| *wire == name) => {
            let language = language(&mut ahead)?;
            ahead.dot()?;
            let found = SEARCHES.iter().find(|(wire, _)| *wire == name);
            let function = found.map_or("to_tsquery", |(_, function)| *function);
            Operation::Search { function, language, words: value(&mut ahead) }
        }
        _ => {
            let found = OPERATORS.iter().find(|(wire, ..)| *wire == name);
            let Some((wire, operator, may_quantify)) = found else {
                return Err(cursor.fail(OPERATOR));
            };
            let quantifier = if *may_quantify { quantifier(&mut ahead) } else { None };
            ahead.dot()?;
            let mut value = value(&mut ahead);
            if matches!(*wire, "like" | "ilike") {
                value = value.replace('*', "%");
            }
            Operation::Compare { operator, quantifier, value }
        }
    };
    *cursor = ahead;
    Ok((is_negated, operation))
}

fn quantifier(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    if cursor.eat("(any)") {
        Some("any")
    } else if cursor.eat("(all)") {
        Some("all")
    } else {
        None
    }
}

/// `(english)`
fn language(cursor: &mut Cursor<'_>) -> Result<Option<String>, Error> {
    if !cursor.eat("(") {
        return Ok(None);
    }
    let language = cursor.name()?;
    cursor.expect(")")?;
    Ok(Some(language))
}

fn is_value(cursor: &mut Cursor<'_>) -> Result<&'static str, Error> {
    let mut ahead = cursor.clone();
    let word = ahead.take_while(|character| character.is_ascii_alphabetic() || character == '_');
    let sql = match word.to_ascii_lowercase().as_str() {
        "null" => "null",
        "not_null" => "not null",
        "true" => "true",
        "false" => "false",
        "unknown" => "unknown",
        _ => return Err(cursor.fail("isVal: (null, not_null, true, false, unknown)")),
    };
    *cursor = ahead;
    Ok(sql)
}

/// `(a,"b,c")`; nothing between the brackets is no element.
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Error> {
    cursor.expect("(")?;
    if cursor.eat(")") {
        return Ok(Vec::new());
    }
    let mut elements = Vec::new();
    loop {
        elements.push(element(cursor));
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect(")")?;
    Ok(elements)
}

/// A quoted value only when the quote ends the element, so that `"a"b` stays as it is.
fn element(cursor: &mut Cursor<'_>) -> String {
    let mut ahead = cursor.clone();
    if let Ok(quoted) = ahead.quoted()
        && (ahead.comes(",") || ahead.comes(")"))
    {
        *cursor = ahead;
        return quoted;
    }
    cursor.take_while(|character| !matches!(character, ',' | ')')).to_owned()
}

/// A value inside of brackets; an array literal keeps its commas.
fn logic_value(cursor: &mut Cursor<'_>) -> String {
    let mut ahead = cursor.clone();
    if ahead.eat("{") {
        let literal = ahead.take_while(|character| !matches!(character, '{' | '}'));
        if ahead.eat("}") {
            *cursor = ahead;
            return format!("{{{literal}}}");
        }
    }
    element(cursor)
}

/// A value outside of brackets: whatever is left.
fn whole_value(cursor: &mut Cursor<'_>) -> String {
    cursor.take_rest().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn operation_of(text: &str) -> (bool, Operation) {
        match parse(Path::column("c"), text).expect("parses") {
            Condition::Filter(filter) => (filter.is_negated, filter.operation),
            Condition::Logic { .. } => panic!("a filter"),
        }
    }

    fn compare(operator: &'static str, quantifier: Option<&'static str>, value: &str) -> Operation {
        Operation::Compare { operator, quantifier, value: value.into() }
    }

    #[test]
    fn value_is_everything_behind_the_operator() {
        assert_eq!(operation_of("eq.a,b).c"), (false, compare("=", None, "a,b).c")));
        assert_eq!(operation_of("not.ilike.*x*"), (true, compare("ilike", None, "%x%")));
        assert_eq!(operation_of("eq."), (false, compare("=", None, "")));
        assert_eq!(operation_of("gt(any).{1,2}"), (false, compare(">", Some("any"), "{1,2}")));
    }

    #[test]
    fn lists_are_quoted_or_bare() {
        let list = operation_of(r#"in.(1,"a,\"b",)"#).1;
        assert_eq!(list, Operation::In(vec!["1".into(), "a,\"b".into(), String::new()]));
        assert_eq!(operation_of("in.()").1, Operation::In(vec![]));
    }

    #[test]
    fn is_takes_few_words() {
        assert_eq!(operation_of("is.NULL").1, Operation::Is("null"));
        assert_eq!(operation_of("not.is.true"), (true, Operation::Is("true")));
        assert!(parse(Path::column("c"), "is.nil").is_err());
        assert!(parse(Path::column("c"), "is.nullx").is_err());
    }

    #[test]
    fn logic_nests() {
        let text = r#"(a.eq.1,not.and(b.in.(1,2),"c.d".cs.{3,4}),e->>f.is.null)"#;
        let Condition::Logic { conditions, .. } = parse_logic(false, false, text).expect("parses")
        else {
            panic!("logic")
        };
        assert_eq!(conditions.len(), 3);
        let Condition::Logic { is_negated, is_all, conditions } = &conditions[1] else {
            panic!("logic")
        };
        assert!(is_negated & is_all);
        assert_eq!(conditions.len(), 2);
    }

    #[test]
    fn unknown_operator_is_refused() {
        let error = parse(Path::column("c"), "foo.1").expect_err("refused");
        assert_eq!(error.message(), r#""failed to parse filter (foo.1)" (line 1, column 1)"#);
    }

    #[test]
    fn searches_may_name_a_language() {
        let search = |language: Option<&str>, function| Operation::Search {
            function,
            language: language.map(str::to_owned),
            words: "a b".into(),
        };
        assert_eq!(operation_of("fts.a b").1, search(None, "to_tsquery"));
        let german = search(Some("german"), "websearch_to_tsquery");
        assert_eq!(operation_of("not.wfts(german).a b"), (true, german));
        assert!(is_filter("plfts(english).x"));
    }

    #[test]
    fn place_of_an_error_in_logic_counts_the_operator() {
        let error = parse_logic(false, false, "(id.in.1,2,id.eq.3)").expect_err("refused");
        assert_eq!(
            error.message(),
            r#""failed to parse logic tree ((id.in.1,2,id.eq.3))" (line 1, column 10)"#
        );
    }

    #[test]
    fn names_may_begin_like_operators() {
        let logic = parse_logic(true, true, "(order.eq.1,android.eq.2,not.or(a.eq.1))");
        let Condition::Logic { is_negated: true, conditions, .. } = logic.expect("parses") else {
            panic!("negated logic")
        };
        assert_eq!(conditions.len(), 3);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse_logic(false, true, &"(and".repeat(10_000)).is_err());
    }

    #[test]
    fn arguments_are_told_from_filters() {
        assert!(is_filter("eq.1") && is_filter("not.in.(1)") && is_filter("like(any).{a}"));
        assert!(!is_filter("eq") && !is_filter("hello.there") && !is_filter("1"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"([a-z,.(){}"\\ >-]|.){0,60}"#) {
            let _ = parse(Path::column("c"), &text);
            let _ = parse_logic(false, true, &text);
            let _ = is_filter(&text);
        }
    }
}
