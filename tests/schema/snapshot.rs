//! The whole database as it stands, under review: `tests/snapshots/schema.sql`.

use std::path::Path;
use std::process::Command;

use walkie::config::PostgresBinaries;
use walkie::embedded::Binaries;

use crate::support::{Database, compare_page};

/// Whether this is the managed PostgreSQL, which wrote the page: other releases say the same in
/// other words, and other builds bring more extensions.
const IS_MANAGED: &str = "
    select current_setting('server_version_num')::int / 10000 = 18
       and not exists (select from pg_available_extensions where name = 'uuid-ossp')";

#[tokio::test]
async fn installed_schema_is_the_reviewed_one() {
    let database = Database::installed().await;
    if database.value(IS_MANAGED).await != "t" {
        return;
    }
    let binaries = Binaries::find(&PostgresBinaries::from_env(), false).await.expect("programs");
    let dump = Command::new(binaries.folder.join("pg_dump"))
        .args(["--schema-only", "--no-owner", "--exclude-table=realtime.messages_*", "--dbname"])
        .arg(database.url().await)
        .output()
        .expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let text = String::from_utf8(dump.stdout).expect("UTF-8");
    // Comments carry versions, and the restriction is a random word.
    let lines = text.lines().filter(|line| !line.starts_with("--") && !line.starts_with('\\'));
    let mut page = String::new();
    for line in lines {
        if !(line.is_empty() && (page.is_empty() || page.ends_with("\n\n"))) {
            page.push_str(line);
            page.push('\n');
        }
    }
    compare_page(Path::new("tests/snapshots/schema.sql"), &page);
}
