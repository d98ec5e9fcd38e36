//! The presets of `docs/presets`: each is one file that an operator runs, and all of them mix.

use std::fs;
use std::path::Path;

use crate::support::Database;

fn preset(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/presets/{name}.sql"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What an organisation says about who may write to whom.
const RULES: &str = "select settings ->> 'dm_policy' from orgs where slug = 'default'";

#[tokio::test]
async fn each_preset_sets_its_rule() {
    for name in ["team", "engagement", "persona", "community", "open"] {
        let database = Database::new().await;
        database.sql(&preset(name)).await;
        assert_eq!(database.value(RULES).await, format!("[\"{name}\"]"));
        // Run twice, it says the same.
        database.sql(&preset(name)).await;
        assert_eq!(database.value(RULES).await, format!("[\"{name}\"]"));
    }
}

#[tokio::test]
async fn presets_are_for_one_organisation_and_mix() {
    let database = Database::new().await;
    database.sql("insert into orgs (slug, name) values ('acme', 'Acme')").await;
    database.sql("set walkie.org = 'acme'; set walkie.mix = 'on'").await;
    database.sql(&preset("team")).await;
    database.sql(&preset("engagement")).await;
    let acme = "select settings ->> 'dm_policy' from orgs where slug = 'acme'";
    assert_eq!(database.value(acme).await, "[\"team\", \"engagement\"]");
    assert_eq!(database.value("select settings from orgs where slug = 'default'").await, "{}");
}

// TEN-13
#[tokio::test]
async fn community_gives_newcomers_private_defaults() {
    let database = Database::new().await;
    database.sql(&preset("community")).await;
    database
        .sql("insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com')")
        .await;
    let settings = "
        select concat_ws(' ', who_can_dm, show_typing, show_presence, show_last_seen, show_read_receipts,
                         allow_mentions_from, discoverable, link_previews)
          from user_privacy_settings where user_id = tests.id('eve')";
    assert_eq!(database.value(settings).await, "shared f f f f contacts f f");
}
