//! Conditions and orders of rows.

use super::super::plan::{Check, Embedded, Field, From, Order, OrderBy};
use super::super::query::filter::Operation;
use super::embed;
use super::fragment::{Statement, array_literal};

/// The rows that conditions are about.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Where they come from.
    pub from: &'a From,
    /// What is embedded in them.
    pub embeds: &'a [Embedded],
    /// Whether the embeds that are shown are joined; otherwise each is only looked for.
    pub has_joins: bool,
}

impl Statement {
    /// Adds conditions of rows without embeds, all of which must hold.
    pub fn checks(&mut self, from: &From, embeds: &[Embedded], checks: &[Check]) -> &mut Self {
        let place = Place { from, embeds, has_joins: false };
        self.list(" and ", checks, |out, check| out.check(place, check))
    }

    /// Adds one condition.
    pub fn check(&mut self, place: Place<'_>, check: &Check) {
        match check {
            Check::Compare { field, is_negated, operation } => {
                self.push(if *is_negated { "not " } else { "" });
                self.comparison(place.from, field, operation);
            }
            Check::Embed { index, is_negated } => {
                let embed = &place.embeds[*index];
                if place.has_joins && embed.is_joined {
                    let is = if *is_negated { " is not null" } else { " is null" };
                    self.push(&embed::mark(embed)).push(is);
                } else {
                    self.push(if *is_negated { "" } else { "not " });
                    embed::exists(self, place.from, embed);
                }
            }
            Check::Logic { is_negated, is_all, checks } => {
                self.push(if *is_negated { "not (" } else { "(" });
                let joint = if *is_all { " and " } else { " or " };
                self.list(joint, checks, |out, check| out.check(place, check)).push(")");
            }
        }
    }

    fn comparison(&mut self, from: &From, field: &Field, operation: &Operation) {
        match operation {
            Operation::Compare { operator, quantifier: None, value } => {
                self.field(from, field).push(" ").push(operator).push(" ").read(field, value);
            }
            Operation::Compare { operator, quantifier: Some(quantifier), value } => {
                self.field(from, field).push(" ").push(operator).push(" ").push(quantifier);
                self.push("(").bind(value).push(")");
            }
            Operation::Search { function, language, words } => {
                self.document(from, field, language.as_deref()).push(" @@ ").push(function);
                self.push("(");
                if let Some(language) = language {
                    self.literal(language).push(", ");
                }
                self.bind(words).push(")");
            }
            // One parameter for any number of elements: the statement stays the same.
            Operation::In(elements) => {
                self.field(from, field).push(" = any(");
                if let Some(function) = &field.from_text {
                    self.push("array(select ").push(function).push("(walkie_text) from unnest(");
                    self.bind(&array_literal(elements)).push("::text[]) walkie_text))");
                } else {
                    self.bind(&array_literal(elements)).push(")");
                }
            }
            Operation::Is(value) => {
                self.field(from, field).push(" is ").push(value);
            }
        }
    }

    /// Adds what can be searched. The language stands in the text, where indexes find it.
    fn document(&mut self, from: &From, field: &Field, language: Option<&str>) -> &mut Self {
        if field.is_tsvector && field.path.steps.is_empty() {
            return self.field(from, field);
        }
        self.push("to_tsvector(");
        if let Some(language) = language {
            self.literal(language).push(", ");
        }
        self.field(from, field).push(")")
    }

    /// Adds the value by which a term orders.
    pub fn ordered_by(&mut self, place: Place<'_>, by: &OrderBy) -> &mut Self {
        match by {
            OrderBy::Field(field) => self.field(place.from, field),
            OrderBy::Embed(index, column) => {
                self.push(&embed::order_column(&place.embeds[*index], *column))
            }
        }
    }

    /// Adds an order, if there is any.
    pub fn order(&mut self, place: Place<'_>, order: &[Order]) -> &mut Self {
        if order.is_empty() {
            return self;
        }
        self.push(" order by ").list(", ", order, |out, term| {
            out.ordered_by(place, &term.by);
            for words in [term.direction, term.nulls].into_iter().flatten() {
                out.push(" ").push(words);
            }
        })
    }
}
