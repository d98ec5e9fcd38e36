//! The grammar of filters: text -> [`Tree`] of [`Condition`]s. Pure.
//!
//! A list of `column=op.value` of which all must hold; beside them the groups of REST,
//! `or=(a.eq.1,and(b.gt.2,c.is.null))`. Anything may be negated with `not.`.

use serde_json::Value;

use super::super::error::Binding as Error;

/// Longest filter, in bytes: a list of a hundred identifiers fits twice.
const MAX_FILTER_BYTES: usize = 8 * 1024;

/// Most conditions of one filter: each is looked at for every change.
const MAX_CONDITIONS: usize = 100;

/// Groups within groups.
const MAX_DEPTH: usize = 8;

/// Conditions, and how they are joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tree<T> {
    /// All must hold.
    All(Vec<Self>),
    /// One must hold.
    Any(Vec<Self>),
    /// It must not hold.
    Not(Box<Self>),
    /// A condition.
    One(T),
}

impl<T> Tree<T> {
    /// Whether it holds when `of` tells it of each condition: as in SQL, what is unknown (`None`)
    /// stays so, negated or not, unless the rest decides.
    pub fn holds(&self, of: &mut impl FnMut(&T) -> Option<bool>) -> Option<bool> {
        let mut joined = |trees: &[Self], decisive: bool| {
            let mut answer = Some(!decisive);
            for tree in trees {
                match tree.holds(of) {
                    Some(holds) if holds == decisive => return Some(decisive),
                    Some(_) => {}
                    None => answer = None,
                }
            }
            answer
        };
        match self {
            Self::All(trees) => joined(trees, false),
            Self::Any(trees) => joined(trees, true),
            Self::Not(tree) => tree.holds(of).map(|holds| !holds),
            Self::One(condition) => of(condition),
        }
    }

    /// The same joints with something else for each condition.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<U, E>(
        &self,
        change: &mut impl FnMut(&T) -> Result<Tree<U>, E>,
    ) -> Result<Tree<U>, E> {
        let mut each = |trees: &[Self]| {
            trees.iter().map(|tree| tree.try_map(change)).collect::<Result<Vec<_>, E>>()
        };
        Ok(match self {
            Self::All(trees) => Tree::All(each(trees)?),
            Self::Any(trees) => Tree::Any(each(trees)?),
            Self::Not(tree) => Tree::Not(Box::new(tree.try_map(change)?)),
            Self::One(condition) => change(condition)?,
        })
    }

    /// Shows every condition to `look`.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a T)) {
        match self {
            Self::All(trees) | Self::Any(trees) => trees.iter().for_each(|tree| tree.visit(look)),
            Self::Not(tree) => tree.visit(look),
            Self::One(condition) => look(condition),
        }
    }
}

/// What is asked of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Eq,
    /// `<>`
    Neq,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `in (..)`
    In,
    /// `like`
    Like,
    /// `ilike`
    Ilike,
    /// `is null`, `is true`, `is false`, `is unknown`
    Is,
    /// `~`
    Match,
    /// `~*`
    Imatch,
    /// `is distinct from`
    IsDistinct,
}

impl Operator {
    const ALL: [(&str, Self); 13] = [
        ("eq", Self::Eq),
        ("neq", Self::Neq),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("in", Self::In),
        ("like", Self::Like),
        ("ilike", Self::Ilike),
        ("is", Self::Is),
        ("match", Self::Match),
        ("imatch", Self::Imatch),
        ("isdistinct", Self::IsDistinct),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// As filters spell it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }
}

/// `column=op.value`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// What is asked of it.
    pub operator: Operator,
    /// With which value; for `in`, the list in its parentheses.
    pub value: String,
}

impl Condition {
    /// The values of an `in` list; a bare `null` is the SQL null.
    pub fn list(&self) -> Vec<Option<String>> {
        let inner = &self.value[1..self.value.len() - 1];
        if inner.trim().is_empty() {
            return Vec::new();
        }
        let value = |item: &str| (!item.eq_ignore_ascii_case("null")).then(|| unquote(item));
        split_list(inner).into_iter().map(|item| value(item.trim())).collect()
    }
}

/// Reads a filter.
///
/// # Errors
/// It does not parse, or is larger than anybody can mean.
pub fn parse(filter: &str) -> Result<Tree<Condition>, Error> {
    if filter.len() > MAX_FILTER_BYTES {
        let most = format!("the filter is longer than {MAX_FILTER_BYTES} bytes");
        return Err(Error::Filter(most));
    }
    if filter.trim().is_empty() {
        return Ok(Tree::All(Vec::new()));
    }
    let tree = Tree::All(split_list(filter).into_iter().map(listed).collect::<Result<_, _>>()?);
    let mut conditions = 0;
    tree.visit(&mut |_| conditions += 1);
    if conditions > MAX_CONDITIONS {
        return Err(Error::Filter(format!("a filter has at most {MAX_CONDITIONS} conditions")));
    }
    Ok(tree)
}

/// As the reference prints filters in error texts.
pub fn describe(filter: &str) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let condition = |of: &Condition, not: &str| {
        let operator = format!("{not}{}", of.operator.name());
        format!("{{{}, {}, {}}}", text(&of.column), text(&operator), text(&of.value))
    };
    let segments = split_list(filter).into_iter().filter(|segment| !segment.trim().is_empty());
    let each: Vec<String> = segments
        .map(|segment| match listed(segment) {
            Ok(Tree::One(of)) => condition(&of, ""),
            Ok(Tree::Not(tree)) => match &*tree {
                Tree::One(of) => condition(of, "not."),
                _ => text(segment.trim()),
            },
            _ => text(segment.trim()),
        })
        .collect();
    format!("[{}]", each.join(", "))
}

/// One of the outer list: `column=op.value` or `or=(..)`.
fn listed(segment: &str) -> Result<Tree<Condition>, Error> {
    let segment = not_empty(segment)?;
    let (name, rest) = segment.split_once('=').ok_or_else(|| refused(&[segment]))?;
    let (is_negated, joint) = negated(name);
    match joint {
        "or" | "and" if rest.starts_with('(') => group(joint, rest, is_negated, 1),
        _ => condition(name, rest),
    }
}

/// `(member,member)`
fn group(
    joint: &str,
    text: &str,
    is_negated: bool,
    depth: usize,
) -> Result<Tree<Condition>, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Filter(format!("groups are nested at most {MAX_DEPTH} deep")));
    }
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let inner = inner.ok_or_else(|| refused(&[joint, text]))?;
    let members: Vec<_> = split_list(inner)
        .into_iter()
        .map(|text| member(text, depth + 1))
        .collect::<Result<_, _>>()?;
    let tree = if joint == "or" { Tree::Any(members) } else { Tree::All(members) };
    Ok(negate_if(is_negated, tree))
}

/// One of a group: `column.op.value` or `or(..)`.
fn member(text: &str, depth: usize) -> Result<Tree<Condition>, Error> {
    let text = not_empty(text)?;
    let (is_negated, rest) = negated(text);
    for joint in ["or", "and"] {
        if let Some(inner) = rest.strip_prefix(joint).filter(|rest| rest.starts_with('(')) {
            return group(joint, inner, is_negated, depth);
        }
    }
    let end = match text.strip_prefix('"') {
        // A quoted name ends before the first dot after its closing quote.
        Some(_) => text.find("\".").map(|at| at + 1),
        None => text.find('.'),
    };
    let (column, rest) = end.map(|at| text.split_at(at)).ok_or_else(|| refused(&[text]))?;
    condition(&unquote(column), &rest[1..])
}

/// `op.value`, for `column`.
fn condition(column: &str, text: &str) -> Result<Tree<Condition>, Error> {
    let (is_negated, rest) = negated(text);
    let (name, value) = rest.split_once('.').ok_or_else(|| refused(&[rest]))?;
    let operator = Operator::named(name).ok_or_else(|| refused(&[name, value]))?;
    let column = column.trim().to_owned();
    let value = value.trim();
    if column.is_empty() {
        return Err(refused(&[name, value]));
    }
    if operator == Operator::In
        && (value.len() < 2 || !value.starts_with('(') || !value.ends_with(')'))
    {
        return Err(Error::Filter("`in` filter value must be wrapped by parentheses".into()));
    }
    let value = if operator == Operator::In { value.to_owned() } else { unquote(value) };
    Ok(negate_if(is_negated, Tree::One(Condition { column, operator, value })))
}

fn negated(text: &str) -> (bool, &str) {
    text.strip_prefix("not.").map_or((false, text), |rest| (true, rest))
}

fn negate_if(is_negated: bool, tree: Tree<Condition>) -> Tree<Condition> {
    if is_negated { Tree::Not(Box::new(tree)) } else { tree }
}

fn not_empty(text: &str) -> Result<&str, Error> {
    let text = text.trim();
    if text.is_empty() {
        let empty = "filter must not contain empty segments (check for extra commas)";
        return Err(Error::Filter(empty.into()));
    }
    Ok(text)
}

fn refused(parts: &[&str]) -> Error {
    let parts: Vec<String> = parts.iter().map(|part| Value::from(*part).to_string()).collect();
    Error::Filter(format!("[{}]", parts.join(", ")))
}

/// Splits at commas; not at those in parentheses, nor in a quoted value.
fn split_list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut before) = (0, 0_usize, ',');
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' if is_quoted => is_quoted = false,
            _ if is_quoted => {}
            '"' if matches!(before, '.' | '(' | ',') => is_quoted = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `"a \"b\""` -> `a "b"`; anything else as it is.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(column: &str, operator: Operator, value: &str) -> Tree<Condition> {
        Tree::One(Condition { column: column.into(), operator, value: value.into() })
    }

    fn not(tree: Tree<Condition>) -> Tree<Condition> {
        Tree::Not(Box::new(tree))
    }

    fn all(filter: &str) -> Vec<Tree<Condition>> {
        match parse(filter) {
            Ok(Tree::All(trees)) => trees,
            other => panic!("{filter}: {other:?}"),
        }
    }

    fn refusal(filter: &str) -> String {
        parse(filter).expect_err(filter).message()
    }

    #[test]
    fn lists_must_all_hold() {
        use Operator::{Eq, Gte, In, Is};
        assert_eq!(all(""), []);
        assert_eq!(all("a=eq.1, b=eq.x=y"), [one("a", Eq, "1"), one("b", Eq, "x=y")]);
        assert_eq!(all(r#"a=eq."1,\"2""#), [one("a", Eq, "1,\"2")]);
        assert_eq!(all("a=not.in.(1,2),b=gte.3"), [not(one("a", In, "(1,2)")), one("b", Gte, "3")]);
        assert_eq!(all("a=eq."), [one("a", Eq, "")]);
        assert_eq!(all("or=is.null"), [one("or", Is, "null")]);
        for (name, operator) in Operator::ALL {
            assert_eq!(all(&format!("a={name}.(1)")), [one("a", operator, "(1)")]);
        }
    }

    #[test]
    fn groups_are_those_of_rest() {
        use Operator::{Eq, Gt, Is};
        let inner = Tree::All(vec![one("b", Gt, "2"), not(one("c", Is, "null"))]);
        assert_eq!(
            all("x=eq.0,or=(a.eq.1,and(b.gt.2,c.not.is.null))"),
            [one("x", Eq, "0"), Tree::Any(vec![one("a", Eq, "1"), inner.clone()])]
        );
        assert_eq!(
            all("not.or=(not.and(b.gt.2,c.not.is.null))"),
            [not(Tree::Any(vec![not(inner)]))]
        );
        assert_eq!(
            all(r#"or=("a.b".eq."x,y)",c.is.null)"#),
            [Tree::Any(vec![one("a.b", Eq, "x,y)"), one("c", Is, "null")])]
        );
    }

    #[test]
    fn values_of_lists_are_split_and_unquoted() {
        let Tree::All(trees) = parse(r#"a=in.(1, "b,c" ,NULL,"null", d )"#).expect("parses") else {
            panic!("a list")
        };
        let [Tree::One(condition)] = &trees[..] else { panic!("{trees:?}") };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(condition.list(), [text("1"), text("b,c"), None, text("null"), text("d")]);
    }

    #[test]
    fn what_does_not_parse_is_refused_in_the_words_of_the_reference() {
        let prefix = "Error parsing `filter` params: ";
        for (filter, words) in [
            ("a=foo.hey", r#"["foo", "hey"]"#),
            ("a", r#"["a"]"#),
            ("a=eq", r#"["eq"]"#),
            ("=eq.1", r#"["eq", "1"]"#),
            ("or=(a)", r#"["a"]"#),
            ("or=(a.eq.1", r#"["or", "(a.eq.1"]"#),
            ("a=in.1,2", "`in` filter value must be wrapped by parentheses"),
            ("a=in.(", "`in` filter value must be wrapped by parentheses"),
            ("a=eq.1,", "filter must not contain empty segments (check for extra commas)"),
            (",", "filter must not contain empty segments (check for extra commas)"),
            ("or=()", "filter must not contain empty segments (check for extra commas)"),
        ] {
            assert_eq!(refusal(filter), format!("{prefix}{words}"), "{filter}");
        }
    }

    #[test]
    fn nothing_is_larger_than_anybody_can_mean() {
        let nested = |depth: usize| {
            format!("or=({}a.eq.1{})", "or(".repeat(depth - 1), ")".repeat(depth - 1))
        };
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).ends_with("at most 8 deep"));
        assert!(refusal(&nested(2000)).ends_with("at most 8 deep"));
        assert!(refusal(&nested(10_000)).ends_with("longer than 8192 bytes"));
        assert!(refusal(&vec!["a=eq.1"; 101].join(",")).ends_with("at most 100 conditions"));
    }

    #[test]
    fn unknown_stays_unknown_unless_the_rest_decides() {
        let tree = |text: &str| parse(text).expect(text);
        // `t`, `f` and `n` are columns that are true, false and unknown.
        let holds = |text: &str| {
            tree(text).holds(&mut |condition| match condition.column.as_str() {
                "t" => Some(true),
                "f" => Some(false),
                _ => None,
            })
        };
        assert_eq!(holds("t=eq.1,n=eq.1"), None);
        assert_eq!(holds("f=eq.1,n=eq.1"), Some(false));
        assert_eq!(holds("n=not.eq.1"), None);
        assert_eq!(holds("or=(n.eq.1,t.eq.1)"), Some(true));
        assert_eq!(holds("or=(n.eq.1,f.eq.1)"), None);
        assert_eq!(holds("not.or=(f.eq.1,f.eq.1)"), Some(true));
    }

    #[test]
    fn filters_are_printed_as_the_reference_prints_them() {
        assert_eq!(describe(""), "[]");
        assert_eq!(
            describe("a=eq.1,b=not.in.(1,2),or=(a.eq.1)"),
            r#"[{"a", "eq", "1"}, {"b", "not.in", "(1,2)"}, "or=(a.eq.1)"]"#
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(filter in "(or|and|not|[a-c=.,\"\\\\()é ]|eq\\.|in\\.){0,30}") {
            if let Ok(tree) = parse(&filter) {
                tree.visit(&mut |condition| {
                    if condition.operator == Operator::In {
                        let _ = condition.list();
                    }
                });
            }
            let _ = describe(&filter);
        }

        #[test]
        fn quoted_values_come_back(value in "\\PC{0,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let [Tree::One(found), Tree::Any(group)] = &all(&format!("a=eq.\"{quoted}\",or=(a.eq.\"{quoted}\")"))[..]
                else { panic!("{value}") };
            let [Tree::One(grouped)] = &group[..] else { panic!("{value}") };
            proptest::prop_assert_eq!(&found.value, &value);
            proptest::prop_assert_eq!(&grouped.value, &value);
        }
    }
}
