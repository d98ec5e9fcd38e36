//! Every threat that the documentation names has the test that it names.

use std::path::Path;

// SEC-06
#[test]
fn every_threat_to_files_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/storage.md")).expect("the page");
    let (_, page) = page.split_once("\n## Threats\n").expect("a section about threats");
    let (page, _) = page.split_once("\n## ").unwrap_or((page, ""));
    let mut tests = String::new();
    for folder in [
        "tests/storage",
        "tests/storage/s3",
        "tests/jobs",
        "src/storage",
        "src/storage/s3",
        "src/jobs",
    ] {
        for file in std::fs::read_dir(root.join(folder)).expect("a folder").flatten() {
            if file.path().is_file() {
                tests += &std::fs::read_to_string(file.path()).expect("a file");
            }
        }
    }
    let named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.rsplit_once("| `")?.1.strip_suffix("` |"))
        .flat_map(|names| names.split("`, `"))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
