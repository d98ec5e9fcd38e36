//! The dashboard and the page for operators name only metrics that there are. OPS-06

use std::collections::BTreeSet;

use serde_json::Value;
use walkie::observe::Metrics;

/// Names as Prometheus stores them, without `_bucket`, `_sum` and `_count`.
fn known() -> BTreeSet<String> {
    let text = Metrics::default().text();
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let stored = kinds.map(|(name, kind)| match kind {
        "counter" => format!("{name}_total"),
        _ => name.to_owned(),
    });
    stored.collect()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("walkie_"));
    let groups = ["realtime", "authorizer", "log", "slot", "window", "pool", "jobs"];
    let is_metric = |word: &&str| {
        groups
            .iter()
            .any(|group| word.strip_prefix("walkie_").is_some_and(|it| it.starts_with(group)))
    };
    let bare = |word: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    words.filter(is_metric).map(bare).collect()
}

fn page(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).expect("the page is there")
}

#[test]
fn dashboard_shows_every_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(&page("docs/grafana.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let expressions: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect();
    assert_eq!(named(&expressions.join(" ")), known());
    let mut ids: Vec<&Value> = panels.iter().map(|panel| &panel["id"]).collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len(), "panels have numbers of their own");
}

#[test]
fn page_for_operators_names_only_metrics_that_there_are() {
    let unknown: Vec<String> =
        named(&page("docs/operations.md")).difference(&known()).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new());
}
