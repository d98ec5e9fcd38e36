//! `select=a,alias:b->c::text,rel!hint!inner(d)`

use super::super::error::{Error, Feature};
use super::cursor::Cursor;
use super::path::Path;
use super::{MAX_DEPTH, MAX_EMBEDS};

/// One entry of a select list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `*`
    All,
    /// A column or something inside it.
    Field {
        /// Where it is.
        path: Path,
        /// The key in the answer, when it is not the column's own.
        alias: Option<String>,
        /// The type it is cast to.
        cast: Option<String>,
    },
    /// Rows of a related table.
    Embed(Embed),
}

/// Rows of a related table inside a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    /// A table, a foreign key or its column.
    pub target: String,
    /// The key in the answer, when it is not the target.
    pub alias: Option<String>,
    /// Which of several ways to take.
    pub hint: Option<String>,
    /// `!inner`: rows without any are left out.
    pub is_inner: bool,
    /// What is read of them.
    pub items: Vec<Item>,
}

impl Embed {
    /// The key in the answer.
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
            return Err(Error::NotImplemented(Feature::Spread));
        }
        if self.cursor.eat("*") {
            return Ok(Item::All);
        }
        let alias = self.alias()?;
        let path = Path::read(&mut self.cursor)?;
        if path.steps.is_empty() && (self.cursor.comes("!") || self.cursor.comes("(")) {
            return self.embed(path.column, alias, depth);
        }
        if self.cursor.comes(".") {
            return Err(Error::NotImplemented(Feature::Aggregates));
        }
        let cast = if self.cursor.eat("::") { Some(self.cast()?) } else { None };
        Ok(Item::Field { path, alias, cast })
    }

    /// `alias:`, but not `column::type`.
    fn alias(&mut self) -> Result<Option<String>, Error> {
        let mut ahead = self.cursor.clone();
        let name = ahead.name()?;
        if ahead.comes("::") || !ahead.eat(":") {
            return Ok(None);
        }
        self.cursor = ahead;
        Ok(Some(name))
    }

    fn embed(
        &mut self,
        target: String,
        alias: Option<String>,
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
        // `count()` is an aggregate unless somebody has a table of that name.
        Ok(Item::Embed(Embed { target, alias, hint, is_inner, items }))
    }

    /// A type's name; these characters cannot end the place where it stands.
    fn cast(&mut self) -> Result<String, Error> {
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '[' | ']');
        let cast = self.cursor.take_while(belongs).trim();
        if cast.is_empty() {
            return Err(self.cursor.fail("type name"));
        }
        Ok(cast.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(column: &str) -> Item {
        Item::Field { path: Path::column(column), alias: None, cast: None }
    }

    #[test]
    fn columns_aliases_casts_and_paths_are_read() {
        let items = parse("id, body:text_body ,data->a->>0::int").expect("parses");
        assert_eq!(items[0], field("id"));
        assert!(matches!(&items[1], Item::Field { alias: Some(alias), .. } if alias == "body"));
        let Item::Field { path, cast, .. } = &items[2] else { panic!("a field") };
        assert_eq!((path.label(), path.steps.len(), cast.as_deref()), ("a", 2, Some("int")));
    }

    #[test]
    fn embeds_nest_with_hint_and_join() {
        let items = parse(r#"*,author:profiles!author_id!inner(id,"odd,name")"#).expect("parses");
        let Item::Embed(embed) = &items[1] else { panic!("an embed") };
        assert_eq!(embed.label(), "author");
        assert_eq!(embed.hint.as_deref(), Some("author_id"));
        assert!(embed.is_inner);
        assert_eq!(embed.items, [field("id"), field("odd,name")]);
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
