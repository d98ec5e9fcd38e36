//! Runs the SQL tests: each file of `tests/sql` and `tests/policies` in a transaction of its
//! own, rolled back at the end.

use std::fs;
use std::path::Path;

use crate::support::Database;

async fn run(folder: &str) {
    let database = Database::new().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder).expect("the folder is there").flatten().collect();
    files.sort_by_key(fs::DirEntry::file_name);
    let (mut passed, mut failures) = (0, Vec::new());
    for file in files {
        let path = file.path();
        let text = fs::read_to_string(&path).expect("UTF-8");
        database.sql("begin").await;
        for row in database.rows(&text).await {
            let line = row.into_iter().flatten().next().unwrap_or_default();
            if line.starts_with("ok") {
                passed += 1;
            } else if line.starts_with("not ok") {
                failures.push(format!("{}: {line}", path.display()));
            }
        }
        database.sql("rollback; reset role").await;
    }
    assert!(failures.is_empty(), "{passed} passed, but\n{}", failures.join("\n"));
    assert!(passed > 50, "only {passed} assertions were found");
}

#[tokio::test]
async fn behaviour_is_as_told_in_tests_sql() {
    run("sql").await;
}

#[tokio::test]
async fn permission_is_as_told_in_tests_policies() {
    run("policies").await;
}
