//! Quick reads of many people on connections that they share.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::library_with;
use crate::support::{Answer, Database, Person, Server, eventually};

/// What each connection knows of who asks. A shared one has a limit of its own.
const MORE: &str = "
    create view whoami as
      select current_user::text as role, current_setting('request.jwt.claims')::json ->> 'sub' as sub,
             current_setting('request.headers')::json ->> 'x-who' as header,
             current_setting('request.path') as path, current_setting('request.method') as method,
             current_setting('search_path') as search_path,
             current_setting('statement_timeout') = '50ms' as is_shared;
    create view naps as
      select n as tenths, pg_sleep(n / 10.0)::text as slept,
             current_setting('statement_timeout') = '50ms' as is_shared
        from generate_series(0, 3) n;
    grant select on whoami to anon, authenticated;
    revoke all on naps from authenticated;
    grant select on naps to anon;";

const FLAGS: [&str; 2] = ["--pool-size", "8"];

async fn stage() -> (Database, Server) {
    library_with(MORE, &FLAGS).await
}

async fn ask(server: &Server, who: &Person, path: &str) -> Answer {
    let request = server.request(Method::GET, &format!("/rest/v1/{path}"));
    Answer::of(request.bearer_auth(&who.token)).await
}

/// Asks until the answer comes from a shared connection.
async fn until_shared(server: &Server, who: &Person, path: &str) {
    eventually(&format!("{path} is shared"), || async {
        let answer = ask(server, who, path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        (answer.body[0]["is_shared"] == true).then_some(())
    })
    .await;
}

#[tokio::test]
async fn everybody_is_themselves_on_a_shared_connection() -> anyhow::Result<()> {
    let (_database, server) = stage().await;
    let roles = ["anon", "authenticated"];
    let person = |number: usize| {
        server.bearer(&json!({ "role": roles[number % 2], "sub": format!("person {number}") }))
    };
    let alone = ask(&server, &person(0), "whoami").await;
    let search_path = &alone.body[0]["search_path"];
    assert_eq!(alone.body[0]["is_shared"], false, "nobody knows yet how quick it is");
    until_shared(&server, &person(0), "whoami").await;
    until_shared(&server, &person(1), "whoami").await;

    let mut shared = 0;
    for _ in 0..10 {
        let asked = (0..40).map(|number| {
            let request = server.request(Method::GET, "/rest/v1/whoami");
            let request = request.bearer_auth(person(number).token).header("x-who", number);
            async move { (number, Answer::of(request).await) }
        });
        for (number, answer) in join_all(asked).await {
            let own = json!({
                "role": roles[number % 2], "sub": format!("person {number}"),
                "header": number.to_string(), "path": "/whoami", "method": "GET",
                "search_path": search_path, "is_shared": answer.body[0]["is_shared"],
            });
            assert_eq!(answer.body, json!([own]));
            shared += usize::from(answer.body[0]["is_shared"] == true);
        }
    }
    assert!(shared > 100, "only {shared} of 400 shared a connection");
    Ok(())
}

#[tokio::test]
async fn who_is_slow_is_answered_apart_and_shares_no_more() -> anyhow::Result<()> {
    let (_database, server) = stage().await;
    let anon = server.bearer(&json!({ "role": "anon" }));
    let quick = "naps?select=tenths,slept,is_shared&tenths=eq.0";
    until_shared(&server, &anon, quick).await;

    // The same statement, with another value.
    let slow = ask(&server, &anon, "naps?select=tenths,slept,is_shared&tenths=eq.2").await;
    assert_eq!(slow.status, 200);
    assert_eq!(slow.body, json!([{ "tenths": 2, "slept": "", "is_shared": false }]));
    for _ in 0..5 {
        assert_eq!(ask(&server, &anon, quick).await.body[0]["is_shared"], false);
    }
    until_shared(&server, &anon, "whoami").await;
    Ok(())
}

#[tokio::test]
async fn refusals_are_the_same_on_a_shared_connection() -> anyhow::Result<()> {
    let (_database, server) = stage().await;
    let anon = server.bearer(&json!({ "role": "anon" }));
    let path = "naps?select=tenths,is_shared&tenths=eq.";
    until_shared(&server, &anon, &format!("{path}0")).await;

    let refused = ask(&server, &anon, &format!("{path}x")).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("22P02")));
    let other = server.bearer(&json!({ "role": "authenticated" }));
    let refused = ask(&server, &other, &format!("{path}0")).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("42501")));
    // A refusal costs nobody else their place.
    until_shared(&server, &anon, &format!("{path}0")).await;
    Ok(())
}

#[tokio::test]
async fn readers_who_go_away_leave_a_shared_connection_as_it_was() -> anyhow::Result<()> {
    let (database, server) = stage().await;
    let anon = server.bearer(&json!({ "role": "anon", "sub": "who stays" }));
    until_shared(&server, &anon, "whoami").await;

    for round in 0..20 {
        let leaving = (0..20).map(|_| {
            let gone = server.bearer(&json!({ "role": "authenticated", "sub": "who goes" }));
            let request = server.request(Method::GET, "/rest/v1/whoami").bearer_auth(gone.token);
            tokio::spawn(request.send())
        });
        let leaving: Vec<_> = leaving.collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        leaving.iter().for_each(tokio::task::JoinHandle::abort);
        let answers = join_all((0..8).map(|_| ask(&server, &anon, "whoami"))).await;
        for answer in answers {
            let who = |name: &str| -> &Value { &answer.body[0][name] };
            assert_eq!((who("role"), who("sub")), (&json!("anon"), &json!("who stays")));
        }
    }
    let open = "select count(*) from pg_stat_activity
                 where datname = current_database() and state like 'idle in transaction%'";
    eventually("no transaction stays open", || async {
        (database.value(open).await == "0").then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn shared_connections_follow_a_changed_type() -> anyhow::Result<()> {
    let (database, server) = stage().await;
    let anon = server.bearer(&json!({ "role": "anon" }));
    database.sql("create table days (at date); grant select on days to anon; notify pgrst").await;
    let path = "days?at=eq.2026-01-01T12:00";
    eventually("the table is served", || async {
        (ask(&server, &anon, path).await.status == 200).then_some(())
    })
    .await;
    for _ in 0..20 {
        assert_eq!(ask(&server, &anon, path).await.body, json!([]));
    }

    // As a date the value would be midnight, and nobody would notice.
    database
        .sql(
            "alter table days alter at type timestamp;
             insert into days values ('2026-01-01 12:00'); notify pgrst",
        )
        .await;

    eventually("the new type is compared", || async {
        let found = ask(&server, &anon, path).await.body;
        (found == json!([{ "at": "2026-01-01T12:00:00" }])).then_some(())
    })
    .await;
    Ok(())
}
