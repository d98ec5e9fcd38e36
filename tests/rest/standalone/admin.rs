//! Probes, metrics and what is known of the schema.

use nix::sys::signal::Signal;
use serde_json::json;

use super::{api, header};
use crate::support::{Standalone, command, eventually};

#[tokio::test]
async fn admin_server_tells_of_life_readiness_and_schema() -> anyhow::Result<()> {
    let (database, api) = api(&[]).await;

    assert_eq!(api.admin("live").await.status, 200);
    assert_eq!(api.admin("ready").await.status, 200);
    assert_eq!(api.admin("nothing").await.status, 404);
    let known = api.admin("schema_cache").await;
    let tables = known.body["dbTables"].as_array().expect("a list");
    assert!(tables.iter().any(|table| table["name"] == "items"), "{}", known.text);
    for part in ["dbRelationships", "dbRoutines"] {
        assert!(known.body[part].is_array(), "{part}");
    }

    let dumped = command()
        .args(["rest", "--dump-schema"])
        .env("PGRST_DB_URI", database.login_url().await)
        .env("PGRST_DB_SCHEMAS", "api")
        .output()?;
    let dumped: serde_json::Value = serde_json::from_slice(&dumped.stdout)?;
    assert_eq!(dumped["dbRoutines"], known.body["dbRoutines"]);
    Ok(())
}

#[tokio::test]
async fn metrics_are_prometheus_text() -> anyhow::Result<()> {
    let (_database, api) = api(&[("PGRST_DB_POOL", "3")]).await;
    assert_eq!(api.get("/items").await.status, 200);

    // The schema may be loaded once more after the start, over the only connection there is.
    let metrics = eventually("a connection is free", || async {
        let metrics = api.admin("metrics").await;
        (!metrics.text.contains("\npgrst_db_pool_available 0\n")).then_some(metrics)
    })
    .await;

    assert_eq!(header(&metrics, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let value = |sample: &str| -> f64 {
        let line = metrics.text.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{}", metrics.text))
    };
    assert!(value("pgrst_schema_cache_loads_total{status=\"SUCCESS\"}") >= 1.0);
    assert!((value("pgrst_schema_cache_loads_total{status=\"FAIL\"}")).abs() < 0.5);
    assert!(value("pgrst_schema_cache_query_time_seconds") > 0.0);
    assert!((value("pgrst_db_pool_max") - 3.0).abs() < 0.5);
    assert!(value("pgrst_db_pool_available") >= 1.0);
    assert!((value("pgrst_db_pool_timeouts_total")).abs() < 0.5);
    Ok(())
}

#[tokio::test]
async fn supervisors_may_ask_by_program() -> anyhow::Result<()> {
    let (_database, api) = api(&[]).await;
    let ready = |port: u16| {
        command()
            .args(["rest", "--ready"])
            .env("PGRST_ADMIN_SERVER_PORT", port.to_string())
            .output()
    };

    let told = ready(api.admin_port())?;
    let url = format!("OK: http://localhost:{}/ready\n", api.admin_port());
    assert_eq!((told.status.success(), String::from_utf8(told.stdout)?), (true, url));

    let port = api.admin_port();
    api.signal(Signal::SIGTERM);
    assert!(api.ended().await.0);
    assert!(!ready(port)?.status.success());
    let nowhere = command().args(["rest", "--ready"]).output()?;
    assert!(String::from_utf8(nowhere.stderr)?.contains("admin-server-port"));
    Ok(())
}

#[tokio::test]
async fn server_starts_before_its_database_does() -> anyhow::Result<()> {
    let api = Standalone::launch("postgresql://nobody@127.0.0.1:1/none", &[]);
    eventually("the API lives", || async { (api.admin("live").await.status == 200).then_some(()) })
        .await;

    assert_eq!(api.admin("ready").await.status, 503);
    let answer = eventually("a next try is told", || async {
        let answer = api.get("/items").await;
        answer.headers.contains_key("retry-after").then_some(answer)
    })
    .await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (503, &json!("PGRST002")));
    assert!(header(&answer, "retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
    Ok(())
}
