//! What the query says of one level: of the rows asked for, or of one embed in them.

use super::super::error::Error;
use super::super::query::Query;
use super::super::query::filter::Condition;
use super::super::query::order::Term;
use super::super::range::Window;
use super::read::located;

/// A path from this level to an embed, empty for the level itself, and what is said there.
type At<'a, T> = (&'a [String], T);

/// The parts of a query that speak of one level, their paths shortened to it.
#[derive(Default)]
pub struct Level<'a> {
    /// Filters and logic.
    pub conditions: Vec<At<'a, &'a Condition>>,
    /// Orders.
    pub orders: Vec<At<'a, &'a [Term]>>,
    limits: Vec<At<'a, i64>>,
    offsets: Vec<At<'a, i64>>,
}

impl<'a> Level<'a> {
    /// The outermost level; without its own conditions when they are not `wanted`.
    pub fn of(query: &'a Query, wanted: bool) -> Self {
        Self {
            conditions: query
                .conditions
                .iter()
                .map(located)
                .filter(|(at, _)| wanted || !at.is_empty())
                .collect(),
            orders: query.orders.iter().map(|(at, terms)| (&**at, &**terms)).collect(),
            limits: query.limits.iter().map(|(at, limit)| (&**at, *limit)).collect(),
            offsets: query.offsets.iter().map(|(at, offset)| (&**at, *offset)).collect(),
        }
    }

    /// What speaks of an embed of this level, the names of which are `its`.
    pub fn below(&self, its: impl Fn(&str) -> bool) -> Self {
        fn step<'a, T: Copy>(parts: &[At<'a, T>], its: &impl Fn(&str) -> bool) -> Vec<At<'a, T>> {
            let inside = |(at, value): &At<'a, T>| match at {
                [first, rest @ ..] if its(first) => Some((rest, *value)),
                _ => None,
            };
            parts.iter().filter_map(inside).collect()
        }
        Self {
            conditions: step(&self.conditions, &its),
            orders: step(&self.orders, &its),
            limits: step(&self.limits, &its),
            offsets: step(&self.offsets, &its),
        }
    }

    /// Whatever speaks of an embed must speak of one that is `known`.
    pub fn forbid_strangers(&self, known: impl Fn(&str) -> bool) -> Result<(), Error> {
        let conditions = self.conditions.iter().map(|(at, _)| at);
        let orders = self.orders.iter().map(|(at, _)| at);
        let numbers = self.limits.iter().chain(&self.offsets).map(|(at, _)| at);
        let mut names = conditions.chain(orders).chain(numbers).filter_map(|at| at.first());
        match names.find(|name| !known(name)) {
            Some(stranger) => Err(Error::NotEmbedded(stranger.clone())),
            None => Ok(()),
        }
    }

    /// Which part of its rows.
    pub fn window(&self) -> Result<Window, Error> {
        let here = |numbers: &[At<'_, i64>]| {
            numbers.iter().rev().find(|(at, _)| at.is_empty()).map(|(_, number)| *number)
        };
        Window::new(here(&self.limits), here(&self.offsets))
    }
}
