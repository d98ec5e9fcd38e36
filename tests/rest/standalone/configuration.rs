//! Settings from a file, the environment and the database, and how they change.

use std::process::{Command, Output};

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;

use super::{api, plain_database};
use crate::support::{Answer, Database, Standalone, command, eventually};

fn run(command: &mut Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.success(), text(stdout), text(stderr))
}

#[tokio::test]
async fn settings_stand_in_a_file_the_environment_and_the_database() -> anyhow::Result<()> {
    let database = Database::empty().await;
    database
        .sql(
            "create schema settings;
             create function settings.\"select\"() returns void language sql as
               $$ select set_config('pgrst.jwt_aud', 'db', true),
                         set_config('pgrst.db_pool', '77', true) $$;
             grant usage on schema settings to public",
        )
        .await;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("postgrest.conf");
    std::fs::write(
        &file,
        "# settings\njwt-aud = \"file\"\ndb-schemas = \"$(SERVED)\"\nserver-port = 3001\n\
         db-pre-config = \"settings.select\"\napp.settings.x = \"y\"\n",
    )?;

    let (ok, printed, told) = run(command()
        .args(["rest", "--dump-config"])
        .arg(&file)
        .env("SERVED", "one, two")
        .env("PGRST_SERVER_PORT", "3002")
        .env("PGRST_DB_URI", database.login_url().await));

    assert!(ok, "{told}");
    for line in [
        "jwt-aud = \"db\"",
        "db-schemas = \"one, two\"",
        "server-port = 3002",
        "db-pool = 10",
        "db-max-rows = \"\"",
        "log-query = false",
        "jwt-role-claim-key = \"$$.role\"",
        "app.settings.x = \"y\"",
    ] {
        assert!(printed.lines().any(|it| it == line), "{line} is not in\n{printed}");
    }
    Ok(())
}

#[test]
fn settings_that_cannot_be_used_stop_the_start_and_keep_secrets() {
    for (name, value, told) in [
        ("PGRST_JWT_SECRET", "hush", "at least 32 characters"),
        ("PGRST_SERVER_PORT", "many", "server-port must be a number"),
        ("PGRST_DB_SCHEMAS", "pg_catalog", "pg_catalog"),
        ("PGRST_OPENAPI_MODE", "loud", "Invalid openapi-mode"),
    ] {
        let (ok, _, errors) =
            run(command().arg("rest").env("PGRST_DB_CONFIG", "false").env(name, value));
        assert!(!ok && errors.contains(told), "{name}: {errors}");
        assert!(!errors.contains("hush"), "{errors}");
    }
    let (ok, _, errors) = run(command().args(["rest", "/nowhere/postgrest.conf"]));
    assert!(!ok && errors.contains("/nowhere/postgrest.conf"), "{errors}");
    let (ok, example, _) = run(command().args(["rest", "--example"]));
    assert!(ok && example.contains("# server-port = 3000"), "{example}");
    let (ok, version, _) = run(command().args(["rest", "--version"]));
    assert!(ok && version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}

#[tokio::test]
async fn announced_settings_count_without_a_restart() -> anyhow::Result<()> {
    let database = plain_database().await;
    database
        .sql(
            "create schema other; create table other.things (id int);
             grant usage on schema other to anon; grant select on other.things to anon;
             create schema settings; create table settings.served (names text);
             insert into settings.served values ('api');
             create function settings.pre_config() returns void language sql as
               $$ select set_config('pgrst.db_schemas', names, true) from settings.served $$;
             grant usage on schema settings to public; grant select on settings.served to public",
        )
        .await;
    let api = Standalone::start(&database, &[("PGRST_DB_PRE_CONFIG", "settings.pre_config")]).await;
    let things = || async {
        let request = api.request(Method::GET, "/things").header("accept-profile", "other");
        Answer::of(request).await
    };
    assert_eq!(things().await.status, 406);

    database.sql("update settings.served set names = 'api,other'; notify pgrst").await;

    eventually("the other schema is served", || async {
        (things().await.body == json!([])).then_some(())
    })
    .await;
    assert_eq!(api.get("/items?id=eq.1").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn signals_announce_schema_and_settings() -> anyhow::Result<()> {
    let database = plain_database().await;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("postgrest.conf");
    std::fs::write(&file, "server-timing-enabled = false\n")?;
    let api = Standalone::start_with_file(&database, &file).await;
    let is_timed = || async { api.get("/items").await.headers.contains_key("server-timing") };
    assert!(!is_timed().await);

    std::fs::write(&file, "server-timing-enabled = true\n")?;
    api.signal(Signal::SIGUSR2);
    eventually("the file is read anew", || async { is_timed().await.then_some(()) }).await;
    std::fs::write(&file, "broken\n")?;
    api.signal(Signal::SIGUSR2);

    database.sql("create table api.fresh (id int); grant select on api.fresh to anon").await;
    assert_eq!(api.get("/fresh").await.status, 404);
    api.signal(Signal::SIGUSR1);
    eventually("the table is served", || async {
        (api.get("/fresh").await.status == 200).then_some(())
    })
    .await;
    assert!(is_timed().await, "a broken file changes nothing");
    Ok(())
}

#[tokio::test]
async fn reloads_do_not_drop_requests() -> anyhow::Result<()> {
    let (database, api) = api(&[]).await;
    let announcing = async {
        for number in 0..20 {
            database.sql(&format!("create table api.t{number} (id int); notify pgrst")).await;
        }
    };
    let asking = async {
        for _ in 0..200 {
            let answer = api.get("/items?id=eq.1").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    };
    tokio::join!(announcing, asking);
    Ok(())
}
