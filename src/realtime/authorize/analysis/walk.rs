//! Through the expressions of policies: what they read, and whom they could permit (pure).
//!
//! An expression stands either where only its truth matters (conditions) or where its value does
//! (everything else, what is negated above all: there null and false differ). Equalities are
//! drawn upon only where truth matters. Queries are `query`'s, functions `calls`'s.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::candidates::{better, either};
use super::facts::{Command, Facts, Relation, RowSecurity, Wanted};
use super::node_tree::{Node, Tree};
use super::terms::{Classes, Entry, Place, ROW, Term};
use super::{Candidates, Read, Source};

/// How deep expressions, queries, functions and policies may stand in each other.
const MAX_DEPTH: usize = 250;

/// How many nodes are visited, functions at each of their calls.
const MAX_STEPS: usize = 200_000;

/// What was found on the way.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Columns of the row judged.
    pub(super) columns: BTreeSet<i64>,
    pub(super) has_whole_claims: bool,
    pub(super) claims: BTreeSet<String>,
    pub(super) reads: Vec<Read>,
    /// Where each of them stands: the relation and its place among all that have columns;
    /// `None` for what a function says that it reads.
    pub(super) places: Vec<Vec<Option<(u32, usize)>>>,
    /// By these places, the columns that were looked at; 0 is the whole row.
    pub(super) looked_at: HashMap<usize, BTreeSet<i64>>,
    /// Relations read that the log does not tell.
    pub(super) untold: BTreeSet<u32>,
    pub(super) reasons: Vec<String>,
    /// Whether more may be read than was found.
    pub(super) is_blind: bool,
}

/// One walk; begun anew when facts were missing.
pub(super) struct Walk<'f> {
    pub(super) facts: &'f Facts,
    /// The table judged.
    table: u32,
    pub(super) found: Found,
    pub(super) wanted: Wanted,
    /// Functions around, innermost last.
    pub(super) calls: Vec<u32>,
    /// Relations and roles whose policies for reading are around.
    pub(super) guarded: Vec<(u32, u32)>,
    terms: usize,
    depth: usize,
    steps: usize,
}

impl<'f> Walk<'f> {
    pub(super) fn new(facts: &'f Facts, table: u32) -> Self {
        Self {
            facts,
            table,
            found: Found::default(),
            wanted: Wanted::default(),
            calls: Vec::new(),
            guarded: Vec::new(),
            terms: ROW + 1,
            depth: 0,
            steps: 0,
        }
    }

    /// Walks the policies of the table judged for a command; gives who could be permitted.
    pub(super) fn policies(&mut self, role: u32, command: Command) -> Candidates {
        let (table, facts) = (self.table, self.facts);
        if self.relation(table).is_none() {
            return Candidates::Anybody;
        }
        let key = (table, role, command);
        let Some(policies) = facts.row_security.get(&key) else {
            self.wanted.row_security.insert(key);
            return Candidates::Anybody;
        };
        if !policies.is_bound {
            return Candidates::Anybody;
        }
        let mut classes = Classes::default();
        let place = Place {
            frames: vec![Rc::new(vec![Entry::Columns(ROW)])],
            arguments: Rc::default(),
            role,
        };
        self.guarded.push((table, role));
        self.unite_policies(policies, &place, &mut classes);
        let candidates = self.guard(policies, &place, &classes);
        self.guarded.pop();
        candidates
    }

    /// Whom policies permit: any of those that permit, and all that restrict.
    pub(super) fn guard(
        &mut self,
        policies: &'f RowSecurity,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        let mut permitted = Candidates::Of(Vec::new());
        for condition in &policies.permissive {
            permitted = either(permitted, self.policy(condition.as_ref(), place, classes));
        }
        for condition in &policies.restrictive {
            let allowed = self.policy(condition.as_ref(), place, classes);
            permitted = self.better(permitted, allowed);
        }
        self.better(permitted, self.by_class(classes))
    }

    fn policy(
        &mut self,
        condition: Option<&'f Tree>,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        let Some(condition) = condition else {
            self.reason("a policy is too long or too deep to be understood: simplify it");
            return Candidates::Anybody;
        };
        self.truth(condition, place, classes)
    }

    /// Unites what every row that the policies let through has equal.
    pub(super) fn unite_policies(
        &mut self,
        policies: &'f RowSecurity,
        place: &Place<'f>,
        classes: &mut Classes,
    ) {
        let sole = match policies.permissive.as_slice() {
            [sole] => sole.as_ref(),
            _ => None,
        };
        for condition in policies.restrictive.iter().flatten().chain(sole) {
            self.unite(condition, place, classes);
        }
    }

    /// Unites the terms that a condition says are equal, throughout its conjunction.
    pub(super) fn unite(&mut self, condition: &'f Tree, place: &Place<'f>, classes: &mut Classes) {
        for part in conjunction(condition) {
            let Some(node) = part.node().filter(|node| node.kind == "OPEXPR") else { continue };
            if self.is_equality(node)
                && let Some((one, other)) = place.equality(node, &|oid| self.is_person(oid))
            {
                classes.unite(one, other);
            }
        }
    }

    /// An expression of which only the truth matters. Gives who is among those for whom it is
    /// true.
    pub(super) fn truth(
        &mut self,
        condition: &'f Tree,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        let mut classes = classes.clone();
        self.unite(condition, place, &mut classes);
        let mut best = self.by_class(&classes);
        for part in conjunction(condition) {
            let candidates = self.condition(part, place, &classes);
            best = self.better(best, candidates);
        }
        best
    }

    /// Whether an operator compares values that are equal just when they are printed alike.
    pub(super) fn is_equality(&mut self, node: &Node) -> bool {
        let oid = node.oid("opno");
        let known = self.facts.operators.get(&oid);
        if known.is_none() {
            self.wanted.operators.insert(oid);
        }
        known.is_some_and(|operator| operator.is_equality)
    }

    /// What is known of a relation; asked for when nothing is.
    pub(super) fn relation(&mut self, oid: u32) -> Option<&'f Relation> {
        let facts = self.facts;
        let known = facts.relations.get(&oid);
        if known.is_none() {
            self.wanted.relations.insert(oid);
        }
        known
    }

    /// Whoever is among both: told by the one that is cheaper to ask.
    pub(super) fn better(&self, one: Candidates, other: Candidates) -> Candidates {
        better(&self.found.reads, one, other)
    }

    /// The person, if rows that matter have them in a column of the row judged.
    pub(super) fn by_class(&self, classes: &Classes) -> Candidates {
        let column = classes.row_columns(Term::Person).into_iter().find_map(|number| {
            self.facts.relations.get(&self.table)?.column(number).map(str::to_owned)
        });
        match column {
            Some(column) => Candidates::Of(vec![Source::Column(column)]),
            None => Candidates::Anybody,
        }
    }

    /// The name of a column of the row judged that the log tells.
    pub(super) fn row_column(&self, number: i64) -> Option<String> {
        let table = self.facts.relations.get(&self.table)?;
        let is_told = !table.generated.contains(&number);
        is_told.then(|| table.column(number).map(str::to_owned)).flatten()
    }

    /// A column of the row judged decides.
    pub(super) fn uses_column(&mut self, number: i64) {
        let Some(table) = self.facts.relations.get(&self.table) else { return };
        if number <= 0 {
            self.fleeting(
                "a policy uses the whole row or a system column: name the columns it needs",
            );
        } else if let (true, Some(name)) = (table.generated.contains(&number), table.column(number))
        {
            self.fleeting(&format!(
                "column {name} is generated, so the log does not tell it: use what it is made of"
            ));
        }
        self.found.columns.insert(number);
    }

    /// Verdicts must not be remembered, and why: something is not understood, and may read what
    /// was not found.
    pub(super) fn reason(&mut self, reason: &str) {
        self.found.is_blind = true;
        self.fleeting(reason);
    }

    /// Verdicts must not be remembered, and why: what decides is known, but not only rows and
    /// claims do.
    pub(super) fn fleeting(&mut self, reason: &str) {
        if !self.found.reasons.iter().any(|known| known == reason) {
            self.found.reasons.push(reason.to_owned());
        }
    }

    /// A number for something with columns, or for an argument.
    pub(super) fn fresh(&mut self) -> usize {
        self.terms += 1;
        self.terms - 1
    }

    /// One step deeper, if that is not too deep. Every step ends with [`Walk::leave`].
    pub(super) fn enter(&mut self) -> bool {
        self.steps += 1;
        if self.depth >= MAX_DEPTH || self.steps >= MAX_STEPS {
            self.reason("policies and their functions are nested too deeply: simplify them");
            return false;
        }
        self.depth += 1;
        true
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// The parts of a conjunction, those of conjunctions in it included.
pub(super) fn conjunction(expression: &Tree) -> Vec<&Tree> {
    let mut parts = Vec::new();
    let mut open = vec![expression];
    while let Some(next) = open.pop() {
        match next.node() {
            Some(node) if node.kind == "BOOLEXPR" && node.get("boolop").word() == Some("and") => {
                open.extend(node.list("args").iter().rev());
            }
            _ => parts.push(next),
        }
    }
    parts
}
