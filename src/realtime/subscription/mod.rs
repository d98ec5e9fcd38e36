//! `postgres_changes` bindings: could this change matter to this subscriber?
//!
//! Reading order: `filter` (the grammar, pure), `wanted` (an entry as the client sent it, pure),
//! `after` (from where on it listens, pure), `alias` (views that stand for a table), `facts` (what Postgres says of its tables and
//! columns), `store` (Postgres accepts it), `meaning` (conditions become predicates, pure),
//! `predicate` (what a filter asks of a row, pure), `interest` (what an accepted binding wants,
//! pure), `compare` (Postgres compares what texts do not decide).
//!
//! What a filter compares is decided by Postgres when the binding is made: a value is cast to
//! the column's type and printed as the log prints it, so that for many types equality of values
//! is equality of texts. Everything else Postgres is asked to compare, once for all who ask it.

mod after;
mod alias;
mod compare;
mod facts;
mod filter;
mod interest;
mod meaning;
mod predicate;
mod store;
mod wanted;

pub use after::After;
pub use compare::Comparer;
pub use facts::Facts;
pub use filter::{Operator, Tree};
pub use interest::{Binding, Interest, Left, View};
pub use predicate::{Asked, Compared, Comparison, Operation, Predicate};
pub use store::accept;
pub use wanted::{Kind, Wanted, entries};
