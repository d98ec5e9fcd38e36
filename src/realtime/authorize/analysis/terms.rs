//! Which values must be equal for a row to matter (pure).
//!
//! A term is a value that the log can print or a token can name: a column, `auth.uid()`, an
//! argument. Conditions unite terms into classes. Values are compared as the log prints them,
//! so only types whose equal values are printed alike take part.

use std::rc::Rc;

use super::node_tree::{Node, Tree};

/// Types whose values are equal just when the log prints the same: bool, int8, int2, int4, text,
/// oid, varchar, date, uuid. `name` is left out, because what becomes one may lose its end.
pub(super) const PLAIN_TYPES: [u32; 9] = [16, 20, 21, 23, 25, 26, 1043, 1082, 2950];

/// Collations under which text is equal only to itself: none, default, C, POSIX.
const PLAIN_COLLATIONS: [u32; 4] = [0, 100, 950, 951];

/// The relation whose row is judged, among the relations of an analysis.
pub(super) const ROW: usize = 0;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    /// A column of a relation, sub-select or function that stands in some FROM. Relation
    /// [`ROW`] is the row judged.
    Column(usize, i64),
    /// `auth.uid()`
    Person,
    /// An argument that is nothing of the above.
    Argument(usize),
}

/// Types whose values are printed alike when they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Truth,
    Integer,
    Text,
    Oid,
    Date,
    Uuid,
}

impl Family {
    /// The family of a type, if it is a plain one.
    pub(super) fn of(type_oid: u32) -> Option<Self> {
        match type_oid {
            16 => Some(Self::Truth),
            20 | 21 | 23 => Some(Self::Integer),
            25 | 1043 => Some(Self::Text),
            26 => Some(Self::Oid),
            1082 => Some(Self::Date),
            2950 => Some(Self::Uuid),
            _ => None,
        }
    }

    /// Whether a cast to text gives what the log prints, whatever the settings are.
    fn is_printed_alike(self) -> bool {
        matches!(self, Self::Integer | Self::Text | Self::Oid | Self::Uuid)
    }
}

/// Terms that must be equal, in classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    /// Each with the number of its class.
    members: Vec<(Term, usize)>,
}

impl Classes {
    /// Makes one class of the classes of both.
    pub(super) fn unite(&mut self, one: Term, other: Term) {
        let (one, other) = (self.class(one), self.class(other));
        for (_, class) in &mut self.members {
            if *class == other {
                *class = one;
            }
        }
    }

    /// The terms in the class of `term`, itself included.
    pub(super) fn equals(&self, term: Term) -> impl Iterator<Item = Term> {
        let class = self.members.iter().find(|(known, _)| *known == term).map(|(_, class)| *class);
        let others = self.members.iter().filter(move |(_, found)| Some(*found) == class);
        let alone = class.is_none().then_some(term);
        others.map(|(term, _)| *term).chain(alone)
    }

    /// Columns of the row judged in the class of `term`.
    pub(super) fn row_columns(&self, term: Term) -> Vec<i64> {
        let mut columns: Vec<i64> = self
            .equals(term)
            .filter_map(|term| match term {
                Term::Column(ROW, number) => Some(number),
                _ => None,
            })
            .collect();
        columns.sort_unstable();
        columns
    }

    /// Whether `term` is the person.
    pub(super) fn is_person(&self, term: Term) -> bool {
        self.equals(term).any(|term| term == Term::Person)
    }

    /// Columns of a relation that are in a class with something else.
    pub(super) fn columns_of(&self, relation: usize) -> Vec<i64> {
        let mut columns: Vec<i64> = self
            .members
            .iter()
            .filter_map(|(term, _)| match term {
                Term::Column(found, number) if *found == relation => Some(*number),
                _ => None,
            })
            .collect();
        columns.sort_unstable();
        columns
    }

    fn class(&mut self, term: Term) -> usize {
        if let Some((_, class)) = self.members.iter().find(|(known, _)| *known == term) {
            return *class;
        }
        let class = self.members.iter().map(|(_, class)| class + 1).max().unwrap_or(0);
        self.members.push((term, class));
        class
    }
}

/// What stands in a FROM, by its place in the query's range table.
#[derive(Debug, Clone)]
pub(super) enum Entry<'t> {
    /// Something with columns of its own.
    Columns(usize),
    /// A join, or a grouping: its columns are expressions over its own query's entries.
    Expressions(&'t [Tree]),
    /// What gives no terms.
    Opaque,
}

/// Where an expression stands: what its variables and parameters mean.
#[derive(Debug, Clone)]
pub(super) struct Place<'t> {
    /// The range tables of the queries around it, outermost first.
    pub(super) frames: Vec<Rc<Vec<Entry<'t>>>>,
    /// Arguments of the function that it is the body of.
    pub(super) arguments: Rc<Vec<Term>>,
    /// The role that the tables read see.
    pub(super) role: u32,
}

impl<'t> Place<'t> {
    /// The same inside of one more query.
    pub(super) fn inside(&self, frame: Rc<Vec<Entry<'t>>>) -> Self {
        let mut place = self.clone();
        place.frames.push(frame);
        place
    }

    /// The entry that a variable is of, and the place that the entry's expressions stand in.
    pub(super) fn entry(&self, variable: &Node) -> Option<(Entry<'t>, Place<'t>)> {
        let up = usize::try_from(variable.number("varlevelsup")?).ok()?;
        let number = usize::try_from(variable.number("varno")?).ok()?;
        let depth = self.frames.len().checked_sub(up)?;
        let entry = self.frames.get(depth.checked_sub(1)?)?.get(number.checked_sub(1)?)?;
        Some((entry.clone(), Place { frames: self.frames[..depth].to_vec(), ..self.clone() }))
    }

    /// The term that an expression is, if it is one. `is_person` knows `auth.uid()`.
    pub(super) fn term(
        &self,
        expression: &Tree,
        is_person: &dyn Fn(u32) -> bool,
    ) -> Option<(Term, Family)> {
        let node = expression.node()?;
        match node.kind.as_str() {
            "VAR" => {
                let column = node.number("varattno")?;
                match self.entry(node)? {
                    (Entry::Columns(relation), _) if column > 0 => {
                        Some((Term::Column(relation, column), Family::of(node.oid("vartype"))?))
                    }
                    (Entry::Expressions(expressions), place) => {
                        let index = usize::try_from(column).ok()?.checked_sub(1)?;
                        place.term(expressions.get(index)?, is_person)
                    }
                    _ => None,
                }
            }
            "PARAM" if node.number("paramkind") == Some(0) => {
                let index = usize::try_from(node.number("paramid")?).ok()?.checked_sub(1)?;
                Some((*self.arguments.get(index)?, Family::of(node.oid("paramtype"))?))
            }
            "FUNCEXPR" if is_person(node.oid("funcid")) => Some((Term::Person, Family::Uuid)),
            "RELABELTYPE" => {
                let (term, family) = self.term(node.get("arg"), is_person)?;
                let stays = Family::of(node.oid("resulttype")) == Some(family);
                stays.then_some((term, family))
            }
            "COERCEVIAIO" => {
                let (term, family) = self.term(node.get("arg"), is_person)?;
                let is_text = Family::of(node.oid("resulttype")) == Some(Family::Text);
                (is_text && family.is_printed_alike()).then_some((term, Family::Text))
            }
            "SUBLINK" if node.number("subLinkType") == Some(4) => {
                let query = node.get("subselect").node()?;
                let value = lone_value(query)?;
                self.inside(Rc::default()).term(value, is_person)
            }
            _ => None,
        }
    }

    /// Terms that a condition says are equal.
    pub(super) fn equality(
        &self,
        operator: &Node,
        is_person: &dyn Fn(u32) -> bool,
    ) -> Option<(Term, Term)> {
        let [one, other] = operator.list("args") else { return None };
        let (one, family) = self.term(one, is_person)?;
        let (other, same) = self.term(other, is_person)?;
        (family == same && has_plain_collation(operator)).then_some((one, other))
    }
}

/// Whether an operator compares text byte by byte.
pub(super) fn has_plain_collation(operator: &Node) -> bool {
    PLAIN_COLLATIONS.contains(&operator.oid("inputcollid"))
}

/// What a select without FROM, conditions and the rest gives.
pub(super) fn lone_value(query: &Node) -> Option<&Tree> {
    let joins = query.get("jointree").node()?;
    let extras = [
        "cteList",
        "rtable",
        "groupClause",
        "groupingSets",
        "havingQual",
        "limitOffset",
        "limitCount",
        "setOperations",
    ];
    let is_bare = joins.list("fromlist").is_empty()
        && !joins.has("quals")
        && !query.is("hasAggs")
        && !query.is("hasTargetSRFs")
        && extras.iter().all(|field| !query.has(field));
    let [target] = query.list("targetList") else { return None };
    is_bare.then(|| target.node().map(|target| target.get("expr"))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_transitive() {
        let mut classes = Classes::default();
        let (a, b, c) = (Term::Column(1, 1), Term::Column(ROW, 2), Term::Column(2, 3));
        classes.unite(a, b);
        classes.unite(c, Term::Person);
        assert!(!classes.is_person(a));
        assert_eq!(classes.row_columns(c), [] as [i64; 0]);
        classes.unite(b, c);
        assert!(classes.is_person(a) && classes.is_person(Term::Person));
        assert_eq!(classes.row_columns(c), [2]);
        assert_eq!(classes.row_columns(Term::Column(ROW, 7)), [7]);
        assert_eq!(classes.columns_of(1), [1]);
    }

    #[test]
    fn plain_types_have_a_family() {
        assert!(PLAIN_TYPES.iter().all(|plain| Family::of(*plain).is_some()));
        assert_eq!(Family::of(1700), None);
    }
}
