//! Queries in policies (pure): which rows of which tables can matter to them.
//!
//! A row that fails a query's WHERE, an inner join's ON or the row security of its table cannot
//! matter; so equalities found there hold for all that does, sub-queries in it included.

use super::Candidates;
use super::calls::output_family;
use super::candidates::either;
use super::from::{Joins, Member, RELATION};
use super::node_tree::{Node, Tree};
use super::terms::{Classes, Family, Place, Term};
use super::walk::Walk;

/// What is asked of a query.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// What an output column must equal for a row to matter, and the family that the column's
    /// own values must be of, where values are converted on the way out.
    links: Vec<(i64, Term, Option<Family>)>,
    /// Only the first row counts, not whether there is one like that.
    is_first_row: bool,
    /// Its only output is a condition.
    is_truth: bool,
}

impl Asked {
    /// Whether there are rows, with these values in these columns.
    pub(super) fn rows(links: Vec<(i64, Term, Family)>) -> Self {
        let links = links.into_iter().map(|(column, term, family)| (column, term, Some(family)));
        Self { links: links.collect(), is_first_row: false, is_truth: false }
    }

    /// What its first row has in the only column, which must equal `link` to matter.
    pub(super) fn first_row(link: Option<(Term, Family)>) -> Self {
        let links = link.into_iter().map(|(term, family)| (1, term, Some(family))).collect();
        Self { links, is_first_row: true, is_truth: false }
    }

    /// Whether what its first row has in the only column is true.
    pub(super) fn truth() -> Self {
        Self { links: Vec::new(), is_first_row: true, is_truth: true }
    }

    /// Rows whose columns are those of something in FROM.
    pub(super) fn outputs(number: usize, columns: i64) -> Self {
        let links = (1..=columns).map(|column| (column, Term::Column(number, column), None));
        Self { links: links.collect(), is_first_row: false, is_truth: false }
    }

    /// The same of a function's body: what it gives must come out unconverted.
    pub(super) fn of_function(&self, outputs: &[u32], gives_set: bool) -> Self {
        let links = self.links.iter().filter_map(|(column, term, family)| {
            let output = output_family(outputs, *column)?;
            (family.is_none() || *family == Some(output)).then_some((*column, *term, Some(output)))
        });
        Self { links: links.collect(), is_first_row: !gives_set, is_truth: self.is_truth }
    }
}

impl<'f> Walk<'f> {
    /// A query. Gives who is among those for whom it is as `asked`: gives such a row, or a first
    /// row that is true.
    pub(super) fn query(
        &mut self,
        query: &'f Node,
        place: &Place<'f>,
        classes: &Classes,
        asked: &Asked,
    ) -> Candidates {
        if !self.enter() {
            return Candidates::Anybody;
        }
        if query.number("commandType") != Some(1) || query.is("hasModifyingCTE") {
            self.reason("a policy calls a function that writes");
        }
        let joins = Joins::of(query);
        let (frame, members) = self.members(query, &joins);
        let inside = place.inside(frame);
        for shared in query.list("cteList").iter().filter_map(Tree::node) {
            if let Some(shared) = shared.get("ctequery").node() {
                self.query(shared, &inside, classes, &Asked::rows(Vec::new()));
            }
        }
        let candidates = if query.has("setOperations") {
            self.arms(query, &members, &inside, classes, asked)
        } else {
            self.select(query, &joins, &members, &inside, classes, asked)
        };
        for field in ["limitOffset", "limitCount"] {
            self.value(query.get(field), &inside, classes);
        }
        self.leave();
        // Without groups there is a row even when no row was found.
        let has_groups = query.has("groupClause") && !query.has("groupingSets");
        let is_aggregate =
            query.is("hasAggs") || query.has("havingQual") || query.has("groupingSets");
        if is_aggregate && !has_groups { Candidates::Anybody } else { candidates }
    }

    /// Union, intersection, difference: rows that differ from what is asked do not matter to any.
    fn arms(
        &mut self,
        query: &'f Node,
        members: &[Member<'f>],
        inside: &Place<'f>,
        classes: &Classes,
        asked: &Asked,
    ) -> Candidates {
        let has_links = !asked.is_first_row && !is_cut(query);
        let links = if has_links { asked.links.clone() } else { Vec::new() };
        let asked = Asked { links, is_first_row: false, is_truth: false };
        let mut any = Candidates::Of(Vec::new());
        for arm in members.iter().filter_map(|member| member.node.get("subquery").node()) {
            any = either(any, self.query(arm, inside, classes, &asked));
        }
        any
    }

    fn select(
        &mut self,
        query: &'f Node,
        joins: &Joins<'f>,
        members: &[Member<'f>],
        inside: &Place<'f>,
        classes: &Classes,
        asked: &Asked,
    ) -> Candidates {
        let mut classes = classes.clone();
        for condition in joins.conditions.iter().filter(|condition| condition.is_required) {
            self.unite(condition.expression, inside, &mut classes);
        }
        for member in members {
            self.unite_row_security(member, inside.role, &mut classes);
        }
        let links = self.link(query, members, inside, &mut classes, asked);

        let mut best = self.by_class(&classes);
        for member in members {
            let candidates = self.member_of_from(member, inside, &classes);
            if member.is_required {
                best = self.better(best, candidates);
            }
        }
        for condition in &joins.conditions {
            let candidates = self.truth(condition.expression, inside, &classes);
            if condition.is_required {
                best = self.better(best, candidates);
            }
        }
        let has_from = !members.is_empty();
        for target in query.list("targetList").iter().filter_map(Tree::node) {
            let expression = target.get("expr");
            let link = links.iter().find(|(column, ..)| target.number("resno") == Some(*column));
            let candidates =
                self.target(expression, inside, &classes, link, asked.is_truth && !has_from);
            if !has_from || link.is_some() {
                best = self.better(best, candidates);
            }
        }
        self.value(query.get("havingQual"), inside, &classes);
        for window in query.list("windowClause").iter().filter_map(Tree::node) {
            self.value(window.get("startOffset"), inside, &classes);
            self.value(window.get("endOffset"), inside, &classes);
        }
        best
    }

    /// An output column.
    fn target(
        &mut self,
        expression: &'f Tree,
        inside: &Place<'f>,
        classes: &Classes,
        link: Option<&(i64, Term, Option<Family>)>,
        is_truth: bool,
    ) -> Candidates {
        let set = expression.node().filter(|node| node.is("funcretset"));
        match (set, link) {
            (Some(call), Some((_, term, family))) => {
                let asked = Asked {
                    links: vec![(1, *term, *family)],
                    is_first_row: false,
                    is_truth: false,
                };
                self.call(call, inside, classes, &asked)
            }
            _ if is_truth => self.truth(expression, inside, classes),
            (None, Some((_, term, family))) => {
                let link = family.map(|family| (*term, family));
                self.operand(expression, inside, classes, link)
            }
            _ => {
                self.value(expression, inside, classes);
                Candidates::Anybody
            }
        }
    }

    /// Unites what is asked of output columns with what these are; gives the rest, which only
    /// the expressions of the columns could tell more of.
    fn link(
        &mut self,
        query: &'f Node,
        members: &[Member<'f>],
        inside: &Place<'f>,
        classes: &mut Classes,
        asked: &Asked,
    ) -> Vec<(i64, Term, Option<Family>)> {
        let is_cut = is_cut(query)
            || query.is("hasAggs")
            || query.is("hasWindowFuncs")
            || query.is("hasDistinctOn")
            || ["groupClause", "groupingSets", "havingQual"].iter().any(|field| query.has(field))
            || asked.is_first_row && !self.has_one_row(query, members, classes);
        if is_cut {
            return Vec::new();
        }
        let mut rest = Vec::new();
        let targets: Vec<&'f Node> =
            query.list("targetList").iter().filter_map(Tree::node).collect();
        for (column, term, family) in &asked.links {
            let target = targets
                .iter()
                .find(|target| target.number("resno") == Some(*column) && !target.is("resjunk"));
            let Some(target) = target else { continue };
            match inside.term(target.get("expr"), &|oid| self.is_person(oid)) {
                Some((own, found)) if family.is_none_or(|family| family == found) => {
                    classes.unite(own, *term);
                }
                Some(_) => {}
                None => rest.push((*column, *term, *family)),
            }
        }
        // Functions side by side that give sets are matched by place, not by value; and with
        // rows around, a column computed from them says nothing of which rows matter.
        let is_alone = asked.links.len() == 1 && targets.len() == 1;
        if is_alone && (query.is("hasTargetSRFs") || members.is_empty()) {
            rest
        } else {
            Vec::new()
        }
    }

    /// Whether a query cannot give two rows: a unique key of each table is given from outside.
    fn has_one_row(&mut self, query: &Node, members: &[Member<'f>], classes: &Classes) -> bool {
        let is_inside = |term: Term| match term {
            Term::Column(number, _) => members.iter().any(|member| member.number == number),
            _ => false,
        };
        !query.is("hasTargetSRFs")
            && members.iter().all(|member| {
                let is_relation = member.node.number("rtekind") == Some(RELATION);
                let relation = self.relation(member.node.oid("relid"));
                let is_given = |column: &i64| {
                    let mut equals = classes.equals(Term::Column(member.number, *column));
                    equals.any(|term| !is_inside(term))
                };
                is_relation
                    && member.is_required
                    && relation.is_some_and(|relation| {
                        relation.unique_keys.iter().any(|key| key.iter().all(is_given))
                    })
            })
    }
}

/// Whether a query leaves out rows for other reasons than its conditions.
fn is_cut(query: &Node) -> bool {
    query.has("limitOffset") || query.has("limitCount")
}
