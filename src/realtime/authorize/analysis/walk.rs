//! Through the expressions of policies: what they read, and whom they could permit (pure).
//!
//! An expression stands either where only its truth matters (conditions) or where its value does
//! (everything else, what is negated above all: there null and false differ). Equalities are
//! drawn upon only where truth matters. Queries are `query`'s, functions `calls`'s.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::candidates::{better, either};
use super::facts::{Facts, Relation, RowSecurity, Wanted};
use super::node_tree::{Node, Tree};
use super::query::Asked;
use super::terms::{Classes, Entry, Family, Place, ROW, Term, has_plain_collation};
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
    /// Relations read that the log does not tell.
    pub(super) untold: BTreeSet<u32>,
    pub(super) reasons: Vec<String>,
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
    /// Relations and roles whose policies are around.
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

    /// Walks the policies of the table judged; gives who could be permitted.
    pub(super) fn policies(&mut self, role: u32) -> Candidates {
        let (table, facts) = (self.table, self.facts);
        if self.relation(table).is_none() {
            return Candidates::Anybody;
        }
        let Some(policies) = facts.row_security.get(&(table, role)) else {
            self.wanted.row_security.insert((table, role));
            return Candidates::Anybody;
        };
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

    fn condition(
        &mut self,
        expression: &'f Tree,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        if !self.enter() {
            return Candidates::Anybody;
        }
        let candidates = match expression.node() {
            Some(node) => self.condition_node(expression, node, place, classes),
            None => Candidates::Anybody,
        };
        self.leave();
        candidates
    }

    fn condition_node(
        &mut self,
        expression: &'f Tree,
        node: &'f Node,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        match node.kind.as_str() {
            "CONST" if node.is("constisnull") || node.bytes().first() == Some(&0) => {
                return Candidates::Of(Vec::new());
            }
            "BOOLEXPR" if node.get("boolop").word() == Some("or") => {
                let mut any = Candidates::Of(Vec::new());
                for part in node.list("args") {
                    any = either(any, self.truth(part, place, classes));
                }
                return any;
            }
            "BOOLEXPR" if node.get("boolop").word() == Some("and") => {
                return self.truth(expression, place, classes);
            }
            // IS TRUE and IS NOT TRUE ask only for truth.
            "BOOLEANTEST" if matches!(node.number("booltesttype"), Some(0 | 1)) => {
                let candidates = self.truth(node.get("arg"), place, classes);
                if node.number("booltesttype") == Some(0) {
                    return candidates;
                }
            }
            "CASEEXPR" => return self.choice(node, place, classes),
            "COALESCEEXPR" => return self.first_known(node, place, classes),
            "FUNCEXPR" => return self.call(node, place, classes, &Asked::truth()),
            "OPEXPR" if self.is_equality(node) => return self.equality(node, place, classes),
            "SCALARARRAYOPEXPR" => return self.member(node, place, classes),
            "SUBLINK" => return self.subquery(node, place, classes),
            _ => self.value(expression, place, classes),
        }
        Candidates::Anybody
    }

    /// `case`: whoever is among those of a result.
    fn choice(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) -> Candidates {
        self.value(node.get("arg"), place, classes);
        let mut any = match node.get("defresult") {
            Tree::Nothing => Candidates::Of(Vec::new()),
            result => self.truth(result, place, classes),
        };
        for when in node.list("args").iter().filter_map(Tree::node) {
            let asked = self.truth(when.get("expr"), place, classes);
            let result = self.truth(when.get("result"), place, classes);
            any = either(any, self.better(asked, result));
        }
        any
    }

    /// `coalesce`: of an argument only the truth matters when what follows is not true anyway.
    fn first_known(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) -> Candidates {
        let mut any = Candidates::Of(Vec::new());
        let mut rest = node.list("args");
        while let [first, others @ ..] = rest {
            let is_false = |tree: &Tree| {
                tree.node().is_some_and(|node| {
                    node.kind == "CONST"
                        && (node.is("constisnull") || node.bytes().first() == Some(&0))
                })
            };
            if others.iter().all(is_false) {
                any = either(any, self.truth(first, place, classes));
            } else {
                self.value(first, place, classes);
                any = Candidates::Anybody;
            }
            rest = others;
        }
        any
    }

    /// `a = b`, where one side may be a sub-select or a function with a query in it.
    fn equality(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) -> Candidates {
        self.check_operator(node);
        let [one, other] = node.list("args") else { return Candidates::Anybody };
        let is_plain = has_plain_collation(node);
        let term = |walk: &Self, tree: &Tree| {
            place.term(tree, &|oid| walk.is_person(oid)).filter(|_| is_plain)
        };
        let (first, second) = (term(self, one), term(self, other));
        let one = self.operand(one, place, classes, second);
        let other = self.operand(other, place, classes, first);
        self.better(one, other)
    }

    /// A side of an equality, or what a scalar query gives. `link` is what it must equal. Gives
    /// who is among those for whom it is not null.
    pub(super) fn operand(
        &mut self,
        expression: &'f Tree,
        place: &Place<'f>,
        classes: &Classes,
        link: Option<(Term, Family)>,
    ) -> Candidates {
        let Some(node) = expression.node() else { return Candidates::Anybody };
        let is_scalar = node.kind == "SUBLINK" && node.number("subLinkType") == Some(4);
        if !self.enter() {
            return Candidates::Anybody;
        }
        let candidates = match node.kind.as_str() {
            "SUBLINK" if is_scalar => match node.get("subselect").node() {
                Some(query) => self.query(query, place, classes, &Asked::first_row(link)),
                None => Candidates::Anybody,
            },
            "FUNCEXPR" if !node.is("funcretset") => {
                self.call(node, place, classes, &Asked::first_row(link))
            }
            "RELABELTYPE" => self.operand(node.get("arg"), place, classes, link),
            _ => {
                self.value(expression, place, classes);
                Candidates::Anybody
            }
        };
        self.leave();
        candidates
    }

    /// `a = any (array(select b ...))`
    fn member(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) -> Candidates {
        self.check_operator(node);
        let [one, many] = node.list("args") else { return Candidates::Anybody };
        self.value(one, place, classes);
        let array = many
            .node()
            .filter(|many| many.kind == "SUBLINK" && many.number("subLinkType") == Some(6));
        let Some(query) = array.and_then(|array| array.get("subselect").node()) else {
            self.value(many, place, classes);
            return Candidates::Anybody;
        };
        if !node.is("useOr") {
            self.query(query, place, classes, &Asked::rows(Vec::new()));
            return Candidates::Anybody;
        }
        let term = place.term(one, &|oid| self.is_person(oid));
        let term = term.filter(|_| self.is_equality(node) && has_plain_collation(node));
        let links = term.into_iter().map(|(term, family)| (1, term, family)).collect();
        self.query(query, place, classes, &Asked::rows(links))
    }

    /// `exists (select ...)`, `a in (select b ...)` and the other sub-selects.
    fn subquery(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) -> Candidates {
        let Some(query) = node.get("subselect").node() else { return Candidates::Anybody };
        let test = node.get("testexpr");
        self.value(test, place, classes);
        match node.number("subLinkType") {
            Some(0) => self.query(query, place, classes, &Asked::rows(Vec::new())),
            Some(2) => {
                let links = self.links_of_test(test, place);
                self.query(query, place, classes, &Asked::rows(links))
            }
            // A scalar sub-select's value is the condition: true only if there is a row.
            Some(4) => self.query(query, place, classes, &Asked::truth()),
            _ => {
                self.query(query, place, classes, &Asked::rows(Vec::new()));
                Candidates::Anybody
            }
        }
    }

    /// What the columns of the sub-select in `(a, b) in (select ...)` must equal.
    fn links_of_test(&mut self, test: &'f Tree, place: &Place<'f>) -> Vec<(i64, Term, Family)> {
        let mut links = Vec::new();
        for part in conjunction(test) {
            let Some(node) = part.node().filter(|node| node.kind == "OPEXPR") else { continue };
            let [one, other] = node.list("args") else { continue };
            let column = output_parameter(other);
            let term = place.term(one, &|oid| self.is_person(oid));
            if let (true, Some(column), Some((term, family))) =
                (self.is_equality(node) && has_plain_collation(node), column, term)
            {
                links.push((column, term, family));
            }
        }
        links
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
            self.reason(
                "a policy uses the whole row or a system column: name the columns it needs",
            );
        } else if let (true, Some(name)) = (table.generated.contains(&number), table.column(number))
        {
            self.reason(&format!(
                "column {name} is generated, so the log does not tell it: use what it is made of"
            ));
        }
        self.found.columns.insert(number);
    }

    /// Verdicts must not be remembered, and why.
    pub(super) fn reason(&mut self, reason: &str) {
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
fn conjunction(expression: &Tree) -> Vec<&Tree> {
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

/// Which column of a sub-select stands for this side of a test.
fn output_parameter(expression: &Tree) -> Option<i64> {
    let node = expression.node()?;
    match node.kind.as_str() {
        "PARAM" if node.number("paramkind") == Some(2) => node.number("paramid"),
        "RELABELTYPE" => output_parameter(node.get("arg")),
        _ => None,
    }
}
