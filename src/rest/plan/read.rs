//! What a query means: names of columns, conditions, orders and embeds -> [`Rows`].

use super::super::error::{Error, Feature};
use super::super::query::filter::{Condition, Filter, Operation};
use super::super::query::order::Term;
use super::super::query::path::Path;
use super::super::query::select::{Embed, Item, Selected};
use super::super::query::{At, Query};
use super::super::request::{Action, ApiRequest, Bounds};
use super::embed::{self, Embedded};
use super::keyset;
use super::level::Level;
use super::rows::{Check, Field, From, Order, OrderBy, Origin, Output, Rows, Value, Written};
use crate::pg::Catalog;
use crate::pg::catalog::{Column, Table};

/// Bytes of a name that an alias repeats; Postgres keeps 63 of the whole.
const ALIAS_BYTES: usize = 48;

/// What is read when nobody says what.
const ALL: &[Item] = &[Item::All];

/// Plans the rows of a table.
pub fn plan(request: &ApiRequest, catalog: &Catalog, table: &Table) -> Result<Rows, Error> {
    let mut rows = Planner::new(request, catalog).rows(From::table(table), Some(table))?;
    rows.window = request.window.capped(request.bounds.max_rows);
    if request.is_paged() {
        rows.keyset = Some(keyset::plan(request, table, &mut rows)?);
    }
    Ok(rows)
}

/// Plans rows and, one level after the other, what is embedded in them.
pub struct Planner<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) schema: &'a str,
    pub(super) bounds: Bounds,
    query: &'a Query,
    is_write: bool,
    is_paged: bool,
    aliases: usize,
}

impl<'a> Planner<'a> {
    /// For one statement.
    pub fn new(request: &'a ApiRequest, catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            schema: &request.schema,
            bounds: request.bounds,
            query: &request.query,
            is_write: matches!(request.action, Action::Write(..)),
            is_paged: request.is_paged(),
            aliases: 0,
        }
    }

    /// The rows of the outermost level; their window is the caller's to set. In a write the
    /// conditions of this level are left out: they choose what is changed ([`checks`]).
    pub fn rows(&mut self, from: From, table: Option<&'a Table>) -> Result<Rows, Error> {
        let level = Level::of(self.query, !self.is_write);
        let items = self.query.select.as_deref().unwrap_or(ALL);
        self.level(from, table, items, &level, self.is_paged)
    }

    /// The rows of one level. When they are spread or paged, each of their columns must be
    /// `named`.
    pub(super) fn level(
        &mut self,
        from: From,
        table: Option<&'a Table>,
        items: &'a [Item],
        level: &Level<'a>,
        named: bool,
    ) -> Result<Rows, Error> {
        let embedded: Vec<&Embed> = items
            .iter()
            .filter_map(|item| match item {
                Item::Embed(embed) => Some(embed),
                _ => None,
            })
            .collect();
        let is_allowed = self.bounds.allows_target_names;
        let owner = |name: &str| embed::owner(&embedded, name, is_allowed);
        level.forbid_strangers(|name| owner(name).is_some())?;
        let below: Vec<Level<'a>> = (0..embedded.len())
            .map(|index| level.below(|name| owner(name) == Some(index)))
            .collect();

        let (mut outputs, mut embeds) = (Vec::new(), Vec::new());
        let origin = embed::Origin { table, name: from.name(table) };
        for item in items {
            match item {
                Item::All => outputs.push(Output::plain(Value::All)),
                Item::Field(selected) => outputs.push(self.output(table, selected)?),
                Item::Embed(embed) => {
                    let index = embeds.len();
                    let mut inner = self.embed(&origin, embed, &below[index])?;
                    outputs.extend(shown(index, embed, &mut inner)?);
                    embeds.push(inner);
                }
            }
        }
        let is_grouped = outputs.iter().any(|output| output.aggregate.is_some());
        let is_source = matches!(from.origin, Origin::Source);
        let mut every = None;
        if let Some(table) = table.filter(|_| outputs.iter().any(Output::is_all)) {
            let columns = every_column(table);
            if named || is_grouped || is_source || table.has_forms() {
                outputs = listed(outputs, &columns);
            } else {
                every = Some(columns);
            }
        }
        let checks = level
            .conditions
            .iter()
            .filter(|(at, _)| at.is_empty())
            .map(|(_, condition)| check(table, &embedded, condition))
            .collect::<Result<_, _>>()?;
        let terms = level.orders.iter().filter(|(at, _)| at.is_empty());
        let order = terms
            .flat_map(|(_, terms)| *terms)
            .map(|term| order(table, origin.name, &embedded, &mut embeds, term))
            .collect::<Result<_, _>>()?;
        let window = level.window()?.capped(self.bounds.max_rows);
        Ok(Rows { from, outputs, checks, order, window, embeds, every, keyset: None })
    }

    fn output(&self, table: Option<&Table>, selected: &Selected) -> Result<Output, Error> {
        let Selected { path, alias, cast, aggregate } = selected;
        if aggregate.is_some() && !self.bounds.allows_aggregates {
            return Err(Error::AggregatesOff);
        }
        let label = alias.clone();
        let Some(path) = path else {
            let own = aggregate.as_ref().map(|aggregate| aggregate.function.to_owned());
            let aggregate = aggregate.clone();
            return Ok(Output { value: Value::Presence, label: label.or(own), aggregate });
        };
        let mut field = field(table, path);
        // A value that is cast or summed up is shown as what it has become.
        field.to_json = field.to_json.filter(|_| cast.is_none() && aggregate.is_none());
        let own = match aggregate {
            Some(aggregate) => Some(aggregate.function.to_owned()),
            None => own_label(&field, cast.as_ref()),
        };
        let value = Value::Field { field, cast: cast.clone() };
        Ok(Output { value, label: label.or(own), aggregate: aggregate.clone() })
    }

    /// A name for a table that stands several times in a statement.
    pub(super) fn alias(&mut self, name: &str) -> (usize, String) {
        self.aliases += 1;
        let mut end = name.len().min(ALIAS_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        (self.aliases, format!("{}_{}", &name[..end], self.aliases))
    }
}

/// The columns by which an embed shows in the outer row. Of an embed spread to one row, what was
/// to be made of groups is made of the outer row's groups.
fn shown(index: usize, embed: &Embed, embedded: &mut Embedded) -> Result<Vec<Output>, Error> {
    let columns = &mut embedded.rows.outputs;
    // `rel()` joins without being shown.
    embedded.is_joined = !columns.is_empty();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    if !embed.is_spread {
        let value = Value::Embed(index);
        return Ok(vec![Output { value, label: Some(embed.label().to_owned()), aggregate: None }]);
    }
    let is_to_one = embedded.is_to_one;
    let lifted = columns.iter_mut().enumerate().map(|(column, output)| {
        if !is_to_one && output.aggregate.is_some() {
            return Err(Error::NotImplemented(Feature::AggregatesOfSpread));
        }
        Ok(Output {
            value: Value::Spread { embed: index, column },
            label: Some(output.name().to_owned()),
            aggregate: output.aggregate.take(),
        })
    });
    lifted.collect()
}

/// Every column by its name.
fn every_column(table: &Table) -> Vec<Output> {
    let columns = table.columns.keys().map(|column| {
        let field = field(Some(table), &Path::column(column));
        let label = own_label(&field, None);
        Output { value: Value::Field { field, cast: None }, label, aggregate: None }
    });
    columns.collect()
}

/// The same outputs, with each of `columns` for all of them.
fn listed(outputs: Vec<Output>, columns: &[Output]) -> Vec<Output> {
    let named = |output: Output| if output.is_all() { columns.to_vec() } else { vec![output] };
    outputs.into_iter().flat_map(named).collect()
}

/// A value of rows of `table`.
pub(super) fn field(table: Option<&Table>, path: &Path) -> Field {
    let column = table.and_then(|table| table.columns.get(&path.column));
    let computed = table.and_then(|table| table.computed.get(&path.column)).map(String::as_str);
    let whole = column.filter(|_| path.steps.is_empty());
    Field {
        path: path.clone(),
        is_json: column.is_some_and(|column| column.is_json)
            || matches!(computed, Some("json" | "jsonb")),
        written: whole.map_or(Written::Looked, written),
        is_tsvector: column.is_some_and(|column| column.is_tsvector)
            || computed == Some("tsvector"),
        to_json: whole.and_then(|column| column.to_json.clone()),
        from_text: whole.and_then(|column| column.from_text.clone()),
    }
}

fn written(column: &Column) -> Written {
    match column.sql_type.as_str() {
        _ if column.to_json.is_some() => Written::Looked,
        "smallint" | "integer" | "bigint" => Written::Integer,
        "boolean" => Written::Boolean,
        _ => Written::Looked,
    }
}

/// Plain columns keep their name by themselves.
fn own_label(field: &Field, cast: Option<&String>) -> Option<String> {
    let is_formed = cast.is_some() || field.to_json.is_some() || !field.path.steps.is_empty();
    is_formed.then(|| field.path.label().to_owned())
}

fn order(
    table: Option<&Table>,
    origin: &str,
    embedded: &[&Embed],
    embeds: &mut [Embedded],
    term: &Term,
) -> Result<Order, Error> {
    let by = match &term.relation {
        None => OrderBy::Field(field(table, &term.path)),
        Some(name) => {
            let index = embedded.iter().position(|embed| embed.label() == name);
            let index = index.ok_or_else(|| Error::NotEmbedded(name.clone()))?;
            let embed = &mut embeds[index];
            // A row that is made of a group has no value of its own.
            if !embed.is_to_one || embed.rows.is_grouped() {
                let (origin, target) = (origin.to_owned(), name.clone());
                return Err(Error::RelatedOrder { origin, target });
            }
            embed.is_joined = true;
            embed.orders.push(field(None, &term.path));
            OrderBy::Embed(index, embed.orders.len() - 1)
        }
    };
    Ok(Order { by, direction: term.direction, nulls: term.nulls })
}

/// The conditions of a write's outermost level, which choose the rows of `table` to change.
pub fn checks(request: &ApiRequest, table: &Table) -> Result<Vec<Check>, Error> {
    let conditions = request.query.conditions.iter().filter(|(at, _)| at.is_empty());
    conditions.map(|(_, condition)| check(Some(table), &[], condition)).collect()
}

/// Conditions of the level that `table` is, where `embeds` are embedded.
fn check(table: Option<&Table>, embeds: &[&Embed], condition: &Condition) -> Result<Check, Error> {
    match condition {
        Condition::Logic { is_negated, is_all, conditions } => Ok(Check::Logic {
            is_negated: *is_negated,
            is_all: *is_all,
            checks: conditions
                .iter()
                .map(|inner| check(table, embeds, inner))
                .collect::<Result<_, _>>()?,
        }),
        Condition::Filter(filter) => {
            let is_plain = filter.path.steps.is_empty();
            match embeds.iter().position(|embed| is_plain && embed.label() == filter.path.column) {
                Some(index) => embed_check(index, filter),
                None => Ok(Check::Compare {
                    field: field(table, &filter.path),
                    is_negated: filter.is_negated,
                    operation: filter.operation.clone(),
                }),
            }
        }
    }
}

/// `rel=is.null` asks whether the embed found nothing. Nothing else can be asked of it.
fn embed_check(index: usize, filter: &Filter) -> Result<Check, Error> {
    match filter.operation {
        Operation::Is(value @ ("null" | "not null")) => {
            Ok(Check::Embed { index, is_negated: filter.is_negated != (value == "not null") })
        }
        _ => Err(Error::EmbedOperator(filter.path.column.clone())),
    }
}

/// A part of the query said of some embed, or of the whole.
pub(super) fn located<T>((at, value): &At<T>) -> (&[String], &T) {
    (at, value)
}
