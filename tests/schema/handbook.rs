//! Which rule lives where, printed from the database and the files into `docs/rules.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::{Database, compare_page};

const PAGE: &str = "docs/rules.md";
const MARK: &str = "<!-- From here on printed";

/// Name, signature, comment, and the tables and moments at which it fires, if it is a trigger's.
const FUNCTIONS: &str = "
    select n.nspname || '.' || p.proname,
           p.oid::regprocedure::text,
           coalesce(obj_description(p.oid, 'pg_proc'), ''),
           coalesce((select string_agg(distinct c.relname, ', ' order by c.relname)
                       from pg_trigger t join pg_class c on c.oid = t.tgrelid
                      where t.tgfoid = p.oid and not t.tgisinternal and t.tgparentid = 0), '')
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'app'
        or n.nspname = 'public'
           and p.oid in (select to_regprocedure(signature) from app.installed_functions)
     order by 2";

const POLICIES: &str = "
    select tablename, lower(cmd), policyname
      from pg_policies
     where schemaname = 'public'
     order by tablename, array_position(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALL'], cmd), policyname";

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of `sql/`, in the order in which they are installed, each with its text.
fn files() -> Vec<(String, String)> {
    read("sql/install.sql")
        .lines()
        .filter_map(|line| line.strip_prefix("\\ir "))
        .map(|name| (name.to_owned(), read(&format!("sql/{name}"))))
        .collect()
}

#[tokio::test]
async fn page_tells_where_every_rule_lives() {
    let database = Database::new().await;
    let files = files();
    let platform = read("supabase-compat/sql/auth_sessions.sql")
        + &read("supabase-compat/sql/auth_accounts.sql");
    let mut homes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut homeless = Vec::new();
    for row in database.rows(FUNCTIONS).await {
        let cells: Vec<String> = row.into_iter().flatten().collect();
        let [name, signature, comment, fires] = &cells[..] else { panic!("four cells: {cells:?}") };
        let statement = format!("create or replace function {name}(");
        let Some((file, _)) = files.iter().find(|(_, text)| text.contains(&statement)) else {
            // Those of accounts are not the product's.
            if !platform.contains(&statement) {
                homeless.push(signature.clone());
            }
            continue;
        };
        let on = if fires.is_empty() { String::new() } else { format!(" (on {fires})") };
        homes.entry(file).or_default().push(format!("- `{signature}`{on}: {comment}\n"));
    }
    assert!(homeless.is_empty(), "in no file of sql/: {homeless:?}");

    let kept = read(PAGE);
    let head_ends = kept.find(MARK).expect("the page has a mark");
    let line_ends = kept[head_ends..].find('\n').map_or(kept.len(), |end| head_ends + end + 1);
    let mut page = kept[..line_ends].to_owned();
    page.push_str("\n## Functions and triggers, file by file\n");
    for (file, text) in &files {
        let Some(lines) = homes.get(file.as_str()) else { continue };
        let about = text.lines().next().unwrap_or_default().trim_start_matches("-- ");
        let _ = write!(page, "\n### sql/{file}\n\n{about} Tested in `tests/sql/{file}`.\n\n");
        page.extend(lines.iter().map(String::as_str));
    }
    page.push_str("\n## Who may, table by table\n");
    let mut table = String::new();
    for row in database.rows(POLICIES).await {
        let cells: Vec<String> = row.into_iter().flatten().collect();
        if table != cells[0] {
            table.clone_from(&cells[0]);
            let _ = write!(page, "\n### policies/{table}.sql\n\n");
        }
        let _ = writeln!(page, "- {}: {}", cells[1], cells[2]);
    }
    compare_page(Path::new(PAGE), &page);
}
