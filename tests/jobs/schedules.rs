//! What is done again and again: by one server at a time, and whole or not at all.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Database, Server, eventually, rows};

const CALLS: &str = "create table public.calls (at timestamptz default clock_timestamp());
    create function public.call() returns void language sql as 'insert into public.calls default values';";

async fn calls(database: &Database) -> u32 {
    database.value("select count(*) from public.calls").await.parse().expect("a count")
}

#[tokio::test]
async fn function_is_called_again_and_again() {
    let database = Database::scratch().await;
    database.sql(CALLS).await;
    database.sql("select walkie.schedule('call', 'public.call', interval '1 second')").await;
    let _server = Server::start(&database).await;

    eventually("it was called three times", || async {
        (calls(&database).await >= 3).then_some(())
    })
    .await;
    let too_soon =
        "select count(*) from (select at - lag(at) over (order by at) as gap from public.calls) x
                     where gap < interval '1 second'";
    assert_eq!(database.value(too_soon).await, "0");
    database.sql("select walkie.unschedule('call')").await;
    assert_eq!(
        database.value("select count(*) from walkie.schedules where name = 'call'").await,
        "0"
    );
}

#[tokio::test]
async fn call_is_made_once_however_many_look() {
    let database = Database::scratch().await;
    database.sql(CALLS).await;
    database.sql("select walkie.schedule('call', 'public.call', interval '1 day')").await;
    let look = || async {
        let client = database.connect().await;
        let ran = rows(&client, "select name from walkie.run_due_schedule()").await;
        ran.expect("it can be looked for").len()
    };
    let ran: usize = join_all((0..8).map(|_| look())).await.into_iter().sum();
    assert_eq!((ran, calls(&database).await), (1, 1));
}

#[tokio::test]
async fn failing_function_leaves_nothing_and_says_why() {
    let database = Database::scratch().await;
    database.sql(CALLS).await;
    database
        .sql(
            "create function public.fail() returns void language plpgsql as
               $$ begin insert into public.calls default values; raise 'no luck'; end $$;
             select walkie.schedule('fail', 'public.fail', interval '1 day')",
        )
        .await;
    let told = database.rows("select * from walkie.run_due_schedule()").await;
    assert_eq!(told, [["fail", "P0001: no luck"].map(|text| Some(text.to_owned()))]);
    assert_eq!(calls(&database).await, 0);
    assert_eq!(database.value("select last_error from walkie.schedules").await, "P0001: no luck");
    assert!(database.rows("select * from walkie.run_due_schedule()").await.is_empty());
}

#[tokio::test]
async fn server_that_dies_in_a_call_has_not_made_it() {
    let database = Database::scratch().await;
    database.sql(CALLS).await;
    database
        .sql(
            "create function public.dawdle() returns void language plpgsql as
               $$ begin insert into public.calls default values; perform pg_sleep(60); end $$;
             select walkie.schedule('dawdle', 'public.dawdle', interval '1 day')",
        )
        .await;
    let client = database.connect().await;
    let dying =
        tokio::spawn(async move { rows(&client, "select walkie.run_due_schedule()").await });
    eventually("it is under way, and is killed", || async {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and wait_event = 'PgSleep'";
        (!database.rows(sql).await.is_empty()).then_some(())
    })
    .await;
    assert!(dying.await.expect("it ends").is_err());

    assert_eq!(calls(&database).await, 0);
    database
        .sql("create or replace function public.dawdle() returns void language sql as 'insert into public.calls default values'")
        .await;
    assert_eq!(database.rows("select * from walkie.run_due_schedule()").await.len(), 1);
    assert_eq!(calls(&database).await, 1);
}

#[tokio::test]
async fn people_schedule_nothing() {
    let database = Database::scratch().await;
    database.sql(CALLS).await;
    for statement in [
        "select walkie.schedule('call', 'public.call', interval '1 second')",
        "select * from walkie.run_due_schedule()",
        "select walkie.offer('push_key', 'mine')",
    ] {
        let client = database.connect().await;
        rows(&client, "set role authenticated").await.expect("the role is there");
        let refused = rows(&client, statement).await.expect_err(statement);
        assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
    }
}

// TPL-03, MTG-03
#[tokio::test]
async fn what_people_planned_happens_when_it_is_time() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let second = format!("{}_second", database.name());
    let _second = Server::start_with(&database, &["--realtime-slot", &second]).await;
    let ana = server.person("ana");
    let room = database.value("select tests.conversation('watercooler')").await;
    let soon = database.rows("select now() + interval '1 day', now() + interval '25 hours'").await;
    let [starts, ends] = &soon[0][..] else { panic!("two times") };
    let plan = json!({
        "p_conversation": room, "p_title": "Plan", "p_provider": "other", "p_url": "https://a.example",
        "p_starts": starts, "p_ends": ends,
    });
    assert_eq!(server.rpc(&ana, "schedule_meeting", plan).await.status, 200);
    let later = json!({ "p_conversation": room, "p_body": "Later", "p_send_at": starts });
    assert_eq!(server.rpc(&ana, "schedule_message", later).await.status, 200);

    let happened = "select (select count(*) from public.messages where body = 'Later')
                        || ' ' || (select count(*) from public.notifications where kind = 'meeting')";
    assert_eq!(database.value(happened).await, "0 0");
    database.sql("insert into app.clock (ahead) values (interval '1 day 1 minute')").await;
    eventually("both have happened", || async {
        (database.value(happened).await == "1 2").then_some(())
    })
    .await;
    // Both servers look some more times.
    database.sql("update walkie.schedules set last_run = null").await;
    eventually("they have looked again", || async {
        let idle = "select count(*) from walkie.schedules
                     where name in ('send scheduled messages', 'remind of meetings') and last_run is null";
        (database.value(idle).await == "0").then_some(())
    })
    .await;
    assert_eq!(database.value(happened).await, "1 2");
}
