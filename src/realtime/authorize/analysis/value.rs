//! Expressions whose value matters: every kind of node that is understood (pure).

use super::node_tree::{Node, Tree};
use super::query::Asked;
use super::terms::{Classes, Entry, Place, ROW, lone_value};
use super::walk::Walk;

/// Nodes that are what their operands are: kind and fields with expressions.
const OPERANDS: &[(&str, &[&str])] = &[
    ("AGGREF", &["aggdirectargs", "args", "aggfilter"]),
    ("ARRAYCOERCEEXPR", &["arg", "elemexpr"]),
    ("ARRAYEXPR", &["elements"]),
    ("BOOLEANTEST", &["arg"]),
    ("BOOLEXPR", &["args"]),
    ("CASEEXPR", &["arg", "args", "defresult"]),
    ("CASETESTEXPR", &[]),
    ("CASEWHEN", &["expr", "result"]),
    ("COALESCEEXPR", &["args"]),
    ("COERCEVIAIO", &["arg"]),
    ("COLLATEEXPR", &["arg"]),
    ("CONST", &[]),
    ("DISTINCTEXPR", &["args"]),
    ("FIELDSELECT", &["arg"]),
    ("GROUPINGFUNC", &["args"]),
    ("MINMAXEXPR", &["args"]),
    ("NAMEDARGEXPR", &["arg"]),
    ("NULLIFEXPR", &["args"]),
    ("NULLTEST", &["arg"]),
    ("OPEXPR", &["args"]),
    ("PARAM", &[]),
    ("RELABELTYPE", &["arg"]),
    ("ROWCOMPAREEXPR", &["largs", "rargs"]),
    ("ROWEXPR", &["args"]),
    ("SCALARARRAYOPEXPR", &["args"]),
    ("SUBSCRIPTINGREF", &["refupperindexpr", "reflowerindexpr", "refexpr"]),
    ("TARGETENTRY", &["expr"]),
    ("WINDOWFUNC", &["args", "aggfilter"]),
];

/// `json -> text`, `json ->> text` and the same of jsonb.
const FIELD_OPERATORS: [u32; 4] = [3962, 3963, 3211, 3477];

/// Types whose texts mean one value each, whatever the settings are: bool, bytea, "char", name,
/// int8, int2, int4, text, oid, json, float4, float8, unknown, bpchar, varchar, numeric, uuid,
/// jsonb, inet, cidr, and arrays of the usual ones of them.
const LASTING_TYPES: [u32; 30] = [
    16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 705, 1042, 1043, 1700, 2950, 3802, 869, 650,
    1000, 1005, 1007, 1009, 1015, 1016, 1231, 2951, 199, 3807,
];

/// Types below are Postgres's own.
pub(super) const FIRST_USER_OID: u32 = 16_384;

/// The type text.
const TEXT: u32 = 25;

impl<'f> Walk<'f> {
    /// An expression whose value matters, or a list of them.
    pub(super) fn value(&mut self, expression: &'f Tree, place: &Place<'f>, classes: &Classes) {
        for member in expression.list() {
            self.value(member, place, classes);
        }
        if let Some(node) = expression.node()
            && self.enter()
        {
            self.value_node(node, place, classes);
            self.leave();
        }
    }

    fn value_node(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) {
        match node.kind.as_str() {
            "VAR" => return self.variable(node, place, classes),
            "FUNCEXPR" => {
                self.call(node, place, classes, &Asked::rows(Vec::new()));
                return;
            }
            "SUBLINK" => {
                self.value(node.get("testexpr"), place, classes);
                if let Some(query) = node.get("subselect").node() {
                    self.query(query, place, classes, &Asked::rows(Vec::new()));
                }
                return;
            }
            "OPEXPR" if self.claim(node) => return self.check_operator(node),
            "OPEXPR" | "DISTINCTEXPR" | "NULLIFEXPR" | "SCALARARRAYOPEXPR" => {
                self.check_operator(node);
            }
            "ROWCOMPAREEXPR" => {
                for operator in node.list("opnos").iter().filter_map(Tree::word) {
                    self.check_operator_number(operator.parse().unwrap_or(0));
                }
            }
            "AGGREF" => self.check_function(node.oid("aggfnoid")),
            "WINDOWFUNC" => self.check_function(node.oid("winfnoid")),
            "COERCEVIAIO" => self.check_text_cast(node),
            _ => {}
        }
        match OPERANDS.iter().find(|(kind, _)| *kind == node.kind) {
            Some((_, fields)) => {
                for field in *fields {
                    self.value(node.get(field), place, classes);
                }
            }
            // It has no parts.
            None if node.kind == "SQLVALUEFUNCTION" => self.fleeting(&not_understood(&node.kind)),
            None => self.reason(&not_understood(&node.kind)),
        }
    }

    fn variable(&mut self, node: &'f Node, place: &Place<'f>, classes: &Classes) {
        let column = node.number("varattno").unwrap_or(0);
        match place.entry(node) {
            Some((Entry::Columns(ROW), _)) => self.uses_column(column),
            Some((Entry::Columns(_) | Entry::Opaque, _)) if column < 0 => self.reason(
                "a policy reads a system column (ctid, xmin, ...), which changes on its own",
            ),
            Some((Entry::Columns(number), _)) => {
                self.found.looked_at.entry(number).or_default().insert(column);
            }
            Some((Entry::Expressions(expressions), place)) => {
                let index = usize::try_from(column).ok().and_then(|column| column.checked_sub(1));
                match index {
                    Some(index) => {
                        if let Some(expression) = expressions.get(index) {
                            self.value(expression, &place, classes);
                        }
                    }
                    // The whole row of a join.
                    None => {
                        for expression in expressions {
                            self.value(expression, &place, classes);
                        }
                    }
                }
            }
            Some(_) => {}
            None => {
                self.reason("a policy refers to something outside of it that is not understood");
            }
        }
    }

    /// Whether this takes one claim out of the token; it is noted then.
    fn claim(&mut self, node: &'f Node) -> bool {
        let [claims, name] = node.list("args") else { return false };
        if !FIELD_OPERATORS.contains(&node.oid("opno")) || !self.is_claims(claims) {
            return false;
        }
        match constant_text(name) {
            Some(name) => {
                self.found.claims.insert(name);
                true
            }
            None => false,
        }
    }

    /// Whether an expression is all claims as JSON.
    fn is_claims(&mut self, expression: &'f Tree) -> bool {
        let Some(node) = expression.node() else { return false };
        match node.kind.as_str() {
            "FUNCEXPR" => {
                let oid = node.oid("funcid");
                if !self.facts.functions.contains_key(&oid) {
                    self.wanted.functions.insert(oid);
                }
                self.context(oid) == Some("jwt")
            }
            "SUBLINK" if node.number("subLinkType") == Some(4) => {
                let value = node.get("subselect").node().and_then(lone_value);
                value.is_some_and(|value| self.is_claims(value))
            }
            "COERCEVIAIO" if matches!(node.oid("resulttype"), 114 | 3802) => {
                self.is_claims_text(node.get("arg"))
            }
            _ => false,
        }
    }

    fn is_claims_text(&mut self, expression: &'f Tree) -> bool {
        let Some(node) = expression.node() else { return false };
        match (node.kind.as_str(), node.list("args")) {
            ("FUNCEXPR", [name, ..]) => {
                self.is_setting(node.oid("funcid"))
                    && constant_text(name).as_deref() == Some(CLAIMS_SETTING)
            }
            ("NULLIFEXPR" | "COALESCEEXPR", [text, rest @ ..]) => {
                let is_constant =
                    |tree: &Tree| tree.node().is_some_and(|node| node.kind == "CONST");
                rest.iter().all(is_constant) && self.is_claims_text(text)
            }
            _ => false,
        }
    }

    /// Whether a function is Postgres's `current_setting`.
    pub(super) fn is_setting(&mut self, oid: u32) -> bool {
        let Some(function) = self.facts.functions.get(&oid) else {
            self.wanted.functions.insert(oid);
            return false;
        };
        function.schema == "pg_catalog" && function.name == "current_setting"
    }

    /// An operator's function must be one whose result lasts.
    pub(super) fn check_operator(&mut self, node: &Node) {
        match node.oid("opfuncid") {
            0 => self.check_operator_number(node.oid("opno")),
            function => self.check_function(function),
        }
    }

    fn check_operator_number(&mut self, oid: u32) {
        match self.facts.operators.get(&oid) {
            Some(operator) => self.check_function(operator.function),
            None => drop(self.wanted.operators.insert(oid)),
        }
    }

    fn check_text_cast(&mut self, node: &Node) {
        let from = node.get("arg").node().and_then(type_of);
        for kind in [from.unwrap_or(TEXT), node.oid("resulttype")] {
            if LASTING_TYPES.contains(&kind) {
                continue;
            }
            if kind >= FIRST_USER_OID {
                match self.facts.enums.get(&kind) {
                    Some(true) => continue,
                    Some(false) => {}
                    None => {
                        self.wanted.types.insert(kind);
                        continue;
                    }
                }
            }
            self.fleeting(
                "a policy casts a date, time or other type to or from text, which depends on more than its value: compare values of the type itself",
            );
        }
    }
}

/// The setting that holds the claims.
pub(super) const CLAIMS_SETTING: &str = "request.jwt.claims";

fn not_understood(kind: &str) -> String {
    match kind {
        "SQLVALUEFUNCTION" => {
            "a policy asks for current_user, current_date or the like, which is no matter of rows and claims".to_owned()
        }
        "COERCETODOMAIN" | "COERCETODOMAINVALUE" => {
            "a policy casts to a domain, whose checks are not understood: cast to its base type".to_owned()
        }
        kind => format!("a policy has a part that is not understood ({})", kind.to_lowercase()),
    }
}

/// The text of a constant.
pub(super) fn constant_text(expression: &Tree) -> Option<String> {
    let node = expression.node()?;
    let is_text = node.kind == "CONST" && node.oid("consttype") == TEXT && !node.is("constisnull");
    // Four bytes tell its length.
    let bytes = node.bytes();
    is_text.then(|| String::from_utf8(bytes.get(4..)?.to_vec()).ok()).flatten()
}

/// The type of an expression, where it is written in it.
fn type_of(node: &Node) -> Option<u32> {
    let field = match node.kind.as_str() {
        "VAR" => "vartype",
        "CONST" => "consttype",
        "PARAM" => "paramtype",
        "FUNCEXPR" => "funcresulttype",
        "OPEXPR" | "NULLIFEXPR" | "DISTINCTEXPR" => "opresulttype",
        "RELABELTYPE" | "COERCEVIAIO" | "FIELDSELECT" | "ARRAYCOERCEEXPR" => "resulttype",
        "CASEEXPR" => "casetype",
        "COALESCEEXPR" => "coalescetype",
        "MINMAXEXPR" => "minmaxtype",
        "ARRAYEXPR" => "array_typeid",
        "SUBSCRIPTINGREF" => "refrestype",
        "AGGREF" => "aggtype",
        "COLLATEEXPR" => return type_of(node.get("arg").node()?),
        "SUBLINK" => {
            let query = node.get("subselect").node()?;
            return type_of(query.list("targetList").first()?.node()?.get("expr").node()?);
        }
        _ => return None,
    };
    Some(node.oid(field))
}
