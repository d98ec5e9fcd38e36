//! What REST serves, as the TypeScript type `Database` that supabase-js takes. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::pg::Catalog;
use crate::pg::catalog::Relation;
use crate::pg::catalog::description::{
    DescribedAttribute, DescribedColumn, DescribedRoutine, DescribedTable, DescribedType,
    Description, TypeName,
};
use crate::pg::catalog::relation::{Link, Path};
use crate::pg::catalog::table::Kind;

/// By this the client knows what the server can; it knows none above.
const DIALECT: &str = "14";

/// What stands where there is nothing.
const NOTHING: &str = "[_ in never]: never";

/// The type, and those that choose parts of it. `schemas` are the served ones, the default
/// first.
pub fn database(described: &Description, catalog: &Catalog, schemas: &[String]) -> String {
    let typist = Typist { described };
    let mut out = Lines::default();
    out.line(
        "export type Json =\n  | string\n  | number\n  | boolean\n  | null\n  \
         | { [key: string]: Json | undefined }\n  | Json[]\n",
    );
    out.open("export type Database = {");
    out.line(&format!("__InternalSupabase: {{ PostgrestVersion: \"{DIALECT}\" }}"));
    for schema in schemas {
        out.open(&format!("{}: {{", key(schema)));
        let is_view =
            |table: &&DescribedTable| matches!(table.kind, Kind::View | Kind::MaterializedView);
        let tables = tables_of(described, schema).filter(|table| !is_view(table));
        typist.relations_of(&mut out, "Tables", tables, catalog);
        typist.relations_of(
            &mut out,
            "Views",
            tables_of(described, schema).filter(is_view),
            catalog,
        );
        typist.functions(&mut out, schema);
        typist.enums(&mut out, schema);
        typist.composites(&mut out, schema);
        out.close("}");
    }
    out.close("}\n");
    let default = schemas.first().map_or("public", String::as_str);
    out.line(&CHOOSERS.replace("$DEFAULT", &Value::from(default).to_string()));
    constants(&mut out, described, schemas);
    out.text
}

/// What by which programs name a row, an enum and so on; each takes a name of the default schema,
/// or a schema and a name.
const CHOOSERS: &str = include_str!("choosers.ts");

fn tables_of<'a>(
    described: &'a Description,
    schema: &'a str,
) -> impl Iterator<Item = &'a DescribedTable> {
    described.tables.iter().filter(move |table| table.schema == schema)
}

/// The values of enums, for programs that list them.
fn constants(out: &mut Lines, described: &Description, schemas: &[String]) {
    out.open("export const Constants = {");
    for schema in schemas {
        out.open(&format!("{}: {{", key(schema)));
        out.open("Enums: {");
        for found in described.types.iter().filter(|found| found.schema == *schema) {
            if let Some(labels) = &found.labels {
                out.line(&format!("{}: {},", key(&found.name), Value::from(labels.clone())));
            }
        }
        out.close("},");
        out.close("},");
    }
    out.close("} as const");
}

/// Knows the names of everything that is described.
struct Typist<'a> {
    described: &'a Description,
}

impl Typist<'_> {
    fn relations_of<'t>(
        &self,
        out: &mut Lines,
        part: &str,
        tables: impl Iterator<Item = &'t DescribedTable>,
        catalog: &Catalog,
    ) {
        out.section(part, tables, |out, table| {
            out.open(&format!("{}: {{", key(&table.name)));
            let columns: BTreeMap<&str, &DescribedColumn> =
                table.columns.iter().map(|column| (column.name.as_str(), column)).collect();
            out.open("Row: {");
            for column in columns.values() {
                out.line(&format!("{}: {}", key(&column.name), self.value(column)));
            }
            out.close("}");
            let is_table = part == "Tables";
            if is_table || table.is_insertable {
                self.written(out, "Insert", &columns, |column| {
                    column.is_nullable || column.has_default
                });
            }
            if is_table || table.is_updatable {
                self.written(out, "Update", &columns, |_| true);
            }
            relationships(out, catalog.relations(&table.schema, &table.name));
            out.close("}");
        });
    }

    fn written(
        &self,
        out: &mut Lines,
        part: &str,
        columns: &BTreeMap<&str, &DescribedColumn>,
        may_lack: impl Fn(&DescribedColumn) -> bool,
    ) {
        out.open(&format!("{part}: {{"));
        for column in columns.values() {
            let name = key(&column.name);
            if column.is_generated {
                out.line(&format!("{name}?: never"));
            } else {
                let mark = if may_lack(column) { "?" } else { "" };
                out.line(&format!("{name}{mark}: {}", self.value(column)));
            }
        }
        out.close("}");
    }

    fn value(&self, column: &DescribedColumn) -> String {
        let value = self.name(&column.data_type);
        if column.is_nullable { format!("{value} | null") } else { value }
    }

    fn functions(&self, out: &mut Lines, schema: &str) {
        let mut functions: BTreeMap<&str, Vec<&DescribedRoutine>> = BTreeMap::new();
        for routine in self.described.routines.iter().filter(|it| it.schema == schema) {
            functions.entry(&routine.name).or_default().push(routine);
        }
        out.section("Functions", functions.into_iter(), |out, (name, overloads)| {
            let forms: Vec<String> = overloads.iter().map(|it| self.function(it)).collect();
            match forms.as_slice() {
                [one] => out.line(&format!("{}: {one}", key(name))),
                several => {
                    out.line(&format!("{}:\n  | {}", key(name), several.join("\n  | ")));
                }
            }
        });
    }

    fn function(&self, routine: &DescribedRoutine) -> String {
        let arguments: Vec<String> = routine
            .arguments
            .iter()
            .map(|argument| {
                let mark = if argument.is_required { "" } else { "?" };
                format!("{}{mark}: {}", key(&argument.name), self.name(&argument.data_type))
            })
            .collect();
        let arguments = match arguments.as_slice() {
            [] => "never".to_owned(),
            some => format!("{{ {} }}", some.join("; ")),
        };
        let one = if routine.columns.is_empty() {
            self.name(&routine.returns)
        } else if routine.columns.len() == 1 && routine.returns.name != "record" {
            // A single value that happens to be named.
            self.name(&routine.columns[0].data_type)
        } else {
            format!("{{ {} }}", self.attributes(&routine.columns, "").join("; "))
        };
        let returns = if routine.is_set { listed(&one) } else { one };
        format!("{{ Args: {arguments}; Returns: {returns} }}")
    }

    fn attributes(&self, attributes: &[DescribedAttribute], behind: &str) -> Vec<String> {
        let told = |it: &DescribedAttribute| {
            format!("{}: {}{behind}", key(&it.name), self.name(&it.data_type))
        };
        attributes.iter().map(told).collect()
    }

    fn enums(&self, out: &mut Lines, schema: &str) {
        out.section("Enums", self.types(schema, |it| it.labels.is_some()), |out, found| {
            let labels = found.labels.iter().flatten();
            let labels: Vec<String> =
                labels.map(|it| Value::from(it.as_str()).to_string()).collect();
            out.line(&format!("{}: {}", key(&found.name), labels.join(" | ")));
        });
    }

    fn composites(&self, out: &mut Lines, schema: &str) {
        let composites = self.types(schema, |it| it.attributes.is_some());
        out.section("CompositeTypes", composites, |out, found| {
            out.open(&format!("{}: {{", key(&found.name)));
            for line in self.attributes(found.attributes.as_deref().unwrap_or_default(), " | null")
            {
                out.line(&line);
            }
            out.close("}");
        });
    }

    fn types(
        &self,
        schema: &str,
        is_meant: impl Fn(&DescribedType) -> bool,
    ) -> impl Iterator<Item = &DescribedType> {
        self.described.types.iter().filter(move |it| it.schema == schema && is_meant(it))
    }

    /// A type as programs name it; one that is not served is unknown.
    fn name(&self, of: &TypeName) -> String {
        let one = match of.kind.as_str() {
            _ if of.schema == "pg_catalog" => plain(&of.name).to_owned(),
            "e" | "c" => self.named(of),
            // What extensions bring is sent as text.
            _ if matches!(of.name.as_str(), "citext" | "vector" | "ltree") => "string".to_owned(),
            _ => "unknown".to_owned(),
        };
        if of.is_array { listed(&one) } else { one }
    }

    fn named(&self, of: &TypeName) -> String {
        let is_it = |schema: &str, name: &str| schema == of.schema && name == of.name;
        let place = |part: &str| {
            let schema = Value::from(of.schema.as_str());
            let name = Value::from(of.name.as_str());
            format!("Database[{schema}][\"{part}\"][{name}]")
        };
        if let Some(found) = self.described.types.iter().find(|it| is_it(&it.schema, &it.name)) {
            return place(if found.labels.is_some() { "Enums" } else { "CompositeTypes" });
        }
        match self.described.tables.iter().find(|it| is_it(&it.schema, &it.name)) {
            Some(table) if matches!(table.kind, Kind::View | Kind::MaterializedView) => {
                format!("{}[\"Row\"]", place("Views"))
            }
            Some(_) => format!("{}[\"Row\"]", place("Tables")),
            None => "unknown".to_owned(),
        }
    }
}

/// Postgres' own types, as JSON brings them.
fn plain(name: &str) -> &'static str {
    match name {
        "bool" => "boolean",
        "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "oid" => "number",
        "json" | "jsonb" => "Json",
        "void" => "undefined",
        "record" => "Record<string, unknown>",
        "bytea" | "bpchar" | "char" | "name" | "varchar" | "date" | "text" | "time" | "timetz"
        | "timestamp" | "timestamptz" | "uuid" | "interval" | "inet" | "cidr" | "xml"
        | "tsvector" | "tsquery" | "bit" | "varbit" | "money" | "macaddr" => "string",
        _ => "unknown",
    }
}

fn listed(of: &str) -> String {
    if of.contains(['|', '{']) { format!("({of})[]") } else { format!("{of}[]") }
}

/// A name of a member: quoted where it has to be.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

/// The foreign keys that a table holds.
fn relationships(out: &mut Lines, relations: &[Relation]) {
    let held = relations.iter().filter_map(|relation| match &relation.path {
        Path::ManyToOne(link) => Some((relation, link, false)),
        Path::OneToOne(link) => Some((relation, link, true)),
        _ => None,
    });
    let held: Vec<(&Relation, &Link, bool)> = held.collect();
    if held.is_empty() {
        return out.line("Relationships: []");
    }
    out.open("Relationships: [");
    for (relation, link, is_one_to_one) in held {
        let (near, far): (Vec<String>, Vec<String>) = link.columns.iter().cloned().unzip();
        out.open("{");
        out.line(&format!("foreignKeyName: {}", Value::from(link.constraint.as_str())));
        out.line(&format!("columns: {}", Value::from(near)));
        out.line(&format!("isOneToOne: {is_one_to_one}"));
        out.line(&format!("referencedRelation: {}", Value::from(relation.foreign_table.as_str())));
        out.line(&format!("referencedColumns: {}", Value::from(far)));
        out.close("},");
    }
    out.close("]");
}

/// Text that is indented as deep as what is open.
#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, text: &str) {
        let indent = "  ".repeat(self.depth);
        for line in text.split('\n') {
            let indent = if line.is_empty() { "" } else { &indent };
            let _ = writeln!(self.text, "{indent}{line}");
        }
    }

    fn open(&mut self, text: &str) {
        self.line(text);
        self.depth += 1;
    }

    fn close(&mut self, text: &str) {
        self.depth -= 1;
        self.line(text);
    }

    /// A part with a member for each item.
    fn section<T>(
        &mut self,
        part: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let mut items = items.peekable();
        self.open(&format!("{part}: {{"));
        if items.peek().is_none() {
            self.line(NOTHING);
        }
        for item in items {
            write(self, item);
        }
        self.close("}");
    }
}
