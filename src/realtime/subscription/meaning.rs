//! What a condition means for the column it names: a [`Predicate`]. Pure; what is known of the
//! column was read from the catalog.

use std::sync::Arc;

use tokio_postgres::Row;

use super::filter::{Condition, Operator, Tree};
use super::predicate::{Asked, Operation, Order, Predicate};

/// Most values of an `in` list, as in the reference.
const MAX_IN_VALUES: usize = 100;

/// What is known of a column that a binding names.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the catalog")]
pub(super) struct Column {
    type_oid: u32,
    type_name: String,
    pub(super) base_name: String,
    is_boolean: bool,
    is_text: bool,
    is_row: bool,
    has_one_text: bool,
    order: Option<Order>,
    is_made_here: bool,
    /// ` collate ..`, or nothing.
    collation: String,
    /// Schema of its operators, when it is not Postgres's own.
    operators: String,
}

impl Column {
    pub(super) fn read(row: &Row) -> Option<Self> {
        Some(Self {
            type_oid: row.get::<_, Option<u32>>("atttypid")?,
            type_name: row.get("type_name"),
            base_name: row.get("base_name"),
            is_boolean: row.get("is_boolean"),
            is_text: row.get("is_text"),
            is_row: row.get("is_row"),
            has_one_text: row.get("has_one_text"),
            order: match row.get("text_order") {
                Some("integers") => Some(Order::Integers),
                Some("bytes") => Some(Order::Bytes),
                _ => None,
            },
            is_made_here: row.get("is_made_here"),
            collation: row.get("collation_clause"),
            operators: row.get("operator_schema"),
        })
    }

    /// `l op r` as SQL over texts.
    pub(super) fn operation(&self, operator: &str, is_pattern: bool) -> String {
        let Self { base_name, collation, operators, .. } = self;
        let right = if is_pattern { "pg_catalog.text" } else { base_name };
        let operator = match operators.as_str() {
            "" => operator.to_owned(),
            schema => format!("operator({schema}.{operator})"),
        };
        format!("l::{base_name}{collation} {operator} r::{right}")
    }
}

/// A predicate whose values Postgres has yet to print.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    predicate: Predicate,
    /// Where its values will be.
    values: Vec<usize>,
}

impl Pending {
    pub(super) fn settle(&self, printed: &[String]) -> Tree<Predicate> {
        let mut predicate = self.predicate.clone();
        let mut values = self.values.iter().map(|at| printed[*at].clone());
        match &mut predicate.asked {
            Asked::Equal { texts, .. } => {
                *texts = values.collect();
                texts.sort_unstable();
                texts.dedup();
            }
            Asked::Ordered { text, .. } | Asked::Compared { text, .. } => {
                *text = values.next().unwrap_or_default();
            }
            Asked::Null | Asked::NullRow | Asked::Boolean(_) | Asked::Unknown => {}
        }
        Tree::One(predicate)
    }
}

/// What a condition means for a column; `print` has a value checked and printed.
///
/// # Errors
/// In the reference's words, why the operator does not go with the column.
pub(super) fn meaning(
    condition: &Condition,
    column: &Column,
    role: &str,
    mut print: impl FnMut(&str, &str, bool) -> usize,
) -> Result<Tree<Pending>, String> {
    let Condition { column: name, operator, value } = condition;
    let one = |asked, values| {
        let predicate = Predicate { column: name.clone(), type_oid: column.type_oid, asked };
        Tree::One(Pending { predicate, values })
    };
    let compared = |sql: &str| Asked::Compared {
        operation: Arc::new(Operation {
            sql: sql.to_owned(),
            role: if column.is_made_here { role.to_owned() } else { "none".to_owned() },
        }),
        text: String::new(),
    };
    let mut equal = |values: &[Option<&str>]| {
        let sql = column.operation("=", false);
        let has_null = values.contains(&None);
        let places: Vec<usize> =
            values.iter().flatten().map(|value| print(&sql, value, false)).collect();
        if column.has_one_text {
            return one(Asked::Equal { texts: Vec::new(), has_null }, places);
        }
        let nulls = has_null.then(|| one(Asked::Unknown, Vec::new()));
        let each = places.into_iter().map(|place| one(compared(&sql), vec![place]));
        Tree::Any(each.chain(nulls).collect())
    };
    Ok(match operator {
        Operator::Eq => equal(&[Some(value)]),
        Operator::Neq => Tree::Not(Box::new(equal(&[Some(value)]))),
        Operator::IsDistinct => {
            let differs = Tree::Not(Box::new(equal(&[Some(value)])));
            Tree::Any(vec![one(Asked::Null, Vec::new()), differs])
        }
        Operator::In => {
            let values = condition.list();
            if values.len() > MAX_IN_VALUES {
                return Err(format!("too many values for `in` filter. Maximum {MAX_IN_VALUES}"));
            }
            equal(&values.iter().map(Option::as_deref).collect::<Vec<_>>())
        }
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte => {
            let symbol = match operator {
                Operator::Lt => "<",
                Operator::Lte => "<=",
                Operator::Gt => ">",
                _ => ">=",
            };
            let sql = column.operation(symbol, false);
            let asked = match column.order {
                Some(order) => Asked::Ordered { order, operator: *operator, text: String::new() },
                None => compared(&sql),
            };
            one(asked, vec![print(&sql, value, false)])
        }
        Operator::Like | Operator::Ilike | Operator::Match | Operator::Imatch => {
            if !column.is_text {
                return Err(format!(
                    "operator {} requires a text-compatible column type, got {}",
                    operator.name(),
                    column.type_name
                ));
            }
            let is_like = matches!(operator, Operator::Like | Operator::Ilike);
            let escapes = value.len() - value.trim_end_matches('\\').len();
            if is_like && escapes % 2 == 1 {
                // Postgres would say so only of rows that match so far.
                return Err("LIKE pattern must not end with escape character".to_owned());
            }
            let symbol = match operator {
                Operator::Like => "~~",
                Operator::Ilike => "~~*",
                Operator::Match => "~",
                _ => "~*",
            };
            let sql = column.operation(symbol, true);
            one(compared(&sql), vec![print(&sql, value, true)])
        }
        Operator::Is => {
            let word = value.to_ascii_lowercase();
            let asked = match word.as_str() {
                "null" if column.is_row => Asked::NullRow,
                "null" | "unknown" => Asked::Null,
                "true" => Asked::Boolean(true),
                "false" => Asked::Boolean(false),
                _ => {
                    return Err(
                        "invalid value for is filter: must be null, true, false, or unknown"
                            .to_owned(),
                    );
                }
            };
            if word != "null" && !column.is_boolean {
                return Err(format!(
                    "is {word} filter requires a boolean column, got {}",
                    column.type_name
                ));
            }
            one(asked, Vec::new())
        }
    })
}
