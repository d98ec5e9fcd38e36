//! What is counted, who may read it, and where it is written down.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;
use walkie::observe::Metrics;

use crate::support::{Answer, Database, Server, compare_page};

#[test]
fn every_metric_is_written_down() {
    let text = Metrics::default().text();
    let mut page = String::from(
        "# Metrics\n\n`GET /metrics` with a `service_role` key as `apikey` or bearer token gives these \
         as OpenMetrics text; counters appear there with `_total`.\n\n\
         | name | kind | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n",
    );
    for line in text.lines() {
        let Some((name, meaning)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' '))
        else {
            continue;
        };
        let of = |what: &str| {
            let line =
                text.lines().find_map(|line| line.strip_prefix(&format!("# {what} {name} ")));
            line.unwrap_or_default()
        };
        let meaning = meaning.trim_end_matches('.');
        let labels = labels(&text, name).join(", ");
        let _ =
            writeln!(page, "| `{name}` | {} | {labels} | {} | {meaning} |", of("TYPE"), of("UNIT"));
    }
    compare_page(Path::new("docs/metrics.md"), &page);
}

/// Names of the labels of a metric's samples, apart from the bounds of histograms.
fn labels(text: &str, name: &str) -> Vec<String> {
    let samples = text.lines().filter(|line| line.starts_with(name) && line.contains('{'));
    let names: BTreeSet<String> = samples
        .filter_map(|line| line.split_once('{')?.1.split_once('}'))
        .flat_map(|(labels, _)| labels.split(',').filter_map(|label| label.split_once('=')))
        .map(|(label, _)| label.to_owned())
        .filter(|label| label != "le")
        .collect();
    names.into_iter().collect()
}

#[tokio::test]
async fn metrics_are_for_the_service_key_alone() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let get = || server.request(Method::GET, "/metrics");

    let anon = server.anon_key();
    let broken = format!("{}x", server.service_key());
    for request in
        [get(), get().header("apikey", &anon), get().bearer_auth(&anon), get().bearer_auth(&broken)]
    {
        let refused = Answer::of(request).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
        assert_eq!(refused.body, json!({"message": "metrics are for the service_role key"}));
    }

    let service = server.service_key();
    for request in [get().header("apikey", &service), get().bearer_auth(&service)] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
        let kind = answer.headers["content-type"].to_str().expect("text");
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    }
}
