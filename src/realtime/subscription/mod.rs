//! `postgres_changes` bindings: could this change matter to this subscriber?
//!
//! Reading order: `filter` (the grammar, pure), `wanted` (an entry as the client sent it, pure),
//! `store` (Postgres accepts it, and compares values), `predicate` (what a filter asks of a row,
//! pure), `interest` (what an accepted binding wants, pure).
//!
//! What a filter compares is decided by Postgres when the binding is made: a value is cast to
//! the column's type and printed as the log prints it, so that for many types equality of values
//! is equality of texts. Everything else Postgres is asked to compare, once for all who ask it.

mod filter;
mod interest;
mod predicate;
mod store;
mod wanted;

pub use filter::{Operator, Tree};
pub use interest::{Binding, Interest, Left, View};
pub use predicate::{Asked, Compared, Comparison, Operation, Predicate};
pub use store::{Comparer, accept};
pub use wanted::{Kind, Wanted, entries};
