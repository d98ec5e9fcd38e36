//! Rows to read, as a plan says it: columns, conditions, order, and which part of them.

use std::collections::BTreeSet;

use super::super::query::filter::Operation;
use super::super::query::path::Path;
use super::super::query::select::Aggregate;
use super::super::range::Window;
use super::embed::Embedded;
use super::keyset::Keyset;
use crate::pg::catalog::Table;

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
    /// What stands for [`Value::All`], as far as the catalog knows.
    pub every: Option<Vec<Output>>,
    /// How they are divided into pages, when cursors stand between them.
    pub keyset: Option<Keyset>,
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
    /// What a function gives for the outer row: schema and name.
    Function(String, String),
}

/// One column of an answered row.
#[derive(Debug, Clone)]
pub struct Output {
    /// What it shows.
    pub value: Value,
    /// What it is called, when the column's name does not do.
    pub label: Option<String>,
    /// What is made of the values of a group.
    pub aggregate: Option<Aggregate>,
}

/// What a column of an answered row shows.
#[derive(Debug, Clone)]
pub enum Value {
    /// Every column.
    All,
    /// That there is a row: what `count()` counts.
    Presence,
    /// A value of the row.
    Field {
        /// Where it is.
        field: Field,
        /// What it is cast to.
        cast: Option<String>,
    },
    /// Of [`Rows::embeds`], the one at this index, as JSON.
    Embed(usize),
    /// A column of a spread embed.
    Spread {
        /// Its index in [`Rows::embeds`].
        embed: usize,
        /// The column's index in the outputs of its rows.
        column: usize,
    },
}

/// A column or something inside of it.
#[derive(Debug, Clone)]
pub struct Field {
    /// Where it is.
    pub path: Path,
    /// Whether the column holds JSON; others are made JSON before a step into them.
    pub is_json: bool,
    /// How its values are written as JSON.
    pub written: Written,
    /// Whether the column holds documents ready to be searched; others are made so.
    pub is_tsvector: bool,
    /// The function that shows its values, when its domain has one.
    pub to_json: Option<String>,
    /// The function that reads its values, when its domain has one.
    pub from_text: Option<String>,
}

/// How a value is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As the whole number that it is.
    Integer,
    /// As `true` or `false`.
    Boolean,
    /// As Postgres finds when it looks at its type.
    Looked,
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
    pub by: OrderBy,
    /// Which way, in SQL.
    pub direction: Option<&'static str>,
    /// Where nulls go, in SQL.
    pub nulls: Option<&'static str>,
}

/// By what rows are ordered.
#[derive(Debug)]
pub enum OrderBy {
    /// A value of the row.
    Field(Field),
    /// Of the embed at this index, the value at that index of [`Embedded::orders`].
    Embed(usize, usize),
}

impl Rows {
    /// Whether its rows are made of groups of rows.
    pub fn is_grouped(&self) -> bool {
        self.outputs.iter().any(|output| output.aggregate.is_some())
    }

    /// Columns of the rows themselves that the statement mentions; with [`Value::All`] among the
    /// outputs, every other one too.
    pub fn columns(&self) -> BTreeSet<&str> {
        let outputs = self.outputs.iter().filter_map(|output| match &output.value {
            Value::Field { field, .. } => Some(field),
            _ => None,
        });
        let orders = self.order.iter().filter_map(|order| match &order.by {
            OrderBy::Field(field) => Some(field),
            OrderBy::Embed(..) => None,
        });
        let near = self.embeds.iter().flat_map(|embed| &embed.near);
        outputs
            .chain(orders)
            .chain(self.checks.iter().flat_map(Check::fields))
            .map(|field| field.path.column.as_str())
            .chain(near.map(|(column, _)| column.as_str()))
            .collect()
    }

    /// Whether a function is given the row as a whole.
    pub fn needs_whole(&self) -> bool {
        let is_function = |embed: &Embedded| matches!(embed.rows.from.origin, Origin::Function(..));
        self.embeds.iter().any(is_function)
    }

    /// Whether an output is JSON that the statement builds.
    pub fn is_built(&self, output: &Output) -> bool {
        match output.value {
            Value::Embed(_) => true,
            Value::Spread { embed, column } => {
                let Embedded { is_to_one, rows, .. } = &self.embeds[embed];
                !is_to_one || rows.is_built(&rows.outputs[column])
            }
            Value::Field { ref field, .. } => field.to_json.is_some(),
            Value::All | Value::Presence => false,
        }
    }
}

impl Check {
    /// What is compared in it.
    fn fields(&self) -> Vec<&Field> {
        match self {
            Self::Compare { field, .. } => vec![field],
            Self::Embed { .. } => Vec::new(),
            Self::Logic { checks, .. } => checks.iter().flat_map(Self::fields).collect(),
        }
    }
}

impl Output {
    pub(super) fn plain(value: Value) -> Self {
        Self { value, label: None, aggregate: None }
    }

    pub(super) fn is_all(&self) -> bool {
        matches!(self.value, Value::All)
    }

    /// The key in the answer.
    pub fn name(&self) -> &str {
        match (&self.label, &self.value) {
            (Some(label), _) => label,
            (None, Value::Field { field, .. }) => &field.path.column,
            (None, _) => "",
        }
    }
}

impl From {
    /// The name people know it by.
    pub(super) fn name<'n>(&'n self, table: Option<&'n Table>) -> &'n str {
        match (table, &self.origin, &self.alias) {
            (Some(table), ..) => &table.name,
            (None, Origin::Table(_, name) | Origin::Function(_, name), _) => name,
            (None, Origin::Source, alias) => alias.as_deref().unwrap_or_default(),
        }
    }
}
