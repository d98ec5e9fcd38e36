//! The dialect alone, as a process of its own that takes PostgREST's settings.

mod admin;
mod breath;
mod configuration;
mod database;
mod edge;
mod tokens;

use std::path::PathBuf;

use tokio_postgres::config::Host;

use super::header;
use crate::support::{Database, Standalone};

/// A database that nobody installed anything in, with one schema of its owner's.
pub async fn plain_database() -> Database {
    let database = Database::empty().await;
    database
        .sql(
            "create schema api;
             create table api.items (id int primary key, name text);
             insert into api.items values (1, 'one'), (2, 'two');
             create table api.secrets (id int primary key);
             create function api.who() returns json language sql stable as $$
               select json_build_object('role', current_user,
                 'claims', current_setting('request.jwt.claims', true)::json,
                 'setting', current_setting('app.settings.color', true))
             $$;
             create function api.nap(seconds float) returns text language sql volatile as $$
               select pg_sleep(seconds); select 'rested' $$;
             grant usage on schema api to anon, authenticated;
             grant select, insert on api.items to anon;
             grant select on api.secrets to authenticated;",
        )
        .await;
    database
}

/// Where the cluster of a database listens.
async fn socket(database: &Database) -> PathBuf {
    let config: tokio_postgres::Config = database.login_url().await.parse().expect("a URL");
    let number = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts() {
        [Host::Unix(folder)] => folder.join(format!(".s.PGSQL.{number}")),
        other => panic!("{other:?}"),
    }
}

async fn api(settings: &[(&str, &str)]) -> (Database, Standalone) {
    let database = plain_database().await;
    let api = Standalone::start(&database, settings).await;
    (database, api)
}
