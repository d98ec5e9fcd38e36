//! The installer: once, whole or not at all, and by several at a time.

use walkie::pg::install;

use crate::support::Database;

#[tokio::test]
async fn second_install_changes_nothing() {
    let database = Database::new().await;
    let client = database.connect().await;
    assert!(install::is_installed(&client, false).await.expect("asks"));
    assert!(!install::install(&client, false).await.expect("installs"));
}

#[tokio::test]
async fn restating_everything_leaves_the_same_database() {
    let database = Database::new().await;
    let everything = "
        select string_agg(concat_ws(' ', pg_get_functiondef(p.oid), p.proowner::regrole,
                                    (select string_agg(a::text, ',' order by a::text) from unnest(p.proacl) a)),
                          E'\\n' order by p.oid::regprocedure::text)
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('app', 'public', 'auth', 'realtime', 'storage', 'walkie') and p.prokind = 'f'
        union all
        select string_agg(concat_ws(' ', c.oid::regclass, c.relowner::regrole, c.relrowsecurity, c.relacl), E'\\n' order by c.oid::regclass::text)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('app', 'public', 'auth', 'realtime', 'storage', 'walkie')
        union all
        select string_agg(p::text, E'\\n' order by schemaname, tablename, policyname) from pg_policies p";
    let before = database.rows(everything).await;
    database.sql("update walkie.installation set fingerprint = 'old'").await;
    let client = database.connect().await;
    assert!(install::install(&client, false).await.expect("installs"));
    assert_eq!(database.rows(everything).await, before);
}

#[tokio::test]
async fn several_at_once_install_once() {
    let database = Database::empty().await;
    let installs = (0..4).map(|_| async {
        let client = database.connect().await;
        install::install(&client, false).await.unwrap_or_else(|error| panic!("{error}"))
    });
    let worked = futures_util::future::join_all(installs).await;
    assert_eq!(worked.iter().filter(|worked| **worked).count(), 1, "{worked:?}");
    let files = install::manifest::platform().migrations.len();
    let done = database.value("select count(*) from walkie.platform_history").await;
    assert_eq!(done, files.to_string());
}

#[tokio::test]
async fn platform_alone_leaves_public_empty() {
    let database = Database::scratch().await;
    let tables = database
        .value("select count(*) from pg_class where relnamespace = 'public'::regnamespace")
        .await;
    assert_eq!(tables, "0");
    let migrated = "select extensions.uuid_generate_v4() is not null and auth.uid() is null";
    assert_eq!(database.value(migrated).await, "t");
}

#[tokio::test]
async fn failing_file_is_named_with_its_line_and_leaves_nothing() {
    let database = Database::empty().await;
    database.sql("create schema app; create table app.retention (id int)").await;
    // A stranger's table stands where a migration wants to make its own schema.
    let client = database.connect().await;
    let error = install::install(&client, false).await.expect_err("the name is taken").to_string();
    assert!(error.starts_with("migrations/V001__"), "{error}");
    assert!(error.contains(", line "), "{error}");
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'auth'").await,
        "0"
    );
}

#[tokio::test]
async fn what_the_server_lacks_is_named_with_its_remedy() {
    let database = Database::new().await;
    database
        .sql(
            "do $$ begin create role walkie_poor_login login; exception when duplicate_object then null; end $$;
             grant anon to walkie_poor_login",
        )
        .await;
    let url = database.url().await.replacen("postgres@", "walkie_poor_login@", 1);
    let config = walkie::pg::Target::new(&url, "tests").expect("a URL");
    let client = walkie::pg::pool::connect(&config).await.expect("a login");
    let lacks = install::requirements(&client).await.expect("asks");
    let remedies: Vec<&str> = lacks.iter().map(|found| &*found.remedy).collect();
    assert!(remedies.contains(&"alter role walkie_poor_login replication;"), "{remedies:?}");
    assert!(remedies.contains(&"grant authenticated to walkie_poor_login;"), "{remedies:?}");
    assert!(!remedies.contains(&"grant anon to walkie_poor_login;"), "{remedies:?}");
}

#[tokio::test]
async fn publication_that_was_dropped_is_named_with_what_makes_it_again() {
    let database = Database::new().await;
    database
        .sql("drop publication walkie_policies; drop publication supabase_realtime_messages_publication")
        .await;
    let config = walkie::pg::Target::new(&database.login_url().await, "tests").expect("a URL");
    let client = walkie::pg::pool::connect(&config).await.expect("a login");
    let lacks = install::requirements(&client).await.expect("asks");
    assert_eq!(lacks.len(), 2, "{lacks:?}");
    for found in &lacks {
        assert_eq!(found.finding, "the publication does not exist");
        database.sql(&found.remedy).await;
    }
    assert_eq!(install::requirements(&client).await.expect("asks"), []);
}

#[tokio::test]
async fn installed_database_has_nothing_to_mend() {
    let database = Database::new().await;
    let config = walkie::pg::Target::new(&database.login_url().await, "tests").expect("a URL");
    let client = walkie::pg::pool::connect(&config).await.expect("a login");
    assert_eq!(install::requirements(&client).await.expect("asks"), []);
    let errors: Vec<_> = install::check(&client)
        .await
        .expect("asks")
        .into_iter()
        .filter(|found| found.severity == "error")
        .collect();
    assert_eq!(errors, []);
}

#[tokio::test]
async fn check_tells_of_drift_and_how_to_mend_it() {
    let database = Database::new().await;
    database
        .sql(
            "create table public.open_to_all (id int);
             alter publication supabase_realtime add table public.open_to_all;
             create table public.days (day date primary key, body text) partition by range (day);
             create table public.days_2024 partition of public.days for values from ('2024-01-01') to ('2025-01-01');
             alter table public.days enable row level security;
             alter table public.days_2024 enable row level security;
             alter table public.days replica identity full;
             alter publication supabase_realtime add table public.days;
             drop publication supabase_realtime_messages_publication;
             drop publication walkie_policies;
             alter event trigger walkie_ddl disable;
             drop event trigger walkie_drop;
             create schema closed;
             revoke usage on schema closed from authenticator;
             create function closed.yes() returns boolean language sql as 'select true';
             create policy p on public.profiles using (closed.yes());",
        )
        .await;
    let client = database.connect().await;
    let findings = install::check(&client).await.expect("asks");
    let remedies: Vec<&str> = findings.iter().map(|found| &*found.remedy).collect();
    for remedy in [
        "alter table open_to_all enable row level security;",
        "alter table open_to_all replica identity full;",
        "give it one: alter table open_to_all add primary key (...);",
        "alter table days_2024 replica identity full;",
        "create publication walkie_policies;",
        "alter event trigger walkie_ddl enable;",
        "create event trigger walkie_drop on sql_drop execute function realtime.on_ddl(); -- as a superuser",
        "grant usage on schema closed to authenticator;",
        "drop publication if exists supabase_realtime_messages_publication; \
         create publication supabase_realtime_messages_publication for table realtime.messages \
         with (publish = 'insert', publish_via_partition_root = true);",
    ] {
        assert!(remedies.contains(&remedy), "{remedy} is not in {remedies:?}");
    }
    for remedy in remedies.iter().filter(|remedy| {
        ["alter", "create", "grant", "drop"].iter().any(|verb| remedy.starts_with(verb))
    }) {
        database.sql(remedy).await;
    }
    let left = install::check(&client).await.expect("asks");
    assert!(left.iter().all(|found| found.severity != "error"), "{left:?}");
    let is_left = |subject: &str| left.iter().any(|found| found.subject == subject);
    assert!(is_left("table open_to_all"), "what it needs is a choice: {left:?}");
    assert!(
        !is_left("event trigger walkie_ddl") && !is_left("event trigger walkie_drop"),
        "{left:?}"
    );
}
