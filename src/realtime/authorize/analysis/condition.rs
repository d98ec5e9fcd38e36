//! Conditions (pure): expressions of which only the truth matters, and whom they could let
//! through.

use super::Candidates;
use super::candidates::either;
use super::node_tree::{Node, Tree};
use super::query::Asked;
use super::terms::{Classes, Family, Place, Term, has_plain_collation};
use super::walk::{Walk, conjunction};

impl<'f> Walk<'f> {
    /// A condition that is no conjunction.
    pub(super) fn condition(
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
