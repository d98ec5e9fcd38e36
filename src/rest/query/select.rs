//! `select=a,alias:b->c::text,amount.sum(),rel!hint!inner(d),...rel(e)`

use super::super::error::Error;
use super::cursor::Cursor;
use super::path::Path;
use super::{MAX_DEPTH, MAX_EMBEDS};

/// One entry of a select list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `*`
    All,
    /// A column, something inside it, or an aggregate of it.
    Field(Selected),
    /// Rows of a related table.
    Embed(Embed),
}

/// A value of a row, or of a group of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Where it is; nowhere for `count()`, which counts rows.
    pub path: Option<Path>,
    /// The key in the answer, when it is not the column's own.
    pub alias: Option<String>,
    /// The type it is cast to.
    pub cast: Option<String>,
    /// What is made of the values of a group.
    pub aggregate: Option<Aggregate>,
}

/// One value made of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// Name of the function, in SQL as on the wire.
    pub function: &'static str,
    /// The type its result is cast to.
    pub cast: Option<String>,
}

/// Rows of a related table inside a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    /// A table, a foreign key, its column, or a computed relationship.
    pub target: String,
    /// The key in the answer, when it is not the target.
    pub alias: Option<String>,
    /// Which of several ways to take.
    pub hint: Option<String>,
    /// `!inner`: rows without any are left out.
    pub is_inner: bool,
    /// `...rel()`: its columns become the outer row's.
    pub is_spread: bool,
    /// What is read of them.
    pub items: Vec<Item>,
}

/// The functions that make one value of many.
const AGGREGATES: [&str; 5] = ["sum", "avg", "count", "max", "min"];

impl Embed {
    /// The key in the answer, and the name by which parameters speak of it.
    pub fn label(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }
}

/// Reads a whole select list.
pub fn parse(text: &str) -> Result<Vec<Item>, Error> {
    let mut parser = Parser { cursor: Cursor::new("select parameter", text), embeds: 0 };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let items = parser.items(0)?;
    parser.cursor.end()?;
    Ok(items)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    embeds: usize,
}

impl Parser<'_> {
    fn items(&mut self, depth: usize) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        loop {
            items.push(self.item(depth)?);
            self.cursor.skip_spaces();
            if !self.cursor.eat(",") {
                return Ok(items);
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, Error> {
        self.cursor.skip_spaces();
        if self.cursor.eat("...") {
            let target = self.cursor.name()?;
            return self.embed(target, None, true, depth);
        }
        if self.cursor.eat("*") {
            return Ok(Item::All);
        }
        let alias = self.alias()?;
        if self.cursor.eat("count()") {
            let cast = self.cast()?;
            let aggregate = Some(Aggregate { function: "count", cast });
            return Ok(Item::Field(Selected { path: None, alias, cast: None, aggregate }));
        }
        let path = Path::read(&mut self.cursor)?;
        if path.steps.is_empty() && (self.cursor.comes("!") || self.cursor.comes("(")) {
            return self.embed(path.column, alias, false, depth);
        }
        let cast = self.cast()?;
        let aggregate = if self.cursor.eat(".") { Some(self.aggregate()?) } else { None };
        Ok(Item::Field(Selected { path: Some(path), alias, cast, aggregate }))
    }

    /// `alias:`, but not `column::type`.
    fn alias(&mut self) -> Result<Option<String>, Error> {
        let mut ahead = self.cursor.clone();
        let name = ahead.name()?;
        if ahead.comes("::") || !ahead.eat(":") {
            return Ok(None);
        }
        self.cursor = ahead;
        self.cursor.skip_spaces();
        Ok(Some(name))
    }

    fn embed(
        &mut self,
        target: String,
        alias: Option<String>,
        is_spread: bool,
        depth: usize,
    ) -> Result<Item, Error> {
        self.embeds += 1;
        if depth >= MAX_DEPTH || self.embeds > MAX_EMBEDS {
            return Err(self.cursor.fail("fewer embedded resources"));
        }
        let (mut hint, mut is_inner) = (None, false);
        while self.cursor.eat("!") {
            match self.cursor.name()?.as_str() {
                "inner" => is_inner = true,
                "left" => is_inner = false,
                name => hint = Some(name.to_owned()),
            }
        }
        self.cursor.expect("(")?;
        self.cursor.skip_spaces();
        let items = if self.cursor.comes(")") { Vec::new() } else { self.items(depth + 1)? };
        self.cursor.expect(")")?;
        Ok(Item::Embed(Embed { target, alias, hint, is_inner, is_spread, items }))
    }

    /// `sum()` and the type it is cast to.
    fn aggregate(&mut self) -> Result<Aggregate, Error> {
        let mut ahead = self.cursor.clone();
        let name = ahead.take_while(|character| character.is_ascii_alphabetic());
        let Some(function) = AGGREGATES.into_iter().find(|function| *function == name) else {
            return Err(self.cursor.fail("\"sum\", \"avg\", \"count\", \"max\" or \"min\""));
        };
        self.cursor = ahead;
        self.cursor.expect("()")?;
        Ok(Aggregate { function, cast: self.cast()? })
    }

    /// `::type`; these characters cannot end the place where it stands.
    fn cast(&mut self) -> Result<Option<String>, Error> {
        if !self.cursor.eat("::") {
            return Ok(None);
        }
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '[' | ']');
        let cast = self.cursor.take_while(belongs).trim();
        if cast.is_empty() {
            return Err(self.cursor.fail("type name"));
        }
        Ok(Some(cast.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selected(column: &str) -> Selected {
        let path = Some(Path::column(column));
        Selected { path, alias: None, cast: None, aggregate: None }
    }

    fn field(items: &[Item], index: usize) -> &Selected {
        let Item::Field(selected) = &items[index] else { panic!("a field") };
        selected
    }

    #[test]
    fn columns_aliases_casts_and_paths_are_read() {
        let items = parse("id, body:text_body ,data->a->>0::int").expect("parses");
        assert_eq!(*field(&items, 0), selected("id"));
        assert_eq!(field(&items, 1).alias.as_deref(), Some("body"));
        let Selected { path: Some(path), cast, .. } = field(&items, 2) else { panic!("a path") };
        assert_eq!((path.label(), path.steps.len(), cast.as_deref()), ("a", 2, Some("int")));
    }

    #[test]
    fn aggregates_take_casts_on_both_sides() {
        let items = parse("n:count(),a::int.sum()::text,data->b.max(),count").expect("parses");
        let function =
            |index| field(&items, index).aggregate.as_ref().map(|aggregate| aggregate.function);
        assert_eq!((function(0), &field(&items, 0).path), (Some("count"), &None));
        assert_eq!(field(&items, 1).cast.as_deref(), Some("int"));
        let cast = field(&items, 1).aggregate.as_ref().and_then(|sum| sum.cast.as_deref());
        assert_eq!((function(1), cast), (Some("sum"), Some("text")));
        assert_eq!(function(2), Some("max"));
        assert_eq!((function(3), items.len()), (None, 4));
        assert!(parse("a.median()").is_err());
    }

    #[test]
    fn embeds_nest_with_hint_and_join() {
        let items = parse(r#"*,author:profiles!author_id!inner(id,"odd,name"),...a(b)"#);
        let items = items.expect("parses");
        let Item::Embed(embed) = &items[1] else { panic!("an embed") };
        assert_eq!(embed.label(), "author");
        assert_eq!(embed.hint.as_deref(), Some("author_id"));
        assert!(embed.is_inner && !embed.is_spread);
        assert_eq!(embed.items, [Item::Field(selected("id")), Item::Field(selected("odd,name"))]);
        assert!(matches!(&items[2], Item::Embed(Embed { is_spread: true, .. })));
    }

    #[test]
    fn place_of_the_error_is_told() {
        let error = parse("id,)").expect_err("refused");
        assert_eq!(
            error.message(),
            r#""failed to parse select parameter (id,))" (line 1, column 4)"#
        );
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"a(".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"([a-z,.:()!*"\\ >-]|.){0,60}"#) {
            let _ = parse(&text);
        }
    }
}
