//! What stands in a query's FROM (pure): tables under their row security, sub-selects, functions.

use std::rc::Rc;

use super::facts::{Command, RowSecurity};
use super::node_tree::{Node, Tree};
use super::query::Asked;
use super::terms::{Classes, Entry, Place};
use super::walk::Walk;
use super::{Candidates, Source};

/// A condition of a query's FROM or WHERE.
pub(super) struct Condition<'f> {
    pub(super) expression: &'f Tree,
    /// Whether a row that fails it cannot come out of the query.
    pub(super) is_required: bool,
}

/// A query's FROM and WHERE, taken apart.
#[derive(Default)]
pub(super) struct Joins<'f> {
    pub(super) conditions: Vec<Condition<'f>>,
    /// Places in the range table without which no row comes out.
    required: Vec<usize>,
}

impl<'f> Joins<'f> {
    pub(super) fn of(query: &'f Node) -> Self {
        let mut joins = Self::default();
        if let Some(from) = query.get("jointree").node() {
            joins.add(from, true);
        }
        joins
    }

    fn add(&mut self, node: &'f Node, is_required: bool) {
        let sides = match node.kind.as_str() {
            "RANGETBLREF" => {
                let place = node.number("rtindex").and_then(|place| usize::try_from(place).ok());
                self.required.extend(place.filter(|_| is_required));
                return;
            }
            "FROMEXPR" => {
                let members = node.list("fromlist").iter().filter_map(Tree::node);
                members.for_each(|member| self.add(member, is_required));
                self.condition(node.get("quals"), is_required);
                return;
            }
            // Inner, left, full, right: which sides may be missing.
            _ => match node.number("jointype") {
                Some(0) => [true, true],
                Some(1) => [true, false],
                Some(3) => [false, true],
                _ => [false, false],
            },
        };
        for (field, stays) in ["larg", "rarg"].into_iter().zip(sides) {
            if let Some(side) = node.get(field).node() {
                self.add(side, is_required && stays);
            }
        }
        self.condition(node.get("quals"), is_required && node.number("jointype") == Some(0));
    }

    fn condition(&mut self, expression: &'f Tree, is_required: bool) {
        if !matches!(expression, Tree::Nothing) {
            self.conditions.push(Condition { expression, is_required });
        }
    }
}

/// A range table entry with its number among all that have columns.
pub(super) struct Member<'f> {
    pub(super) node: &'f Node,
    pub(super) number: usize,
    pub(super) is_required: bool,
}

pub(super) const RELATION: i64 = 0;
const SUBQUERY: i64 = 1;
const FUNCTION: i64 = 3;

impl<'f> Walk<'f> {
    /// The range table: what its variables mean, and what has columns of its own.
    pub(super) fn members(
        &mut self,
        query: &'f Node,
        joins: &Joins<'f>,
    ) -> (Rc<Vec<Entry<'f>>>, Vec<Member<'f>>) {
        let (mut frame, mut members) = (Vec::new(), Vec::new());
        for (index, node) in query.list("rtable").iter().filter_map(Tree::node).enumerate() {
            frame.push(match node.number("rtekind") {
                Some(RELATION | SUBQUERY | FUNCTION) => {
                    let number = self.fresh();
                    let is_required = joins.required.contains(&(index + 1));
                    members.push(Member { node, number, is_required });
                    Entry::Columns(number)
                }
                // Joins, and since PostgreSQL 18 groupings.
                Some(2) => Entry::Expressions(node.list("joinaliasvars")),
                Some(9) => Entry::Expressions(node.list("groupexprs")),
                // Values, common table expressions.
                Some(5 | 6) => {
                    members.push(Member { node, number: self.fresh(), is_required: false });
                    Entry::Opaque
                }
                _ => {
                    self.reason("a policy reads from something other than tables, functions and sub-selects, which is not understood");
                    Entry::Opaque
                }
            });
        }
        (Rc::new(frame), members)
    }

    pub(super) fn unite_row_security(
        &mut self,
        member: &Member<'f>,
        role: u32,
        classes: &mut Classes,
    ) {
        if let Some(policies) = self.row_security(member, role) {
            let place = own_place(member, role);
            self.unite_policies(policies, &place, classes);
        }
    }

    /// The policies that hide rows of a table from a role.
    fn row_security(&mut self, member: &Member<'f>, role: u32) -> Option<&'f RowSecurity> {
        if member.node.number("rtekind") != Some(RELATION) {
            return None;
        }
        let key = (member.node.oid("relid"), role, Command::Select);
        let known = self.facts.row_security.get(&key);
        if known.is_none() {
            self.wanted.row_security.insert(key);
        }
        known.filter(|policies| policies.is_bound)
    }

    /// Something in FROM. Gives who is among those for whom it gives a row that matters.
    pub(super) fn member_of_from(
        &mut self,
        member: &Member<'f>,
        inside: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        let outputs = |columns: i64| Asked::outputs(member.number, columns);
        match member.node.number("rtekind") {
            Some(RELATION) => self.table(member, inside.role, classes),
            Some(SUBQUERY) => match member.node.get("subquery").node() {
                Some(query) => {
                    let columns = query.list("targetList").len();
                    let asked = outputs(i64::try_from(columns).unwrap_or(0));
                    self.query(query, inside, classes, &asked)
                }
                None => Candidates::Anybody,
            },
            Some(FUNCTION) => self.functions_of_from(member, inside, classes, &outputs),
            _ => {
                self.value(member.node.get("values_lists"), inside, classes);
                Candidates::Anybody
            }
        }
    }

    fn table(&mut self, member: &Member<'f>, role: u32, classes: &Classes) -> Candidates {
        let oid = member.node.oid("relid");
        let best = match self.read(oid, Some(member.number), classes) {
            Some(read) => Candidates::Of(vec![Source::Rows(read)]),
            None => Candidates::Anybody,
        };
        self.value(member.node.get("tablesample"), &own_place(member, role), classes);
        let Some(policies) = self.row_security(member, role) else { return best };
        if self.guarded.contains(&(oid, role)) {
            self.reason("policies of tables read each other in a circle: break it with a security definer function");
            return best;
        }
        self.guarded.push((oid, role));
        let permitted = self.guard(policies, &own_place(member, role), classes);
        self.guarded.pop();
        self.better(best, permitted)
    }

    fn functions_of_from(
        &mut self,
        member: &Member<'f>,
        inside: &Place<'f>,
        classes: &Classes,
        outputs: &dyn Fn(i64) -> Asked,
    ) -> Candidates {
        let functions: Vec<&'f Tree> = member
            .node
            .list("functions")
            .iter()
            .filter_map(|function| Some(function.node()?.get("funcexpr")))
            .collect();
        let is_linked = functions.len() == 1 && !member.node.is("funcordinality");
        let mut candidates = Candidates::Anybody;
        for expression in functions {
            match expression.node().filter(|node| node.kind == "FUNCEXPR") {
                Some(call) if is_linked && call.is("funcretset") => {
                    let facts = self.facts;
                    let known = facts.functions.get(&call.oid("funcid"));
                    let columns = known.map_or(0, |function| function.outputs.len());
                    let asked = outputs(i64::try_from(columns).unwrap_or(0));
                    candidates = self.call(call, inside, classes, &asked);
                }
                _ => self.value(expression, inside, classes),
            }
        }
        candidates
    }
}

/// Where the policies of a table stand.
fn own_place<'f>(member: &Member<'f>, role: u32) -> Place<'f> {
    Place {
        frames: vec![Rc::new(vec![Entry::Columns(member.number)])],
        arguments: Rc::default(),
        role,
    }
}
