//! The query string: every parameter read into what it means. Pure.
//!
//! Reading order: `cursor` (what all grammars share), `path`, `select`, `filter` (with logic),
//! `order`, `legacy` (what clients should say otherwise).

mod cursor;
pub mod filter;
pub mod legacy;
pub mod order;
pub mod path;
pub mod select;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::Error;
use cursor::Cursor;
use filter::Condition;
use order::Term;
use path::Path;
use select::Item;

/// Longest query string, in bytes.
const MAX_QUERY_BYTES: usize = 64 * 1024;

/// Most parameters.
const MAX_PARAMETERS: usize = 1_000;

/// Deepest nesting of embeds or logic.
const MAX_DEPTH: usize = 16;

/// Most embedded resources; each is a join that Postgres must plan.
const MAX_EMBEDS: usize = 64;

/// What stays as it is in a header that repeats the query.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Something said of the embed at this path; of the whole when the path is empty.
pub type At<T> = (Vec<String>, T);

/// A query string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// `select`; all columns when it is missing.
    pub select: Option<Vec<Item>>,
    /// Filters and logic.
    pub conditions: Vec<At<Condition>>,
    /// `order`.
    pub orders: Vec<At<Vec<Term>>>,
    /// `limit`.
    pub limits: Vec<At<i64>>,
    /// `offset`.
    pub offsets: Vec<At<i64>>,
    /// `columns`.
    pub columns: Option<Vec<String>>,
    /// `on_conflict`.
    pub on_conflict: Option<Vec<String>>,
    /// In calls by GET: parameters that are no filters.
    pub arguments: Vec<(String, String)>,
    /// In reads: `after`, where it is no filter.
    pub after: Option<String>,
    /// All parameters in order of their names, as a header repeats them.
    pub canonical: String,
    /// All parameters in their own order.
    parameters: Vec<(String, String)>,
}

/// What parameters without an operator may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// Nothing: they are refused.
    Nothing,
    /// Arguments of a call.
    Arguments,
    /// `after`, with a cursor or empty. No filter is without a dot, and no cursor has one, so that
    /// a column may be called so too.
    Cursor,
}

/// Reads a query string, in which parameters without an operator are `bare`.
pub fn parse(query: &str, bare: Bare) -> Result<Query, Error> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(Error::TooLong("query string", MAX_QUERY_BYTES));
    }
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "apikey" && !name.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if parameters.len() > MAX_PARAMETERS {
        return Err(Error::TooLong("number of parameters", MAX_PARAMETERS));
    }
    let mut parsed = Query::default();
    for (name, value) in &parameters {
        if name.contains('\0') || value.contains('\0') {
            return Err(Cursor::new("parameter", name).fail("no NUL character"));
        }
        parsed.read(name, value, bare)?;
    }
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    parsed.canonical = encoded(sorted);
    parsed.parameters = parameters;
    Ok(parsed)
}

impl Query {
    /// The same query for the page behind `cursor`, of at most `limit` rows.
    pub fn onward(&self, cursor: &str, limit: i64) -> String {
        let kept = self.parameters.iter().filter(|(name, value)| match name.as_str() {
            "after" => value.contains('.'),
            name => !matches!(name, "limit" | "offset"),
        });
        let page = [("limit".into(), limit.to_string()), ("after".into(), cursor.to_owned())];
        encoded(kept.chain(&page))
    }

    fn read(&mut self, name: &str, value: &str, bare: Bare) -> Result<(), Error> {
        match name {
            "select" => self.select = Some(select::parse(value)?),
            "columns" => self.columns = Some(names("columns parameter", value)?),
            "on_conflict" => self.on_conflict = Some(names("on_conflict parameter", value)?),
            "after" if bare == Bare::Cursor && !value.contains('.') => {
                self.after = Some(value.to_owned());
            }
            _ => return self.read_located(name, value, bare),
        }
        Ok(())
    }

    /// Parameters that may be said of an embed: `embed.name`.
    fn read_located(&mut self, name: &str, value: &str, bare: Bare) -> Result<(), Error> {
        let mut cursor = Cursor::new("tree path", name);
        let mut path = vec![Path::read(&mut cursor)?];
        while cursor.eat(".") {
            path.push(Path::read(&mut cursor)?);
        }
        cursor.end()?;
        let last = path.pop().expect("one was read before the loop");
        let mut at: Vec<String> = path.into_iter().map(|step| step.column).collect();
        match last.column.as_str() {
            _ if !last.steps.is_empty() => {}
            "order" => {
                self.orders.push((at, order::parse(value)?));
                return Ok(());
            }
            "limit" => {
                self.limits.push((at, number("limit parameter", value)?));
                return Ok(());
            }
            "offset" => {
                self.offsets.push((at, number("offset parameter", value)?));
                return Ok(());
            }
            word @ ("and" | "or") => {
                let is_negated = at.pop_if(|step| step == "not").is_some();
                let logic = filter::parse_logic(is_negated, word == "and", value)?;
                self.conditions.push((at, logic));
                return Ok(());
            }
            _ => {}
        }
        if bare == Bare::Arguments && at.is_empty() && !filter::is_filter(value) {
            self.arguments.push((name.to_owned(), value.to_owned()));
        } else {
            self.conditions.push((at, filter::parse(last, value)?));
        }
        Ok(())
    }
}

fn names(what: &'static str, text: &str) -> Result<Vec<String>, Error> {
    let mut cursor = Cursor::new(what, text);
    let mut names = vec![cursor.name()?];
    while cursor.eat(",") {
        names.push(cursor.name()?);
    }
    cursor.end()?;
    Ok(names)
}

fn number(what: &'static str, text: &str) -> Result<i64, Error> {
    text.trim().parse().map_err(|_| Cursor::new(what, text).fail("integer"))
}

fn encoded<'a>(parameters: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let encoded = |text| utf8_percent_encode(text, KEPT);
    let pairs = parameters.into_iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_said_of_the_whole_or_of_an_embed() {
        let query = parse(
            "id=eq.1&author.name=like.a*&author.order=name&author.posts.limit=2&x.not.or=(a.eq.1)",
            Bare::Nothing,
        )
        .expect("parses");
        let places: Vec<&[String]> = query.conditions.iter().map(|(at, _)| at.as_slice()).collect();
        assert_eq!(places, [&[] as &[String], &["author".into()], &["x".into()]]);
        assert_eq!(query.orders[0].0, ["author"]);
        assert_eq!(query.limits[0], (vec!["author".into(), "posts".into()], 2));
    }

    #[test]
    fn key_of_the_project_is_no_filter_and_is_not_repeated() {
        let query = parse("b=eq.1&apikey=secret&a=eq.%2B", Bare::Nothing).expect("parses");
        assert_eq!(query.conditions.len(), 2);
        assert_eq!(query.canonical, "a=eq.%2B&b=eq.1");
    }

    #[test]
    fn arguments_are_what_is_no_filter() {
        let query = parse("book=7&title=hi.there&year=gt.4", Bare::Arguments).expect("parses");
        assert_eq!(query.arguments.len(), 2);
        assert_eq!(query.conditions.len(), 1);
    }

    #[test]
    fn json_paths_may_be_filtered() {
        let query = parse("data->a->>order=eq.x", Bare::Nothing).expect("parses");
        let Condition::Filter(filter) = &query.conditions[0].1 else { panic!("a filter") };
        assert_eq!(filter.path.steps.len(), 2);
    }

    #[test]
    fn nul_is_refused() {
        assert!(parse("a=eq.%00", Bare::Nothing).is_err());
        assert!(parse("limit=many", Bare::Nothing).is_err());
    }

    #[test]
    fn after_is_a_cursor_only_where_it_is_no_filter() {
        let after = |query, bare| parse(query, bare).map(|query| query.after);
        assert_eq!(after("after=abc", Bare::Cursor).expect("a cursor"), Some("abc".into()));
        assert_eq!(after("after=", Bare::Cursor).expect("a beginning"), Some(String::new()));
        assert_eq!(after("after=gt.5", Bare::Cursor).expect("a filter"), None);
        assert_eq!(after("after=abc", Bare::Arguments).expect("an argument"), None);
        assert!(after("after=abc", Bare::Nothing).is_err());
    }

    #[test]
    fn next_page_is_asked_for_as_this_one_was() {
        let query = "order=b,a&after=old&limit=9&offset=3&apikey=x&after=lt.2&order=c&rel.limit=1";
        let query = parse(query, Bare::Cursor).expect("parses");
        let next = "order=b%2Ca&after=lt.2&order=c&rel.limit=1&limit=5&after=new";
        assert_eq!(query.onward("new", 5), next);
    }

    /// Pieces of the grammars, and what might upset them.
    const PIECES: &[&str] = &[
        "select=",
        "order=",
        "limit=",
        "offset=",
        "columns=",
        "on_conflict=",
        "and=",
        "or=",
        "not.",
        "x.",
        "&",
        ",",
        "(",
        ")",
        ":",
        "::",
        "->",
        "->>",
        "!",
        "!inner",
        "...",
        "*",
        ".",
        "=",
        "\"",
        "\\",
        "{",
        "}",
        "id",
        "name",
        "count()",
        ".sum()",
        "eq.",
        "in.(",
        "is.null",
        "like(any).{",
        "fts(english).",
        "not.and(",
        "or(",
        "asc",
        ".desc.nullsfirst",
        "nullslast",
        "1",
        "-1",
        " ",
        "%22",
        "%5C",
        "%00",
        "%ff",
        "%",
        "+",
        "\u{e4}",
        "\u{1f600}",
        "'",
        "$$",
        "--",
    ];

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"([a-z&=%,.(){}"\\ >-]|.){0,80}"#) {
            let _ = parse(&text, Bare::Cursor);
            let _ = parse(&text, Bare::Arguments);
        }

        #[test]
        fn whatever_looks_like_a_query_is_read_or_refused(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60),
        ) {
            let text = pieces.concat();
            let (filters, arguments) =
                (parse(&text, Bare::Nothing), parse(&text, Bare::Arguments));
            // Arguments are only what would else be filters: whether the rest reads is the same.
            prop_assert!(filters.is_err() || arguments.is_ok(), "{}", text);
        }
    }

    #[test]
    fn no_shape_of_a_query_takes_long_or_is_too_deep() {
        const LENGTH: usize = MAX_QUERY_BYTES / 4;
        let started = std::time::Instant::now();
        for place in ["select=", "order=", "or=", "and=", "columns=", "id=eq.", "id=in.", ""] {
            for one in PIECES {
                for other in ["", "(", "x", ",", "->"] {
                    let piece = format!("{one}{other}");
                    let most = LENGTH / piece.len();
                    let text = format!("{place}{}", piece.repeat(most));
                    let _ = parse(&text, Bare::Arguments);
                }
            }
        }
        // 2,240 long queries; if the work grew with the square of the length, it would take hours.
        assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
    }
}
