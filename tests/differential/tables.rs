//! Random tables: what people subscribe to, and what policies read beside it.

use super::people::{SUBJECTS, subject};
use crate::support::Dice;

/// A table as SQL makes it.
#[derive(Debug, Clone)]
pub struct Table {
    /// `schema.name`.
    pub full_name: String,
    /// Its name, as policies refer to its row.
    pub name: String,
    /// Columns apart from those of the key.
    pub columns: Vec<&'static str>,
    /// Columns of the primary key.
    pub key: &'static [&'static str],
    /// Type of the key's first column.
    key_type: &'static str,
    partitioning: Option<&'static str>,
    /// Whether it starts in the publication.
    pub is_published: bool,
    /// Whether the log carries whole old rows at the start.
    has_full_identity: bool,
    /// Columns that take no null.
    not_null: Vec<&'static str>,
}

/// Numbers of rows: every write leaves its own.
#[derive(Debug, Default)]
pub struct Revisions(u32);

impl Revisions {
    /// The next one.
    pub fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

const COLUMNS: &[&str] =
    &["owner", "team", "is_open", "level", "label", "data", "readers", "teams", "big"];

impl Table {
    /// A table that people subscribe to.
    pub fn main(dice: &mut Dice, number: usize) -> Self {
        let name = format!("t{number}");
        let partitioning = match dice.below(10) {
            0 => Some("hash"),
            1 => Some("list"),
            _ => None,
        };
        let (key, key_type): (&'static [&'static str], _) =
            match if partitioning == Some("list") { 3 } else { dice.below(5) } {
                0 | 1 => (&["id"], "int"),
                2 => (&["id"], "uuid"),
                3 => (&["team", "id"], "int"),
                _ => (&["id"], "text"),
            };
        let mut columns: Vec<&'static str> = COLUMNS
            .iter()
            .filter(|name| !key.contains(name) && dice.percent(70))
            .copied()
            .collect();
        if !columns.contains(&"owner") {
            columns.push("owner");
        }
        let not_null = columns.iter().filter(|_| dice.percent(15)).copied().collect();
        Self {
            full_name: format!("public.{name}"),
            name,
            columns,
            key,
            key_type,
            partitioning,
            is_published: true,
            has_full_identity: dice.percent(50),
            not_null,
        }
    }

    /// A table of memberships.
    pub fn side(dice: &mut Dice, number: usize) -> Self {
        let name = format!("s{number}");
        let schema = if dice.percent(30) { "private" } else { "public" };
        Self {
            full_name: format!("{schema}.{name}"),
            name,
            columns: vec!["is_active", "level", "label"],
            key: &["team", "person"],
            key_type: "int",
            partitioning: None,
            is_published: dice.percent(50),
            has_full_identity: dice.percent(50),
            not_null: Vec::new(),
        }
    }

    /// Whether it has this column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains(&column) || self.key.contains(&column)
    }

    /// Its partitions.
    pub fn partitions(&self) -> Vec<String> {
        let count = if self.partitioning.is_some() { 3 } else { 0 };
        (0..count).map(|number| format!("{}_{number}", self.full_name)).collect()
    }

    /// Makes it.
    pub fn create(&self) -> String {
        let mut lines: Vec<String> =
            self.key.iter().map(|name| format!("{name} {}", self.type_of(name))).collect();
        lines.push("rev int not null".to_owned());
        for name in &self.columns {
            let not_null = if self.not_null.contains(name) { " not null" } else { "" };
            lines.push(format!("{name} {}{not_null}", self.type_of(name)));
        }
        lines.push(format!("primary key ({})", self.key.join(", ")));
        let by = match self.partitioning {
            Some("hash") => " partition by hash (id)",
            Some(_) => " partition by list (team)",
            None => "",
        };
        let mut sql = format!("create table {} ({}){by};\n", self.full_name, lines.join(", "));
        for (number, partition) in self.partitions().iter().enumerate() {
            let bounds = match (self.partitioning, number) {
                (Some("hash"), _) => format!("for values with (modulus 3, remainder {number})"),
                (_, 0) => "for values in (1)".to_owned(),
                (_, 1) => "for values in (2, 3)".to_owned(),
                _ => "default".to_owned(),
            };
            sql += &format!("create table {partition} partition of {} {bounds};\n", self.full_name);
        }
        for table in self.with_partitions() {
            if self.has("big") {
                sql += &format!("alter table {table} alter column big set storage external;\n");
            }
        }
        if self.has_full_identity {
            sql += &self.set_identity("full");
        }
        sql += &format!(
            "create trigger journal after insert or update or delete on {} for each row execute function oracle.note();\n",
            self.full_name
        );
        if self.is_published {
            sql += &format!("alter publication supabase_realtime add table {};\n", self.full_name);
        }
        sql
    }

    /// Changes what the log says of old rows, in all partitions alike.
    pub fn set_identity(&self, identity: &str) -> String {
        let of = |table: &String| format!("alter table {table} replica identity {identity};\n");
        self.with_partitions().iter().map(of).collect()
    }

    /// Itself and its partitions.
    fn with_partitions(&self) -> Vec<String> {
        let mut tables = vec![self.full_name.clone()];
        tables.extend(self.partitions());
        tables
    }

    fn type_of(&self, column: &str) -> &'static str {
        match column {
            "id" => self.key_type,
            "team" | "level" => "int",
            "owner" | "person" => "uuid",
            "is_open" | "is_active" => "boolean",
            "data" => "jsonb",
            "readers" => "uuid[]",
            "teams" => "int[]",
            _ => "text",
        }
    }

    /// A random value for a column, as SQL.
    pub fn value(&self, dice: &mut Dice, column: &str) -> String {
        let may_be_null = !self.key.contains(&column) && !self.not_null.contains(&column);
        if may_be_null && dice.percent(12) {
            return "null".to_owned();
        }
        let person = |dice: &mut Dice| subject(dice.between(1, SUBJECTS));
        match column {
            "id" => {
                let number = dice.between(1, 6);
                match self.key_type {
                    "uuid" => format!("'10000000-0000-4000-8000-00000000000{number}'"),
                    "text" => format!("'key {number}, \"quoted\"\\'"),
                    _ => number.to_string(),
                }
            }
            "team" => dice.between(1, 4).to_string(),
            "level" => dice.below(4).to_string(),
            "owner" | "person" => format!("'{}'", person(dice)),
            "is_open" | "is_active" => dice.percent(50).to_string(),
            "label" => format!("'{}'", dice.word(&["a", "b", "c", "7"])),
            "data" => format!(
                r#"'{{"owner": "{}", "level": {}, "open": {}, "list": [1, "a", null]}}'"#,
                person(dice),
                dice.below(4),
                dice.percent(50)
            ),
            "readers" => {
                let count = dice.below(3);
                let readers: Vec<String> = (0..count).map(|_| person(dice)).collect();
                format!("'{{{}}}'", readers.join(","))
            }
            "teams" => format!("'{{{},{}}}'", dice.between(1, 4), dice.between(1, 4)),
            // Long enough to leave the row, and never the same twice.
            "big" if dice.percent(60) => {
                let letter = dice.word(&["x", "y"]);
                format!("'{letter}' || repeat(md5('{}'), 140)", dice.below(1 << 30))
            }
            _ => format!("'{}'", dice.word(&["x small", "y small"])),
        }
    }
}
