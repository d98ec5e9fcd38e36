//! Which SQL files make the database, in which order. They are embedded in the binary; the
//! `\ir` lines of an install.sql, which psql understands as well, are the order.

use std::path::Path;

use include_dir::{Dir, include_dir};

static PLATFORM_MIGRATIONS: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/supabase-compat/migrations");
static PLATFORM_SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/supabase-compat/sql");
static MIGRATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/migrations");
static SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");
static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// Drops what a former version installed and this one no longer has.
const SWEEP: File =
    File { folder: "src/pg/install", name: "sweep.sql", text: include_str!("sweep.sql") };

/// One SQL file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Folder inside the repository.
    pub folder: &'static str,
    /// Name inside the folder.
    pub name: &'static str,
    /// The whole text.
    pub text: &'static str,
}

impl std::fmt::Display for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.folder, self.name)
    }
}

/// A part of the database with a history of its own.
#[derive(Debug)]
pub struct Part {
    /// Its name in the install record.
    pub name: &'static str,
    /// refinery's ledger.
    pub ledger: &'static str,
    /// Shape: each file is run once, in order.
    pub migrations: Vec<File>,
    /// Behaviour and permission: every file is run whenever one of them changed.
    pub restated: Vec<File>,
}

/// What Supabase clients rely on.
pub fn platform() -> Part {
    Part {
        name: "platform",
        ledger: crate::pg::names::PLATFORM_LEDGER,
        migrations: migrations("supabase-compat/migrations", &PLATFORM_MIGRATIONS),
        restated: listed("supabase-compat/sql", &PLATFORM_SQL),
    }
}

/// The messaging product.
pub fn product() -> Part {
    let mut restated = listed("sql", &SQL);
    restated.extend(listed("policies", &POLICIES));
    restated.push(SWEEP);
    Part {
        name: "product",
        ledger: crate::pg::names::PRODUCT_LEDGER,
        migrations: migrations("migrations", &MIGRATIONS),
        restated,
    }
}

/// Migrations are ordered by their version.
fn migrations(folder: &'static str, dir: &'static Dir<'_>) -> Vec<File> {
    let mut files: Vec<File> = dir
        .files()
        .filter_map(|file| {
            let name = file.path().file_name()?.to_str()?;
            is_sql(name).then(|| File { folder, name, text: utf8(file) })
        })
        .collect();
    files.sort_by_key(|file| version(file.name));
    files
}

fn is_sql(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sql")
}

/// The number between `V` and `__`.
fn version(name: &str) -> Option<u32> {
    name.strip_prefix('V')?.split_once("__")?.0.parse().ok()
}

fn listed(folder: &'static str, dir: &'static Dir<'_>) -> Vec<File> {
    let list = dir.get_file("install.sql").expect("every folder of SQL has an install.sql");
    included(utf8(list))
        .map(|name| {
            let file = dir
                .get_file(name)
                .unwrap_or_else(|| panic!("{folder}/install.sql names {name}, which is not there"));
            File { folder, name, text: utf8(file) }
        })
        .collect()
}

fn included(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter_map(|line| line.trim().strip_prefix("\\ir ")).map(str::trim)
}

fn utf8(file: &'static include_dir::File<'_>) -> &'static str {
    file.contents_utf8().expect("SQL files are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sql_file_is_listed() {
        for (folder, dir) in
            [("supabase-compat/sql", &PLATFORM_SQL), ("sql", &SQL), ("policies", &POLICIES)]
        {
            let mut listed: Vec<&str> = listed(folder, dir).iter().map(|file| file.name).collect();
            let mut present: Vec<&str> = dir
                .files()
                .filter_map(|file| file.path().to_str())
                .filter(|name| is_sql(name) && *name != "install.sql")
                .collect();
            listed.sort_unstable();
            present.sort_unstable();
            assert_eq!(listed, present, "{folder}/install.sql");
        }
    }

    #[test]
    fn order_is_read_from_ir_lines() {
        let names: Vec<&str> =
            included("-- first\n\\ir a.sql\n  \\ir b.sql \n\\echo c.sql\n").collect();
        assert_eq!(names, ["a.sql", "b.sql"]);
    }

    #[test]
    fn migrations_have_versions_in_order() {
        for part in [platform(), product()] {
            let versions: Vec<Option<u32>> =
                part.migrations.iter().map(|file| version(file.name)).collect();
            assert!(versions.iter().all(Option::is_some), "{versions:?}");
            assert!(versions.is_sorted());
        }
    }
}
