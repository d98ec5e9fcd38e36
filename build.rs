//! Rebuilds the binary when an embedded SQL file is added, changed or removed.
fn main() {
    for folder in
        ["migrations", "sql", "policies", "supabase-compat/migrations", "supabase-compat/sql"]
    {
        println!("cargo:rerun-if-changed={folder}");
    }
}
