//! Pages by cursor: an order in which every row has a place of its own, and where a page begins.

use super::super::error::Error;
use super::super::keyset::{self, CursorFault, Values};
use super::super::query::order::Term;
use super::super::query::path::Path;
use super::super::request::ApiRequest;
use super::read::field;
use super::rows::{Order, OrderBy, Rows};
use crate::pg::catalog::Table;

/// Most terms of an order: each stands twice in the condition of a page.
const MAX_TERMS: usize = 32;

/// Where in their order rows begin.
#[derive(Debug)]
pub struct Keyset {
    /// Tells the order from others.
    pub order: String,
    /// What the row before the first had, in the order's terms; none when nothing is left out.
    pub after: Option<Values>,
    /// Whether rows without a value may stand behind those with one, for each term.
    pub nulls_follow: Vec<bool>,
    /// Whether rows may be alike in all terms. Such rows come on one page, however long it gets.
    pub may_tie: bool,
}

/// Completes the order of `rows`, which are read from `table`, by its key.
pub fn plan(request: &ApiRequest, table: &Table, rows: &mut Rows) -> Result<Keyset, Error> {
    let fault = |fault| Err(Error::Cursor(fault));
    if rows.is_grouped() {
        return fault(CursorFault::Groups);
    }
    let orders = request.query.orders.iter().filter(|(at, _)| at.is_empty());
    let terms: Vec<&Term> = orders.flat_map(|(_, terms)| terms).collect();
    let key = table.key();
    if terms.is_empty() && key.is_none() {
        return fault(CursorFault::NoKey(table.name.clone()));
    }
    let is_ordered =
        |name: &&String| terms.iter().any(|term| own_column(term) == Some(name.as_str()));
    let missing: Vec<&String> =
        key.unwrap_or_default().iter().filter(|name| !is_ordered(name)).collect();
    let described = format!("{}.{} {terms:?} {missing:?}", table.schema, table.name);
    // One index serves the whole order when all of it goes the same way.
    let direction = rows.order.last().and_then(|order| order.direction);
    rows.order.extend(missing.into_iter().map(|name| Order {
        by: OrderBy::Field(field(Some(table), &Path::column(name))),
        direction,
        nulls: None,
    }));
    if rows.order.len() > MAX_TERMS {
        return Err(Error::TooLong("number of terms in an order with cursors", MAX_TERMS));
    }
    let order = keyset::name_order(&described);
    let after = match request.query.after.as_deref() {
        None | Some("") => None,
        Some(cursor) => Some(keyset::read(cursor, &order, rows.order.len())?),
    };
    let nulls_follow = rows.order.iter().map(|term| nulls_follow(table, term)).collect();
    // A view shows the key of a table, but may show its rows more than once.
    Ok(Keyset { order, after, nulls_follow, may_tie: table.is_view() || key.is_none() })
}

/// The column of the row itself by which a term orders.
fn own_column(term: &Term) -> Option<&str> {
    let is_own = term.relation.is_none() && term.path.steps.is_empty();
    is_own.then_some(term.path.column.as_str())
}

fn nulls_follow(table: &Table, order: &Order) -> bool {
    let is_filled = match &order.by {
        OrderBy::Field(field) if field.path.steps.is_empty() => {
            table.columns.get(&field.path.column).is_some_and(|column| column.is_not_null)
        }
        OrderBy::Field(_) | OrderBy::Embed(..) => false,
    };
    let are_last = match order.nulls {
        Some(nulls) => nulls == "nulls last",
        None => !order.is_descending(),
    };
    are_last && !is_filled
}

impl Order {
    /// Whether great values come first.
    pub fn is_descending(&self) -> bool {
        self.direction == Some("desc")
    }
}

impl Rows {
    /// Whether they are a page behind which a cursor may stand.
    pub fn is_page(&self) -> bool {
        self.keyset.is_some() && self.window.limit.is_some()
    }

    /// Whether the last of them brings all rows that are like it.
    pub fn brings_ties(&self) -> bool {
        self.is_page() && self.keyset.as_ref().is_some_and(|keyset| keyset.may_tie)
    }
}
