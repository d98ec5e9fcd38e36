//! Views that bindings name: each stands for a table, some of whose columns it calls otherwise.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::filter::{Condition, Tree};
use super::wanted::Wanted;
use crate::pg::session::Session;
use crate::pg::{Error, Pg, names};

const ALIASES: &str = "
    select asked.binding, a.table_schema, a.table_name, a.columns
      from json_to_recordset($1::json) as asked (binding int, schema text, name text)
      join realtime.aliases a on a.view_schema = asked.schema and a.view_name = asked.name";

/// Under which names the changes of a table are told.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// Of the view.
    pub schema: String,
    /// The view.
    pub name: String,
    /// The view's columns, each with the table's.
    columns: Vec<(String, String)>,
}

impl Alias {
    /// What the view calls a column of the table.
    pub fn shown<'a>(&'a self, column: &'a str) -> &'a str {
        let shown = self.columns.iter().find(|(_, of_table)| of_table == column);
        shown.map_or(column, |(of_view, _)| of_view)
    }

    /// What the table calls a column of the view.
    fn column(&self, shown: &str) -> String {
        let column = self.columns.iter().find(|(of_view, _)| of_view == shown);
        column.map_or(shown, |(_, of_table)| of_table).to_owned()
    }
}

/// Bindings that name a view, as bindings of its table, with those that name none as they are;
/// nothing when no binding names a view.
///
/// # Errors
/// Postgres cannot be asked.
pub(super) async fn resolve(pg: &Pg, wanted: &[Wanted]) -> Result<Option<Vec<Wanted>>, Error> {
    let asked = wanted.iter().enumerate().map(|(number, wanted)| {
        json!({ "binding": number, "schema": wanted.schema, "name": wanted.table })
    });
    let question = Value::Array(asked.collect()).to_string();
    let session = Session::own(names::LOGIN_ROLE);
    let rows = pg.run(&session, ALIASES, &[Some(&question)]).await?;
    let mut resolved = wanted.to_vec();
    for row in &rows {
        let number: i32 = row.try_get("binding")?;
        let columns: Value = row.try_get("columns")?;
        let named = usize::try_from(number).ok().and_then(|number| resolved.get_mut(number));
        let (Some(wanted), Value::Object(columns)) = (named, columns) else { continue };
        *wanted =
            of_table(wanted, row.try_get("table_schema")?, row.try_get("table_name")?, &columns);
    }
    Ok((!rows.is_empty()).then_some(resolved))
}

/// A binding of a view, as one of its table.
fn of_table(
    wanted: &Wanted,
    schema: String,
    table: String,
    columns: &Map<String, Value>,
) -> Wanted {
    let columns =
        columns.iter().filter_map(|(shown, column)| Some((shown.clone(), column.as_str()?.into())));
    let alias = Alias {
        schema: wanted.schema.clone().unwrap_or_default(),
        name: wanted.table.clone().unwrap_or_default(),
        columns: columns.collect(),
    };
    let filter = wanted.filter.try_map(&mut |condition: &Condition| {
        let column = alias.column(&condition.column);
        Ok::<_, std::convert::Infallible>(Tree::One(Condition { column, ..condition.clone() }))
    });
    let mut of_table = wanted.clone();
    (of_table.schema, of_table.table) = (Some(schema), Some(table));
    let Ok(filter) = filter;
    of_table.filter = filter;
    let mut select: Vec<String> = match &wanted.view.select {
        Some(names) => names.iter().map(|shown| alias.column(shown)).collect(),
        None => alias.columns.iter().map(|(_, column)| column.clone()).collect(),
    };
    select.sort_unstable();
    select.dedup();
    of_table.view.select = Some(select);
    of_table.view.alias = Some(Arc::new(alias));
    of_table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_of_a_view_speaks_of_its_table() {
        let entry = json!({ "table": "letters", "filter": "place=eq.1", "select": ["words"] });
        let Value::Object(entry) = entry else { panic!("an object") };
        let wanted = Wanted::read(entry).expect("reads");
        let columns = json!({ "place": "room_id", "words": "body" });
        let columns = columns.as_object().expect("an object");

        let found = of_table(&wanted, "public".into(), "posts".into(), columns);

        assert_eq!(found.table.as_deref(), Some("posts"));
        assert_eq!(found.view.select, Some(vec!["body".to_owned()]));
        let mut filtered = Vec::new();
        found.filter.visit(&mut |condition| filtered.push(condition.column.clone()));
        assert_eq!(filtered, ["room_id"]);
        assert_eq!(found.id(), wanted.id());
        let alias = found.view.alias.expect("an alias");
        assert_eq!((alias.shown("body"), alias.shown("id")), ("words", "id"));
    }
}
