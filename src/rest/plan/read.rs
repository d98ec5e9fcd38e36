//! Rows to read: columns, conditions, order, a part of them, and what is embedded.

use super::super::error::Error;
use super::super::query::filter::{Condition, Filter, Operation};
use super::super::query::order::Term;
use super::super::query::path::Path;
use super::super::query::select::{Embed, Item};
use super::super::query::{At, Query};
use super::super::range::Window;
use super::super::request::ApiRequest;
use super::embed::{self, Embedded};
use crate::pg::Catalog;
use crate::pg::catalog::Table;

/// Bytes of a name that an alias repeats; Postgres keeps 63 of the whole.
const ALIAS_BYTES: usize = 48;

/// What is read when nobody says what.
const ALL: &[Item] = &[Item::All];

/// Rows to read.
#[derive(Debug)]
pub struct Rows {
    /// From where.
    pub from: From,
    /// What of each.
    pub outputs: Vec<Output>,
    /// Which.
    pub checks: Vec<Check>,
    /// In which order.
    pub order: Vec<Order>,
    /// Which part of them.
    pub window: Window,
    /// What is embedded in them.
    pub embeds: Vec<Embedded>,
}

/// From where rows come.
#[derive(Debug, Clone)]
pub struct From {
    /// What holds them.
    pub origin: Origin,
    /// The name it goes by in the statement, when it is not its own.
    pub alias: Option<String>,
}

/// What holds rows.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A table: schema and name.
    Table(String, String),
    /// What a write or a call gave.
    Source,
}

/// One part of an answered row.
#[derive(Debug)]
pub enum Output {
    /// Every column.
    All,
    /// A value.
    Field {
        /// Where it is.
        field: Field,
        /// What it is called, when the column's name does not do.
        label: Option<String>,
        /// What it is cast to.
        cast: Option<String>,
    },
    /// Of [`Rows::embeds`], the one at this index.
    Embed(usize),
}

/// A column or something inside of it.
#[derive(Debug, Clone)]
pub struct Field {
    /// Where it is.
    pub path: Path,
    /// Whether the column holds JSON; others are made JSON before a step into them.
    pub is_json: bool,
}

/// What must hold of a row.
#[derive(Debug)]
pub enum Check {
    /// A comparison.
    Compare {
        /// Of what.
        field: Field,
        /// Whether it is turned round.
        is_negated: bool,
        /// With what.
        operation: Operation,
    },
    /// Whether an embed found nothing.
    Embed {
        /// Of [`Rows::embeds`], the one at this index.
        index: usize,
        /// Whether it is turned round.
        is_negated: bool,
    },
    /// Several joined.
    Logic {
        /// Whether the whole is turned round.
        is_negated: bool,
        /// Whether all must hold, or any.
        is_all: bool,
        /// They.
        checks: Vec<Check>,
    },
}

/// One term of an order.
#[derive(Debug)]
pub struct Order {
    /// By what.
    pub field: Field,
    /// Which way, in SQL.
    pub direction: Option<&'static str>,
    /// Where nulls go, in SQL.
    pub nulls: Option<&'static str>,
}

/// Plans the rows of a table.
pub fn plan(request: &ApiRequest, catalog: &Catalog, table: &Table) -> Result<Rows, Error> {
    let mut rows = Planner::new(request, catalog).rows(From::table(table), Some(table))?;
    rows.window = request.window;
    Ok(rows)
}

/// Plans rows and, one level after the other, what is embedded in them.
pub struct Planner<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) schema: &'a str,
    query: &'a Query,
    aliases: usize,
}

/// The parts of a query that speak of one level, their paths shortened to it.
#[derive(Default)]
pub struct Level<'a> {
    conditions: Vec<(&'a [String], &'a Condition)>,
    orders: Vec<(&'a [String], &'a [Term])>,
    limits: Vec<(&'a [String], i64)>,
    offsets: Vec<(&'a [String], i64)>,
}

impl<'a> Planner<'a> {
    /// A planner for this request.
    pub fn new(request: &'a ApiRequest, catalog: &'a Catalog) -> Self {
        Self { catalog, schema: &request.schema, query: &request.query, aliases: 0 }
    }

    /// The rows the whole query speaks of, without its window.
    pub fn rows(&mut self, from: From, table: Option<&'a Table>) -> Result<Rows, Error> {
        let query = self.query;
        let level = Level {
            conditions: query.conditions.iter().map(located).collect(),
            orders: query.orders.iter().map(|(at, terms)| (&**at, &**terms)).collect(),
            limits: query.limits.iter().map(|(at, limit)| (&**at, *limit)).collect(),
            offsets: query.offsets.iter().map(|(at, offset)| (&**at, *offset)).collect(),
        };
        let items = query.select.as_deref().unwrap_or(ALL);
        self.level(from, table, items, &level)
    }

    /// The rows of one level.
    pub(super) fn level(
        &mut self,
        from: From,
        table: Option<&'a Table>,
        items: &'a [Item],
        level: &Level<'a>,
    ) -> Result<Rows, Error> {
        let (mut outputs, mut embeds, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::All => outputs.push(Output::All),
                Item::Field { path, alias, cast } => outputs.push(Output::Field {
                    field: field(table, path),
                    label: alias.clone().or_else(|| label(path, cast.as_ref())),
                    cast: cast.clone(),
                }),
                Item::Embed(embed) => {
                    let origin = embed::Origin { table, name: from.name() };
                    embeds.push(self.embed(&origin, embed, &level.below(embed))?);
                    labels.push(embed);
                    // `rel()` joins without being shown.
                    if !embed.items.is_empty() {
                        outputs.push(Output::Embed(embeds.len() - 1));
                    }
                }
            }
        }
        level.forbid_strangers(&labels)?;
        let here = |condition: &&(&[String], &'a Condition)| condition.0.is_empty();
        Ok(Rows {
            checks: level
                .conditions
                .iter()
                .filter(here)
                .map(|(_, condition)| check(table, &labels, condition))
                .collect(),
            order: level
                .orders
                .iter()
                .filter(|(at, _)| at.is_empty())
                .flat_map(|(_, terms)| *terms)
                .map(|term| order(table, term))
                .collect(),
            window: level.window()?,
            from,
            outputs,
            embeds,
        })
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

fn located<T>((at, value): &At<T>) -> (&[String], &T) {
    (at, value)
}

impl Level<'_> {
    /// What speaks of an embed of this level.
    fn below(&self, embed: &Embed) -> Self {
        fn step<'a, T: Copy>(parts: &[(&'a [String], T)], embed: &Embed) -> Vec<(&'a [String], T)> {
            let inside = |(at, value): &(&'a [String], T)| match at {
                [first, rest @ ..] if is_named(embed, first) => Some((rest, *value)),
                _ => None,
            };
            parts.iter().filter_map(inside).collect()
        }
        Self {
            conditions: step(&self.conditions, embed),
            orders: step(&self.orders, embed),
            limits: step(&self.limits, embed),
            offsets: step(&self.offsets, embed),
        }
    }

    /// Whatever speaks of an embed must find it.
    fn forbid_strangers(&self, embeds: &[&Embed]) -> Result<(), Error> {
        let conditions = self.conditions.iter().map(|(at, _)| at);
        let orders = self.orders.iter().map(|(at, _)| at);
        let numbers = self.limits.iter().chain(&self.offsets).map(|(at, _)| at);
        let mut names = conditions.chain(orders).chain(numbers).filter_map(|at| at.first());
        match names.find(|name| !embeds.iter().any(|embed| is_named(embed, name))) {
            Some(stranger) => Err(Error::NotEmbedded(stranger.clone())),
            None => Ok(()),
        }
    }

    fn window(&self) -> Result<Window, Error> {
        let here = |numbers: &[(&[String], i64)]| {
            numbers.iter().rev().find(|(at, _)| at.is_empty()).map(|(_, number)| *number)
        };
        Window::new(here(&self.limits), here(&self.offsets))
    }
}

/// An embed goes by its alias; the target's name does too, as clients have always done.
fn is_named(embed: &Embed, name: &str) -> bool {
    embed.label() == name || embed.target == name
}

fn field(table: Option<&Table>, path: &Path) -> Field {
    let column = table.and_then(|table| table.columns.get(&path.column));
    Field { path: path.clone(), is_json: column.is_some_and(|column| column.is_json) }
}

/// Plain columns keep their name by themselves.
fn label(path: &Path, cast: Option<&String>) -> Option<String> {
    (cast.is_some() || !path.steps.is_empty()).then(|| path.label().to_owned())
}

fn order(table: Option<&Table>, term: &Term) -> Order {
    Order { field: field(table, &term.path), direction: term.direction, nulls: term.nulls }
}

/// Conditions of the level that `table` is, where `embeds` are embedded.
pub fn check(table: Option<&Table>, embeds: &[&Embed], condition: &Condition) -> Check {
    match condition {
        Condition::Logic { is_negated, is_all, conditions } => Check::Logic {
            is_negated: *is_negated,
            is_all: *is_all,
            checks: conditions.iter().map(|inner| check(table, embeds, inner)).collect(),
        },
        Condition::Filter(filter) => {
            embed_check(embeds, filter).unwrap_or_else(|| Check::Compare {
                field: field(table, &filter.path),
                is_negated: filter.is_negated,
                operation: filter.operation.clone(),
            })
        }
    }
}

/// `rel=is.null` asks whether the embed found nothing.
fn embed_check(embeds: &[&Embed], filter: &Filter) -> Option<Check> {
    let Operation::Is(value @ ("null" | "not null")) = filter.operation else { return None };
    if !filter.path.steps.is_empty() {
        return None;
    }
    let index = embeds.iter().position(|embed| embed.label() == filter.path.column)?;
    Some(Check::Embed { index, is_negated: filter.is_negated != (value == "not null") })
}

impl From {
    /// The name people know it by.
    fn name(&self) -> &str {
        match (&self.origin, &self.alias) {
            (Origin::Table(_, name), _) => name,
            (Origin::Source, alias) => alias.as_deref().unwrap_or_default(),
        }
    }
}
