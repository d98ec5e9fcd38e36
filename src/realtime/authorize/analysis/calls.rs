//! Functions in policies (pure): who is asking, Postgres's own, SQL functions by their body,
//! others by what their comment says that they read.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::Candidates;
use super::facts::Function;
use super::node_tree::{Node, Tree};
use super::query::Asked;
use super::terms::{Classes, Family, Place, Term};
use super::value::{CLAIMS_SETTING, FIRST_USER_OID, constant_text};
use super::walk::Walk;

/// How deep functions may call each other.
const MAX_CALLS: usize = 16;

/// Functions of Postgres's that are not declared immutable because of settings, which are the
/// same for every question.
const LASTING: [&str; 21] = [
    "anytextcat",
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "format",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "string_to_array",
    "textanycat",
    "to_json",
    "to_jsonb",
];

/// Functions of Postgres's that depend on the time and on nothing else.
const CLOCK: [&str; 6] = [
    "clock_timestamp",
    "now",
    "statement_timestamp",
    "timestamptz_mi_interval",
    "timestamptz_pl_interval",
    "transaction_timestamp",
];

/// The setting that holds a private channel's name.
const TOPIC_SETTING: &str = "realtime.topic";

/// The functions that tell who is asking, as this server states them: name and body.
static CONTEXT: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let stated = include_str!("../../../../supabase-compat/sql/auth.sql");
    let mut bodies = HashMap::new();
    let mut parts = stated.split("$$");
    while let (Some(head), Some(body)) = (parts.next(), parts.next()) {
        let name = head.rsplit_once("function auth.").and_then(|(_, name)| name.split_once('('));
        if let Some((name, _)) = name {
            bodies.insert(name, without_space(body));
        }
    }
    bodies
});

fn without_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<'f> Walk<'f> {
    /// Which of auth.uid, role, email and jwt a function is.
    pub(super) fn context(&self, oid: u32) -> Option<&'f str> {
        let function = self.facts.functions.get(&oid)?;
        let is_ours = function.schema == "auth"
            && CONTEXT.get(function.name.as_str()) == Some(&without_space(&function.source));
        is_ours.then_some(function.name.as_str())
    }

    /// Whether a function gives the person's id.
    pub(super) fn is_person(&self, oid: u32) -> bool {
        self.context(oid) == Some("uid")
    }

    /// A call. Gives who is among those for whom it is as `asked`: gives a row, is true, or is
    /// not null.
    pub(super) fn call(
        &mut self,
        node: &'f Node,
        place: &Place<'f>,
        classes: &Classes,
        asked: &Asked,
    ) -> Candidates {
        let facts = self.facts;
        let oid = node.oid("funcid");
        for argument in node.list("args") {
            self.value(argument, place, classes);
        }
        let Some(function) = facts.functions.get(&oid) else {
            self.wanted.functions.insert(oid);
            return Candidates::Anybody;
        };
        match self.context(oid) {
            Some("uid") => drop(self.found.claims.insert("sub".to_owned())),
            Some("jwt") => self.found.has_whole_claims = true,
            Some(claim) => drop(self.found.claims.insert(claim.to_owned())),
            None if self.is_setting(oid) => self.setting(node),
            None if function.language == "sql" && function.schema != "pg_catalog" => {
                return self.body(oid, function, node, place, classes, asked);
            }
            None => self.check_function(oid),
        }
        Candidates::Anybody
    }

    /// A function that is not looked into: its result must last.
    pub(super) fn check_function(&mut self, oid: u32) {
        let Some(function) = self.facts.functions.get(&oid) else {
            if oid != 0 {
                self.wanted.functions.insert(oid);
            }
            return;
        };
        let name = format!("{}.{}", function.schema, function.name);
        match (function.schema.as_str(), function.language.as_str()) {
            _ if function.is_immutable && matches!(function.language.as_str(), "c" | "internal") => {}
            ("pg_catalog", _) if function.is_immutable || LASTING.contains(&&*function.name) => {}
            ("pg_catalog", _) => {
                let reason = format!(
                    "{}() depends on more than rows and claims (the time, a setting, the catalog): leave it out of policies",
                    function.name
                );
                if CLOCK.contains(&&*function.name) {
                    self.fleeting(&reason);
                } else {
                    self.reason(&reason);
                }
            }
            (_, "c" | "internal") => self.reason(&format!(
                "{name}() is not declared immutable: declare it so if it depends on nothing but its arguments"
            )),
            // Behind an operator; calls of functions are looked into.
            (_, "sql") => self.reason(&format!("{name}() stands behind an operator: call it by name")),
            _ => self.declared(function, &name),
        }
    }

    fn setting(&mut self, node: &'f Node) {
        match node.list("args").first().and_then(constant_text) {
            Some(name) if name == CLAIMS_SETTING => self.found.has_whole_claims = true,
            // Only the claims are set while a row is judged; the others are always empty then. In a
            // private channel they are always the same.
            Some(name) if name.starts_with("request.") || name == TOPIC_SETTING => {}
            Some(name) => self.reason(&format!(
                "a policy reads the setting {name}, which is no matter of rows and claims"
            )),
            None => self.reason("a policy reads a setting whose name is not written out"),
        }
    }

    /// A function in another language reads what its comment says.
    fn declared(&mut self, function: &Function, name: &str) {
        let Some(declared) = declared_reads(&function.comment) else {
            return self.reason(&format!(
                "{name}() is written in {}, which is not looked into: write it in SQL, or say in its comment what it reads: @reads schema.table(column, ...), or @reads nothing",
                function.language
            ));
        };
        self.found.has_whole_claims = true;
        for (schema, table) in declared {
            match self.facts.tables.get(&(schema.clone(), table.clone())) {
                Some(Some(oid)) => drop(self.read(*oid, None, &Classes::default())),
                Some(None) => self.reason(&format!(
                    "the comment of {name}() says that it reads {schema}.{table}, which does not exist"
                )),
                None => drop(self.wanted.tables.insert((schema, table))),
            }
        }
    }

    /// The body of an SQL function, with the arguments of this call.
    fn body(
        &mut self,
        oid: u32,
        function: &'f Function,
        node: &'f Node,
        place: &Place<'f>,
        classes: &Classes,
        asked: &Asked,
    ) -> Candidates {
        let name = format!("{}.{}", function.schema, function.name);
        let query = match &function.body {
            Ok(tree) => tree.node(),
            Err(_) if declared_reads(&function.comment).is_some() => {
                self.declared(function, &name);
                return Candidates::Anybody;
            }
            Err(reason) => {
                self.reason(&format!(
                    "{name}() is not understood: {reason}; mend it, or say in its comment what it reads: @reads schema.table(column, ...)"
                ));
                return Candidates::Anybody;
            }
        };
        let Some(query) = query else { return Candidates::Anybody };
        if self.calls.contains(&oid) || self.calls.len() >= MAX_CALLS {
            self.reason(&format!("{name}() calls itself, or functions call each other too deeply"));
            return Candidates::Anybody;
        }
        let changes_caller = |setting: &String| {
            ["role=", "session_authorization=", "request."]
                .iter()
                .any(|set| setting.starts_with(set))
        };
        if function.config.iter().any(changes_caller) {
            self.reason(&format!("{name}() sets a role or claims of its own"));
        }
        let body = Place {
            frames: Vec::new(),
            arguments: Rc::new(self.arguments(function, node, place, classes)),
            role: if function.is_definer { function.owner } else { place.role },
        };
        let asked = asked.of_function(&function.outputs, function.gives_set);
        self.calls.push(oid);
        let candidates = self.query(query, &body, classes, &asked);
        self.calls.pop();
        candidates
    }

    /// The terms of a call's arguments, in the order of the function's, defaults included.
    fn arguments(
        &mut self,
        function: &'f Function,
        node: &'f Node,
        place: &Place<'f>,
        classes: &Classes,
    ) -> Vec<Term> {
        let mut given: Vec<Option<&'f Tree>> = vec![None; function.arguments];
        for (index, argument) in node.list("args").iter().enumerate() {
            let named = argument.node().filter(|node| node.kind == "NAMEDARGEXPR");
            let (index, value) = match named {
                Some(named) => {
                    let number = named.number("argnumber").unwrap_or(0);
                    (usize::try_from(number).unwrap_or(index), named.get("arg"))
                }
                None => (index, argument),
            };
            if let Some(slot) = given.get_mut(index) {
                *slot = Some(value);
            }
        }
        let first_default = function.arguments.saturating_sub(function.defaults.len());
        let mut terms = Vec::with_capacity(given.len());
        for (index, value) in given.into_iter().enumerate() {
            let value = value.or_else(|| {
                let default = function.defaults.get(index.checked_sub(first_default)?)?;
                self.value(default, place, classes);
                Some(default)
            });
            let term = value.and_then(|value| place.term(value, &|oid| self.is_person(oid)));
            terms.push(match term {
                Some((term, _)) => term,
                None => Term::Argument(self.fresh()),
            });
        }
        terms
    }
}

/// Tables that a comment says a function reads; none are `@reads nothing`.
fn declared_reads(comment: &str) -> Option<Vec<(String, String)>> {
    let (_, declared) = comment.split_once("@reads ")?;
    let declared = declared.lines().next()?.trim().trim_end_matches('.');
    if declared.eq_ignore_ascii_case("nothing") {
        return Some(Vec::new());
    }
    let mut tables = Vec::new();
    let mut rest = declared;
    loop {
        let end = rest.find(['(', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
        };
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        if !is_name(schema) || !is_name(table) {
            return None;
        }
        tables.push((schema.to_owned(), table.to_owned()));
        rest = &rest[end..];
        if let Some(columns) = rest.strip_prefix('(') {
            rest = columns.split_once(')')?.1;
        }
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some(tables),
        }
    }
}

/// The family of a function's output, where values come out as they are printed.
pub(super) fn output_family(outputs: &[u32], column: i64) -> Option<Family> {
    let index = usize::try_from(column).ok()?.checked_sub(1)?;
    let kind = *outputs.get(index)?;
    Family::of(kind).filter(|_| kind < FIRST_USER_OID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_functions_are_known_by_their_bodies() {
        let mut names: Vec<_> = CONTEXT.keys().copied().collect();
        names.sort_unstable();
        assert_eq!(names, ["email", "jwt", "role", "uid"]);
        assert!(CONTEXT["uid"].starts_with("select coalesce("), "{}", CONTEXT["uid"]);
    }

    #[test]
    fn comments_declare_reads() {
        let table = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        for (comment, reads) in [
            ("Tells. @reads nothing", Some(vec![])),
            ("@reads public.members(room_id, user_id)", Some(vec![table("public", "members")])),
            (
                "@reads a.b(c), d.e, f\nmore",
                Some(vec![table("a", "b"), table("d", "e"), table("public", "f")]),
            ),
            ("reads a.b", None),
            ("@reads ", None),
            ("@reads a.b.c", None),
            ("@reads a(b", None),
            ("@reads a,", None),
        ] {
            assert_eq!(declared_reads(comment), reads, "{comment}");
        }
    }
}
