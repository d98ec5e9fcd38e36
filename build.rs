//! Rebuilds the binary when an embedded file is added, changed or removed.
fn main() {
    for folder in [
        "migrations",
        "sql",
        "policies",
        "supabase-compat/migrations",
        "supabase-compat/sql",
        "src/auth/mail/templates",
    ] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
