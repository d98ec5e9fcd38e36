//! Queries in policies (pure): which rows of which tables can matter to them.
//!
//! A row that fails a query's WHERE, an inner join's ON or the row security of its table cannot
//! matter; so equalities found there hold for all that does, sub-queries in it included.

use std::rc::Rc;

use super::Candidates;
use super::calls::output_family;
use super::candidates::either;
use super::node_tree::{Node, Tree};
use super::terms::{Classes, Entry, Family, Place, Term};
use super::walk::Walk;
use super::{Read, Source};

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

    /// The same of a function's body: what it gives must come out unconverted.
    pub(super) fn of_function(&self, outputs: &[u32], gives_set: bool) -> Self {
        let links = self.links.iter().filter_map(|(column, term, family)| {
            let output = output_family(outputs, *column)?;
            (family.is_none() || *family == Some(output)).then_some((*column, *term, Some(output)))
        });
        Self { links: links.collect(), is_first_row: !gives_set, is_truth: self.is_truth }
    }
}

/// A condition of a query's FROM or WHERE.
struct Condition<'f> {
    expression: &'f Tree,
    /// Whether a row that fails it cannot come out of the query.
    is_required: bool,
}

/// A query's FROM and WHERE, taken apart.
#[derive(Default)]
struct Joins<'f> {
    conditions: Vec<Condition<'f>>,
    /// Places in the range table without which no row comes out.
    required: Vec<usize>,
}

impl<'f> Joins<'f> {
    fn of(query: &'f Node) -> Self {
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
struct Member<'f> {
    node: &'f Node,
    number: usize,
    is_required: bool,
}

const RELATION: i64 = 0;
const SUBQUERY: i64 = 1;
const FUNCTION: i64 = 3;

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

    /// The range table: what its variables mean, and what has columns of its own.
    fn members(
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

    fn unite_row_security(&mut self, member: &Member<'f>, role: u32, classes: &mut Classes) {
        if let Some(policies) = self.row_security(member, role) {
            let place = own_place(member, role);
            self.unite_policies(policies, &place, classes);
        }
    }

    /// The policies that hide rows of a table from a role.
    fn row_security(
        &mut self,
        member: &Member<'f>,
        role: u32,
    ) -> Option<&'f super::facts::RowSecurity> {
        if member.node.number("rtekind") != Some(RELATION) {
            return None;
        }
        let key = (member.node.oid("relid"), role);
        let known = self.facts.row_security.get(&key);
        if known.is_none() {
            self.wanted.row_security.insert(key);
        }
        known.filter(|policies| policies.is_bound)
    }

    /// Something in FROM. Gives who is among those for whom it gives a row that matters.
    fn member_of_from(
        &mut self,
        member: &Member<'f>,
        inside: &Place<'f>,
        classes: &Classes,
    ) -> Candidates {
        let outputs = |columns: i64| Asked {
            links: (1..=columns)
                .map(|column| (column, Term::Column(member.number, column), None))
                .collect(),
            is_first_row: false,
            is_truth: false,
        };
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

    /// A table is read. `number` is its place among all that have columns. Gives the read that
    /// can name candidates, if one can.
    pub(super) fn read(
        &mut self,
        oid: u32,
        number: Option<usize>,
        classes: &Classes,
    ) -> Option<usize> {
        let relation = self.relation(oid)?;
        if let Some(reason) = unfit(relation) {
            self.reason(&reason);
            return None;
        }
        if !relation.is_told {
            self.found.untold.insert(oid);
        }
        let told = |column: i64| {
            let is_told = !relation.generated.contains(&column);
            is_told.then(|| relation.column(column).map(|name| (column, name.to_owned()))).flatten()
        };
        let (mut keys, mut subject) = (Vec::new(), None);
        for (column, name) in
            number.into_iter().flat_map(|number| classes.columns_of(number)).filter_map(told)
        {
            let term = Term::Column(number?, column);
            let of_row = classes.row_columns(term).into_iter().find_map(|own| self.row_column(own));
            if let Some(of_row) = of_row {
                keys.push((column, (name.clone(), of_row)));
            }
            if subject.is_none() && classes.is_person(term) {
                subject = Some((column, name));
            }
        }
        let is_known = |column: &i64| relation.identity.contains(column);
        let read = |is_lookup: bool| {
            let stays = |column: &i64| is_lookup || is_known(column);
            Read {
                table: relation.logged_as,
                name: relation.name.clone(),
                keys: keys
                    .iter()
                    .filter(|(column, _)| stays(column))
                    .map(|(_, key)| key.clone())
                    .collect(),
                subject: subject
                    .as_ref()
                    .filter(|(column, _)| stays(column))
                    .map(|(_, name)| name.clone()),
                is_lookup,
            }
        };
        let (whole, seen) = (read(true), read(false));
        let is_seen_whole = whole.keys == seen.keys && whole.subject == seen.subject;
        let seen = self.note(seen);
        match whole.subject {
            None => None,
            Some(_) if is_seen_whole => Some(seen),
            Some(_) => Some(self.note(whole)),
        }
    }

    fn note(&mut self, read: Read) -> usize {
        let reads = &mut self.found.reads;
        reads.iter().position(|known| *known == read).unwrap_or_else(|| {
            reads.push(read);
            reads.len() - 1
        })
    }
}

/// Whether a query leaves out rows for other reasons than its conditions.
fn is_cut(query: &Node) -> bool {
    query.has("limitOffset") || query.has("limitCount")
}

/// Where the policies of a table stand.
fn own_place<'f>(member: &Member<'f>, role: u32) -> Place<'f> {
    Place {
        frames: vec![Rc::new(vec![Entry::Columns(member.number)])],
        arguments: Rc::default(),
        role,
    }
}

/// Why what happens to a relation's rows cannot be followed.
fn unfit(relation: &super::facts::Relation) -> Option<String> {
    let name = &relation.name;
    let what = match relation.kind.as_str() {
        "v" => "is a view: let policies read the tables behind it",
        "m" => "is a materialized view, whose refreshes the log does not tell",
        "f" => "is a foreign table, whose changes the log does not tell",
        "r" | "p" if relation.is_system => {
            "is a system catalog, whose changes the log does not tell"
        }
        "r" | "p" if relation.persistence != "p" => {
            "is unlogged or temporary, so the log does not tell its changes"
        }
        "r" | "p" if relation.has_children => {
            "has tables that inherit from it: use partitions instead"
        }
        "r" | "p" => return None,
        _ => "is no table",
    };
    Some(format!("{name} {what}"))
}
